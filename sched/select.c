/*
 * select.c: waiting for several channels at once.
 *
 * Two phases, as in Go. First each case is tried, in a random order, so that of several that are
 * always ready none is served more often than the others. (A random place to begin at would not do:
 * of two ready neighbours among ten the second would be served once in ten times.) If none is
 * ready, a transfer is put in each channel and the caller parks. Channels are locked one at a time:
 * between two enqueues a partner may come to the first and win; then the rest need not be put in,
 * and all are taken out again. If instead the next channel has become ready, the call takes its own
 * transfers out and begins anew. Locking all of them in the order of their addresses, as Go does,
 * was rejected: it makes a select over many channels hold up all of them.
 *
 * Who wins is decided by one word (chan_impl.h): partners compete for it with each other, and with
 * the caller itself when it was cancelled or is late. When the caller has lost that race somebody
 * is just completing one of its transfers, under the lock of that channel; taking each lock to take
 * the transfers out is at the same time waiting for that.
 */
#include "chan_impl.h"

#include "platform.h"

#include <sley/time.h>

/* The state of one call. */
struct call {
    struct sley_select_case *cases;
    size_t count, queued; /* how many of them have a transfer in their channel */
    struct sley__choice choice;
    struct sley__transfer *transfer; /* one per case */
};

static bool is_send(const struct sley_select_case *one)
{
    return one->direction == SLEY_SELECT_SEND;
}

/* A different number each time, for the order of the cases. The count is kept in a channel and may
 * lose some: two calls at once may then have the same order. */
static uint64_t dice(struct sley_select_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sley_chan *chan = cases[i].chan;

        if (chan) {
            uint32_t turn = load_relaxed(&chan->selects);

            store_relaxed(&chan->selects, turn + 1);
            return sley__hash64(sley__random_base() +
                                (uint64_t)turn * UINT64_C(0x9e3779b97f4a7c15));
        }
    }
    return 0;
}

/* Tries one case: true if it was done. */
static bool done_now(struct sley_select_case *one)
{
    int done;

    if (!one->chan)
        return false;
    done = is_send(one) ? sley_chan_try_send(one->chan, one->item)
                        : sley_chan_try_recv(one->chan, one->item);
    one->result = done < 0 ? done : 0;
    return done != 0;
}

/* The index of a case that was ready and is done, or -1. */
static int try_all(struct sley_select_case *cases, size_t count)
{
    uint64_t random = dice(cases, count);
    uint8_t order[SLEY_SELECT_MAX];

    for (size_t i = 0; i < count; i++)
        order[i] = (uint8_t)i;
    /* Shuffled (Fisher and Yates) only as far as it is needed. */
    for (size_t i = 0; i < count; i++) {
        size_t other = i + (size_t)(random % (count - i));
        uint8_t index = order[other];

        if (done_now(&cases[index]))
            return index;
        order[other] = order[i];
        random = sley__hash64(random + 1);
    }
    return -1;
}

/* Gives the choice to the caller itself. False: a partner has it. */
static bool win_self(struct call *call)
{
    uint32_t nobody = 0;

    return cas_acq_rel(&call->choice.taken, &nobody, 1);
}

/* Puts a transfer in the channel of one case. False: it need not wait any more. */
static bool enqueue(struct call *call, size_t index, const struct sley__waiter *waiter)
{
    struct sley_select_case *one = &call->cases[index];
    struct sley__transfer *transfer = &call->transfer[index];
    bool must_wait;

    *transfer = (struct sley__transfer){.item = one->item, .choice = &call->choice, .index = index};
    transfer->waiter.waker = waiter->waker;
    transfer->waiter.futex = waiter->futex;
    if (!one->chan)
        return true;
    sley__lock_acquire(&one->chan->lock);
    must_wait = !load_relaxed(&call->choice.taken) &&
                !sley__chan_ready(one->chan, is_send(one), &call->choice);
    if (must_wait) {
        transfer->entered = true;
        sley__chan_enqueue(one->chan, transfer, is_send(one));
    }
    sley__lock_release(&one->chan->lock);
    return must_wait;
}

/* Takes all transfers out again; afterwards nobody knows of the call any more. */
static void leave_all(struct call *call)
{
    for (size_t i = 0; i < call->queued; i++) {
        struct sley_select_case *one = &call->cases[i];

        if (call->transfer[i].entered)
            sley__chan_leave(one->chan, &call->transfer[i], is_send(one));
    }
}

/* A partner has completed one of the transfers. Its index. */
static int won(struct call *call)
{
    size_t winner;

    leave_all(call);
    winner = call->choice.winner; /* ordered by the lock of its channel, just taken */
    call->cases[winner].result = call->transfer[winner].result;
    return (int)winner;
}

enum { AGAIN = 1 << 20 };

/* One round of waiting. The index, an error, or AGAIN: something may be ready now. */
static int wait_round(struct call *call, int64_t deadline)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, "select"), index;
    bool must_wait = true;

    if (error)
        return error;
    call->queued = 0;
    store_relaxed(&call->choice.taken, 0);
    while (must_wait && call->queued < call->count)
        must_wait = enqueue(call, call->queued++, &waiter);
    if (must_wait && !(error = sley__waiter_park_until(&waiter, deadline)))
        return won(call);
    if (!win_self(call)) {
        index = won(call);
    } else {
        leave_all(call);
        index = must_wait ? error : AGAIN;
    }
    if (!must_wait)
        sley__waiter_abandon(&waiter); /* all locks were taken: no wake begins any more */
    return index;
}

/* The same. Apart, because its frame grows with the cases; a select that finds one ready has a
 * small one, and a parked task keeps no more pages than it needs. */
static NOINLINE int wait_once(struct sley_select_case *cases, size_t count, int64_t deadline)
{
    struct sley__transfer transfer[count + 1]; /* filled as they are used */
    struct call call = {.cases = cases, .count = count, .transfer = transfer};

    return wait_round(&call, deadline);
}

static void give_way(void)
{
    if (sley_self())
        (void)sley_yield();
    else
        sley__thread_yield();
}

int sley_select(struct sley_select_case *cases, size_t count, int64_t deadline)
{
    int index, error = sley__wait_enter();

    if (error && error != SLEY_ENOTASK)
        return error;
    if (count > SLEY_SELECT_MAX)
        return SLEY_EINVAL;
    do {
        if ((index = try_all(cases, count)) >= 0)
            return index;
        if (deadline != SLEY_FOREVER && sley__clock_now() >= deadline)
            return SLEY_ETIMEDOUT;
        index = wait_once(cases, count, deadline);
        if (index == AGAIN) /* two that have seen each other must not go on in step */
            give_way();
    } while (index == AGAIN);
    return index;
}
