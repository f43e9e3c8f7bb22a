/*
 * inject.h: the shared queue. Level 2.
 *
 * Where tasks go that have no worker's queue to go to: those made ready by foreign threads, and the
 * older half of a worker's queue when it is full. A lock around intrusive lists: batches make the
 * lock rare, and a lock-free list would not be faster for one.
 *
 * Two lists, each first in, first out: tasks that have run and were woken go before tasks that have
 * not, because somebody waits for what they have begun; with one list the answer to a request stood
 * behind every one of a million spawns. Each ninth time it is the other way round.
 *
 * Workers whose own queues never run empty take a task from here now and then, and more often when
 * the oldest of a list has waited for more than 10 ms. If that is the list of the spawned ones, it
 * has each second turn. No task has the time on it at which it came: a mark in the list says how
 * many had come at some instant, and moves on when they have all been taken.
 */
#ifndef SLEY_INJECT_H
#define SLEY_INJECT_H

#include "atomic.h"
#include "lock.h"

struct sley_task;
struct sley__worker;

struct sley__inject_list {
    struct sley_task *first, *last; /* through next */
    uint64_t pushed, taken;         /* tasks, ever */
    uint64_t mark;                  /* `pushed` at the time `since`, ns */
    int64_t since;
};

/* ns that the oldest task of a list may wait before it counts as starving. */
#define SLEY__INJECT_STARVING ((int64_t)10000000)

struct sley__inject {
    ALIGN_LINE struct sley__lock lock;
    unsigned woken_left;              /* takes before a spawned task has its turn; lock */
    struct sley__inject_list woken;   /* tasks that have run: they have a stack; lock */
    struct sley__inject_list spawned; /* lock */
    atomic(size_t) count; /* of both; written under lock, read without: a hint to look */
};

/* How many takes may begin with the woken ones, while there are others. */
#define SLEY__INJECT_WOKEN_BUDGET 8

/* At most this many are taken at once. */
#ifdef SLEY_HOSTILE
#define SLEY__INJECT_BATCH 2
#else
#define SLEY__INJECT_BATCH 128
#endif

void sley__inject_init(struct sley__inject *q);

/* Appends the chain first..last (linked through task->next), `count` tasks, all of them woken or
 * all of them spawned. Any thread. The caller then notifies the idle workers: the count is stored
 * before and is what they check last. */
void sley__inject_push(struct sley__inject *q, struct sley_task *first, struct sley_task *last,
                       size_t count);

/* Takes up to `max` as a chain through next, *count of them. NULL: none. Any worker. */
struct sley_task *sley__inject_take(struct sley__inject *q, size_t max, size_t *count);

/* For a worker that has other work: one task, NULL if there is none. *starving: some had waited for
 * too long at `now`, in ns; others may. Any worker. */
struct sley_task *sley__inject_take_one(struct sley__inject *q, int64_t now, bool *starving);

/* How far sley__inject_take_foreign looks: a queue of a million tasks is not walked for each. */
#define SLEY__INJECT_LOOK 32

/* Takes one task: of the first few of the list whose turn it is one that ran last on another worker
 * if there is such a one, else the first; its next is NULL. For builds that force migrations. Any
 * worker. */
struct sley_task *sley__inject_take_foreign(struct sley__inject *q,
                                            const struct sley__worker *worker);

/* Any thread. Partner: the fences of the idle protocol. */
static inline size_t sley__inject_size(struct sley__inject *q)
{
    return load_relaxed(&q->count);
}

#endif
