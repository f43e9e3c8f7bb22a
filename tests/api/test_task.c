/*
 * test_task.c: tasks: spawn, join, detach, cancel, deadlines, yield, names, and what survives a
 * park.
 */
#include "task_test.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/blocking.h>
#include <sley/park.h>

static int answer(UNUSED_ARG void *arg)
{
    return 42;
}

static int give_int(void *arg)
{
    return *(int *)arg;
}

/* Ends when it is cancelled or unparked; the result of the park. */
static int park_once(UNUSED_ARG void *arg)
{
    return sley_park(NULL);
}

static int spin_until_set(void *arg)
{
    while (!is_set(arg))
        sley_yield();
    return 0;
}

static bool go; /* for tasks that may outlive the frame that spawned them */

static char elsewhere; /* its address is where an untouched handle points */

/* --- spawn and join -------------------------------------------------------------------------- */

TASK_TEST(spawn, runs_the_function_and_join_has_its_result)
{
    static const int results[] = {0, 1, -1, INT_MAX, INT_MIN, SLEY_ECANCELED};
    struct sley_task *task;

    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        int value = results[i];

        assert_ok(sley_spawn(give_int, &value, NULL, &task));
        cr_assert_eq(joined(task), value);
    }
    return 0;
}

TASK_TEST(spawn, the_result_need_not_be_asked_for)
{
    assert_ok(sley_join(spawned(answer, NULL), NULL));
    return 0;
}

static int add_one(void *arg)
{
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

TASK_TEST(spawn, runs_each_task_once)
{
    enum { MANY = 20000 };
    static struct sley_task *tasks[MANY];
    int count = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            tasks[i] = spawned(add_one, &count);
        for (int i = 0; i < MANY; i++) /* in another order on each round */
            assert_ok(sley_join(tasks[(i + round * 7) % MANY], NULL));
        cr_assert_eq(count, (round + 1) * MANY);
    }
    return 0;
}

static int leaves(void *arg)
{
    int depth = *(int *)arg, below = depth - 1, sum = 0;
    struct sley_task *children[3];

    if (depth == 0)
        return 1;
    for (int i = 0; i < 3; i++)
        children[i] = spawned(leaves, &below);
    for (int i = 0; i < 3; i++)
        sum += joined(children[i]);
    return sum;
}

TASK_TEST(spawn, tasks_spawn_tasks)
{
    int depth = 8;

    cr_assert_eq(joined(spawned(leaves, &depth)), 6561);
    return 0;
}

TASK_TEST(spawn, wants_a_function)
{
    struct sley_task *task = (void *)&elsewhere;

    assert_code(sley_spawn(NULL, NULL, NULL, &task), SLEY_EINVAL);
    cr_assert_eq((void *)task, (void *)&elsewhere, "untouched on failure");
    return 0;
}

static int use_stack(void *arg)
{
    size_t size = *(size_t *)arg;
    volatile char *room = __builtin_alloca(size);

    for (size_t i = 0; i < size; i += 512)
        room[i] = (char)i;
    assert_ok(sley_sleep(1));
    for (size_t i = 0; i < size; i += 512)
        cr_assert_eq(room[i], (char)i);
    return 0;
}

/* Of each class some is the guard's, and some the frames' of the runtime and of a sanitizer. */
TASK_TEST(spawn, gives_the_stack_that_was_asked_for)
{
    static const struct {
        size_t asked, used;
    } cases[] = {{1, 1 << 10},           {16 << 10, 1 << 10},    {17 << 10, 24 << 10},
                 {64 << 10, 24 << 10},   {65 << 10, 200 << 10},  {256 << 10, 200 << 10},
                 {257 << 10, 900 << 10}, {1024 << 10, 900 << 10}};

    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct sley_task_options options = {.stack_size = cases[i].asked};
            size_t used = cases[i].used;
            struct sley_task *task;

            assert_ok(sley_spawn(use_stack, &used, &options, &task));
            cr_assert_eq(joined(task), 0);
        }
    return 0;
}

