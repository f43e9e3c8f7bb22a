/*
 * future.c: values that come later (sched/future.c): one completion counts, everybody who waits
 * learns of it, and whoever has waited for it frees the future at once, also if it was complete
 * before the wait began.
 */
#include "wait_lab.h"

#include <sley/future.h>

#include <stdlib.h>

static struct sley_future *futures[2];
static unsigned made[2];    /* plain: the futures order them */
static unsigned first_ones; /* ghost */
static int values[2];
static int result;

static void setup(void)
{
    for (unsigned i = 0; i < 2; i++) {
        futures[i] = malloc(sizeof *futures[i]);
        *futures[i] = (struct sley_future)SLEY_FUTURE_INIT;
        made[i] = 0;
    }
    first_ones = 0;
    result = 1000;
}

static MODEL_GHOST void note_first(void)
{
    first_ones++;
}

static void check_made(unsigned i)
{
    model_assert(made[i] == 1, "what was done before the completion is not seen");
}

/* --- one ---------------------------------------------------------------------------------------
 */

static void complete(unsigned thread)
{
    made[thread] = 1;
    model_assert(sley_future_complete(futures[thread], &values[thread]), "nobody else does");
}

static void wait_first(unsigned thread)
{
    void *value = NULL;

    (void)thread;
    model_assert(sley_future_wait(futures[0], &value) == 0, "it does not fail");
    model_assert(value == &values[0], "another value");
    check_made(0);
}

static void wait_and_free(unsigned thread)
{
    wait_first(thread);
    free(futures[0]);
}

static void look(unsigned thread)
{
    (void)thread;
    if (sley_future_is_done(futures[0])) {
        check_made(0);
        model_outcome("seen");
    }
}

MODEL(future_two, .about = "two who wait, one who looks", .threads = 4, .setup = setup,
      .body = {complete, wait_first, wait_first, look}, .every_switch_costs = true,
      .must_see = {"seen"});

MODEL(future_gone, .about = "who has waited frees it, however early it was complete", .threads = 2,
      .setup = setup, .body = {complete, wait_and_free});

/* One value, one error; who comes second says so and changes nothing. */
static void complete_or_not(unsigned thread)
{
    (void)thread;
    if (sley_future_complete(futures[0], &values[0]))
        note_first();
}

static void fail_or_not(unsigned thread)
{
    (void)thread;
    if (sley_future_fail(futures[0], SLEY_EBUSY))
        note_first();
}

static void wait_either(unsigned thread)
{
    void *value = NULL;
    int error = sley_future_wait(futures[0], &value);

    (void)thread;
    model_assert(error == 0 || error == SLEY_EBUSY, "%d", error);
    model_assert((value == &values[0]) == (error == 0), "a value and an error");
    result = error;
}

static void verify_either(void)
{
    model_assert(first_ones == 1, "%u were the first", first_ones);
    model_assert(futures[0]->error == result, "%d, then %d", result, futures[0]->error);
    model_assert(!futures[0]->waiters.first, "somebody is in the list still");
    model_outcome(result ? "failed" : "completed");
}

MODEL(future_either, .about = "a value against an error: one of them counts, for good",
      .threads = 3, .setup = setup, .body = {complete_or_not, fail_or_not, wait_either},
      .verify = verify_either, .must_see = {"failed", "completed"});

/* --- several -----------------------------------------------------------------------------------
 */

static void wait_any(unsigned thread)
{
    int index = sley_future_wait_any(futures, 2);

    (void)thread;
    result = index;
    model_assert(index == 0 || index == 1, "%d", index);
    check_made((unsigned)index);
    free(futures[index]); /* the other one may be completed yet */
}

static void verify_any(void)
{
    unsigned other = !result;

    model_assert(futures[other]->done && !futures[other]->waiters.first,
                 "it is in the other's list still");
    model_outcome(result ? "second" : "first");
}

MODEL(future_any, .about = "one of two, which frees it; the other is completed meanwhile",
      .threads = 3, .setup = setup, .body = {complete, complete, wait_any}, .verify = verify_any,
      .must_see = {"first", "second"});

/* Only one of them is ever completed. */
static void complete_one(unsigned thread)
{
    (void)thread;
    complete(model_variant());
}

static void verify_any_one(void)
{
    model_assert(result == (int)model_variant(), "%d", result);
    model_assert(!futures[!result]->waiters.first, "it is in the other's list still");
}

MODEL(future_any_one, .about = "one of two, the other one never", .threads = 2, .setup = setup,
      .body = {wait_any, complete_one}, .verify = verify_any_one, .variants = 2);

static void wait_all(unsigned thread)
{
    (void)thread;
    model_assert(sley_future_wait_all(futures, 2) == 0, "a foreign thread knows no error");
    check_made(0);
    check_made(1);
    free(futures[0]);
    free(futures[1]);
}

MODEL(future_all, .about = "both of two, which are freed then", .threads = 3, .setup = setup,
      .body = {complete, complete, wait_all});

/* --- tasks -------------------------------------------------------------------------------------
 */

static void wait_task(void)
{
    void *value = NULL;

    result = sley_future_wait(futures[0], &value);
    model_assert((value == &values[0]) == (result == 0), "a value and an error");
    if (result == 0)
        free(futures[0]);
}

static void wait_any_task(void)
{
    result = sley_future_wait_any(futures, 2);
    if (result >= 0) {
        check_made((unsigned)result);
        free(futures[result]);
    }
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_cancel(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){wait_task});
}

static void setup_cancel_any(void)
{
    setup();
    lab_setup(1, 1, (lab_script *[]){wait_any_task});
}

static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == 0 || result == 1 || result == SLEY_ECANCELED, "%d", result);
    for (int i = 0; i < 2; i++)
        model_assert(i == result || !futures[i]->waiters.first, "it is in a list still");
    model_outcome(result < 0 ? "cancelled" : "completed");
}

MODEL(future_cancel, .about = "a cancel against the completion", .threads = 2,
      .setup = setup_cancel, .body = {complete, cancel}, .verify = verify_cancel, .may_block = true,
      .must_see = {"cancelled", "completed"});

MODEL(future_cancel_any, .about = "a cancel against two completions", .threads = 3,
      .setup = setup_cancel_any, .body = {complete, complete, cancel}, .verify = verify_cancel,
      .may_block = true, .every_switch_costs = true, .must_see = {"cancelled", "completed"});

MODEL(future_any_task, .about = "a task that waits for either, and two wakes of one wait",
      .threads = 2, .setup = setup_cancel_any, .body = {complete, complete},
      .verify = verify_cancel, .may_block = true, .every_switch_costs = true);
