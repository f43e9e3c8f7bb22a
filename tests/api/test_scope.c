/*
 * test_scope.c: scopes: who owns whom, what ends whom, and what is told of it.
 */
#include "task_test.h"

#include <stdio.h>
#include <string.h>

#include <sley/blocking.h>
#include <sley/park.h>
#include <sley/scope.h>

static int ends;

static int returns(void *arg)
{
    __atomic_fetch_add(&ends, 1, __ATOMIC_RELAXED);
    return (int)(intptr_t)arg;
}

#define AS_ARG(n) ((void *)(intptr_t)(n))

/* Waits for good, until it is cancelled or late. */
static int waits(UNUSED_ARG void *arg)
{
    int result = sley_park("for good");

    __atomic_fetch_add(&ends, 1, __ATOMIC_RELAXED);
    return result;
}

static void let_others_run(void)
{
    for (int i = 0; i < 30; i++)
        (void)sley_yield();
}

static void spawn_in(struct sley_scope *scope, sley_task_fn *fn, void *arg)
{
    assert_ok(sley_scope_spawn(scope, fn, arg, NULL, NULL));
}

/* --- owning --- */

TASK_TEST(scope, ends_when_its_children_have)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    for (int i = 0; i < 100; i++)
        spawn_in(&scope, returns, AS_ARG(i));
    cr_assert_eq(ends, 100);
    assert_ok(scope.error);
    return 0;
}

TASK_TEST(scope, may_be_empty)
{
    struct sley_scope scope;
    struct sley_child child;

    assert_ok(sley_scope_open(&scope, NULL));
    cr_assert_eq(sley_scope_next(&scope, &child), 0);
    cr_assert_eq(sley_scope_gather(&scope, NULL, 0), 0);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

static int spawns_three_more(void *arg)
{
    for (int i = 0; i < 3; i++)
        if (sley_scope_spawn((struct sley_scope *)arg, returns, AS_ARG(0), NULL, NULL) != 0)
            return SLEY_EIO;
    return 0;
}

TASK_TEST(scope, children_may_spawn_into_it)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    for (int i = 0; i < 5; i++)
        spawn_in(&scope, spawns_three_more, &scope);
    cr_assert_eq(ends, 15);
    assert_ok(scope.error);
    return 0;
}

static void *opens_on_a_thread(UNUSED_ARG void *arg)
{
    struct sley_scope scope;
    struct sley_child child;
    bool inside = false;

    assert_code(sley_scope_open(&scope, NULL), SLEY_ENOTASK);
    assert_code(sley_scope_next(&scope, &child), SLEY_ENOTASK);
    assert_code((int)sley_scope_gather(&scope, NULL, 0), SLEY_ENOTASK);
    assert_code(sley_scope_wait(&scope), SLEY_ENOTASK);
    assert_code(sley_scope_close(&scope), SLEY_ENOTASK);
    SLEY_SCOPE(&scope)
    inside = true;
    cr_assert(!inside);
    assert_code(scope.error, SLEY_ENOTASK);
    return NULL;
}

Test(scope, needs_a_task)
{
    on_foreign_thread(opens_on_a_thread, NULL);
}

static int left_by_return(void)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, waits, NULL);
        spawn_in(&scope, waits, NULL);
        return 7;
    }
    return 0;
}

TASK_TEST(scope, left_early_cancels_and_waits)
{
    struct sley_scope scope;

    cr_assert_eq(left_by_return(), 7);
    cr_assert_eq(ends, 2);
    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, waits, NULL);
        break;
    }
    cr_assert_eq(ends, 3);
    assert_ok(sley_cancelled());
    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, waits, NULL);
        goto out;
    }
out:
    cr_assert_eq(ends, 4);
    assert_ok(sley_cancelled());
    return 0;
}

TASK_TEST(scope, children_cannot_be_taken_out_of_it)
{
    struct sley_scope scope;
    struct sley_task *child;

    assert_ok(sley_scope_open(&scope, NULL));
    assert_ok(sley_scope_spawn(&scope, waits, NULL, NULL, &child));
    assert_code(sley_join(child, NULL), SLEY_EPERM);
    sley_detach(child);
    sley_unpark(child);
    assert_ok(sley_scope_join(&scope, child, NULL));
    assert_ok(sley_scope_close(&scope));
    return 0;
}