TASK_TEST(spawn, refuses_stacks_beyond_the_largest_class)
{
    struct sley_task_options options = {.stack_size = (1 << 20) + 1};
    struct sley_task *task = (void *)&elsewhere;

    assert_code(sley_spawn(answer, NULL, &options, &task), SLEY_EINVAL);
    options.stack_size = SIZE_MAX;
    assert_code(sley_spawn(answer, NULL, &options, &task), SLEY_EINVAL);
    cr_assert_eq((void *)task, (void *)&elsewhere, "untouched on failure");
    return 0;
}

static void *spawn_there(UNUSED_ARG void *arg)
{
    struct sley_task *task = (void *)&elsewhere;

    assert_code(sley_spawn(answer, NULL, NULL, &task), SLEY_ENOTASK);
    cr_assert_eq((void *)task, (void *)&elsewhere, "untouched on failure");
    return NULL;
}

TASK_TEST(spawn, works_only_from_a_task)
{
    on_foreign_thread(spawn_there, NULL);
    return 0;
}

Test(spawn, works_only_within_a_runtime)
{
    spawn_there(NULL);
}

TASK_TEST(join, wants_a_task)
{
    assert_code(sley_join(NULL, NULL), SLEY_EINVAL);
    return 0;
}

static int join_itself(UNUSED_ARG void *arg)
{
    int result = 5;

    assert_code(sley_join(sley_self(), &result), SLEY_EDEADLK);
    cr_assert_eq(result, 5);
    return 0;
}

TASK_TEST(join, does_not_wait_for_itself)
{
    cr_assert_eq(joined(spawned(join_itself, NULL)), 0);
    return join_itself(NULL);
}

