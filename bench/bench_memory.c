/*
 * bench_memory.c: a million tasks that wait.
 *
 * The reason to have tasks at all: one per connection, most of them idle. What does each cost in
 * memory, how long does it take until all are there and wait, and how long until all have been
 * woken and have ended?
 *
 *   bytes_per_task  resident memory and page tables of the process while all are parked, less what
 *                   it was before the first was spawned. Whole pages are counted, as the system
 *                   counts them, so a task that touches one byte of its stack pays for a page.
 *   ns_to_create    per task, from the first spawn until the last task is at its sley_park().
 *   ns_to_wake      per task, one parent unparks them in the order of spawning and joins them in
 *                   the same order: until the last has ended and has been given back.
 *
 * Default stacks, guards on. The process is new, so each stack is touched for the first time within
 * the time; the handle array is not part of the bill, it is written before the baseline is taken.
 */
#include <stdlib.h>

#include "harness.h"
#include "machine.h"

struct work {
    size_t count;
    struct sley_task **tasks;
    struct sley_task *parent;
    size_t parked; /* counted by the tasks; the last one unparks the parent */
    double bytes, create_ns, wake_ns;
};

static int waiter(void *arg)
{
    struct work *work = arg;
    if (bench_count(&work->parked) == work->count)
        sley_unpark(work->parent);
    return sley_park("memory") == 0 ? 1 : -1;
}

static int create(struct work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        int status = sley_spawn(waiter, work, NULL, &work->tasks[i]);
        if (status < 0)
            return bench_error("task %zu: %s", i, sley_strerror(status));
    }
    while (__atomic_load_n(&work->parked, __ATOMIC_ACQUIRE) < work->count)
        if (sley_park("all parked") != 0)
            return bench_error("the parent was cancelled");
    return 0;
}

static int wake(struct work *work)
{
    size_t woken = 0;
    for (size_t i = 0; i < work->count; i++)
        sley_unpark(work->tasks[i]);
    for (size_t i = 0; i < work->count; i++) {
        int result;
        if (sley_join(work->tasks[i], &result) == 0)
            woken += result == 1;
    }
    if (woken != work->count)
        return bench_error("%zu of %zu tasks were woken", woken, work->count);
    return 0;
}

static int parent(void *arg)
{
    struct work *work = arg;
    double count = (double)work->count;
    work->parent = sley_self();
    int64_t before = machine_memory(), begin = sley_now();
    if (create(work) != 0)
        return BENCH_FAILED;
    work->create_ns = (double)(sley_now() - begin) / count;
    int64_t after = machine_memory();
    if (before < 0 || after < 0)
        return bench_error("this system does not say how much is used");
    work->bytes = (double)(after - before) / count;
    begin = sley_now();
    if (wake(work) != 0)
        return BENCH_FAILED;
    work->wake_ns = (double)(sley_now() - begin) / count;
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.count = bench_size(setup, 20000, 1000000)};
    work.tasks = bench_alloc(work.count, sizeof(struct sley_task *));
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.bytes;
    values[1] = work.create_ns;
    values[2] = work.wake_ns;
    free(work.tasks);
    return status;
}

const struct bench bench_memory = {
    .name = "memory",
    .why = "1,000,000 parked tasks, each with a 64 KiB stack and a guard: what a connection that "
           "waits costs in memory, and how fast all are made and woken",
    .size = {"parked tasks", 1, 1000000, 4832},
    .cases = {{.run = run,
               .metrics = {{"bytes_per_task", "B"},
                           {"ns_to_create", "ns/task"},
                           {"ns_to_wake", "ns/task"}},
               .sized = true,
               .memory = BENCH_MIB(4608),
               .memory_quick = BENCH_MIB(128)}},
};