/* --- results --- */

ONE_WORKER_TEST(scope, tells_children_in_the_order_in_which_they_end)
{
    struct sley_scope scope;
    struct sley_task *tasks[3];
    struct sley_child child;
    static const int order[] = {2, 0, 1};

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 3; i++)
        assert_ok(sley_scope_spawn(&scope, waits, AS_ARG(i), NULL, &tasks[i]));
    let_others_run();
    for (int i = 0; i < 3; i++) {
        sley_unpark(tasks[order[i]]);
        let_others_run();
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(sley_scope_next(&scope, &child), 1);
        cr_assert_eq((intptr_t)child.arg, order[i]);
        cr_assert_eq(child.index, (uint64_t)order[i]);
        assert_ok(child.result);
    }
    cr_assert_eq(sley_scope_next(&scope, &child), 0);
    cr_assert_eq(sley_scope_next(&scope, &child), 0, "again");
    assert_ok(sley_scope_close(&scope));
    return 0;
}

TASK_TEST(scope, tells_each_result_once)
{
    struct sley_scope scope;
    struct sley_child child;
    bool seen[200] = {false};
    int n = 0;

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 200; i++)
        spawn_in(&scope, returns, AS_ARG(i));
    while (sley_scope_next(&scope, &child) == 1) {
        cr_assert_eq(child.result, (int)child.index);
        cr_assert(!seen[child.result]);
        seen[child.result] = true;
        n++;
    }
    cr_assert_eq(n, 200);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

TASK_TEST(scope, gathers_in_the_order_of_spawns)
{
    struct sley_scope scope;
    int results[50];

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 50; i++)
        spawn_in(&scope, returns, AS_ARG(i * 3));
    cr_assert_eq(sley_scope_gather(&scope, results, 40), 50);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(results[i], i * 3);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

ONE_WORKER_TEST(scope, joins_one_child_out_of_order)
{
    struct sley_scope scope;
    struct sley_task *first, *second;
    struct sley_child child;
    int result = -1;

    assert_ok(sley_scope_open(&scope, NULL));
    assert_ok(sley_scope_spawn(&scope, waits, NULL, NULL, &first));
    assert_ok(sley_scope_spawn(&scope, returns, AS_ARG(5), NULL, &second));
    assert_ok(sley_scope_join(&scope, second, &result));
    cr_assert_eq(result, 5);
    sley_unpark(first);
    cr_assert_eq(sley_scope_next(&scope, &child), 1);
    cr_assert_eq(child.index, 0);
    cr_assert_eq(sley_scope_next(&scope, &child), 0);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

TASK_TEST(scope, joins_only_children_of_its_own)
{
    struct sley_scope scope, other;
    struct sley_task *child;

    assert_ok(sley_scope_open(&scope, NULL));
    assert_ok(sley_scope_spawn(&scope, returns, AS_ARG(5), NULL, &child));
    assert_code(sley_scope_join(&scope, NULL, NULL), SLEY_EINVAL);
    assert_ok(sley_scope_open(&other, NULL));
    assert_code(sley_scope_join(&other, child, NULL), SLEY_EINVAL);
    assert_ok(sley_scope_close(&other));
    assert_ok(sley_scope_join(&scope, child, NULL));
    return sley_scope_close(&scope);
}

static int spawn_and_ask_from_outside(void *arg)
{
    struct sley_scope *scope = arg;

    if (sley_scope_spawn(scope, returns, NULL, NULL, NULL) != SLEY_ENOTASK)
        return 1;
    return sley_scope_ask(scope, SLEY_SECONDS(1), "from outside") == SLEY_ENOTASK ? 0 : 2;
}

TASK_TEST(scope, foreign_threads_are_no_task_of_it)
{
    struct sley_scope scope;
    int result = -1;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.limit = 1}));
    spawn_in(&scope, waits, NULL); /* it is full */
    assert_ok(sley_to_thread(spawn_and_ask_from_outside, &scope, &result));
    cr_assert_eq(result, 0);
    cr_assert_not(sley_scope_asked());
    assert_ok(sley_scope_ask(&scope, 0, "now in earnest"));
    return sley_scope_close(&scope);
}

