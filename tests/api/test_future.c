/*
 * test_future.c: a value that is not there yet: completed once, by anybody, for many; and any and
 * all of several.
 */
#include "task_test.h"

#include <sley/future.h>

static struct sley_future future, futures[3];
static struct sley_future *const all[] = {&futures[0], &futures[1], NULL, &futures[2]};
static int value;

static void let_others_wait(void)
{
    for (int i = 0; i < 30; i++)
        (void)sley_yield();
}

static int wait_for_value(UNUSED_ARG void *arg)
{
    void *got = NULL;
    int error = sley_future_wait(&future, &got);

    return error ? error : got == &value;
}

ONE_WORKER_TEST(future, all_who_wait_get_the_value)
{
    struct sley_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = spawned(wait_for_value, NULL);
    let_others_wait();
    cr_assert(!sley_future_is_done(&future));
    cr_assert(sley_future_complete(&future, &value));
    cr_assert(sley_future_is_done(&future));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(joined(tasks[i]), 1);
    cr_assert_eq(joined(spawned(wait_for_value, NULL)), 1, "and who comes later");
    return 0;
}

ONE_WORKER_TEST(future, the_first_completion_stays)
{
    void *got = NULL;

    cr_assert(sley_future_fail(&future, SLEY_EIO));
    cr_assert(!sley_future_complete(&future, &value));
    assert_code(sley_future_wait(&future, &got), SLEY_EIO);
    cr_assert_null(got);
    return 0;
}

ONE_WORKER_TEST(future, a_cancelled_waiter_leaves)
{
    struct sley_task *task = spawned(wait_for_value, NULL);

    let_others_wait();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert(sley_future_complete(&future, NULL));
    return 0;
}

static void *complete_on_thread(void *arg)
{
    sley_future_complete(arg, &value);
    return NULL;
}

TASK_TEST(future, a_foreign_thread_completes_and_waits)
{
    struct sley_task *task = spawned(wait_for_value, NULL);

    on_foreign_thread(complete_on_thread, &future);
    cr_assert_eq(joined(task), 1);
    return 0;
}

static int wait_for_any(UNUSED_ARG void *arg)
{
    return sley_future_wait_any(all, 4);
}

static int wait_for_all(UNUSED_ARG void *arg)
{
    return sley_future_wait_all(all, 4);
}

ONE_WORKER_TEST(future, any_is_the_first_that_is_done)
{
    struct sley_task *task = spawned(wait_for_any, NULL);

    let_others_wait();
    sley_future_complete(&futures[2], NULL);
    cr_assert_eq(joined(task), 3);
    sley_future_fail(&futures[1], SLEY_EIO);
    cr_assert_eq(sley_future_wait_any(all, 4), 1);
    cr_assert_null(futures[0].waiters.first, "nothing is left behind");
    return 0;
}

ONE_WORKER_TEST(future, any_of_none_is_ended_by_a_cancel)
{
    struct sley_task *task = spawned(wait_for_any, NULL);

    let_others_wait();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    for (int i = 0; i < 3; i++)
        cr_assert_null(futures[i].waiters.first);
    assert_code(sley_future_wait_any(all, SLEY_FUTURES_MAX + 1), SLEY_EINVAL);
    return 0;
}

ONE_WORKER_TEST(future, all_waits_for_the_last)
{
    struct sley_task *task = spawned(wait_for_all, NULL);

    for (int i = 2; i >= 0; i--) {
        let_others_wait();
        sley_future_complete(&futures[i], NULL);
    }
    assert_ok(joined(task));
    return 0;
}

/* Many complete and wait at once. */
static int racer(void *arg)
{
    struct sley_future *mine = arg;

    if (mine)
        sley_future_complete(mine, mine);
    return sley_future_wait_any(all, 4) < 0 ? -1 : sley_future_wait_all(all, 4);
}

TASK_TEST(future, completions_and_waits_at_once)
{
    for (int round = 0; round < 200; round++) {
        struct sley_task *tasks[6];

        for (int i = 0; i < 3; i++)
            futures[i] = (struct sley_future)SLEY_FUTURE_INIT;
        for (int i = 0; i < 6; i++)
            tasks[i] = spawned(racer, i < 3 ? NULL : &futures[i - 3]);
        for (int i = 0; i < 6; i++)
            assert_ok(joined(tasks[i]));
    }
    return 0;
}
