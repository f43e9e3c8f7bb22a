/*
 * monitor.h: the thread that notices tasks which keep their worker. Level 2.
 *
 * While any worker is awake it looks at all of them twice per threshold: a worker that has made no
 * switch and has not looked for work between two looks that are a threshold apart, while work waits
 * that nobody else will take, loses its post (relief.h).
 *
 * It must not wake an idle machine. When all workers have slept for a while it sleeps too, until
 * one of them wakes up:
 *
 *   Monitor:                                     A worker that has slept, before it looks for work:
 *     M1 signal TICKING -> ASLEEP                  A1 its sleep is taken back (idle.state)
 *     M2 fence_heavy                               A2 fence_light
 *     M3 not all workers sleep: -> TICKING         A3 signal is ASLEEP: -> TICKING, wake
 *        else sleep
 *
 * a Dekker duel: M3 sees that somebody is awake, or A3 sees that the monitor is asleep. A1 may have
 * been done by whoever has chosen the worker; it happens before the worker's A2.
 */
#ifndef SLEY_MONITOR_H
#define SLEY_MONITOR_H

#include "atomic.h"
#include "platform.h"

struct sley__sched;
struct sley__worker;

enum sley__monitor_signal {
    SLEY__MONITOR_TICKING,
    SLEY__MONITOR_ASLEEP,
    SLEY__MONITOR_STOP,
};

/* What was seen of a carrier, and since when it has been so. The monitor's. */
struct sley__monitor_sample {
    struct sley__worker *holder; /* of the post; NULL: nothing was seen */
    uint32_t finds;
    uint64_t switches;
    int64_t since;
    int64_t busy; /* ns of processor time it had had by then */
    bool at_it;   /* a suspicion only: it has not just been without a processor */
};

struct sley__monitor {
    ALIGN_LINE atomic(uint32_t) signal;   /* futex */
    bool runs;                            /* there is a thread. The starter */
    int64_t threshold;                    /* ns. Constant */
    struct sley__monitor_sample *samples; /* of each post. The monitor's thread */
    struct sley__thread thread;
};

/* Starts the thread; `threshold` in ns. 0 or SLEY_E*: then there is none. */
int sley__monitor_start(struct sley__sched *sched, int64_t threshold);

/* Stops and joins it, if there is one. Before the workers stop. */
void sley__monitor_stop(struct sley__sched *sched);

/* A3. Any thread. */
void sley__monitor_wake(struct sley__monitor *monitor);

static inline void sley__monitor_note_awake(struct sley__monitor *monitor)
{
    fence_light(); /* partner: fence_heavy in rest() */
    if (unlikely(load_relaxed(&monitor->signal) == SLEY__MONITOR_ASLEEP))
        sley__monitor_wake(monitor);
}

#endif
