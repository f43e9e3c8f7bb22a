/*
 * chan.c: channels (sched/chan.c): an item is in exactly one place, whatever comes in between (a
 * cancel, a close), they come in the order in which they were sent, nobody waits who could be
 * served, and a receiver that knows that nobody sends any more frees the channel.
 *
 * Items are numbers from 1 on; each receive notes in a place of its own what it got. The memory of
 * an item is written again as soon as the call that it was given to has returned.
 */
#include "chan_impl.h"
#include "heap.h"
#include "wait_lab.h"

#include <string.h>

enum { PLACES = 4 };

static struct sley_chan *chan;
static uint64_t items[PLACES]; /* by who receives, each its own */
static unsigned got;           /* how many of `items`; ghost */
static int result, results[PLACES];

static void reset(size_t size, size_t capacity)
{
    memset(items, 0, sizeof items);
    memset(results, 0, sizeof results);
    got = 0;
    result = 1;
    ensure(sley_chan_new(size, capacity, &chan) == 0);
}

/* In order of arrival, as far as one thread alone receives. */
static MODEL_GHOST void note_item(uint64_t item)
{
    items[got++] = item;
}

static int send(uint64_t item)
{
    uint64_t copy = item;
    int error = sley_chan_send(chan, &copy);

    memset(&copy, 0xee, sizeof copy); /* nobody reads it any more */
    return error;
}

static int receive(void)
{
    uint64_t item = 0;
    int error = sley_chan_recv(chan, &item);

    if (error == 0)
        note_item(item);
    else
        model_assert(item == 0, "an item came with the error %d", error);
    return error;
}

/* Items 1 to `count`, each once. */
static void check_items(unsigned count)
{
    unsigned seen = 0;

    model_assert(got == count, "%u were received instead of %u", got, count);
    for (unsigned i = 0; i < got; i++) {
        model_assert(items[i] >= 1 && items[i] <= count, "item %u is %llu", i,
                     (unsigned long long)items[i]);
        seen |= 1u << items[i];
    }
    model_assert(seen == (2u << count) - 2, "the items are %#x", seen);
}

static void check_idle(void)
{
    struct sley_chan_stats stats;

    sley_chan_stats(chan, &stats);
    model_assert(!stats.senders && !stats.receivers && !stats.length,
                 "%zu senders and %zu receivers wait, %zu items", stats.senders, stats.receivers,
                 stats.length);
    model_assert(!chan->senders.first && !chan->receivers.first, "the lists are not empty");
}

/* --- send and receive --------------------------------------------------------------------------
 */

static void setup(void)
{
    reset(sizeof(uint64_t), *(const size_t *)model_argument());
}

static void send_one(unsigned thread)
{
    model_assert(send(thread + 1) == 0, "it is open");
}

static void send_two(unsigned thread)
{
    (void)thread;
    model_assert(send(1) == 0, "it is open");
    model_assert(send(2) == 0, "it is open");
}

static void receive_one(unsigned thread)
{
    (void)thread;
    model_assert(receive() == 0, "it is open");
}

static void receive_two(unsigned thread)
{
    receive_one(thread);
    receive_one(thread);
}

static void verify_two(void)
{
    check_items(2);
    check_idle();
}

static void verify_order(void)
{
    verify_two();
    model_assert(items[0] == 1, "the second one was faster");
}

static const size_t unbuffered = 0, one = 1, two = 2;

MODEL(chan_order, .about = "unbuffered: what is sent first comes first", .threads = 2,
      .setup = setup, .body = {send_two, receive_two}, .verify = verify_order,
      .argument = &unbuffered);

MODEL(chan_order_buffered, .about = "... with a buffer, which fills up", .threads = 2,
      .setup = setup, .body = {send_two, receive_two}, .verify = verify_order, .argument = &one);

MODEL(chan_senders, .about = "two senders, one receiver", .threads = 3, .setup = setup,
      .body = {send_one, send_one, receive_two}, .verify = verify_two, .argument = &unbuffered);

MODEL(chan_senders_buffered, .about = "... a buffer for one", .threads = 3, .setup = setup,
      .body = {send_one, send_one, receive_two}, .verify = verify_two, .argument = &one);

