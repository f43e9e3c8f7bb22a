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
 * The path that counts is a hand-over between two tasks of one worker: one lock section and one
 * wake for the sender, one lock section and one park for the receiver. So a call that must wait
 * begins its wait in the lock section in which it has found that out. And a task is woken in two
 * steps: its wait is ended under the lock, but it is put in a queue only after the release.
 *
 * When an item has changed hands, either side may free the channel at once: the one that was woken
 * as well as the one that has woken it. The first has nobody left behind it, because it runs only
 * after the other's release; and it returns without another touch of the channel, so the second may
 * free it although the first has not come back yet. That is so for a task that was woken because
 * its transfer was done. All others (a foreign thread, a select, who was refused by a close or
 * cancelled in the same instant) pass through the lock once more; whoever takes one of those out of
 * a list counts it in the channel until it has, and the last one of a freed channel frees it.
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

static inline void copy(const struct sley_chan *chan, void *to, const void *from)
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

static inline void ring_put(struct sley_chan *chan, const void *item)
{
    size_t end = chan->first + chan->length;

    copy(chan, slot(chan, end < chan->capacity ? end : end - chan->capacity), item);
    if (++chan->length > chan->peak)
        chan->peak = chan->length;
    chan->sent++;
}

static inline void ring_get(struct sley_chan *chan, void *item)
{
    copy(chan, item, slot(chan, chan->first));
    if (++chan->first == chan->capacity)
        chan->first = 0;
    chan->length--;
}

/* --- those who wait; all under the lock --- */

static inline struct sley__waiters *waiters_of(struct sley_chan *chan, bool send)
{
    return send ? &chan->senders : &chan->receivers;
}

void sley__chan_enqueue(struct sley_chan *chan, struct sley__transfer *transfer, bool send)
{
    sley__waiters_append(waiters_of(chan, send), &transfer->waiter);
    *(send ? &chan->waiting_senders : &chan->waiting_receivers) += 1;
}

static inline void dequeue(struct sley_chan *chan, struct sley__transfer *transfer, bool send)
{
    sley__waiters_remove(waiters_of(chan, send), &transfer->waiter);
    *(send ? &chan->waiting_senders : &chan->waiting_receivers) -= 1;
}

/* Taken out of its list by the caller, it will pass through the lock once more. */
static void expect(struct sley_chan *chan, struct sley__transfer *transfer)
{
    transfer->expected = true;
    chan->expected++;
}

/* Whether the transfer of a select may be completed by the caller. */
static NOINLINE bool win_choice(struct sley__transfer *transfer)
{
    uint32_t nobody = 0;

    if (!cas_acq_rel(&transfer->choice->taken, &nobody, 1))
        return false;
    transfer->choice->winner = transfer->index;
    return true;
}

/* The first one that waits and can be completed, taken out; or NULL. */
static inline struct sley__transfer *next_waiting(struct sley_chan *chan, bool send)
{
    struct sley__waiters *waiters = waiters_of(chan, send);

    while (unlikely(waiters->first)) {
        struct sley__transfer *transfer =
            container_of(waiters->first, struct sley__transfer, waiter);

        dequeue(chan, transfer, send);
        if (likely(!transfer->choice))
            return transfer;
        expect(chan, transfer);
        if (win_choice(transfer))
            return transfer;
    }
    return NULL;
}