TASK_TEST(scope, that_discards_keeps_no_results)
{
    struct sley_scope scope;
    struct sley_child child;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.discard = true}));
    for (int i = 0; i < 100; i++)
        spawn_in(&scope, returns, AS_ARG(1));
    assert_code(sley_scope_next(&scope, &child), SLEY_EINVAL);
    assert_code((int)sley_scope_gather(&scope, NULL, 0), SLEY_EINVAL);
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 100);
    return 0;
}

static int asks_as_a_stranger(void *arg)
{
    struct sley_child child;

    return sley_scope_next((struct sley_scope *)arg, &child);
}

TASK_TEST(scope, only_its_owner_waits_for_children)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.policy = SLEY_SCOPE_ALL}));
    spawn_in(&scope, asks_as_a_stranger, &scope);
    assert_code(sley_scope_close(&scope), SLEY_EPERM);
    return 0;
}

/* --- policies and errors --- */

TASK_TEST(scope, first_error_cancels_the_rest)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, waits, NULL);
        spawn_in(&scope, waits, NULL);
        spawn_in(&scope, returns, AS_ARG(SLEY_EIO));
    }
    assert_code(scope.error, SLEY_EIO);
    cr_assert_eq(ends, 3);
    assert_ok(sley_cancelled());
    return 0;
}

TASK_TEST(scope, first_error_reaches_the_owner_inside)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, returns, AS_ARG(SLEY_EPIPE));
        assert_code(sley_park("until a child fails"), SLEY_ECANCELED);
        cr_assert_str_eq(sley_cancel_reason(), "another task of the scope has failed");
        assert_code(sley_yield(), SLEY_ECANCELED);
    }
    assert_code(scope.error, SLEY_EPIPE);
    assert_ok(sley_yield());
    return 0;
}

TASK_TEST(scope, all_collects_every_error)
{
    struct sley_scope scope;
    struct sley_scope_error errors[10];
    int sum = 0;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.policy = SLEY_SCOPE_ALL}));
    for (int i = 0; i < 9; i++)
        spawn_in(&scope, returns, AS_ARG(i % 3 ? i : SLEY_EIO - i));
    cr_assert_eq(sley_scope_gather(&scope, NULL, 0), 9);
    cr_assert_eq(sley_scope_errors(&scope, errors, 2), 3, "says how many there are");
    cr_assert_eq(sley_scope_errors(&scope, errors, 10), 3);
    for (int i = 0; i < 3; i++) {
        sum += (int)errors[i].index;
        cr_assert_eq(errors[i].error, SLEY_EIO - (int)errors[i].index);
        cr_assert_str_eq(errors[i].site, "fn");
    }
    cr_assert_eq(sum, 0 + 3 + 6);
    cr_assert_eq(sley_scope_close(&scope), errors[0].error);
    return 0;
}

TASK_TEST(scope, first_success_cancels_the_rest)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_FIRST_SUCCESS)
    {
        spawn_in(&scope, returns, AS_ARG(SLEY_ECONNREFUSED));
        spawn_in(&scope, waits, NULL);
        spawn_in(&scope, returns, AS_ARG(1));
    }
    assert_ok(scope.error);
    cr_assert_eq(ends, 3);
    return 0;
}

TASK_TEST(scope, the_winner_of_a_race_is_told)
{
    struct sley_scope scope;
    struct sley_child child;

    assert_ok(
        sley_scope_open(&scope, &(struct sley_scope_options){.policy = SLEY_SCOPE_FIRST_SUCCESS}));
    for (int i = 0; i < 3; i++)
        spawn_in(&scope, i == 1 ? returns : waits, AS_ARG(7));
    cr_assert_eq(sley_scope_next(&scope, &child), 1);
    cr_assert_eq(child.result, 7);
    cr_assert_eq(child.index, 1);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

static int asked_it_stays(void *arg)
{
    struct sley_scope *scope = arg;

    assert_ok(sley_scope_ask(scope, SLEY_MILLISECONDS(1), NULL));
    SLEY_SHIELD()
    for (int i = 0; i < 5; i++)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    return returns(AS_ARG(0));
}

/* The end of a grace period is not that of a child. */
TASK_TEST(scope, a_wait_is_for_all_of_its_children)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, asked_it_stays, &scope);
    assert_ok(sley_scope_wait(&scope));
    cr_assert_eq(ends, 1);
    (void)sley_scope_close(&scope);
    return 0;
}

