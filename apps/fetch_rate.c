/*
 * fetch_rate.c: so many bytes in a second, all transfers together.
 *
 * One number: the time at which everything that was received so far would have come at the rate
 * that is allowed. Who has received a piece moves it on by what the piece is worth, and waits until
 * then. While it waits it takes nothing, its buffer fills, and in the end the server waits, so the
 * limit reaches the wire without anybody counting there. Time that nobody has used is lost: a
 * bucket that fills up meanwhile would let the first second after a pause go at full speed.
 */
#include "fetch_rate.h"

#include <sley/time.h>

void fetch_rate_init(struct fetch_rate *rate, uint64_t bytes)
{
    rate->rate = bytes;
    rate->next = 0;
    pthread_mutex_init(&rate->lock, NULL);
}

void fetch_rate_close(struct fetch_rate *rate)
{
    pthread_mutex_destroy(&rate->lock);
}

int64_t fetch_rate_reserve(struct fetch_rate *rate, uint64_t bytes, int64_t now)
{
    int64_t cost = (int64_t)((double)bytes / (double)rate->rate * 1e9);

    pthread_mutex_lock(&rate->lock);
    if (rate->next < now)
        rate->next = now;
    rate->next += cost;
    int64_t until = rate->next;
    pthread_mutex_unlock(&rate->lock);
    return until;
}

int fetch_rate_wait(struct fetch_rate *rate, uint64_t bytes)
{
    if (!rate->rate)
        return 0;
    return sley_sleep_until(fetch_rate_reserve(rate, bytes, sley_now()));
}
