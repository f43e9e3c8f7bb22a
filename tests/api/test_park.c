/*
 * test_park.c: the permit: in every order with the park, with cancel and with deadlines, and as the
 * stuff to build other things from.
 */
#include "task_test.h"

#include <sley/park.h>

static int park_n_times(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        assert_ok(sley_park("permit"));
    return 0;
}

/* Parks with a deadline close by: whether there was a permit. */
static bool has_permit(void)
{
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    int result = sley_park("permit");

    sley_deadline_restore(before);
    cr_assert(result == 0 || result == SLEY_ETIMEDOUT);
    return result == 0;
}

ONE_WORKER_TEST(park, takes_a_permit_that_is_there)
{
    sley_unpark(sley_self());
    assert_ok(sley_park(NULL));
    return 0;
}

ONE_WORKER_TEST(park, permits_do_not_add_up)
{
    cr_assert(!has_permit());
    sley_unpark(sley_self());
    sley_unpark(sley_self());
    sley_unpark(sley_self());
    cr_assert(has_permit());
    cr_assert(!has_permit());
    return 0;
}

ONE_WORKER_TEST(park, waits_for_a_permit_that_is_not)
{
    int once = 1;
    struct sley_task *task = spawned(park_n_times, &once);

    sley_yield(); /* it is parked */
    sley_unpark(task);
    cr_assert_eq(joined(task), 0);
    return 0;
}

ONE_WORKER_TEST(park, a_permit_may_come_before_the_task_has_begun)
{
    int once = 1;
    struct sley_task *task = spawned(park_n_times, &once);

    sley_unpark(task);
    cr_assert_eq(joined(task), 0);
    return 0;
}

static int take_one_and_look(UNUSED_ARG void *arg)
{
    assert_ok(sley_park(NULL));
    return has_permit();
}

ONE_WORKER_TEST(park, the_wake_takes_the_permit)
{
    struct sley_task *task = spawned(take_one_and_look, NULL);

    sley_yield();
    sley_unpark(task);
    cr_assert_eq(joined(task), false);
    return 0;
}

ONE_WORKER_TEST(park, two_permits_for_one_waiting_park_are_one)
{
    struct sley_task *task = spawned(take_one_and_look, NULL);

    sley_yield();
    sley_unpark(task);
    sley_unpark(task); /* it is ready, but has not run */
    cr_assert_eq(joined(task), false);
    return 0;
}

static int nothing(UNUSED_ARG void *arg)
{
    return 0;
}

/* It sleeps, joins, yields: none of that takes a permit or is ended by one. */
static int wait_for_other_things(void *arg)
{
    int64_t deadline = sley_after(SLEY_MILLISECONDS(5));

    assert_ok(sley_sleep_until(deadline));
    cr_assert_geq(sley_now(), deadline, "the permit has ended a sleep");
    while (!is_set(arg))
        sley_yield();
    cr_assert_eq(joined(spawned(nothing, NULL)), 0);
    return has_permit();
}

TASK_TEST(park, only_parks_take_permits)
{
    bool done = false; /* with unparking */
    struct sley_task *task = spawned(wait_for_other_things, &done);

    for (int i = 0; i < 10; i++) {
        assert_ok(sley_sleep(SLEY_MICROSECONDS(200)));
        sley_unpark(task);
    }
    set(&done);
    cr_assert_eq(joined(task), true);
    return 0;
}

static int cancelled_first(UNUSED_ARG void *arg)
{
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    return 0;
}

ONE_WORKER_TEST(park, is_ended_by_a_cancel)
{
    struct sley_task *task = spawned(cancelled_first, NULL);

    sley_yield();
    sley_cancel(task, NULL);
    cr_assert_eq(joined(task), 0);
    return 0;
}

/* The deadline ends the first park, and the permit that came meanwhile serves the second. */
static int late_first(void *arg)
{
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));

    assert_code(sley_park(NULL), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    set(arg);
    return sley_park(NULL);
}

TASK_TEST(park, a_park_that_failed_has_taken_no_permit)
{
    bool late = false;
    struct sley_task *task = spawned(late_first, &late);

    while (!is_set(&late))
        assert_ok(sley_yield());
    sley_unpark(task);
    cr_assert_eq(joined(task), 0);
    return 0;
}

/* The deadline has passed already when it parks, and there is a permit: it may get either, but not
 * both and not neither. */
ONE_WORKER_TEST(park, a_deadline_does_not_eat_the_permit)
{
    int64_t before = sley_deadline_narrow(1);
    int result;

    sley_unpark(sley_self());
    result = sley_park(NULL);
    sley_deadline_restore(before);
    cr_assert_eq(has_permit(), result == SLEY_ETIMEDOUT);
    return 0;
}

