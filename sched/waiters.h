/*
 * waiters.h: who waits for an object, in the order of arrival. Level 3, on wait.h.
 *
 * Locks, channels and futures all have the same needs: a record per waiter on the waiter's own
 * stack, which is a task that parks or a foreign thread that blocks; a list of them under the
 * object's small lock; and a clear answer to who owns what when a cancel and a grant come together.
 *
 * The life of a waiter:
 *
 *     sley__waiter_begin(&w, "mutex")          from now on it can be woken
 *     lock; look at the object again           it is free now: sley__waiter_abandon(&w), done
 *     sley__waiters_append(&object, &w); unlock
 *     error = sley__waiter_park(&w)
 *     if (error) lock; if still queued, take it out and return error; unlock
 *
 * Whoever takes a waiter out of the list (under the lock) has decided: the waiter was granted what
 * it waited for, or is told to look again, whatever a cancel does in the same instant. That is why
 * "still queued" is the question after an error, and not the error itself. A waiter that was taken
 * out and sees an error has both: most objects then keep the grant and drop the error, which comes
 * again at the next call.
 *
 * The object itself may be gone as soon as a wait for it has returned: an event on the stack, a
 * channel that is freed after its last item. Who wakes does so under the object's lock and still
 * has to release it; so every wait passes through that lock once before it returns, woken or not.
 * The exception is a task that was woken by sley__wake_begin under the lock and sley__wake_finish
 * after the release: that it runs says that nobody is left in there.
 */
#ifndef SLEY_WAITERS_H
#define SLEY_WAITERS_H

#include "atomic.h"
#include "lock.h"
#include "wait.h"

#include <sley/sync.h>
#include <sley/time.h>

struct sley__waiter {
    struct sley__waiter *next, *previous; /* the list's lock */
    struct sley__waker waker;             /* task NULL: a foreign thread */
    bool queued;                          /* the list's lock */
    bool granted;                         /* by who takes it out; read by the waiter afterwards */
    bool shielded;                        /* neither cancel nor deadline end the wait */
    unsigned kind;                        /* the object's own use */
    atomic(uint32_t) woken;               /* futex of a foreign thread */
    atomic(uint32_t) * futex;             /* the word it sleeps on: mostly its own `woken` */
};

/* Starts a wait of the caller, which may be a foreign thread. 0, SLEY_ECANCELED or SLEY_ETIMEDOUT:
 * then nothing was begun. After 0 there must be a park or an abandon. Any thread. */
MUST_USE int sley__waiter_begin(struct sley__waiter *waiter, const char *what);

/* The wait of a foreign thread. */
void sley__waiter_begin_foreign(struct sley__waiter *waiter);

/* The same after a sley__wait_enter or sley__wait_check by the same call that has said 0 or
 * SLEY_ENOTASK: it cannot fail. Also under the object's lock. */
static inline void sley__waiter_begin_entered(struct sley__waiter *waiter, const char *what)
{
    waiter->queued = waiter->granted = waiter->shielded = false;
    if (unlikely(!sley__wait_begin_entered(&waiter->waker, what)))
        sley__waiter_begin_foreign(waiter);
}

/* The same for a wait that neither cancel nor deadline can end. */
void sley__waiter_begin_shielded(struct sley__waiter *waiter, const char *what);

/* Ends it without parking: nobody has been given the waiter. */
void sley__waiter_abandon(struct sley__waiter *waiter);

/* Parks, or blocks the thread, until sley__waiter_wake: 0; SLEY_ECANCELED, SLEY_ETIMEDOUT, the
 * latter also at `deadline` (absolute ns). The one who began. */
int sley__waiter_park_until(struct sley__waiter *waiter, int64_t deadline);

static inline int sley__waiter_park(struct sley__waiter *waiter)
{
    if (likely(waiter->waker.task && !waiter->shielded))
        return sley__wait_park(SLEY_FOREVER);
    return sley__waiter_park_until(waiter, SLEY_FOREVER);
}

/* Wakes a waiter that the caller has taken out of its list. Any thread; the list's lock may be
 * held. */
void sley__waiter_wake(struct sley__waiter *waiter);

/* --- the list; all under its lock ------------------------------------------------------------- */

static inline struct sley__lock *sley__waiters_lock(struct sley__waiters *waiters)
{
    return (struct sley__lock *)(void *)&waiters->lock;
}

static inline void sley__waiters_append(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    waiter->next = NULL;
    waiter->previous = waiters->last;
    if (waiters->last)
        waiters->last->next = waiter;
    else
        waiters->first = waiter;
    waiters->last = waiter;
    waiter->queued = true;
}

static inline void sley__waiters_prepend(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    waiter->previous = NULL;
    waiter->next = waiters->first;
    if (waiters->first)
        waiters->first->previous = waiter;
    else
        waiters->last = waiter;
    waiters->first = waiter;
    waiter->queued = true;
}

static inline void sley__waiters_remove(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    *(waiter->previous ? &waiter->previous->next : &waiters->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &waiters->last) = waiter->previous;
    waiter->queued = false;
}

/* Takes the first one out and grants it what it waits for; false: there is none. */
static inline bool sley__waiters_grant_first(struct sley__waiters *waiters)
{
    struct sley__waiter *waiter = waiters->first;

    if (!waiter)
        return false;
    sley__waiters_remove(waiters, waiter);
    waiter->granted = true;
    sley__waiter_wake(waiter);
    return true;
}

/* The same in two steps: *woken, if it is set, is a task whose wake must be finished after the
 * release. A task that is woken in no other way need not pass through the lock. */
static inline bool sley__waiters_grant_first_begin(struct sley__waiters *waiters,
                                                   struct sley_task **woken)
{
    struct sley__waiter *waiter = waiters->first;

    if (!waiter)
        return false;
    sley__waiters_remove(waiters, waiter);
    waiter->granted = true;
    if (likely(waiter->waker.task)) {
        if (likely(sley__wake_begin(waiter->waker, 0)))
            *woken = waiter->waker.task;
    } else {
        sley__waiter_wake(waiter);
    }
    return true;
}

/* After every park, whatever it said: passes through the lock, and takes the waiter out if it is
 * still queued. True if it was granted what it waited for. */
static inline bool sley__waiters_leave(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    sley__lock_acquire(sley__waiters_lock(waiters));
    if (waiter->queued)
        sley__waiters_remove(waiters, waiter);
    sley__lock_release(sley__waiters_lock(waiters));
    return waiter->granted;
}

/* Nobody is under the lock who was there when the caller saw what it has just seen of the object.
 * It may be gone now as after a pass through the lock. Any thread, without the lock. */
static inline bool sley__waiters_settled(struct sley__waiters *waiters)
{
    return load_acquire(&sley__waiters_lock(waiters)->word) == 0; /* partner: sley__lock_release */
}

/* The plain wait: begun before, `waiter` is appended, the lock is held and is released here. 0 when
 * granted, else the error. */
int sley__waiters_wait(struct sley__waiters *waiters, struct sley__waiter *waiter);

/* Back into a mutex, without regard to cancel and deadline. See mutex.c. */
void sley__mutex_lock_shielded(struct sley_mutex *mutex);

#endif
