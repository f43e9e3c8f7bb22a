/*
 * semaphore.c: permits that are taken and given back.
 *
 * The word is the number of free permits and a flag that says that somebody waits. Permits are free
 * only while nobody waits: a release hands its permit to the first waiter, strictly in order. That
 * a permit rests while its waiter wakes up is no loss here as it is with a mutex (mutex.c): whoever
 * limits how many do something at once means things that take long, and the others go on meanwhile.
 *   Rejected: barging as in the mutex. Whoever releases and acquires in a loop would keep a permit
 * from all who wait.
 */
#include "waiters.h"

#define WAITING ((uint32_t)1 << 31)
#define FREE    (WAITING - 1)

static inline atomic(uint32_t) * word_of(struct sley_semaphore *semaphore)
{
    return (atomic(uint32_t) *)&semaphore->word;
}

bool sley_semaphore_try(struct sley_semaphore *semaphore)
{
    uint32_t word = load_relaxed(word_of(semaphore));

    /* Acquire: what was done before the release of this permit. Partner: sley_semaphore_release. */
    while (word & FREE)
        if (cas_acquire(word_of(semaphore), &word, word - 1))
            return true;
    return false;
}

/* Under the lock: a permit if there is one after all, else the flag. */
static bool take_or_announce(struct sley_semaphore *semaphore)
{
    uint32_t word = load_relaxed(word_of(semaphore));

    while (!cas_acq_rel(word_of(semaphore), &word, word & FREE ? word - 1 : word | WAITING))
        continue;
    return word & FREE;
}

/* Under the lock: the flag goes with the last waiter. */
static void forget_flag(struct sley_semaphore *semaphore)
{
    if (!semaphore->waiters.first)
        fetch_and_acq_rel(word_of(semaphore), FREE);
}

int sley_semaphore_acquire(struct sley_semaphore *semaphore)
{
    struct sley__waiters *waiters = &semaphore->waiters;
    struct sley__waiter waiter;
    int error;

    error = sley__wait_check();
    if (error && error != SLEY_ENOTASK)
        return error;
    if (likely(sley_semaphore_try(semaphore)))
        return 0;
    sley__lock_acquire(sley__waiters_lock(waiters));
    if (take_or_announce(semaphore)) {
        sley__lock_release(sley__waiters_lock(waiters));
        return 0;
    }
    sley__waiter_begin_entered(&waiter, "semaphore");
    sley__waiters_append(waiters, &waiter);
    sley__lock_release(sley__waiters_lock(waiters));
    error = sley__waiter_park(&waiter);
    if (likely(!error && waiter.waker.task))
        return 0; /* the semaphore may be gone; who has released it is through with it */
    sley__lock_acquire(sley__waiters_lock(waiters));
    if (waiter.queued) {
        sley__waiters_remove(waiters, &waiter);
        forget_flag(semaphore);
    }
    sley__lock_release(sley__waiters_lock(waiters));
    return waiter.granted ? 0 : error;
}

/* Somebody waits, or did a moment ago. */
static NOINLINE int release_slowly(struct sley_semaphore *semaphore)
{
    struct sley__waiters *waiters = &semaphore->waiters;
    struct sley_task *woken = NULL;
    bool granted;

    sley__lock_acquire(sley__waiters_lock(waiters));
    granted = sley__waiters_grant_first_begin(waiters, &woken);
    forget_flag(semaphore);
    sley__lock_release(sley__waiters_lock(waiters));
    if (woken)
        sley__wake_finish(woken);
    return granted ? 0 : sley_semaphore_release(semaphore);
}

int sley_semaphore_release(struct sley_semaphore *semaphore)
{
    uint32_t word = load_relaxed(word_of(semaphore));

    do {
        if (unlikely(word & WAITING))
            return release_slowly(semaphore);
        if (unlikely(word >= semaphore->limit))
            return SLEY_EINVAL;
        /* Release: partner is the acquire in try. */
    } while (!cas_acq_rel(word_of(semaphore), &word, word + 1));
    return 0;
}