/* Woken by the cancel; the permit comes before the task runs. */
static int cancelled_then_permitted(void *arg)
{
    set(arg);
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    return sley_park(NULL);
}

ONE_WORKER_TEST(park, a_cancel_does_not_eat_the_permit)
{
    bool parked = false; /* by the time this task sees it */
    struct sley_task *task = spawned(cancelled_then_permitted, &parked);

    while (!is_set(&parked))
        sley_yield();
    sley_cancel(task, NULL);
    sley_unpark(task);
    assert_ok(joined(task));
    return 0;
}

/* The other way round: the permit has ended the park, which is not undone. */
ONE_WORKER_TEST(park, a_permit_before_the_cancel_has_won)
{
    int once = 1;
    struct sley_task *task = spawned(park_n_times, &once);

    sley_yield();
    sley_unpark(task);
    sley_cancel(task, NULL);
    cr_assert_eq(joined(task), 0);
    return 0;
}

static int look(UNUSED_ARG void *arg)
{
    return has_permit();
}

ONE_WORKER_TEST(park, a_permit_that_nobody_took_dies_with_its_task)
{
    struct sley_task *task = spawned(nothing, NULL), *next;

    sley_unpark(task);
    cr_assert_eq(joined(task), 0);
    next = spawned(look, NULL); /* in the same memory, most likely */
    cr_assert_eq(joined(next), false);
    return 0;
}

static void *park_there(UNUSED_ARG void *arg)
{
    assert_code(sley_park(NULL), SLEY_ENOTASK);
    return NULL;
}

TASK_TEST(park, is_for_tasks)
{
    on_foreign_thread(park_there, NULL);
    return 0;
}

Test(park, is_for_tasks_in_a_runtime)
{
    park_there(NULL);
}

/* --- what can be built with it --------------------------------------------------------------- */

enum { ROUNDS = 5000 };

struct ball {
    struct sley_task *players[2];
    int turn; /* whose. Atomic */
    int hits;
};

static int play(struct ball *ball, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        while (__atomic_load_n(&ball->turn, __ATOMIC_ACQUIRE) != me)
            assert_ok(sley_park("ball"));
        __atomic_store_n(&ball->hits, ball->hits + 1, __ATOMIC_RELAXED); /* the turn protects it */
        __atomic_store_n(&ball->turn, !me, __ATOMIC_RELEASE);
        sley_unpark(ball->players[!me]);
    }
    return 0;
}

static int play_0(void *arg)
{
    return play(arg, 0);
}

static int play_1(void *arg)
{
    return play(arg, 1);
}

static int ping_pong(void)
{
    static struct ball ball;

    ball.turn = -1;
    ball.players[0] = spawned(play_0, &ball);
    ball.players[1] = spawned(play_1, &ball);
    __atomic_store_n(&ball.turn, 0, __ATOMIC_RELEASE);
    sley_unpark(ball.players[0]);
    /* A player may not unpark one that was joined: hold both handles until both have ended. */
    while (__atomic_load_n(&ball.hits, __ATOMIC_RELAXED) < 2 * ROUNDS)
        sley_yield();
    cr_assert_eq(joined(ball.players[0]), 0);
    cr_assert_eq(joined(ball.players[1]), 0);
    cr_assert_eq(ball.hits, 2 * ROUNDS);
    return 0;
}

ONE_WORKER_TEST(park, two_tasks_wake_each_other_on_one_worker)
{
    return ping_pong();
}

TASK_TEST(park, two_tasks_wake_each_other_on_several)
{
    return ping_pong();
}

struct foreign {
    struct sley_task *task;
    int sent, seen; /* atomic */
};

static int receive(void *arg)
{
    struct foreign *f = arg;

    for (int i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&f->sent, __ATOMIC_ACQUIRE) < i)
            assert_ok(sley_park("foreign"));
        __atomic_store_n(&f->seen, i, __ATOMIC_RELEASE);
    }
    return 0;
}

static void *send_all(void *arg)
{
    struct foreign *f = arg;

    for (int i = 1; i <= ROUNDS; i++) {
        __atomic_store_n(&f->sent, i, __ATOMIC_RELEASE);
        sley_unpark(f->task);
        while (i % 16 == 0 && __atomic_load_n(&f->seen, __ATOMIC_ACQUIRE) < i)
            sched_yield();
    }
    return NULL;
}

TASK_TEST(park, a_foreign_thread_wakes_a_task)
{
    static struct foreign f;
    pthread_t thread;

    f.task = spawned(receive, &f);
    cr_assert_eq(pthread_create(&thread, NULL, send_all, &f), 0);
    while (__atomic_load_n(&f.seen, __ATOMIC_ACQUIRE) < ROUNDS)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    pthread_join(thread, NULL);
    cr_assert_eq(joined(f.task), 0);
    return 0;
}