static int fails_after_all_are_there(void *arg)
{
    (void)sley_barrier_wait(arg);
    return returns(AS_ARG(SLEY_ENOENT));
}

/* Under the policy by which the first one cancels the rest. */
TASK_TEST(scope, every_error_can_be_read_after_a_wait)
{
    static struct sley_barrier barrier = SLEY_BARRIER_INIT(4);
    struct sley_scope_error errors[4];
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 4; i++)
        spawn_in(&scope, fails_after_all_are_there, &barrier);
    assert_code(sley_scope_wait(&scope), SLEY_ENOENT);
    cr_assert_eq(sley_scope_errors(&scope, errors, 4), 4);
    for (int i = 0; i < 4; i++)
        assert_code(errors[i].error, SLEY_ENOENT);
    assert_code(sley_scope_close(&scope), SLEY_ENOENT);
    return 0;
}

TASK_TEST(scope, without_success_the_first_error_counts)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_FIRST_SUCCESS)
    for (int i = 0; i < 3; i++)
        spawn_in(&scope, returns, AS_ARG(SLEY_ECONNREFUSED));
    assert_code(scope.error, SLEY_ECONNREFUSED);
    return 0;
}

TASK_TEST(scope, the_owner_may_fail_it)
{
    struct sley_scope scope;
    struct sley_scope_error error;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, waits, NULL);
    sley_scope_fail(&scope, SLEY_EPROTO);
    cr_assert_eq(sley_scope_errors(&scope, &error, 1), 1);
    cr_assert_eq(error.index, UINT64_MAX);
    assert_code(sley_scope_close(&scope), SLEY_EPROTO);
    return 0;
}

/* --- cancelling --- */

TASK_TEST(scope, cancel_reaches_those_inside_and_nobody_else)
{
    struct sley_scope scope;
    struct sley_task *outside = spawned(waits, NULL);

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 10; i++)
        spawn_in(&scope, waits, NULL);
    sley_scope_cancel(&scope, "enough");
    sley_scope_cancel(&scope, "again");
    assert_code(sley_yield(), SLEY_ECANCELED);
    cr_assert_str_eq(sley_cancel_reason(), "enough");
    assert_ok(sley_scope_close(&scope)); /* a cancel of its own is no error */
    cr_assert_eq(ends, 10);
    assert_ok(sley_cancelled());
    cr_assert_null(sley_cancel_reason());
    sley_unpark(outside);
    assert_ok(joined(outside));
    return 0;
}

static const char *reason_seen;

static int waits_and_tells_why(UNUSED_ARG void *arg)
{
    int result = sley_park("for good");

    reason_seen = sley_cancel_reason();
    return result;
}

static int has_a_scope(void *arg)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    spawn_in(&scope, arg ? has_a_scope : waits_and_tells_why, AS_ARG((intptr_t)arg - !!arg));
    __atomic_fetch_add(&ends, 1, __ATOMIC_RELAXED);
    return scope.error;
}

TASK_TEST(scope, cancel_goes_down_to_grandchildren)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, has_a_scope, AS_ARG(20));
    let_others_run();
    sley_scope_cancel(&scope, "from above");
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 21);
    cr_assert_str_eq(reason_seen, "from above");
    return 0;
}

TASK_TEST(scope, cancelled_from_outside_says_so)
{
    struct sley_task *task = spawned(has_a_scope, AS_ARG(3));

    let_others_run();
    sley_cancel(task, "by hand");
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(ends, 4);
    cr_assert_str_eq(reason_seen, "by hand");
    return 0;
}

