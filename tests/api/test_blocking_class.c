/*
 * test_blocking_class.c: classes of blocking calls: their limits and queues, callers that leave
 * while their function goes on, calls from threads, and how the threads come and go.
 */
#define _GNU_SOURCE 1
#include "task_test.h"

#include <semaphore.h>
#include <stdlib.h>

#include <sley/blocking.h>
#include <sley/sync.h>

static int give_int(void *arg)
{
    return *(int *)arg;
}

static int wait_for(void *arg)
{
    while (sem_wait(arg) < 0)
        ;
    return 0;
}

/* A call as a task makes it. */
struct call {
    sley_blocking_fn *fn;
    void *arg;
    struct sley_blocking_options options;
    int error, result;
};

static int call(void *arg)
{
    struct call *c = arg;

    c->error = sley_to_thread_with(c->fn, c->arg, &c->options, &c->result);
    return c->error;
}

static struct sley_blocking_stats stats_of(const struct sley_blocking_class *class)
{
    struct sley_blocking_stats stats;

    assert_ok(sley_blocking_stats(NULL, class, &stats));
    return stats;
}

/* --- classes --------------------------------------------------------------------------------- */

static const struct sley_blocking_class two = {.name = "two", .threads_max = 2, .queue_max = 3};
static const struct sley_blocking_class one = {.threads_max = 1, .queue_max = 1};

TASK_TEST(class, has_the_functions_result)
{
    const struct sley_blocking_class *classes[] = {
        NULL, &sley_blocking_general, &sley_blocking_files, &sley_blocking_dns, &two, &one};

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        struct sley_blocking_options options = {.blocking_class = classes[i]};
        int value = (int)i - 2, result = 99;

        assert_ok(sley_to_thread_with(give_int, &value, &options, &result));
        cr_assert_eq(result, value);
        assert_ok(sley_to_thread_with(give_int, &value, &options, NULL));
    }
    assert_ok(sley_to_thread_with(give_int, &(int){0}, NULL, NULL));
    return 0;
}

/* What fills one class does not hold up another. */
TASK_TEST(class, full_ones_do_not_hold_up_others)
{
    enum { MANY = 20 };
    struct call calls[MANY];
    struct sley_task *tasks[MANY];
    int value = 7, result;
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct call){wait_for, &gate, {.blocking_class = &two}, 1, 1};
        tasks[i] = spawned(call, &calls[i]);
    }
    while (stats_of(&two).calls < MANY)
        sley_yield();
    assert_ok(sley_to_thread(give_int, &value, &result));
    cr_assert_eq(result, 7);
    for (int i = 0; i < MANY; i++)
        sem_post(&gate);
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_leq(stats_of(&two).threads_peak, 2);
    sem_destroy(&gate);
    return 0;
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
    return 0;
}

TASK_TEST(class, never_runs_more_than_its_limit)
{
    enum { MANY = 500 };
    static struct call calls[MANY];
    static struct sley_task *tasks[MANY];

    for (int i = 0; i < MANY; i++) {
        calls[i] = (struct call){count_running, NULL, {.blocking_class = &two}, 1, 1};
        tasks[i] = spawned(call, &calls[i]);
    }
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_leq(most_running, 2);
    cr_assert_eq(stats_of(&two).calls, MANY);
    return 0;
}

static int order[100], served;

static int note_order(void *arg)
{
    order[served++] = *(int *)arg; /* one thread: one at a time */
    return 0;
}

/* Callers that were held up come in their turn, also past some that were cancelled. */
ONE_WORKER_TEST(class, held_up_callers_are_served_in_order_of_arrival)
{
    enum { MANY = 30 };
    struct call holder = {wait_for, NULL, {.blocking_class = &one}, 1, 1}, calls[MANY];
    struct sley_task *holding, *tasks[MANY];
    int numbers[MANY], expected = 0;
    sem_t gate;

    sem_init(&gate, 0, 0);
    holder.arg = &gate;
    holding = spawned(call, &holder);
    while (!stats_of(&one).running)
        sley_yield();
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        calls[i] = (struct call){note_order, &numbers[i], {.blocking_class = &one}, 1, 1};
        tasks[i] = spawned(call, &calls[i]);
        sley_yield();
    }
    cr_assert_eq(stats_of(&one).queued, 1);
    cr_assert_eq(stats_of(&one).held, MANY - 1);
    for (int i = 0; i < MANY; i += 3) { /* the one in the queue, and some that are held */
        sley_cancel(tasks[i], NULL);
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    }
    cr_assert_eq(stats_of(&one).queued, 1);
    cr_assert_eq(stats_of(&one).taken_back, MANY / 3);
    sem_post(&gate);
    for (int i = 0; i < MANY; i++)
        if (i % 3) {
            assert_ok(joined(tasks[i]));
            cr_assert_eq(order[expected++], i);
        }
    assert_ok(joined(holding));
    cr_assert_eq(served, expected);
    cr_assert_eq(stats_of(&one).queued, 0);
    cr_assert_eq(stats_of(&one).held, 0);
    sem_destroy(&gate);
    return 0;
}

