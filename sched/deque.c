/*
 * deque.c: the contended half of the run queue: stealing, and the owner meeting a thief.
 *
 * The thief's protocol, under `steal` so that there is one thief at a time:
 *   1. look: from = max(head, claimed), n = tail - from. Nothing there: leave, at no cost.
 *   2. claim: claimed = from + half.
 *   3. fence_heavy(): from here on the owner sees the claim before it takes anything else, and we
 *      see every take that it made without having seen the claim.
 *   4. look again: head may have moved up and tail down meanwhile. What is left of the claim is
 *      ours for good; claimed is set back where the owner was faster at the tail.
 *   5. copy the slots, leave.
 *
 * The owner, having announced its take of slot i and found claimed > i, waits for the lock; then
 * the thief has finished and the range [stolen_from, claimed) says whose slot i is. If it is the
 * thief's, head skips the whole range. Of two announcements that crossed in step 2 and 3 both sides
 * may see each other; then the thief has left slot i alone (it saw head = i + 1) and stolen_from is
 * above i: the owner keeps it.
 */
#include "deque.h"

void sley__deque_init(struct sley__deque *q)
{
    uint64_t i;

    store_relaxed(&q->head, 0);
    store_relaxed(&q->tail, 0);
    store_relaxed(&q->claimed, 0);
    q->stolen_from = 0;
    q->steal = (struct sley__lock){0};
    for (i = 0; i < SLEY__DEQUE_SIZE; i++)
        store_relaxed(&q->slot[i], NULL);
}

/* Moves head over what thieves have taken. Owner, under the lock. */
static void skip_stolen(struct sley__deque *q)
{
    uint64_t claimed = load_relaxed(&q->claimed);

    if (load_relaxed(&q->head) < claimed)
        store_relaxed(&q->head, claimed);
}

/* The owner announced taking slot `index` at the head and saw a claim beyond it. Owner only. */
struct sley_task *sley__deque_take_contended(struct sley__deque *q, uint64_t index)
{
    sley__lock_acquire(&q->steal);
    if (index >= q->stolen_from && index < load_relaxed(&q->claimed)) {
        skip_stolen(q);
        index = load_relaxed(&q->head);
        if (index == load_relaxed(&q->tail)) {
            sley__lock_release(&q->steal);
            return NULL;
        }
        store_relaxed(&q->head, index + 1);
    }
    sley__lock_release(&q->steal);
    return load_relaxed(&q->slot[index & SLEY__DEQUE_MASK]);
}

/* The same at the tail. If slot `index` was stolen so was everything older. Owner only. */
struct sley_task *sley__deque_take_tail_contended(struct sley__deque *q, uint64_t index)
{
    struct sley_task *task = NULL;

    sley__lock_acquire(&q->steal);
    if (index >= q->stolen_from && index < load_relaxed(&q->claimed)) {
        ensure(load_relaxed(&q->claimed) == index + 1);
        store_release(&q->tail, index + 1);
        skip_stolen(q);
    } else {
        task = load_relaxed(&q->slot[index & SLEY__DEQUE_MASK]);
    }
    sley__lock_release(&q->steal);
    return task;
}

/* The ring looks full: perhaps only because stolen slots have not been skipped yet. Owner only. */
bool sley__deque_full(struct sley__deque *q)
{
    if (load_relaxed(&q->claimed) <= load_relaxed(&q->head))
        return true;
    sley__lock_acquire(&q->steal);
    skip_stolen(q);
    sley__lock_release(&q->steal);
    return load_relaxed(&q->tail) - load_relaxed(&q->head) >= SLEY__DEQUE_SIZE;
}

/* Steps 1-4: leaves the claimed range in [*from, *end). Under the lock. */
static bool claim(struct sley__deque *q, uint64_t *from, uint64_t *end)
{
    uint64_t old = load_relaxed(&q->claimed), head = load_relaxed(&q->head);
    uint64_t tail = load_acquire(&q->tail); /* partner: release in push */
    int64_t n;

    *from = head > old ? head : old;
    n = (int64_t)(tail - *from);
    if (n <= 0)
        return false;
    if (n > SLEY__DEQUE_SIZE)
        n = SLEY__DEQUE_SIZE; /* head and tail were read at different times */
    n = (n + 1) / 2;
    *end = *from + (uint64_t)(n < SLEY__STEAL_MAX ? n : SLEY__STEAL_MAX);
    store_relaxed(&q->claimed, *end);
    fence_heavy(); /* partner: fence_light in take and take_tail */
    head = load_relaxed(&q->head);
    tail = load_acquire(&q->tail);
    if (*from < head)
        *from = head;
    if (*end > tail) {
        *end = tail > old ? tail : old;
        store_relaxed(&q->claimed, *end);
    }
    /* from == old: adjacent to a claim that the owner may not have noticed yet, so one range.
     * from >= end: the owner was faster, an empty range. */
    if (*from > old)
        q->stolen_from = *from < *end ? *from : *end;
    return *from < *end;
}

unsigned sley__deque_steal(struct sley__deque *q, struct sley_task *stolen[SLEY__STEAL_MAX])
{
    uint64_t from, end;
    unsigned n = 0;

    if (!sley__lock_try(&q->steal))
        return 0;
    if (claim(q, &from, &end))
        for (; from < end; from++)
            stolen[n++] = load_relaxed(&q->slot[from & SLEY__DEQUE_MASK]);
    sley__lock_release(&q->steal);
    return n;
}

void sley__deque_validate(struct sley__deque *q)
{
    uint64_t head = load_relaxed(&q->head), tail = load_relaxed(&q->tail);
    uint64_t claimed = load_relaxed(&q->claimed);

    ensure_msg(head <= tail && tail - head <= SLEY__DEQUE_SIZE && claimed <= tail,
               "run queue: head %llu, claimed %llu, tail %llu", (unsigned long long)head,
               (unsigned long long)claimed, (unsigned long long)tail);
}
