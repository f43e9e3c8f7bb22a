/*
 * rate.c: so many per second.
 *
 * A token bucket kept as one time: `next` is when the bucket will be full again. Taking a token
 * moves it one interval on, and one may take as long as it is less than `burst` intervals away; if
 * it is further, one's turn is that much later, and one sleeps until then. So turns are given out
 * in the order of the calls, without a list, and nothing runs while nobody asks (this is the
 * virtual scheduling form of the generic cell rate algorithm, ITU-T I.371).
 *
 * A caller that leaves before its turn gives the interval back: those who have turns keep them, and
 * the next to ask come earlier.
 */
#include "waiters.h"

#include "platform.h"

#include <sley/time.h>

static struct sley__lock *lock_of(struct sley_rate_limiter *limiter)
{
    return (struct sley__lock *)(void *)&limiter->lock;
}

/* When the next turn is; taken if that is at or before `latest`. */
static int64_t take_turn(struct sley_rate_limiter *limiter, int64_t now, int64_t latest)
{
    int64_t turn;

    sley__lock_acquire(lock_of(limiter));
    if (limiter->next < now)
        limiter->next = now;
    turn = limiter->next - (int64_t)(limiter->burst - 1) * limiter->interval;
    if (turn < now)
        turn = now;
    if (turn <= latest)
        limiter->next += limiter->interval;
    sley__lock_release(lock_of(limiter));
    return turn;
}

static void give_back(struct sley_rate_limiter *limiter)
{
    sley__lock_acquire(lock_of(limiter));
    limiter->next -= limiter->interval;
    sley__lock_release(lock_of(limiter));
}

int sley_rate_limiter_wait(struct sley_rate_limiter *limiter)
{
    int error = sley__wait_check();
    int64_t now = sley__clock_now(), deadline = sley_deadline(), turn;

    if (error && error != SLEY_ENOTASK)
        return error;
    turn = take_turn(limiter, now, deadline);
    if (turn > deadline)
        return SLEY_ETIMEDOUT;
    if (turn > now && (error = sley_sleep_until(turn))) {
        give_back(limiter);
        return error;
    }
    return 0;
}

bool sley_rate_limiter_try(struct sley_rate_limiter *limiter)
{
    int64_t now = sley__clock_now();

    return take_turn(limiter, now, now) <= now;
}
