/*
 * bench_wake.c: how fast an idle runtime answers, and what it costs while it is idle.
 *
 * `wake`: a thread that is not a worker unparks a task whose runtime has had nothing to do for at
 * least a millisecond, so the worker's kernel thread sleeps and its processor has halted. From just
 * before sley_unpark() until the task runs. Read it against `limits` us_futex_wake_p50, the same
 * with a bare futex in place of the runtime: same waker, same processors, same idle time.
 *
 * `idle`: the other side of the bargain. A runtime that spins, or wakes up to look around, would
 * win above and waste a core. One task is parked, nothing happens for 10 s, and the CPU time and
 * the voluntary context switches of all threads but ours are counted: each switch is a thread that
 * had woken up for nothing and went to sleep again.
 */
#include <time.h>

#include "harness.h"
#include "machine.h"
#include "wake_rig.h"

static void unpark(void *arg)
{
    struct sley_task **task = arg;
    sley_unpark(*task);
}

struct wake_work {
    struct wake_rig rig;
    struct sley_task *task;
};

static int sleeper(void *arg)
{
    struct wake_work *work = arg;
    struct wake_rig *rig = &work->rig;
    work->task = sley_self();
    if (wake_rig_start(rig) != 0)
        return bench_error("cannot start a thread");
    for (size_t i = 0; i < rig->samples; i++) {
        wake_rig_sleeping(rig);
        if (sley_park("wake") != 0)
            return bench_error("the task was cancelled");
        if (wake_rig_woken(rig) != 0)
            return BENCH_FAILED;
    }
    return 0;
}

static int run_wake(const struct bench_setup *setup, double *values)
{
    struct wake_work work = {.rig = {.wake = unpark, .arg = &work.task}};
    unsigned sleeper_cpu;
    work.rig.idle_ns = WAKE_RIG_IDLE_NS;
    work.rig.samples = setup->quick ? WAKE_RIG_SAMPLES_QUICK : WAKE_RIG_SAMPLES;
    if (wake_rig_place(setup->workers, &sleeper_cpu, &work.rig.cpu) != 0)
        return BENCH_FAILED;
    int status = bench_on_tasks(setup, sleeper, &work);
    if (status != 0)
        return status;
    struct wake_figures figures = wake_rig_finish(&work.rig);
    values[0] = (double)figures.late_p50 / 1e3;
    values[1] = (double)figures.late_p99 / 1e3;
    return 0;
}

const struct bench bench_wake = {
    .name = "wake",
    .why = "a foreign thread unparks a task of a runtime that has been idle for 1 ms or more: the "
           "latency that a quiet server adds to a request",
    .cases = {{.run = run_wake, .metrics = {{"us_p50", "us"}, {"us_p99", "us"}}}},
};

struct idle_work {
    double cpu_percent, switches;
};

static int waiter(void *arg)
{
    (void)arg;
    sley_park("nothing"); /* until the runtime is freed */
    return 0;
}

static void rest(int64_t duration)
{
    struct timespec time = {.tv_sec = duration / 1000000000, .tv_nsec = duration % 1000000000};
    while (nanosleep(&time, &time) != 0)
        continue;
}

/* Both readings leave the calling thread out: its own sleep is one switch. */
static void observe(struct idle_work *work, int64_t duration)
{
    int64_t begin = sley_now();
    int64_t cpu = machine_cpu_own() - machine_cpu_thread();
    int64_t switches = machine_switches_own() - machine_switches_thread();
    rest(duration);
    cpu = machine_cpu_own() - machine_cpu_thread() - cpu;
    switches = machine_switches_own() - machine_switches_thread() - switches;
    /* The two clocks are read one after the other, so nothing at all can come out below zero. */
    work->cpu_percent = cpu > 0 ? 100 * (double)cpu / (double)(sley_now() - begin) : 0;
    work->switches = (double)switches;
}

static int run_idle(const struct bench_setup *setup, double *values)
{
    struct sley_options options = {.workers = setup->workers};
    struct sley_runtime *runtime;
    struct idle_work work;
    int status = sley_runtime_new(&options, &runtime);
    if (status < 0)
        return bench_error("no runtime: %s", sley_strerror(status));
    status = sley_runtime_spawn(runtime, waiter, NULL, NULL, NULL);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    rest(SLEY_MILLISECONDS(200)); /* until start-up is over */
    observe(&work, setup->quick ? SLEY_SECONDS(2) : SLEY_SECONDS(10));
    sley_runtime_free(runtime);
    values[0] = work.cpu_percent;
    values[1] = work.switches;
    return 0;
}

const struct bench bench_idle = {
    .name = "idle",
    .why = "a runtime with nothing to do for 10 s: CPU time and wake-ups that it burns all the "
           "same, which is what a battery and a shared machine pay for it",
    .cold = true,
    .cases = {{.run = run_idle,
               .metrics = {{"cpu_percent", "%"}, {"voluntary_switches", "switches"}}}},
};