MODEL(chan_receivers, .about = "one sender, two receivers", .threads = 3, .setup = setup,
      .body = {send_two, receive_one, receive_one}, .verify = verify_two, .argument = &unbuffered);

MODEL(chan_receivers_buffered, .about = "... a buffer for one", .threads = 3, .setup = setup,
      .body = {send_two, receive_one, receive_one}, .verify = verify_two, .argument = &one);

/* The second one waits for room, which the receive makes. */
static void verify_room(void)
{
    struct sley_chan_stats stats;

    check_items(1);
    sley_chan_stats(chan, &stats);
    model_assert(stats.length == 1 && !stats.senders, "%zu items, %zu senders", stats.length,
                 stats.senders);
}

MODEL(chan_room, .about = "a sender that waits for room goes on when there is some", .threads = 2,
      .setup = setup, .body = {send_two, receive_one}, .verify = verify_room, .argument = &one);

static void send_three(unsigned thread)
{
    send_two(thread);
    model_assert(send(3) == 0, "it is open");
}

static void receive_three(unsigned thread)
{
    receive_two(thread);
    receive_one(thread);
}

static void verify_three(void)
{
    check_items(3);
    check_idle();
    model_assert(items[0] == 1 && items[1] == 2, "not in order");
}

MODEL(chan_wraps, .about = "three through a buffer for two", .threads = 2, .setup = setup,
      .body = {send_three, receive_three}, .verify = verify_three, .argument = &two);

/* The tries; each counts for itself what it has done. */
static void try_send(unsigned thread)
{
    uint64_t item = thread + 1;

    results[thread] = sley_chan_try_send(chan, &item);
    memset(&item, 0xee, sizeof item);
}

static void try_receive(unsigned thread)
{
    uint64_t item = 0;

    results[thread] = sley_chan_try_recv(chan, &item);
    if (results[thread] == 1)
        note_item(item);
}

static void verify_try(void)
{
    struct sley_chan_stats stats;

    sley_chan_stats(chan, &stats);
    model_assert(results[0] >= 0 && results[0] + results[1] >= 1, "nobody has sent: %d, %d",
                 results[0], results[1]);
    model_assert((unsigned)results[2] == got, "received %d", results[2]);
    model_assert(stats.length + got == (size_t)(results[0] + results[1]), "%zu are left",
                 stats.length);
}

MODEL(chan_try, .about = "two tries to send into a buffer for one, one to receive", .threads = 3,
      .setup = setup, .body = {try_send, try_send, try_receive}, .verify = verify_try,
      .argument = &one);

/* Of no size: only that something has happened is told. */
static void setup_nothing(void)
{
    reset(0, *(const size_t *)model_argument());
}

static void tell(unsigned thread)
{
    results[thread] = 1;
    model_assert(sley_chan_send(chan, NULL) == 0, "it is open");
}

static void be_told_and_free(unsigned thread)
{
    (void)thread;
    model_assert(sley_chan_recv(chan, NULL) == 0, "it is open");
    model_assert(results[0] == 1, "what was done before is not seen");
    sley_chan_free(chan);
}

static MODEL_GHOST void verify_gone(void)
{
    model_assert(heap_is_freed(chan, sizeof *chan), "nobody has freed it");
}

MODEL(chan_gone, .about = "what the only sender has sent is there: the receiver frees it",
      .threads = 2, .setup = setup_nothing, .body = {tell, be_told_and_free}, .verify = verify_gone,
      .argument = &one);

MODEL(chan_gone_unbuffered, .about = "... and whoever of them was woken", .threads = 2,
      .setup = setup_nothing, .body = {tell, be_told_and_free}, .verify = verify_gone,
      .argument = &unbuffered);

/* --- closed ------------------------------------------------------------------------------------
 */

enum { REASON = SLEY_EBUSY };

static void send_or_not(unsigned thread)
{
    results[thread] = send(thread + 1);
}

static void receive_or_not(unsigned thread)
{
    results[thread] = receive();
}

static void close(unsigned thread)
{
    (void)thread;
    model_assert(sley_chan_close(chan, REASON) == 0, "it is open");
}

