/*
 * lock_at_end.c: a task returns early and takes a lock with it. Debug builds of the runtime say so.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "writer", spawned at .*lock_at_end\.c:@spawn, has ended and still has the
 * reader-writer lock 0x
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_rwlock rwlock;

static int writer(void *arg)
{
    (void)arg;
    must(sley_rwlock_write(&rwlock) == 0, "lock");
    if (!healthy)
        return 0;
    sley_rwlock_unlock(&rwlock);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_spawn(writer, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
