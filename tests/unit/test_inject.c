/*
 * test_inject.c: the shared queue.
 */
#include "inject.h"

#include "task_impl.h"

#include <criterion/criterion.h>

static struct sley_task tasks[300];
static struct sley__inject queue;

static void setup(void)
{
    sley__inject_init(&queue);
}

TestSuite(inject, .init = setup);

/* Pushes `count` tasks from number `first` on as one chain. */
static void push(int first, int count)
{
    int i;

    for (i = 0; i < count; i++)
        tasks[first + i].next = &tasks[first + i + 1]; /* the last one is the queue's business */
    sley__inject_push(&queue, &tasks[first], &tasks[first + count - 1], (size_t)count);
}

/* Takes up to `max` and expects `count` tasks from number `first` on. */
static void expect(size_t max, int first, int count)
{
    size_t n = 77;
    struct sley_task *task = sley__inject_take(&queue, max, &n);
    int i;

    cr_assert_eq(n, (size_t)count, "%d of %d taken", (int)n, count);
    for (i = 0; i < count; i++, task = task->next)
        cr_assert_eq(task - tasks, first + i);
    cr_assert_null(task, "the chain must end");
}

Test(inject, is_empty_at_first)
{
    cr_assert_eq(sley__inject_size(&queue), 0);
    expect(10, 0, 0);
}

Test(inject, is_first_in_first_out)
{
    for (int i = 0; i < 5; i++)
        push(i, 1);
    cr_assert_eq(sley__inject_size(&queue), 5);
    for (int i = 0; i < 5; i++)
        expect(1, i, 1);
    expect(1, 0, 0);
    cr_assert_eq(sley__inject_size(&queue), 0);
}

Test(inject, takes_chains_and_gives_them_in_order)
{
    push(0, 3);
    push(3, 1);
    push(4, 4);
    cr_assert_eq(sley__inject_size(&queue), 8);
    expect(8, 0, 8);
}

Test(inject, cuts_chains_where_the_taker_says)
{
    push(0, 10);
    expect(4, 0, 4);
    cr_assert_eq(sley__inject_size(&queue), 6);
    expect(4, 4, 4);
    expect(4, 8, 2);
    expect(4, 0, 0);
}

Test(inject, gives_no_more_than_there_is)
{
    push(0, 300 - 1);
    expect(1000, 0, 300 - 1);
}

Test(inject, nothing_asked_nothing_given)
{
    push(0, 2);
    expect(0, 0, 0);
    cr_assert_eq(sley__inject_size(&queue), 2);
}

Test(inject, goes_on_after_it_was_empty)
{
    push(0, 2);
    expect(5, 0, 2);
    push(7, 2);
    push(9, 1);
    expect(2, 7, 2);
    push(10, 1);
    expect(5, 9, 2);
}

Test(inject, counts_a_task_before_anybody_can_have_missed_it)
{
    size_t n;

    /* The hint is what a worker looks at last before it sleeps. */
    push(0, 1);
    cr_assert_eq(sley__inject_size(&queue), 1);
    sley__inject_take(&queue, 1, &n);
    cr_assert_eq(sley__inject_size(&queue), 0);
}

/* --- for builds that force migrations -------------------------------------------------------- */

/* Only its address counts. */
static struct sley__worker *worker(int number)
{
    static char workers[4];

    return (void *)&workers[number];
}

static void ran_on(int first, int count, int number)
{
    int i;

    for (i = 0; i < count; i++)
        tasks[first + i].worker = worker(number);
}

static long take_foreign(int number)
{
    struct sley_task *task = sley__inject_take_foreign(&queue, worker(number));

    cr_assert(!task || !task->next, "one, and no chain");
    return task ? task - tasks : -1;
}

Test(inject, the_first_of_another_worker_is_preferred)
{
    ran_on(0, 2, 1);
    ran_on(2, 1, 2);
    ran_on(3, 1, 1);
    ran_on(4, 1, 2);
    push(0, 5);
    cr_assert_eq(take_foreign(1), 2);
    cr_assert_eq(take_foreign(1), 4, "the last one");
    cr_assert_eq(sley__inject_size(&queue), 3);
    push(5, 1);
    ran_on(5, 1, 1);
    cr_assert_eq(take_foreign(1), 0, "the first, when there is no other");
    cr_assert_eq(take_foreign(2), 1);
    expect(1, 3, 1);
    expect(1, 5, 1);
}

Test(inject, an_own_task_is_better_than_none)
{
    ran_on(0, 1, 1);
    push(0, 1);
    cr_assert_eq(take_foreign(1), 0);
    cr_assert_eq(take_foreign(1), -1);
    cr_assert_eq(sley__inject_size(&queue), 0);
    push(1, 2);
    expect(9, 1, 2);
}

