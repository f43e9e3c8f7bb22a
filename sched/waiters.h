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
 * A waiter's record is gone as soon as it has been woken: who wakes touches nothing of it after.
 */
#ifndef SLEY_WAITERS_H
#define SLEY_WAITERS_H

#include "atomic.h"
#include "lock.h"
#include "wait.h"

#include <sley/sync.h>

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

/* The same for a wait that neither cancel nor deadline can end. */
void sley__waiter_begin_shielded(struct sley__waiter *waiter, const char *what);

/* Ends it without parking: nobody has been given the waiter. */
void sley__waiter_abandon(struct sley__waiter *waiter);

/* Parks, or blocks the thread, until sley__waiter_wake: 0; SLEY_ECANCELED, SLEY_ETIMEDOUT, the
 * latter also at `deadline` (absolute ns). The one who began. */
int sley__waiter_park_until(struct sley__waiter *waiter, int64_t deadline);
int sley__waiter_park(struct sley__waiter *waiter);

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

/* After a park that ended with `error`: true if the waiter was granted it nevertheless; else it is
 * out of the list. Takes the lock. */
static inline bool sley__waiters_leave(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    sley__lock_acquire(sley__waiters_lock(waiters));
    if (waiter->queued)
        sley__waiters_remove(waiters, waiter);
    sley__lock_release(sley__waiters_lock(waiters));
    return waiter->granted;
}

/* The plain wait: begun before, `waiter` is appended, the lock is held and is released here. 0 when
 * granted, else the error. */
int sley__waiters_wait(struct sley__waiters *waiters, struct sley__waiter *waiter);

/* Back into a mutex, without regard to cancel and deadline. See mutex.c. */
void sley__mutex_lock_shielded(struct sley_mutex *mutex);

#endif
