/*
 * cancel.c: cancelling a task (sched/wait.c): no task parks for good although it is cancelled, and
 * none is cancelled that is shielded.
 *
 * The duel: the task announces its wait and looks at the flag, the canceller sets the flag and
 * looks at the wait word. Nobody else ends the waits of cancel_begin, so if both look too early the
 * task waits for ever. Each model is explored with both kinds of fences; with the asymmetric ones
 * only the canceller's is one.
 *
 * A cancel comes without any publication by the task, so whatever it reads of the task (which
 * worker it is on) is ordered by the wait word alone: cancel_moved has the task on another worker
 * than the one where the canceller last saw it.
 *
 * Broken and caught: either fence left out, also in cancel_all; the look at the flag after the
 * announcement; a lost abandon there; a wake in spite of the shield; the reason after the flag, or
 * the flag without release or acquire; a park that reports a wake without looking whose permit it
 * was; a walk that skips new tasks (shutdown.c) or cancels free ones. Without consequence: the
 * order of the swap of the reason (a string outlives the task), the acquire of the walk's look at
 * the state (the fences are what makes new tasks visible).
 */
#include "wait_lab.h"

#include <sley/park.h>

#include <string.h>

static struct lab_mail mail[2];
static int results[3];
static bool won;
static const char *reason;

static void reset(void)
{
    memset(mail, 0, sizeof mail);
    memset(results, 0, sizeof results);
    won = false;
    reason = NULL;
}

/* A wait that somebody may end with 1. */
static int wait_for(struct lab_mail *where)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "model");

    if (error) {
        lab_post_nothing(where);
        return error;
    }
    lab_post(where, waker);
    return sley__wait_park(SLEY_FOREVER);
}

static void cancel(unsigned thread)
{
    sley_cancel(&lab_tasks[0], thread ? "second" : "first");
}

/* --- nobody else ends the wait -------------------------------------------------------------- */

/* What the cancel came upon. */
static MODEL_GHOST void note_how(void)
{
    uint64_t word = lab_tasks[0].word;

    model_outcome(lab_tasks[0].context.saved                   ? "parked"
                  : sley__task_state(word) == SLEY__TASK_WOKEN ? "about to park"
                                                               : "refused");
}

static void wait_only(void)
{
    struct sley__waker waker;

    if ((results[0] = sley__wait_begin(&waker, "model")) == 0)
        results[0] = sley__wait_park(SLEY_FOREVER);
    reason = sley_cancel_reason();
}

/* The public park, which begins another kind of wait. */
static void park_only(void)
{
    results[0] = sley_park("model");
    reason = sley_cancel_reason();
}

static void setup_only(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){model_variant() ? park_only : wait_only});
}

static void verify_only(void)
{
    lab_verify();
    model_assert(results[0] == SLEY_ECANCELED, "%d", results[0]);
    model_assert(reason && strcmp(reason, "first") == 0, "the reason is %s", reason);
}

static void cancel_and_note(unsigned thread)
{
    cancel(thread);
    note_how();
}

MODEL(cancel_begin, .about = "the duel of a cancel with a wait that begins", .threads = 1,
      .setup = setup_only, .body = {cancel_and_note}, .verify = verify_only, .may_block = true,
      .variants = 2, .must_see = {"parked", "about to park", "refused"});

static void verify_twice(void)
{
    lab_verify();
    model_assert(results[0] == SLEY_ECANCELED, "%d", results[0]);
    model_assert(reason, "cancelled without a reason");
    model_assert(strcmp(reason, lab_tasks[0].reason) == 0, "the first reason does not stay");
}

MODEL(cancel_twice, .about = "two cancels at once: one reason stays", .threads = 2,
      .setup = setup_only, .body = {cancel}, .verify = verify_twice, .may_block = true,
      .every_switch_costs = true);

/* --- against a wake --------------------------------------------------------------------------- */

/* Two waits; after the cancel is over none may be begun. */
static void wait_and_look(void)
{
    results[0] = wait_for(&mail[0]);
    results[1] = wait_for(&mail[1]);
}

static void wake(void)
{
    struct sley__waker waker;

    if (lab_await(&mail[0], &waker))
        won = sley__wake(waker, 1);
}

static void wake_foreign(unsigned thread)
{
    (void)thread;
    wake();
}

static void setup_wake(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){wait_and_look});
}

