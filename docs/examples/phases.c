/*
 * phases.c: asyncio's Event, Barrier and Condition. Runners wait for the shot (an event), for each
 * other after each lap (a barrier), and the judge waits for what they report (a condition, which
 * gives its mutex up while it waits, so the state is looked at in a loop).
 *
 * prints: 3 laps, 4 runners abreast in each; all in: 4
 */
#include <stdio.h>
#include <sley/sley.h>

enum { RUNNERS = 4, LAPS = 3 };

static struct sley_event shot = SLEY_EVENT_INIT;
static struct sley_barrier line = SLEY_BARRIER_INIT(RUNNERS);
static struct sley_mutex mutex = SLEY_MUTEX_INIT;
static struct sley_cond changed = SLEY_COND_INIT;
static int abreast, finished;

static int run(void *unused)
{
    int error = sley_event_wait(&shot);
    (void)unused;
    for (int lap = 0; lap < LAPS && error >= 0; lap++) {
        error = sley_barrier_wait(&line);
        if (error == 1) /* the last one to come: one of them, in each lap */
            abreast++;
    }
    if (error < 0 || (error = sley_mutex_lock(&mutex)) < 0)
        return error;
    finished++;
    sley_cond_signal(&changed);
    sley_mutex_unlock(&mutex);
    return 0;
}

static int app(void *unused)
{
    struct sley_scope scope;
    int status = 0;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        for (int i = 0; i < RUNNERS; i++)
            sley_scope_spawn(&scope, run, NULL, NULL, NULL);
        sley_event_set(&shot);
        SLEY_WITH_MUTEX(&mutex, status)
        while (finished < RUNNERS && status == 0)
            status = sley_cond_wait(&changed, &mutex);
        printf("%d laps, %d runners abreast in each; all in: %d\n", abreast, RUNNERS, finished);
    }
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
