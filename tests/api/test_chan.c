/*
 * test_chan.c: channels and select: order, capacity, closing, what cancel and deadline leave
 * behind. What happens when much of it comes at once is in tests/stress/chan_storm.c.
 */
#include "task_test.h"

#include <string.h>

#include <sley/chan.h>

static struct sley_chan *chan, *other;
static int order[64];
static unsigned events;

static void let_others_wait(void)
{
    for (int i = 0; i < 30; i++)
        (void)sley_yield();
}

static struct sley_chan *made(size_t capacity)
{
    struct sley_chan *made = NULL;

    assert_ok(sley_chan_new(sizeof(int), capacity, &made));
    return made;
}

static int send_int(struct sley_chan *to, int value)
{
    return sley_chan_send(to, &value);
}

static int recv_int(struct sley_chan *from)
{
    int value = -1;

    assert_ok(sley_chan_recv(from, &value));
    return value;
}

static int send_and_note(void *value)
{
    int error = send_int(chan, (int)(intptr_t)value);

    order[events++] = (int)(intptr_t)value;
    return error;
}

static int recv_result(UNUSED_ARG void *arg)
{
    return recv_int(chan);
}

static int recv_and_note(UNUSED_ARG void *arg)
{
    int value = -1, error = sley_chan_recv(chan, &value);

    order[events++] = value;
    return error;
}

static struct sley_chan_stats stats(struct sley_chan *of)
{
    struct sley_chan_stats stats;

    sley_chan_stats(of, &stats);
    return stats;
}

/* --- send and receive ------------------------------------------------------------------------- */

ONE_WORKER_TEST(chan, a_buffered_one_keeps_its_capacity_in_order)
{
    int value;

    chan = made(3);
    for (int i = 0; i < 3; i++)
        assert_ok(send_int(chan, i));
    value = 3;
    cr_assert_eq(sley_chan_try_send(chan, &value), 0);
    cr_assert_eq(stats(chan).length, 3);
    for (int round = 0; round < 5; round++) { /* around the ring */
        cr_assert_eq(recv_int(chan), round);
        assert_ok(send_int(chan, round + 3));
    }
    for (int i = 5; i < 8; i++)
        cr_assert_eq(recv_int(chan), i);
    cr_assert_eq(sley_chan_try_recv(chan, &value), 0);
    cr_assert_eq(stats(chan).peak, 3);
    cr_assert_eq(stats(chan).sent, 8);
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, an_unbuffered_one_hands_over)
{
    struct sley_task *sender;
    int value = 7;

    chan = made(0);
    cr_assert_eq(sley_chan_try_send(chan, &value), 0);
    sender = spawned(send_and_note, (void *)5);
    let_others_wait();
    cr_assert_eq(events, 0, "it waits for a receiver");
    cr_assert_eq(stats(chan).senders, 1);
    cr_assert_eq(recv_int(chan), 5);
    assert_ok(joined(sender));
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, senders_are_served_in_order_and_fill_the_room)
{
    struct sley_task *senders[4];

    chan = made(1);
    for (intptr_t i = 0; i < 4; i++) {
        senders[i] = spawned(send_and_note, (void *)i);
        let_others_wait();
    }
    cr_assert_eq(events, 1);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(recv_int(chan), i);
    for (int i = 0; i < 4; i++)
        assert_ok(joined(senders[i]));
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, receivers_are_served_in_order)
{
    struct sley_task *receivers[3];

    chan = made(2);
    for (int i = 0; i < 3; i++) {
        receivers[i] = spawned(recv_result, NULL);
        let_others_wait();
    }
    for (int i = 0; i < 3; i++)
        assert_ok(send_int(chan, 10 + i));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(joined(receivers[i]), 10 + i);
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, items_may_be_large_or_nothing)
{
    char sent[1000], received[1000] = {0};
    struct sley_chan *large, *empty;

    memset(sent, 'x', sizeof sent);
    assert_ok(sley_chan_new(sizeof sent, 1, &large));
    assert_ok(sley_chan_send(large, sent));
    assert_ok(sley_chan_recv(large, received));
    cr_assert_eq(memcmp(sent, received, sizeof sent), 0);
    sley_chan_free(large);
    assert_ok(sley_chan_new(0, 2, &empty));
    assert_ok(sley_chan_send(empty, NULL));
    assert_ok(sley_chan_recv(empty, NULL));
    cr_assert_eq(sley_chan_try_recv(empty, NULL), 0);
    sley_chan_free(empty);
    assert_code(sley_chan_new(SIZE_MAX / 2, 3, &empty), SLEY_EINVAL);
    sley_chan_free(NULL);
    return 0;
}

