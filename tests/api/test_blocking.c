/*
 * test_blocking.c: functions that block, run off the workers.
 */
#include "task_test.h"

#include <errno.h>
#include <limits.h>
#include <semaphore.h>

#include <sley/blocking.h>
#include <sley/park.h>

static int give_int(void *arg)
{
    return *(int *)arg;
}

TASK_TEST(to_thread, has_the_functions_result)
{
    static const int values[] = {0, 1, -1, INT_MAX, INT_MIN, SLEY_ECANCELED};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        int value = values[i], result = 99;

        assert_ok(sley_to_thread(give_int, &value, &result));
        cr_assert_eq(result, value);
        assert_ok(sley_to_thread(give_int, &value, NULL));
    }
    return 0;
}

static int where_am_i(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    cr_assert_null(sley_self());
    cr_assert_null(sley_runtime_current());
    assert_code(sley_park(NULL), SLEY_ENOTASK);
    assert_code(sley_to_thread(give_int, NULL, NULL), SLEY_ENOTASK);
    return 0;
}

static pthread_t __attribute__((noinline)) this_thread(void)
{
    return pthread_self();
}

ONE_WORKER_TEST(to_thread, runs_on_a_thread_that_is_no_worker)
{
    pthread_t there;

    assert_ok(sley_to_thread(where_am_i, &there, NULL));
    cr_assert(!pthread_equal(there, this_thread()));
    return 0;
}

TASK_TEST(to_thread, wants_a_function)
{
    int result = 5;

    assert_code(sley_to_thread(NULL, NULL, &result), SLEY_EINVAL);
    cr_assert_eq(result, 5);
    return 0;
}

Test(to_thread, is_for_tasks)
{
    int value = 1, result = 5;

    assert_code(sley_to_thread(give_int, &value, &result), SLEY_ENOTASK);
    cr_assert_eq(result, 5);
}

static int fail_with_errno(UNUSED_ARG void *arg)
{
    errno = EXDEV;
    return -EXDEV;
}

static int __attribute__((noinline)) get_errno(void)
{
    __asm__ volatile("");
    return errno;
}

static void __attribute__((noinline)) set_errno(int value)
{
    __asm__ volatile("");
    errno = value;
}

TASK_TEST(to_thread, leaves_the_tasks_errno_alone)
{
    int result;

    for (int i = 0; i < 50; i++) {
        set_errno(ENOTTY);
        assert_ok(sley_to_thread(fail_with_errno, NULL, &result));
        cr_assert_eq(result, -EXDEV);
        cr_assert_eq(get_errno(), ENOTTY);
    }
    return 0;
}

/* --- at once --------------------------------------------------------------------------------- */

static int wait_for(void *arg)
{
    while (sem_wait(arg) < 0)
        ;
    return 0;
}

static int post(void *arg)
{
    return sem_post(arg);
}

struct call {
    int (*fn)(void *arg);
    void *arg;
    int error, result;
};

static int call(void *arg)
{
    struct call *c = arg;

    c->error = sley_to_thread(c->fn, c->arg, &c->result);
    return c->error;
}

ONE_WORKER_TEST(to_thread, the_worker_goes_on_meanwhile)
{
    sem_t gate;
    struct call c = {wait_for, &gate, 0, 1};
    struct sley_task *task;

    sem_init(&gate, 0, 0);
    task = spawned(call, &c);
    for (int i = 0; i < 100; i++)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(10)));
    sem_post(&gate);
    assert_ok(joined(task));
    cr_assert_eq(c.result, 0);
    sem_destroy(&gate);
    return 0;
}

static int meet(void *arg)
{
    pthread_barrier_wait(arg);
    return 0;
}

/* The pool's 64 threads are there at once: each waits for all the others. */
TASK_TEST(to_thread, sixty_four_that_wait_for_each_other_meet)
{
    enum { MANY = 64 };
    pthread_barrier_t barrier;
    struct sley_task *tasks[MANY];
    struct call c = {meet, &barrier, 0, 0};
    struct call calls[MANY];

    for (int round = 0; round < 3; round++) {
        pthread_barrier_init(&barrier, NULL, MANY);
        for (int i = 0; i < MANY; i++) {
            calls[i] = c;
            tasks[i] = spawned(call, &calls[i]);
        }
        for (int i = 0; i < MANY; i++)
            assert_ok(joined(tasks[i]));
        pthread_barrier_destroy(&barrier);
    }
    return 0;
}

/* A chain: each waits for the one that is started after it. */
TASK_TEST(to_thread, one_may_wait_for_a_later_one)
{
    enum { MANY = 40 };
    sem_t gates[MANY];
    struct call waits[MANY];
    struct sley_task *tasks[MANY];
    int result;

    for (int i = 0; i < MANY; i++) {
        sem_init(&gates[i], 0, 0);
        waits[i] = (struct call){wait_for, &gates[i], 0, 1};
        tasks[i] = spawned(call, &waits[i]);
        sley_yield();
    }
    for (int i = MANY - 1; i >= 0; i--) {
        assert_ok(sley_to_thread(post, &gates[i], &result));
        cr_assert_eq(result, 0);
        assert_ok(joined(tasks[i]));
    }
    for (int i = 0; i < MANY; i++)
        sem_destroy(&gates[i]);
    return 0;
}

