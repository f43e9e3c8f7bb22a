/*
 * test_fork.c: forked calls: joined in place, handed out, given up, skipped; and what may happen
 * between fork and join.
 */
#include "task_test.h"

#include <sley/fork.h>
#include <sley/park.h>
#include <sley/scope.h>

#include <signal.h>

/* --- results -------------------------------------------------------------------------------- */

static long fib(struct sley_fork *f, long n);
SLEY_FORKABLE(long, fib, long)

static long fib(struct sley_fork *f, long n)
{
    long right;

    if (n < 2)
        return n;
    SLEY_FORK(fib, left, f, n - 1);
    right = fib(f, n - 2);
    return SLEY_JOIN(fib, left, f) + right;
}

static long forked_fib(long n)
{
    long result = -1;

    SLEY_FORKS(f)
    {
        result = fib(f, n);
        assert_ok(sley_forks_status(f));
    }
    return result;
}

TASK_TEST(fork, computes)
{
    cr_assert_eq(forked_fib(24), 46368);
    return 0;
}

ONE_WORKER_TEST(fork, computes_alone)
{
    cr_assert_eq(forked_fib(20), 6765);
    return 0;
}

Test(fork, computes_on_a_foreign_thread)
{
    cr_assert_eq(forked_fib(15), 610);
}

struct pair {
    long first, second;
};

struct wide {
    double sum;
    char text[100];
};

static struct wide widen(struct sley_fork *f, struct pair pair);
SLEY_FORKABLE(struct wide, widen, struct pair)

static struct wide widen(UNUSED_ARG struct sley_fork *f, struct pair pair)
{
    return (struct wide){.sum = (double)(pair.first + pair.second), .text = "wide"};
}

TASK_TEST(fork, takes_and_returns_structs)
{
    for (long i = 0; i < 10000; i++)
        SLEY_FORKS(f)
        {
            struct wide wide;

            SLEY_FORK(widen, call, f, (struct pair){i, 2});
            wide = SLEY_JOIN(widen, call, f);
            cr_assert_eq(wide.sum, (double)(i + 2));
            cr_assert_str_eq(wide.text, "wide");
        }
    return 0;
}

/* --- who runs it ---------------------------------------------------------------------------- */

struct seen {
    struct sley_task *by;
    bool go; /* or else it waits, if it runs on another task than this: */
    struct sley_task *parent;
    bool begun, ended;
    int waited; /* what its wait said */
    const char *reason;
};

static int look(struct sley_fork *f, struct seen *seen);
SLEY_FORKABLE(int, look, struct seen *)

static int look(UNUSED_ARG struct sley_fork *f, struct seen *seen)
{
    seen->by = sley_self();
    set(&seen->begun);
    while (seen->by != seen->parent && !is_set(&seen->go) && seen->waited == 0)
        seen->waited = sley_yield();
    seen->reason = sley_cancel_reason();
    set(&seen->ended);
    return 7;
}

/* Forks a call and comes back when it runs on another task. There is an idle worker, so sooner or
 * later it does. */
static void fork_elsewhere(struct sley_fork **f, struct look_fork *call, struct seen *seen)
{
    for (;;) {
        *seen = (struct seen){.parent = sley_self()};
        look_fork(f, call, seen);
        for (int i = 0; i < 1000 && !is_set(&seen->begun); i++)
            sched_yield();
        if (is_set(&seen->begun))
            return;
        set(&seen->go);
        cr_assert_eq(look_join(f, call), 7);
    }
}

TASK_TEST(fork, is_handed_out_to_who_has_nothing_to_do)
{
    struct look_fork call;
    struct seen seen;

    SLEY_FORKS(f)
    {
        fork_elsewhere(&f, &call, &seen);
        cr_assert_neq(seen.by, sley_self());
        set(&seen.go);
        cr_assert_eq(look_join(&f, &call), 7);
        cr_assert(is_set(&seen.ended));
        assert_ok(sley_forks_status(f));
    }
    return 0;
}

static int let_go(void *arg)
{
    struct seen *seen = arg;

    assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    set(&seen->go);
    return 0;
}

TASK_TEST(fork, a_join_parks_until_a_call_that_was_handed_out_has_ended)
{
    struct look_fork call;
    struct sley_task *task;
    struct seen seen;

    SLEY_FORKS(f)
    {
        fork_elsewhere(&f, &call, &seen);
        task = spawned(let_go, &seen);
        cr_assert_eq(look_join(&f, &call), 7);
        cr_assert(is_set(&seen.ended));
        cr_assert_eq(joined(task), 0);
    }
    return 0;
}

