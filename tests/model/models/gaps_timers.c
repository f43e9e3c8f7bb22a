/*
 * gaps_timers.c: timers against workers that sleep or are busy (search.c, poll.c, timer.c). A
 * worker whose task does not return cannot fire its timers, so another one does; what a busy worker
 * fires it cannot run, so another one is told; and a deadline that is over when its timer is armed
 * comes at the next tick.
 */
#include "idle_workers.h"

enum { TIMERS = 2 };

static struct sley__timer timers[TIMERS];
static struct sley__poller poller;
static unsigned found;

/* A worker that sees a task which it may not have yet looks again and again: time must go on. */
static int drain(UNUSED struct sley__poller *p)
{
    model_yield();
    return 0;
}

static void nothing(UNUSED struct sley__poller *p)
{
}

static void setup(void)
{
    workers_init(2);
    poller = (struct sley__poller){.drain = drain, .arm = nothing, .disarm = nothing};
    sched.poller = &poller;
    for (unsigned i = 0; i < 2; i++)
        sley__wheel_init(&workers[i].wheel, MODEL_EPOCH);
    found = 0;
}

static void arm(unsigned i, int64_t deadline)
{
    struct sley_task *task = &tasks[i];

    timers[i] = (struct sley__timer){.task = task, .ticket = sley__task_begin_wait(task, 0)};
    sley__timer_arm(&workers[0].wheel, &timers[i], deadline);
}

static void find_one(unsigned thread)
{
    struct sley_task *task = sley__worker_find(&workers[1]);

    (void)thread;
    model_assert(task && task->wake_result == SLEY__TIMER_FIRED, "not a task that was late");
    found++;
}

static void verify(void)
{
    model_assert(found == 1, "%u tasks were found", found);
}

/* Worker 0 computes all the time. */
static void setup_busy(void)
{
    setup();
    arm(0, MODEL_EPOCH + SLEY_MILLISECONDS(5));
}

/* Its task has armed them and parks only now; the next one keeps the worker for ever. */
static void fire_own(unsigned thread)
{
    (void)thread;
    for (unsigned i = 0; i < TIMERS; i++)
        arm(i, MODEL_EPOCH + SLEY_MILLISECONDS(5));
    model_clock_advance(SLEY_MILLISECONDS(10));
    sley__worker_poll(&workers[0]);
    if (!sley__worker_next(&workers[0]))
        model_outcome("all fired by the other");
}

static void arm_late(unsigned thread)
{
    struct sley__timer_due due[TIMERS];

    (void)thread;
    arm(0, MODEL_EPOCH - SLEY_MILLISECONDS(5));
    model_assert(sley__wheel_advance(&workers[0].wheel, MODEL_EPOCH + SLEY_MILLISECONDS(10), due,
                                     TIMERS) == 1,
                 "what was over is not due");
}

MODEL(gaps_timers_busy, .about = "the timer of a worker that does not return", .threads = 1,
      .setup = setup_busy, .body = {find_one}, .verify = verify, .max_steps = 20000);
MODEL(gaps_timers_told, .about = "a busy worker fires two timers, another one sleeps", .threads = 2,
      .setup = setup, .body = {fire_own, find_one}, .verify = verify, .bound = 1,
      .no_timeouts = true, .every_switch_costs = true, .max_steps = 20000);
MODEL(gaps_timers_late, .about = "a deadline that is over", .threads = 1, .setup = setup,
      .body = {arm_late});