static void verify_wake(void)
{
    lab_verify();
    model_assert(results[0] == (won ? 1 : SLEY_ECANCELED), "the wake has %s, but the result is %d",
                 won ? "won" : "lost", results[0]);
    model_assert(results[1] == SLEY_ECANCELED, "the cancel was forgotten: %d", results[1]);
    model_outcome(won ? "the wake wins" : "the cancel wins");
}

MODEL(cancel_wake, .about = "a cancel against a wake, and against the next wait", .threads = 2,
      .setup = setup_wake, .body = {cancel, wake_foreign}, .verify = verify_wake, .may_block = true,
      .every_switch_costs = true, .must_see = {"the wake wins", "the cancel wins"});

/* The wake moves the task to the other worker, where it waits again. */
static void setup_moved(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){wait_and_look, wake});
}

static void verify_moved(void)
{
    verify_wake();
    model_outcome(lab_tasks[0].worker == &lab_workers[1] ? "moved" : "stayed");
}

MODEL(cancel_moved, .about = "a cancel of a task that has just moved to another worker",
      .threads = 1, .setup = setup_moved, .body = {cancel}, .verify = verify_moved,
      .may_block = true, .every_switch_costs = true, .must_see = {"moved", "the cancel wins"});

/* --- shielded -------------------------------------------------------------------------------- */

static void wait_shielded(void)
{
    struct sley__waker waker;

    sley__wait_begin_shielded(&waker, "model");
    lab_post(&mail[0], waker);
    results[0] = sley__wait_park_shielded();
    results[1] = wait_for(&mail[1]);
}

/* Wakes only after the cancel has done what it does. */
static void cancel_and_wake(unsigned thread)
{
    cancel(thread);
    wake();
}

static void setup_shielded(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){wait_shielded});
}

static void verify_shielded(void)
{
    lab_verify();
    model_assert(won && results[0] == 1, "a shielded wait was ended with %d", results[0]);
    model_assert(results[1] == SLEY_ECANCELED, "the cancel was forgotten: %d", results[1]);
}

MODEL(cancel_shielded, .about = "a cancel does not end a shielded wait, but the next one",
      .threads = 1, .setup = setup_shielded, .body = {cancel_and_wake}, .verify = verify_shielded,
      .may_block = true);

/* --- unpark and permit ------------------------------------------------------------------------ */

static void park_twice(void)
{
    results[0] = sley_park("model");
    results[1] = sley_park("model");
    results[2] = load_relaxed(&lab_tasks[0].permit);
}

static void unpark(unsigned thread)
{
    (void)thread;
    sley_unpark(&lab_tasks[0]);
}

static void setup_unpark(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){park_twice});
}

/* Two parks, one permit, one cancel: a park may take the permit before or after it hears of the
 * cancel, but what it did not take is still there. */
static void verify_unpark(void)
{
    bool taken = !lab_tasks[0].permit;

    lab_verify();
    model_assert(results[0] == 0 || results[0] == SLEY_ECANCELED, "%d", results[0]);
    model_assert(results[1] == 0 || results[1] == SLEY_ECANCELED, "%d", results[1]);
    model_assert(results[0] || results[1], "two parks have taken one permit");
    model_assert(!taken || !results[0] || !results[1], "the permit is lost");
    model_outcome(taken ? "taken" : "left");
}

MODEL(cancel_unpark, .about = "a cancel against an unpark: the permit stays", .threads = 2,
      .setup = setup_unpark, .body = {cancel, unpark}, .verify = verify_unpark, .may_block = true,
      .every_switch_costs = true, .must_see = {"taken", "left"});

/* --- all of them ------------------------------------------------------------------------------ */

static void wait_second(void)
{
    struct sley__waker waker;

    if ((results[1] = sley__wait_begin(&waker, "model")) == 0)
        results[1] = sley__wait_park(SLEY_FOREVER);
}

static void cancel_all(unsigned thread)
{
    (void)thread;
    sley__sched_cancel_all(&lab_sched, "all");
}

static void setup_all(void)
{
    reset();
    lab_setup(2, 2, (lab_script *[]){wait_only, wait_second});
    lab_pool(0, 3); /* the third is free */
}

static void verify_all(void)
{
    lab_verify();
    model_assert(results[0] == SLEY_ECANCELED && results[1] == SLEY_ECANCELED, "%d, %d", results[0],
                 results[1]);
    model_assert(!lab_tasks[2].cancelled, "a free task was cancelled");
}

MODEL(cancel_all, .about = "every task is cancelled, with one fence for all", .threads = 1,
      .setup = setup_all, .body = {cancel_all}, .verify = verify_all, .may_block = true,
      .every_switch_costs = true, .stale = 1);
