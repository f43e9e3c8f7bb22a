/*
 * once.c: something that is done once, by whoever comes first.
 *
 * The ones that come meanwhile wait for the mutex; the ones that come later see the flag. A failure
 * leaves the flag clear, so that the next one tries: a failed initialisation that is remembered for
 * ever is what people curse pthread_once for.
 */
#include "waiters.h"

static inline atomic(uint32_t) * done_of(struct sley_once *once)
{
    return (atomic(uint32_t) *)&once->done;
}

int sley_once_do(struct sley_once *once, int (*fn)(void *arg), void *arg)
{
    int error;

    if (likely(load_acquire(done_of(once)))) /* partner: release below */
        return 0;
    if ((error = sley_mutex_lock(&once->mutex)))
        return error;
    if (!load_relaxed(done_of(once)) && (error = fn(arg)) >= 0) {
        error = 0;
        store_release(done_of(once), 1); /* what fn has made */
    }
    sley_mutex_unlock(&once->mutex);
    return error;
}
