/*
 * gate.c: a semaphore out of park and unpark.
 *
 * A task that finds no place puts a note with its name on it into a queue and parks. The note lies
 * on its own stack, so waiting allocates nothing. Who leaves takes the first note off the queue,
 * marks it and unparks its task: the place is handed over, it is never free in between, so
 * no newcomer can take it from one who has waited.
 *
 * Two races have to be thought of. A waiter that is cancelled may have been given the place in the
 * same moment: the mark, read under the lock, tells; it then has the place, and a success is
 * reported, for the next call that parks will return the cancellation anyhow. And the note may be
 * gone as soon as its owner sees the mark: therefore the unpark happens under the lock, without
 * which the owner cannot look.
 *
 * The lock is an ordinary mutex. That is fine in a task as long as no call that may park happens
 * while it is held.
 */
#include "gate.h"

#include <stdbool.h>
#include <stddef.h>

#include <sley/park.h>

/* A task's place in the queue; on its own stack. All fields under the gate's lock. */
struct gate_waiter {
    struct sley_task *task;
    struct gate_waiter *next;
    bool entered;
};

void gate_init(struct gate *gate, unsigned places)
{
    pthread_mutex_init(&gate->lock, NULL);
    gate->free = places;
    gate->waiting = 0;
    gate->first = NULL;
    gate->last = &gate->first;
}

void gate_close(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

/* Under the lock. */
static void remove_waiter(struct gate *gate, struct gate_waiter *waiter)
{
    struct gate_waiter **link = &gate->first;

    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    if (gate->last == &waiter->next)
        gate->last = link;
    gate->waiting--;
}

/* Waits for the mark. The lock is held on entry and on return. */
static int wait_in_queue(struct gate *gate, struct gate_waiter *waiter)
{
    *gate->last = waiter;
    gate->last = &waiter->next;
    gate->waiting++;
    while (!waiter->entered) {
        pthread_mutex_unlock(&gate->lock);
        int error = sley_park("a place in the gate");
        pthread_mutex_lock(&gate->lock);
        if (error && !waiter->entered) {
            remove_waiter(gate, waiter);
            return error;
        }
    }
    return 0;
}

int gate_enter(struct gate *gate)
{
    struct gate_waiter waiter = {.task = sley_self()};
    int error = sley_cancelled();

    if (error)
        return error;
    pthread_mutex_lock(&gate->lock);
    if (gate->free > 0)
        gate->free--;
    else
        error = wait_in_queue(gate, &waiter);
    pthread_mutex_unlock(&gate->lock);
    return error;
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    struct gate_waiter *waiter = gate->first;
    if (waiter) {
        remove_waiter(gate, waiter);
        waiter->entered = true;
        sley_unpark(waiter->task);
    } else {
        gate->free++;
    }
    pthread_mutex_unlock(&gate->lock);
}
