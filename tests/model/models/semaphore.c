/*
 * semaphore.c: permits (sched/semaphore.c): none is lost or doubled, no waiter forgotten, and
 * whoever was given the last one may free the semaphore.
 *
 * With one permit it is a lock, whose data is plain here. With none at first it is a signal: what
 * was done before the release is plain data, read after the acquire.
 */
#include "wait_lab.h"

#include <sley/sync.h>

#include <stdlib.h>

static struct sley_semaphore *semaphore;
static unsigned count; /* plain: the permit orders it */
static unsigned got, refused;
static int result;

static void reset(unsigned permits, unsigned limit)
{
    semaphore = malloc(sizeof *semaphore);
    *semaphore = (struct sley_semaphore)SLEY_SEMAPHORE_BOUNDED_INIT(permits, limit);
    count = got = refused = 0;
    result = 1;
}

/* Who has got something, by each for itself: nothing orders these. */
static MODEL_GHOST void note_got(void)
{
    got++;
}

static MODEL_GHOST void note_refused(void)
{
    refused++;
}

static void check_permits(unsigned permits)
{
    model_assert(semaphore->word == permits, "the word is left at %#x", semaphore->word);
    model_assert(!semaphore->waiters.first, "somebody is in the list still");
}

/* --- as a lock ---------------------------------------------------------------------------------
 */

static void setup_lock(void)
{
    reset(1, 1);
}

static void enter(unsigned thread)
{
    (void)thread;
    model_assert(sley_semaphore_acquire(semaphore) == 0, "a foreign thread knows no error");
    count++;
    model_assert(sley_semaphore_release(semaphore) == 0, "the permit was ours");
}

static void enter_twice(unsigned thread)
{
    enter(thread);
    enter(thread);
}

static void try_enter(unsigned thread)
{
    (void)thread;
    if (!sley_semaphore_try(semaphore))
        return;
    note_got();
    count++;
    model_assert(sley_semaphore_release(semaphore) == 0, "the permit was ours");
}

static void verify_lock(void)
{
    unsigned expected = *(const unsigned *)model_argument() + got;

    check_permits(1);
    model_assert(count == expected, "%u entered instead of %u", count, expected);
}

static const unsigned two = 2, three = 3, four = 4;

MODEL(semaphore_two, .about = "one permit, two threads, twice each", .threads = 2,
      .setup = setup_lock, .body = {enter_twice}, .verify = verify_lock, .argument = &four);

MODEL(semaphore_three, .about = "one permit, three threads", .threads = 3, .setup = setup_lock,
      .body = {enter}, .verify = verify_lock, .argument = &three);

MODEL(semaphore_try, .about = "... one of which only tries", .threads = 3, .setup = setup_lock,
      .body = {enter, enter, try_enter}, .verify = verify_lock, .argument = &two);

/* --- as a signal -------------------------------------------------------------------------------
 */

static void setup_signal(void)
{
    reset(0, 8);
}

static void take(unsigned thread)
{
    (void)thread;
    model_assert(sley_semaphore_acquire(semaphore) == 0, "a foreign thread knows no error");
    note_got();
}

static void give_twice(unsigned thread)
{
    (void)thread;
    model_assert(sley_semaphore_release(semaphore) == 0, "far below the limit");
    model_assert(sley_semaphore_release(semaphore) == 0, "far below the limit");
}

static void verify_signals(void)
{
    check_permits(0);
    model_assert(got == 2, "%u have got one", got);
}

MODEL(semaphore_signals, .about = "two permits from one, one each for two", .threads = 3,
      .setup = setup_signal, .body = {take, take, give_twice}, .verify = verify_signals);

static void give(unsigned thread)
{
    (void)thread;
    count = 1;
    model_assert(sley_semaphore_release(semaphore) == 0, "far below the limit");
}

static void take_and_free(unsigned thread)
{
    take(thread);
    model_assert(count == 1, "what was done before the release is not seen");
    free(semaphore);
}

MODEL(semaphore_gone, .about = "whoever got the permit frees it", .threads = 2,
      .setup = setup_signal, .body = {give, take_and_free});

static void take_and_free_task(void)
{
    take_and_free(1);
}

static void setup_signal_to_task(void)
{
    setup_signal();
    lab_setup(1, 1, (lab_script *[]){take_and_free_task});
}

MODEL(semaphore_gone_task, .about = "... and is a task", .threads = 1,
      .setup = setup_signal_to_task, .body = {give}, .verify = lab_verify, .may_block = true);

/* --- the limit ---------------------------------------------------------------------------------
 */

static void setup_limit(void)
{
    reset(0, 1);
}

static void give_or_not(unsigned thread)
{
    int error = sley_semaphore_release(semaphore);

    (void)thread;
    model_assert(error == 0 || error == SLEY_EINVAL, "%d", error);
    if (error)
        note_refused();
}

static void verify_limit(void)
{
    check_permits(refused ? 0 : 1);
    model_assert(got == 1 && refused <= 1, "%u got one, %u were refused", got, refused);
    model_outcome(refused ? "refused" : "not refused");
}

MODEL(semaphore_limit, .about = "one permit too many is refused, and is not there", .threads = 3,
      .setup = setup_limit, .body = {give_or_not, give_or_not, take}, .verify = verify_limit,
      .must_see = {"refused", "not refused"});

/* --- cancelled ---------------------------------------------------------------------------------
 */

/* If it got the permit in spite of the cancel, it is the other's turn. */
static void take_task(void)
{
    result = sley_semaphore_acquire(semaphore);
    if (result == 0)
        model_assert(sley_semaphore_release(semaphore) == 0, "the permit was ours");
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_cancel(void)
{
    setup_signal();
    lab_setup(1, 1, (lab_script *[]){take_task});
}

static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_outcome(result ? "cancelled" : "got it");
}

static void verify_cancel_alone(void)
{
    verify_cancel();
    check_permits(1);
}

static void verify_cancel_next(void)
{
    verify_cancel();
    check_permits(0);
    model_assert(got == 1, "the other has not got it");
}

MODEL(semaphore_cancel, .about = "a cancel against a release: the permit is somewhere",
      .threads = 2, .setup = setup_cancel, .body = {give, cancel}, .verify = verify_cancel_alone,
      .may_block = true, .must_see = {"cancelled", "got it"});

MODEL(semaphore_cancel_next, .about = "... while another one waits: it gets it in the end",
      .threads = 3, .setup = setup_cancel, .body = {take, give, cancel},
      .verify = verify_cancel_next, .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled", "got it"});