static int never_run(UNUSED_ARG void *arg)
{
    cr_assert_fail("must not run");
    return 0;
}

TASK_TEST(class, full_queue_can_be_refused)
{
    struct call calls[2];
    struct sley_task *tasks[2];
    struct sley_blocking_options refuse = {.blocking_class = &one, .refuse = true};
    int value = 5, result = 77;
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 2; i++) {
        calls[i] = (struct call){wait_for, &gate, {.blocking_class = &one}, 1, 1};
        tasks[i] = spawned(call, &calls[i]);
        while (stats_of(&one).calls <= (uint64_t)i || !stats_of(&one).running)
            sley_yield();
    }
    assert_code(sley_to_thread_with(never_run, NULL, &refuse, &result), SLEY_EBUSY);
    cr_assert_eq(result, 77);
    cr_assert_eq(stats_of(&one).refused, 1);
    sem_post(&gate);
    sem_post(&gate);
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    assert_ok(sley_to_thread_with(give_int, &value, &refuse, &result));
    cr_assert_eq(result, 5);
    sem_destroy(&gate);
    return 0;
}

/* Threads that have nothing to do end, and new ones come when they are wanted. */
TASK_TEST(class, idle_threads_end)
{
    static const struct sley_blocking_class brief = {.idle_ns = 1};
    struct sley_blocking_options options = {.blocking_class = &brief};
    int value = 5, result;

    for (int i = 0; i < 10; i++) {
        assert_ok(sley_to_thread_with(give_int, &value, &options, &result));
        while (stats_of(&brief).threads)
            assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    }
    cr_assert_geq(stats_of(&brief).started, 10);
    return 0;
}

static int name_of_thread(void *arg)
{
    return pthread_getname_np(pthread_self(), arg, 16);
}

TASK_TEST(class, names_its_threads)
{
    static const struct sley_blocking_class long_name = {.name = "a name that is too long"};
    struct sley_blocking_options options = {.blocking_class = &sley_blocking_files};
    char name[16] = "";

    assert_ok(sley_to_thread_with(name_of_thread, name, &options, NULL));
    cr_assert_str_eq(name, "sley-files");
    options.blocking_class = &long_name;
    assert_ok(sley_to_thread_with(name_of_thread, name, &options, NULL));
    cr_assert_str_eq(name, "sley-a name tha");
    return 0;
}

/* --- callers that leave ---------------------------------------------------------------------- */

struct job {
    sem_t gate;
    bool started;
    int discards, discarded_with;
    pthread_t discarder;
};

static int run_job(void *arg)
{
    struct job *job = arg;

    set(&job->started);
    wait_for(&job->gate);
    return 5;
}

static void discard_job(void *arg, int result)
{
    struct job *job = arg;

    job->discarded_with = result;
    job->discarder = pthread_self();
    __atomic_add_fetch(&job->discards, 1, __ATOMIC_SEQ_CST);
}

static int discards(struct job *job)
{
    return __atomic_load_n(&job->discards, __ATOMIC_SEQ_CST);
}

static struct job *new_job(void)
{
    struct job *job = calloc(1, sizeof *job);

    sem_init(&job->gate, 0, 0);
    return job;
}

static void free_job(struct job *job)
{
    sem_destroy(&job->gate);
    free(job);
}

TASK_TEST(discard, caller_leaves_at_once_and_the_function_goes_on)
{
    struct job *job = new_job();
    struct call c = {run_job, job, {.discard = discard_job}, 1, 77};
    struct sley_task *task = spawned(call, &c);

    while (!is_set(&job->started))
        sley_yield();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(c.result, 77);
    cr_assert_eq(discards(job), 0);
    cr_assert_eq(stats_of(NULL).abandoned, 1);
    cr_assert_eq(stats_of(NULL).running, 1);
    sem_post(&job->gate);
    while (!discards(job))
        sley_yield();
    cr_assert_eq(job->discarded_with, 5);
    while (stats_of(NULL).running)
        sley_yield();
    free_job(job);
    return 0;
}

