/*
 * rwlock_twice.c: a reader wants to write, and does not give up reading before that. Debug builds
 * of the runtime say so; others wait for ever.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "reader", spawned at .*rwlock_twice\.c:@spawn, waits for the reader-writer lock
 * says: lock 0x[0-9a-f]+, which it has itself
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_rwlock rwlock;
static int newest;

static int reader(void *seen)
{
    must(sley_rwlock_read(&rwlock) == 0, "read");
    if (newest == *(int *)seen) {
        sley_rwlock_unlock(&rwlock);
        return 0;
    }
    if (healthy)
        sley_rwlock_unlock(&rwlock);
    must(sley_rwlock_write(&rwlock) == 0, "write");
    newest = *(int *)seen;
    sley_rwlock_unlock(&rwlock);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;
    int seen = 7;

    (void)arg;
    must(sley_spawn(reader, &seen, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
