/*
 * gaps_reason.c: what a reason says (sley_cancel, sley_cancel_reason in wait.c). It may be a string
 * that was made for the occasion, so whoever reads it is ordered after whoever wrote it; also when
 * it is the reason of one canceller and the task has seen the flag of another.
 */
#include "wait_lab.h"

static char texts[2];

static void task(void)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "model");
    const char *reason;

    if (!error)
        error = sley__wait_park(SLEY_FOREVER);
    model_assert(error == SLEY_ECANCELED, "%d", error);
    reason = sley_cancel_reason();
    model_assert(reason && *reason == 'x', "no reason");
    model_outcome(reason == &texts[0] ? "first" : "second");
}

static void setup(void)
{
    texts[0] = texts[1] = 0;
    lab_setup(1, 1, (lab_script *[]){task});
}

static void cancel(unsigned thread)
{
    texts[thread] = 'x';
    sley_cancel(&lab_tasks[0], &texts[thread]);
}

MODEL(gaps_reason, .about = "two cancel a task that reads why", .threads = 2, .setup = setup,
      .body = {cancel}, .verify = lab_verify, .may_block = true, .must_see = {"first", "second"});