TASK_TEST(discard, late_caller_leaves_too)
{
    for (int64_t time = SLEY_MILLISECONDS(20);; time *= 4) {
        struct job *job = new_job();
        struct call c = {run_job, job, {.discard = discard_job}, 1, 77};
        struct sley_task_options late = {.deadline = sley_after(time)};
        struct sley_task *task;
        bool started;

        assert_ok(sley_spawn(call, &c, &late, &task));
        assert_code(joined(task), SLEY_ETIMEDOUT);
        sem_post(&job->gate);
        while (!discards(job))
            sley_yield();
        started = is_set(&job->started);
        cr_assert_eq(job->discarded_with, started ? 5 : SLEY_ETIMEDOUT);
        while (stats_of(NULL).running)
            sley_yield();
        free_job(job);
        if (started)
            return 0;
    }
}

TASK_TEST(discard, is_not_for_who_stays)
{
    struct job *job = new_job();
    struct sley_blocking_options options = {.discard = discard_job};
    int result = 0;

    sem_post(&job->gate);
    assert_ok(sley_to_thread_with(run_job, job, &options, &result));
    cr_assert_eq(result, 5);
    cr_assert_eq(discards(job), 0);
    free_job(job);
    return 0;
}

static int cancelled_call(void *arg)
{
    sley_cancel(sley_self(), NULL);
    return call(arg);
}

/* Whenever the call fails the argument has been taken care of. */
TASK_TEST(discard, comes_with_every_failure)
{
    struct job *job = new_job();
    struct sley_blocking_options options = {.discard = discard_job};
    struct call c = {run_job, job, options, 0, 0};

    assert_code(sley_to_thread_with(NULL, job, &options, NULL), SLEY_EINVAL);
    cr_assert_eq(discards(job), 1);
    cr_assert_eq(job->discarded_with, SLEY_EINVAL);
    assert_code(joined(spawned(cancelled_call, &c)), SLEY_ECANCELED);
    cr_assert_eq(discards(job), 2);
    cr_assert_eq(job->discarded_with, SLEY_ECANCELED);
    cr_assert(!is_set(&job->started));
    free_job(job);
    return 0;
}

TASK_TEST(discard, of_a_call_in_the_queue_comes_at_once)
{
    struct job *job = new_job();
    struct call holder = {wait_for, NULL, {.blocking_class = &one}, 1, 1};
    struct call c = {run_job, job, {.blocking_class = &one, .discard = discard_job}, 0, 0};
    struct sley_task *holding, *task;
    sem_t gate;

    sem_init(&gate, 0, 0);
    holder.arg = &gate;
    holding = spawned(call, &holder);
    while (!stats_of(&one).running)
        sley_yield();
    task = spawned(call, &c);
    while (!stats_of(&one).queued)
        sley_yield();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(discards(job), 1);
    cr_assert_eq(job->discarded_with, SLEY_ECANCELED);
    c.options.refuse = true;
    task = spawned(call, &(struct call){give_int, &(int){1}, {.blocking_class = &one}, 1, 1});
    while (!stats_of(&one).queued)
        sley_yield();
    assert_code(joined(spawned(call, &c)), SLEY_EBUSY);
    cr_assert_eq(discards(job), 2);
    sem_post(&gate);
    assert_ok(joined(holding));
    assert_ok(joined(task));
    free_job(job);
    return 0;
}

static struct job *left;

static void *post_later(void *arg)
{
    assert_ok(sley_sleep(SLEY_MILLISECONDS(3))); /* a thread: it really sleeps */
    sem_post(arg);
    return NULL;
}

static int leave_running(void *poster)
{
    struct call c = {run_job, left, {.discard = discard_job}, 1, 77};
    struct sley_task *task = spawned(call, &c);

    while (!is_set(&left->started))
        sley_yield();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    pthread_create(poster, NULL, post_later, &left->gate);
    return 0;
}