/* What was sent is received, or still in the buffer; who has received nothing knows why. */
static void verify_closed(void)
{
    struct sley_chan_stats stats;
    bool sent = results[0] == 0, received = results[1] == 0;

    sley_chan_stats(chan, &stats);
    model_assert(results[0] == 0 || results[0] == REASON, "sent: %d", results[0]);
    model_assert(results[1] == 0 || results[1] == REASON, "received: %d", results[1]);
    model_assert(sent == received, "sent: %d, received: %d", results[0], results[1]);
    model_assert(!stats.senders && !stats.receivers && !stats.length, "%zu are left", stats.length);
    check_items(sent);
    model_outcome(sent ? "sent" : "closed");
}

MODEL(chan_close, .about = "a close against a send and a receive", .threads = 3, .setup = setup,
      .body = {send_or_not, receive_or_not, close}, .verify = verify_closed,
      .argument = &unbuffered, .must_see = {"sent", "closed"});

MODEL(chan_close_buffered, .about = "... what was sent before the close is received after it",
      .threads = 3, .setup = setup, .body = {send_or_not, receive_or_not, close},
      .verify = verify_closed, .argument = &one, .must_see = {"sent", "closed"});

static void verify_all_closed(void)
{
    check_items(0);
    check_idle();
    for (unsigned i = 1; i < 3; i++)
        model_assert(results[i] == REASON, "%d", results[i]);
}

static void close_twice(unsigned thread)
{
    close(thread);
    model_assert(sley_chan_close(chan, 0) == REASON, "the first reason stays");
}

MODEL(chan_close_all, .about = "a close ends all waits of one side", .threads = 3, .setup = setup,
      .body = {close_twice, receive_or_not, receive_or_not}, .verify = verify_all_closed,
      .argument = &unbuffered);

MODEL(chan_close_senders, .about = "... and of the other one", .threads = 3, .setup = setup,
      .body = {close_twice, send_or_not, send_or_not}, .verify = verify_all_closed,
      .argument = &unbuffered);

/* --- cancelled ---------------------------------------------------------------------------------
 */

static void receive_task(void)
{
    result = receive();
}

static void send_task(void)
{
    result = send(1);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_receiver(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){receive_task});
}

static void setup_sender(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){send_task});
}

static void verify_receiver(void)
{
    uint64_t item = 0;

    lab_verify();
    model_assert(results[0] == 0, "the send: %d", results[0]);
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(got == (result == 0), "%u received, the task got %d", got, result);
    model_assert(sley_chan_try_recv(chan, &item) == (result != 0), "it is in two places, or none");
    model_assert(result == 0 || item == 1, "the item is %llu", (unsigned long long)item);
    check_idle();
    model_outcome(result ? "cancelled" : "received");
}

MODEL(chan_cancel_receive, .about = "a cancel of a receive against a send", .threads = 2,
      .setup = setup_receiver, .body = {send_or_not, cancel}, .verify = verify_receiver,
      .argument = &one, .may_block = true, .must_see = {"cancelled", "received"});

static void receive_maybe(unsigned thread)
{
    (void)thread;
    try_receive(1);
}

static void verify_sender(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(got == (result == 0), "%u received, the send says %d", got, result);
    check_idle();
    model_outcome(result ? "cancelled" : "sent");
}

/* The receiver does not wait: then the send ends with the cancel. */
MODEL(chan_cancel_send, .about = "a cancel of a send against a receive", .threads = 2,
      .setup = setup_sender, .body = {receive_maybe, cancel}, .verify = verify_sender,
      .argument = &unbuffered, .may_block = true, .must_see = {"cancelled", "sent"});

/* Two receive, one of them is cancelled; two send, the second of them only if it is needed. */
static MODEL_GHOST bool is_over(UNUSED void *arg)
{
    return result != 1;
}

static void send_as_needed(unsigned thread)
{
    (void)thread;
    model_assert(send(1) == 0, "it is open");
    model_wait_until(is_over, NULL);
    if (result == 0)
        model_assert(send(2) == 0, "it is open");
}

static MODEL_GHOST void note_result(int value)
{
    result = value;
}

