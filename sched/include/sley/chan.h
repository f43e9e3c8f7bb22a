/*
 * sley/chan.h: channels, through which tasks and threads hand items to each other, and select.
 *
 * An item is a value of a fixed size that is copied in and out. An unbuffered channel hands it from
 * a sender to a receiver when both are there; a buffered one keeps up to its capacity meanwhile.
 * Any number of senders and receivers, tasks and foreign threads, may use one; each kind is served
 * in the order of arrival. What was sent arrives once, in the order in which it was sent, and is
 * not lost with a receiver that is cancelled: an item is received by a call that returns 0, or by
 * another one.
 */
#ifndef SLEY_CHAN_H
#define SLEY_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A channel. Made by sley_chan_new(), freed by sley_chan_free(). */
struct sley_chan;

/* Makes a channel.
 *   item_size  bytes of an item; 0 for one that only tells that something has happened
 *   capacity   items it keeps; 0: unbuffered
 * 0, SLEY_ENOMEM, or SLEY_EINVAL if a buffer of that size cannot exist. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_chan_new(size_t item_size, size_t capacity, struct sley_chan **out);

/* Frees it with the items that nobody has received. Nobody may be waiting, or begin to; but a call
 * whose item has changed hands, or which a close has ended, need not have returned yet: so the
 * receiver of the last item may free the channel at once, or its sender, or who has closed it. NULL
 * is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_chan_free(struct sley_chan *chan);

/* Sends a copy of *item: waits until it is in the buffer, or received.
 *   0               sent
 *   SLEY_ECLOSED, or the reason given to sley_chan_close()
 *                   closed before that; not sent
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   not sent
 * Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_chan_send(struct sley_chan *chan, const void *item);

/* Receives the oldest item into *item. 0; SLEY_ECLOSED or the reason, once it is closed and what
 * was sent before has been received; SLEY_ECANCELED, SLEY_ETIMEDOUT: nothing was received. Any
 * thread. May park. Since 0.1. */
SLEY_EXPORT int sley_chan_recv(struct sley_chan *chan, void *item);

/* The same without waiting: 1 if done, 0 if they would have to wait, or SLEY_ECLOSED / the reason.
 * Any thread. Never park. Since 0.1. */
SLEY_EXPORT int sley_chan_try_send(struct sley_chan *chan, const void *item);
SLEY_EXPORT int sley_chan_try_recv(struct sley_chan *chan, void *item);

/* Closes it: sends fail from now on, and those that wait; receives fail once it is empty.
 *   reason  what both sides are told: a negative code, or 0 for SLEY_ECLOSED
 * 0, or what it was closed with before: that stays. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_chan_close(struct sley_chan *chan, int reason);

struct sley_chan_stats {
    size_t capacity;
    size_t length;             /* items in the buffer */
    size_t peak;               /* most there have been */
    size_t senders, receivers; /* who wait now */
    uint64_t sent;             /* items since it was made */
    int closed;                /* 0, or what it was closed with */
};

/* What goes on. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_chan_stats(struct sley_chan *chan, struct sley_chan_stats *stats);

/* --- select ----------------------------------------------------------------------------------- */

enum sley_select_direction { SLEY_SELECT_RECV, SLEY_SELECT_SEND };

/* One of several things to do: a receive into `item`, or a send of it. */
struct sley_select_case {
    struct sley_chan *chan; /* NULL: never ready */
    enum sley_select_direction direction;
    void *item;
    int result; /* out, of the case that was done: 0, or as sley_chan_send / sley_chan_recv */
};

#define SLEY_SELECT_MAX 64

/* Waits until one of the cases can be done, and does exactly that one; of several that are ready at
 * once a random one. A case on a closed channel is ready.
 *   deadline  absolute, ns; SLEY_FOREVER for none; one that has passed: only looks
 * Returns the index of the case that was done, or
 *   SLEY_ETIMEDOUT, SLEY_ECANCELED  none was
 *   SLEY_EINVAL     more than SLEY_SELECT_MAX cases
 * The same channel may stand in several cases. Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_select(struct sley_select_case *cases, size_t count, int64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
