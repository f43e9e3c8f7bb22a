/*
 * rate.c: so many per second.
 *
 * A token bucket kept as one time: `next` is when the bucket will be full again. Taking a token
 * moves it one interval on, and one may take as long as it is less than `burst` intervals away; if
 * it is further, one's turn is that much later, and one sleeps until then. So turns are given out
 * in the order of the calls, without a list, and nothing runs while nobody asks (this is the
 * virtual scheduling form of the generic cell rate algorithm, ITU-T I.371).
 *
 * A caller that leaves before its turn gives it back if it was the last one. Otherwise those behind
 * it have been told theirs, and whoever came next would have one of them too; so it is counted as
 * unused, and given back when nobody waits any more.
 */
#include "waiters.h"

#include "platform.h"

#include <sley/time.h>

static struct sley__lock *lock_of(struct sley_rate_limiter *limiter)
{
    return (struct sley__lock *)(void *)&limiter->lock;
}

/* How long before the bucket is full one may take a token. Centuries are for ever. */
static int64_t ahead(const struct sley_rate_limiter *limiter)
{
    int64_t others = limiter->burst ? limiter->burst - 1 : 0, product;

    return __builtin_mul_overflow(others, limiter->interval, &product) ? SLEY_FOREVER : product;
}

/* Turns that nobody has used do not add up beyond a full bucket. They may be older than that when
 * somebody who waits behind them wakes up late. Under the lock. */
static void forget_old_unused(struct sley_rate_limiter *limiter, int64_t now)
{
    int64_t most = (limiter->next - now) / (limiter->interval ? limiter->interval : 1);

    if (limiter->unused > most)
        limiter->unused = (uint32_t)most;
}

/* When the next turn is; taken if that is at or before `latest`, and then *next is what `next` has
 * become, and who has to wait for it leaves the queue later. */
static int64_t take_turn(struct sley_rate_limiter *limiter, int64_t now, int64_t latest,
                         int64_t *next)
{
    int64_t turn;

    sley__lock_acquire(lock_of(limiter));
    if (limiter->next < now)
        limiter->next = now;
    if (limiter->unused)
        forget_old_unused(limiter, now);
    turn = limiter->next - ahead(limiter);
    if (turn < now)
        turn = now;
    if (turn <= latest && __builtin_add_overflow(limiter->next, limiter->interval, &limiter->next))
        limiter->next = SLEY_FOREVER;
    if (turn > now && turn <= latest)
        limiter->waiting++;
    *next = limiter->next;
    sley__lock_release(lock_of(limiter));
    return turn;
}

/* Nobody waits any more, so the unused turns are nobody's. Under the lock. */
static void collect_unused(struct sley_rate_limiter *limiter)
{
    int64_t time;

    /* A `next` that is too early is put right by the next call. */
    if (__builtin_mul_overflow(limiter->unused, limiter->interval, &time))
        limiter->next = 0;
    else
        limiter->next -= time;
    limiter->unused = 0;
}

/* Somebody waits no more: he has had his turn, or gives it back. `next`: what taking it has made of
 * the limiter's. */
static void leave_queue(struct sley_rate_limiter *limiter, int64_t next, bool used)
{
    sley__lock_acquire(lock_of(limiter));
    if (!used && limiter->next == next)
        limiter->next -= limiter->interval;
    else if (!used)
        limiter->unused++;
    if (--limiter->waiting == 0)
        collect_unused(limiter);
    sley__lock_release(lock_of(limiter));
}

int sley_rate_limiter_wait(struct sley_rate_limiter *limiter)
{
    int error = sley__wait_check();
    int64_t now = sley__clock_now(), deadline = sley_deadline(), turn, next;

    if (error && error != SLEY_ENOTASK)
        return error;
    turn = take_turn(limiter, now, deadline, &next);
    if (turn > deadline)
        return SLEY_ETIMEDOUT;
    if (turn <= now)
        return 0;
    error = sley_sleep_until(turn);
    leave_queue(limiter, next, !error);
    return error;
}

bool sley_rate_limiter_try(struct sley_rate_limiter *limiter)
{
    int64_t now = sley__clock_now(), next;

    return take_turn(limiter, now, now, &next) <= now;
}