TASK_TEST(scope, children_of_a_cancelled_scope_are_born_cancelled)
{
    struct sley_scope scope;
    struct sley_child child;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.shield = true}));
    sley_scope_cancel(&scope, NULL);
    spawn_in(&scope, waits, NULL);
    assert_ok(sley_scope_wait(&scope));
    cr_assert_eq(sley_scope_next(&scope, &child), 1, "what has ended is told");
    assert_code(child.result, SLEY_ECANCELED);
    assert_code(sley_scope_next(&scope, &child), SLEY_ECANCELED);
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 1);
    return 0;
}

/* Until somebody lets it go, whatever else happens. */
static int stays(void *arg)
{
    SLEY_SHIELD()
    (void)sley_event_wait(arg);
    return returns(AS_ARG(2));
}

TASK_TEST(scope, cancelled_it_waits_for_nobody)
{
    static struct sley_event gate;
    struct sley_scope scope;
    struct sley_child child;
    struct sley_task *task;
    int result;

    assert_ok(sley_scope_open(&scope, NULL));
    assert_ok(sley_scope_spawn(&scope, stays, &gate, NULL, &task));
    let_others_run();
    sley_scope_cancel(&scope, NULL);
    assert_code(sley_scope_next(&scope, &child), SLEY_ECANCELED);
    assert_code(sley_scope_join(&scope, task, &result), SLEY_ECANCELED);
    assert_code((int)sley_scope_gather(&scope, &result, 1), SLEY_ECANCELED);
    sley_event_set(&gate);
    assert_ok(sley_scope_wait(&scope));
    cr_assert_eq(sley_scope_gather(&scope, &result, 1), 1);
    cr_assert_eq(result, 2);
    assert_ok(sley_scope_close(&scope));
    return 0;
}

ONE_WORKER_TEST(scope, inner_cancel_leaves_the_outer_alone)
{
    struct sley_scope outer, inner;

    assert_ok(sley_scope_open(&outer, NULL));
    assert_ok(sley_scope_open(&inner, NULL));
    sley_scope_cancel(&inner, NULL);
    assert_code(sley_yield(), SLEY_ECANCELED);
    assert_ok(sley_scope_close(&inner));
    assert_ok(sley_yield());
    sley_scope_cancel(&outer, NULL);
    assert_code(sley_yield(), SLEY_ECANCELED);
    assert_ok(sley_scope_open(&inner, NULL));
    assert_code(sley_yield(), SLEY_ECANCELED); /* it is inherited */
    assert_ok(sley_scope_close(&inner));
    assert_ok(sley_scope_close(&outer));
    return 0;
}

static struct sley_scope *shared_scope;

static void *cancels_on_a_thread(UNUSED_ARG void *arg)
{
    sley_scope_cancel(shared_scope, "from a thread");
    return NULL;
}

TASK_TEST(scope, may_be_cancelled_by_a_foreign_thread)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, waits, NULL);
    shared_scope = &scope;
    on_foreign_thread(cancels_on_a_thread, NULL);
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 1);
    return 0;
}

/* --- shields --- */

static int cleans_up(void *arg)
{
    bool *clean = arg;

    assert_code(sley_park("for good"), SLEY_ECANCELED);
    SLEY_SHIELD()
    {
        assert_ok(sley_cancelled());
        assert_ok(sley_sleep(1000));
        assert_ok(sley_yield());
        *clean = true;
    }
    assert_code(sley_yield(), SLEY_ECANCELED);
    return SLEY_ECANCELED;
}

TASK_TEST(scope, shield_lets_cleanup_wait)
{
    struct sley_scope scope;
    bool clean = false;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, cleans_up, &clean);
    let_others_run();
    sley_scope_cancel(&scope, NULL);
    assert_ok(sley_scope_close(&scope));
    cr_assert(clean);
    return 0;
}

static struct sley_task *under_shield;

static int shielded_child_waits(void *arg)
{
    struct sley_scope shield;

    SLEY_SCOPE(&shield, .shield = true)
    assert_ok(sley_scope_spawn(&shield, waits, NULL, NULL, &under_shield));
    *(bool *)arg = true;
    return shield.error;
}

