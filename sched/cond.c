/*
 * cond.c: conditions.
 *
 * A condition is a list of waiters and nothing else. A waiter goes into it while it still has the
 * mutex, so a signal that comes after the mutex was given up finds it. A signal that meets a cancel
 * counts for one of them only: the waiter that was taken out of the list by a signal has it and
 * answers 0, so no signal is lost with a cancelled waiter.
 *   Rejected: moving signalled waiters straight into the mutex's list (wait morphing). It saves a
 * wake-up when the signaller has the mutex, and ties the two together.
 */
#include "waiters.h"

int sley_cond_wait(struct sley_cond *cond, struct sley_mutex *mutex)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "condition");

    if (error)
        return error;
    sley__lock_acquire(sley__waiters_lock(&cond->waiters));
    sley__waiters_append(&cond->waiters, &waiter);
    sley__lock_release(sley__waiters_lock(&cond->waiters));
    sley_mutex_unlock(mutex);
    error = sley__waiter_park(&waiter);
    if (sley__waiters_leave(&cond->waiters, &waiter))
        error = 0;
    sley__mutex_lock_shielded(mutex);
    return error;
}

void sley_cond_signal(struct sley_cond *cond)
{
    sley__lock_acquire(sley__waiters_lock(&cond->waiters));
    sley__waiters_grant_first(&cond->waiters);
    sley__lock_release(sley__waiters_lock(&cond->waiters));
}

void sley_cond_broadcast(struct sley_cond *cond)
{
    sley__lock_acquire(sley__waiters_lock(&cond->waiters));
    while (sley__waiters_grant_first(&cond->waiters))
        continue;
    sley__lock_release(sley__waiters_lock(&cond->waiters));
}