/* The transfer is done. Whose wake must be finished after the release, or NULL. */
static inline struct sley_task *complete(struct sley_chan *chan, struct sley__transfer *transfer)
{
    struct sley__waker waker = transfer->waiter.waker;

    transfer->result = 0;
    transfer->waiter.granted = true;
    if (likely(waker.task && sley__wake_begin(waker, 0)))
        return waker.task;
    if (!transfer->expected)
        expect(chan, transfer);
    if (!waker.task)
        sley__waiter_wake(&transfer->waiter);
    return NULL;
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

/* Under the lock; does it now if it can be done now: 1 done, 0 not, or what it is closed with.
 * *woken: whose wake must be finished after the release. */
static ALWAYS_INLINE int send_now(struct sley_chan *chan, const void *item,
                                  struct sley_task **woken)
{
    struct sley__transfer *receiver;

    if (unlikely(chan->closed))
        return chan->closed;
    if ((receiver = next_waiting(chan, false))) {
        copy(chan, receiver->item, item);
        chan->sent++;
        *woken = complete(chan, receiver);
        return 1;
    }
    if (unlikely(chan->length == chan->capacity))
        return 0;
    ring_put(chan, item);
    return 1;
}

static ALWAYS_INLINE int recv_now(struct sley_chan *chan, void *item, struct sley_task **woken)
{
    struct sley__transfer *sender;

    if (likely(chan->length)) {
        ring_get(chan, item);
        if ((sender = next_waiting(chan, true))) {
            ring_put(chan, sender->item);
            *woken = complete(chan, sender);
        }
        return 1;
    }
    if ((sender = next_waiting(chan, true))) {
        copy(chan, item, sender->item);
        chan->sent++;
        *woken = complete(chan, sender);
        return 1;
    }
    return chan->closed;
}

static ALWAYS_INLINE int now(struct sley_chan *chan, void *item, bool send,
                             struct sley_task **woken)
{
    return send ? send_now(chan, item, woken) : recv_now(chan, item, woken);
}

/* After the last touch of what the lock protects. Who is woken may free the channel. */
static ALWAYS_INLINE void release(struct sley_chan *chan, struct sley_task *woken)
{
    sley__lock_release(&chan->lock);
    if (woken)
        sley__wake_finish(woken);
}

/* It could not be done at once: waits. The lock is held, and released here. */
static NOINLINE int transfer_later(struct sley_chan *chan, void *item, bool send)
{
    struct sley__transfer transfer;
    int error;

    sley__waiter_begin_entered(&transfer.waiter, send ? "send" : "receive");
    transfer.item = item;
    transfer.choice = NULL;
    transfer.expected = false;
    sley__chan_enqueue(chan, &transfer, send);
    sley__lock_release(&chan->lock);
    error = sley__waiter_park(&transfer.waiter);
    if (likely(!error && transfer.waiter.waker.task))
        return 0; /* the channel may be gone */
    sley__chan_leave(chan, &transfer, send);
    return transfer.waiter.granted ? transfer.result : error;
}

static ALWAYS_INLINE int transfer_item(struct sley_chan *chan, void *item, bool send)
{
    struct sley_task *woken = NULL;
    int error = sley__wait_enter(), done;

    if (unlikely(error) && error != SLEY_ENOTASK)
        return error;
    sley__lock_acquire(&chan->lock);
    done = now(chan, item, send, &woken);
    if (!done)
        return transfer_later(chan, item, send);
    release(chan, woken);
    return done > 0 ? 0 : done;
}

static ALWAYS_INLINE int try_transfer(struct sley_chan *chan, void *item, bool send)
{
    struct sley_task *woken = NULL;
    int done;

    sley__lock_acquire(&chan->lock);
    done = now(chan, item, send, &woken);
    release(chan, woken);
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

/* Nobody knows of it any more. */
static void destroy(struct sley_chan *chan)
{
    free(chan->items);
    free(chan);
}

/* Nobody will pass through the lock any more but the caller. Under the lock. */
static bool is_last(const struct sley_chan *chan)
{
    return chan->freed && !chan->expected && !chan->senders.first && !chan->receivers.first;
}

void sley__chan_leave(struct sley_chan *chan, struct sley__transfer *transfer, bool send)
{
    bool last;

    sley__lock_acquire(&chan->lock);
    if (transfer->waiter.queued)
        dequeue(chan, transfer, send);
    else if (transfer->expected)
        chan->expected--;
    last = is_last(chan);
    sley__lock_release(&chan->lock);
    if (last)
        destroy(chan);
}

/* Somebody who waits now, and has not been served elsewhere, is a mistake of the user's. */
void sley_chan_free(struct sley_chan *chan)
{
    bool last;

    if (!chan)
        return;
    sley__lock_acquire(&chan->lock);
    ensure_msg(!somebody_waits(&chan->senders, NULL) && !somebody_waits(&chan->receivers, NULL),
               "sley_chan_free: %zu senders and %zu receivers are waiting", chan->waiting_senders,
               chan->waiting_receivers);
    chan->freed = true;
    last = is_last(chan);
    sley__lock_release(&chan->lock);
    if (last)
        destroy(chan);
}

/* Under the lock, which each of them passes through once more: so a task's park fails. */
static void refuse_all(struct sley_chan *chan, bool send)
{
    struct sley__transfer *transfer;

    while ((transfer = next_waiting(chan, send))) {
        transfer->result = chan->closed;
        transfer->waiter.granted = true;
        if (!transfer->expected)
            expect(chan, transfer);
        if (transfer->waiter.waker.task)
            sley__wake(transfer->waiter.waker, SLEY_ECLOSED);
        else
            sley__waiter_wake(&transfer->waiter);
    }
}

int sley_chan_close(struct sley_chan *chan, int reason)
{
    int before;

    sley__lock_acquire(&chan->lock);
    before = chan->closed;
    if (!before) {
        chan->closed = reason < 0 ? reason : SLEY_ECLOSED;
        refuse_all(chan, true);
        refuse_all(chan, false);
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
