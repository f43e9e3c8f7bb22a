/*
 * lost_wakeup.c: a worker announces its sleep and sleeps, without looking once more (W3 of
 * sched/idle.h is dropped). If the task comes between its last look and its announcement, nobody
 * wakes it.
 *
 * A model: the model checker has to find the one order in which that happens. Healthy, with the
 * look, it must find none.
 */
#include "idle.h"
#include "model.h"
#include "park.h"

#include <sley/time.h>

static struct sley__idle idle;
static struct sley__parker parker;
static atomic(unsigned) queue; /* how many tasks are in it */
static unsigned got;

static void setup(void)
{
    sley__idle_init(&idle, 1);
    sley__parker_init(&parker);
    store_relaxed(&queue, 0);
    got = 0;
}

static bool looks_again(void)
{
    return *(const bool *)model_argument();
}

/* W1 to W5. */
static void sleep_until_woken(void)
{
    sley__idle_announce(&idle, 0, false, false);
    if (looks_again() && load_relaxed(&queue) && sley__idle_retract(&idle, 0))
        return;
    sley__parker_sleep(&parker, SLEY_FOREVER);
}

static void worker(unsigned thread)
{
    (void)thread;
    if (!load_relaxed(&queue))
        sleep_until_woken();
    got = load_relaxed(&queue);
}

/* S1 to S5. */
static void submitter(unsigned thread)
{
    (void)thread;
    store_relaxed(&queue, 1);
    if (sley__idle_should_wake(&idle) && sley__idle_choose(&idle, 0) >= 0)
        sley__parker_wake(&parker);
}

static void verify(void)
{
    model_assert(got == 1, "the worker woke up to %u tasks", got);
}

MODEL(planted_lost_wakeup, .about = "planted: a worker that does not look again before it sleeps",
      .threads = 2, .setup = setup, .body = {worker, submitter}, .verify = verify,
      .argument = &(const bool){false}, .expect_failure = "waits for ever");
MODEL(planted_lost_wakeup_healthy, .about = "the same with the look", .threads = 2, .setup = setup,
      .body = {worker, submitter}, .verify = verify, .argument = &(const bool){true});
