/*
 * wait.c: the waist (sched/wait.h, wait.c and the wait word of task_impl.h).
 *
 * Of all the wakes for one wait exactly one wins, and the wait ends with the winner's result and
 * sees what the winner did before; a waker that comes late does nothing, also when the task's
 * memory has begun another life; a wake that comes before the task has left its stack is not lost;
 * a permit given before, during or after the look at it is not lost either. Payloads are plain
 * memory.
 *
 * Broken and caught: the ticket not counted up, not compared; the state not compared; wake or
 * abandon a store; the result written after the queue has the task; a lost abandon that does not
 * take the task out of the queue; begin without release (cancel.c); the second look at the permit;
 * either exchange of the permit less than acq_rel; an unpark for every kind of wait; a batch that
 * does not link. Without consequence: the acquire of the look at the word in
 * unpark and in interrupt (the swap that follows has it), the halves of the wake's swap one at a
 * time (queue and publication order the same), the order of abandon's.
 */
#include "wait_lab.h"

#include <sley/park.h>

#include <string.h>

enum { EVENTS = 3 };

static struct lab_mail mail[EVENTS];
static int payload[EVENTS], results[EVENTS];
static bool won[EVENTS];

static void reset(void)
{
    memset(mail, 0, sizeof mail);
    memset(payload, 0, sizeof payload);
    memset(results, 0, sizeof results);
    memset(won, 0, sizeof won);
}

static MODEL_GHOST void note_outcome(void)
{
    bool left = lab_tasks[0].context.saved != NULL;

    model_outcome(left ? "parked" : "woken before it had left");
}

/* The task: waits for event n and says with what it was woken. */
static int wait_for(unsigned n)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "model");

    if (error)
        return error;
    lab_post(&mail[n], waker);
    return sley__wait_park(SLEY_FOREVER);
}

/* --- one wait, one or two wakers ---------------------------------------------------------- */

static void wait_once(void)
{
    int result = results[0] = wait_for(0);

    model_assert(result > 0, "woken with %d", result);
    model_assert(payload[result] == result, "the waker's work is not seen");
}

static void wake_with(int result)
{
    struct sley__waker waker;

    lab_await(&mail[0], &waker);
    payload[result] = result;
    note_outcome();
    won[result] = sley__wake(waker, result);
}

static void wake_as_1(void)
{
    wake_with(1);
}

static void wake_foreign(unsigned thread)
{
    wake_with(2 - (int)thread);
}

static void setup_one(void)
{
    reset();
    lab_setup(1, 2, (lab_script *[]){wait_once, wake_as_1});
}

static void verify_one(void)
{
    lab_verify();
    model_assert(won[1] && results[0] == 1, "woken with %d", results[0]);
}

MODEL(wait_one, .about = "a wait that a worker ends", .setup = setup_one, .verify = verify_one,
      .may_block = true, .must_see = {"parked", "woken before it had left"});

static void setup_foreign(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){wait_once});
}

static void verify_foreign(void)
{
    lab_verify();
    model_assert(won[2] && results[0] == 2, "woken with %d", results[0]);
}

MODEL(wait_foreign, .about = "a wait that a foreign thread ends", .threads = 1,
      .setup = setup_foreign, .body = {wake_foreign}, .verify = verify_foreign, .may_block = true,
      .must_see = {"parked", "woken before it had left"});

static void verify_two(void)
{
    lab_verify();
    model_assert(won[1] != won[2], "%d wakes have won", won[1] + won[2]);
    model_assert(won[results[0]], "the result is the loser's");
    model_outcome(won[1] ? "the second wins" : "the first wins");
}

MODEL(wait_two, .about = "two wakers: one wins, with its result", .threads = 2,
      .setup = setup_foreign, .body = {wake_foreign}, .verify = verify_two, .may_block = true,
      .every_switch_costs = true, .stale = 1, .must_see = {"the first wins", "the second wins"});

/* --- late wakers ---------------------------------------------------------------------------- */

static void wait_twice(void)
{
    results[0] = wait_for(0);
    results[1] = wait_for(1);
}

/* The task's memory begins another life between the two waits. */
static void wait_in_two_lives(void)
{
    struct sley_task *task = sley_self();
    struct sley__worker *worker;

    results[0] = wait_for(0);
    worker = sley__worker_current();
    sley__task_free(&lab_sched.tasks, &worker->tasks, task);
    ensure(sley__task_alloc(&lab_sched.tasks, &worker->tasks) == task);
    sley__task_set_state(task, SLEY__TASK_NEW);
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    results[1] = wait_for(1);
}

/* Comes once in time and once too late. */
static void wake_late(unsigned thread)
{
    struct sley__waker first, second;

    (void)thread;
    lab_await(&mail[0], &first);
    won[0] = sley__wake(first, 1);
    won[2] = sley__wake(first, 3);
    lab_await(&mail[1], &second);
    won[1] = sley__wake(second, 2);
}

static void setup_late(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){model_variant() ? wait_in_two_lives : wait_twice});
}

static void verify_late(void)
{
    lab_verify();
    model_assert(won[0] && won[1] && !won[2], "a late waker has won, or one in time has not");
    model_assert(results[0] == 1 && results[1] == 2, "woken with %d, %d", results[0], results[1]);
}

MODEL(wait_late, .about = "a waker kept too long, also into another life of the task", .threads = 1,
      .setup = setup_late, .body = {wake_late}, .verify = verify_late, .may_block = true,
      .variants = 2, .stale = 1);

