/*
 * inject.h: the shared queue. Level 2.
 *
 * Where tasks go that have no worker's queue to go to: those made ready by foreign threads, and the
 * older half of a worker's queue when it is full. First in, first out, a lock around an intrusive
 * list: batches make the lock rare, and a lock-free list would not be faster for one.
 */
#ifndef SLEY_INJECT_H
#define SLEY_INJECT_H

#include "atomic.h"
#include "lock.h"

struct sley_task;
struct sley__worker;

struct sley__inject {
    ALIGN_LINE struct sley__lock lock;
    struct sley_task *first, *last; /* lock */
    atomic(size_t) count;           /* written under lock, read without: a hint to look */
};

/* At most this many are taken at once. */
#ifdef SLEY_HOSTILE
#define SLEY__INJECT_BATCH 2
#else
#define SLEY__INJECT_BATCH 128
#endif

void sley__inject_init(struct sley__inject *q);

/* Appends the chain first..last (linked through task->next), `count` tasks. Any thread. The caller
 * then notifies the idle workers: the count is stored before and is what they check last. */
void sley__inject_push(struct sley__inject *q, struct sley_task *first, struct sley_task *last,
                       size_t count);

/* Takes up to `max` from the front as a chain through next; *count of them. NULL: none. Any worker.
 */
struct sley_task *sley__inject_take(struct sley__inject *q, size_t max, size_t *count);

/* How far sley__inject_take_foreign looks: a queue of a million tasks is not walked for each. */
#define SLEY__INJECT_LOOK 32

/* Takes one task: of the first few one that ran last on another worker if there is such a one, else
 * the first. For builds that force migrations. Any worker. */
struct sley_task *sley__inject_take_foreign(struct sley__inject *q,
                                            const struct sley__worker *worker);

/* Any thread. Partner: the fences of the idle protocol. */
static inline size_t sley__inject_size(struct sley__inject *q)
{
    return load_relaxed(&q->count);
}

#endif