/* Tasks that have run have a stack; which one does not matter here. */
static void have_run(int first, int count)
{
    for (int i = 0; i < count; i++)
        tasks[first + i].stack = (struct sley__stack *)(void *)tasks;
}

Test(inject, a_woken_task_does_not_stand_behind_the_spawned_ones)
{
    push(0, 100);
    have_run(200, 2);
    push(200, 2);
    expect(1, 200, 1);
    expect(1, 201, 1);
    expect(100, 0, 100);
}

Test(inject, one_take_may_have_both_kinds_the_woken_first)
{
    struct sley_task *chain;
    size_t n;

    push(0, 2);
    have_run(200, 2);
    push(200, 2);
    chain = sley__inject_take(&queue, 3, &n);
    cr_assert_eq(n, 3);
    cr_assert_eq(chain, &tasks[200]);
    cr_assert_eq(chain->next, &tasks[201]);
    cr_assert_eq(chain->next->next, &tasks[0]);
    cr_assert_null(chain->next->next->next);
    cr_assert_eq(sley__inject_size(&queue), 1);
    expect(3, 1, 1);
}

Test(inject, spawned_tasks_have_their_turn_too)
{
    push(0, 2);
    have_run(200, 20);
    push(200, 20);
    for (int i = 0; i < SLEY__INJECT_WOKEN_BUDGET; i++)
        expect(1, 200 + i, 1);
    expect(1, 0, 1);
    for (int i = SLEY__INJECT_WOKEN_BUDGET; i < 2 * SLEY__INJECT_WOKEN_BUDGET; i++)
        expect(1, 200 + i, 1);
    expect(1, 1, 1);
    expect(1, 200 + 2 * SLEY__INJECT_WOKEN_BUDGET, 1);
}

/* Takes one as a worker with other work: expects number `first`, or none if it is below 0, and
 * whether some starve. */
static void expect_one(int64_t now, int first, bool starving)
{
    bool starved = !starving;
    struct sley_task *task = sley__inject_take_one(&queue, now, &starved);

    cr_assert_eq(task ? task - tasks : -1, first);
    cr_assert(!task || !task->next, "one, and no chain");
    cr_assert_eq(starved, starving);
}

Test(inject, who_has_waited_for_long_is_said_to_starve)
{
    push(0, 4);
    expect_one(5, 0, false);
    push(4, 4);
    expect_one(4 + SLEY__INJECT_STARVING, 1, false);
    expect_one(5 + SLEY__INJECT_STARVING, 2, true);
    expect_one(5 + SLEY__INJECT_STARVING, 3, true);
    expect_one(6 + SLEY__INJECT_STARVING, 4, false); /* they came later */
    expect_one(5 + 2 * SLEY__INJECT_STARVING, 5, false);
    expect_one(6 + 2 * SLEY__INJECT_STARVING, 6, true);
    cr_assert_eq(sley__inject_size(&queue), 1);
}

Test(inject, a_list_that_was_empty_begins_to_wait_anew)
{
    push(0, 2);
    expect_one(5, 0, false);
    expect(1, 1, 1);
    push(2, 2);
    expect_one(7 * SLEY__INJECT_STARVING, 2, false);
    expect_one(8 * SLEY__INJECT_STARVING, 3, true);
    expect_one(9 * SLEY__INJECT_STARVING, -1, false);
    cr_assert_eq(sley__inject_size(&queue), 0);
}

Test(inject, spawned_tasks_that_starve_take_turns_with_the_woken_ones)
{
    push(0, 10);
    expect_one(5, 0, false);
    have_run(200, 20);
    push(200, 20);
    expect_one(6, 200, false);
    expect_one(7, 201, false);
    for (int i = 1; i < 10; i++) {
        expect_one(5 + SLEY__INJECT_STARVING, 201 + i, true);
        expect_one(5 + SLEY__INJECT_STARVING, i, true);
    }
    expect_one(5 + SLEY__INJECT_STARVING, 211, false);
}

Test(inject, what_was_preferred_to_the_first_is_counted_as_taken)
{
    struct sley__worker *here = (struct sley__worker *)(void *)tasks;

    push(0, 2);
    tasks[0].worker = tasks[1].worker = here;
    expect_one(5, 0, false);
    cr_assert_eq(sley__inject_take_foreign(&queue, here), &tasks[1]);
    push(2, 2);
    expect_one(5 + SLEY__INJECT_STARVING, 2, false);
}
