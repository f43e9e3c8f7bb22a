/*
 * signals.h: one handler per process for everybody who wants to know of a signal. Level 0.
 *
 * Signals belong to the process, those who want to know of them to a runtime, or to a part of one.
 * So this is a list of watchers beside the runtimes, and a handler that tells each of them. See
 * signals.c.
 */
#ifndef SLEY_SIGNALS_H
#define SLEY_SIGNALS_H

#include "atomic.h"

enum { SLEY__SIGNAL_MAX = 64 };

struct sley__signal_watch {
    atomic(struct sley__signal_watch *) next; /* the list's lock; handlers read it */

    /* Constant from watch to unwatch. */
    uint64_t mask; /* bit n - 1: signal n */
    bool once;     /* only the first signal of all is for this watcher; what comes after it, if
                      nobody else wants it, has the effect that it had without the watcher */
    void (*ring)(struct sley__signal_watch *watch); /* in the handler: only what is safe there */

    /* Arrivals that nobody has taken. Handlers add and publish with it what they found; whoever
     * waits takes. [0]: all of them ever, for `once`. */
    atomic(uint32_t) counts[SLEY__SIGNAL_MAX + 1];
};

/* Whether the signal can be watched: not those that cannot be caught, and not the faults. */
MUST_USE bool sley__signal_valid(int number);

static inline uint64_t sley__signal_bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

/* From its return on the watcher is told of each signal of its mask. What is not constant must be
 * zeroed. Any thread, not in a handler. */
void sley__signals_watch(struct sley__signal_watch *watch);

/* From its return on no handler uses the watcher. What was there before the first one for a signal
 * is put back after the last. Any thread, not in a handler. */
void sley__signals_unwatch(struct sley__signal_watch *watch);

/* Takes one arrival: true if there was one. Any thread. */
MUST_USE bool sley__signal_take(struct sley__signal_watch *watch, int number);

#endif
