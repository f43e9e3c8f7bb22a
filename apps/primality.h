/*
 * primality.h: work that computes: whether a number is a prime.
 */
#ifndef SLEY_APPS_PRIMALITY_H
#define SLEY_APPS_PRIMALITY_H

#include <stddef.h>
#include <stdint.h>

/* Data of the work. It has no pointers, so it can be worked on anywhere. */
struct primality {
    uint64_t number;
    int64_t took; /* ns; the work fills it in */
};

enum { PRIME = 1, NOT_PRIME = 0, GAVE_UP = -1 };

/* A sley_work_fn: `data` is a struct primality. One of the three above; GAVE_UP: because the task
 * that it runs in was cancelled, or after primality_give_up(). Any thread; on a task it yields now
 * and then. */
int primality_work(void *data, size_t size);

/* From now on all such work of this process gives up, also that which runs. Any thread. */
void primality_give_up(void);

#endif
