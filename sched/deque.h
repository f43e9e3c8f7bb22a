/*
 * deque.h: a worker's run queue. Level 2.
 *
 * A ring of 1,024 slots. The owner pushes at the tail and takes from the head (in order) or from
 * the tail (the task it has just made ready, while its data is in the cache: what other schedulers
 * keep in a separate LIFO slot is here simply the youngest entry). Thieves take the older half.
 *
 * The owner runs no atomic read-modify-write and no fence: every work-stealing queue with one per
 * pop has a floor of 5.5-8 ns. Instead it announces a take by a plain store and then looks whether
 * a thief has a claim, and a thief announces its claim and then looks where the owner is: a Dekker
 * duel in which the thief pays, with fence_heavy(). A steal so costs 1-4 us when another core is
 * running, which is less than moving one task's cache lines a few times, and thieves take half
 * the queue at once.
 *
 *        head           claimed            tail
 *   ------|--- stolen ----|---- ready ------|-------   indexes only grow; slot = index % size
 *
 * Invariants (asserted by sley__deque_validate, explored by the model):
 *  - Only the owner writes head, tail and slots. Only a thief that holds `steal` writes claimed and
 *    stolen_from. claimed is the end of the youngest claim.
 *  - stolen_from <= i < claimed means that slot i belongs to thieves for good. Claims made before
 *    the owner has noticed the first of them are adjacent, so one range describes all.
 *  - The owner advances head beyond claimed only under `steal`, that is after the thief has copied
 *    its slots; so a slot is not reused while a thief reads it.
 *
 * Sources: the THE protocol of Cilk-5 (Frigo, Leiserson, Randall, 1998) for the duel; Go's
 * runqgrab for ring, half and order; Lace for moving the cost from the owner to the thief.
 *   Rejected: Chase-Lev (a seq_cst fence per take); Go's CAS on head (5.6 ns per take); a split
 *   queue whose private half the owner must publish on request (a hog would never answer).
 */
#ifndef SLEY_DEQUE_H
#define SLEY_DEQUE_H

#include "atomic.h"
#include "lock.h"

struct sley_task;

#ifndef SLEY__DEQUE_SIZE
#ifdef SLEY_HOSTILE
#define SLEY__DEQUE_SIZE 4
#else
#define SLEY__DEQUE_SIZE 1024
#endif
#endif
#define SLEY__DEQUE_MASK (SLEY__DEQUE_SIZE - 1)

struct sley__deque {
    /* Written by the owner, read by thieves. */
    ALIGN_LINE atomic(uint64_t) head; /* next to take */
    atomic(uint64_t) tail; /* next to fill; release: the slots below it and their tasks */

    /* Written by thieves that hold `steal`, read by the owner. */
    ALIGN_LINE atomic(uint64_t) claimed;
    uint64_t stolen_from;
    struct sley__lock steal;

    ALIGN_LINE atomic(struct sley_task *) slot[SLEY__DEQUE_SIZE];
};

/* Rare paths, see deque.c. Owner only. */
struct sley_task *sley__deque_take_contended(struct sley__deque *q, uint64_t index);
struct sley_task *sley__deque_take_tail_contended(struct sley__deque *q, uint64_t index);
bool sley__deque_full(struct sley__deque *q);

void sley__deque_init(struct sley__deque *q);

/* Appends. False: full. Owner only. */
MUST_USE static inline bool sley__deque_push(struct sley__deque *q, struct sley_task *task)
{
    uint64_t tail = load_relaxed(&q->tail);

    if (unlikely(tail - load_relaxed(&q->head) >= SLEY__DEQUE_SIZE) && sley__deque_full(q))
        return false;
    store_relaxed(&q->slot[tail & SLEY__DEQUE_MASK], task);
    store_release(&q->tail, tail + 1); /* partner: acquire in sley__deque_steal */
    return true;
}

/* Slots that are not free, stolen ones that the owner has not noticed included. Owner only. */
static inline unsigned sley__deque_used(struct sley__deque *q)
{
    return (unsigned)(load_relaxed(&q->tail) - load_relaxed(&q->head));
}

