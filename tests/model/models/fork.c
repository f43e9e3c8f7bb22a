/*
 * fork.c: a forked call that is handed out (sched/fork.c): who runs it, and what the other one may
 * still touch.
 *
 * The parent, a task, forks a call while somebody is idle, so that it becomes a stub; another
 * worker steals the stub and runs it, at any moment of what the parent does. The call runs once or,
 * if the parent is cancelled or gives it up, perhaps not at all; the parent sees its result and
 * what it has done; when the parent goes on, nobody touches the record on its stack any more, which
 * it writes over; the stub's memory is freed once, with the claim that the next life needs.
 */
#include "wait_lab.h"

#include <sley/fork.h>

#include <string.h>

enum { STUB = 2 };

static int runs; /* plain: the join must order it */
static bool skipping;
static bool over; /* ghost: the parent has ended its region */

static int square(struct sley_fork *f, int n);
SLEY_FORKABLE(int, square, int)

static int square(UNUSED struct sley_fork *f, int n)
{
    runs++;
    return n * n;
}

/* What stands on the parent's stack after the join is its own again. */
static NOINLINE void reuse(void *record, size_t size)
{
    memset(record, 0x55, size);
}

static MODEL_GHOST void end(void)
{
    over = true;
}

static void fork_and_join(void)
{
    struct square_fork call;
    int result;

    SLEY_FORKS(f)
    {
        square_fork(&f, &call, 5);
        result = square_join(&f, &call);
        reuse(&call, sizeof call);
        if (result == 25)
            model_assert(runs == 1, "%d runs", runs);
        else
            model_assert(skipping && result == 0 && runs == 0 &&
                             sley_forks_status(f) == SLEY_ECANCELED,
                         "result %d after %d runs", result, runs);
        if (runs)
            model_outcome(sley_forks_status(f) ? "half skipped" : "run");
        else
            model_outcome("skipped");
    }
    end();
}

static NOINLINE void leave(struct sley_fork *f)
{
    SLEY_FORK(square, call, f, 5);
}

/* Where the frame of leave() was. */
static NOINLINE void reuse_below(void)
{
    char room[256];

    reuse(room, sizeof room);
}

static void fork_and_leave(void)
{
    SLEY_FORKS(f)
    {
        leave(f);
        model_outcome(runs ? "run" : "not run");
        reuse_below();
    }
    end();
}

/* --- the other worker ------------------------------------------------------------------------- */

static MODEL_GHOST bool stub_is_there(void)
{
    const struct sley__deque *queue = &lab_workers[0].spawned;

    return queue->tail > queue->head && queue->tail > queue->claimed;
}

static MODEL_GHOST bool may_go_on(UNUSED void *arg)
{
    return over || stub_is_there();
}

/* As run_task() of worker.c. */
static void run_stub_as(struct sley__worker *worker, struct sley_task *task)
{
    int result;

    model_assert(task == &lab_tasks[STUB], "another task");
    task->worker = worker;
    worker->current = task;
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    result = task->fn(task->arg);
    worker->current = NULL;
    sley__worker_finish(worker, task, result);
}

static void steal_and_run(void)
{
    struct sley_task *stolen[SLEY__STEAL_MAX];

    model_wait_until(may_go_on, NULL);
    while (stub_is_there())
        if (sley__deque_steal(&lab_workers[0].spawned, stolen))
            run_stub_as(sley__worker_current(), stolen[0]);
}

/* A flag that is raised is not lost: sooner or later a cancel is noticed. */
static void fork_until_cancelled(void)
{
    struct square_fork call;

    SLEY_FORKS(f)
    {
        while (!sley_forks_status(f)) {
            square_fork(&f, &call, 5);
            square_join(&f, &call);
            model_yield();
        }
    }
}

/* --- somebody goes to sleep ------------------------------------------------------------------- */

static struct square_fork open_call, second_call;
static struct sley_forks region;

/* The region stays open, for verify_asleep(). */
static void fork_only(void)
{
    struct sley_fork *f = &region.fork;

    sley_forks_begin(&region);
    square_fork(&f, &open_call, 5);
}

