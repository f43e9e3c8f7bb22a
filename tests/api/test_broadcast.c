/*
 * test_broadcast.c: broadcast channels: who receives what, slow subscribers, closing, what cancel
 * and deadline leave behind. What happens when much of it comes at once is in
 * tests/stress/broadcast_storm.c.
 */
#include "task_test.h"

#include <sley/broadcast.h>

static struct sley_broadcast *radio;
static struct sley_subscription *left, *right;
static unsigned events; /* sends that have returned */

static void let_others_wait(void)
{
    for (int i = 0; i < 30; i++)
        (void)sley_yield();
}

/* With two subscribers. */
static void begin(size_t capacity, enum sley_broadcast_slow slow)
{
    assert_ok(sley_broadcast_new(sizeof(int), capacity, slow, &radio));
    assert_ok(sley_broadcast_subscribe(radio, &left));
    assert_ok(sley_broadcast_subscribe(radio, &right));
}

static void end(void)
{
    sley_broadcast_unsubscribe(left);
    sley_broadcast_unsubscribe(right);
    sley_broadcast_free(radio);
}

static int send_int(int value)
{
    return sley_broadcast_send(radio, &value);
}

static int try_send_int(int value)
{
    return sley_broadcast_try_send(radio, &value);
}

static int recv_int(struct sley_subscription *from)
{
    int value = -1;
    uint64_t lost = 99;

    assert_ok(sley_broadcast_recv(from, &value, &lost));
    cr_assert_eq(lost, 0);
    return value;
}

static int try_recv(struct sley_subscription *from)
{
    int value;

    return sley_broadcast_try_recv(from, &value, NULL);
}

static struct sley_broadcast_stats stats(void)
{
    struct sley_broadcast_stats stats;

    sley_broadcast_stats(radio, &stats);
    return stats;
}

static int send_and_count(void *value)
{
    int error = send_int((int)(intptr_t)value);

    events++;
    return error;
}

static int recv_result(void *from)
{
    int value = -1, error = sley_broadcast_recv(from, &value, NULL);

    return error ? error : value;
}

/* --- who receives what ------------------------------------------------------------------------ */

