/*
 * bench_offload_process.c: what it costs to have a function run in another process.
 *
 * The other half of `offload`: empty jobs, two shapes. One task that calls sley_procpool_call() in
 * a loop, with a pool of one child: a round trip, as a program sees it that has one thing to ask at
 * a time. And a thousand tasks that each do the same, with a child per worker: jobs are submitted
 * one by one and nobody says that there are many; whatever is gained by batching, the runtime has
 * gained by itself. 1e9 divided by the time per job is jobs per second.
 *
 * The children have begun, and have run a thousand jobs, before the clock does. Compare with
 * `limits` us_futex_wake_p50: a round trip that sleeps cannot be below two of those.
 */
#include <stdlib.h>

#include <sley/procpool.h>

#include "bench_offload.h"

enum { TASKS = 1000 };

struct offload_work {
    struct sley_procpool *pool;
    size_t calls; /* per task */
    size_t wrong;
};

static int empty(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)result;
    return (int)in_size;
}

static int call(struct sley_procpool *pool)
{
    int value = -1;
    int error = sley_procpool_call(pool, empty, "1234", 4, NULL, 0, NULL, &value);
    return error ? error : value - 4;
}

static int caller(void *arg)
{
    struct offload_work *work = arg;
    for (size_t i = 0; i < work->calls; i++)
        if (call(work->pool) != 0)
            bench_count(&work->wrong);
    return 0;
}

static int crowd(void *arg)
{
    struct sley_task **tasks = bench_alloc(TASKS, sizeof(struct sley_task *));
    for (size_t i = 0; i < TASKS; i++)
        if (sley_spawn(caller, arg, NULL, &tasks[i]) != 0)
            return bench_error("no task");
    for (size_t i = 0; i < TASKS; i++)
        sley_join(tasks[i], NULL);
    free(tasks);
    return 0;
}

struct offload_run {
    struct offload_work work;
    sley_task_fn *body;
    unsigned children;
    int64_t elapsed;
};

/* Makes the pool and its children, then measures the body with them. */
static int with_pool(void *arg)
{
    struct offload_run *run = arg;
    struct sley_procpool_options options = {.min = run->children, .max = run->children};
    int error = sley_procpool_new(&options, &run->work.pool);
    if (error)
        return bench_error("no pool: %s", sley_strerror(error));
    for (int i = 0; i < 1000; i++) /* the children have begun, and run from warm pages */
        if (call(run->work.pool) != 0)
            bench_count(&run->work.wrong);
    int64_t begin = sley_now();
    int status = run->body(&run->work);
    run->elapsed = sley_now() - begin;
    sley_procpool_free(run->work.pool);
    if (run->work.wrong)
        return bench_error("%zu jobs have failed", run->work.wrong);
    return status;
}

/* bench_on_tasks() prepares nothing. */
static int measure(const struct bench_setup *setup, struct offload_run *run)
{
    struct sley_options options = {.workers = setup->workers, .prepare = sley_procpool_prepare};
    int status = sley_run(with_pool, run, &options);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    return status;
}

int bench_offload_process_round_trip(const struct bench_setup *setup, double *values)
{
    struct offload_run run = {.body = caller, .children = 1};
    run.work.calls = setup->quick ? 2000 : 50000;
    int status = measure(setup, &run);
    if (status == 0)
        values[0] = (double)run.elapsed / 1e3 / (double)run.work.calls;
    return status;
}

int bench_offload_process_jobs(const struct bench_setup *setup, double *values)
{
    struct offload_run run = {.body = crowd, .children = setup->workers};
    run.work.calls = setup->quick ? 20 : 500;
    int status = measure(setup, &run);
    if (status == 0)
        values[0] = (double)run.elapsed / (double)(TASKS * run.work.calls);
    return status;
}
