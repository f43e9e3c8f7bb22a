/*
 * event.c: events, wait groups and barriers: things that let all waiters go at once.
 *
 * The three differ in what opens them. Whoever opens one takes the whole list and grants each
 * waiter under the lock; the lock is what makes "was set for an instant" true for those who waited,
 * even if the event is cleared before they run.
 */
#include "waiters.h"

/* Under the lock. */
static void grant_all(struct sley__waiters *waiters)
{
    while (sley__waiters_grant_first(waiters))
        continue;
}

/* --- event ---------------------------------------------------------------------------------- */

static inline atomic(uint32_t) * flag_of(const struct sley_event *event)
{
    return (atomic(uint32_t) *)(uintptr_t)&event->set;
}

void sley_event_set(struct sley_event *event)
{
    struct sley__lock *lock = sley__waiters_lock(&event->waiters);

    sley__lock_acquire(lock);
    store_release(flag_of(event), 1); /* partner: is_set */
    grant_all(&event->waiters);
    sley__lock_release(lock);
}

void sley_event_clear(struct sley_event *event)
{
    struct sley__lock *lock = sley__waiters_lock(&event->waiters);

    sley__lock_acquire(lock);
    store_relaxed(flag_of(event), 0);
    sley__lock_release(lock);
}

bool sley_event_is_set(const struct sley_event *event)
{
    return load_acquire(flag_of(event));
}

int sley_event_wait(struct sley_event *event)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "event");

    if (error)
        return error;
    sley__lock_acquire(sley__waiters_lock(&event->waiters));
    if (load_relaxed(flag_of(event))) {
        sley__lock_release(sley__waiters_lock(&event->waiters));
        sley__waiter_abandon(&waiter);
        return 0;
    }
    sley__waiters_append(&event->waiters, &waiter);
    return sley__waiters_wait(&event->waiters, &waiter);
}

/* --- wait group ----------------------------------------------------------------------------- */

int sley_wait_group_add(struct sley_wait_group *group, uint64_t n)
{
    struct sley__lock *lock = sley__waiters_lock(&group->waiters);
    bool too_many;

    sley__lock_acquire(lock);
    too_many = n > UINT64_MAX - group->count;
    if (!too_many)
        group->count += n;
    sley__lock_release(lock);
    return too_many ? SLEY_EINVAL : 0;
}

int sley_wait_group_done(struct sley_wait_group *group)
{
    struct sley__lock *lock = sley__waiters_lock(&group->waiters);
    bool was_none;

    sley__lock_acquire(lock);
    was_none = group->count == 0;
    if (!was_none && --group->count == 0)
        grant_all(&group->waiters);
    sley__lock_release(lock);
    return was_none ? SLEY_EINVAL : 0;
}

int sley_wait_group_wait(struct sley_wait_group *group)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "wait group");

    if (error)
        return error;
    sley__lock_acquire(sley__waiters_lock(&group->waiters));
    if (group->count == 0) {
        sley__lock_release(sley__waiters_lock(&group->waiters));
        sley__waiter_abandon(&waiter);
        return 0;
    }
    sley__waiters_append(&group->waiters, &waiter);
    return sley__waiters_wait(&group->waiters, &waiter);
}

/* --- barrier -------------------------------------------------------------------------------- */

/* Nobody can be granted but by the last one, so whoever was not granted still counts. */
static int leave_barrier(struct sley_barrier *barrier, struct sley__waiter *waiter, int error)
{
    struct sley__lock *lock = sley__waiters_lock(&barrier->waiters);

    sley__lock_acquire(lock);
    if (waiter->queued) {
        sley__waiters_remove(&barrier->waiters, waiter);
        barrier->waiting--;
    }
    sley__lock_release(lock);
    return waiter->granted ? 0 : error;
}

int sley_barrier_wait(struct sley_barrier *barrier)
{
    struct sley__lock *lock = sley__waiters_lock(&barrier->waiters);
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "barrier");

    if (error)
        return error;
    sley__lock_acquire(lock);
    if (barrier->waiting + 1 >= barrier->parties) {
        barrier->waiting = 0;
        grant_all(&barrier->waiters);
        sley__lock_release(lock);
        sley__waiter_abandon(&waiter);
        return 1;
    }
    barrier->waiting++;
    sley__waiters_append(&barrier->waiters, &waiter);
    sley__lock_release(lock);
    error = sley__waiter_park(&waiter);
    return leave_barrier(barrier, &waiter, error);
}
