/*
 * actors.h: what the programs share that play one moment again and again: who is in it.
 *
 * An actor is a task, or now and then a foreign thread, that does one thing and ends.
 */
#ifndef SLEY_ACTORS_H
#define SLEY_ACTORS_H

#include "stress.h"

enum { ACTORS_LEAST = 20 };

struct actor {
    sley_task_fn *fn;
    struct sley_task *task; /* NULL: a thread */
    pthread_t thread;
};

static inline void *actor_thread(void *fn)
{
    return (void *)(intptr_t)(*(sley_task_fn **)fn)(NULL);
}

/* One in eight is a thread. */
static inline void actor_start(struct actor *actor, sley_task_fn *fn, struct stress_random *dice)
{
    *actor = (struct actor){.fn = fn};
    if (stress_below(dice, 8))
        actor->task = stress_spawn(fn, NULL);
    else
        CHECK(pthread_create(&actor->thread, NULL, actor_thread, &actor->fn) == 0, "no thread");
}

/* Its result. A thread blocks this worker until it has ended, so it may not need a task that only
 * this worker can run. */
static inline int actor_end(struct actor *actor)
{
    void *result;

    if (actor->task)
        return stress_join(actor->task);
    CHECK(pthread_join(actor->thread, &result) == 0, "join");
    return (int)(intptr_t)result;
}

/* Whether the moment is played once more: `most` times, and on a machine that is busy with others'
 * work, where each hand-over waits for the kernel, as often as there is time for. */
static inline bool actors_go_on(unsigned played, unsigned most, int64_t since)
{
    int64_t time = (int64_t)(stress.scale * (double)SLEY_MILLISECONDS(150));

    return played < most && (played < ACTORS_LEAST || sley_now() - since < time);
}

/* Lets others come to where they are going to, for a random time. */
static inline void actors_give_time(struct stress_random *dice)
{
    for (unsigned i = stress_below(dice, 4); i > 0; i--)
        (void)sley_yield();
    stress_dawdle(dice, 2000);
}

#endif
