/*
 * bench_lock.c: locks under the load that they are made for.
 *
 * `mutex`: eight tasks take and give back one mutex, with nothing to do inside but to count. With
 * one worker they hardly ever meet there, as a task does not lose its worker inside; with more, all
 * workers always want it, and the figure is whether they then waste their time on waking each
 * other.
 *
 * `semaphore`: eight tasks share four permits and let the others run while they have one, so half
 * of those that come find none and must wait for theirs. The yield is part of the figure: subtract
 * `switch`.
 *
 * With --size so many tasks share the work, all but one or four of them waiting in line.
 */
#include <stdlib.h>

#include "harness.h"

#include <sley/sync.h>

enum { TASKS = 8, PERMITS = 4, LEAST = 10 };

struct work {
    size_t tasks;
    size_t ops; /* per task */
    struct sley_mutex mutex;
    uint64_t counted; /* under the mutex */
    struct sley_semaphore semaphore;
    double ns; /* result */
    sley_task_fn *fn;
};

static int lock_often(void *arg)
{
    struct work *work = arg;
    for (size_t i = 0; i < work->ops; i++) {
        if (sley_mutex_lock(&work->mutex) != 0)
            return -1;
        work->counted++;
        sley_mutex_unlock(&work->mutex);
    }
    return 1;
}

static int acquire_often(void *arg)
{
    struct work *work = arg;
    for (size_t i = 0; i < work->ops; i++)
        if (sley_semaphore_acquire(&work->semaphore) != 0 || sley_yield() != 0 ||
            sley_semaphore_release(&work->semaphore) != 0)
            return -1;
    return 1;
}

static int parent(void *arg)
{
    struct work *work = arg;
    struct sley_task **tasks = bench_alloc(work->tasks, sizeof(struct sley_task *));
    size_t finished = 0;
    int status = 0;
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->tasks; i++)
        if ((status = sley_spawn(work->fn, work, NULL, &tasks[i])) != 0)
            return bench_error("%s", sley_strerror(status));
    for (size_t i = 0; i < work->tasks; i++) {
        int result = 0;
        sley_join(tasks[i], &result);
        finished += result == 1;
    }
    work->ns = (double)(sley_now() - begin) / (double)(work->tasks * work->ops);
    free(tasks);
    if (finished != work->tasks)
        return bench_error("%zu of %zu tasks finished", finished, work->tasks);
    return 0;
}

/* So many tasks, and so often each that they come to `all`. */
static struct work share(const struct bench_setup *setup, sley_task_fn *fn, size_t all)
{
    size_t tasks = bench_size(setup, TASKS, TASKS);
    return (struct work){
        .fn = fn, .tasks = tasks, .ops = tasks < all / LEAST ? all / tasks : LEAST};
}

static int run_mutex(const struct bench_setup *setup, double *values)
{
    struct work work = share(setup, lock_often, TASKS * (setup->quick ? 100000U : 1000000U));
    int status = bench_on_tasks(setup, parent, &work);
    if (status == 0 && work.counted != work.tasks * work.ops)
        return bench_error("counted %llu", (unsigned long long)work.counted);
    values[0] = work.ns;
    return status;
}

const struct bench bench_mutex = {
    .name = "mutex",
    .why = "eight tasks take one mutex a million times each to count: the price of shared state, "
           "alone on a worker and when all workers want it at once",
    .workers = 1,
    .size = {"tasks", 1, 1000000, 4832},
    .cases = {{.run = run_mutex, .metrics = {{"ns_per_op", "ns"}}, .sized = true}},
};

static int run_semaphore(const struct bench_setup *setup, double *values)
{
    struct work work = share(setup, acquire_often, TASKS * (setup->quick ? 20000U : 100000U));
    work.semaphore = (struct sley_semaphore)SLEY_SEMAPHORE_BOUNDED_INIT(PERMITS, PERMITS);
    int status = bench_on_tasks(setup, parent, &work);
    for (int i = 0; status == 0 && i < PERMITS; i++)
        if (!sley_semaphore_try(&work.semaphore))
            return bench_error("%d permits are left of %d", i, PERMITS);
    values[0] = work.ns;
    return status;
}

const struct bench bench_semaphore = {
    .name = "semaphore",
    .why = "eight tasks share four permits, each yields while it has one: what limiting how many "
           "do something at once costs when there is a queue for it",
    .workers = 1,
    .size = {"tasks", 1, 1000000, 4832},
    .cases = {{.run = run_semaphore, .metrics = {{"ns_per_op", "ns"}}, .sized = true}},
};
