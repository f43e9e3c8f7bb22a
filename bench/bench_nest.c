/*
 * bench_nest.c: scopes in scopes.
 *
 * `scope` is wide, this is deep: a task opens a scope and spawns one child into it, which opens a
 * scope, and so on, down to a task that waits.
 *
 *   ns_per_level         from the first scope until the innermost task runs, and back up again:
 *                        every scope is closed. Each level has a stack of its own, touched for the
 *                        first time.
 *   ns_per_level_cancel  the same chain with the innermost task parked: from the cancel of the
 *                        outermost scope until that is closed. A cancel has to come down all the
 *                        way.
 *
 * What is to be seen is that a level costs the same at any depth: nothing of what a scope or a
 * child asks of those around it (deadline, cancel, who is inside) may be a walk up to the root.
 */
#include <sley/park.h>
#include <sley/scope.h>

#include "harness.h"

struct work {
    size_t depth;
    size_t reached; /* levels; counted by their tasks */
    bool park;      /* the innermost task does */
    struct sley_task *root;
    double ns, cancel_ns; /* results: all levels */
};

static int level(void *arg)
{
    struct work *work = arg;
    struct sley_scope scope;
    int status = 0;
    if (bench_count(&work->reached) < work->depth) {
        SLEY_SCOPE(&scope)
        status = sley_scope_spawn(&scope, level, work, NULL, NULL);
        return status ? status : scope.error;
    }
    if (!work->park)
        return 0;
    sley_unpark(work->root);
    return sley_park("the bottom");
}

static int down_and_up(struct work *work)
{
    int64_t begin = sley_now();
    int status = level(work);
    work->ns = (double)(sley_now() - begin);
    if (status < 0 || work->reached != work->depth)
        return bench_error("%zu of %zu levels: %s", work->reached, work->depth,
                           sley_strerror(status));
    return 0;
}

static int cut(struct work *work)
{
    struct sley_scope scope;
    int status = sley_scope_open(&scope, NULL);
    work->reached = 0;
    work->park = true;
    work->root = sley_self();
    if (status == 0)
        status = sley_scope_spawn(&scope, level, work, NULL, NULL);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    while (__atomic_load_n(&work->reached, __ATOMIC_ACQUIRE) < work->depth)
        if (sley_park("all are there") != 0)
            return bench_error("a level has failed: %s", sley_strerror(scope.error));
    int64_t begin = sley_now();
    sley_scope_cancel(&scope, "the end");
    status = sley_scope_close(&scope);
    work->cancel_ns = (double)(sley_now() - begin);
    return status == 0 ? 0 : bench_error("after the cancel: %s", sley_strerror(status));
}

static int parent(void *arg)
{
    int status = down_and_up(arg);
    return status ? status : cut(arg);
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.depth = bench_size(setup, 1000, 10000)};
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.ns / (double)work.depth;
    values[1] = work.cancel_ns / (double)work.depth;
    return status;
}

const struct bench bench_nest = {
    .name = "nest",
    .why = "10,000 scopes, each opened by the only child of the one before, and the cancel of the "
           "first: whether a program may be as deep as its data",
    .size = {"scopes in each other", 1, 100000, 8928},
    .cases = {{.run = run,
               .metrics = {{"ns_per_level", "ns"}, {"ns_per_level_cancel", "ns"}},
               .sized = true,
               .memory = BENCH_MIB(96),
               .memory_quick = BENCH_MIB(16)}},
};