ONE_WORKER_TEST(fork, is_joined_in_place_where_nobody_is_idle)
{
    struct seen seen = {.parent = sley_self()};

    SLEY_FORKS(f)
    {
        SLEY_FORK(look, call, f, &seen);
        sley_yield();
        cr_assert(!seen.begun);
        cr_assert_eq(SLEY_JOIN(look, call, f), 7);
        cr_assert_eq(seen.by, sley_self());
    }
    return 0;
}

/* --- parks and depth ------------------------------------------------------------------------ */

static long sleepy(struct sley_fork *f, long n);
SLEY_FORKABLE(long, sleepy, long)

static long sleepy(struct sley_fork *f, long n)
{
    long right;

    if (n < 2)
        return n;
    SLEY_FORK(sleepy, left, f, n - 1);
    assert_ok(n % 2 ? sley_sleep(1000) : sley_yield());
    right = sleepy(f, n - 2);
    assert_ok(sley_yield());
    return SLEY_JOIN(sleepy, left, f) + right;
}

TASK_TEST(fork, may_park_between_fork_and_join)
{
    SLEY_FORKS(f)
    {
        cr_assert_eq(sleepy(f, 12), 144);
    }
    return 0;
}

static long chain(struct sley_fork *f, long n);
SLEY_FORKABLE(long, chain, long)

static long chain(struct sley_fork *f, long n)
{
    if (n == 0)
        return 0;
    SLEY_FORK(chain, rest, f, n - 1);
    return SLEY_JOIN(chain, rest, f) + 1;
}

static long left_chain(struct sley_fork *f, long n)
{
    long sum;

    if (n == 0)
        return 0;
    SLEY_FORK(chain, one, f, 1);
    sum = left_chain(f, n - 1);
    return SLEY_JOIN(chain, one, f) + sum;
}

static int go_deep(UNUSED_ARG void *arg)
{
    SLEY_FORKS(f)
    {
        cr_assert_eq(chain(f, 1000), 1000);
        cr_assert_eq(left_chain(f, 1000), 1000);
    }
    return 0;
}

TASK_TEST(fork, may_be_as_deep_as_the_stack)
{
    struct sley_task_options options = {.stack_size = 1 << 20};
    struct sley_task *task;

    assert_ok(sley_spawn(go_deep, NULL, &options, &task));
    cr_assert_eq(joined(task), 0);
    return 0;
}

enum { CALLS = 100 };

TASK_TEST(fork, arrays_of_calls_are_joined_backwards)
{
    for (int round = 0; round < 20; round++)
        SLEY_FORKS(f)
        {
            struct fib_fork calls[CALLS];
            long sum = 0;

            for (int i = 0; i < CALLS; i++)
                fib_fork(&f, &calls[i], i % 12);
            for (int i = CALLS - 1; i >= 0; i--)
                sum += fib_join(&f, &calls[i]);
            cr_assert_eq(sum, 8 * 232 + 0 + 1 + 1 + 2);
        }
    return 0;
}

/* --- leaving early -------------------------------------------------------------------------- */

static int leave(struct sley_fork *f, struct seen *seen)
{
    SLEY_FORK(look, call, f, seen);
    return 3;
}

ONE_WORKER_TEST(fork, a_call_that_is_given_up_before_it_has_begun_never_runs)
{
    struct seen seen = {.parent = sley_self()};

    SLEY_FORKS(f)
    {
        for (int i = 0; i < 10; i++) {
            struct sley_fork *before = f;

            cr_assert_eq(leave(f, &seen), 3);
            for (;;) {
                SLEY_FORK(look, call, f, &seen);
                break;
            }
            cr_assert_eq(f, before);
        }
        cr_assert_eq(fib(f, 10), 55);
    }
    sley_yield();
    cr_assert(!seen.begun);
    return 0;
}

/* True if it has left a call that was running. */
static bool leave_running(struct sley_fork *f, struct seen *seen)
{
    *seen = (struct seen){.parent = sley_self()};
    SLEY_FORK(look, call, f, seen);
    for (int i = 0; i < 1000 && !is_set(&seen->begun); i++)
        sched_yield();
    if (!is_set(&seen->begun)) {
        set(&seen->go);
        SLEY_JOIN(look, call, f);
        return false;
    }
    sley_detach(spawned(let_go, seen));
    return true; /* waits */
}

TASK_TEST(fork, a_call_that_is_given_up_while_it_runs_is_waited_for)
{
    struct seen seen;

    SLEY_FORKS(f)
    {
        while (!leave_running(f, &seen))
            continue;
        cr_assert(is_set(&seen.ended));
    }
    return 0;
}

