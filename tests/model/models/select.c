/*
 * select.c: waiting for several channels (sched/select.c): exactly one case is done, the others
 * leave no trace, and what a partner has offered is not lost when the select is cancelled, late, or
 * won by another channel.
 *
 * An item is counted where it arrives; what nobody took must still be where it was. The memory of a
 * select, its cases and their items, is on the caller's stack, and each writes to it again at once.
 */
#include "chan_impl.h"
#include "wait_lab.h"

#include <string.h>

enum { A, B, CHANNELS };

static struct sley_chan *chans[CHANNELS];
static unsigned received[8]; /* how often, by item; ghost */
static int results[4];       /* by thread, each its own */
static int result;           /* of the task */

static void reset(size_t capacity)
{
    memset(received, 0, sizeof received);
    memset(results, 0, sizeof results);
    result = 1000;
    for (unsigned i = 0; i < CHANNELS; i++)
        ensure(sley_chan_new(sizeof(uint64_t), capacity, &chans[i]) == 0);
}

static MODEL_GHOST void note_item(uint64_t item)
{
    model_assert(item >= 1 && item < 8, "item %llu", (unsigned long long)item);
    received[item]++;
}

static void check_idle(void)
{
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct sley_chan_stats stats;

        sley_chan_stats(chans[i], &stats);
        model_assert(!stats.senders && !stats.receivers && !stats.length,
                     "channel %u: %zu senders, %zu receivers, %zu items", i, stats.senders,
                     stats.receivers, stats.length);
        model_assert(!chans[i]->senders.first && !chans[i]->receivers.first,
                     "somebody is in a list still");
    }
}

/* Each of the first `count` items was received once. */
static void check_items(unsigned count)
{
    for (unsigned i = 1; i < 8; i++)
        model_assert(received[i] == (i <= count), "item %u was received %u times", i, received[i]);
}

/* --- the parties -------------------------------------------------------------------------------
 */

static int send(unsigned chan, uint64_t item)
{
    int error = sley_chan_send(chans[chan], &item);

    memset(&item, 0xee, sizeof item);
    return error;
}

static void receive(unsigned chan)
{
    uint64_t item;

    model_assert(sley_chan_recv(chans[chan], &item) == 0, "it is open");
    note_item(item);
}

/* A receive from either; the index. */
static int select_either(int64_t deadline)
{
    uint64_t items[CHANNELS] = {0};
    struct sley_select_case cases[CHANNELS] = {{chans[A], SLEY_SELECT_RECV, &items[A], 1000},
                                               {chans[B], SLEY_SELECT_RECV, &items[B], 1000}};
    int index = sley_select(cases, CHANNELS, deadline);

    for (int i = 0; i < CHANNELS; i++)
        model_assert(i == index || items[i] == 0, "an item came that was not chosen");
    if (index >= 0 && cases[index].result == 0)
        note_item(items[index]);
    if (index >= 0 && cases[index].result)
        index = cases[index].result;
    memset(cases, 0xee, sizeof cases);
    memset(items, 0xee, sizeof items);
    return index;
}

static void send_a(unsigned thread)
{
    model_assert(send(A, thread + 1) == 0, "it is open");
}

static void send_b(unsigned thread)
{
    model_assert(send(B, thread + 1) == 0, "it is open");
}

/* And then from the other one. */
static void select_both(unsigned thread)
{
    int index = select_either(SLEY_FOREVER);

    results[thread] = index;
    model_assert(index == A || index == B, "%d", index);
    receive(index == A ? B : A);
}

static void select_one(unsigned thread)
{
    results[thread] = select_either(SLEY_FOREVER);
    model_assert(results[thread] == A || results[thread] == B, "%d", results[thread]);
}

/* A send to either. */
static void offer(unsigned thread)
{
    uint64_t items[CHANNELS] = {thread + 1, thread + 1};
    struct sley_select_case cases[CHANNELS] = {{chans[B], SLEY_SELECT_SEND, &items[B], 1000},
                                               {chans[A], SLEY_SELECT_SEND, &items[A], 1000}};
    int index = sley_select(cases, CHANNELS, SLEY_FOREVER);

    model_assert(index >= 0 && cases[index].result == 0, "%d", index);
    results[thread] = index;
    memset(cases, 0xee, sizeof cases);
    memset(items, 0xee, sizeof items);
}

static void setup(void)
{
    reset(0);
}

static void setup_buffered(void)
{
    reset(1);
}

static void verify_two(void)
{
    check_items(2);
    check_idle();
}

static void verify_which(void)
{
    verify_two();
    model_outcome(results[2] == A ? "A first" : "B first");
}

