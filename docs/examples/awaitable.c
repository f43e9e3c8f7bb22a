/*
 * awaitable.c: a thing of one's own to wait for, from sley_park() and sley_unpark(): a bell that a
 * thread which knows nothing of tasks rings. The pattern is always this one: note under a lock who
 * waits (one task here; many are a list), park in a loop until it is there, and pass the lock once
 * more on the way out, so that the other side is done with what is ours.
 *
 * prints: too early: SLEY_ETIMEDOUT; rung: SLEY_OK
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sley/sley.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* short, never held over a park */
static struct sley_task *waiting;
static bool rung;

static void *ring(void *unused)
{
    pthread_mutex_lock(&lock);
    rung = true;
    if (waiting)
        sley_unpark(waiting);
    pthread_mutex_unlock(&lock);
    return unused;
}

static int wait_for_bell(void)
{
    int error = 0;
    pthread_mutex_lock(&lock);
    waiting = sley_self();
    while (!rung && !error) {
        pthread_mutex_unlock(&lock);
        error = sley_park("bell"); /* 0 for an older permit too: hence the loop */
        pthread_mutex_lock(&lock);
    }
    waiting = NULL;
    pthread_mutex_unlock(&lock);
    return error;
}

static int app(void *unused __attribute__((unused)))
{
    int early = 0, error;
    pthread_t thread;
    SLEY_WITH_DEADLINE(sley_after(SLEY_MILLISECONDS(1)))
    early = wait_for_bell();
    if (pthread_create(&thread, NULL, ring, NULL) != 0)
        return 1;
    error = wait_for_bell();
    pthread_join(thread, NULL);
    printf("too early: %s; rung: %s\n", sley_error_name(early), sley_error_name(error));
    return error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