static int leave_region(struct seen *seen)
{
    SLEY_FORKS(f)
    {
        SLEY_FORK(look, call, f, seen);
        return 4;
    }
    return 0;
}

TASK_TEST(fork, a_region_may_be_left_by_return_and_by_break)
{
    for (int i = 0; i < 1000; i++) {
        struct seen seen = {.parent = sley_self(), .go = true};

        cr_assert_eq(leave_region(&seen), 4);
        SLEY_FORKS(f)
        {
            SLEY_FORK(look, call, f, &seen);
            if (i % 2)
                break;
            SLEY_JOIN(look, call, f);
        }
    }
    return 0;
}

/* --- cancel and deadlines ------------------------------------------------------------------- */

TASK_TEST(fork, what_has_not_begun_in_a_cancelled_task_is_skipped)
{
    struct seen seen = {.parent = sley_self(), .go = true};

    SLEY_FORKS(f)
    {
        cr_assert_eq(fib(f, 10), 55);
        SLEY_FORK(look, call, f, &seen);
        sley_cancel(sley_self(), "test");
        if (!is_set(&seen.begun)) {
            int result = SLEY_JOIN(look, call, f);

            cr_assert(result == 0 || (result == 7 && seen.by != sley_self()));
        } else {
            cr_assert_eq(SLEY_JOIN(look, call, f), 7);
        }
        cr_assert_eq(fib(f, 1), 1);
        cr_assert_eq(fib(f, 3), 1); /* of fib(2) + fib(1) the forked one is missing */
        assert_code(sley_forks_status(f), SLEY_ECANCELED);
    }
    SLEY_FORKS(f)
    {
        assert_ok(sley_forks_status(f));
        cr_assert_eq(fib(f, 3), 1); /* cancelled for good */
        assert_code(sley_forks_status(f), SLEY_ECANCELED);
    }
    return 0;
}

TASK_TEST(fork, a_call_that_runs_elsewhere_is_cancelled_by_the_join_of_a_cancelled_task)
{
    struct look_fork call;
    struct seen seen;

    SLEY_FORKS(f)
    {
        fork_elsewhere(&f, &call, &seen);
        sley_cancel(sley_self(), "test");
        cr_assert_eq(look_join(&f, &call), 7); /* nobody lets it go */
        assert_code(seen.waited, SLEY_ECANCELED);
        assert_ok(sley_forks_status(f)); /* nothing was skipped */
    }
    return 0;
}

static int echo(struct sley_fork *f, int n);
SLEY_FORKABLE(int, echo, int)

static int echo(UNUSED_ARG struct sley_fork *f, int n)
{
    return n;
}

static int forked_echo(struct sley_fork *f, int n)
{
    SLEY_FORK(echo, call, f, n);
    return SLEY_JOIN(echo, call, f);
}

TASK_TEST(fork, calls_are_skipped_in_a_cancelled_scope_and_not_after_it)
{
    struct sley_scope scope;

    SLEY_FORKS(f)
    {
        SLEY_SCOPE(&scope)
        {
            cr_assert_eq(forked_echo(f, 5), 5);
            sley_scope_cancel(&scope, "test");
            for (int i = 0; i < 100; i++)
                cr_assert_eq(forked_echo(f, 5), 0);
            assert_code(sley_forks_status(f), SLEY_ECANCELED);
        }
        cr_assert_eq(fib(f, 15), 610);
        assert_code(sley_forks_status(f), SLEY_ECANCELED); /* of the whole region */
    }
    return 0;
}

TASK_TEST(fork, calls_are_made_behind_a_shield_and_skipped_after_it)
{
    sley_cancel(sley_self(), "test");
    for (int i = 0; i < 100; i++)
        SLEY_FORKS(f)
        {
            SLEY_SHIELD()
            {
                cr_assert_eq(fib(f, 10), 55);
                assert_ok(sley_forks_status(f));
            }
            cr_assert_eq(forked_echo(f, 5), 0);
            assert_code(sley_forks_status(f), SLEY_ECANCELED);
        }
    return 0;
}

static int count_indexes(size_t begin, size_t end, void *arg)
{
    __atomic_add_fetch((size_t *)arg, end - begin, __ATOMIC_RELAXED);
    return 0;
}

