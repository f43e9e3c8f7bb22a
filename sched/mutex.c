/*
 * mutex.c: mutual exclusion between tasks, and foreign threads.
 *
 * One word says everything that the fast paths need: LOCKED, WAITING (somebody is in the list),
 * WAKING (one of them has been woken to try again and has not done so yet). Taking a free mutex and
 * giving up one that nobody waits for are a compare-and-swap each.
 *
 * Who gets a contended mutex decides how fast it is. Handing it to the first waiter means that
 * nobody has it while that one wakes up: every operation then costs a context switch, or 30-60 us
 * across two idle cores. Letting whoever runs take it (barging) keeps it busy, but the first waiter
 * may find it taken again for ever. So, as in Go: the unlock leaves the mutex free and wakes the
 * first waiter to try its luck; if that fails it goes back to the head of the list, and when it has
 * been woken in vain SLEY_BARGING_MAX times the next unlock hands the mutex over without ever
 * leaving it free.
 *
 * While one waiter is WAKING, unlocks wake nobody else: it will try, and if it finds the mutex
 * taken, whoever has it will see WAITING again. The one duty that comes with WAKING is to end it:
 * by taking the mutex, by going back to the list, or, if it was cancelled, by waking the next one
 * if the mutex is free.
 *
 * All changes of WAITING and WAKING happen under the list's lock, together with the list; LOCKED is
 * also changed without it. Before it parks a task looks SPINS times whether the mutex comes free:
 * it mostly does where the owner runs on another core, and never where there is one worker.
 *
 * Sources: Go's sync.Mutex for barging with a bound and the waking bit. Rejected: a queue lock
 * (MCS, CLH: strict order), Go's bound of 1 ms in time (a clock in every slow path).
 */
#include "waiters.h"

#include "platform.h"

#include <sley/runtime.h>

#define LOCKED  ((uint32_t)1)
#define WAITING ((uint32_t)2)
#define WAKING  ((uint32_t)4)

#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
#define SPINS 1
#else
#define SPINS 100 /* about 3 us of looking: a tenth of what a wake-up costs */
#endif

static inline atomic(uint32_t) * word_of(struct sley_mutex *mutex)
{
    return (atomic(uint32_t) *)&mutex->word;
}

/* Takes it if it is free, ending `also` bits of the word with the same step. */
static inline bool take(struct sley_mutex *mutex, uint32_t also)
{
    uint32_t word = load_relaxed(word_of(mutex));

    /* Acquire: the critical section before. Partner: release in unlock. */
    while (!(word & LOCKED))
        if (cas_acquire(word_of(mutex), &word, (word & ~also) | LOCKED))
            return true;
    return false;
}

/* Sets and clears bits, under the list's lock; the word before. */
static uint32_t change(struct sley_mutex *mutex, uint32_t set, uint32_t clear)
{
    uint32_t word = load_relaxed(word_of(mutex));

    while (!cas_acq_rel(word_of(mutex), &word, (word & ~clear) | set))
        continue;
    return word;
}

static bool worth_spinning(void)
{
    struct sley_runtime *runtime = sley_runtime_current();

    return !runtime || sley_runtime_workers(runtime) > 1;
}

static bool spin(struct sley_mutex *mutex)
{
    if (!worth_spinning())
        return false;
    for (int i = 0; i < SPINS; i++) {
        if (take(mutex, 0))
            return true;
        cpu_relax();
    }
    return false;
}

/* Wakes the first waiter to try again. Under the list's lock, nobody is waking. */
static void wake_first(struct sley_mutex *mutex)
{
    struct sley__waiter *waiter = mutex->waiters.first;

    sley__waiters_remove(&mutex->waiters, waiter);
    change(mutex, WAKING, mutex->waiters.first ? 0 : WAITING);
    sley__waiter_wake(waiter);
}

/* A waiter that was told to try again has been cancelled. */
static void pass_on(struct sley_mutex *mutex)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);

    sley__lock_acquire(lock);
    if (!(change(mutex, 0, WAKING) & LOCKED) && mutex->waiters.first)
        wake_first(mutex); /* else whoever has it will */
    sley__lock_release(lock);
}

