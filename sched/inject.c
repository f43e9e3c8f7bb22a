/*
 * inject.c: the shared queue. See inject.h.
 *
 * A worker takes its share (count / workers + 1, at most a batch) in one critical section and
 * keeps it in its own queue; so a burst from outside spreads without each task costing a lock.
 *   Rejected: an MPSC list (workers are many consumers); one queue per worker with random choice
 * (a foreign thread would have to know who is awake).
 */
#include "inject.h"

#include "task_impl.h"

void sley__inject_init(struct sley__inject *q)
{
    q->lock = (struct sley__lock){0};
    q->first = q->last = NULL;
    store_relaxed(&q->count, 0);
}

void sley__inject_push(struct sley__inject *q, struct sley_task *first, struct sley_task *last,
                       size_t count)
{
    last->next = NULL;
    sley__lock_acquire(&q->lock);
    if (q->last)
        q->last->next = first;
    else
        q->first = first;
    q->last = last;
    store_relaxed(&q->count, load_relaxed(&q->count) + count);
    sley__lock_release(&q->lock);
}

struct sley_task *sley__inject_take(struct sley__inject *q, size_t max, size_t *count)
{
    struct sley_task *first, *last;
    size_t n = 1;

    *count = 0;
    if (!sley__inject_size(q) || !max)
        return NULL;
    sley__lock_acquire(&q->lock);
    first = last = q->first;
    if (first) {
        for (; n < max && last->next; n++)
            last = last->next;
        q->first = last->next;
        if (!q->first)
            q->last = NULL;
        last->next = NULL;
        store_relaxed(&q->count, load_relaxed(&q->count) - n);
        *count = n;
    }
    sley__lock_release(&q->lock);
    return first;
}

struct sley_task *sley__inject_take_foreign(struct sley__inject *q,
                                            const struct sley__worker *worker)
{
    struct sley_task *task, *before = NULL, *before_found = NULL, *found;
    unsigned looked = 0;

    sley__lock_acquire(&q->lock);
    found = q->first;
    for (task = q->first; task && looked < SLEY__INJECT_LOOK; before = task, task = task->next) {
        looked++;
        if (task->worker != worker) {
            found = task;
            before_found = before;
            break;
        }
    }
    if (found) {
        if (before_found)
            before_found->next = found->next;
        else
            q->first = found->next;
        if (q->last == found)
            q->last = before_found;
        store_relaxed(&q->count, load_relaxed(&q->count) - 1);
    }
    sley__lock_release(&q->lock);
    return found;
}
