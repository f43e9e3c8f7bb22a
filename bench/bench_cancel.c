/*
 * bench_cancel.c: the end of a tree of tasks.
 *
 *   ms  from the cancel of a scope until it is closed, when 100,000 tasks are parked in it and in
 *       the scopes of its children: a root, 100 children, and 1,000 grandchildren in each scope of
 *       a child. It is what a server does when it is stopped with all its connections.
 *
 * Everything is there and parked before the clock starts; each task must have been told.
 */
#include <sley/park.h>
#include <sley/scope.h>

#include "harness.h"

enum { FAMILY = 1000 }; /* children of a child */

struct work {
    size_t children, grandchildren; /* these in all */
    size_t begun, parked, told;     /* counted by the tasks */
    struct sley_task *root;
    double ms; /* result */
};

static int waits(void *arg)
{
    struct work *work = arg;
    if (bench_count(&work->parked) == work->grandchildren)
        sley_unpark(work->root);
    if (sley_park("cancel") == SLEY_ECANCELED)
        bench_count(&work->told);
    return SLEY_ECANCELED;
}

static int parent_of_many(void *arg)
{
    struct work *work = arg;
    struct sley_scope scope;
    size_t begin = bench_count(&work->begun) - 1; /* which child this is */
    int status = 0;
    SLEY_SCOPE(&scope, .discard = true)
    for (size_t i = begin; i < work->grandchildren && status == 0; i += work->children)
        status = sley_scope_spawn(&scope, waits, work, NULL, NULL);
    return status ? status : scope.error;
}

static int cut(struct work *work, struct sley_scope *scope)
{
    while (__atomic_load_n(&work->parked, __ATOMIC_ACQUIRE) < work->grandchildren)
        if (sley_park("all are parked") != 0)
            return bench_error("a task has failed: %s", sley_strerror(scope->error));
    int64_t begin = sley_now();
    sley_scope_cancel(scope, "the end");
    sley_scope_close(scope);
    work->ms = (double)(sley_now() - begin) / 1e6;
    return 0;
}

static int root(void *arg)
{
    struct work *work = arg;
    struct sley_scope scope;
    work->root = sley_self();
    int status = sley_scope_open(&scope, NULL);
    for (size_t i = 0; i < work->children && status == 0; i++)
        status = sley_scope_spawn(&scope, parent_of_many, work, NULL, NULL);
    if (status == 0)
        status = cut(work, &scope);
    else
        sley_scope_close(&scope);
    if (status == 0 && work->told != work->grandchildren)
        return bench_error("%zu of %zu tasks were told", work->told, work->grandchildren);
    return status;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.grandchildren = bench_size(setup, 20000, 100000)};
    work.children = (work.grandchildren + FAMILY - 1) / FAMILY;
    int status = bench_on_tasks(setup, root, &work);
    /* Per 100,000, so that quick and full say the same. */
    values[0] = work.ms * (100000.0 / (double)work.grandchildren);
    return status;
}

const struct bench bench_cancel = {
    .name = "cancel",
    .why = "a scope is cancelled in which 100,000 tasks wait, two levels deep: how long stopping a "
           "server with all its connections takes, per 100,000",
    .size = {"parked tasks", 1, 1000000, 4832},
    .cases = {{.run = run,
               .metrics = {{"ms", "ms"}},
               .sized = true,
               .memory = BENCH_MIB(512),
               .memory_quick = BENCH_MIB(128)}},
};
