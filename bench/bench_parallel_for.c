/*
 * bench_parallel_for.c: loops, with the grain left to the runtime.
 *
 * Two kinds, because they end at different walls. Memory: a triad over three arrays that no cache
 * holds; two cores have hardly more bandwidth than one, so what there is to lose is everything that
 * is done beside moving data. Compute: a hundred steps of a recurrence per index in registers; here
 * two workers ought to take half.
 *
 * ratio_to_c is against one plain call for the whole range. Arrays are written before.
 */
#include <stdlib.h>

#include <sley/fork.h>

#include "harness.h"

enum { STEPS = 100 };

struct work {
    int (*body)(size_t begin, size_t end, void *arg);
    size_t size;
    double *a, *b, *c;
    double plain_ns, ns;
};

static int triad(size_t begin, size_t end, void *arg)
{
    struct work *work = arg;
    double *restrict a = work->a;
    const double *b = work->b, *c = work->c;
    for (size_t i = begin; i < end; i++)
        a[i] = b[i] + 3 * c[i];
    return 0;
}

static int recur(size_t begin, size_t end, void *arg)
{
    struct work *work = arg;
    for (size_t i = begin; i < end; i++) {
        double x = work->b[i];
        for (int step = 0; step < STEPS; step++)
            x = x * 0.5 + 1.0;
        work->a[i] = x;
    }
    return 0;
}

/* All of a is there, and zero again. */
static bool take(struct work *work, double expected)
{
    for (size_t i = 0; i < work->size; i++) {
        if (work->a[i] < expected - 1e-9 || work->a[i] > expected + 1e-9)
            return false;
        work->a[i] = 0;
    }
    return true;
}

static int parent(void *arg)
{
    struct work *work = arg;
    double expected;
    int64_t begin = sley_now();
    work->body(0, work->size, work);
    work->plain_ns = (double)(sley_now() - begin);
    expected = work->a[0];
    if (!take(work, expected))
        return bench_error("the plain loop is wrong");
    begin = sley_now();
    int status = sley_parallel_for(0, work->size, 0, work->body, work);
    work->ns = (double)(sley_now() - begin);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    return take(work, expected) ? 0 : bench_error("the parallel loop is wrong");
}

static int measure(const struct bench_setup *setup, struct work work, double *values)
{
    work.a = bench_alloc(work.size, sizeof(double));
    work.b = bench_alloc(work.size, sizeof(double));
    work.c = bench_alloc(work.size, sizeof(double));
    for (size_t i = 0; i < work.size; i++)
        work.b[i] = work.c[i] = 1;
    int status = bench_on_tasks(setup, parent, &work);
    free(work.a);
    free(work.b);
    free(work.c);
    values[0] = work.ns / (double)work.size;
    values[1] = work.ns / work.plain_ns;
    return status;
}

static int run_memory(const struct bench_setup *setup, double *values)
{
    struct work work = {.body = triad, .size = setup->quick ? 2 << 20 : 16 << 20};
    return measure(setup, work, values);
}

static int run_compute(const struct bench_setup *setup, double *values)
{
    struct work work = {.body = recur, .size = setup->quick ? 100000 : 2000000};
    return measure(setup, work, values);
}

const struct bench bench_parallel_for = {
    .name = "parallel_for",
    .why = "a loop that moves memory and one that computes, divided by the runtime: whether "
           "dividing a loop is lost in what it does",
    .cases =
        {
            {.run = run_memory,
             .metrics = {{"ns_per_item_memory", "ns"}, {"ratio_memory", "1"}},
             .memory = BENCH_MIB(400),
             .memory_quick = BENCH_MIB(64)},
            {.run = run_compute,
             .metrics = {{"ns_per_item_compute", "ns"}, {"ratio_compute", "1"}},
             .memory = BENCH_MIB(64),
             .memory_quick = BENCH_MIB(8)},
        },
};
