/*
 * bench_spawn.c: what a task costs that does nothing, from spawn to join.
 *
 * Two shapes, because they stress different things. In batches of 1,000 everything that a task
 * needs is recycled from the batch before and stays in the cache: the pure path of spawn, run, end
 * and join. A million at once is what a program does that starts a task per item of a large input:
 * there the tasks outgrow every cache and every queue, and memory decides.
 *
 * The parent keeps the handles in an array and joins them in the order of spawning, as join handles
 * are used everywhere. Each task returns 1 and the parent adds the results, so a task that was lost
 * or run twice is an error and not a good figure.
 *
 * With --size both have so many: batches of them, in a runtime that recycles, and so many at once.
 *
 * Each shape has a process and a runtime of its own, so neither finds the other's tasks recycled.
 * The handle array is written before the clock starts.
 */
#include <stdlib.h>

#include "harness.h"

struct work {
    size_t batches;
    size_t batch; /* tasks in one */
    struct sley_task **tasks;
    double ns; /* result */
};

static int nothing(void *arg)
{
    (void)arg;
    return 1;
}

/* The sum of what the tasks returned, or a negative SLEY_E*. */
static int64_t run_batch(struct sley_task **tasks, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int status = sley_spawn(nothing, NULL, NULL, &tasks[i]);
        if (status < 0)
            return status;
    }
    for (size_t i = 0; i < count; i++) {
        int result, status = sley_join(tasks[i], &result);
        if (status < 0)
            return status;
        sum += result;
    }
    return sum;
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->batches; i++) {
        int64_t sum = run_batch(work->tasks, work->batch);
        if (sum < 0)
            return bench_error("%s", sley_strerror((int)sum));
        if (sum != (int64_t)work->batch)
            return bench_error("%zu tasks returned %lld in all", work->batch, (long long)sum);
    }
    work->ns = (double)(sley_now() - begin) / (double)(work->batches * work->batch);
    return 0;
}

static int measure(const struct bench_setup *setup, size_t batches, size_t batch, double *value)
{
    struct work work = {.batches = batches, .batch = batch};
    work.tasks = bench_alloc(batch, sizeof(struct sley_task *));
    int status = bench_on_tasks(setup, parent, &work);
    free(work.tasks);
    *value = work.ns;
    return status;
}

static int run_batches(const struct bench_setup *setup, double *values)
{
    size_t batch = bench_size(setup, 1000, 1000), all = setup->quick ? 100000 : 1000000;
    return measure(setup, batch < all ? all / batch : 1, batch, values);
}

static int run_flat(const struct bench_setup *setup, double *values)
{
    return measure(setup, 1, bench_size(setup, 100000, 1000000), values);
}

const struct bench bench_spawn = {
    .name = "spawn",
    .why = "one parent spawns empty tasks and joins them, 1,000 batches of 1,000 and, flat, "
           "1,000,000 at once: whether a task per item of work is affordable",
    .size = {"tasks in a batch, and at once", 1, 1000000, 268},
    .cases =
        {
            {.run = run_batches, .metrics = {{"ns_per_task", "ns"}}, .sized = true},
            {.run = run_flat,
             .metrics = {{"ns_per_task_flat", "ns"}},
             .sized = true,
             .memory = BENCH_MIB(256),
             .memory_quick = BENCH_MIB(32)},
        },
};