/* A thread that has nothing to do serves one call and not two, also while it has not yet noticed
 * the first. A new runtime each time, since later ones would find more threads. */
static int meet_after_a_call(void *arg)
{
    pthread_barrier_t barrier;
    struct call calls[2] = {{meet, &barrier, 0, 0}, {meet, &barrier, 0, 0}};
    struct sley_task *tasks[2];
    int value = 1;

    pthread_barrier_init(&barrier, NULL, 2);
    assert_ok(sley_to_thread(give_int, &value, NULL));
    assert_ok(sley_sleep(SLEY_MICROSECONDS(*(int *)arg))); /* by now it is idle, more or less */
    for (int i = 0; i < 2; i++)
        tasks[i] = spawned(call, &calls[i]);
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    pthread_barrier_destroy(&barrier);
    return 0;
}

Test(to_thread, one_idle_thread_does_not_make_two_calls_wait_for_each_other)
{
    struct sley_options options = {.workers = 1, .unpinned = true};

    for (int i = 0; i < 30; i++) {
        int us = i * 50;

        assert_ok(sley_run(meet_after_a_call, &us, &options));
    }
}

static int running, most_running;

static int count_running(UNUSED_ARG void *arg)
{
    int now = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&most_running, __ATOMIC_SEQ_CST);

    while (now > most && !__atomic_compare_exchange_n(&most_running, &most, now, false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    sched_yield();
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    return now;
}

TASK_TEST(to_thread, more_than_there_are_threads_all_run)
{
    enum { MANY = 1000 };
    static struct call calls[MANY];
    static struct sley_task *tasks[MANY];

    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct call){count_running, NULL, 1, 0};
        tasks[i] = spawned(call, &calls[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ok(joined(tasks[i]));
        cr_assert_gt(calls[i].result, 0);
    }
    cr_assert_leq(most_running, 64);
    return 0;
}

/* With all threads taken, the others wait; when one comes free they go in order of arrival. */
static int order[100], served;

static int note_order(void *arg)
{
    order[served++] = *(int *)arg; /* one thread is free: one at a time */
    return 0;
}

ONE_WORKER_TEST(to_thread, who_waits_is_served_in_order_of_arrival)
{
    enum { THREADS = 64, MANY = 100 };
    sem_t gates[THREADS];
    struct call holders[THREADS], calls[MANY];
    struct sley_task *holding[THREADS], *tasks[MANY];
    int numbers[MANY];

    for (int i = 0; i < THREADS; i++) {
        sem_init(&gates[i], 0, 0);
        holders[i] = (struct call){wait_for, &gates[i], 0, 0};
        holding[i] = spawned(call, &holders[i]);
        sley_yield(); /* its call is queued */
    }
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        calls[i] = (struct call){note_order, &numbers[i], 0, 0};
        tasks[i] = spawned(call, &calls[i]);
        sley_yield();
    }
    cr_assert_eq(served, 0);
    sem_post(&gates[0]);
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(order[i], i);
    for (int i = 1; i < THREADS; i++)
        sem_post(&gates[i]);
    for (int i = 0; i < THREADS; i++) {
        assert_ok(joined(holding[i]));
        sem_destroy(&gates[i]);
    }
    return 0;
}

/* --- cancel ---------------------------------------------------------------------------------- */

struct watched {
    bool started, ended;
    sem_t gate;
};

static int run_watched(void *arg)
{
    struct watched *w = arg;

    set(&w->started);
    wait_for(&w->gate);
    set(&w->ended);
    return 5;
}

static int call_watched(void *arg)
{
    struct watched *w = arg;
    int result = 0;

    assert_ok(sley_to_thread(run_watched, w, &result));
    cr_assert_eq(result, 5);
    cr_assert(is_set(&w->ended), "the argument was given up while in use");
    return sley_cancelled();
}

TASK_TEST(to_thread, once_started_the_function_is_waited_for)
{
    struct watched w = {0};
    struct sley_task *task;

    sem_init(&w.gate, 0, 0);
    task = spawned(call_watched, &w);
    while (!is_set(&w.started))
        sley_yield();
    sley_cancel(task, NULL);
    for (int i = 0; i < 20; i++)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    sem_post(&w.gate);
    assert_code(joined(task), SLEY_ECANCELED);
    sem_destroy(&w.gate);
    return 0;
}