/* Whoever has the last item may free the channel, though the other one has not run yet. */
ONE_WORKER_TEST(chan, may_be_freed_before_those_who_were_woken_are_back)
{
    struct sley_task *task;

    chan = made(0);
    task = spawned(send_and_note, (void *)5);
    let_others_wait();
    cr_assert_eq(recv_int(chan), 5);
    sley_chan_free(chan);
    assert_ok(joined(task));
    chan = made(1);
    task = spawned(recv_and_note, NULL);
    let_others_wait();
    assert_ok(send_int(chan, 6));
    sley_chan_free(chan);
    assert_ok(joined(task));
    cr_assert_eq(order[1], 6);
    chan = made(0);
    task = spawned(recv_and_note, NULL);
    let_others_wait();
    assert_ok(sley_chan_close(chan, 0));
    sley_chan_free(chan);
    assert_code(joined(task), SLEY_ECLOSED);
    return 0;
}

/* --- closing ---------------------------------------------------------------------------------- */

ONE_WORKER_TEST(chan, what_was_sent_before_the_close_is_received_then_the_reason)
{
    int value = 1;

    chan = made(2);
    assert_ok(send_int(chan, 1));
    assert_ok(sley_chan_close(chan, SLEY_ECONNRESET));
    assert_code(send_int(chan, 2), SLEY_ECONNRESET);
    cr_assert_eq(recv_int(chan), 1);
    assert_code(sley_chan_recv(chan, &value), SLEY_ECONNRESET);
    assert_code(sley_chan_try_recv(chan, &value), SLEY_ECONNRESET);
    assert_code(sley_chan_close(chan, 0), SLEY_ECONNRESET);
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, a_close_wakes_all_who_wait)
{
    struct sley_task *receivers[3];

    chan = made(0);
    for (int i = 0; i < 3; i++)
        receivers[i] = spawned(recv_and_note, NULL);
    let_others_wait();
    assert_ok(sley_chan_close(chan, 0));
    for (int i = 0; i < 3; i++)
        assert_code(joined(receivers[i]), SLEY_ECLOSED);
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, a_close_wakes_the_senders_and_drops_their_items)
{
    struct sley_task *sender;

    chan = made(0);
    sender = spawned(send_and_note, (void *)1);
    let_others_wait();
    assert_ok(sley_chan_close(chan, 0));
    assert_code(joined(sender), SLEY_ECLOSED);
    cr_assert_eq(stats(chan).sent, 0);
    sley_chan_free(chan);
    return 0;
}

/* --- cancel and deadline ---------------------------------------------------------------------- */

ONE_WORKER_TEST(chan, a_cancelled_sender_has_sent_nothing)
{
    struct sley_task *sender;
    int value;

    chan = made(0);
    sender = spawned(send_and_note, (void *)1);
    let_others_wait();
    sley_cancel(sender, NULL);
    assert_code(joined(sender), SLEY_ECANCELED);
    cr_assert_eq(sley_chan_try_recv(chan, &value), 0);
    sley_chan_free(chan);
    return 0;
}

/* Served, then cancelled before it could run: the item is its own, not lost. */
ONE_WORKER_TEST(chan, an_item_handed_over_before_the_cancel_is_kept)
{
    struct sley_task *receiver;

    chan = made(0);
    receiver = spawned(recv_and_note, NULL);
    let_others_wait();
    assert_ok(send_int(chan, 9));
    sley_cancel(receiver, NULL);
    assert_ok(joined(receiver));
    cr_assert_eq(order[0], 9);
    sley_chan_free(chan);
    return 0;
}