/* The park has ended with an error. True: it has been handed the mutex in the same instant. */
static bool give_up(struct sley_mutex *mutex, struct sley__waiter *waiter)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);
    bool queued;

    sley__lock_acquire(lock);
    queued = waiter->queued;
    if (queued) {
        sley__waiters_remove(&mutex->waiters, waiter);
        if (!mutex->waiters.first)
            change(mutex, 0, WAITING);
    }
    sley__lock_release(lock);
    if (!queued && !waiter->granted)
        pass_on(mutex);
    return waiter->granted;
}

/* Goes into the list, at its head if it has been there before. False: the mutex was free, and is
 * the caller's now. `waking`: the WAKING bit if it is the caller's to end. */
static bool enlist(struct sley_mutex *mutex, struct sley__waiter *waiter, uint32_t waking)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);
    uint32_t word;

    sley__lock_acquire(lock);
    word = load_relaxed(word_of(mutex));
    for (;;) {
        bool is_free = !(word & LOCKED);
        uint32_t next = (word & ~waking) | (is_free ? LOCKED : WAITING);

        if (!cas_acq_rel(word_of(mutex), &word, next))
            continue;
        if (is_free) {
            sley__lock_release(lock);
            return false;
        }
        break;
    }
    if (waking)
        sley__waiters_prepend(&mutex->waiters, waiter);
    else
        sley__waiters_append(&mutex->waiters, waiter);
    sley__lock_release(lock);
    return true;
}

/* Waits for it. `shielded`: without regard to cancel and deadline. */
static NOINLINE int lock_slowly(struct sley_mutex *mutex, bool shielded)
{
    struct sley__waiter waiter = {.kind = 0};
    uint32_t waking = 0;
    int error;

    if (spin(mutex))
        return 0;
    for (;;) {
        if (shielded) {
            sley__waiter_begin_shielded(&waiter, "mutex");
        } else if ((error = sley__waiter_begin(&waiter, "mutex"))) {
            if (waking)
                pass_on(mutex);
            return error;
        }
        if (!enlist(mutex, &waiter, waking)) {
            sley__waiter_abandon(&waiter);
            return 0;
        }
        error = sley__waiter_park(&waiter);
        if (error)
            return give_up(mutex, &waiter) ? 0 : error;
        if (waiter.granted || take(mutex, WAKING))
            return 0;
        waking = WAKING;
        waiter.kind++; /* times woken in vain */
    }
}

static NOINLINE void unlock_slowly(struct sley_mutex *mutex)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);
    struct sley__waiter *first;

    sley__lock_acquire(lock);
    first = mutex->waiters.first;
    if (first && first->kind >= SLEY_BARGING_MAX) {
        sley__waiters_remove(&mutex->waiters, first);
        if (!mutex->waiters.first)
            change(mutex, 0, WAITING);
        first->granted = true; /* LOCKED stays */
        sley__waiter_wake(first);
    } else if (!(change(mutex, 0, LOCKED) & WAKING) && first) {
        wake_first(mutex);
    }
    sley__lock_release(lock);
}

int sley_mutex_lock(struct sley_mutex *mutex)
{
    uint32_t unlocked = 0;

    if (likely(cas_acquire(word_of(mutex), &unlocked, LOCKED)))
        return 0;
    return lock_slowly(mutex, false);
}

void sley__mutex_lock_shielded(struct sley_mutex *mutex)
{
    uint32_t unlocked = 0;

    if (!cas_acquire(word_of(mutex), &unlocked, LOCKED))
        lock_slowly(mutex, true);
}

bool sley_mutex_try(struct sley_mutex *mutex)
{
    return take(mutex, 0);
}

void sley_mutex_unlock(struct sley_mutex *mutex)
{
    uint32_t word = LOCKED;

    /* Release: the critical section. Partner: acquire in take and lock. */
    while (!cas_acq_rel(word_of(mutex), &word, word & ~LOCKED)) {
        ensure_msg(word & LOCKED, "sley_mutex_unlock: it is not locked");
        if ((word & (WAITING | WAKING)) == WAITING) {
            unlock_slowly(mutex);
            return;
        }
    }
}
