/*
 * fetch_rate.h: so many bytes in a second, all transfers together.
 */
#ifndef SLEY_APPS_FETCH_RATE_H
#define SLEY_APPS_FETCH_RATE_H

#include <pthread.h>
#include <stdint.h>

/* A value; from fetch_rate_init() to fetch_rate_close(). */
struct fetch_rate {
    uint64_t rate; /* bytes in a second; 0: no limit; constant */
    pthread_mutex_t lock;
    int64_t next; /* when what was let through so far may be through; under the lock */
};

void fetch_rate_init(struct fetch_rate *rate, uint64_t bytes);
void fetch_rate_close(struct fetch_rate *rate);

/* Until when the caller must wait who has received so many bytes at the time `now`. Any thread. */
int64_t fetch_rate_reserve(struct fetch_rate *rate, uint64_t bytes, int64_t now);

/* Waits so long. 0, SLEY_ECANCELED, SLEY_ETIMEDOUT. From a task. May park. */
int fetch_rate_wait(struct fetch_rate *rate, uint64_t bytes);

#endif