/* Cancelled, then served before it could run. */
ONE_WORKER_TEST(chan, an_item_that_meets_a_cancel_is_kept_too)
{
    struct sley_task *receiver;
    int value = 9;

    chan = made(0);
    receiver = spawned(recv_and_note, NULL);
    let_others_wait();
    sley_cancel(receiver, NULL);
    if (sley_chan_try_send(chan, &value) == 1) {
        assert_ok(joined(receiver));
        cr_assert_eq(order[0], 9);
    } else {
        assert_code(joined(receiver), SLEY_ECANCELED);
    }
    sley_chan_free(chan);
    return 0;
}

ONE_WORKER_TEST(chan, a_deadline_ends_the_wait)
{
    int value;

    chan = made(0);
    sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(sley_chan_recv(chan, &value), SLEY_ETIMEDOUT);
    cr_assert_eq(stats(chan).receivers, 0);
    sley_chan_free(chan);
    return 0;
}

/* --- foreign threads -------------------------------------------------------------------------- */

static void *echo_on_thread(UNUSED_ARG void *arg)
{
    int value;

    for (int i = 0; i < 100; i++) {
        cr_assert_eq(sley_chan_recv(chan, &value), 0);
        value = -value;
        cr_assert_eq(sley_chan_send(other, &value), 0);
    }
    return NULL;
}