ONE_WORKER_TEST(scope, cancel_stops_at_a_shield_also_for_its_children)
{
    struct sley_task *task;
    bool out = false;

    task = spawned(shielded_child_waits, &out);
    let_others_run();
    sley_cancel(task, NULL);
    let_others_run();
    cr_assert_eq(ends, 0);
    cr_assert(!out);
    sley_unpark(under_shield);
    assert_ok(joined(task));
    cr_assert(out);
    return 0;
}

TASK_TEST(scope, shield_has_its_own_deadline)
{
    int64_t before = sley_deadline_narrow(sley_now() - 1);

    assert_code(sley_yield(), SLEY_ETIMEDOUT);
    SLEY_SHIELD(.deadline = sley_after(SLEY_SECONDS(3600)))
    assert_ok(sley_sleep(1000));
    SLEY_SHIELD(.deadline = sley_now() - 1)
    assert_code(sley_yield(), SLEY_ETIMEDOUT);
    assert_code(sley_yield(), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    assert_ok(sley_yield());
    return 0;
}

/* --- deadlines --- */

TASK_TEST(scope, deadline_ends_children_and_owner)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .deadline = sley_after(SLEY_MILLISECONDS(1)))
    {
        spawn_in(&scope, waits, NULL);
        assert_code(sley_park("for good"), SLEY_ETIMEDOUT);
    }
    assert_code(scope.error, SLEY_ETIMEDOUT);
    cr_assert_eq(ends, 1);
    assert_ok(sley_yield());
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    return 0;
}

static int tells_deadline(void *arg)
{
    *(int64_t *)arg = sley_deadline();
    return 0;
}

TASK_TEST(scope, the_earliest_deadline_counts)
{
    int64_t early = sley_after(SLEY_SECONDS(1000)), late = early + 1, seen = 0;
    struct sley_scope outer, inner;

    SLEY_SCOPE(&outer, .deadline = early)
    {
        SLEY_SCOPE(&inner, .deadline = late)
        spawn_in(&inner, tells_deadline, &seen);
        cr_assert_eq(seen, early);
        SLEY_WITH_DEADLINE(early - 5)
        cr_assert_eq(sley_deadline(), early - 5);
        cr_assert_eq(sley_deadline(), early);
        SLEY_SCOPE(&inner, .deadline = early - 9)
        SLEY_WITH_DEADLINE(early - 100)
        spawn_in(&inner, tells_deadline, &seen);
        cr_assert_eq(seen, early - 9, "the scope's, not that of who spawns");
    }
    cr_assert_eq(sley_deadline(), SLEY_FOREVER);
    return 0;
}

/* --- limits --- */

static int now_running, most_running;

static int counts_itself(UNUSED_ARG void *arg)
{
    int n = __atomic_add_fetch(&now_running, 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&most_running, __ATOMIC_SEQ_CST);

    while (n > most && !__atomic_compare_exchange_n(&most_running, &most, n, false,
                                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    for (int i = 0; i < 5; i++)
        (void)sley_yield();
    __atomic_sub_fetch(&now_running, 1, __ATOMIC_SEQ_CST);
    return 0;
}

TASK_TEST(scope, limit_is_kept)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .limit = 3, .discard = true)
    for (int i = 0; i < 200; i++)
        spawn_in(&scope, counts_itself, NULL);
    assert_ok(scope.error);
    cr_assert_leq(most_running, 3);
    cr_assert_eq(now_running, 0);
    return 0;
}

static int spawns_one_too_many(void *arg)
{
    return sley_scope_spawn((struct sley_scope *)arg, returns, NULL, NULL, NULL);
}

ONE_WORKER_TEST(scope, who_waits_for_a_turn_can_be_cancelled)
{
    struct sley_scope scope;
    struct sley_task *spawner, *first;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.limit = 1}));
    assert_ok(sley_scope_spawn(&scope, waits, NULL, NULL, &first));
    spawner = spawned(spawns_one_too_many, &scope);
    let_others_run();
    sley_cancel(spawner, NULL);
    assert_code(joined(spawner), SLEY_ECANCELED);
    sley_unpark(first);
    spawn_in(&scope, returns, NULL);
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 2);
    return 0;
}

