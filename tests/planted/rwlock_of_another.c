/*
 * rwlock_of_another.c: a task that was refused by a try releases the lock all the same, and so that
 * of the one that has it. Debug builds of the runtime say so; in others a writer may come in beside
 * the reader then.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "helper", spawned at .*rwlock_of_another\.c:@spawn, releases the reader-writer
 * says: lock 0x[0-9a-f]+, which it does not have
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_rwlock rwlock;

static int helper(void *arg)
{
    bool got = sley_rwlock_try_write(&rwlock);

    (void)arg;
    if (got || !healthy)
        sley_rwlock_unlock(&rwlock);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_rwlock_read(&rwlock) == 0, "read");
    must(sley_spawn(helper, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    sley_rwlock_unlock(&rwlock);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
