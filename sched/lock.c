/*
 * lock.c: the slow half of the scheduler's leaf lock. Level 0.
 *
 * The holder is inside a few dozen instructions, so a waiter that finds it running gets the lock
 * within a microsecond; a waiter that finds it preempted (workers are pinned, but the machine has
 * other processes) must not burn its core, so after SPINS looks it sleeps.
 *
 * Who sleeps counts itself first, then looks at the word again; who releases frees the word first,
 * then looks at the count: one of them sees the other. That is a Dekker duel with a hot and a rare
 * side, so the release has only a fence_light, and the lock costs one read-modify-write and not
 * two. A release that sees the count wakes one sleeper, whoever has the lock by then: that one
 * will, when it releases, see that the others are still counted.
 *
 * The releaser must not touch the lock after it has freed it: the next one may destroy what the
 * lock is in. So the counts stand in a table, and locks whose addresses share an entry share the
 * count; the price is a futex call for nothing while somebody sleeps in the other one. A futex call
 * on an address that means something else by then wakes somebody who re-checks, or nobody.
 *
 * It is unfair on purpose: a releaser that comes back at once gets the lock again, and under
 * contention that is what keeps the line in one cache (handing over costs a wake-up, 27 us or
 * more, per critical section).
 *   Rejected: the word with a third state "held, somebody sleeps" (Drepper, "Futexes Are Tricky",
 *   mutex 2), whose release is an exchange: 5.5 ns on a path that half of all operations take
 *   twice; a ticket or MCS lock (both stand still when the next in line is preempted);
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

atomic(uint32_t) sley__lock_sleepers[SLEY__LOCK_TABLE];

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
    atomic(uint32_t) *sleepers = sley__lock_sleepers_of(lock);
    uint32_t free;

    if (spin(lock))
        return;
    fetch_add_relaxed(sleepers, 1);
    fence_heavy(); /* partner: fence_light in sley__lock_release */
    /* Acquire: the critical section before. Partner: release in sley__lock_release. */
    while (free = 0, !cas_acquire(&lock->word, &free, 1))
        sley__futex_wait(&lock->word, 1, INT64_MAX);
    fetch_add_relaxed(sleepers, (uint32_t)-1);
}

/* Any thread. */
NOINLINE void sley__lock_wake(struct sley__lock *lock)
{
    sley__futex_wake(&lock->word, 1);
}
