/*
 * waiters.c: waiting for an object as a task or as a foreign thread. See waiters.h.
 *
 * A foreign thread has no waker; it sleeps on a word in its own record. Its waker sets the word and
 * then makes the system call, by which time the record may be gone: a futex call on an address that
 * means something else wakes somebody who re-checks, and nothing else.
 */
#include "waiters.h"

#include "platform.h"

#include <sley/time.h>

_Static_assert(sizeof(struct sley__lock) == sizeof(uint32_t), "see sley__waiters_lock");

NOINLINE void sley__waiter_begin_foreign(struct sley__waiter *waiter)
{
    waiter->waker.task = NULL;
    waiter->futex = &waiter->woken;
    store_relaxed(&waiter->woken, 0);
}

int sley__waiter_begin(struct sley__waiter *waiter, const char *what)
{
    int error;

    waiter->queued = waiter->granted = waiter->shielded = false;
    error = sley__wait_begin(&waiter->waker, what);
    if (error != SLEY_ENOTASK)
        return error;
    sley__waiter_begin_foreign(waiter);
    return 0;
}

void sley__waiter_begin_shielded(struct sley__waiter *waiter, const char *what)
{
    waiter->queued = waiter->granted = false;
    waiter->shielded = true;
    if (sley__wait_check() == SLEY_ENOTASK)
        sley__waiter_begin_foreign(waiter);
    else
        sley__wait_begin_shielded(&waiter->waker, what);
}

void sley__waiter_abandon(struct sley__waiter *waiter)
{
    if (waiter->waker.task)
        sley__wait_abandon(NULL);
}

int sley__waiter_park_until(struct sley__waiter *waiter, int64_t deadline)
{
    if (waiter->waker.task)
        return waiter->shielded ? sley__wait_park_shielded() : sley__wait_park(deadline);
    while (!load_acquire(waiter->futex)) { /* partner: release in sley__waiter_wake */
        if (deadline != SLEY_FOREVER && sley__clock_now() >= deadline)
            return SLEY_ETIMEDOUT;
        sley__futex_wait(waiter->futex, 0, deadline);
    }
    return 0;
}

void sley__waiter_wake(struct sley__waiter *waiter)
{
    atomic(uint32_t) *futex = waiter->futex;

    if (waiter->waker.task) {
        sley__wake(waiter->waker, 0);
        return;
    }
    store_release(futex, 1); /* what was granted. Partner: acquire in park */
    sley__futex_wake(futex, 1);
}

int sley__waiters_wait(struct sley__waiters *waiters, struct sley__waiter *waiter)
{
    int error;

    sley__lock_release(sley__waiters_lock(waiters));
    error = sley__waiter_park(waiter);
    return sley__waiters_leave(waiters, waiter) ? 0 : error;
}
