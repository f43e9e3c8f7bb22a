/*
 * cond.c: conditions (sched/cond.c), and what of the mutex is for them: no signal is lost, not with
 * a waiter that is cancelled either, and who has waited has the mutex whatever the result.
 */
#include "wait_lab.h"

#include <sley/sync.h>

#include <stdlib.h>

static struct monitor {
    struct sley_mutex mutex;
    struct sley_cond cond;
    unsigned given; /* plain: the mutex orders it */
} * monitor;

static int result;
static bool over;

static void setup(void)
{
    monitor = malloc(sizeof *monitor);
    monitor->mutex = (struct sley_mutex)SLEY_MUTEX_INIT;
    monitor->cond = (struct sley_cond)SLEY_COND_INIT;
    monitor->given = 0;
    result = 1;
    over = false;
}

static void lock(void)
{
    model_assert(sley_mutex_lock(&monitor->mutex) == 0, "nobody is cancelled here");
}

static void take(void)
{
    lock();
    while (!monitor->given)
        model_assert(sley_cond_wait(&monitor->cond, &monitor->mutex) == 0, "nobody is cancelled");
    monitor->given--;
    sley_mutex_unlock(&monitor->mutex);
}

static void consume(unsigned thread)
{
    (void)thread;
    take();
}

static void consume_and_free(unsigned thread)
{
    (void)thread;
    take();
    free(monitor);
}

/* The signal comes with the mutex, or after it. */
static void produce_with(unsigned thread)
{
    (void)thread;
    lock();
    monitor->given++;
    sley_cond_signal(&monitor->cond);
    sley_mutex_unlock(&monitor->mutex);
}

static void produce(unsigned thread)
{
    (void)thread;
    lock();
    monitor->given++;
    sley_mutex_unlock(&monitor->mutex);
    sley_cond_signal(&monitor->cond);
}

static void produce_twice(unsigned thread)
{
    produce(thread);
    produce(thread);
}

static void produce_two(unsigned thread)
{
    (void)thread;
    lock();
    monitor->given += 2;
    sley_mutex_unlock(&monitor->mutex);
    sley_cond_broadcast(&monitor->cond);
}

static void verify(void)
{
    model_assert(monitor->given == 0, "%u are left", monitor->given);
    model_assert(monitor->mutex.word == 0, "somebody has the mutex still");
    model_assert(!monitor->cond.waiters.first, "somebody is in the list still");
}

MODEL(cond_signal, .about = "what is signalled is seen", .threads = 2, .setup = setup,
      .body = {consume, produce}, .verify = verify);

MODEL(cond_gone, .about = "... with the mutex, by one that frees both at once", .threads = 2,
      .setup = setup, .body = {consume_and_free, produce_with});

MODEL(cond_two, .about = "two who wait, two signals", .threads = 3, .setup = setup,
      .body = {consume, consume, produce_twice}, .verify = verify, .every_switch_costs = true);

MODEL(cond_broadcast, .about = "two who wait, one broadcast", .threads = 3, .setup = setup,
      .body = {consume, consume, produce_two}, .verify = verify, .every_switch_costs = true);

/* --- cancelled ---------------------------------------------------------------------------------
 */

/* One wait, without looking whether something is given: whoever was given the signal passes it on.
 * The count is wrong if the mutex is not held. */
static void wait_once(void)
{
    result = sley_mutex_lock(&monitor->mutex);
    if (result)
        return;
    result = sley_cond_wait(&monitor->cond, &monitor->mutex);
    monitor->given++;
    sley_mutex_unlock(&monitor->mutex);
    if (result == 0)
        sley_cond_signal(&monitor->cond);
}

static MODEL_GHOST void note_over(void)
{
    over = true;
}

static void wait_task(void)
{
    wait_once();
    note_over();
}

static void wait_thread(unsigned thread)
{
    (void)thread;
    lock();
    model_assert(sley_cond_wait(&monitor->cond, &monitor->mutex) == 0, "nobody cancels this one");
    monitor->given++;
    sley_mutex_unlock(&monitor->mutex);
}

static MODEL_GHOST unsigned waiting(void)
{
    const struct sley__waiters *waiters = &monitor->cond.waiters;

    return (unsigned)(waiters->first != NULL) + (unsigned)(waiters->first != waiters->last);
}

/* Both wait, or the task has left and the thread waits. */
static MODEL_GHOST bool may_signal(UNUSED void *arg)
{
    return waiting() == 2 || (over && waiting() == 1);
}

static void signal_once(unsigned thread)
{
    (void)thread;
    model_wait_until(may_signal, NULL);
    sley_cond_signal(&monitor->cond);
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

static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(monitor->given >= 1 && monitor->mutex.word == 0, "%u", monitor->given);
    model_outcome(result ? "cancelled" : "signalled");
}

MODEL(cond_cancel, .about = "a cancel against a signal: the other one gets it, or both",
      .threads = 3, .setup = setup_cancel, .body = {wait_thread, signal_once, cancel},
      .verify = verify_cancel, .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled", "signalled"});

/* Nobody signals; the mutex is taken again in spite of the cancel, and of another who has it. */
static void hold(unsigned thread)
{
    (void)thread;
    lock();
    monitor->given += 2;
    sley_mutex_unlock(&monitor->mutex);
}

static void verify_shielded(void)
{
    lab_verify();
    model_assert(result == SLEY_ECANCELED, "%d", result);
    model_assert(monitor->given == 2 || monitor->given == 3, "%u", monitor->given);
    model_assert(monitor->mutex.word == 0, "somebody has the mutex still");
    model_outcome(monitor->given == 3 ? "waited" : "not begun");
}

MODEL(cond_shielded, .about = "a cancelled one has the mutex again, too", .threads = 2,
      .setup = setup_cancel, .body = {hold, cancel}, .verify = verify_shielded, .may_block = true,
      .must_see = {"waited", "not begun"});
