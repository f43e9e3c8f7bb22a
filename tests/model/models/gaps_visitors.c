/*
 * gaps_visitors.c: a thread from outside still tells an idle worker of a task that has ended long
 * since, and the runtime goes (wait.c). What it reads then must be there; here the freeing is a
 * plain write to what it reads last.
 */
#include "idle_workers.h"

static void setup(void)
{
    workers_init(1);
    model_assert(sley__idle_announce(&sched.idle, 0, false, false), "it is the only one");
}

static void wake(unsigned thread)
{
    (void)thread;
    sley__sched_ready_from_outside(&sched, &tasks[0], &tasks[0], 1);
}

static MODEL_GHOST bool is_queued(UNUSED void *arg)
{
    return sched.inject.count > 0;
}

static void end(unsigned thread)
{
    size_t n;

    (void)thread;
    model_wait_until(is_queued, NULL);
    while (!sley__inject_take(&sched.inject, 1, &n))
        model_yield();
    sley__sched_await_visitors(&sched);
    sched.workers = NULL;
    sched.idle.workers = 0;
}

MODEL(gaps_visitors, .about = "a wake from outside, and the runtime is freed", .threads = 2,
      .setup = setup, .body = {wake, end});
