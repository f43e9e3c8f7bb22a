/*
 * chan_impl.h: what a channel shares with select. Level 3.
 */
#ifndef SLEY_CHAN_IMPL_H
#define SLEY_CHAN_IMPL_H

#include "waiters.h"

#include <sley/chan.h>

/* One call of sley_select: its cases wait in several channels at once, and one of them may win. */
struct sley__choice {
    atomic(uint32_t) taken; /* 1: somebody has won, or the call has given up. Any thread */
    size_t winner;          /* by who takes it, before the wake */
};

/* A send or receive that waits, on the waiter's stack. */
struct sley__transfer {
    struct sley__waiter waiter;
    void *item;                  /* where from, or where to */
    int result;                  /* by who ends it, under the channel's lock */
    struct sley__choice *choice; /* NULL: it is alone */
    size_t index;                /* of its case */
    bool entered;                /* of a select: it has been in the list. The waiter only */
    bool expected;               /* counted in the channel as that. Lock */
};

struct sley_chan {
    struct sley__lock lock;     /* protects all but the constants */
    int closed;                 /* 0, or what it was closed with */
    size_t item_size, capacity; /* constant */
    size_t first, length, peak; /* the ring: oldest item, how many, most ever */
    uint64_t sent;
    struct sley__waiters senders, receivers; /* their own locks are not used */
    size_t waiting_senders, waiting_receivers;
    size_t expected;          /* transfers that are in no list any more and will yet call leave */
    bool freed;               /* the last of those, and of those in the lists, frees it */
    atomic(uint32_t) selects; /* how many have begun with it; about */
    char *items;              /* capacity * item_size bytes */
};

/* Whether it looks as if it could be done now by somebody who has no other transfer here than those
 * of `self`: a partner may be gone the next moment. Under the lock. */
bool sley__chan_ready(struct sley_chan *chan, bool send, const struct sley__choice *self);

/* Queues a transfer. Under the lock. */
void sley__chan_enqueue(struct sley_chan *chan, struct sley__transfer *transfer, bool send);

/* Takes it out if it is still there, and passes through the lock in any case. Afterwards the
 * channel may be gone: its user may have freed it once the transfer was done. For every transfer
 * that was queued, but one of a task alone that was woken because it is done. Without the lock. */
void sley__chan_leave(struct sley_chan *chan, struct sley__transfer *transfer, bool send);

#endif
