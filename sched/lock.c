/*
 * lock.c: the slow half of the scheduler's leaf lock. Level 0.
 *
 * The three-state lock of Drepper's "Futexes Are Tricky" (mutex 2), with a bounded spin before the
 * first sleep. The holder is inside a few dozen instructions, so a waiter that finds it running
 * gets the lock within a microsecond; a waiter that finds it preempted (workers are pinned, but the
 * machine has other processes) must not burn its core, so after SPINS looks it sleeps.
 *
 * State 2 means "maybe somebody sleeps". A thread that has slept, or is about to, always takes the
 * lock as 2, because it cannot know whether it was the last sleeper. So a release after such an
 * acquire makes one futex call too many, and none is ever missing.
 *
 * It is unfair on purpose: a releaser that comes back at once gets the lock again, and under
 * contention that is what keeps the line in one cache (handing over costs a wake-up, 27 us or
 * more, per critical section).
 *   Rejected: a ticket or MCS lock (both stand still when the next in line is preempted), and
 *   pthread_mutex (40 bytes instead of 4, and not replaceable by the model checker).
 */
#include "lock.h"

#include "platform.h"

/* About 10 us of looking: less than what the kernel takes to put a thread to sleep and wake it
 * again across two cores (27 us and more), and more than a thief holds a run queue (its fence on
 * all cores takes 1-4 us). */
#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
enum { SPINS = 1 };
#else
enum { SPINS = 600 };
#endif

/* True if the lock came free, and was taken, while looking. Any thread. */
static bool spin(struct sley__lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        if (sley__lock_try(lock))
            return true;
        cpu_relax();
    }
    return false;
}

/* Any thread. Sleeps; never parks. */
NOINLINE void sley__lock_slow(struct sley__lock *lock)
{
    if (spin(lock))
        return;
    /* Partner: the exchange in sley__lock_release, whose critical section this acquires. */
    while (exchange_acquire(&lock->word, 2) != 0)
        sley__futex_wait(&lock->word, 2, INT64_MAX);
}

/* Any thread. */
NOINLINE void sley__lock_wake(struct sley__lock *lock)
{
    sley__futex_wake(&lock->word, 1);
}