/* One worker is owed a call before there is one; then there are two. */
static void fork_owing(void)
{
    struct sley_fork *f = &region.fork;

    sley_forks_begin(&region);
    sley_fork_attend(f);
    square_fork(&f, &open_call, 5);
    square_fork(&f, &second_call, 6);
}

/* As go_to_sleep() of search.c. */
static void go_to_sleep(void)
{
    sley__idle_announce(&lab_sched.idle, 1, false, false);
    sley__forkers_ask(&lab_sched);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

/* --- setting up and judging ------------------------------------------------------------------- */

static void setup_with(lab_script *parent, lab_script *other)
{
    runs = 0;
    over = false;
    lab_setup(1, 2, (lab_script *[]){parent, other});
    lab_workers[0].tasks = (struct sley__task_cache){.free = &lab_tasks[STUB], .count = 1};
    store_relaxed(&lab_sched.idle.state, 1); /* somebody searches */
}

static void setup(void)
{
    skipping = false;
    setup_with(fork_and_join, steal_and_run);
}

static void setup_cancel(void)
{
    skipping = true;
    setup_with(fork_and_join, steal_and_run);
}

static void setup_leave(void)
{
    setup_with(fork_and_leave, steal_and_run);
}

static void setup_flag(void)
{
    lab_setup(1, 1, (lab_script *[]){fork_until_cancelled});
}

static void setup_asleep(void)
{
    setup_with(fork_only, go_to_sleep);
    store_relaxed(&lab_sched.idle.state, 0);
}

static void verify_asleep(void)
{
    lab_verify();
    if (!open_call.fork.run)
        model_outcome("handed out");
    else if (lab_tasks[0].forker.seen.attention)
        model_outcome("asked");
    else
        model_assert(false, "one sleeps, one has work for it, and neither knows");
}

static void setup_owing(void)
{
    setup_with(fork_owing, go_to_sleep);
    lab_tasks[STUB].next = &lab_tasks[STUB + 1];
    lab_workers[0].tasks.count = 2;
    store_relaxed(&lab_sched.idle.state, 1); /* somebody searches, and there will be one more */
}

static void verify_owing(void)
{
    bool asked = lab_tasks[0].forker.seen.attention;

    lab_verify();
    model_assert(!open_call.fork.run, "somebody was owed a call");
    if (!second_call.fork.run)
        model_outcome("both handed out");
    else if (asked)
        model_outcome("asked");
    else
        model_assert(false, "one sleeps, one has work for it, and neither knows");
}

static void verify(void)
{
    struct sley_task *stub = &lab_tasks[STUB];

    lab_verify();
    model_assert(lab_times_free(stub) == 1, "the stub was freed %u times", lab_times_free(stub));
    model_assert(stub->forker.claim == 0, "claim %u is left", stub->forker.claim);
    model_assert(!stub->forker.regions && !lab_tasks[0].forker.regions, "a region is left");
    model_assert(!lab_sched.forkers.first, "a forker is left in the list");
}

MODEL(fork_hand_over, .about = "a call that is handed out: run once, by its parent or by a thief",
      .threads = 0, .setup = setup, .verify = verify, .may_block = true, .must_see = {"run"})
MODEL(fork_cancel, .about = "the same with a cancel of the parent", .threads = 1,
      .setup = setup_cancel, .body = {cancel}, .verify = verify, .may_block = true)
MODEL(fork_leave, .about = "a call that is given up: not run, or waited for", .threads = 0,
      .setup = setup_leave, .verify = verify, .may_block = true, .must_see = {"run", "not run"})
MODEL(fork_flag, .about = "a cancel is noticed by whoever forks and joins", .threads = 1,
      .setup = setup_flag, .body = {cancel}, .verify = lab_verify, .may_block = true)
MODEL(fork_asleep, .about = "one begins to fork, one goes to sleep: nobody sleeps unasked",
      .threads = 0, .setup = setup_asleep, .verify = verify_asleep, .may_block = true,
      .must_see = {"handed out", "asked"})
MODEL(fork_owing, .about = "the same while another worker is still owed a call", .threads = 0,
      .setup = setup_owing, .verify = verify_owing, .may_block = true,
      .must_see = {"both handed out", "asked"})