TASK_TEST(join, waits_for_a_task_that_waits)
{
    struct sley_task *tasks[100];

    for (int i = 0; i < 100; i++)
        tasks[i] = spawned(park_once, NULL);
    for (int i = 99; i >= 0; i--)
        sley_unpark(tasks[i]);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

static bool in_join;

/* On one worker: whoever sees the flag knows that this has parked. */
static int join_it(void *arg)
{
    set(&in_join);
    return joined(arg);
}

static int join_busy(void *arg)
{
    int result = 5;

    for (int i = 0; i < 3; i++)
        sley_sleep(1); /* has waited before, unlike the first joiner */
    assert_code(sley_join(arg, &result), SLEY_EBUSY);
    cr_assert_eq(result, 5);
    return 0;
}

static void *join_busy_there(void *arg)
{
    assert_code(sley_join(arg, NULL), SLEY_EBUSY);
    return NULL;
}

ONE_WORKER_TEST(join, one_joins_and_the_others_are_told_so)
{
    struct sley_task *task = spawned(park_once, NULL), *first = spawned(join_it, task), *other;

    while (!is_set(&in_join))
        sley_yield();
    other = spawned(join_busy, task);
    cr_assert_eq(joined(other), 0);
    assert_code(sley_join(task, NULL), SLEY_EBUSY);
    on_foreign_thread(join_busy_there, task);
    sley_unpark(task);
    cr_assert_eq(joined(first), 0, "the first joiner was forgotten");
    return 0;
}

static void *join_there(void *arg)
{
    struct sley_task **task = arg;

    cr_assert_eq(joined(*task), 42);
    return NULL;
}

TASK_TEST(join, a_foreign_thread_may_join_after_the_end)
{
    struct sley_task *task = spawned(answer, NULL);

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    on_foreign_thread(join_there, &task);
    return 0;
}

static int wait_and_answer(void *arg)
{
    spin_until_set(arg);
    return 42;
}

TASK_TEST(join, foreign_threads_may_join_before_the_end)
{
    struct sley_task *tasks[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        tasks[i] = spawned(wait_and_answer, &go);
        cr_assert_eq(pthread_create(&threads[i], NULL, join_there, &tasks[i]), 0);
    }
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    set(&go);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    return 0;
}

/* --- detach ---------------------------------------------------------------------------------- */

TASK_TEST(detach, before_and_after_the_end_and_of_nothing)
{
    int count = 0;

    sley_detach(NULL);
    for (int i = 0; i < 1000; i++)
        sley_detach(spawned(add_one, &count));
    while (__atomic_load_n(&count, __ATOMIC_RELAXED) < 1000)
        sley_yield();
    for (int i = 0; i < 100; i++) {
        struct sley_task *task = spawned(answer, NULL);

        assert_ok(sley_sleep(SLEY_MICROSECONDS(1)));
        sley_detach(task);
    }
    sley_detach(spawned(spin_until_set, &go));
    set(&go);
    return 0;
}

TASK_TEST(detach, a_task_without_a_handle_runs_too)
{
    int count = 0;

    for (int i = 0; i < 1000; i++)
        assert_ok(sley_spawn(add_one, &count, NULL, NULL));
    while (__atomic_load_n(&count, __ATOMIC_RELAXED) < 1000)
        sley_yield();
    return 0;
}

static void *detach_there(void *arg)
{
    sley_detach(arg);
    return NULL;
}

TASK_TEST(detach, from_a_foreign_thread)
{
    struct sley_task *task = spawned(spin_until_set, &go);

    on_foreign_thread(detach_there, task);
    set(&go);
    task = spawned(answer, NULL);
    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    on_foreign_thread(detach_there, task);
    return 0;
}

/* --- cancel ---------------------------------------------------------------------------------- */

static bool hold_open; /* set to let the held task end */

static int hold(UNUSED_ARG void *arg)
{
    while (!is_set(&hold_open))
        sley_sleep(SLEY_MICROSECONDS(100));
    return 7;
}

static int never_run(UNUSED_ARG void *arg)
{
    cr_assert_fail("must not run");
    return 0;
}

/* Every call that may park says `code`, however often. `held` is a task that does not end. */
static void expect_everywhere(int code, struct sley_task *held)
{
    for (int i = 0; i < 3; i++) {
        assert_code(sley_cancelled(), code);
        assert_code(sley_yield(), code);
        assert_code(sley_sleep(0), code);
        assert_code(sley_sleep(SLEY_SECONDS(1000)), code);
        assert_code(sley_sleep_until(SLEY_FOREVER), code);
        assert_code(sley_sleep_until(0), code);
        assert_code(sley_park("x"), code);
        assert_code(sley_to_thread(never_run, NULL, NULL), code);
        assert_code(sley_join(held, NULL), code);
    }
}

static int be_cancelled_and_clean_up(void *arg)
{
    struct sley_task *child;

    assert_code(sley_park(NULL), SLEY_ECANCELED);
    expect_everywhere(SLEY_ECANCELED, arg);
    assert_ok(sley_spawn(answer, NULL, NULL, &child)); /* never parks, so it works */
    sley_detach(child);
    return 3;
}

TASK_TEST(cancel, every_call_says_so_from_then_on)
{
    struct sley_task *held = spawned(hold, NULL), *task = spawned(be_cancelled_and_clean_up, held);

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    sley_cancel(task, NULL);
    cr_assert_eq(joined(task), 3);
    set(&hold_open);
    cr_assert_eq(joined(held), 7);
    return 0;
}

static int sleep_long(UNUSED_ARG void *arg)
{
    return sley_sleep(SLEY_SECONDS(100000));
}

static int join_long(void *arg)
{
    return sley_join(arg, NULL);
}

TASK_TEST(cancel, ends_the_call_that_the_task_is_in)
{
    struct sley_task *held = spawned(hold, NULL);
    struct sley_task *tasks[] = {spawned(park_once, NULL), spawned(sleep_long, NULL),
                                 spawned(join_long, held)};

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    for (int i = 0; i < 3; i++)
        sley_cancel(tasks[i], NULL);
    for (int i = 0; i < 3; i++)
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    set(&hold_open);
    cr_assert_eq(joined(held), 7, "a cancelled join leaves the handle with its owner");
    return 0;
}

static int tell_status(UNUSED_ARG void *arg)
{
    return sley_cancelled();
}

ONE_WORKER_TEST(cancel, a_task_that_has_not_begun_runs_and_finds_itself_cancelled)
{
    struct sley_task *task = spawned(tell_status, NULL);

    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    return 0;
}

ONE_WORKER_TEST(cancel, reaches_a_task_that_computes)
{
    struct sley_task *task = spawned(spin_until_set, &hold_open);

    sley_yield(); /* now it is in its loop, ready */
    sley_cancel(task, NULL);
    assert_ok(sley_yield());
    set(&hold_open);
    cr_assert_eq(joined(task), 0);
    return 0;
}

TASK_TEST(cancel, there_is_no_reason_before)
{
    cr_assert_null(sley_cancel_reason());
    return 0;
}

ONE_WORKER_TEST(cancel, of_an_ended_task_does_nothing)
{
    struct sley_task *task = spawned(tell_status, NULL), *next;

    sley_yield();
    sley_cancel(task, "late");
    cr_assert_eq(joined(task), 0);
    next = spawned(tell_status, NULL); /* the same memory, most likely */
    cr_assert_eq(joined(next), 0, "a cancel of the last life");
    return 0;
}

static int cancel_itself(UNUSED_ARG void *arg)
{
    assert_ok(sley_cancelled());
    sley_cancel(sley_self(), "enough");
    cr_assert_str_eq(sley_cancel_reason(), "enough");
    return sley_park(NULL);
}

TASK_TEST(cancel, a_task_may_cancel_itself)
{
    assert_code(joined(spawned(cancel_itself, NULL)), SLEY_ECANCELED);
    assert_ok(sley_cancelled());
    return 0;
}

static void *cancel_there(void *arg)
{
    sley_cancel(arg, "from outside");
    return NULL;
}

static int tell_reason(void *arg)
{
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    *(const char **)arg = sley_cancel_reason();
    return 0;
}

TASK_TEST(cancel, from_a_foreign_thread)
{
    const char *reason = NULL;
    struct sley_task *task = spawned(tell_reason, &reason);

    on_foreign_thread(cancel_there, task);
    cr_assert_eq(joined(task), 0);
    cr_assert_str_eq(reason, "from outside");
    return 0;
}

TASK_TEST(cancel, the_first_reason_stays)
{
    const char *reason = NULL;
    struct sley_task *task = spawned(tell_reason, &reason);

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    sley_cancel(task, "first");
    sley_cancel(task, "second");
    sley_cancel(task, NULL);
    cr_assert_eq(joined(task), 0);
    cr_assert_str_eq(reason, "first");
    return 0;
}

TASK_TEST(cancel, needs_no_reason)
{
    const char *reason = "?";
    struct sley_task *task = spawned(tell_reason, &reason);

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    sley_cancel(task, NULL);
    cr_assert_eq(joined(task), 0);
    cr_assert_null(reason);
    return 0;
}

/* A join that its caller's cancellation ended left the handle as it was. */
static int join_twice(void *arg)
{
    struct sley_task **held = arg;
    int result = 5;

    assert_code(sley_join(*held, &result), SLEY_ECANCELED);
    cr_assert_eq(result, 5);
    assert_code(sley_join(*held, &result), SLEY_ECANCELED);
    return 0;
}

TASK_TEST(cancel, a_cancelled_join_leaves_a_handle_to_join_or_detach)
{
    struct sley_task *held = spawned(hold, NULL), *joiner = spawned(join_twice, &held);

    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    sley_cancel(joiner, NULL);
    cr_assert_eq(joined(joiner), 0);
    joiner = spawned(join_twice, &held);
    sley_cancel(joiner, NULL);
    cr_assert_eq(joined(joiner), 0);
    sley_detach(held);
    set(&hold_open);
    return 0;
}

/* --- deadlines ------------------------------------------------------------------------------- */

static int64_t told;

static int tell_deadline(UNUSED_ARG void *arg)
{
    told = sley_deadline();
    return 0;
}

static int64_t deadline_of_child(int64_t option)
{
    struct sley_task_options options = {.deadline = option};
    struct sley_task *task;

    assert_ok(sley_spawn(tell_deadline, NULL, option ? &options : NULL, &task));
    cr_assert_eq(joined(task), 0);
    return told;
}

TASK_TEST(deadline, there_is_none_at_first)
{
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    cr_assert_eq(deadline_of_child(0), SLEY_FOREVER);
    return 0;
}

TASK_TEST(deadline, is_inherited_and_only_moves_closer)
{
    int64_t soon = sley_after(SLEY_SECONDS(1000)), sooner = soon - 1, later = soon + 1;

    cr_assert_eq(deadline_of_child(later), later);
    cr_assert_eq(sley_deadline_narrow(soon), SLEY_FOREVER);
    cr_assert_eq(sley_deadline(), soon);
    cr_assert_eq(deadline_of_child(0), soon);
    cr_assert_eq(deadline_of_child(sooner), sooner);
    cr_assert_eq(deadline_of_child(later), soon);
    cr_assert_eq(sley_deadline(), soon, "a child's deadline is its own");
    cr_assert_eq(sley_deadline_narrow(later), soon);
    cr_assert_eq(sley_deadline(), soon);
    cr_assert_eq(sley_deadline_narrow(sooner), soon);
    cr_assert_eq(sley_deadline(), sooner);
    sley_deadline_restore(soon);
    cr_assert_eq(sley_deadline(), soon);
    sley_deadline_restore(SLEY_FOREVER);
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    return 0;
}

TASK_TEST(deadline, every_call_says_so_once_it_has_passed)
{
    struct sley_task *held = spawned(hold, NULL);
    int64_t before = sley_deadline_narrow(sley_now());

    expect_everywhere(SLEY_ETIMEDOUT, held);
    sley_deadline_restore(before);
    assert_ok(sley_cancelled());
    assert_ok(sley_yield());
    assert_ok(sley_sleep(1));
    set(&hold_open);
    cr_assert_eq(joined(held), 7, "a late join leaves the handle with its owner");
    return 0;
}

TASK_TEST(deadline, ends_the_call_that_the_task_is_in)
{
    struct sley_task_options options = {.deadline = sley_after(SLEY_MILLISECONDS(3))};
    struct sley_task *held = spawned(hold, NULL), *tasks[3];

    assert_ok(sley_spawn(park_once, NULL, &options, &tasks[0]));
    assert_ok(sley_spawn(sleep_long, NULL, &options, &tasks[1]));
    assert_ok(sley_spawn(join_long, held, &options, &tasks[2]));
    for (int i = 0; i < 3; i++) {
        assert_code(joined(tasks[i]), SLEY_ETIMEDOUT);
        cr_assert_geq(sley_now(), options.deadline, "early");
    }
    set(&hold_open);
    cr_assert_eq(joined(held), 7);
    return 0;
}

/* The pattern for a join with a timeout of its own, again and again. */
static int join_patiently(void *arg)
{
    int result = 0, error;

    do {
        int64_t before = sley_deadline_narrow(sley_after(SLEY_MICROSECONDS(200)));

        error = sley_join(arg, &result);
        sley_deadline_restore(before);
    } while (error == SLEY_ETIMEDOUT);
    assert_ok(error);
    return result;
}

static int work_a_while(void *arg)
{
    assert_ok(sley_sleep(SLEY_MICROSECONDS(*(int *)arg)));
    return 42;
}

TASK_TEST(deadline, a_late_join_can_be_tried_again)
{
    struct sley_task *joiners[50];
    int us[50];

    for (int i = 0; i < 50; i++) {
        us[i] = i * 37;
        joiners[i] = spawned(join_patiently, spawned(work_a_while, &us[i]));
    }
    for (int i = 0; i < 50; i++)
        cr_assert_eq(joined(joiners[i]), 42);
    return 0;
}

static int park_and_tell(void *ended)
{
    int result = sley_park("never comes");

    *(bool *)ended = true;
    return result;
}

/* It waits; then it is late, which nobody has told it yet, because this task does not let its
 * worker go; then it is cancelled. False: it was late before it waited. */
static bool cancelled_when_late(int64_t delay)
{
    struct sley_task_options late = {.deadline = sley_after(delay)};
    struct sley_task *task;
    bool ended = false;

    assert_ok(sley_spawn(park_and_tell, &ended, &late, &task));
    sley_yield();
    while (sley_now() < late.deadline + SLEY_MILLISECONDS(1))
        ;
    if (ended) {
        assert_code(joined(task), SLEY_ETIMEDOUT);
        return false;
    }
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    return true;
}

ONE_WORKER_TEST(deadline, cancel_wins_over_it)
{
    int64_t delay = SLEY_MILLISECONDS(5);
    struct sley_task_options late = {.deadline = 1};
    struct sley_task *task, *held = spawned(hold, NULL);

    assert_ok(sley_spawn(tell_status, NULL, &late, &task));
    assert_code(joined(task), SLEY_ETIMEDOUT);
    assert_ok(sley_spawn(tell_status, NULL, &late, &task));
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);

    while (!cancelled_when_late(delay))
        delay *= 2;
    sley_deadline_narrow(1);
    sley_cancel(sley_self(), NULL);
    expect_everywhere(SLEY_ECANCELED, held);
    set(&hold_open);
    return 0;
}