/* The child of a cancelled scope runs, with a limit as without one. */
TASK_TEST(scope, a_turn_that_is_there_is_also_for_who_is_cancelled)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, &(struct sley_scope_options){.limit = 2}));
    sley_scope_cancel(&scope, NULL);
    spawn_in(&scope, returns, NULL);
    assert_ok(sley_scope_close(&scope));
    cr_assert_eq(ends, 1);
    return 0;
}

/* --- asking first --- */

static int stops_when_asked(UNUSED_ARG void *arg)
{
    while (!sley_scope_asked())
        if (sley_yield() != 0)
            return SLEY_EIO;
    return 5;
}

TASK_TEST(scope, asked_children_may_end_by_themselves)
{
    struct sley_scope scope;
    int results[2];

    assert_ok(sley_scope_open(&scope, NULL));
    cr_assert(!sley_scope_asked());
    spawn_in(&scope, stops_when_asked, NULL);
    spawn_in(&scope, stops_when_asked, NULL);
    assert_ok(sley_scope_ask(&scope, SLEY_SECONDS(3600), "slow"));
    assert_code(sley_scope_ask(&scope, 1, NULL), SLEY_EBUSY);
    cr_assert_eq(sley_scope_gather(&scope, results, 2), 2);
    cr_assert_eq(results[0], 5);
    cr_assert_eq(results[1], 5);
    assert_ok(sley_scope_close(&scope)); /* and nobody waits for the hour */
    return 0;
}

TASK_TEST(scope, who_does_not_end_when_asked_is_cancelled)
{
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    spawn_in(&scope, waits_and_tells_why, NULL);
    assert_ok(sley_scope_ask(&scope, SLEY_MILLISECONDS(2), "asked in vain"));
    assert_ok(sley_scope_close(&scope));
    cr_assert_str_eq(reason_seen, "asked in vain");
    return 0;
}

/* --- the end of the runtime --- */

static int open_scopes;

static int has_a_scope_for_good(UNUSED_ARG void *arg)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    {
        for (int i = 0; i < 10; i++)
            spawn_in(&scope, waits, NULL);
        __atomic_fetch_add(&open_scopes, 1, __ATOMIC_RELEASE);
    }
    __atomic_fetch_add(&ends, 1, __ATOMIC_RELAXED);
    return scope.error;
}

static int forgets_tasks_with_scopes(UNUSED_ARG void *arg)
{
    for (int i = 0; i < 5; i++)
        assert_ok(sley_spawn(has_a_scope_for_good, NULL, NULL, NULL));
    while (__atomic_load_n(&open_scopes, __ATOMIC_ACQUIRE) < 5)
        assert_ok(sley_yield());
    return 0;
}

Test(scope, shutdown_ends_open_scopes)
{
    assert_ok(sley_run(forgets_tasks_with_scopes, NULL, NULL));
    cr_assert_eq(ends, 55);
}

/* --- errors of detached tasks --- */

static char lost[100];
static int lost_count;

static void note_lost(const char *name, const char *site, int error, void *arg)
{
    cr_assert_eq(arg, &lost_count);
    cr_assert(strstr(site, "test_scope.c:") || strstr(site, "task_test.h:"), "%s", site);
    snprintf(lost, sizeof lost, "%s %s", name, sley_error_name(error));
    lost_count++;
}

TASK_TEST_WITH(scope, errors_of_detached_tasks_are_reported, .workers = 1,
               .on_lost_error = note_lost, .lost_error_arg = &lost_count)
{
    struct sley_task *task;

    assert_ok(sley_spawn(returns, AS_ARG(SLEY_ECANCELED), NULL, NULL));
    assert_ok(sley_spawn(returns, AS_ARG(3), NULL, NULL));
    let_others_run();
    cr_assert_eq(lost_count, 0);
    assert_ok(sley_spawn(returns, AS_ARG(SLEY_EPIPE), NULL, NULL));
    let_others_run();
    cr_assert_eq(lost_count, 1);
    cr_assert_str_eq(lost, "returns SLEY_EPIPE");
    task = spawned(returns, AS_ARG(SLEY_EIO));
    let_others_run();
    cr_assert_eq(lost_count, 1, "it may still be joined");
    sley_detach(task);
    cr_assert_eq(lost_count, 2);
    return 0;
}
