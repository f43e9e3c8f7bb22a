/*
 * bench_timer.c: a million sleeps at once.
 *
 * Every connection has a deadline, so a server arms and fires timers all the time. A million tasks
 * each sleep once for a random time of 0 to 1000 ms.
 *
 *   cpu_s        CPU seconds of the whole process, making and ending the tasks included, per
 *                1,000,000 sleeps. CPU and not wall-clock: the wall-clock is the sleeping.
 *   late_p99_us  how long after its deadline a task runs again, 99th percentile. While tasks are
 *                still being made the workers are busy, so this is lateness under load.
 *
 * The times come from a fixed seed: all runs sleep the same. --quick is a fiftieth of it: 20,000
 * sleeps of 0 to 20 ms, so that as many timers fire per millisecond and the machine is as busy;
 * spread over a second, the kernel's wake-ups would be most of the cost. So it is with --size. Each
 * run has a new process, so all stacks are made within the time.
 */
#include <stdlib.h>

#include "harness.h"
#include "machine.h"

/* A task per microsecond of the longest sleep: 1,000,000 for 1000 ms. */
#define NS_PER_TASK 1000

struct work {
    size_t count;
    struct sley_task **tasks;
    int64_t *times; /* in: how long to sleep; out: how late it was */
    int64_t cpu_ns; /* result */
};

static int sleeper(void *arg)
{
    int64_t *time = arg, deadline = sley_now() + *time;
    int status = sley_sleep_until(deadline);
    *time = sley_now() - deadline;
    return status == 0 ? 1 : -1;
}

static int parent(void *arg)
{
    struct work *work = arg;
    size_t slept = 0;
    int64_t begin = machine_cpu_own();
    for (size_t i = 0; i < work->count; i++) {
        int status = sley_spawn(sleeper, &work->times[i], NULL, &work->tasks[i]);
        if (status < 0)
            return bench_error("task %zu: %s", i, sley_strerror(status));
    }
    for (size_t i = 0; i < work->count; i++) {
        int result;
        if (sley_join(work->tasks[i], &result) == 0)
            slept += result == 1;
    }
    work->cpu_ns = machine_cpu_own() - begin;
    if (slept != work->count)
        return bench_error("%zu of %zu tasks slept", slept, work->count);
    return 0;
}

/* No sleep may end early. */
static int check(const struct work *work)
{
    for (size_t i = 0; i < work->count; i++)
        if (work->times[i] < 0)
            return bench_error("task %zu woke %lld ns too early", i, (long long)-work->times[i]);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.count = bench_size(setup, 20000, 1000000)};
    uint64_t seed = 1;
    work.tasks = bench_alloc(work.count, sizeof(struct sley_task *));
    work.times = bench_alloc(work.count, sizeof *work.times);
    for (size_t i = 0; i < work.count; i++)
        work.times[i] = (int64_t)(bench_random(&seed) % (work.count * NS_PER_TASK));
    int status = bench_on_tasks(setup, parent, &work);
    if (status == 0)
        status = check(&work);
    values[0] = (double)work.cpu_ns / 1e9 * (1e6 / (double)work.count);
    values[1] = (double)bench_percentile(work.times, work.count, 0.99) / 1e3;
    free(work.times);
    free(work.tasks);
    return status;
}

const struct bench bench_timer = {
    .name = "timer",
    .why = "1,000,000 tasks sleep 0-1000 ms: what deadlines cost a server that has one on every "
           "connection, in CPU seconds per 1,000,000, and how late they fire",
    .size = {"sleeping tasks", 1, 1000000, 4832},
    .cases = {{.run = run,
               .metrics = {{"cpu_s", "s"}, {"late_p99_us", "us"}},
               .sized = true,
               .memory = BENCH_MIB(4608),
               .memory_quick = BENCH_MIB(128)}},
};
