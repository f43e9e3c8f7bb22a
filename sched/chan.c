/*
 * chan.c: channels.
 *
 * A channel is a ring, two lists of those who wait, and one small lock around all. Whoever comes
 * second does the work for both under the lock: a sender that finds a receiver waiting copies its
 * item into the receiver's memory; a receiver that makes room in a full ring moves the first
 * waiting sender's item into it. So nobody who is woken has anything left to do but return, an item
 * is in exactly one place at any time, and a cancel finds its transfer either still queued, and
 * takes it out, or done. Receivers wait only while the ring is empty and no sender waits, senders
 * only while it is full and no receiver waits.
 *
 * A transfer that belongs to a select waits in several channels. Whoever wants to complete it must
 * first win its choice, a compare-and-swap from 0 to 1; one whose choice is taken is passed over.
 *
 *   Rejected: a lock-free ring for the buffered case. With one producer and one consumer it saves
 * the lock, two read-modify-writes that are not contended on one worker; the wake-ups, the close
 * and select would each need their own way around it, and on two workers the ring's lines travel as
 * the lock's line does. Waking a receiver to fetch its item (two trips through the queue, and the
 * item may be gone when it gets there). Sources: the runtime's chan of Go for direct hand-over and
 * select's two phases.
 */
#include "chan_impl.h"

#include <stdlib.h>
#include <string.h>

