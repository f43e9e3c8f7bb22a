/*
 * gaps_join.c: a join that is refused (spawn.c) has begun a wait and must end it: else a cancel
 * that comes later finds it, and queues a task that runs.
 */
#include "wait_lab.h"

enum { CHILD = 2 };

static void join(void)
{
    int error = sley_join(&lab_tasks[CHILD], NULL);

    model_assert(error == SLEY_EBUSY || error == SLEY_ECANCELED, "%d", error);
    model_outcome(error == SLEY_EBUSY ? "refused" : "cancelled");
    model_yield();
}

/* Somebody else is at it already. */
static void setup(void)
{
    lab_setup(1, 1, (lab_script *[]){join});
    sley__task_set_state(&lab_tasks[CHILD], SLEY__TASK_RUNNING);
    store_relaxed(&lab_tasks[CHILD].join, (uintptr_t)&lab_tasks[3]);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

MODEL(gaps_join, .about = "a cancel of a task whose join is refused", .threads = 1, .setup = setup,
      .body = {cancel}, .verify = lab_verify, .may_block = true,
      .must_see = {"refused", "cancelled"});