static void receive_task_noted(void)
{
    note_result(receive());
}

static void setup_next(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){receive_task_noted});
}

static void verify_next(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    check_items(result == 0 ? 2 : 1);
    check_idle();
    model_outcome(result ? "cancelled" : "received");
}

MODEL(chan_cancel_next, .about = "the item of one who is cancelled is the next one's", .threads = 3,
      .setup = setup_next, .body = {receive_one, send_as_needed, cancel}, .verify = verify_next,
      .argument = &unbuffered, .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled"});

/* --- gone --------------------------------------------------------------------------------------
 *
 * Who frees it when a task is on one side: the task itself, or the other one while the task has not
 * come back yet.
 */

static void be_told_and_free_task(void)
{
    be_told_and_free(1);
}

static void tell_task(void)
{
    tell(0);
}

static void setup_told_task(void)
{
    setup_nothing();
    lab_setup(1, 1, (lab_script *[]){be_told_and_free_task});
}

static void setup_telling_task(void)
{
    setup_nothing();
    lab_setup(1, 1, (lab_script *[]){tell_task});
}

static void setup_two_tasks(void)
{
    setup_nothing();
    lab_setup(2, 2, (lab_script *[]){be_told_and_free_task, tell_task});
}

MODEL(chan_gone_task, .about = "a task receives and frees it, a thread sends", .threads = 1,
      .setup = setup_told_task, .body = {tell}, .verify = lab_verify, .argument = &unbuffered,
      .may_block = true);

MODEL(chan_gone_sender, .about = "a task sends, a thread receives and frees it", .threads = 1,
      .setup = setup_telling_task, .body = {be_told_and_free}, .verify = lab_verify,
      .argument = &unbuffered, .may_block = true);

static void nothing(unsigned thread)
{
    (void)thread;
}

MODEL(chan_gone_tasks, .about = "both are tasks, on two workers", .threads = 1,
      .setup = setup_two_tasks, .body = {nothing}, .verify = lab_verify, .argument = &unbuffered,
      .may_block = true);

static void be_refused_and_free(void)
{
    result = receive();
    model_assert(result == REASON, "%d", result);
    sley_chan_free(chan);
}

static void setup_refused(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){be_refused_and_free});
}

MODEL(chan_gone_refused, .about = "a task learns of the close and frees it", .threads = 1,
      .setup = setup_refused, .body = {close}, .verify = lab_verify, .argument = &unbuffered,
      .may_block = true);

/* Who closes it frees it, although the one who was told is still on the way back. */
static void close_and_free(unsigned thread)
{
    close(thread);
    sley_chan_free(chan);
}

static void be_refused(void)
{
    result = receive();
    model_assert(result == REASON, "%d", result);
}

static MODEL_GHOST bool receiver_waits(UNUSED void *arg)
{
    return chan->receivers.first;
}

static void close_and_free_when_it_waits(unsigned thread)
{
    model_wait_until(receiver_waits, NULL);
    close_and_free(thread);
}

static void setup_closed(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){be_refused});
}

static void verify_closed_and_gone(void)
{
    lab_verify();
    verify_gone();
}

MODEL(chan_gone_closed, .about = "who has closed it frees it", .threads = 1, .setup = setup_closed,
      .body = {close_and_free_when_it_waits}, .verify = verify_closed_and_gone,
      .argument = &unbuffered, .may_block = true);

/* Who has handed over the item frees it, while a cancel has ended the wait of the receiver. */
static void try_send_and_free(unsigned thread)
{
    try_send(thread);
    if (results[thread] == 1)
        sley_chan_free(chan);
}

static void verify_freed(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(results[0] == (result == 0), "sent: %d, received: %d", results[0], result);
    model_assert(got == (result == 0), "%u received, the task got %d", got, result);
    model_outcome(result ? "cancelled" : "received");
}

MODEL(chan_gone_cancelled, .about = "a cancel of a receive against a send and a free", .threads = 2,
      .setup = setup_receiver, .body = {try_send_and_free, cancel}, .verify = verify_freed,
      .argument = &unbuffered, .may_block = true, .must_see = {"cancelled", "received"});
