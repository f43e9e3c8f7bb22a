/*
 * gaps_stop.c: the carriers are stopped (sley__sched_stop in worker.c) while they look for work, go
 * to sleep or sleep. They are the real ones, from sley__sched_start to their end, and have nothing
 * to do; one that is not told sleeps for ever.
 */
#include "idle_workers.h"

static void setup(void)
{
    workers_init(1);
    ensure(sley__sched_start(&sched) == 0);
}

static void stop(unsigned thread)
{
    (void)thread;
    sley__sched_stop(&sched);
}

static void verify(void)
{
    model_assert(sley__idle_sleeping(sched.idle.state) == 0, "counted as asleep");
    model_assert(sched.idle.sleepers[0] == 0, "may be woken");
}

MODEL(gaps_stop, .about = "a carrier is stopped wherever it is", .threads = 1, .setup = setup,
      .body = {stop}, .verify = verify);
