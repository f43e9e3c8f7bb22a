/*
 * join.c: how the end of a task meets its handle (the join word of sched/task_impl.h and task.c,
 * and spawn.c's join, detach and finish).
 *
 * Whatever the order of the end, the join, its cancel, a detach and a second joiner: who joins gets
 * the result and sees what the task did, the task is freed exactly once, and nobody waits for ever.
 * The end runs on its own worker, the joiner is a task of another one or a foreign thread.
 *
 * Broken and caught: DONE at once in the place of ENDING (the end reads the ticket of a later
 * wait), or before the ticket was read; DONE without release; no waiting for the end in retract; no
 * retract; swaps of join and of the end without acquire or release, or stores; the futex's word or
 * wake; a result written after the joiner is queued; an end that does not see DETACHED. Without
 * consequence: the release of detach and of a retract that succeeds, and so the acquire of the
 * end's first look (the handle's owner has written nothing in the task); the acquire of retract's
 * loop (ENDING was acquired).
 */
#include "wait_lab.h"

#include <string.h>

enum { CHILD = 2, RESULT = 7 };

static struct lab_mail mail;
static int work; /* what the child has done beside its result */
static int errors[2], results[2];
static bool again;

static struct sley_task *child(void)
{
    return &lab_tasks[CHILD];
}

static void reset(void)
{
    memset(&mail, 0, sizeof mail);
    work = errors[0] = errors[1] = results[0] = results[1] = 0;
    again = false;
}

/* What the next life of the memory begins with, by whoever has freed it. */
static void reuse(void)
{
    child()->result = 0;
    child()->stack_class = 0;
    child()->fn = NULL;
    child()->arg = NULL;
}

static MODEL_GHOST bool freed_by(const struct sley__task_cache *cache)
{
    return cache->free == child();
}

/* The child ends on this script's worker. */
static void finish(void)
{
    struct sley__worker *worker = sley__worker_current();

    work = 1;
    sley__worker_finish(worker, child(), RESULT);
    if (freed_by(&worker->tasks))
        reuse();
}

static void setup_child(unsigned worker)
{
    child()->worker = &lab_workers[worker];
    sley__task_set_state(child(), SLEY__TASK_RUNNING);
}

static void verify_freed(void)
{
    unsigned times = lab_times_free(child());

    lab_verify();
    model_assert(times == 1, "the child was freed %u times", times);
    model_assert(sley__task_state(child()->word) == SLEY__TASK_FREE, "in state %llu",
                 (unsigned long long)child()->word);
}

static void join_as(unsigned who)
{
    errors[who] = sley_join(child(), &results[who]);
    if (errors[who])
        return;
    model_assert(work == 1, "what the child did is not seen");
    reuse();
}

static void detach(unsigned thread)
{
    struct sley__worker *worker = sley__worker_current();

    (void)thread;
    sley_detach(child());
    if (freed_by(worker ? &worker->tasks : &lab_sched.foreign_tasks))
        reuse();
}

/* --- one joiner ----------------------------------------------------------------------------- */

static void join(void)
{
    join_as(0);
}

static void join_foreign(unsigned thread)
{
    (void)thread;
    join_as(1);
}

static void setup_task(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){join, finish});
    setup_child(1);
}

static void verify_task(void)
{
    verify_freed();
    model_assert(errors[0] == 0 && results[0] == RESULT, "%d, %d", errors[0], results[0]);
}

MODEL(join_task, .about = "a task joins", .setup = setup_task, .verify = verify_task,
      .may_block = true);

/* Who was woken by the end may be resumed on a third party's worker before the end has finished. */
static void setup_steal(void)
{
    setup_task();
    lab_let_steal();
}

MODEL(join_steal, .about = "a joiner that is stolen while the end still tells",
      .setup = setup_steal, .verify = verify_task, .may_block = true, .every_switch_costs = true,
      .stale = 1);

static void setup_foreign(void)
{
    reset();
    lab_setup(0, 1, (lab_script *[]){finish});
    setup_child(0);
}

static void verify_foreign(void)
{
    verify_freed();
    model_assert(errors[1] == 0 && results[1] == RESULT, "%d, %d", errors[1], results[1]);
}

MODEL(join_foreign, .about = "a foreign thread joins", .threads = 1, .setup = setup_foreign,
      .body = {join_foreign}, .verify = verify_foreign, .may_block = true, .spurious = true);

/* --- cancelled ------------------------------------------------------------------------------ */

/* Gives up if it is cancelled; then the child is still its to detach. */
static void join_or_detach(void)
{
    join_as(0);
    if (errors[0])
        detach(0);
}

static MODEL_GHOST bool joiner_waits(UNUSED void *arg)
{
    return sley__task_state(lab_tasks[0].word) == SLEY__TASK_WAITING;
}

