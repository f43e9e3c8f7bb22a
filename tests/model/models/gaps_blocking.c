/*
 * gaps_blocking.c: calls on threads of their own (sched/blocking.c), in a whole runtime: a call is
 * taken back or awaited if its caller is cancelled, never left to run with a caller that is gone,
 * unless it was asked to be: then the argument is discarded once, whoever was faster. A thread that
 * waits for the next call sees it, a call that waits for a later one meets it, a caller that was
 * held up because the queue was full comes to run; and at the end all threads leave.
 *
 * Too many steps to exhaust: random schedules by priority.
 */
#include "model.h"

#include <sley/blocking.h>
#include <sley/error.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

enum { CALLS = 3 };

static const struct sley_options options = {
    .workers = 1, .unpinned = true, .no_fault_handler = true, .stall_threshold = -1};

static const struct sley_options two_workers = {
    .workers = 2, .unpinned = true, .no_fault_handler = true};

static unsigned called, finished; /* called: on the other thread; both in the end */

static MODEL_GHOST void note_call(void)
{
    called++;
}

static MODEL_GHOST void note_finished(void)
{
    finished++;
}

static int call(void *arg)
{
    int *frame = arg; /* of the caller: it must be there still */

    note_call();
    model_yield();
    return *frame + 1;
}

static int caller(UNUSED void *arg)
{
    int frame = 6, result = 0;
    int error = sley_to_thread(call, &frame, &result);

    frame = -1; /* a race, if the call goes on */
    if (error == 0) {
        model_assert(result == 7, "%d", result);
        finished++;
    } else {
        model_assert(error == SLEY_ECANCELED, "%d", error);
        model_outcome("taken back");
    }
    return 0;
}

static int cancel_root(UNUSED void *arg)
{
    struct sley_task *task;

    model_assert(sley_spawn(caller, NULL, NULL, &task) == 0, "spawn");
    for (unsigned n = model_choose(3); n > 0; n--)
        sley_yield();
    sley_cancel(task, "model");
    return sley_join(task, NULL);
}

static int calls_root(UNUSED void *arg)
{
    struct sley_task *task;

    model_assert(sley_spawn(caller, NULL, NULL, &task) == 0, "spawn");
    for (unsigned i = 1; i < CALLS; i++)
        caller(NULL);
    return sley_join(task, NULL);
}

/* Two calls that wait for each other, of a class that holds up a third one. */
static bool both_present(void *arg)
{
    (void)arg;
    return called >= 2;
}

static int meet(void *arg)
{
    note_call();
    model_wait_until(both_present, NULL);
    return *(int *)arg;
}

static int meeting_caller(UNUSED void *arg)
{
    static const struct sley_blocking_class narrow = {.threads_max = 2, .queue_max = 1};
    struct sley_blocking_options narrowly = {.blocking_class = &narrow};
    int frame = 3, result = 0;

    model_assert(sley_to_thread_with(meet, &frame, &narrowly, &result) == 0 && result == 3, "call");
    note_finished();
    return 0;
}

static int meet_root(UNUSED void *arg)
{
    struct sley_task *tasks[2];

    for (unsigned i = 0; i < 2; i++)
        model_assert(sley_spawn(meeting_caller, NULL, NULL, &tasks[i]) == 0, "spawn");
    meeting_caller(NULL);
    for (unsigned i = 0; i < 2; i++)
        model_assert(sley_join(tasks[i], NULL) == 0, "join");
    return 0;
}

/* A call that its caller may leave. */
static unsigned discards;
static int *left; /* the argument: plain, so whoever frees it must have it */

static void discard(void *arg, int result)
{
    int *number = arg;

    model_assert(result == SLEY_ECANCELED || result == *number + 1, "%d", result);
    discards++;
    *number = -1;
}

static int leaver(UNUSED void *arg)
{
    struct sley_blocking_options leaving = {.discard = discard};
    int result = 0, error = sley_to_thread_with(call, left, &leaving, &result);

    model_assert(error ? error == SLEY_ECANCELED : result == 7, "%d, %d", error, result);
    if (error)
        return 0;
    model_assert(discards == 0, "discarded, but the caller was there");
    discards++;
    *left = -1;
    return 0;
}

static int leave_root(UNUSED void *arg)
{
    struct sley_task *task;

    model_assert(sley_spawn(leaver, NULL, NULL, &task) == 0, "spawn");
    for (unsigned n = model_choose(4); n > 0; n--)
        sley_yield();
    sley_cancel(task, "model");
    return sley_join(task, NULL);
}

static void setup(void)
{
    static int number;

    called = finished = discards = 0;
    number = 6;
    left = &number;
}

static void run_cancel(unsigned thread)
{
    (void)thread;
    model_assert(sley_run(cancel_root, NULL, &options) == 0, "the runtime");
}

/* Deadlines come only when nobody can go on: so whoever needed one was not told. */
static void run_calls(unsigned thread)
{
    int64_t begin = sley_now();

    (void)thread;
    model_assert(sley_run(calls_root, NULL, &options) == 0, "the runtime");
    model_assert(finished == CALLS, "%u calls", finished);
    model_assert(sley_now() - begin < SLEY_SECONDS(1), "a thread waited for its time to be over");
}

static void run_meet(unsigned thread)
{
    (void)thread;
    model_assert(sley_run(meet_root, NULL, &two_workers) == 0, "the runtime");
    model_assert(finished == 3, "%u calls", finished);
}

static void run_leave(unsigned thread)
{
    (void)thread;
    model_assert(sley_run(leave_root, NULL, &options) == 0, "the runtime");
    model_assert(discards == 1 && *left == -1, "%u owners", discards);
}

/* A thread that is no task calls, and blocks. */
static void run_foreign(unsigned thread)
{
    struct sley_blocking_options of = {0};
    int frame = 6, result = 0;

    (void)thread;
    model_assert(sley_runtime_new(&options, &of.runtime) == 0, "the runtime");
    for (unsigned i = 0; i < 2; i++) {
        model_assert(sley_to_thread_with(call, &frame, &of, &result) == 0 && result == 7, "call");
        note_finished();
    }
    sley_runtime_free(of.runtime);
}

static void verify(void)
{
    model_assert(called == finished, "%u calls were made, %u awaited", called, finished);
}

MODEL(gaps_blocking_cancel, .about = "a call whose caller is cancelled", .threads = 1,
      .setup = setup, .body = {run_cancel}, .verify = verify, .random_only = true,
      .max_executions = 8000, .max_steps = 20000);
MODEL(gaps_blocking_calls, .about = "two tasks, three calls", .threads = 1, .setup = setup,
      .body = {run_calls}, .verify = verify, .random_only = true, .no_timeouts = true,
      .max_executions = 20000, .max_steps = 20000);
MODEL(gaps_blocking_meet, .about = "calls that wait for each other, and one that is held up",
      .threads = 1, .setup = setup, .body = {run_meet}, .verify = verify, .random_only = true,
      .no_timeouts = true, .max_steps = 20000);
MODEL(gaps_blocking_leave, .about = "a call whose caller leaves it to itself", .threads = 1,
      .setup = setup, .body = {run_leave}, .random_only = true, .max_executions = 4000,
      .max_steps = 20000);
MODEL(gaps_blocking_foreign, .about = "calls of a thread that is no task", .threads = 1,
      .setup = setup, .body = {run_foreign}, .verify = verify, .random_only = true,
      .no_timeouts = true, .max_steps = 20000);