MODEL(select_two, .about = "two senders, on a channel each, compete for one select", .threads = 3,
      .setup = setup, .body = {send_a, send_b, select_both}, .verify = verify_which,
      .must_see = {"A first", "B first"});

MODEL(select_two_buffered, .about = "... whose items are in buffers", .threads = 3,
      .setup = setup_buffered, .body = {send_a, send_b, select_both}, .verify = verify_which,
      .must_see = {"A first", "B first"});

/* --- select against select ---------------------------------------------------------------------
 */

static void verify_one(void)
{
    check_items(1);
    check_idle();
}

MODEL(select_meet, .about = "two selects on the same channels meet, whatever their order",
      .threads = 2, .setup = setup, .body = {offer, select_one}, .verify = verify_one);

MODEL(select_compete, .about = "two selects for one item, and one more for the other", .threads = 4,
      .setup = setup, .body = {send_a, send_b, select_one, select_one}, .verify = verify_two,
      .every_switch_costs = true);

MODEL(select_three, .about = "a select and a plain receive for the item of a select", .threads = 4,
      .setup = setup, .body = {offer, send_a, select_one, select_one}, .verify = verify_two,
      .every_switch_costs = true);

/* A select that has lost its place to the other channel stands in front of a receiver, while
 * another select comes to send. Whoever takes what was for the receiver sends it on. */
static void offer_a(unsigned thread)
{
    uint64_t item = thread + 1;
    struct sley_select_case one = {chans[A], SLEY_SELECT_SEND, &item, 1000};

    model_assert(sley_select(&one, 1, SLEY_FOREVER) == 0 && one.result == 0, "it is open");
    memset(&one, 0xee, sizeof one);
    memset(&item, 0xee, sizeof item);
}

static void select_and_pass_on(unsigned thread)
{
    results[thread] = select_either(SLEY_FOREVER);
    if (results[thread] == B)
        return;
    model_assert(send(A, 2) == 0, "it is open");
    receive(B);
}

static void receive_a(unsigned thread)
{
    (void)thread;
    receive(A);
}

static void verify_behind(void)
{
    check_idle();
    model_assert(received[1] == 1 && received[4] == 1, "received: %u, %u", received[1],
                 received[4]);
    model_assert(received[2] == (results[1] == A), "what was passed on was received %u times",
                 received[2]);
}

MODEL(select_behind, .about = "one who waits behind a select that is done elsewhere is seen",
      .threads = 4, .setup = setup, .body = {offer_a, select_and_pass_on, receive_a, send_b},
      .verify = verify_behind, .every_switch_costs = true);

/* One select that could be its own partner, which it must not be. */
static void both_ways(unsigned thread)
{
    uint64_t out = thread + 1, in = 0;
    struct sley_select_case cases[] = {{chans[A], SLEY_SELECT_SEND, &out, 1000},
                                       {NULL, SLEY_SELECT_RECV, NULL, 1000},
                                       {chans[A], SLEY_SELECT_RECV, &in, 1000}};
    int index = sley_select(cases, 3, SLEY_FOREVER);

    model_assert(index == 0 || index == 2, "%d", index);
    model_assert((index == 2) == (in != 0), "case %d was done, and the item is %llu", index,
                 (unsigned long long)in);
    if (index == 2)
        note_item(in);
    results[thread] = index;
}

static void verify_both_ways(void)
{
    int senders = (results[0] == 0) + (results[1] == 0);

    model_assert(senders == 1, "%d have sent: %d, %d", senders, results[0], results[1]);
    model_assert(received[results[0] == 0 ? 1 : 2] == 1, "it was not received by the other");
    check_idle();
}

MODEL(select_self, .about = "two that both send and receive on one channel", .threads = 2,
      .setup = setup, .body = {both_ways}, .verify = verify_both_ways);

/* --- late, closed ------------------------------------------------------------------------------
 */

static void select_until(unsigned thread)
{
    results[thread] = select_either(MODEL_EPOCH + 1000);
}

static void try_send_a(unsigned thread)
{
    uint64_t item = thread + 1;

    results[thread] = sley_chan_try_send(chans[A], &item);
    memset(&item, 0xee, sizeof item);
}

static void verify_late(void)
{
    model_assert(results[1] == A || results[1] == SLEY_ETIMEDOUT, "%d", results[1]);
    model_assert(results[0] == (results[1] == A), "sent: %d, received: %d", results[0], results[1]);
    check_items(results[1] == A);
    check_idle();
    model_outcome(results[1] == A ? "received" : "late");
}

MODEL(select_late, .about = "a deadline against a send", .threads = 2, .setup = setup,
      .body = {try_send_a, select_until}, .verify = verify_late, .must_see = {"received", "late"});