static MODEL_GHOST bool is_cancelled(UNUSED void *arg)
{
    return lab_tasks[0].cancelled;
}

static void cancel(unsigned thread)
{
    (void)thread;
    if (model_variant())
        model_wait_until(joiner_waits, NULL);
    sley_cancel(&lab_tasks[0], "model");
}

/* The same, with the cancel in the lead: an end between it and the joiner's retreat is more
 * switches away from the other. */
static void finish_after_cancel(void)
{
    model_wait_until(is_cancelled, NULL);
    finish();
}

static void setup_cancel(void)
{
    reset();
    lab_setup(1, 2,
              (lab_script *[]){join_or_detach, model_variant() ? finish_after_cancel : finish});
    setup_child(1);
}

static void verify_cancel(void)
{
    verify_freed();
    model_assert(errors[0] ? errors[0] == SLEY_ECANCELED : results[0] == RESULT, "%d, %d",
                 errors[0], results[0]);
    model_outcome(errors[0] ? "cancelled" : "joined");
}

MODEL(join_cancel, .about = "a join is cancelled while the task ends", .threads = 1,
      .setup = setup_cancel, .body = {cancel}, .verify = verify_cancel, .may_block = true,
      .every_switch_costs = true, .variants = 2, .stale = 1, .must_see = {"cancelled", "joined"});

/* Gives up for a reason of its own (a deadline), and comes again with another wait: the end must
 * not be left with the ticket of the first one. */
static void join_again(void)
{
    struct sley__waker waker;
    struct sley_task *self = sley_self();

    ensure(sley__wait_begin(&waker, "model") == 0);
    if (sley__task_join_task(child(), self) == SLEY__JOIN_WAIT && sley__wait_abandon(NULL) &&
        sley__task_join_retract(child(), self) == SLEY__JOIN_TAKE) {
        model_outcome("too late to give up");
        detach(0);
        ensure(sley__wait_begin(&waker, "model") == 0);
        lab_post(&mail, waker);
        errors[1] = sley__wait_park(SLEY_FOREVER);
        model_assert(errors[1] == 1, "the end of the child has ended a later wait");
        return;
    }
    again = true;
    lab_post_nothing(&mail);
    join_as(0);
}

static void end_later_wait(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    if (lab_await(&mail, &waker))
        sley__wake(waker, 1);
}

static void setup_again(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){join_again, finish});
    setup_child(1);
}

static void verify_again(void)
{
    verify_freed();
    if (again)
        model_assert(errors[0] == 0 && results[0] == RESULT, "%d, %d", errors[0], results[0]);
}

MODEL(join_again, .about = "a joiner gives up and comes again while the task ends", .threads = 1,
      .setup = setup_again, .body = {end_later_wait}, .verify = verify_again, .may_block = true,
      .every_switch_costs = true, .stale = 1, .must_see = {"too late to give up"});

/* --- detach ----------------------------------------------------------------------------------- */

static void verify_detach(void)
{
    verify_freed();
    model_outcome(lab_sched.foreign_tasks.free == child() ? "by the detach" : "by the end");
}

MODEL(join_detach, .about = "detach against the end: who is second frees", .threads = 1,
      .setup = setup_foreign, .body = {detach}, .verify = verify_detach, .may_block = true,
      .must_see = {"by the detach", "by the end"});

/* --- two joiners ------------------------------------------------------------------------------ */

/* Who is refused says so; before that the child does not end, so its handle stays valid. */
static void join_or_tell(unsigned who)
{
    join_as(who);
    if (errors[who] == SLEY_EBUSY)
        lab_post_nothing(&mail);
}

static void join_first(void)
{
    join_or_tell(0);
}

static void join_second(unsigned thread)
{
    (void)thread;
    join_or_tell(1);
}

static void finish_late(void)
{
    struct sley__waker none;

    lab_await(&mail, &none);
    finish();
}

static void setup_busy(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){join_first, finish_late});
    setup_child(1);
}

static void verify_busy(void)
{
    bool second = errors[0] == SLEY_EBUSY;

    verify_freed();
    model_assert(errors[second] == 0 && results[second] == RESULT, "%d, %d", errors[second],
                 results[second]);
    model_assert(errors[!second] == SLEY_EBUSY, "both have joined: %d", errors[!second]);
    model_outcome(second ? "the foreign thread has it" : "the task has it");
}

MODEL(join_busy, .about = "two joiners: one is refused and does no harm", .threads = 1,
      .setup = setup_busy, .body = {join_second}, .verify = verify_busy, .may_block = true,
      .every_switch_costs = true, .must_see = {"the foreign thread has it", "the task has it"});
