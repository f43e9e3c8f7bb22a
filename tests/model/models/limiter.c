/*
 * limiter.c: permits with owners (sched/limiter.c): never more are out than there may be, each has
 * one, and a permit that is given back is the next one's, also if that one is just being cancelled.
 *
 * A foreign thread is known by where its errno is, which is one place for all threads of the
 * checker: so there is one foreign thread at most that takes permits, and the others are tasks.
 */
#include "wait_lab.h"

#include <sley/sync.h>

#include <string.h>

static struct sley_limiter limiter;
static unsigned count; /* plain: the permit orders it, where there is never more than one */
static bool alone;
static int result;

static void reset(unsigned capacity)
{
    limiter = (struct sley_limiter)SLEY_LIMITER_INIT(capacity);
    count = 0;
    alone = capacity == 1;
    result = 1;
}

/* The token is on the stack, and so is something else the moment it was given back. */
static int use(void)
{
    struct sley_token token;
    int error = sley_limiter_acquire(&limiter, &token);

    if (error)
        return error;
    if (alone)
        count++;
    model_assert(sley_limiter_release(&limiter, &token) == 0, "it was ours");
    memset(&token, 0xee, sizeof token);
    return 0;
}

static void use_task(void)
{
    result = use();
}

static void use_other_task(void)
{
    model_assert(use() == 0, "nobody has cancelled this one");
}

static void use_thread(unsigned thread)
{
    (void)thread;
    model_assert(use() == 0, "a foreign thread knows no error");
}

static void verify_idle(void)
{
    lab_verify();
    model_assert(limiter.taken == 0 && !limiter.tokens && !limiter.waiters.first, "%u are out",
                 limiter.taken);
}

/* --- one permit --------------------------------------------------------------------------------
 */

static void setup_one(void)
{
    reset(1);
    lab_setup(1, 1, (lab_script *[]){use_task});
}

static void verify_one(void)
{
    verify_idle();
    model_assert(result == 0 && count == 2, "%u had one", count);
}

MODEL(limiter_one, .about = "one permit, a task and a thread", .threads = 1, .setup = setup_one,
      .body = {use_thread}, .verify = verify_one, .may_block = true);

static void setup_mixed(void)
{
    reset(1);
    lab_setup(2, 2, (lab_script *[]){use_task, use_other_task});
}

static void verify_mixed(void)
{
    verify_idle();
    model_assert(result == 0 && count == 3, "%u had one", count);
}

MODEL(limiter_mixed, .about = "one permit, two tasks and a thread", .threads = 1,
      .setup = setup_mixed, .body = {use_thread}, .verify = verify_mixed, .may_block = true,
      .every_switch_costs = true);

/* --- the owner ---------------------------------------------------------------------------------
 */

/* Twice is an error, and so is what is another's. */
static struct sley_token shared;

static void take_twice(void)
{
    struct sley_token token;

    model_assert(sley_limiter_acquire(&limiter, &shared) == 0, "there are two");
    model_assert(sley_limiter_acquire(&limiter, &token) == SLEY_EBUSY, "this task has one");
    model_assert(sley_limiter_release(&limiter, &shared) == 0, "it is ours");
    result = 0;
}

static void give_back_another(unsigned thread)
{
    int error = sley_limiter_release(&limiter, &shared);

    model_assert(error == SLEY_EPERM, "it is the task's: %d", error);
    use_thread(thread);
}

static void setup_owner(void)
{
    reset(2);
    memset(&shared, 0, sizeof shared);
    lab_setup(1, 1, (lab_script *[]){take_twice});
}

MODEL(limiter_owner, .about = "one each, and only the owner gives it back", .threads = 1,
      .setup = setup_owner, .body = {give_back_another}, .verify = verify_idle, .may_block = true);

/* --- resized, cancelled ------------------------------------------------------------------------
 */

/* A permit that is never given back, until then. */
static struct sley_token held;

