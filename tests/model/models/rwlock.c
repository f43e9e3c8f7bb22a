/*
 * rwlock.c: readers and writers (sched/rwlock.c): a writer is alone, whoever can be let in is, in
 * the order of arrival, and a writer that gives up holds nobody back.
 *
 * What is protected is plain: two readers do not race, a reader and a writer would.
 */
#include "wait_lab.h"

#include <sley/sync.h>

#include <stdlib.h>

static struct sley_rwlock *rwlock;
static unsigned written, left; /* plain: the lock orders them */
static int result;
static bool tried;

static void reset(unsigned writers)
{
    rwlock = malloc(sizeof *rwlock);
    *rwlock = (struct sley_rwlock)SLEY_RWLOCK_INIT;
    written = 0;
    left = writers;
    result = 1;
    tried = false;
}

static void setup(void)
{
    reset(UINT32_MAX);
}

static void read_it(unsigned thread)
{
    (void)thread;
    model_assert(sley_rwlock_read(rwlock) == 0, "a foreign thread knows no error");
    model_assert(written <= 3, "%u", written);
    sley_rwlock_unlock(rwlock);
}

static void write_it(unsigned thread)
{
    bool last;

    (void)thread;
    model_assert(sley_rwlock_write(rwlock) == 0, "a foreign thread knows no error");
    written++;
    last = --left == 0;
    sley_rwlock_unlock(rwlock);
    if (last)
        free(rwlock);
}

static void try_both(unsigned thread)
{
    (void)thread;
    if (sley_rwlock_try_read(rwlock)) {
        model_assert(written <= 3, "%u", written);
        sley_rwlock_unlock(rwlock);
    }
    tried = sley_rwlock_try_write(rwlock);
    if (tried) {
        written++;
        sley_rwlock_unlock(rwlock);
    }
}

static void verify(void)
{
    unsigned expected = *(const unsigned *)model_argument() + tried;

    model_assert(written == expected, "%u have written instead of %u", written, expected);
    model_assert(!rwlock->readers && !rwlock->writer && !rwlock->waiters.first,
                 "%u readers, writer %u, and perhaps some who wait", rwlock->readers,
                 rwlock->writer);
}

static const unsigned none = 0, one = 1, two = 2;

MODEL(rwlock_readers, .about = "two readers, one writer", .threads = 3, .setup = setup,
      .body = {read_it, write_it, read_it}, .verify = verify, .argument = &one);

MODEL(rwlock_writers, .about = "two writers, one reader", .threads = 3, .setup = setup,
      .body = {write_it, read_it, write_it}, .verify = verify, .argument = &two);

MODEL(rwlock_try, .about = "tries of both kinds never break in", .threads = 3, .setup = setup,
      .body = {read_it, try_both, write_it}, .verify = verify, .argument = &one);

/* --- freed by the last writer ------------------------------------------------------------------
 */

static void setup_gone(void)
{
    reset(2);
}

static void verify_gone(void)
{
    model_assert(left == 0, "%u have not written", left);
}

MODEL(rwlock_gone, .about = "the last of two writers frees it at once", .threads = 2,
      .setup = setup_gone, .body = {write_it}, .verify = verify_gone);

/* --- order -------------------------------------------------------------------------------------
 */

static MODEL_GHOST bool somebody_waits(void)
{
    return rwlock->waiters.first;
}

/* A read has it since setup(). */
static void setup_read(void)
{
    setup();
    model_assert(sley_rwlock_try_read(rwlock), "it is new");
}

static void unlock(unsigned thread)
{
    (void)thread;
    sley_rwlock_unlock(rwlock);
}

static void read_after(unsigned thread)
{
    bool behind = somebody_waits();

    (void)thread;
    model_assert(sley_rwlock_read(rwlock) == 0, "a foreign thread knows no error");
    model_assert(!behind || written, "a reader has overtaken a writer that waited");
    sley_rwlock_unlock(rwlock);
    model_outcome(behind ? "behind" : "first");
}

MODEL(rwlock_order, .about = "a reader waits behind a writer that came before it", .threads = 3,
      .setup = setup_read, .body = {unlock, write_it, read_after}, .verify = verify,
      .argument = &one, .exact_order = true, .must_see = {"behind", "first"});

/* Two readers are in together: each waits, while it has it, for the other. */
static unsigned inside;

static MODEL_GHOST bool both_inside(UNUSED void *arg)
{
    return inside == 2;
}

static MODEL_GHOST void note_inside(void)
{
    inside++;
}

static void read_together(unsigned thread)
{
    (void)thread;
    model_assert(sley_rwlock_read(rwlock) == 0, "a foreign thread knows no error");
    note_inside();
    model_wait_until(both_inside, NULL);
    sley_rwlock_unlock(rwlock);
}

/* A write has it since setup(). */
static void setup_written(void)
{
    setup();
    inside = 0;
    model_assert(sley_rwlock_try_write(rwlock), "it is new");
}

MODEL(rwlock_together, .about = "a writer lets in all readers that wait", .threads = 3,
      .setup = setup_written, .body = {unlock, read_together, read_together}, .verify = verify,
      .argument = &none);

/* --- cancelled ---------------------------------------------------------------------------------
 */

static void write_task(void)
{
    result = sley_rwlock_write(rwlock);
    if (result)
        return;
    written++;
    sley_rwlock_unlock(rwlock);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_cancel(void)
{
    setup_read();
    lab_setup(1, 1, (lab_script *[]){write_task});
}

static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(written == (result == 0), "the task got %d, %u have written", result, written);
    model_outcome(result ? "cancelled" : "got it");
}

/* The read of setup() stays. */
static void verify_behind(void)
{
    verify_cancel();
    model_assert(result == SLEY_ECANCELED, "a writer beside a reader");
    model_assert(rwlock->readers == 1 && !rwlock->waiters.first, "%u readers", rwlock->readers);
}

MODEL(rwlock_cancel_behind, .about = "a writer that is cancelled lets the readers behind it in",
      .threads = 2, .setup = setup_cancel, .body = {read_it, cancel}, .verify = verify_behind,
      .may_block = true);

static void verify_alone(void)
{
    verify_cancel();
    model_assert(!rwlock->readers && !rwlock->writer && !rwlock->waiters.first,
                 "%u readers, writer %u, or somebody who waits", rwlock->readers, rwlock->writer);
}

MODEL(rwlock_cancel, .about = "a cancel of a writer against the release", .threads = 2,
      .setup = setup_cancel, .body = {unlock, cancel}, .verify = verify_alone, .may_block = true,
      .must_see = {"cancelled", "got it"});

MODEL(rwlock_cancel_next, .about = "... while a reader waits behind it", .threads = 3,
      .setup = setup_cancel, .body = {unlock, read_it, cancel}, .verify = verify_alone,
      .may_block = true, .every_switch_costs = true, .must_see = {"cancelled", "got it"});
