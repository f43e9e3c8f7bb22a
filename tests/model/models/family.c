/*
 * family.c: cancelling down a tree (sched/family.c): whoever is in what was cancelled does not park
 * for good, whoever is under a shield is not disturbed, and a cancel leaves no pin behind.
 *
 * The marks are made and looked at under the task's lock, the wait word is not; so what is to be
 * explored is a cancel that comes while the task opens a shield, leaves a family, or begins a wait,
 * and two cancels that meet in one tree.
 */
#include "family.h"
#include "wait_lab.h"

#include <string.h>

static struct lab_mail mail[2];
static struct sley__family outer, inner;
static int results[4];

static bool child_ended(UNUSED struct sley__family *family, UNUSED struct sley_task *child)
{
    return false;
}

static void unpinned(UNUSED struct sley__family *family)
{
}

static void reset(void)
{
    memset(mail, 0, sizeof mail);
    memset(results, 0, sizeof results);
    outer = inner = (struct sley__family){.ended = child_ended, .unpinned = unpinned};
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

static int wait_alone(void)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "model");

    return error ? error : sley__wait_park(SLEY_FOREVER);
}

static void wake_both(UNUSED unsigned thread)
{
    struct sley__waker waker;

    for (int i = 0; i < 2; i++)
        if (lab_await(&mail[i], &waker))
            sley__wake(waker, 1);
}

static void cancel_first(UNUSED unsigned thread)
{
    sley_cancel(&lab_tasks[0], "first");
}

/* --- a shield is opened meanwhile ------------------------------------------------------------- */

static void wait_then_shield(void)
{
    results[0] = wait_for(&mail[0]);
    sley__family_open(&inner, true);
    results[1] = wait_for(&mail[1]);
    sley__family_close(&inner);
    results[2] = wait_alone();
}

static void setup_shield(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){wait_then_shield});
}

static void verify_shield(void)
{
    lab_verify();
    model_assert(results[0] == 1 || results[0] == SLEY_ECANCELED, "%d", results[0]);
    model_assert(results[1] == 1, "under the shield: %d", results[1]);
    model_assert(results[2] == SLEY_ECANCELED, "behind the shield: %d", results[2]);
    model_assert(inner.live == 0, "%zu pins are left", inner.live);
    model_outcome(results[0] == 1 ? "cancelled later" : "cancelled first");
}

MODEL(family_shield, .about = "a cancel against a task that goes under a shield", .threads = 2,
      .setup = setup_shield, .body = {cancel_first, wake_both}, .verify = verify_shield,
      .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled later", "cancelled first"});

/* --- a family with a child -------------------------------------------------------------------- */

/* As enlist() of spawn.c, for a task that runs already. From setup(). */
static void adopt(struct sley_task *owner, struct sley__family *family, struct sley_task *child)
{
    list_init(sley__family_children(family));
    family->owner = owner;
    owner->family = family;
    child->in_family = true;
    child->parent = family;
    list_push_back(sley__family_children(family), &child->sibling);
    family->live = 1;
}

static void parent_waits(void)
{
    results[0] = wait_alone();
}

static void child_waits(void)
{
    results[1] = wait_alone();
}

static void cancel_family(UNUSED unsigned thread)
{
    sley__family_pin(&outer);
    sley__family_cancel(&outer, "family");
    sley__family_unpin(&outer);
}

static void setup_child(void)
{
    reset();
    lab_setup(2, 2, (lab_script *[]){parent_waits, child_waits});
    adopt(&lab_tasks[0], &outer, &lab_tasks[1]);
}

static void verify_child(void)
{
    lab_verify();
    model_assert(results[0] == SLEY_ECANCELED && results[1] == SLEY_ECANCELED, "%d, %d", results[0],
                 results[1]);
    model_assert(outer.live == 1, "%zu pins are left", outer.live - 1);
    model_assert(outer.effective && outer.reason, "cancelled without a reason");
}

MODEL(family_child, .about = "a family is cancelled: its owner and its child", .threads = 1,
      .setup = setup_child, .body = {cancel_family}, .verify = verify_child, .may_block = true,
      .every_switch_costs = true, .stale = 1);

MODEL(family_two, .about = "the owner and its family are cancelled at once", .threads = 2,
      .setup = setup_child, .body = {cancel_first, cancel_family}, .verify = verify_child,
      .may_block = true, .every_switch_costs = true, .bound = 1, .stale = 1);

/* --- left meanwhile --------------------------------------------------------------------------- */

static MODEL_GHOST bool is_alone(UNUSED void *arg)
{
    return outer.live == 0;
}

/* A family is opened and left while another thread cancels it, if it finds it open. */
static void open_and_leave(void)
{
    sley__family_open(&outer, false);
    lab_post(&mail[0], (struct sley__waker){NULL, 0});
    results[0] = sley_yield();
    model_wait_until(is_alone, NULL);
    sley__family_close(&outer);
    model_wait_until(is_alone, NULL);
    results[1] = wait_for(&mail[1]);
}

static void cancel_then_wake(UNUSED unsigned thread)
{
    struct sley__waker waker;

    if (lab_await(&mail[0], &waker))
        sley__family_cancel(&outer, "family");
    sley__family_unpin(&outer);
    if (lab_await(&mail[1], &waker))
        sley__wake(waker, 1);
}

static void setup_leave(void)
{
    reset();
    outer.live = 1; /* the canceller's pin, so that what it cancels is open */
    lab_setup(1, 1, (lab_script *[]){open_and_leave});
}

static void verify_leave(void)
{
    lab_verify();
    model_assert(results[1] == 1, "outside of what was cancelled: %d", results[1]);
    model_outcome(results[0] ? "cancelled" : "not yet");
}

MODEL(family_leave, .about = "a family that is cancelled is left", .threads = 1,
      .setup = setup_leave, .body = {cancel_then_wake}, .verify = verify_leave, .may_block = true,
      .every_switch_costs = true, .must_see = {"cancelled", "not yet"});