TASK_TEST(fork, a_region_within_another_tells_of_its_own_calls_and_the_outer_one_of_both)
{
    size_t count = 0;

    sley_cancel(sley_self(), "test");
    SLEY_FORKS(f)
    {
        cr_assert_eq(forked_echo(f, 5), 0);
        SLEY_SHIELD()
        assert_ok(sley_parallel_for(0, 1000, 10, count_indexes, &count));
        cr_assert_eq(count, 1000);
        assert_code(sley_forks_status(f), SLEY_ECANCELED);
    }
    SLEY_FORKS(outer)
    {
        SLEY_FORKS(f)
        cr_assert_eq(forked_echo(f, 5), 0);
        assert_code(sley_forks_status(outer), SLEY_ECANCELED);
    }
    return 0;
}

ONE_WORKER_TEST(fork, what_was_forked_before_a_shield_is_made_by_a_join_behind_it)
{
    sley_cancel(sley_self(), "test");
    SLEY_FORKS(f)
    {
        SLEY_FORK(echo, outer, f, 4);
        SLEY_SHIELD()
        {
            SLEY_FORK(echo, inner, f, 5);
            cr_assert_eq(SLEY_JOIN(echo, inner, f), 5);
            cr_assert_eq(SLEY_JOIN(echo, outer, f), 4);
        }
    }
    return 0;
}

TASK_TEST(fork, a_cancelled_scope_cancels_a_call_that_runs_elsewhere_by_the_join)
{
    struct sley_scope scope;
    struct look_fork call;
    struct seen seen;

    SLEY_FORKS(f)
    {
        SLEY_SCOPE(&scope)
        {
            fork_elsewhere(&f, &call, &seen);
            sley_scope_cancel(&scope, "the scope's");
            cr_assert_eq(look_join(&f, &call), 7);
            assert_code(seen.waited, SLEY_ECANCELED);
            cr_assert_str_eq(seen.reason, "the scope's");
        }
        assert_ok(sley_cancelled());
    }
    return 0;
}

static int cancel_later(void *arg)
{
    sley_sleep(SLEY_MILLISECONDS(5));
    sley_cancel(arg, "test");
    return 0;
}

TASK_TEST(fork, a_cancel_during_the_join_is_passed_on)
{
    struct look_fork call;
    struct sley_task *task;
    struct seen seen;

    SLEY_FORKS(f)
    {
        fork_elsewhere(&f, &call, &seen);
        task = spawned(cancel_later, sley_self());
        cr_assert_eq(look_join(&f, &call), 7);
        assert_code(seen.waited, SLEY_ECANCELED);
        sley_detach(task);
    }
    return 0;
}

TASK_TEST(fork, a_deadline_does_not_end_a_join)
{
    struct look_fork call;
    struct sley_task *task;
    struct seen seen;
    int64_t before;

    SLEY_FORKS(f)
    {
        fork_elsewhere(&f, &call, &seen);
        task = spawned(let_go, &seen);
        before = sley_deadline_narrow(sley_now() - 1);
        cr_assert_eq(look_join(&f, &call), 7);
        cr_assert_eq(seen.waited, 0);
        assert_code(sley_cancelled(), SLEY_ETIMEDOUT);
        cr_assert_eq(fib(f, 10), 55);
        sley_deadline_restore(before);
        cr_assert_eq(joined(task), 0);
    }
    return 0;
}

/* --- regions -------------------------------------------------------------------------------- */

static long nested(struct sley_fork *f, long n);
SLEY_FORKABLE(long, nested, long)

static long nested(UNUSED_ARG struct sley_fork *f, long n)
{
    long result = 0;

    SLEY_FORKS(inner)
    {
        result = fib(inner, n);
    }
    return result;
}

TASK_TEST(fork, regions_nest)
{
    for (int i = 0; i < 200; i++)
        SLEY_FORKS(f)
        {
            long right;

            SLEY_FORK(nested, left, f, 12);
            right = nested(f, 13);
            cr_assert_eq(SLEY_JOIN(nested, left, f), 144);
            cr_assert_eq(right, 233);
        }
    return 0;
}

static int compute(UNUSED_ARG void *arg)
{
    return (int)forked_fib(18);
}

/* What SLEY_FORKS() makes impossible without a generator. */
static int cross_regions(UNUSED_ARG void *arg)
{
    struct sley_forks first, second;

    sley_forks_begin(&first);
    sley_forks_begin(&second);
    sley_forks_end(&first);
    return 0;
}

Test(fork, regions_that_cross_end_the_program, .signal = SIGABRT)
{
    sley_run(cross_regions, NULL, NULL);
}

TASK_TEST(fork, many_tasks_fork_at_once)
{
    struct sley_task *tasks[20];

    for (int i = 0; i < 20; i++)
        tasks[i] = spawned(compute, NULL);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(joined(tasks[i]), 2584);
    return 0;
}
