/*
 * rate.c: so many per second.
 *
 * A token bucket kept as one time: `next` is when the bucket would be full again. Taking a token
 * moves it one interval on, and one may take as long as it is less than `burst` intervals away; if
 * it is further, one's turn is that much later (this is the virtual scheduling form of the generic
 * cell rate algorithm, ITU-T I.371).
 *
 * Who has to wait stands in a list, and has no turn yet, only a place; so whoever leaves it
 * moves all behind him up, and costs nobody a turn. Only one has been given a turn that is still to
 * come: the timekeeper, who has left the list and sleeps until then. Then he gives turns to all in
 * the list whose time it is, and the next one to the first of the rest, who keeps the time from
 * there. If he wakes up late, whoever calls meanwhile does it for those behind him: so no call
 * finds a turn that has passed while others wait, and what is taken later cannot add up to more
 * than a burst. While nobody waits nothing runs.
 *
 *   Rejected: a turn for each at once, which all sleep until (there is no moving up then: half of
 * the turns were lost where half of the callers were cancelled before theirs).
 */
#include "waiters.h"

#include "platform.h"

#include <sley/time.h>

/* Who stands in the list, and the turn that he is given when he is made the timekeeper. */
struct customer {
    struct sley__waiter waiter;
    int64_t turn;
};

static struct sley__lock *lock_of(struct sley_rate_limiter *limiter)
{
    return sley__waiters_lock(&limiter->waiters);
}

/* How long before the bucket is full one may take a token. Centuries are for ever. */
static int64_t ahead(const struct sley_rate_limiter *limiter)
{
    int64_t others = limiter->burst ? limiter->burst - 1 : 0, product;

    return __builtin_mul_overflow(others, limiter->interval, &product) ? SLEY_FOREVER : product;
}

/* The next turn, taken. Under the lock. */
static int64_t take_turn(struct sley_rate_limiter *limiter)
{
    int64_t turn = limiter->next - ahead(limiter);

    if (__builtin_add_overflow(limiter->next, limiter->interval, &limiter->next))
        limiter->next = SLEY_FOREVER;
    return turn;
}

static bool is_due(const struct sley_rate_limiter *limiter, int64_t now)
{
    return limiter->next - ahead(limiter) <= now;
}

/* When the turn of whoever came now would be, if nobody leaves the list. Under the lock. */
static int64_t turn_of_last(const struct sley_rate_limiter *limiter)
{
    int64_t turn = limiter->next - ahead(limiter), wait;

    if (__builtin_mul_overflow((int64_t)limiter->waiting, limiter->interval, &wait) ||
        __builtin_add_overflow(turn, wait, &turn))
        return SLEY_FOREVER;
    return turn;
}

/* Turns for all whose time it is. Under the lock. */
static void serve(struct sley_rate_limiter *limiter, int64_t now)
{
    while (limiter->waiters.first && is_due(limiter, now)) {
        take_turn(limiter);
        limiter->waiting--;
        sley__waiters_grant_first(&limiter->waiters);
    }
}

/* A turn that is there now, after all who came before. Under the lock. */
static bool take_if_due(struct sley_rate_limiter *limiter, int64_t now)
{
    serve(limiter, now);
    if (limiter->waiters.first)
        return false;
    if (limiter->next < now)
        limiter->next = now;
    if (!is_due(limiter, now))
        return false;
    take_turn(limiter);
    return true;
}

/* Makes the first of those who wait the timekeeper. Under the lock. */
static void appoint_next(struct sley_rate_limiter *limiter)
{
    struct sley__waiter *first = limiter->waiters.first;

    limiter->kept = first != NULL;
    if (!first)
        return;
    sley__waiters_remove(&limiter->waiters, first);
    limiter->waiting--;
    container_of(first, struct customer, waiter)->turn = take_turn(limiter);
    sley__waiter_wake(first);
}

/* The timekeeper leaves with `error`. A turn that he has not used and that is to come is the next
 * one's; if it has passed, it may have been made up for. */
static void stop_keeping(struct sley_rate_limiter *limiter, int64_t turn, int error)
{
    int64_t now;

    sley__lock_acquire(lock_of(limiter));
    now = sley__clock_now(); /* not before: somebody else may have made up for a turn since */
    if (error && turn > now)
        limiter->next -= limiter->interval;
    serve(limiter, now);
    appoint_next(limiter);
    sley__lock_release(lock_of(limiter));
}

static int keep_time(struct sley_rate_limiter *limiter, int64_t turn)
{
    int error = sley_sleep_until(turn);

    stop_keeping(limiter, turn, error);
    return error;
}

/* In the list until it is its turn, or it is to keep the time. The lock is held, and is released
 * here. */
static int stand_in_line(struct sley_rate_limiter *limiter)
{
    struct customer customer;
    bool left;
    int error;

    sley__waiter_begin_entered(&customer.waiter, "turn");
    sley__waiters_append(&limiter->waiters, &customer.waiter);
    limiter->waiting++;
    sley__lock_release(lock_of(limiter));
    error = sley__waiter_park(&customer.waiter);

    sley__lock_acquire(lock_of(limiter));
    left = customer.waiter.queued;
    if (left) {
        sley__waiters_remove(&limiter->waiters, &customer.waiter);
        limiter->waiting--;
    }
    sley__lock_release(lock_of(limiter));
    if (customer.waiter.granted)
        return 0;
    if (left)
        return error;
    if (!error)
        return keep_time(limiter, customer.turn);
    stop_keeping(limiter, customer.turn, error);
    return error;
}

int sley_rate_limiter_wait(struct sley_rate_limiter *limiter)
{
    int error = sley__wait_check();
    int64_t now = sley__clock_now(), turn;

    if (error && error != SLEY_ENOTASK)
        return error;
    sley__lock_acquire(lock_of(limiter));
    if (take_if_due(limiter, now)) {
        sley__lock_release(lock_of(limiter));
        return 0;
    }
    turn = turn_of_last(limiter);
    if (turn > sley_deadline()) {
        sley__lock_release(lock_of(limiter));
        return SLEY_ETIMEDOUT;
    }
    if (limiter->kept)
        return stand_in_line(limiter);
    limiter->kept = true;
    take_turn(limiter);
    sley__lock_release(lock_of(limiter));
    return keep_time(limiter, turn);
}

bool sley_rate_limiter_try(struct sley_rate_limiter *limiter)
{
    int64_t now = sley__clock_now();
    bool taken;

    sley__lock_acquire(lock_of(limiter));
    taken = take_if_due(limiter, now);
    sley__lock_release(lock_of(limiter));
    return taken;
}