static void copy(const struct sley_chan *chan, void *to, const void *from)
{
    if (likely(chan->item_size == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else if (chan->item_size)
        memcpy(to, from, chan->item_size);
}

static inline char *slot(const struct sley_chan *chan, size_t index)
{
    return chan->items + index * chan->item_size;
}

/* --- the ring; all under the lock --- */

static void ring_put(struct sley_chan *chan, const void *item)
{
    size_t end = chan->first + chan->length;

    copy(chan, slot(chan, end < chan->capacity ? end : end - chan->capacity), item);
    if (++chan->length > chan->peak)
        chan->peak = chan->length;
    chan->sent++;
}

static void ring_get(struct sley_chan *chan, void *item)
{
    copy(chan, item, slot(chan, chan->first));
    if (++chan->first == chan->capacity)
        chan->first = 0;
    chan->length--;
}

/* --- those who wait; all under the lock --- */

void sley__chan_enqueue(struct sley_chan *chan, struct sley__transfer *transfer, bool send)
{
    sley__waiters_append(send ? &chan->senders : &chan->receivers, &transfer->waiter);
    *(send ? &chan->waiting_senders : &chan->waiting_receivers) += 1;
}

void sley__chan_dequeue(struct sley_chan *chan, struct sley__transfer *transfer, bool send)
{
    if (!transfer->waiter.queued)
        return;
    sley__waiters_remove(send ? &chan->senders : &chan->receivers, &transfer->waiter);
    *(send ? &chan->waiting_senders : &chan->waiting_receivers) -= 1;
}

/* Whether the transfer may be completed by the caller. */
static bool win(struct sley__transfer *transfer)
{
    uint32_t nobody = 0;

    if (likely(!transfer->choice))
        return true;
    if (!cas_acq_rel(&transfer->choice->taken, &nobody, 1))
        return false;
    transfer->choice->winner = transfer->index;
    return true;
}

/* The first one that waits and can be completed, taken out; or NULL. */
static struct sley__transfer *next_waiting(struct sley_chan *chan, bool send)
{
    struct sley__waiters *waiters = send ? &chan->senders : &chan->receivers;

    while (waiters->first) {
        struct sley__transfer *transfer =
            container_of(waiters->first, struct sley__transfer, waiter);

        sley__chan_dequeue(chan, transfer, send);
        if (likely(win(transfer)))
            return transfer;
    }
    return NULL;
}

static void complete(struct sley__transfer *transfer, int result)
{
    transfer->result = result;
    transfer->waiter.granted = true;
    sley__waiter_wake(&transfer->waiter);
}

/* Somebody other than `self` who waits, and has not been served elsewhere. */
static bool somebody_waits(const struct sley__waiters *waiters, const struct sley__choice *self)
{
    struct sley__waiter *waiter = waiters->first;

    for (; waiter; waiter = waiter->next) {
        struct sley__choice *choice = container_of(waiter, struct sley__transfer, waiter)->choice;

        if (!choice || (choice != self && !load_relaxed(&choice->taken)))
            return true;
    }
    return false;
}

bool sley__chan_ready(struct sley_chan *chan, bool send, const struct sley__choice *self)
{
    if (chan->closed || (send ? chan->length < chan->capacity : chan->length > 0))
        return true;
    return somebody_waits(send ? &chan->receivers : &chan->senders, self);
}

/* --- send and receive ----------------------------------------------------------------------- */

int sley__chan_send_now(struct sley_chan *chan, const void *item)
{
    struct sley__transfer *receiver;

    if (unlikely(chan->closed))
        return chan->closed;
    if ((receiver = next_waiting(chan, false))) {
        copy(chan, receiver->item, item);
        chan->sent++;
        complete(receiver, 0);
        return 1;
    }
    if (chan->length == chan->capacity)
        return 0;
    ring_put(chan, item);
    return 1;
}

int sley__chan_recv_now(struct sley_chan *chan, void *item)
{
    struct sley__transfer *sender;

    if (chan->length) {
        ring_get(chan, item);
        if (unlikely(chan->senders.first) && (sender = next_waiting(chan, true))) {
            ring_put(chan, sender->item);
            complete(sender, 0);
        }
        return 1;
    }
    if ((sender = next_waiting(chan, true))) {
        copy(chan, item, sender->item);
        chan->sent++;
        complete(sender, 0);
        return 1;
    }
    return chan->closed;
}

static inline int now(struct sley_chan *chan, void *item, bool send)
{
    return send ? sley__chan_send_now(chan, item) : sley__chan_recv_now(chan, item);
}

/* It could not be done at once: waits. The lock is not held. */
static NOINLINE int transfer_later(struct sley_chan *chan, void *item, bool send)
{
    struct sley__transfer transfer = {.item = item};
    int error = sley__waiter_begin(&transfer.waiter, send ? "send" : "receive"), done;

    if (error)
        return error;
    sley__lock_acquire(&chan->lock);
    if ((done = now(chan, item, send))) {
        sley__lock_release(&chan->lock);
        sley__waiter_abandon(&transfer.waiter);
        return done < 0 ? done : 0;
    }
    sley__chan_enqueue(chan, &transfer, send);
    sley__lock_release(&chan->lock);
    error = sley__waiter_park(&transfer.waiter);
    if (unlikely(error)) {
        sley__lock_acquire(&chan->lock);
        sley__chan_dequeue(chan, &transfer, send);
        sley__lock_release(&chan->lock);
        if (!transfer.waiter.granted)
            return error;
    }
    return transfer.result;
}

static inline int try_transfer(struct sley_chan *chan, void *item, bool send)
{
    int done;

    sley__lock_acquire(&chan->lock);
    done = now(chan, item, send);
    sley__lock_release(&chan->lock);
    return done;
}

static inline int transfer_item(struct sley_chan *chan, void *item, bool send)
{
    int error = sley__wait_check(), done;

    if (unlikely(error) && error != SLEY_ENOTASK)
        return error;
    done = try_transfer(chan, item, send);
    if (unlikely(!done))
        return transfer_later(chan, item, send);
    if (likely(done > 0)) {
        sley__wait_spend();
        return 0;
    }
    return done;
}

int sley_chan_send(struct sley_chan *chan, const void *item)
{
    return transfer_item(chan, (void *)(uintptr_t)item, true);
}

int sley_chan_recv(struct sley_chan *chan, void *item)
{
    return transfer_item(chan, item, false);
}

int sley_chan_try_send(struct sley_chan *chan, const void *item)
{
    return try_transfer(chan, (void *)(uintptr_t)item, true);
}

int sley_chan_try_recv(struct sley_chan *chan, void *item)
{
    return try_transfer(chan, item, false);
}

/* --- the life of a channel ------------------------------------------------------------------ */

int sley_chan_new(size_t item_size, size_t capacity, struct sley_chan **out)
{
    struct sley_chan *chan;

    if (item_size && capacity > PTRDIFF_MAX / item_size)
        return SLEY_EINVAL;
    chan = calloc(1, sizeof *chan);
    if (!chan)
        return SLEY_ENOMEM;
    chan->item_size = item_size;
    chan->capacity = capacity;
    if (item_size && capacity && !(chan->items = malloc(item_size * capacity))) {
        free(chan);
        return SLEY_ENOMEM;
    }
    *out = chan;
    return 0;
}

void sley_chan_free(struct sley_chan *chan)
{
    if (!chan)
        return;
    ensure_msg(!chan->senders.first && !chan->receivers.first,
               "sley_chan_free: %zu senders and %zu receivers are waiting", chan->waiting_senders,
               chan->waiting_receivers);
    free(chan->items);
    free(chan);
}

int sley_chan_close(struct sley_chan *chan, int reason)
{
    struct sley__transfer *transfer;
    int before;

    sley__lock_acquire(&chan->lock);
    before = chan->closed;
    if (!before) {
        chan->closed = reason < 0 ? reason : SLEY_ECLOSED;
        while ((transfer = next_waiting(chan, true)) || (transfer = next_waiting(chan, false)))
            complete(transfer, chan->closed);
    }
    sley__lock_release(&chan->lock);
    return before;
}

void sley_chan_stats(struct sley_chan *chan, struct sley_chan_stats *stats)
{
    sley__lock_acquire(&chan->lock);
    *stats = (struct sley_chan_stats){.capacity = chan->capacity,
                                      .length = chan->length,
                                      .peak = chan->peak,
                                      .senders = chan->waiting_senders,
                                      .receivers = chan->waiting_receivers,
                                      .sent = chan->sent,
                                      .closed = chan->closed};
    sley__lock_release(&chan->lock);
}
