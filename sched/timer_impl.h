/*
 * timer_impl.h: timers. Level 1.
 *
 * One hierarchical wheel per worker (Varghese and Lauck, 1987), ticks of 2^17 ns (131 us). The
 * first level has 8,192 slots, so that a sleep of up to 1.07 s goes straight to the slot that it
 * fires from; three levels of 256 slots above it reach 208 days, and what is later waits in the
 * last slot and is sorted in again. The node is the waiter's, who has it from a pool of packed ones
 * (timer_pool.h), so that arming costs one uncontended lock and cannot fail. A timer is never early
 * and at most one tick and a wake-up late.
 *   Rejected: a heap (a million sleeps touch log n cold lines each: Boost.Fiber needs 23 CPU
 *   seconds where wheels need 2); 256 slots in the first level too (each sleep above 33 ms moves
 *   down once, a cold line: a seventh of a million sleeps' time); ticks of
 *   1 ms (as Tokio; half the work, eight times the lateness).
 */
#ifndef SLEY_TIMER_IMPL_H
#define SLEY_TIMER_IMPL_H

#include "atomic.h"
#include "list.h"
#include "lock.h"

struct sley_task;

#define SLEY__WHEEL_TICK_BITS 17
#define SLEY__WHEEL_LEVELS    4
#ifdef SLEY_HOSTILE
#define SLEY__WHEEL_FIRST_BITS 6
#else
#define SLEY__WHEEL_FIRST_BITS 13
#endif
#define SLEY__WHEEL_BITS 8 /* of each level above */

/* A level's slots, the first of them among all, and the ticks that one spans (as a shift). */
#define SLEY__WHEEL_SLOTS(level) (1u << ((level) ? SLEY__WHEEL_BITS : SLEY__WHEEL_FIRST_BITS))
#define SLEY__WHEEL_BASE(level) \
    ((level) ? (1u << SLEY__WHEEL_FIRST_BITS) + (((unsigned)(level)-1) << SLEY__WHEEL_BITS) : 0u)
#define SLEY__WHEEL_SHIFT(level) \
    ((level) ? SLEY__WHEEL_FIRST_BITS + SLEY__WHEEL_BITS * ((level)-1) : 0)

struct sley__wheel;

/* A timer. Owned by the waiter; while armed, its wheel's lock protects it. */
struct sley__timer {
    struct list link;
    int64_t tick; /* due at the start of this tick */
    struct sley__wheel *wheel;
    struct sley_task *task; /* whom to wake, and for which wait */
    uint64_t ticket;
};

struct sley__wheel {
    ALIGN_LINE struct sley__lock lock; /* protects everything but `next` */
    atomic(int64_t) next; /* ns: nothing is due before; SLEY_FOREVER when empty. Written under
                             lock, read by any worker */
    int64_t now;          /* the tick up to which everything has fired */
    size_t count;         /* timers armed */
    /* A bit per slot that may be filled; the list of a slot without it is not even initialised, so
     * that a wheel's memory is touched as it is used. */
    uint64_t used[SLEY__WHEEL_BASE(SLEY__WHEEL_LEVELS) / 64];
    struct list slot[SLEY__WHEEL_BASE(SLEY__WHEEL_LEVELS)];
};

void sley__wheel_init(struct sley__wheel *wheel, int64_t now);

/* Arms `timer` (its task and ticket set) for `deadline`, absolute ns. Any thread. */
void sley__timer_arm(struct sley__wheel *wheel, struct sley__timer *timer, int64_t deadline);

/* Takes it out if it has not fired. Afterwards its memory is the caller's again. Any thread. */
void sley__timer_disarm(struct sley__timer *timer);

/* A timer that has fired: a copy, because its node may be gone already. */
struct sley__timer_due {
    struct sley_task *task;
    uint64_t ticket;
};

/* Takes out up to `max` timers that are due at `now` (ns) into `due`; how many. Fewer than max
 * means that all have been taken. Any worker. */
size_t sley__wheel_advance(struct sley__wheel *wheel, int64_t now, struct sley__timer_due *due,
                           size_t max);

/* When the next timer may be due, ns; SLEY_FOREVER if none. It can be too early (a cascade, a
 * disarmed timer), never too late. Any thread. */
static inline int64_t sley__wheel_next(struct sley__wheel *wheel)
{
    return load_relaxed(&wheel->next);
}

#endif