ONE_WORKER_TEST(broadcast, each_subscriber_receives_each_item_in_order)
{
    begin(4, SLEY_BROADCAST_WAIT);
    for (int i = 0; i < 4; i++)
        assert_ok(send_int(i));
    for (int i = 0; i < 4; i++)
        cr_assert_eq(recv_int(left), i);
    cr_assert_eq(try_recv(left), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(recv_int(right), i);
    cr_assert_eq(try_recv(right), 0);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, a_subscriber_receives_what_is_sent_after_it_came)
{
    struct sley_subscription *late;

    begin(4, SLEY_BROADCAST_WAIT);
    assert_ok(send_int(1));
    assert_ok(sley_broadcast_subscribe(radio, &late));
    assert_ok(send_int(2));
    cr_assert_eq(recv_int(late), 2);
    cr_assert_eq(recv_int(left), 1);
    sley_broadcast_unsubscribe(late);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, without_subscribers_items_are_sent_to_nobody)
{
    assert_ok(sley_broadcast_new(sizeof(int), 1, SLEY_BROADCAST_WAIT, &radio));
    for (int i = 0; i < 10; i++)
        assert_ok(send_int(i));
    cr_assert_eq(stats().length, 0);
    cr_assert_eq(stats().sent, 10);
    sley_broadcast_free(radio);
    return 0;
}

ONE_WORKER_TEST(broadcast, items_may_have_no_size)
{
    uint64_t lost;

    assert_ok(sley_broadcast_new(0, 2, SLEY_BROADCAST_DROP, &radio));
    assert_ok(sley_broadcast_subscribe(radio, &left));
    for (int i = 0; i < 5; i++)
        assert_ok(sley_broadcast_send(radio, NULL));
    assert_ok(sley_broadcast_recv(left, NULL, &lost));
    cr_assert_eq(lost, 3);
    sley_broadcast_unsubscribe(left);
    sley_broadcast_free(radio);
    return 0;
}

ONE_WORKER_TEST(broadcast, all_who_wait_are_told)
{
    struct sley_task *tasks[4];

    begin(1, SLEY_BROADCAST_WAIT);
    tasks[0] = spawned(recv_result, left);
    tasks[1] = spawned(recv_result, right);
    let_others_wait();
    cr_assert_eq(stats().receivers, 2);
    assert_ok(send_int(7));
    cr_assert_eq(joined(tasks[0]), 7);
    cr_assert_eq(joined(tasks[1]), 7);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, receivers_of_one_subscription_share_its_items)
{
    struct sley_task *tasks[2];
    int sum;

    begin(4, SLEY_BROADCAST_WAIT);
    tasks[0] = spawned(recv_result, left);
    tasks[1] = spawned(recv_result, left);
    let_others_wait();
    assert_ok(send_int(1));
    let_others_wait();
    cr_assert_eq(stats().receivers, 1);
    assert_ok(send_int(2));
    sum = joined(tasks[0]) + joined(tasks[1]);
    cr_assert_eq(sum, 3);
    end();
    return 0;
}

/* --- slow subscribers ------------------------------------------------------------------------- */

ONE_WORKER_TEST(broadcast, senders_wait_for_the_slowest_in_their_order)
{
    struct sley_task *tasks[2];

    begin(2, SLEY_BROADCAST_WAIT);
    cr_assert_eq(try_send_int(0), 1);
    cr_assert_eq(try_send_int(1), 1);
    cr_assert_eq(try_send_int(9), 0);
    for (int i = 0; i < 2; i++) {
        tasks[i] = spawned(send_and_count, (void *)(intptr_t)(2 + i));
        let_others_wait();
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(recv_int(left), i);
    let_others_wait();
    cr_assert_eq(events, 0, "one of two has made no room");
    cr_assert_eq(stats().senders, 2);
    for (int i = 0; i < 2; i++)
        assert_ok((recv_int(right), 0));
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_eq(events, 2);
    cr_assert_eq(recv_int(left), 2);
    cr_assert_eq(recv_int(left), 3);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, a_subscriber_that_leaves_makes_room)
{
    struct sley_task *task;

    begin(1, SLEY_BROADCAST_WAIT);
    assert_ok(send_int(1));
    cr_assert_eq(recv_int(left), 1);
    task = spawned(send_and_count, (void *)(intptr_t)2);
    let_others_wait();
    cr_assert_eq(events, 0);
    sley_broadcast_unsubscribe(right);
    right = NULL;
    assert_ok(joined(task));
    cr_assert_eq(recv_int(left), 2);
    cr_assert_eq(stats().length, 0);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, the_last_that_leaves_lets_all_senders_go)
{
    struct sley_task *tasks[3];

    begin(1, SLEY_BROADCAST_WAIT);
    sley_broadcast_unsubscribe(right);
    right = NULL;
    assert_ok(send_int(1));
    for (int i = 0; i < 3; i++)
        tasks[i] = spawned(send_and_count, NULL);
    let_others_wait();
    sley_broadcast_unsubscribe(left);
    left = NULL;
    for (int i = 0; i < 3; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_eq(stats().length, 0);
    end();
    return 0;
}

/* Its item was received, so nobody has to wait until it is back before it frees the broadcast. */
ONE_WORKER_TEST(broadcast, a_sender_need_not_be_back_when_it_is_freed)
{
    struct sley_task *sender;
    int result = -1;

    begin(1, SLEY_BROADCAST_WAIT);
    sley_broadcast_unsubscribe(right);
    assert_ok(send_int(1));
    assert_ok(sley_spawn(send_and_count, (void *)(intptr_t)2, NULL, &sender));
    let_others_wait();
    cr_assert_eq(stats().senders, 1);
    cr_assert_eq(recv_int(left), 1);
    cr_assert_eq(recv_int(left), 2);
    sley_broadcast_unsubscribe(left);
    sley_broadcast_free(radio);
    assert_ok(sley_join(sender, &result));
    assert_ok(result);
    return 0;
}

ONE_WORKER_TEST(broadcast, the_slow_lose_the_oldest_and_are_told_how_many)
{
    uint64_t lost;
    int value;

    begin(3, SLEY_BROADCAST_DROP);
    for (int i = 0; i < 10; i++) {
        assert_ok(send_int(i));
        cr_assert_eq(recv_int(left), i);
    }
    cr_assert_eq(stats().lost, 7);
    assert_ok(sley_broadcast_recv(right, &value, &lost));
    cr_assert_eq(lost, 7);
    cr_assert_eq(value, 7);
    cr_assert_eq(recv_int(right), 8);
    cr_assert_eq(recv_int(right), 9);
    cr_assert_eq(try_recv(right), 0);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, one_that_has_lost_may_leave)
{
    begin(2, SLEY_BROADCAST_DROP);
    for (int i = 0; i < 5; i++)
        assert_ok(send_int(i));
    sley_broadcast_unsubscribe(right);
    right = NULL;
    cr_assert_eq(stats().length, 2);
    cr_assert_eq(try_recv(left), 1);
    cr_assert_eq(try_recv(left), 1);
    cr_assert_eq(stats().length, 0);
    cr_assert_eq(stats().lost, 6);
    end();
    return 0;
}

/* --- closing ---------------------------------------------------------------------------------- */

ONE_WORKER_TEST(broadcast, what_was_sent_before_the_close_is_received)
{
    begin(2, SLEY_BROADCAST_WAIT);
    assert_ok(send_int(1));
    assert_ok(sley_broadcast_close(radio, SLEY_EPERM));
    assert_code(sley_broadcast_close(radio, 0), SLEY_EPERM);
    assert_code(send_int(2), SLEY_EPERM);
    assert_code(try_send_int(2), SLEY_EPERM);
    cr_assert_eq(recv_int(left), 1);
    assert_code(recv_result(left), SLEY_EPERM);
    assert_code(try_recv(left), SLEY_EPERM);
    cr_assert_eq(recv_int(right), 1);
    cr_assert_eq(stats().closed, SLEY_EPERM);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, a_close_ends_all_waits)
{
    struct sley_task *sender, *receiver;

    begin(1, SLEY_BROADCAST_WAIT);
    assert_ok(send_int(1));
    cr_assert_eq(recv_int(left), 1);
    sender = spawned(send_and_count, NULL);
    receiver = spawned(recv_result, left);
    let_others_wait();
    assert_ok(sley_broadcast_close(radio, 0));
    assert_code(joined(sender), SLEY_ECLOSED);
    assert_code(joined(receiver), SLEY_ECLOSED);
    end();
    return 0;
}

/* --- cancel and deadline ---------------------------------------------------------------------- */

ONE_WORKER_TEST(broadcast, a_cancelled_receiver_has_taken_nothing)
{
    struct sley_task *task;

    begin(1, SLEY_BROADCAST_WAIT);
    task = spawned(recv_result, left);
    let_others_wait();
    sley_cancel(task, NULL);
    assert_ok(send_int(5));
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(recv_int(left), 5);
    cr_assert_eq(stats().receivers, 0);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, a_cancelled_sender_has_sent_nothing)
{
    struct sley_task *task;

    begin(1, SLEY_BROADCAST_WAIT);
    assert_ok(send_int(1));
    task = spawned(send_and_count, (void *)(intptr_t)2);
    let_others_wait();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(recv_int(left), 1);
    cr_assert_eq(recv_int(right), 1);
    cr_assert_eq(try_recv(left), 0);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, a_deadline_ends_a_wait)
{
    int64_t before;

    begin(1, SLEY_BROADCAST_WAIT);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(recv_result(left), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    assert_ok(send_int(3));
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(send_int(4), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    cr_assert_eq(recv_int(left), 3);
    end();
    return 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static void *receive_three(UNUSED_ARG void *unused)
{
    for (int i = 0; i < 3; i++)
        cr_assert_eq(recv_int(left), i);
    return NULL;
}

TASK_TEST(broadcast, foreign_threads_receive_and_send)
{
    pthread_t thread;

    begin(1, SLEY_BROADCAST_WAIT);
    sley_broadcast_unsubscribe(right);
    right = NULL;
    cr_assert_eq(pthread_create(&thread, NULL, receive_three, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_ok(send_int(i));
    pthread_join(thread, NULL);
    end();
    return 0;
}

ONE_WORKER_TEST(broadcast, statistics_say_what_goes_on)
{
    struct sley_broadcast_stats seen;

    begin(4, SLEY_BROADCAST_WAIT);
    for (int i = 0; i < 3; i++)
        assert_ok(send_int(i));
    cr_assert_eq(recv_int(left), 0);
    seen = stats();
    cr_assert_eq(seen.capacity, 4);
    cr_assert_eq(seen.length, 3);
    cr_assert_eq(recv_int(right), 0);
    seen = stats();
    cr_assert_eq(seen.length, 2);
    cr_assert_eq(seen.peak, 3);
    cr_assert_eq(seen.subscribers, 2);
    cr_assert_eq(seen.sent, 3);
    cr_assert_eq(seen.lost, 0);
    assert_ok(seen.closed);
    end();
    return 0;
}

Test(broadcast, impossible_ones_are_refused)
{
    assert_code(sley_broadcast_new(4, 0, SLEY_BROADCAST_WAIT, &radio), SLEY_EINVAL);
    assert_code(sley_broadcast_new(1, SIZE_MAX, SLEY_BROADCAST_WAIT, &radio), SLEY_EINVAL);
    assert_code(sley_broadcast_new(SIZE_MAX / 4, 8, SLEY_BROADCAST_WAIT, &radio), SLEY_EINVAL);
    sley_broadcast_free(NULL);
    sley_broadcast_unsubscribe(NULL);
}
