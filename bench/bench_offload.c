/*
 * bench_offload.c: what it costs to have a function run elsewhere than on the workers.
 *
 * The function is empty, so what is measured is the way there and back. Two shapes of it.
 *
 * One task calls and waits, again and again: a round trip. Each side has gone idle when it is its
 * turn, so this is two wake-ups of a kernel thread unless somebody was still looking; read it
 * against `limits` us_futex_wake_p50.
 *
 * A thousand tasks call one by one, as a server does whose every request reads a file: jobs per
 * second. Nothing is submitted in bulk, and each task waits for its own job. The call is made
 * through the public interface, with the default class.
 *
 * The same twice more with a pool of processes, see bench_offload_process.c.
 *
 * Every job adds one to a counter of its task, so a job that was lost or run twice is an error.
 */
#include <stdlib.h>

#include <sley/blocking.h>

#include "bench_offload.h"

enum { CALLERS = 1000 };

struct caller {
    size_t calls;
    size_t ran;
};

static int job(void *arg)
{
    struct caller *caller = arg;
    caller->ran++;
    return 0;
}

static int call_in_turn(void *arg)
{
    struct caller *caller = arg;
    for (size_t i = 0; i < caller->calls; i++) {
        int status = sley_to_thread(job, caller, NULL);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
    }
    if (caller->ran != caller->calls)
        return bench_error("%zu of %zu jobs have run", caller->ran, caller->calls);
    return 0;
}

struct work {
    struct caller *callers;
    struct sley_task **tasks;
    size_t count; /* callers */
    double ns;    /* result: all of it */
};

/* Returns the first failure. */
static int join_all(struct work *work)
{
    int failed = 0;
    for (size_t i = 0; i < work->count; i++) {
        int result = 0, status = sley_join(work->tasks[i], &result);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
        if (result)
            failed = result;
    }
    return failed;
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->count; i++) {
        int status = sley_spawn(call_in_turn, &work->callers[i], NULL, &work->tasks[i]);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
    }
    int status = join_all(work);
    work->ns = (double)(sley_now() - begin);
    return status;
}

/* `count` tasks with `calls` calls each; the time of it all in *ns. */
static int measure(const struct bench_setup *setup, size_t count, size_t calls, double *ns)
{
    struct work work = {.count = count};
    work.callers = bench_alloc(count, sizeof *work.callers);
    work.tasks = bench_alloc(count, sizeof(struct sley_task *));
    for (size_t i = 0; i < count; i++)
        work.callers[i] = (struct caller){.calls = calls};
    int status = bench_on_tasks(setup, parent, &work);
    free(work.tasks);
    free(work.callers);
    *ns = work.ns;
    return status;
}

static int run_round_trip(const struct bench_setup *setup, double *values)
{
    size_t calls = setup->quick ? 2000 : 20000;
    int status = measure(setup, 1, calls, values);
    *values /= (double)calls * 1e3;
    return status;
}

static int run_jobs(const struct bench_setup *setup, double *values)
{
    size_t calls = setup->quick ? 20 : 500;
    double ns;
    int status = measure(setup, CALLERS, calls, &ns);
    *values = ns / ((double)CALLERS * (double)calls);
    return status;
}

const struct bench bench_offload = {
    .name = "offload",
    .why = "an empty function run on a thread of the blocking pool, and in another process: what a "
           "program pays for each call that blocks or must not be trusted, alone and with a "
           "thousand tasks at once",
    .cases = {{.run = run_round_trip, .metrics = {{"us_round_trip_thread", "us"}}},
              {.run = run_jobs, .metrics = {{"ns_per_job_thread", "ns"}}},
              {.run = bench_offload_process_round_trip,
               .metrics = {{"us_round_trip_process", "us"}}},
              {.run = bench_offload_process_jobs, .metrics = {{"ns_per_job_process", "ns"}}}},
};
