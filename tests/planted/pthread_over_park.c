/*
 * pthread_over_park.c: a task sleeps with a pthread mutex locked. The debug build of the library,
 * which this program is only linked to, says so, and where it was locked.
 *
 * tool: watch
 * exit: 134
 * says: task [0-9]* "sleeper", spawned at .*pthread_over_park\.c:@spawn, has 1 pthread mutex
 * says: sleeper at .*pthread_over_park\.c:@site
 */
#include "planted.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int sleeper(void *arg)
{
    int error;

    (void)arg;
    pthread_mutex_lock(&mutex); /* planted: site */
    if (healthy)
        pthread_mutex_unlock(&mutex);
    error = sley_sleep(SLEY_MICROSECONDS(100));
    if (!healthy)
        pthread_mutex_unlock(&mutex);
    return error;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_spawn(sleeper, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
