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
    q->woken = q->spawned = (struct sley__inject_list){0};
    q->woken_left = SLEY__INJECT_WOKEN_BUDGET;
    store_relaxed(&q->count, 0);
}

void sley__inject_push(struct sley__inject *q, struct sley_task *first, struct sley_task *last,
                       size_t count)
{
    struct sley__inject_list *list = first->stack ? &q->woken : &q->spawned;

    last->next = NULL;
    sley__lock_acquire(&q->lock);
    if (list->last)
        list->last->next = first;
    else
        list->first = first;
    list->last = last;
    list->pushed += count;
    store_relaxed(&q->count, load_relaxed(&q->count) + count);
    sley__lock_release(&q->lock);
}

/* The list that goes first this time, not empty unless both are. Under the lock. */
static struct sley__inject_list *turn(struct sley__inject *q)
{
    if (!q->woken.first)
        return &q->spawned;
    if (q->spawned.first && !q->woken_left) {
        q->woken_left = SLEY__INJECT_WOKEN_BUDGET;
        return &q->spawned;
    }
    q->woken_left -= q->woken_left > 0;
    return &q->woken;
}

/* Whether the oldest task of the list has waited for too long. Moves the mark. Under the lock. */
static bool starves(struct sley__inject_list *list, int64_t now)
{
    if (list->taken >= list->mark) {
        list->mark = list->pushed;
        list->since = now;
    }
    return list->taken < list->mark && now - list->since >= SLEY__INJECT_STARVING;
}

/* Moves up to `max` tasks from the front of `list` to the end of the chain; how many. Under the
 * lock. */
static size_t move(struct sley__inject_list *list, size_t max, struct sley__inject_list *chain)
{
    struct sley_task *first = list->first, *last = first;
    size_t n = 1;

    if (!first || !max)
        return 0;
    for (; n < max && last->next; n++)
        last = last->next;
    list->first = last->next;
    if (!list->first)
        list->last = NULL;
    last->next = NULL;
    if (chain->last)
        chain->last->next = first;
    else
        chain->first = first;
    chain->last = last;
    list->taken += n;
    return n;
}

struct sley_task *sley__inject_take(struct sley__inject *q, size_t max, size_t *count)
{
    struct sley__inject_list chain = {0}, *list;

    *count = 0;
    if (!sley__inject_size(q) || !max)
        return NULL;
    sley__lock_acquire(&q->lock);
    list = turn(q);
    *count = move(list, max, &chain);
    *count += move(list == &q->woken ? &q->spawned : &q->woken, max - *count, &chain);
    store_relaxed(&q->count, load_relaxed(&q->count) - *count);
    sley__lock_release(&q->lock);
    return chain.first;
}

struct sley_task *sley__inject_take_one(struct sley__inject *q, int64_t now, bool *starving)
{
    struct sley__inject_list chain = {0};
    bool spawned;

    sley__lock_acquire(&q->lock);
    spawned = starves(&q->spawned, now);
    *starving = starves(&q->woken, now) || spawned;
    if (spawned && q->woken_left > 1)
        q->woken_left = 1;
    store_relaxed(&q->count, load_relaxed(&q->count) - move(turn(q), 1, &chain));
    sley__lock_release(&q->lock);
    return chain.first;
}

/* Takes `task`, which comes after `before`, out of the list. Under the lock. */
static void unlink_task(struct sley__inject_list *list, struct sley_task *before,
                        struct sley_task *task)
{
    if (before)
        before->next = task->next;
    else
        list->first = task->next;
    if (list->last == task)
        list->last = before;
    list->taken++;
}

struct sley_task *sley__inject_take_foreign(struct sley__inject *q,
                                            const struct sley__worker *worker)
{
    struct sley_task *task, *before = NULL, *before_found = NULL, *found;
    struct sley__inject_list *list;
    unsigned looked = 0;

    sley__lock_acquire(&q->lock);
    list = turn(q);
    found = list->first;
    for (task = found; task && looked < SLEY__INJECT_LOOK; before = task, task = task->next) {
        looked++;
        if (task->worker != worker) {
            found = task;
            before_found = before;
            break;
        }
    }
    if (found) {
        unlink_task(list, before_found, found);
        found->next = NULL;
        store_relaxed(&q->count, load_relaxed(&q->count) - 1);
    }
    sley__lock_release(&q->lock);
    return found;
}
