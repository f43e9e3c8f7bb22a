/*
 * broadcast.c: broadcast channels.
 *
 * One ring for all, and a place in it for each subscriber. Items are numbered from 0; item n lies
 * in slot n of the ring, and beside it how many subscribers have still to receive it. `next` is the
 * number of the next item, `oldest` of the oldest that somebody has yet to receive, and each
 * subscription knows the number of the one that it receives next:
 *
 *     oldest <= position of each subscription that has lost nothing <= next <= oldest + capacity
 *
 * When there is no room for the next item, its sender waits, or the oldest item is dropped: then
 * `oldest` moves past the place of those who have not had it, and the distance is what they have
 * lost. So a sender that drops does nothing for each subscriber, and a slow one finds out itself.
 *
 * A sender that waits is served by whoever makes room, under the lock, in the order of arrival: its
 * item is copied into the ring, and there is nothing left for it to do. Receivers are only told to
 * look: an item that is in the ring stays there for them, whoever else comes, so that one that was
 * cancelled meanwhile has taken nothing from anybody. Who wakes many gathers them in a batch, which
 * is made ready after the lock has been released, or each would run into it.
 *
 * A sender may have been served and not have come back yet when the last subscriber has received
 * its item, leaves, and frees the broadcast. So those who have been taken out of the senders' list
 * are counted until they have passed through the lock, and the last one of a freed broadcast frees
 * it. Receivers need no count: while one waits its subscription is in use.
 *
 *   Rejected: a queue for each subscriber (an item is copied for each of them, and a send with many
 * of them takes as long; but it could let one have a longer memory than another). Receivers given
 * their item in place (they have to look for what they have lost anyhow). Source: tokio's broadcast
 * for the count beside the slot and for telling the slow how much they have lost.
 */
#include "waiters.h"

#include <sley/broadcast.h>
#include <sley/iterator.h>

#include <stdlib.h>
#include <string.h>

struct sley_broadcast {
    struct sley__lock lock;           /* protects all but the constants */
    int closed;                       /* 0, or what it was closed with */
    bool waits;                       /* constant: senders wait for the slowest */
    size_t item_size, capacity, mask; /* constant; the ring has mask + 1 slots */
    uint64_t oldest, next;            /* numbers of items, see above */
    uint64_t lost;
    size_t subscribers, peak;
    size_t expected; /* senders that are in no list any more and have not come back yet */
    bool freed;      /* the last of those frees it */
    struct sley__waiters senders, receivers; /* their own locks are not used */
    size_t *unread;                          /* per slot: who have still to receive it */
    char *items;
};

struct sley_subscription {
    struct sley_broadcast *broadcast; /* constant */
    uint64_t position;                /* of the next item to receive. The broadcast's lock */
    size_t waiting;                   /* receivers. The broadcast's lock */
};

/* A send or receive that waits, on the waiter's stack. */
struct turn {
    struct sley__waiter waiter;
    const void *item; /* a send's */
    int result;       /* of a send; by who ends it, under the lock */
};

/* --- the ring; all under the lock ------------------------------------------------------------- */

static inline void *slot(const struct sley_broadcast *broadcast, uint64_t number)
{
    return broadcast->items + (number & broadcast->mask) * broadcast->item_size;
}

static inline size_t *unread(const struct sley_broadcast *broadcast, uint64_t number)
{
    return &broadcast->unread[number & broadcast->mask];
}

static size_t length(const struct sley_broadcast *broadcast)
{
    return (size_t)(broadcast->next - broadcast->oldest);
}

static void forget_read(struct sley_broadcast *broadcast)
{
    while (broadcast->oldest < broadcast->next && *unread(broadcast, broadcast->oldest) == 0)
        broadcast->oldest++;
}

