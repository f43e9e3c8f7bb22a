/*
 * inbox.h: what any thread hands to the I/O thread, in order. See loop.c for its use.
 *
 * A stack of intrusive nodes that producers push with one swap and the one consumer takes whole and
 * turns around: first in, first out, nothing allocated, no lock. Taking everything at once means
 * that a node is never popped from a list that others push to, so there is no ABA.
 */
#ifndef SLEY_INBOX_H
#define SLEY_INBOX_H

#include "atomic.h"

/* Lives in the struct that is handed over. Whoever pushes it may not touch or free it until its
 * `run` was called. */
struct sley__inbox_node {
    struct sley__inbox_node *next;
    void (*run)(struct sley__inbox_node *node); /* on the I/O thread */
};

struct sley__inbox {
    ALIGN_LINE atomic(struct sley__inbox_node *) head; /* newest first */
};

/* True if the inbox was empty: then the caller must wake the consumer. Any thread. */
static inline bool sley__inbox_push(struct sley__inbox *inbox, struct sley__inbox_node *node)
{
    struct sley__inbox_node *head = load_relaxed(&inbox->head);

    /* Release: publishes the node; partner is the exchange in take. */
    do
        node->next = head;
    while (!cas_acq_rel(&inbox->head, &head, node));
    return head == NULL;
}

/* Everything, oldest first, linked by `next`. The consumer only. */
static inline struct sley__inbox_node *sley__inbox_take(struct sley__inbox *inbox)
{
    struct sley__inbox_node *newest = exchange_acq_rel(&inbox->head, NULL), *oldest = NULL, *next;

    for (; newest; newest = next) {
        next = newest->next;
        newest->next = oldest;
        oldest = newest;
    }
    return oldest;
}

#endif
