/*
 * park.c: how a worker's kernel thread sleeps. See park.h.
 */
#include "park.h"

#include "platform.h"

#include <sley/time.h>

/* Acquire: what the waker did before. Partner: sley__parker_wake. */
static bool take_token(struct sley__parker *parker)
{
    return load_relaxed(&parker->token) && exchange_acquire(&parker->token, 0);
}

bool sley__parker_sleep(struct sley__parker *parker, int64_t deadline)
{
    while (!take_token(parker)) {
        if (deadline != SLEY_FOREVER && sley__clock_now() >= deadline)
            return false;
        sley__futex_wait(&parker->token, 0, deadline);
    }
    return true;
}

void sley__parker_wake(struct sley__parker *parker)
{
    store_relaxed(&parker->sent, sley__clock_now());
    if (exchange_acq_rel(&parker->token, 1) == 0)
        sley__futex_wake(&parker->token, 1);
}
