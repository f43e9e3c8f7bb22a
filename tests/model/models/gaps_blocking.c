/*
 * gaps_blocking.c: calls on threads of their own (sched/blocking.c), in a whole runtime: a call is
 * taken back or awaited if its caller is cancelled, never left to run with a caller that is gone;
 * a thread that waits for the next call sees it; and at the end all threads leave.
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
    .workers = 1, .unpinned = true, .no_fault_handler = true};

static unsigned called, finished; /* called: on the other thread; both in the end */

static MODEL_GHOST void note_call(void)
{
    called++;
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

static void setup(void)
{
    called = finished = 0;
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

static void verify(void)
{
    model_assert(called == finished, "%u calls were made, %u awaited", called, finished);
}

MODEL(gaps_blocking_cancel, .about = "a call whose caller is cancelled", .threads = 1,
      .setup = setup, .body = {run_cancel}, .verify = verify, .random_only = true,
      .max_steps = 20000);
MODEL(gaps_blocking_calls, .about = "two tasks, three calls", .threads = 1, .setup = setup,
      .body = {run_calls}, .verify = verify, .random_only = true, .no_timeouts = true,
      .max_steps = 20000);
