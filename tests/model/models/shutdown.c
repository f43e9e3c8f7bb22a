/*
 * shutdown.c: the end of a runtime against its tasks (spawn.c, wait.c): a
 * spawn is refused, or its task is cancelled and waited for; and the one who waits is told.
 *
 * The tasks of the pool are walked to cancel them while new ones begin. The child of each model
 * waits for something that nobody will bring, so one that is neither refused nor cancelled is a
 * deadlock; so is an end that nobody reports. A task that was accepted after the end was reported
 * would run in a runtime that has been freed.
 *
 * Broken and caught: the light fence and the look at `closing` of a spawn, a foreign spawn's full
 * fence, the light fence and the look of an end, the fence between two last ends; a refusal that
 * tells nobody or is not counted; beginnings summed before ends; ends counted or read relaxed;
 * `drained` relaxed or not woken; a walk that skips new tasks. Without consequence: the orders of
 * the counts of beginnings (an end that is seen brings them along) and of the last look at
 * `closing`.
 */
#include "wait_lab.h"

#include <string.h>

enum { PARENT = 0, CHILD = 2 };

static int spawned, child_result;
static int work[2]; /* of the last two tasks */
static bool over;   /* ghost: the runtime could be freed */

static void reset(void)
{
    spawned = child_result = 1;
    work[0] = work[1] = 0;
    over = false;
}

static MODEL_GHOST void note_over(void)
{
    over = true;
}

static MODEL_GHOST void check_not_over(void)
{
    model_assert(!over, "a task is there although the end was reported");
}

static void end_tasks(unsigned thread)
{
    (void)thread;
    sley__sched_end_tasks(&lab_sched);
    note_over();
}

/* --- the tasks ----------------------------------------------------------------------------------
 */

static int child(UNUSED void *arg)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "model");

    if (!error)
        error = sley__wait_park(SLEY_FOREVER);
    return child_result = error;
}

/* As run_task() of worker.c, on the worker's own stack. */
static void run(struct sley__worker *worker, struct sley_task *task)
{
    int result;

    check_not_over();
    task->worker = worker;
    task->stack = worker->stack;
    worker->current = task;
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    result = task->fn(task->arg);
    worker = task->worker;
    worker->current = NULL;
    check_not_over();
    sley__worker_finish(worker, task, result);
}

/* Was begun before the model: it has been counted, and nobody will join it. */
static void add_running(unsigned i, sley_task_fn *fn)
{
    lab_tasks[i].fn = fn;
    store_relaxed(&lab_tasks[i].join, SLEY__JOIN_DETACHED);
    store_relaxed(&lab_sched.foreign_spawned, lab_sched.foreign_spawned + 1);
}

static void verify_child(void)
{
    bool refused = spawned == SLEY_ESHUTDOWN;

    lab_verify();
    model_assert(over && sley__sched_live(&lab_sched) == 0, "the end was not reported");
    model_assert(refused || spawned == 0, "%d", spawned);
    model_assert(child_result == (refused ? 1 : SLEY_ECANCELED), "the child said %d", child_result);
    model_assert(lab_times_free(&lab_tasks[CHILD]) == 1, "freed %u times",
                 lab_times_free(&lab_tasks[CHILD]));
    model_outcome(refused ? "refused" : "cancelled");
}

/* --- a task spawns ------------------------------------------------------------------------------
 */

static int parent(UNUSED void *arg)
{
    spawned = sley_spawn(child, NULL, NULL, NULL);
    return 0;
}

/* The worker ends its task and begins the next one. */
static void spawn_and_run(void)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task;

    run(worker, &lab_tasks[PARENT]);
    if ((task = sley__deque_take_tail(&worker->spawned)))
        run(worker, task);
}

static void setup_task(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){spawn_and_run});
    lab_pool(PARENT, 3);
    lab_runs(CHILD);
    add_running(PARENT, parent);
    lab_workers[0].tasks = (struct sley__task_cache){.free = &lab_tasks[CHILD], .count = 1};
    lab_tasks[CHILD].next = NULL;
}

MODEL(shutdown_spawn, .about = "a task spawns while the runtime ends", .threads = 1,
      .setup = setup_task, .body = {end_tasks}, .verify = verify_child, .may_block = true,
      .every_switch_costs = true, .must_see = {"refused", "cancelled"});

/* --- a foreign thread spawns --------------------------------------------------------------------
 */

static atomic(uint32_t) told;

static void spawn_foreign(unsigned thread)
{
    (void)thread;
    spawned = sley__sched_spawn(&lab_sched, child, NULL, NULL, NULL, "child\0model");
    store_release(&told, 1);
}

static int no_child(UNUSED void *arg)
{
    return 0;
}

static MODEL_GHOST bool is_told(UNUSED void *arg)
{
    return told || lab_sched.inject.count;
}

/* The last task but the child, whose end may come upon `closing` without any fence. */
static void run_and_wait(void)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task;
    bool last;
    size_t n;

    run(worker, &lab_tasks[PARENT]);
    do {
        model_wait_until(is_told, NULL);
        last = load_acquire(&told);
        task = sley__inject_take(&lab_sched.inject, 1, &n);
    } while (!task && !last);
    if (task)
        run(worker, task);
}

static void setup_foreign(void)
{
    reset();
    store_relaxed(&told, 0);
    lab_setup(1, 1, (lab_script *[]){run_and_wait});
    lab_pool(PARENT, 3);
    lab_runs(CHILD);
    add_running(PARENT, no_child);
    lab_sched.stacks.levels[SLEY__STACK_16K].capacity = 100; /* enough to promise from */
    lab_sched.foreign_tasks = (struct sley__task_cache){.free = &lab_tasks[CHILD], .count = 1};
    lab_tasks[CHILD].next = NULL;
}

MODEL(shutdown_foreign, .about = "a foreign thread spawns while the runtime ends", .threads = 2,
      .setup = setup_foreign, .body = {spawn_foreign, end_tasks}, .verify = verify_child,
      .may_block = true, .every_switch_costs = true, .stale = 1,
      .must_see = {"refused", "cancelled"});

/* --- the last two -------------------------------------------------------------------------------
 */

static void end(void)
{
    struct sley__worker *worker = sley__worker_current();

    work[worker->index] = 1;
    sley__worker_finish(worker, &lab_tasks[worker->index], 0);
}

/* What the tasks have done is seen, as what they used is freed now. */
static void end_tasks_and_look(unsigned thread)
{
    end_tasks(thread);
    model_assert(work[0] && work[1], "a task has not ended");
}

static void setup_last(void)
{
    reset();
    lab_setup(0, 2, (lab_script *[]){end, end});
    for (unsigned i = 0; i < 2; i++) {
        add_running(i, no_child);
        sley__task_set_state(&lab_tasks[i], SLEY__TASK_RUNNING);
    }
}

static void verify_last(void)
{
    lab_verify();
    model_assert(over && sley__sched_live(&lab_sched) == 0, "the end was not reported");
}

MODEL(shutdown_last, .about = "the last two tasks end at once: one of them tells", .threads = 1,
      .setup = setup_last, .body = {end_tasks_and_look}, .verify = verify_last, .may_block = true,
      .every_switch_costs = true);