static int hold_here(void)
{
    return sley_limiter_acquire(&limiter, &held);
}

static void setup_script(lab_script *script)
{
    reset(1);
    alone = false;
    ensure(hold_here() == 0); /* as the foreign thread that all threads are here */
    lab_setup(1, 1, &script);
}

static void setup_full(void)
{
    setup_script(use_task);
}

static void use_after_another(void)
{
    model_assert(sley_limiter_acquire(&limiter, &held) == SLEY_EBUSY, "that token is in use");
    result = use();
}

static void setup_grow(void)
{
    setup_script(use_after_another);
}

static void resize(unsigned thread)
{
    (void)thread;
    model_assert(sley_limiter_resize(&limiter, 2) == 0, "two may be");
    model_assert(sley_limiter_resize(&limiter, 1) == 0, "one, too");
}

static void grow(unsigned thread)
{
    (void)thread;
    model_assert(sley_limiter_resize(&limiter, 2) == 0, "two may be");
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void verify_held(void)
{
    lab_verify();
    model_assert(limiter.taken == 1 && limiter.tokens == &held && !limiter.waiters.first,
                 "%u are out", limiter.taken);
}

static void verify_grown(void)
{
    verify_held();
    model_assert(result == 0, "%d", result);
}

static void verify_shrunk(void)
{
    verify_held();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_outcome(result ? "cancelled" : "got it");
}

MODEL(limiter_grow, .about = "who waits is served when there are more", .threads = 1,
      .setup = setup_grow, .body = {grow}, .verify = verify_grown, .may_block = true);

MODEL(limiter_shrink, .about = "... for an instant; and a cancel", .threads = 2,
      .setup = setup_full, .body = {resize, cancel}, .verify = verify_shrunk, .may_block = true,
      .every_switch_costs = true, .must_see = {"cancelled", "got it"});

/* A task and a thread that have one at the same time: each waits, while it has it, for the other.
 * At first there is none to be had. */
static unsigned inside;

static MODEL_GHOST bool both_inside(UNUSED void *arg)
{
    return inside == 2;
}

static MODEL_GHOST void note_inside(void)
{
    inside++;
}

static void use_together(void)
{
    struct sley_token token;

    model_assert(sley_limiter_acquire(&limiter, &token) == 0, "nobody is cancelled");
    note_inside();
    model_wait_until(both_inside, NULL);
    model_assert(sley_limiter_release(&limiter, &token) == 0, "it was ours");
    memset(&token, 0xee, sizeof token);
}

static void thread_together(unsigned thread)
{
    (void)thread;
    use_together();
}

static void setup_together(void)
{
    reset(0);
    inside = 0;
    lab_setup(1, 1, (lab_script *[]){use_together});
}

MODEL(limiter_together, .about = "two who wait are served when there are two more", .threads = 2,
      .setup = setup_together, .body = {grow, thread_together}, .verify = verify_idle,
      .may_block = true, .every_switch_costs = true);

static void give_back(unsigned thread)
{
    (void)thread;
    model_assert(sley_limiter_release(&limiter, &held) == 0, "it is ours");
    memset(&held, 0xee, sizeof held);
}

static void verify_cancel(void)
{
    verify_idle();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_outcome(result ? "cancelled" : "got it");
}

MODEL(limiter_cancel, .about = "a cancel against a permit that is given back", .threads = 2,
      .setup = setup_full, .body = {give_back, cancel}, .verify = verify_cancel, .may_block = true,
      .must_see = {"cancelled", "got it"});

static void setup_next(void)
{
    reset(1);
    ensure(hold_here() == 0);
    lab_setup(2, 2, (lab_script *[]){use_task, use_other_task});
}

MODEL(limiter_cancel_next, .about = "... while another task waits", .threads = 2,
      .setup = setup_next, .body = {give_back, cancel}, .verify = verify_cancel, .may_block = true,
      .every_switch_costs = true, .must_see = {"cancelled", "got it"});
