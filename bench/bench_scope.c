/*
 * bench_scope.c: what structure costs.
 *
 *   ns_per_child  one parent opens a scope, spawns ten children that do nothing, and closes it:
 *                 100,000 times over. To be read against `spawn`, which is the same without scopes:
 *                 a program that pays much more for the ordered way will not go it. --size is the
 *                 scope's width; its depth is the row `nest`.
 */
#include <sley/scope.h>

#include "harness.h"

struct work {
    size_t children; /* of one scope */
    size_t scopes;
    size_t ran; /* counted by the children */
    double ns;  /* result */
};

static int child(void *arg)
{
    struct work *work = arg;
    bench_count(&work->ran);
    return 0;
}

static int one_scope(struct work *work)
{
    struct sley_scope scope;
    int status = 0;
    SLEY_SCOPE(&scope)
    for (size_t i = 0; i < work->children && status == 0; i++)
        status = sley_scope_spawn(&scope, child, work, NULL, NULL);
    return status ? status : scope.error;
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->scopes; i++) {
        int status = one_scope(work);
        if (status < 0)
            return bench_error("scope %zu: %s", i, sley_strerror(status));
    }
    work->ns = (double)(sley_now() - begin) / (double)(work->scopes * work->children);
    if (work->ran != work->scopes * work->children)
        return bench_error("%zu of %zu children ran", work->ran, work->scopes * work->children);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    size_t width = bench_size(setup, 10, 10), all = setup->quick ? 100000 : 1000000;
    struct work work = {.scopes = width < all ? all / width : 1, .children = width};
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.ns;
    return status;
}

const struct bench bench_scope = {
    .name = "scope",
    .why = "a scope is opened, ten empty children are spawned into it, and it is closed: whether "
           "structured concurrency may be used everywhere",
    .size = {"children of a scope", 1, 1000000, 320},
    .cases = {{.run = run, .metrics = {{"ns_per_child", "ns"}}, .sized = true}},
};
