/*
 * handover.c: a task is in a queue before it has left its stack (sched/context.h, worker.c).
 *
 * Who takes such a task waits for its saved stack pointer, but never while it is itself a task that
 * has not left its own: two that had taken each other would wait for ever. handover_cross wakes two
 * tasks of two workers one after the other so that each worker can take the other's. handover_yield
 * has a task turn the queue while a thief takes from it. What a flow has on its stack is watched
 * like all memory: a task that ran on two workers at once, or was resumed before it had left, would
 * be a race.
 *
 * Broken and caught: a suspend that goes on with a task that has not left its stack, or waits for
 * one itself; the look at `saved` without acquire; a turn of the queue without fence or release; a
 * yield that forgets itself, or is in the queue before it has looked; errno not restored. Only
 * slower: a task that does not see that the next one is itself, and a yield whose queue was stolen
 * and that does not look again.
 */
#include "wait_lab.h"

#include <errno.h>
#include <string.h>

static struct sley__waker wakers[2];
static int results[2];
static unsigned turns[4]; /* of each task: plain, so that only one thread may be in it */

static void reset(void)
{
    memset(results, 0, sizeof results);
    memset(turns, 0, sizeof turns);
}

/* --- two that could take each other ----------------------------------------------------------- */

/* The wait was begun and published in setup(). */
static void wait_as(unsigned i)
{
    results[i] = sley__wait_park(SLEY_FOREVER);
    turns[i]++;
}

static void wait_first(void)
{
    wait_as(0);
}

static void wait_second(void)
{
    wait_as(1);
}

static void wake_both(unsigned thread)
{
    (void)thread;
    ensure(sley__wake(wakers[0], 1));
    ensure(sley__wake(wakers[1], 2));
}

static void setup_cross(void)
{
    reset();
    lab_setup(2, 2, (lab_script *[]){wait_first, wait_second});
    for (unsigned i = 0; i < 2; i++)
        wakers[i] = (struct sley__waker){&lab_tasks[i], sley__task_begin_wait(&lab_tasks[i], 0)};
}

static void verify_cross(void)
{
    bool first = lab_tasks[0].worker == &lab_workers[1];
    bool second = lab_tasks[1].worker == &lab_workers[0];

    lab_verify();
    model_assert(results[0] == 1 && results[1] == 2, "%d, %d", results[0], results[1]);
    model_outcome(first && second ? "crossed" : first || second ? "one moved" : "both stayed");
}

MODEL(handover_cross, .about = "two tasks, woken before they have left, and taken by each other",
      .threads = 1, .setup = setup_cross, .body = {wake_both}, .verify = verify_cross,
      .may_block = true, .every_switch_costs = true, .stale = 1,
      .must_see = {"crossed", "one moved", "both stayed"});

/* --- yield against steal ---------------------------------------------------------------------- */

/* Apart, because compilers keep the address of errno. */
static NOINLINE void set_errno(int value)
{
    errno = value;
}

static NOINLINE int get_errno(void)
{
    return errno;
}

static void yield_as(unsigned i, unsigned times)
{
    while (times-- > 0) {
        turns[i]++;
        set_errno((int)i + 1);
        sley_yield();
        model_assert(get_errno() == (int)i + 1, "errno of task %u is %d", i, get_errno());
    }
    turns[i]++;
}

static void yield_twice(void)
{
    yield_as(0, 2);
}

static void yield_once(void)
{
    yield_as(2, 1);
}

static void steal(void)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *stolen[SLEY__STEAL_MAX];
    unsigned n = sley__deque_steal(&lab_workers[0].woken, stolen);

    model_outcome(n ? "stolen" : "not stolen");
    for (unsigned i = 0; i < n; i++)
        sley__worker_push_woken(worker, stolen[i]);
}

static void setup_yield(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){yield_twice, steal});
    lab_queue(2, yield_once);
    if (model_variant()) { /* not a turn of the queue, but by way of the shared one */
        struct sley_task *task = sley__deque_take(&lab_workers[0].woken);

        sley__inject_push(&lab_sched.inject, task, task, 1);
    }
}

static void verify_yield(void)
{
    lab_verify();
    model_assert(turns[0] == 3 && turns[2] == 2, "%u, %u turns", turns[0], turns[2]);
    model_outcome(lab_tasks[0].worker == &lab_workers[1] ? "the yielding one moved" : "it stayed");
}

MODEL(handover_yield, .about = "two tasks that yield to each other, and a thief",
      .setup = setup_yield, .verify = verify_yield, .may_block = true, .variants = 2, .stale = 1,
      .must_see = {"stolen", "not stolen", "the yielding one moved", "it stayed"});
