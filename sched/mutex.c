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
 * The one that was woken needs a worker to try. If the one that unlocks and locks in a loop has the
 * only one, the other never runs; so each lock of a mutex that is not entirely free (somebody is
 * WAKING, or waits) is counted as an operation, of which a task has a budget before it yields.
 *
 * Whoever gets the mutex may unlock and free it at once, while the one it has it from is still busy
 * with it. So clearing LOCKED is the last thing that an unlock does to the mutex: before that it
 * has chosen whom to wake and set WAKING, and afterwards it has only a copy of that one's waker.
 * Should the chosen one be cancelled meanwhile, WAKING ends while LOCKED still stands, the swap
 * that clears LOCKED fails, and the unlock chooses again.
 *
 * All changes of WAITING and WAKING happen under the list's lock, together with the list; LOCKED is
 * also changed without it. Before it parks a task looks SPINS times whether the mutex comes free:
 * it mostly does where the owner runs on another core, and never where there is one worker. Not
 * more often: each look takes the line from the owner, whose next lock and unlock then wait for it
 * (a look at each pause: 35 ns an operation on two workers; at every tenth 10).
 *
 * Sources: Go's sync.Mutex for barging with a bound and the waking bit. Rejected: a queue lock
 * (MCS, CLH: strict order), Go's bound of 1 ms in time (a clock in every slow path).
 */
#include "waiters.h"

#include "held.h"
#include "platform.h"

#include <sley/runtime.h>

#define LOCKED  ((uint32_t)1)
#define WAITING ((uint32_t)2)
#define WAKING  ((uint32_t)4)

#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
#define SPINS       1
#define SPIN_PAUSES 1
#else
#define SPINS       10 /* about 3 us in all: a tenth of what a wake-up costs */
#define SPIN_PAUSES 10 /* between two looks */
#endif

#ifdef SLEY_MODEL
#define BARGING_MAX 1 /* so that a model of two threads comes to the hand-over */
#else
#define BARGING_MAX SLEY_BARGING_MAX
#endif

static inline atomic(uint32_t) * word_of(struct sley_mutex *mutex)
{
    return (atomic(uint32_t) *)&mutex->word;
}

/* Debug builds: who has it. */
static inline atomic(const void *) * owner_of(struct sley_mutex *mutex)
{
    return (atomic(const void *) *)&mutex->owner;
}

/* The caller has it now. */
static inline int taken(struct sley_mutex *mutex)
{
    sley__owner_set(owner_of(mutex), mutex, "mutex");
    return 0;
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
        for (int pause = 0; pause < SPIN_PAUSES; pause++)
            cpu_relax();
    }
    return false;
}

/* Takes the first waiter out to try again; a copy of what wakes it, which stays good when it has
 * left. Under the list's lock, nobody is waking. */
static struct sley__waiter choose_first(struct sley_mutex *mutex)
{
    struct sley__waiter *waiter = mutex->waiters.first, copy = {.futex = NULL};

    sley__waiters_remove(&mutex->waiters, waiter);
    change(mutex, WAKING, mutex->waiters.first ? 0 : WAITING);
    copy.waker = waiter->waker;
    copy.futex = waiter->futex;
    return copy;
}

/* A waiter that was told to try again has been cancelled. */
static void pass_on(struct sley_mutex *mutex)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);

    sley__lock_acquire(lock);
    if (!(change(mutex, 0, WAKING) & LOCKED) && mutex->waiters.first) {
        struct sley__waiter first = choose_first(mutex);

        /* Under the lock, although it may take the mutex without: the caller is still inside of its
         * call, so nobody may free the mutex yet. */
        sley__waiter_wake(&first);
    } /* else whoever has it will */
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

    sley__wait_spend(); /* who waits may be in the queue of this worker: see above */
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

/* Somebody waits and nobody is waking. True: the mutex has been handed over. Else *chosen is to be
 * woken once LOCKED is cleared. Whoever has the mutex. */
static NOINLINE bool choose(struct sley_mutex *mutex, struct sley__waiter *chosen)
{
    struct sley__lock *lock = sley__waiters_lock(&mutex->waiters);
    struct sley__waiter *first;
    bool hand_over;

    sley__lock_acquire(lock);
    first = mutex->waiters.first;
    hand_over = first && first->kind >= BARGING_MAX;
    if (hand_over)
        first->granted = true; /* LOCKED stays, and is its own */
    if (first)
        *chosen = choose_first(mutex);
    if (hand_over)
        change(mutex, 0, WAKING);
    sley__lock_release(lock);
    if (hand_over)
        sley__waiter_wake(chosen);
    return hand_over;
}

int sley_mutex_lock(struct sley_mutex *mutex)
{
    uint32_t unlocked = 0;
    int error = sley__wait_check();

    if (unlikely(error) && error != SLEY_ENOTASK)
        return error;
    if (likely(cas_acquire(word_of(mutex), &unlocked, LOCKED)))
        return taken(mutex);
    sley__owner_must_not(owner_of(mutex), mutex, "mutex");
    error = lock_slowly(mutex, false);
    return error ? error : taken(mutex);
}

void sley__mutex_lock_shielded(struct sley_mutex *mutex)
{
    uint32_t unlocked = 0;

    if (!cas_acquire(word_of(mutex), &unlocked, LOCKED))
        lock_slowly(mutex, true);
    taken(mutex);
}

bool sley_mutex_try(struct sley_mutex *mutex)
{
    if (!take(mutex, 0))
        return false;
    taken(mutex);
    return true;
}

/* `word` is what was there instead of LOCKED alone. Whoever has the mutex. */
static NOINLINE void unlock_slowly(struct sley_mutex *mutex, uint32_t word)
{
    struct sley__waiter chosen = {.futex = NULL};

    for (;;) {
        if ((word & (WAITING | WAKING)) == WAITING) {
            if (choose(mutex, &chosen))
                return;
            word = load_relaxed(word_of(mutex));
            continue;
        }
        ensure_msg(word & LOCKED, "sley_mutex_unlock: it is not locked");
        /* Release: the critical section. Partner: acquire in take and lock. */
        if (cas_acq_rel(word_of(mutex), &word, word & ~LOCKED))
            break;
    }
    if (chosen.waker.task || chosen.futex)
        sley__waiter_wake(&chosen);
}

void sley_mutex_unlock(struct sley_mutex *mutex)
{
    uint32_t word = LOCKED;

    sley__owner_clear(owner_of(mutex), mutex, "mutex");
    /* Release: the critical section. Partner: acquire in take and lock. */
    if (unlikely(!cas_acq_rel(word_of(mutex), &word, 0)))
        unlock_slowly(mutex, word);
}