/* There is room, or the oldest is dropped. */
static void put(struct sley_broadcast *broadcast, const void *item)
{
    if (length(broadcast) == broadcast->capacity) {
        broadcast->lost += *unread(broadcast, broadcast->oldest);
        broadcast->oldest++;
        forget_read(broadcast);
    }
    if (broadcast->item_size)
        memcpy(slot(broadcast, broadcast->next), item, broadcast->item_size);
    *unread(broadcast, broadcast->next) = broadcast->subscribers;
    broadcast->next++;
    if (!broadcast->subscribers)
        forget_read(broadcast);
    if (length(broadcast) > broadcast->peak)
        broadcast->peak = length(broadcast);
}

/* --- those who wait; all under the lock ------------------------------------------------------- */

static void wake(struct sley__waiter *waiter, struct sley__wake_batch *woken)
{
    waiter->granted = true;
    if (waiter->waker.task)
        sley__wake_batch_add(woken, waiter->waker, 0);
    else
        sley__waiter_wake(waiter);
}

static void wake_receivers(struct sley_broadcast *broadcast, struct sley__wake_batch *woken)
{
    struct sley__waiter *waiter;

    while ((waiter = broadcast->receivers.first)) {
        sley__waiters_remove(&broadcast->receivers, waiter);
        wake(waiter, woken);
    }
}

/* The first waiting sender is done with `result`. */
static void end_sender(struct sley_broadcast *broadcast, int result, struct sley__wake_batch *woken)
{
    struct turn *turn = container_of(broadcast->senders.first, struct turn, waiter);

    sley__waiters_remove(&broadcast->senders, &turn->waiter);
    turn->result = result;
    broadcast->expected++;
    wake(&turn->waiter, woken);
}

/* Somebody has received, or left: there may be room. */
static void make_room(struct sley_broadcast *broadcast, struct sley__wake_batch *woken)
{
    forget_read(broadcast);
    while (broadcast->senders.first && length(broadcast) < broadcast->capacity) {
        put(broadcast, container_of(broadcast->senders.first, struct turn, waiter)->item);
        wake_receivers(broadcast, woken);
        end_sender(broadcast, 0, woken);
    }
}

/* Nobody knows of it any more. */
static void destroy(struct sley_broadcast *broadcast)
{
    free(broadcast->items);
    free(broadcast->unread);
    free(broadcast);
}

/* After the last touch of the broadcast. */
static void release(struct sley_broadcast *broadcast, struct sley__wake_batch *woken)
{
    bool last = broadcast->freed && !broadcast->expected;

    sley__lock_release(&broadcast->lock);
    sley__wake_batch_flush(woken);
    if (unlikely(last))
        destroy(broadcast);
}

/* Begins a wait under the lock, which is released. 0: parked and told to look, or the error. The
 * lock is held again in any case. */
static int wait_turn(struct sley_broadcast *broadcast, struct sley__waiters *waiters,
                     struct turn *turn, const char *what)
{
    int error = sley__waiter_begin(&turn->waiter, what);

    if (error)
        return error;
    sley__waiters_append(waiters, &turn->waiter);
    sley__lock_release(&broadcast->lock);
    error = sley__waiter_park(&turn->waiter);
    sley__lock_acquire(&broadcast->lock); /* in any case: see waiters.h */
    if (turn->waiter.queued)
        sley__waiters_remove(waiters, &turn->waiter);
    return error;
}

/* --- send ------------------------------------------------------------------------------------- */

/* Under the lock: 1 sent, 0 there is no room, or what it is closed with. */
static int send_now(struct sley_broadcast *broadcast, const void *item,
                    struct sley__wake_batch *woken)
{
    if (broadcast->closed)
        return broadcast->closed;
    if (broadcast->waits && length(broadcast) == broadcast->capacity)
        return 0;
    put(broadcast, item);
    wake_receivers(broadcast, woken);
    return 1;
}

static int send_later(struct sley_broadcast *broadcast, const void *item)
{
    struct turn turn = {.item = item};
    int error = wait_turn(broadcast, &broadcast->senders, &turn, "broadcast");

    if (turn.waiter.granted)
        broadcast->expected--;
    return turn.waiter.granted ? turn.result : error;
}

