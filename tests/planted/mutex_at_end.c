/*
 * mutex_at_end.c: a task takes an error's way out and forgets to unlock. Debug builds of the
 * runtime say so.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "writer", spawned at .*mutex_at_end\.c:@spawn, has ended and still has the
 * mutex
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_mutex mutex;

static int writer(void *arg)
{
    (void)arg;
    must(sley_mutex_lock(&mutex) == 0, "lock");
    if (!healthy)
        return SLEY_EIO;
    sley_mutex_unlock(&mutex);
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