static void *nothing_there(UNUSED_ARG void *arg)
{
    cr_assert_null(sley_self());
    assert_ok(sley_cancelled());
    cr_assert_null(sley_cancel_reason());
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    cr_assert_eq(sley_deadline_narrow(5), SLEY_FOREVER);
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    sley_deadline_restore(5);
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    assert_ok(sley_yield());
    return NULL;
}

TASK_TEST(deadline, and_cancellation_do_not_exist_on_a_foreign_thread)
{
    sley_deadline_narrow(sley_after(SLEY_SECONDS(1000)));
    on_foreign_thread(nothing_there, NULL);
    return 0;
}

Test(deadline, nor_without_a_runtime)
{
    nothing_there(NULL);
}

/* --- yield ----------------------------------------------------------------------------------- */

static int set_flag(void *arg)
{
    set(arg);
    return 0;
}

ONE_WORKER_TEST(yield, lets_a_child_run)
{
    bool ran = false;

    assert_ok(sley_spawn(set_flag, &ran, NULL, NULL));
    cr_assert(!ran, "a spawn does not run the task");
    while (!ran)
        assert_ok(sley_yield());
    return 0;
}

ONE_WORKER_TEST(yield, with_nobody_else_comes_back)
{
    for (int i = 0; i < 10000; i++)
        assert_ok(sley_yield());
    return 0;
}