/* --- abandon -------------------------------------------------------------------------------- */

/* What the wait was for is there already; the next wait must not notice. */
static void abandon(void)
{
    struct sley__waker waker;

    ensure(sley__wait_begin(&waker, "model") == 0);
    lab_post(&mail[0], waker);
    if (sley__wait_abandon(&results[0]))
        model_outcome("abandoned");
    else
        model_outcome("woken after all");
    results[1] = wait_for(1);
}

static void wake_abandoned(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    lab_await(&mail[0], &waker);
    won[0] = sley__wake(waker, 1);
    lab_await(&mail[1], &waker);
    won[1] = sley__wake(waker, 2);
}

static void setup_abandon(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){abandon});
}

static void verify_abandon(void)
{
    lab_verify();
    model_assert(results[0] == (won[0] ? 1 : 0), "the wake has won: %d, but the result is %d",
                 won[0], results[0]);
    model_assert(won[1] && results[1] == 2, "the next wait was ended with %d", results[1]);
}

MODEL(wait_abandon, .about = "a wait given up while it is being ended", .threads = 1,
      .setup = setup_abandon, .body = {wake_abandoned}, .verify = verify_abandon, .may_block = true,
      .stale = 1, .must_see = {"abandoned", "woken after all"});

/* --- the public park ------------------------------------------------------------------------ */

static void park_once(void)
{
    results[0] = sley_park("model");
    model_assert(payload[0] == 1, "what was done before the unpark is not seen");
}

/* The second unpark comes only when the first park is over, so neither may be lost. */
static void park_twice(void)
{
    park_once();
    lab_post_nothing(&mail[0]);
    results[1] = sley_park("model");
}

static void unpark(unsigned thread)
{
    struct sley__waker none;

    (void)thread;
    payload[0] = 1;
    sley_unpark(&lab_tasks[0]);
    if (model_variant() == 0)
        return;
    lab_await(&mail[0], &none);
    sley_unpark(&lab_tasks[0]);
}

static void setup_park(void)
{
    reset();
    results[0] = results[1] = -1;
    lab_setup(1, 1, (lab_script *[]){model_variant() ? park_twice : park_once});
}

static void verify_park(void)
{
    lab_verify();
    model_assert(results[0] == 0, "the park said %d", results[0]);
    if (model_variant())
        model_assert(results[1] == 0, "the second park said %d", results[1]);
}

MODEL(wait_permit, .about = "park against unpark, once and twice", .threads = 1,
      .setup = setup_park, .body = {unpark}, .verify = verify_park, .may_block = true,
      .variants = 2);

/* Two unparks may be one permit, or one for each of two parks; but the last one is never lost. */
static void park_until_done(void)
{
    while (load_acquire(&mail[0].there) < 2)
        ensure(sley_park("model") == 0);
}

static void unpark_done(unsigned thread)
{
    (void)thread;
    fetch_add_acq_rel(&mail[0].there, 1);
    sley_unpark(&lab_tasks[0]);
}

static void setup_parks(void)
{
    reset();
    lab_setup(1, 1, (lab_script *[]){park_until_done});
}

MODEL(wait_permits, .about = "a park in a loop against two unparks", .threads = 2,
      .setup = setup_parks, .body = {unpark_done}, .verify = lab_verify, .may_block = true,
      .every_switch_costs = true);

/* An unpark is for parks: a wait for something else goes on, and the permit waits for the park. */
static void wait_and_park(void)
{
    results[0] = wait_for(0);
    results[1] = sley_park("model");
}

static void unpark_and_wake(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    lab_await(&mail[0], &waker);
    sley_unpark(&lab_tasks[0]);
    won[0] = sley__wake(waker, 1);
}

static void setup_other(void)
{
    reset();
    results[1] = -1;
    lab_setup(1, 1, (lab_script *[]){wait_and_park});
}

static void verify_other(void)
{
    lab_verify();
    model_assert(won[0] && results[0] == 1, "the unpark has ended another wait: %d", results[0]);
    model_assert(results[1] == 0, "the permit is lost: %d", results[1]);
}

MODEL(wait_other, .about = "an unpark does not end what is no park", .threads = 1,
      .setup = setup_other, .body = {unpark_and_wake}, .verify = verify_other, .may_block = true,
      .stale = 1);

/* --- batches -------------------------------------------------------------------------------- */

static void wait_first(void)
{
    results[0] = wait_for(0);
}

static void wait_second(void)
{
    results[1] = wait_for(1);
}

/* Two tasks, the first one twice. */
static void wake_batch(unsigned thread)
{
    struct sley__wake_batch batch;
    struct sley__waker wakers[2];

    (void)thread;
    lab_await(&mail[0], &wakers[0]);
    lab_await(&mail[1], &wakers[1]);
    sley__wake_batch_begin(&batch);
    won[0] = sley__wake_batch_add(&batch, wakers[0], 1);
    won[1] = sley__wake_batch_add(&batch, wakers[1], 2);
    won[2] = sley__wake_batch_add(&batch, wakers[0], 3);
    sley__wake_batch_flush(&batch);
}

static void setup_batch(void)
{
    reset();
    lab_setup(2, 2, (lab_script *[]){wait_first, wait_second});
}

MODEL(wait_batch, .about = "a batch of wakes for tasks that are about to park", .threads = 1,
      .setup = setup_batch, .body = {wake_batch}, .verify = verify_late, .may_block = true,
      .every_switch_costs = true, .stale = 1);
