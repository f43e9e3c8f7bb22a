/*
 * future.c: a value that is not there yet.
 *
 * The completion stores the value, releases `done`, and grants everybody who waits, under the small
 * lock. Waiting for any of several puts a record into each; whoever completes the first of them
 * wakes the caller, and the others must then leave it alone: each record is granted at most once,
 * but all share one wait, whose ticket makes the later wakes harmless. So there is no word to
 * compete for, as select needs one: two futures may both be completed, which is no contradiction.
 *
 * A future may be gone as soon as somebody who waited for it has its result, and the completer is
 * then perhaps still under the lock. So no wait believes `done` alone: it also sees the lock free,
 * or takes it. `done` is set under the lock, so a lock that is free after that has been released.
 */
#include "waiters.h"

#include <sley/future.h>

static struct sley__lock *lock_of(struct sley_future *future)
{
    return sley__waiters_lock(&future->waiters);
}

static atomic(uint32_t) * done_of(const struct sley_future *future)
{
    return (atomic(uint32_t) *)(uintptr_t)&future->done;
}

static bool complete(struct sley_future *future, void *value, int error)
{
    bool first;

    sley__lock_acquire(lock_of(future));
    first = !load_relaxed(done_of(future));
    if (first) {
        future->value = value;
        future->error = error;
        store_release(done_of(future), 1); /* partner: is_done */
        while (sley__waiters_grant_first(&future->waiters))
            continue;
    }
    sley__lock_release(lock_of(future));
    return first;
}

bool sley_future_complete(struct sley_future *future, void *value)
{
    return complete(future, value, 0);
}

bool sley_future_fail(struct sley_future *future, int error)
{
    return complete(future, NULL, error < 0 ? error : SLEY_EINVAL);
}

bool sley_future_is_done(const struct sley_future *future)
{
    return load_acquire(done_of(future));
}

/* Whether it is done and its completer has left it. Any thread, without the lock. */
static bool is_over(struct sley_future *future)
{
    if (!sley_future_is_done(future))
        return false;
    if (unlikely(!sley__waiters_settled(&future->waiters))) {
        sley__lock_acquire(lock_of(future));
        sley__lock_release(lock_of(future));
    }
    return true;
}

/* The caller waits until it is done. */
static int wait_for(struct sley_future *future)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "future");

    if (error)
        return error;
    sley__lock_acquire(lock_of(future));
    if (load_relaxed(done_of(future))) {
        sley__lock_release(lock_of(future));
        sley__waiter_abandon(&waiter);
        return 0;
    }
    sley__waiters_append(&future->waiters, &waiter);
    return sley__waiters_wait(&future->waiters, &waiter);
}

int sley_future_wait(struct sley_future *future, void **value)
{
    int error = is_over(future) ? 0 : wait_for(future);

    if (error)
        return error;
    if (value && !future->error)
        *value = future->value;
    return future->error;
}

/* --- any and all ---------------------------------------------------------------------------- */

/* The index of the first that is done, or -1. */
static int first_done(struct sley_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (futures[i] && is_over(futures[i]))
            return (int)i;
    return -1;
}

/* Puts a record of the wait `master` into each future; how many of them. Fewer than count: the next
 * one is done already. */
static size_t enlist(struct sley_future *const *futures, size_t count,
                     const struct sley__waiter *master, struct sley__waiter *records)
{
    size_t i;
    bool done = false;

    for (i = 0; i < count && !done; i++) {
        records[i].queued = records[i].granted = false;
        records[i].waker = master->waker;
        records[i].futex = master->futex;
        if (!futures[i])
            continue;
        sley__lock_acquire(lock_of(futures[i]));
        done = load_relaxed(done_of(futures[i]));
        if (!done)
            sley__waiters_append(&futures[i]->waiters, &records[i]);
        sley__lock_release(lock_of(futures[i]));
    }
    return done ? i - 1 : i;
}

/* None was done a moment ago. Apart, because of its frame. */
static NOINLINE int wait_any(struct sley_future *const *futures, size_t count)
{
    struct sley__waiter master, records[count + 1];
    size_t enlisted;
    int index, error = sley__waiter_begin(&master, "futures");

    if (error)
        return error;
    enlisted = enlist(futures, count, &master, records);
    if (enlisted == count)
        error = sley__waiter_park(&master);
    for (size_t i = 0; i < enlisted; i++)
        if (futures[i])
            sley__waiters_leave(&futures[i]->waiters, &records[i]);
    if (enlisted < count)
        sley__waiter_abandon(&master); /* nobody knows of it any more */
    index = first_done(futures, count);
    return index >= 0 ? index : error;
}

int sley_future_wait_any(struct sley_future *const *futures, size_t count)
{
    int index;

    if (count > SLEY_FUTURES_MAX)
        return SLEY_EINVAL;
    index = first_done(futures, count);
    return index >= 0 ? index : wait_any(futures, count);
}

int sley_future_wait_all(struct sley_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = futures[i] && !is_over(futures[i]) ? wait_for(futures[i]) : 0;

        if (error)
            return error;
    }
    return 0;
}