/* Woken tasks and spawned ones wait in different queues: neither may starve the other. */
ONE_WORKER_TEST(yield, two_that_yield_to_each_other_let_a_child_run)
{
    bool ran = false;
    struct sley_task *a = spawned(spin_until_set, &ran), *b = spawned(spin_until_set, &ran);

    for (int i = 0; i < 10; i++)
        sley_yield(); /* both are in their loops */
    assert_ok(sley_spawn(set_flag, &ran, NULL, NULL));
    cr_assert_eq(joined(a), 0);
    cr_assert_eq(joined(b), 0);
    return 0;
}

static int spawn_until_set(void *arg)
{
    while (!is_set(arg)) {
        assert_ok(sley_spawn(answer, NULL, NULL, NULL));
        sley_yield();
    }
    return 0;
}

/* A stream of new tasks, which come before older ones, does not starve a yielding one. */
ONE_WORKER_TEST(yield, comes_back_although_there_are_always_new_tasks)
{
    bool stop = false;
    struct sley_task *task = spawned(spawn_until_set, &stop);

    for (int i = 0; i < 1000; i++)
        sley_yield();
    set(&stop);
    cr_assert_eq(joined(task), 0);
    return 0;
}

static bool chain_stop, chain_over;

/* Spawns its successor, so that the spawned queue is never empty. */
static int spawn_next(UNUSED_ARG void *arg)
{
    if (is_set(&chain_stop))
        set(&chain_over);
    else
        assert_ok(sley_spawn(spawn_next, NULL, NULL, NULL));
    return 0;
}