TASK_TEST(to_thread, a_deadline_does_not_end_it_either)
{
    struct watched w;
    bool in_time;

    /* If it is late before it has started it never starts: then again, with more time. */
    for (int64_t time = SLEY_MILLISECONDS(20);; time *= 4) {
        struct sley_task_options late = {.deadline = sley_after(time)};
        struct call c = {run_watched, &w, 1, 0};
        struct sley_task *task;

        w = (struct watched){0};
        sem_init(&w.gate, 0, 0);
        assert_ok(sley_spawn(call, &c, &late, &task));
        while (!is_set(&w.started) && sley_now() < late.deadline)
            sley_yield();
        in_time = is_set(&w.started);
        assert_ok(sley_sleep_until(late.deadline + SLEY_MILLISECONDS(2)));
        sem_post(&w.gate);
        assert_ok(sley_join(task, NULL));
        sem_destroy(&w.gate);
        if (in_time) {
            assert_ok(c.error);
            cr_assert_eq(c.result, 5);
            return 0;
        }
    }
}

static int never_run(UNUSED_ARG void *arg)
{
    cr_assert_fail("must not run");
    return 0;
}

TASK_TEST(to_thread, a_call_that_was_cancelled_in_the_queue_never_runs)
{
    enum { THREADS = 64, MANY = 20 };
    struct watched holders[THREADS] = {0};
    struct sley_task *holding[THREADS], *tasks[MANY];
    struct call calls[MANY], last = {post, NULL, 1, 1};
    struct sley_task_options late = {.deadline = sley_after(SLEY_MILLISECONDS(5))};
    sem_t posted;

    for (int i = 0; i < THREADS; i++) {
        sem_init(&holders[i].gate, 0, 0);
        holding[i] = spawned(call_watched, &holders[i]);
    }
    for (int i = 0; i < THREADS; i++)
        while (!is_set(&holders[i].started))
            sley_yield();
    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct call){never_run, NULL, 0, 77};
        assert_ok(sley_spawn(call, &calls[i], i % 2 ? &late : NULL, &tasks[i]));
    }
    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    for (int i = 0; i < MANY; i += 2)
        sley_cancel(tasks[i], NULL);
    for (int i = 0; i < MANY; i++) {
        assert_code(joined(tasks[i]), i % 2 ? SLEY_ETIMEDOUT : SLEY_ECANCELED);
        cr_assert_eq(calls[i].result, 77);
    }
    for (int i = 0; i < THREADS; i++)
        sem_post(&holders[i].gate);
    for (int i = 0; i < THREADS; i++) {
        assert_ok(joined(holding[i]));
        sem_destroy(&holders[i].gate);
    }
    sem_init(&posted, 0, 0);
    last.arg = &posted;
    cr_assert_eq(joined(spawned(call, &last)), 0);
    cr_assert_eq(last.result, 0, "the pool is as good as before");
    sem_destroy(&posted);
    return 0;
}

static int call_when_cancelled(UNUSED_ARG void *arg)
{
    int result = 77;

    sley_cancel(sley_self(), NULL);
    assert_code(sley_to_thread(never_run, NULL, &result), SLEY_ECANCELED);
    cr_assert_eq(result, 77);
    return 0;
}

TASK_TEST(to_thread, a_cancelled_task_starts_no_call)
{
    cr_assert_eq(joined(spawned(call_when_cancelled, NULL)), 0);
    sley_deadline_narrow(1);
    assert_code(sley_to_thread(never_run, NULL, NULL), SLEY_ETIMEDOUT);
    return 0;
}

/* --- the runtime around it ------------------------------------------------------------------- */

static int post_later(void *arg)
{
    assert_ok(sley_sleep(SLEY_MILLISECONDS(3))); /* a foreign thread: it really sleeps */
    return sem_post(arg);
}

static sem_t shutdown_gate;
static bool shutdown_started, shutdown_ended;

static int run_into_shutdown(UNUSED_ARG void *arg)
{
    set(&shutdown_started);
    post_later(&shutdown_gate);
    set(&shutdown_ended);
    return 0;
}

static int call_into_shutdown(UNUSED_ARG void *arg)
{
    return sley_to_thread(run_into_shutdown, NULL, NULL);
}

static int leave_a_call_running(UNUSED_ARG void *arg)
{
    assert_ok(sley_spawn(call_into_shutdown, NULL, NULL, NULL));
    while (!is_set(&shutdown_started))
        sley_yield();
    return 0;
}

Test(to_thread, shutdown_waits_for_what_has_started)
{
    struct sley_options options = {.workers = 2, .unpinned = true};

    sem_init(&shutdown_gate, 0, 0);
    assert_ok(sley_run(leave_a_call_running, NULL, &options));
    cr_assert(is_set(&shutdown_ended));
}

/* The whole of a runtime inside a call of another one. */
static int run_inside(void *arg)
{
    struct sley_options options = {.workers = 2, .unpinned = true};

    return sley_run(give_int, arg, &options);
}

TASK_TEST(to_thread, a_call_may_run_a_runtime)
{
    int value = 21, result = 0;

    assert_ok(sley_to_thread(run_inside, &value, &result));
    cr_assert_eq(result, 21);
    return 0;
}

static int join_there(void *arg)
{
    return joined(arg);
}

TASK_TEST(to_thread, a_call_may_join_a_task)
{
    int value = 8, result = 0;

    assert_ok(sley_to_thread(join_there, spawned(give_int, &value), &result));
    cr_assert_eq(result, 8);
    return 0;
}