TASK_TEST(chan, a_foreign_thread_sends_and_receives_too)
{
    pthread_t thread;

    chan = made(0);
    other = made(0);
    cr_assert_eq(pthread_create(&thread, NULL, echo_on_thread, NULL), 0);
    for (int i = 0; i < 100; i++) {
        assert_ok(send_int(chan, i));
        cr_assert_eq(recv_int(other), -i);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

/* --- select ----------------------------------------------------------------------------------- */

ONE_WORKER_TEST(select, does_the_one_that_is_ready)
{
    int value = -1, out = 3;
    struct sley_select_case cases[3];

    chan = made(1);
    other = made(0);
    cases[0] = (struct sley_select_case){.chan = other, .item = &value};
    cases[1] = (struct sley_select_case){chan, SLEY_SELECT_SEND, &out, 0};
    cases[2] = (struct sley_select_case){.chan = NULL};
    cr_assert_eq(sley_select(cases, 3, SLEY_FOREVER), 1);
    assert_ok(cases[1].result);
    assert_code(sley_select(cases, 3, sley_now()), SLEY_ETIMEDOUT);
    cases[1].direction = SLEY_SELECT_RECV;
    cases[1].item = &value;
    cr_assert_eq(sley_select(cases, 3, SLEY_FOREVER), 1);
    cr_assert_eq(value, 3);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

ONE_WORKER_TEST(select, is_fair_among_the_ready)
{
    int values[2], wins[2] = {0};

    chan = made(1000);
    other = made(1000);
    for (int i = 0; i < 1000; i++) {
        assert_ok(send_int(chan, i));
        assert_ok(send_int(other, i));
    }
    for (int i = 0; i < 1000; i++) {
        struct sley_select_case cases[] = {{.chan = chan, .item = &values[0]},
                                           {.chan = other, .item = &values[1]}};
        int index = sley_select(cases, 2, SLEY_FOREVER);

        cr_assert(index == 0 || index == 1);
        cr_assert_eq(values[index], wins[index]++, "in order");
    }
    cr_assert_gt(wins[0], 300);
    cr_assert_gt(wins[1], 300);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

/* Two neighbours among many that are not ready: neither has the turns of the others as well. */
ONE_WORKER_TEST(select, is_fair_among_ready_neighbours)
{
    struct sley_select_case cases[10];
    int values[2], wins[2] = {0};

    chan = made(1);
    other = made(1);
    for (int i = 0; i < 10; i++)
        cases[i] = (struct sley_select_case){.chan = NULL};
    cases[4] = (struct sley_select_case){.chan = chan, .item = &values[0]};
    cases[5] = (struct sley_select_case){.chan = other, .item = &values[1]};
    assert_ok(send_int(chan, 0));
    assert_ok(send_int(other, 0));
    for (int i = 0; i < 1000; i++) {
        int index = sley_select(cases, 10, SLEY_FOREVER);

        cr_assert(index == 4 || index == 5);
        wins[index - 4]++;
        assert_ok(send_int(index == 4 ? chan : other, i));
    }
    cr_assert_gt(wins[0], 400, "%d", wins[0]);
    cr_assert_gt(wins[1], 400, "%d", wins[1]);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

static int select_both(UNUSED_ARG void *arg)
{
    int value = -1;
    struct sley_select_case cases[] = {{.chan = chan, .item = &value},
                                       {.chan = other, .item = &value}};
    int index = sley_select(cases, 2, SLEY_FOREVER);

    if (index < 0)
        return index;
    if (cases[index].result)
        return cases[index].result;
    return index * 100 + value;
}

ONE_WORKER_TEST(select, waits_and_takes_exactly_one)
{
    struct sley_task *task;
    int value = 5;

    chan = made(0);
    other = made(0);
    task = spawned(select_both, NULL);
    let_others_wait();
    assert_ok(send_int(other, 5));
    cr_assert_eq(sley_chan_try_send(chan, &value), 0, "it waits there no more");
    cr_assert_eq(joined(task), 105);
    cr_assert_eq(stats(chan).receivers, 0);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

ONE_WORKER_TEST(select, a_closed_channel_is_ready)
{
    struct sley_task *task;

    chan = made(0);
    other = made(0);
    task = spawned(select_both, NULL);
    let_others_wait();
    assert_ok(sley_chan_close(chan, 0));
    assert_code(joined(task), SLEY_ECLOSED);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

ONE_WORKER_TEST(select, a_cancel_leaves_nothing_behind)
{
    struct sley_task *task;

    chan = made(0);
    other = made(0);
    task = spawned(select_both, NULL);
    let_others_wait();
    cr_assert_eq(stats(other).receivers, 1);
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(stats(chan).receivers + stats(other).receivers, 0);
    sley_chan_free(chan);
    sley_chan_free(other);
    return 0;
}

/* A select that both sends to and receives from one channel does not deal with itself. */
ONE_WORKER_TEST(select, does_not_deal_with_itself)
{
    int in = -1, out = 4;
    struct sley_select_case cases[2];
    struct sley_task *task;

    chan = made(0);
    cases[0] = (struct sley_select_case){.chan = chan, .item = &in};
    cases[1] = (struct sley_select_case){chan, SLEY_SELECT_SEND, &out, 0};
    assert_code(sley_select(cases, 2, sley_after(SLEY_MILLISECONDS(1))), SLEY_ETIMEDOUT);
    task = spawned(recv_and_note, NULL);
    cr_assert_eq(sley_select(cases, 2, SLEY_FOREVER), 1);
    assert_ok(joined(task));
    cr_assert_eq(order[0], 4);
    sley_chan_free(chan);
    return 0;
}

/* Two that wait for each other by select meet. */
static int select_send_or_recv(UNUSED_ARG void *arg)
{
    int in = -1, out = 4, index;
    struct sley_select_case cases[] = {{.chan = chan, .item = &in},
                                       {chan, SLEY_SELECT_SEND, &out, 0}};

    index = sley_select(cases, 2, SLEY_FOREVER);
    return index;
}

ONE_WORKER_TEST(select, two_selects_meet)
{
    struct sley_task *first, *second;

    chan = made(0);
    first = spawned(select_send_or_recv, NULL);
    let_others_wait();
    second = spawned(select_send_or_recv, NULL);
    cr_assert_eq(joined(first) + joined(second), 1, "one sends, one receives");
    sley_chan_free(chan);
    return 0;
}