ONE_WORKER_TEST(yield, an_old_task_runs_although_each_new_one_spawns_another)
{
    bool ran = false;

    assert_ok(sley_spawn(set_flag, &ran, NULL, NULL)); /* the oldest of its queue, for ever */
    assert_ok(sley_spawn(spawn_next, NULL, NULL, NULL));
    while (!is_set(&ran))
        sley_yield();
    set(&chain_stop);
    while (!is_set(&chain_over))
        sley_yield();
    return 0;
}

static int sleep_and_set(void *arg)
{
    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    set(arg);
    return 0;
}

ONE_WORKER_TEST(yield, lets_timers_fire)
{
    bool done = false;
    struct sley_task *task = spawned(sleep_and_set, &done);

    while (!is_set(&done))
        assert_ok(sley_yield());
    cr_assert_eq(joined(task), 0);
    return 0;
}

static void *unpark_there(void *arg)
{
    sley_unpark(arg);
    return NULL;
}

static int park_and_set(void *arg)
{
    assert_ok(sley_park(NULL));
    set(arg);
    return 0;
}

ONE_WORKER_TEST(yield, lets_in_what_comes_from_foreign_threads)
{
    bool done = false;
    struct sley_task *task = spawned(park_and_set, &done);
    pthread_t thread;

    sley_yield();
    cr_assert_eq(pthread_create(&thread, NULL, unpark_there, task), 0);
    while (!is_set(&done))
        assert_ok(sley_yield());
    pthread_join(thread, NULL);
    cr_assert_eq(joined(task), 0);
    return 0;
}

