/*
 * lock_twice.c: a function that locks calls another one that locks the same mutex. Debug builds of
 * the runtime say so; others wait for ever.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "outer", spawned at .*lock_twice\.c:@spawn, waits for the mutex 0x[0-9a-f]+,
 * which it has
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_mutex mutex;
static int balance;

static int inner(void)
{
    int status;

    SLEY_WITH_MUTEX(&mutex, status)
    balance++;
    return status;
}

static int outer(void *arg)
{
    int status = 0;

    (void)arg;
    if (healthy)
        return inner();
    SLEY_WITH_MUTEX(&mutex, status)
    {
        must(inner() == 0, "lock");
    }
    return status;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_spawn(outer, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
