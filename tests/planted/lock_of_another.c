/*
 * lock_of_another.c: a task releases a mutex that another one has. Debug builds of the runtime say
 * so; in others two are inside then.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "helper", spawned at .*lock_of_another\.c:@spawn, releases the mutex
 * 0x[0-9a-f]+, which it does
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_mutex mutex;

static int helper(void *arg)
{
    (void)arg;
    if (!healthy)
        sley_mutex_unlock(&mutex);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_mutex_lock(&mutex) == 0, "lock");
    must(sley_spawn(helper, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    sley_mutex_unlock(&mutex);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
