/*
 * bench_generator.c: what a value costs that a generator yields.
 *
 * A task asks a generator for one number after the other: two switches of stacks each, no queue.
 * Read it against `switch`, a trip through the queue and one switch, and against `limits`
 * ns_per_swap: two of those are the floor. What comes on top is who may enter (one atomic
 * exchange), where task and worker stand, and what is kept for either side.
 *
 * With N workers each has such a task and a generator, and the figure is worker time per value.
 */
#include "harness.h"

#include <sley/generator.h>

struct work {
    unsigned workers;
    uint64_t items; /* per generator */
    double ns;      /* result */
};

static int count_up(struct sley_generator *self, void *arg)
{
    const struct work *work = arg;
    int error = 0;
    for (uint64_t n = 1; n <= work->items && error == 0; n++)
        error = sley_yield_value(self, &n);
    return error;
}

static int consumer(void *arg)
{
    struct work *work = arg;
    struct sley_generator *generator;
    uint64_t n, sum = 0;
    int status = sley_generator_new(count_up, work, sizeof n, NULL, &generator);
    if (status < 0)
        return status;
    while ((status = sley_generator_next(generator, &n)) > 0)
        sum += n;
    sley_generator_free(generator);
    return status == 0 && sum == work->items * (work->items + 1) / 2 ? 1 : -1;
}

static int parent(void *arg)
{
    struct work *work = arg;
    struct sley_task **tasks = bench_alloc(work->workers, sizeof(struct sley_task *));
    int64_t begin = sley_now();
    unsigned right = 0;
    for (unsigned i = 0; i < work->workers; i++) {
        int status = sley_spawn(consumer, work, NULL, &tasks[i]);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
    }
    for (unsigned i = 0; i < work->workers; i++) {
        int result, status = sley_join(tasks[i], &result);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
        right += result == 1;
    }
    work->ns = (double)(sley_now() - begin) / (double)work->items;
    if (right != work->workers)
        return bench_error("%u of %u sums are right", right, work->workers);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.workers = setup->workers, .items = setup->quick ? 500000 : 5000000};
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.ns;
    return status;
}

const struct bench bench_generator = {
    .name = "generator",
    .why = "a task asks a generator for numbers (with N workers, one on each): two switches of "
           "stacks per value, and no trip through a queue",
    .workers = 1,
    .cases = {{.run = run, .metrics = {{"ns_per_item", "ns"}}}},
};