static int count_turns(void *arg)
{
    int *turns = arg;

    for (; *turns < 1000; (*turns)++)
        sley_yield();
    return 0;
}

#ifdef SLEY_HOSTILE
enum { LEAD = 1000, TOO_LONG = 1000 }; /* whose turn it is, is chosen at random there */
#else
enum { LEAD = 110, TOO_LONG = 100 };
#endif

ONE_WORKER_TEST(yield, takes_turns)
{
    enum { MANY = 20 };
    struct sley_task *tasks[MANY];
    int turns[MANY] = {0}, least, most;

    for (int i = 0; i < MANY; i++)
        tasks[i] = spawned(count_turns, &turns[i]);
    do {
        sley_yield();
        least = most = turns[0];
        for (int i = 1; i < MANY; i++) {
            least = turns[i] < least ? turns[i] : least;
            most = turns[i] > most ? turns[i] : most;
        }
        cr_assert(least > 0 || most <= TOO_LONG, "one has had %d turns, another none", most);
        cr_assert(most == 1000 || most - least <= LEAD, "%d turns and %d", most, least);
    } while (least < 1000);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

/* --- names and numbers ----------------------------------------------------------------------- */

static int tell_name(void *arg)
{
    cr_assert_str_eq(sley_task_name(sley_self()), (const char *)arg);
    return 0;
}

static void expect_name(const char *given, const char *expected)
{
    struct sley_task_options options = {.name = given};
    struct sley_task *task;

    assert_ok(sley_spawn(tell_name, (void *)(uintptr_t)expected, &options, &task));
    cr_assert_str_eq(sley_task_name(task), expected);
    cr_assert_eq(joined(task), 0);
}

TASK_TEST(name, is_the_functions_unless_given_and_cut_at_39_bytes)
{
    expect_name(NULL, "tell_name");
    expect_name("probe de", "probe de");
    expect_name("", "");
    expect_name("123456789012345678901234567890123456789",
                "123456789012345678901234567890123456789");
    expect_name("1234567890123456789012345678901234567890",
                "123456789012345678901234567890123456789");
    expect_name(NULL, "tell_name"); /* in memory that had another name before */
    return 0;
}

TASK_TEST(name, is_copied)
{
    char name[] = "before";
    struct sley_task_options options = {.name = name};
    struct sley_task *task;

    assert_ok(sley_spawn(tell_name, (void *)(uintptr_t) "before", &options, &task));
    memset(name, 'x', sizeof name - 1);
    options = (struct sley_task_options){0};
    cr_assert_eq(joined(task), 0);
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int spawn_and_note_ids(void *arg)
{
    uint64_t *ids = arg;

    for (int i = 0; i < 500; i++) {
        struct sley_task *task = spawned(answer, NULL);

        ids[i] = sley_task_id(task);
        assert_ok(sley_join(task, NULL));
    }
    return 0;
}

TASK_TEST(number, is_unique_though_the_memory_is_not)
{
    static uint64_t ids[8 * 500 + 2];
    struct sley_task *tasks[8];

    for (int i = 0; i < 8; i++)
        tasks[i] = spawned(spawn_and_note_ids, &ids[i * 500]);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    ids[8 * 500] = sley_task_id(sley_self());
    tasks[0] = spawned(answer, NULL);
    ids[8 * 500 + 1] = sley_task_id(tasks[0]);
    assert_ok(sley_join(tasks[0], NULL));
    qsort(ids, 8 * 500 + 2, sizeof *ids, compare_ids);
    cr_assert_geq(ids[0], 1);
    for (int i = 1; i < 8 * 500 + 2; i++)
        cr_assert_gt(ids[i], ids[i - 1], "number %llu was given twice", (unsigned long long)ids[i]);
    return 0;
}

static int tell_self(void *arg)
{
    struct sley_task *self = sley_self();

    for (int i = 0; i < 100; i++) {
        sley_sleep(1);
        cr_assert_eq(sley_self(), self);
    }
    *(struct sley_task **)arg = self;
    return 0;
}

TASK_TEST(self, is_the_handle)
{
    struct sley_task *told_self = NULL, *task = spawned(tell_self, &told_self);

    cr_assert_neq(sley_self(), task);
    assert_ok(sley_join(task, NULL));
    cr_assert_eq(told_self, task);
    return 0;
}

/* --- what survives a park -------------------------------------------------------------------- */

/* One of each kind of park. */
static void park_somehow(int i)
{
    struct sley_task *child;

    switch (i % 4) {
    case 0:
        sley_yield();
        break;
    case 1:
        sley_sleep(SLEY_MICROSECONDS(1));
        break;
    case 2:
        child = spawned(answer, NULL);
        sley_join(child, NULL);
        break;
    default:
        sley_unpark(sley_self());
        sley_park(NULL);
    }
}

/* Compilers keep the address of errno, and it is another after a park: so a call for each use. */
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

static int keep_errno(void *arg)
{
    int mine = *(int *)arg;

    for (int i = 0; i < 200; i++) {
        set_errno(mine);
        park_somehow(i);
        cr_assert_eq(get_errno(), mine, "after park %d", i);
        set_errno(ENOMEM); /* what others must not see */
        park_somehow(i + 1);
        cr_assert_eq(get_errno(), ENOMEM);
    }
    return 0;
}

TASK_TEST(park_keeps, errno_of_each_task)
{
    struct sley_task *tasks[20];
    int values[20];

    for (int i = 0; i < 20; i++) {
        values[i] = i + 1;
        tasks[i] = spawned(keep_errno, &values[i]);
    }
    for (int i = 0; i < 20; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

/* More live values than there are registers of either kind that a call preserves. */
static int keep_values(void *arg)
{
    long n = *(int *)arg;
    double d[12];
    long v[12];

    for (int i = 0; i < 12; i++) {
        d[i] = (double)n * 1.25 + i;
        v[i] = n * 1000 + i;
    }
    for (int i = 0; i < 300; i++) {
        double a = d[0], b = d[1], c = d[2], e = d[3], f = d[4], g = d[5], h = d[6], k = d[7];
        long p = v[0], q = v[1], r = v[2], s = v[3], t = v[4], u = v[5], w = v[6], x = v[7];

        __asm__ volatile("" : "+r"(p), "+r"(q), "+r"(r), "+r"(s), "+r"(t), "+r"(u));
        park_somehow(i);
        cr_assert_eq(a + b + c + e + f + g + h + k, 8 * d[0] + 28);
        cr_assert_eq(p + q + r + s + t + u + w + x, 8 * v[0] + 28);
        for (int j = 0; j < 12; j++) {
            cr_assert_eq(d[j], (double)n * 1.25 + j);
            cr_assert_eq(v[j], n * 1000 + j);
        }
    }
    return 0;
}

TASK_TEST(park_keeps, values_in_registers_and_on_the_stack)
{
    struct sley_task *tasks[20];
    int values[20];

    for (int i = 0; i < 20; i++) {
        values[i] = i * 17;
        tasks[i] = spawned(keep_values, &values[i]);
    }
    for (int i = 0; i < 20; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

/* A spill of 32-byte vectors and a call with a double fault at once on a crooked stack. */
static int __attribute__((noinline)) expect_aligned(double value)
{
    _Alignas(32) volatile char room[32];
    char text[64];

    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0);
    cr_assert_eq((uintptr_t)room % 32, 0);
    snprintf(text, sizeof text, "%.3f %Lf", value, (long double)value);
    cr_assert_str_eq(text, "1.500 1.500000");
    return 0;
}

static int run_aligned(UNUSED_ARG void *arg)
{
    expect_aligned(1.5);
    assert_ok(sley_sleep(SLEY_MICROSECONDS(10)));
    return expect_aligned(1.5);
}

TASK_TEST(entry, is_aligned_on_every_stack)
{
    struct sley_task *tasks[200];

    for (int i = 0; i < 200; i++) {
        struct sley_task_options options = {.stack_size = i % 2 ? 256 << 10 : 64 << 10};

        assert_ok(sley_spawn(run_aligned, NULL, &options, &tasks[i]));
    }
    for (int i = 0; i < 200; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}
