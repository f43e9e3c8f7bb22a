/*
 * sleep.c: time, and waiting for it. Level 3: stands on wait.h like everything else that waits.
 */
#include "wait.h"

#include "platform.h"

int64_t sley_now(void)
{
    return sley__clock_now();
}

int64_t sley_after(int64_t duration)
{
    int64_t now = sley__clock_now();

    if (duration < 0)
        return now;
    return duration > SLEY_FOREVER - now ? SLEY_FOREVER : now + duration;
}

/* A foreign thread sleeps on a word that nobody wakes. */
static int sleep_foreign(int64_t deadline)
{
    atomic(uint32_t) nobody = 0;

    while (sley__clock_now() < deadline)
        sley__futex_wait(&nobody, 0, deadline);
    return 0;
}

int sley_sleep_until(int64_t deadline)
{
    struct sley__waker waker;
    int result;

    result = sley__wait_begin(&waker, "sleep");
    if (result == SLEY_ENOTASK)
        return sleep_foreign(deadline);
    if (result)
        return result;
    result = sley__wait_park(deadline);
    /* Nobody else has the waker: it was this deadline, the ambient one, or a cancel. */
    return result == SLEY_ETIMEDOUT && deadline <= sley_deadline() ? 0 : result;
}

int sley_sleep(int64_t duration)
{
    if (duration <= 0)
        return sley_yield();
    return sley_sleep_until(sley_after(duration));
}