int sley_broadcast_send(struct sley_broadcast *broadcast, const void *item)
{
    struct sley__wake_batch woken;
    int result = sley__wait_enter();

    if (result && result != SLEY_ENOTASK)
        return result;
    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    result = send_now(broadcast, item, &woken);
    if (!result)
        result = send_later(broadcast, item);
    release(broadcast, &woken);
    return result < 0 ? result : 0;
}

int sley_broadcast_try_send(struct sley_broadcast *broadcast, const void *item)
{
    struct sley__wake_batch woken;
    int result;

    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    result = send_now(broadcast, item, &woken);
    release(broadcast, &woken);
    return result;
}

/* --- receive ---------------------------------------------------------------------------------- */

/* Under the lock: 1 received, 0 there is nothing, or what it is closed with. */
static int recv_now(struct sley_subscription *subscription, void *item, uint64_t *lost,
                    struct sley__wake_batch *woken)
{
    struct sley_broadcast *broadcast = subscription->broadcast;
    uint64_t position = subscription->position, before = position;

    if (position == broadcast->next)
        return broadcast->closed;
    if (position < broadcast->oldest)
        position = broadcast->oldest;
    if (lost)
        *lost = position - before;
    if (broadcast->item_size)
        memcpy(item, slot(broadcast, position), broadcast->item_size);
    subscription->position = position + 1;
    *unread(broadcast, position) -= 1;
    make_room(broadcast, woken);
    return 1;
}

/* Under the lock, which is given up meanwhile: until somebody has sent, or closed, or the error. */
static int await_item(struct sley_subscription *subscription)
{
    struct sley_broadcast *broadcast = subscription->broadcast;
    struct turn turn = {.result = 0};
    int error;

    subscription->waiting++;
    error = wait_turn(broadcast, &broadcast->receivers, &turn, "subscription");
    subscription->waiting--;
    return error;
}

int sley_broadcast_recv(struct sley_subscription *subscription, void *item, uint64_t *lost)
{
    struct sley_broadcast *broadcast = subscription->broadcast;
    struct sley__wake_batch woken;
    int result = sley__wait_enter();

    if (result && result != SLEY_ENOTASK)
        return result;
    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    while (!(result = recv_now(subscription, item, lost, &woken)))
        if ((result = await_item(subscription)))
            break;
    release(broadcast, &woken);
    return result < 0 ? result : 0;
}

int sley_broadcast_try_recv(struct sley_subscription *subscription, void *item, uint64_t *lost)
{
    struct sley_broadcast *broadcast = subscription->broadcast;
    struct sley__wake_batch woken;
    int result;

    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    result = recv_now(subscription, item, lost, &woken);
    release(broadcast, &woken);
    return result;
}

static int next_of_subscription(void *self, void *item)
{
    int error = sley_broadcast_recv(self, item, NULL);

    if (!error)
        return 1;
    return error == SLEY_ECLOSED ? 0 : error; /* a plain close is the end */
}

struct sley_iterator sley_subscription_iterator(struct sley_subscription *subscription)
{
    return (struct sley_iterator){next_of_subscription, subscription,
                                  subscription->broadcast->item_size};
}

/* --- the life of a broadcast ------------------------------------------------------------------ */

/* The ring for so many items; its slots are a power of two, so that finding one is no division. */
static int make_ring(struct sley_broadcast *broadcast)
{
    size_t slots = 1, item_size = broadcast->item_size;

    while (slots < broadcast->capacity)
        slots *= 2;
    broadcast->mask = slots - 1;
    broadcast->unread = calloc(slots, sizeof *broadcast->unread);
    if (broadcast->unread && (!item_size || (broadcast->items = malloc(slots * item_size))))
        return 0;
    free(broadcast->unread);
    return SLEY_ENOMEM;
}