static void close_b(unsigned thread)
{
    (void)thread;
    model_assert(sley_chan_close(chans[B], SLEY_EBUSY) == 0, "it is open");
}

static void select_closed(unsigned thread)
{
    results[thread] = select_either(SLEY_FOREVER);
}

static void verify_closed(void)
{
    model_assert(results[2] == A || results[2] == SLEY_EBUSY, "%d", results[2]);
    model_assert(results[0] == (results[2] == A), "sent: %d, received: %d", results[0], results[2]);
    check_items(results[2] == A);
    check_idle();
    model_outcome(results[2] == A ? "received" : "closed");
}

MODEL(select_close, .about = "a close of one channel against a send on the other", .threads = 3,
      .setup = setup, .body = {try_send_a, close_b, select_closed}, .verify = verify_closed,
      .must_see = {"received", "closed"});

/* --- cancelled ---------------------------------------------------------------------------------
 */

static void select_task(void)
{
    result = select_either(SLEY_FOREVER);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_cancel(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){select_task});
}

static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == A || result == SLEY_ECANCELED, "%d", result);
    model_assert(results[0] == (result == A), "sent: %d, received: %d", results[0], result);
    check_items(result == A);
    check_idle();
    model_outcome(result == A ? "received" : "cancelled");
}

MODEL(select_cancel, .about = "a cancel against a send: both know the same of it", .threads = 2,
      .setup = setup_cancel, .body = {try_send_a, cancel}, .verify = verify_cancel,
      .may_block = true, .must_see = {"received", "cancelled"});

/* Sends on both, of which one is for somebody else. */
static void receive_rest(unsigned thread)
{
    (void)thread;
    receive(A);
}

static void verify_next(void)
{
    lab_verify();
    model_assert(result == SLEY_ECANCELED || result == A, "%d", result);
    model_outcome(result == A ? "received" : "cancelled");
    if (result == SLEY_ECANCELED) {
        check_items(1);
        check_idle();
    }
}

static MODEL_GHOST bool is_over(UNUSED void *arg)
{
    return result != 1000;
}

static MODEL_GHOST void note_result(int value)
{
    result = value;
}

static void select_task_noted(void)
{
    note_result(select_either(SLEY_FOREVER));
}

/* If the select has taken the first one, there is a second one for the other receiver. */
static void send_as_needed(unsigned thread)
{
    (void)thread;
    model_assert(send(A, 1) == 0, "it is open");
    model_wait_until(is_over, NULL);
    if (result == A)
        model_assert(send(A, 2) == 0, "it is open");
}

static void setup_next(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){select_task_noted});
}

static void verify_needed(void)
{
    verify_next();
    check_items(result == A ? 2 : 1);
    check_idle();
}

MODEL(select_cancel_next, .about = "... the item goes to another receiver", .threads = 3,
      .setup = setup_next, .body = {send_as_needed, receive_rest, cancel}, .verify = verify_needed,
      .may_block = true, .every_switch_costs = true, .must_see = {"cancelled"});

/* Two partners, and each of them may come while the task puts itself into the channels. */
static void try_send_b(unsigned thread)
{
    uint64_t item = thread + 1;

    results[thread] = sley_chan_try_send(chans[B], &item);
    memset(&item, 0xee, sizeof item);
}

static void verify_task(void)
{
    lab_verify();
    model_assert(result == A || result == B || result == SLEY_ECANCELED, "%d", result);
    model_assert(results[0] + results[1] == (result >= 0), "sent: %d, %d", results[0], results[1]);
    model_assert(received[1] == (unsigned)results[0] && received[2] == (unsigned)results[1],
                 "received: %u, %u", received[1], received[2]);
    check_idle();
    model_outcome(result >= 0 ? "received" : "cancelled");
}

MODEL(select_cancel_two, .about = "... two partners, on a channel each", .threads = 3,
      .setup = setup_cancel, .body = {try_send_a, try_send_b, cancel}, .verify = verify_task,
      .may_block = true, .every_switch_costs = true, .must_see = {"received", "cancelled"});

/* Items that come into buffers while the task puts itself into the channels. */
static void setup_task(void)
{
    setup_buffered();
    lab_setup(1, 1, (lab_script *[]){select_task});
}

static void verify_buffered(void)
{
    uint64_t item = 0;

    lab_verify();
    model_assert(result == A || result == B, "%d", result);
    model_assert(sley_chan_try_recv(chans[!result], &item) == 1, "the other item is lost");
    note_item(item);
    verify_two();
}

MODEL(select_task, .about = "a task, and items that come into the buffers of both", .threads = 2,
      .setup = setup_task, .body = {send_a, send_b}, .verify = verify_buffered, .may_block = true);
