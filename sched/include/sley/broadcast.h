/*
 * sley/broadcast.h: broadcast channels: each subscriber receives every item.
 *
 * Items are values of a fixed size that are copied in and out. A subscriber receives what is sent
 * from its subscription on, all of it and in the order of sending; what is sent while nobody is
 * subscribed is sent to nobody. The newest items, as many as the capacity, are kept until every
 * subscriber has received them. What happens when one of them is slower than that is decided when
 * the broadcast is made: the senders wait for it, or it loses its oldest items and is told how
 * many. Tasks and foreign threads may use all of it.
 */
#ifndef SLEY_BROADCAST_H
#define SLEY_BROADCAST_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where one sends. Made by sley_broadcast_new(), freed by sley_broadcast_free(). */
struct sley_broadcast;

/* Where one receives. Made by sley_broadcast_subscribe(), given back by
 * sley_broadcast_unsubscribe(). Several receivers that share one share its items: each goes to one
 * of them. */
struct sley_subscription;

/* What a send does when the slowest subscriber has not received an item for which there is no room
 * any more. */
enum sley_broadcast_slow {
    SLEY_BROADCAST_WAIT, /* it waits: the slowest subscriber sets the pace of all */
    SLEY_BROADCAST_DROP, /* it never waits: that subscriber loses its oldest item */
};

/* Makes a broadcast channel.
 *   item_size  bytes of an item; 0 for one that only tells that something has happened
 *   capacity   items it keeps, at least 1
 *   slow       what to do about slow subscribers
 * 0, SLEY_ENOMEM, or SLEY_EINVAL if the capacity is 0 or a buffer of that size cannot exist. Any
 * thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_broadcast_new(size_t item_size, size_t capacity, enum sley_broadcast_slow slow,
                                   struct sley_broadcast **out);

/* Frees it. Nobody may be waiting, and all subscriptions have been given back; a sender whose item
 * was received may be on its way back from its call still. NULL is fine. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_broadcast_free(struct sley_broadcast *broadcast);

/* Begins to receive what is sent from now on. Also possible when it is closed: then there is
 * nothing to receive. 0, or SLEY_ENOMEM. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_broadcast_subscribe(struct sley_broadcast *broadcast,
                                         struct sley_subscription **out);

/* Ends it; senders no longer wait for it. Nobody may be waiting to receive from it. NULL is fine.
 * Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_broadcast_unsubscribe(struct sley_subscription *subscription);

/* Sends a copy of *item to all subscribers; with SLEY_BROADCAST_WAIT it waits until there is room,
 * senders in the order of arrival.
 *   0               sent, perhaps to nobody
 *   SLEY_ECLOSED, or the reason given to sley_broadcast_close()
 *                   closed before that; not sent
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   not sent
 * Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_broadcast_send(struct sley_broadcast *broadcast, const void *item);

/* Receives the subscriber's next item into *item.
 *   lost  if not NULL: how many items it has lost directly before this one
 * 0; SLEY_ECLOSED or the reason, once it is closed and what was sent before has been received;
 * SLEY_ECANCELED, SLEY_ETIMEDOUT: nothing was received, and *lost is not set. Any thread. May park.
 * Since 0.1. */
SLEY_EXPORT int sley_broadcast_recv(struct sley_subscription *subscription, void *item,
                                    uint64_t *lost);

/* The same without waiting: 1 if done, 0 if they would have to wait, or SLEY_ECLOSED / the reason.
 * Any thread. Never park. Since 0.1. */
SLEY_EXPORT int sley_broadcast_try_send(struct sley_broadcast *broadcast, const void *item);
SLEY_EXPORT int sley_broadcast_try_recv(struct sley_subscription *subscription, void *item,
                                        uint64_t *lost);

/* Closes it: sends fail from now on, and those that wait; each subscriber's receives fail once it
 * has received what was sent before.
 *   reason  what both sides are told: a negative code, or 0 for SLEY_ECLOSED
 * 0, or what it was closed with before: that stays. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_broadcast_close(struct sley_broadcast *broadcast, int reason);

struct sley_broadcast_stats {
    size_t capacity;
    size_t length;             /* items that somebody has not received yet */
    size_t peak;               /* most there have been */
    size_t subscribers;        /* subscriptions */
    size_t senders, receivers; /* who wait now */
    uint64_t sent;             /* items since it was made */
    uint64_t lost;             /* by subscribers that were too slow, each its own */
    int closed;                /* 0, or what it was closed with */
};

/* What goes on. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_broadcast_stats(struct sley_broadcast *broadcast,
                                      struct sley_broadcast_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