int sley_broadcast_new(size_t item_size, size_t capacity, enum sley_broadcast_slow slow,
                       struct sley_broadcast **out)
{
    size_t largest = item_size > sizeof(size_t) ? item_size : sizeof(size_t);
    struct sley_broadcast *broadcast;
    int error;

    if (!capacity || capacity > PTRDIFF_MAX / 2 / largest)
        return SLEY_EINVAL;
    broadcast = calloc(1, sizeof *broadcast);
    if (!broadcast)
        return SLEY_ENOMEM;
    broadcast->item_size = item_size;
    broadcast->capacity = capacity;
    broadcast->waits = slow == SLEY_BROADCAST_WAIT;
    if ((error = make_ring(broadcast))) {
        free(broadcast);
        return error;
    }
    *out = broadcast;
    return 0;
}

void sley_broadcast_free(struct sley_broadcast *broadcast)
{
    struct sley__wake_batch nobody;

    if (!broadcast)
        return;
    sley__wake_batch_begin(&nobody);
    sley__lock_acquire(&broadcast->lock);
    ensure_msg(!broadcast->subscribers && !broadcast->senders.first,
               "sley_broadcast_free: %zu are subscribed, and senders are %s",
               broadcast->subscribers, broadcast->senders.first ? "waiting" : "not waiting");
    broadcast->freed = true;
    release(broadcast, &nobody);
}

int sley_broadcast_subscribe(struct sley_broadcast *broadcast, struct sley_subscription **out)
{
    struct sley_subscription *subscription = calloc(1, sizeof *subscription);

    if (!subscription)
        return SLEY_ENOMEM;
    subscription->broadcast = broadcast;
    sley__lock_acquire(&broadcast->lock);
    subscription->position = broadcast->next;
    broadcast->subscribers++;
    sley__lock_release(&broadcast->lock);
    *out = subscription;
    return 0;
}

void sley_broadcast_unsubscribe(struct sley_subscription *subscription)
{
    struct sley_broadcast *broadcast;
    struct sley__wake_batch woken;
    uint64_t number;

    if (!subscription)
        return;
    broadcast = subscription->broadcast;
    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    ensure_msg(!subscription->waiting, "sley_broadcast_unsubscribe: %zu receivers are waiting",
               subscription->waiting);
    number = subscription->position;
    if (number < broadcast->oldest)
        number = broadcast->oldest;
    for (; number < broadcast->next; number++)
        *unread(broadcast, number) -= 1;
    broadcast->subscribers--;
    make_room(broadcast, &woken);
    release(broadcast, &woken);
    free(subscription);
}

int sley_broadcast_close(struct sley_broadcast *broadcast, int reason)
{
    struct sley__wake_batch woken;
    int before;

    sley__wake_batch_begin(&woken);
    sley__lock_acquire(&broadcast->lock);
    before = broadcast->closed;
    if (!before) {
        broadcast->closed = reason < 0 ? reason : SLEY_ECLOSED;
        while (broadcast->senders.first)
            end_sender(broadcast, broadcast->closed, &woken);
        wake_receivers(broadcast, &woken);
    }
    release(broadcast, &woken);
    return before;
}

static size_t count_waiting(const struct sley__waiters *waiters)
{
    size_t count = 0;

    for (const struct sley__waiter *waiter = waiters->first; waiter; waiter = waiter->next)
        count++;
    return count;
}

void sley_broadcast_stats(struct sley_broadcast *broadcast, struct sley_broadcast_stats *stats)
{
    sley__lock_acquire(&broadcast->lock);
    *stats = (struct sley_broadcast_stats){.capacity = broadcast->capacity,
                                           .length = length(broadcast),
                                           .peak = broadcast->peak,
                                           .subscribers = broadcast->subscribers,
                                           .senders = count_waiting(&broadcast->senders),
                                           .receivers = count_waiting(&broadcast->receivers),
                                           .sent = broadcast->next,
                                           .lost = broadcast->lost,
                                           .closed = broadcast->closed};
    sley__lock_release(&broadcast->lock);
}
