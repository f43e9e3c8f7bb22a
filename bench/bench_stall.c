/*
 * bench_stall.c: tasks that compute and never ask the runtime for anything.
 *
 * Twice as many tasks as workers compute for a second of processor time each, from the beginning.
 * Beside them one task sleeps for 1 ms again and again until they have ended, as a connection with
 * a timer would. How late it wakes up: a runtime without relief is late by the seconds of a whole
 * computation, or two; with threads alone it is what the kernel's scheduler makes of five threads
 * on two processors.
 *
 *   late_p50_us, late_p99_us, late_max_us   from the deadline to the task's next instruction
 *
 * --quick is a tenth: 100 ms each. The first take-overs are a larger part of it then.
 */
#include <stdlib.h>
#include <time.h>

#include "harness.h"

enum { SAMPLES_MAX = 100000 };

struct work {
    int64_t compute_ns;
    size_t hogs, ended;
    int64_t *late;
    size_t samples;
};

static int64_t thread_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* It does not park, so it stays on one thread, whose time is its own. */
static int hog(void *arg)
{
    struct work *work = arg;
    uint64_t state = 1;
    int64_t until = thread_time() + work->compute_ns;
    while (thread_time() < until)
        for (int i = 0; i < 10000; i++)
            bench_random(&state);
    bench_count(&work->ended);
    return state == 0;
}

static int sleeper(void *arg)
{
    struct work *work = arg;
    while (__atomic_load_n(&work->ended, __ATOMIC_ACQUIRE) < work->hogs &&
           work->samples < SAMPLES_MAX) {
        int64_t deadline = sley_now() + SLEY_MILLISECONDS(1);
        if (sley_sleep_until(deadline) != 0)
            return bench_error("the sleeping task was cancelled");
        work->late[work->samples++] = sley_now() - deadline;
    }
    return 0;
}

static int parent(void *arg)
{
    struct work *work = arg;
    static struct sley_task *tasks[2 * BENCH_WORKERS_MAX + 1];
    int status = 0;
    for (size_t i = 0; i <= work->hogs; i++)
        if (sley_spawn(i ? hog : sleeper, work, NULL, &tasks[i]) != 0)
            return bench_error("cannot spawn");
    for (size_t i = 0; i <= work->hogs; i++) {
        int result = 0;
        if (sley_join(tasks[i], &result) != 0 || result != 0)
            status = BENCH_FAILED;
    }
    return status;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.compute_ns = setup->quick ? SLEY_MILLISECONDS(100) : SLEY_SECONDS(1),
                        .hogs = 2 * (size_t)setup->workers};
    work.late = bench_alloc(SAMPLES_MAX, sizeof *work.late);
    int status = bench_on_tasks(setup, parent, &work);
    if (status == 0 && work.samples == 0)
        status = bench_error("no sleep has ended");
    if (status == 0) {
        values[0] = (double)bench_percentile(work.late, work.samples, 0.5) / 1e3;
        values[1] = (double)bench_percentile(work.late, work.samples, 0.99) / 1e3;
        values[2] = (double)bench_percentile(work.late, work.samples, 1.0) / 1e3;
    }
    free(work.late);
    return status;
}

const struct bench bench_stall = {
    .name = "stall",
    .why = "twice as many tasks as workers compute for 1 s each while another one sleeps 1 ms in a "
           "loop: how late that one wakes up",
    .cold = true,
    .cases = {{.run = run,
               .metrics = {{"late_p50_us", "us"}, {"late_p99_us", "us"}, {"late_max_us", "us"}}}},
};
