/*
 * park.h: how a worker's kernel thread sleeps. Level 2.
 *
 * A token and a futex. Waking sets the token and makes the system call only if it was not set;
 * sleeping takes the token. The waker notes the time, so that the sleeper learns what a wake-up
 * costs on this machine at present (27-58 us where idle CPUs halt, 3 us where they poll): that is
 * how long it pays to spin before the next sleep.
 */
#ifndef SLEY_PARK_INTERNAL_H
#define SLEY_PARK_INTERNAL_H

#include "atomic.h"

struct sley__parker {
    ALIGN_LINE atomic(uint32_t) token; /* 1: wake up. Any waker sets, the owner takes */
    atomic(int64_t) sent;              /* ns: when the last waker made its system call */
};

static inline void sley__parker_init(struct sley__parker *parker)
{
    store_relaxed(&parker->token, 0);
    store_relaxed(&parker->sent, 0);
}

/* Sleeps until there is a token, and takes it: true. False: `deadline` came first. The owner. */
bool sley__parker_sleep(struct sley__parker *parker, int64_t deadline);

/* Gives a token and wakes the owner. Any thread. */
void sley__parker_wake(struct sley__parker *parker);

#endif
