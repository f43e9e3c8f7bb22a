/*
 * gate.h: at most so many tasks at once between gate_enter() and gate_leave(): a semaphore.
 *
 * It is built on sley/park.h alone, as anybody could: a worked example of that header until the
 * library has semaphores of its own. First come, first served. All calls are for tasks.
 */
#ifndef SLEY_APPS_GATE_H
#define SLEY_APPS_GATE_H

#include <pthread.h>

struct gate_waiter;

/* A value; lives where its owner puts it, from gate_init() to gate_close(). */
struct gate {
    pthread_mutex_t
        lock;         /* over the fields below; held for a few instructions, never over a park */
    unsigned free;    /* how many may still enter; above 0 only while nobody waits */
    unsigned waiting; /* tasks in the queue */
    struct gate_waiter *first, **last;
};

void gate_init(struct gate *gate, unsigned places);
void gate_close(struct gate *gate); /* nobody may be in it or wait for it */

/* Enters, waiting for a place if there is none. 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT: then the
 * task is not inside. Parks. */
int gate_enter(struct gate *gate);

/* Leaves; the place goes to the task that has waited longest. Never parks. */
void gate_leave(struct gate *gate);

#endif