Test(discard, the_runtime_waits_for_functions_that_were_left)
{
    pthread_t thread;

    left = new_job();
    assert_ok(sley_run(leave_running, &thread, NULL));
    cr_assert_eq(discards(left), 1);
    cr_assert_eq(left->discarded_with, 5);
    pthread_join(thread, NULL);
    free_job(left);
}

/* --- threads that are no tasks --------------------------------------------------------------- */

Test(foreign, threads_may_call_if_they_say_whose_threads)
{
    struct sley_runtime *runtime;
    struct sley_blocking_options options = {0};
    int value = 6, result = 0;

    assert_ok(sley_runtime_new(NULL, &runtime));
    assert_code(sley_to_thread_with(give_int, &value, &options, &result), SLEY_ENOTASK);
    options.runtime = runtime;
    for (int i = 0; i < 100; i++) {
        assert_ok(sley_to_thread_with(give_int, &value, &options, &result));
        cr_assert_eq(result, 6);
    }
    options.discard = discard_job; /* nobody cancels a thread: never called */
    assert_ok(sley_to_thread_with(give_int, &value, &options, &result));
    sley_runtime_free(runtime);
}

struct crowd {
    struct sley_runtime *runtime;
    sem_t *gate;
};

static void *crowd_member(void *arg)
{
    struct crowd *crowd = arg;
    struct sley_blocking_options options = {.blocking_class = &one, .runtime = crowd->runtime};

    assert_ok(sley_to_thread_with(wait_for, crowd->gate, &options, NULL));
    return NULL;
}

Test(foreign, threads_block_while_the_queue_is_full)
{
    enum { MANY = 6 };
    struct sley_blocking_stats stats = {0};
    struct crowd crowd;
    pthread_t threads[MANY];
    sem_t gate;

    sem_init(&gate, 0, 0);
    crowd.gate = &gate;
    assert_ok(sley_runtime_new(NULL, &crowd.runtime));
    for (int i = 0; i < MANY; i++)
        pthread_create(&threads[i], NULL, crowd_member, &crowd);
    while (stats.running != 1 || stats.queued + stats.held != MANY - 1)
        assert_ok(sley_blocking_stats(crowd.runtime, &one, &stats));
    cr_assert_eq(stats.running, 1);
    cr_assert_eq(stats.queued, 1);
    cr_assert_eq(stats.held, MANY - 2);
    for (int i = 0; i < MANY; i++)
        sem_post(&gate);
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    sley_runtime_free(crowd.runtime);
    sem_destroy(&gate);
}

static int call_elsewhere(void *arg)
{
    struct sley_blocking_options options = {.runtime = arg};
    int value = 3, result = 0;

    for (int i = 0; i < 50; i++) {
        assert_ok(sley_to_thread_with(give_int, &value, &options, &result));
        cr_assert_eq(result, 3);
    }
    cr_assert_eq(stats_of(NULL).calls, 0);
    return 0;
}

Test(foreign, tasks_may_use_the_threads_of_another_runtime)
{
    struct sley_runtime *runtime;

    assert_ok(sley_runtime_new(NULL, &runtime));
    assert_ok(sley_run(call_elsewhere, runtime, NULL));
    sley_runtime_free(runtime);
}

/* --- how many threads ------------------------------------------------------------------------ */

/* Calls that block each get a thread, also after thousands of short ones have made the pool
 * believe that one thread will do. */
static int meet(void *arg)
{
    pthread_barrier_wait(arg);
    return 0;
}

static int call_often(UNUSED_ARG void *arg)
{
    int value = 0;

    for (int i = 0; i < 300; i++)
        assert_ok(sley_to_thread(give_int, &value, NULL));
    return 0;
}

TASK_TEST(threads, calls_that_wait_for_each_other_meet_after_many_short_ones)
{
    enum { MANY = 20 };
    pthread_barrier_t barrier;
    struct sley_task *tasks[2 * MANY];
    struct call c = {meet, &barrier, {0}, 1, 1}, calls[MANY];

    for (int round = 0; round < 3; round++) {
        pthread_barrier_init(&barrier, NULL, MANY);
        for (int i = 0; i < MANY; i++)
            tasks[i] = spawned(call_often, NULL);
        for (int i = 0; i < MANY; i++) {
            calls[i] = c;
            tasks[MANY + i] = spawned(call, &calls[i]);
        }
        for (int i = 0; i < 2 * MANY; i++)
            assert_ok(joined(tasks[i]));
        pthread_barrier_destroy(&barrier);
    }
    return 0;
}
