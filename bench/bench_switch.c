/*
 * bench_switch.c: what it costs to hand the worker to the other task and to get it back.
 *
 * Two tasks do nothing but yield to each other, so each sley_yield() is one trip through the run
 * queue and one switch of stacks. Both stay in the cache: this is the cost of the mechanism, the
 * least that any park, lock or channel of ours can cost. Read it against `limits` ns_per_swap, the
 * same without a scheduler.
 *
 * With --size there are so many tasks on each worker instead of two, so a queue of that depth:
 * their stacks outgrow one cache after the other, and then each switch waits for memory.
 *
 * With N workers there is a pair for each, and the figure is worker time per switch: it shows what
 * the presence of other workers costs a worker that has enough to do. A thief may leave a worker
 * with one task for a while, so only one worker is the pure figure, and the default.
 *
 * Starting and joining the tasks is inside the time; over a million yields it vanishes.
 */
#include "harness.h"

enum { LEAST = 10 }; /* yields of a task: making it must not be the figure */

struct work {
    unsigned workers;
    unsigned tasks; /* per worker */
    size_t yields;  /* per task */
    double ns;      /* result */
};

static int yielder(void *arg)
{
    const struct work *work = arg;
    for (size_t i = 0; i < work->yields; i++)
        if (sley_yield() != 0)
            return -1;
    return 1;
}

static uint64_t count_switches(unsigned workers)
{
    struct sley_worker_stats stats;
    uint64_t total = 0;
    for (unsigned i = 0; i < workers; i++)
        if (sley_runtime_stats(sley_runtime_current(), i, &stats) == 0)
            total += stats.switches;
    return total;
}

/* Runs all pairs to their end. How many tasks did all their yields, or a negative SLEY_E*. */
static int run_pairs(struct work *work, struct sley_task **tasks, unsigned count)
{
    int finished = 0;
    for (unsigned i = 0; i < count; i++) {
        int status = sley_spawn(yielder, work, NULL, &tasks[i]);
        if (status < 0)
            return status;
    }
    for (unsigned i = 0; i < count; i++) {
        int result, status = sley_join(tasks[i], &result);
        if (status < 0)
            return status;
        finished += result == 1;
    }
    return finished;
}

static int parent(void *arg)
{
    struct work *work = arg;
    unsigned count = work->tasks * work->workers;
    struct sley_task **tasks = bench_alloc(count, sizeof(struct sley_task *));
    uint64_t switches = count_switches(work->workers), yields = (uint64_t)count * work->yields;
    int64_t begin = sley_now();
    int finished = run_pairs(work, tasks, count);
    work->ns = (double)(sley_now() - begin) * work->workers / (double)yields;
    switches = count_switches(work->workers) - switches;
    if (finished < 0)
        return bench_error("%s", sley_strerror(finished));
    if (finished != (int)count)
        return bench_error("%d of %u tasks finished", finished, count);
    /* Who is left when the others have ended yields to nobody. Two take turns; more do so too, but
     * not in the hostile build. */
    if (work->workers == 1 && switches < (work->tasks == 2 ? yields : yields / 2))
        return bench_error("%llu yields made only %llu switches", (unsigned long long)yields,
                           (unsigned long long)switches);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    size_t tasks = bench_size(setup, 2, 2), all = setup->quick ? 1000000 : 10000000;
    struct work work = {.workers = setup->workers,
                        .tasks = (unsigned)tasks,
                        .yields = tasks < all / LEAST ? all / tasks : LEAST};
    /* On a busy machine a worker that the kernel has set aside would be relieved, and the tasks of
     * a pair would go on beside each other. */
    struct sley_options options = {.workers = setup->workers, .stall_threshold = -1};
    int status = sley_run(parent, &work, &options);
    values[0] = work.ns;
    return status < 0 ? bench_error("no runtime: %s", sley_strerror(status)) : status;
}

const struct bench bench_switch = {
    .name = "switch",
    .why = "two tasks on one worker yield to each other (with N workers, a pair for each): the "
           "least that any wait, lock or channel can cost",
    .workers = 1,
    .size = {"tasks of a worker, in its queue", 2, 1000000, 4832},
    .cases = {{.run = run, .metrics = {{"ns_per_switch", "ns"}}, .sized = true}},
};
