/*
 * wake_rig.h: how long a wake-up takes, measured in the same way whatever is woken.
 *
 * A foreign thread on a processor of its own waits until the sleeper has slept for a given time,
 * stamps the clock and wakes it; the sleeper stamps the clock when it runs again.
 *
 * The sleeper, once per sample:   wake_rig_sleeping(); sleep until woken; wake_rig_woken();
 */
#ifndef BENCH_WAKE_RIG_H
#define BENCH_WAKE_RIG_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Set the first group, zero the rest, and start. */
struct wake_rig {
    void (*wake)(void *arg); /* called on the waker thread, once per sample */
    void *arg;
    unsigned cpu;    /* where the waker runs */
    size_t samples;  /* how often the sleeper will sleep */
    int64_t idle_ns; /* how long, at least, before each wake-up */

    pthread_t thread;
    int64_t *late;     /* sleeper: from before the wake() to running, per sample */
    int64_t *call;     /* waker: what wake() cost the waker, per sample */
    int64_t sent_at;   /* waker -> sleeper, carried by the wake-up itself */
    int64_t asleep_at; /* sleeper -> waker, published by `round` */
    int64_t round;     /* sleeper -> waker: how many sleeps have begun */
    size_t next;       /* sleeper's own: index of the sample being taken */
};

/* Starts the waker. 0, or a negative errno and nothing to stop. Any thread. */
int wake_rig_start(struct wake_rig *rig);

/* What a run found, in ns. */
struct wake_figures {
    int64_t late_p50, late_p99; /* from before the wake() until the sleeper ran */
    int64_t call_p50;           /* what the wake() cost the waker */
};

/* Waits for the waker, which ends after the last sample: the sleeper must have slept for all of
 * them. Any thread. */
struct wake_figures wake_rig_finish(struct wake_rig *rig);

/* Sleeper only. The second returns BENCH_FAILED, after saying so, when the sleeper runs though the
 * waker has not called. */
void wake_rig_sleeping(struct wake_rig *rig);
int wake_rig_woken(struct wake_rig *rig);

/* Where the sleeper and the waker belong, the same for every bench that uses the rig: the processor
 * of the first of `workers` workers, and another one if there is another. 0 or BENCH_FAILED after
 * saying why. From a thread that is not pinned. */
int wake_rig_place(unsigned workers, unsigned *sleeper, unsigned *waker);

/* How many samples a run takes, and how long the sleeper is idle before each. */
#define WAKE_RIG_IDLE_NS INT64_C(1000000)
enum { WAKE_RIG_SAMPLES = 1000, WAKE_RIG_SAMPLES_QUICK = 100 };

#endif