/* A turn of the ring: appends `task` and takes the oldest into *oldest. False: it is empty or full,
 * and nothing was done. *oldest may be `task` itself, or NULL, if thieves were faster. The queue is
 * never seen empty meanwhile, which a take and a push would let it be: so whoever goes to sleep
 * need not be told of `task`. Owner only. */
MUST_USE static inline bool sley__deque_rotate(struct sley__deque *q, struct sley_task *task,
                                               struct sley_task **oldest)
{
    uint64_t head = load_relaxed(&q->head), tail = load_relaxed(&q->tail);

    if (tail - head - 1 >= SLEY__DEQUE_SIZE - 1)
        return false;
    store_relaxed(&q->slot[tail & SLEY__DEQUE_MASK], task);
    store_release(&q->tail, tail + 1); /* partner: acquire in sley__deque_steal */
    /* Release: who sees that the oldest is gone sees `task` too. Partner: sley__deque_size. What
     * the contended take stores over it goes on from there: a release sequence. */
    store_release(&q->head, head + 1);
    fence_light(); /* partner: fence_heavy in sley__deque_steal */
    if (unlikely(load_relaxed(&q->claimed) > head))
        *oldest = sley__deque_take_contended(q, head);
    else
        *oldest = load_relaxed(&q->slot[head & SLEY__DEQUE_MASK]);
    return true;
}

/* The oldest task, or NULL. Owner only. */
static inline struct sley_task *sley__deque_take(struct sley__deque *q)
{
    uint64_t head = load_relaxed(&q->head);

    if (head == load_relaxed(&q->tail))
        return NULL;
    store_relaxed(&q->head, head + 1);
    fence_light(); /* partner: fence_heavy in sley__deque_steal */
    if (unlikely(load_relaxed(&q->claimed) > head))
        return sley__deque_take_contended(q, head);
    return load_relaxed(&q->slot[head & SLEY__DEQUE_MASK]);
}

/* The youngest task, or NULL. Owner only. */
static inline struct sley_task *sley__deque_take_tail(struct sley__deque *q)
{
    uint64_t tail = load_relaxed(&q->tail);

    if (tail == load_relaxed(&q->head))
        return NULL;
    tail--;
    /* Release although nothing new is published: a thief that reads this lower value must still see
     * the slots below it. */
    store_release(&q->tail, tail);
    fence_light(); /* partner: fence_heavy in sley__deque_steal */
    if (unlikely(load_relaxed(&q->claimed) > tail))
        return sley__deque_take_tail_contended(q, tail);
    return load_relaxed(&q->slot[tail & SLEY__DEQUE_MASK]);
}

/* About how many tasks a thief could find. Any thread. `tail` (may be NULL) is a stamp: while it
 * and the size stay the same, so do the tasks. */
static inline unsigned sley__deque_size(struct sley__deque *q, uint64_t *stamp)
{
    uint64_t claimed = load_relaxed(&q->claimed);
    uint64_t head = load_acquire(&q->head); /* before the tail; partner: release in rotate */
    uint64_t tail = load_relaxed(&q->tail);
    int64_t n = (int64_t)(tail - (head > claimed ? head : claimed));

    if (stamp)
        *stamp = tail;
    return n > 0 ? (unsigned)n : 0;
}

#if SLEY__DEQUE_SIZE < 256
#define SLEY__STEAL_MAX (SLEY__DEQUE_SIZE / 2)
#else
#define SLEY__STEAL_MAX 128 /* 1 KiB of the thief's stack */
#endif

/* Takes the older half of somebody else's queue, rounded up, at most SLEY__STEAL_MAX, into
 * `stolen`, oldest first; how many. 0 also when another thief is at it. Any thread but the owner.
 */
unsigned sley__deque_steal(struct sley__deque *q, struct sley_task *stolen[SLEY__STEAL_MAX]);

/* Panics if the indexes are out of order. Owner, or when nobody else runs. */
void sley__deque_validate(struct sley__deque *q);

#endif
