/*
 * fork_storm.c: random trees of forked calls against the same trees computed one after another.
 *
 * What a node does follows from its number: how many calls it forks, one by one or in an array,
 * with or without a park between, whether it opens a region, a parallel loop or a scope of its own,
 * with a child that does a part of the work; whether it joins behind a shield, and whether it
 * leaves without joining what it has forked. What it returns does not depend on who runs what. Some
 * trees are cancelled by another task at any moment.
 *
 *   - A tree that says it skipped nothing has the right result.
 *   - When a tree has returned, no call of it runs any more: each that has begun has ended, those
 *     that were given up included, and not one was begun twice.
 *   - The stacks are checked by what is on them: each node keeps a canary over its children.
 */
#include "stress.h"

#include <sley/fork.h>
#include <sley/scope.h>

enum { ARRAY = 5 };

/* Of a tree. */
struct tree {
    uint64_t seed;
    atomic_uint_fast64_t begun, ended;
    bool cancels;        /* somebody does: skipping is allowed */
    atomic_bool skipped; /* by a child of a scope, whose region is another one */
};

struct node {
    struct tree *tree;
    uint64_t path;
    unsigned depth;
};

static uint64_t visit(struct sley_fork *f, struct node node);
SLEY_FORKABLE(uint64_t, visit, struct node)

static struct node child(struct node node, unsigned i)
{
    return (struct node){node.tree, stress_hash(node.path * 8 + i + 1), node.depth - 1};
}

/* Each way of having children, alone (f NULL) and forked: the sums are the same. */

static uint64_t alone(struct node node, unsigned children)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < children; i++)
        sum += visit(NULL, child(node, i)) * (2 * i + 1);
    return sum;
}

static uint64_t two(struct sley_fork *f, struct node node)
{
    uint64_t sum;

    if (!f)
        return alone(node, 2);
    SLEY_FORK(visit, first, f, child(node, 0));
    sum = visit(f, child(node, 1)) * 3;
    return sum + SLEY_JOIN(visit, first, f);
}

/* With a park between the forks and the joins. */
static uint64_t parking(struct sley_fork *f, struct node node)
{
    uint64_t sum;

    if (!f)
        return alone(node, 3);
    SLEY_FORK(visit, first, f, child(node, 0));
    if (node.path % 3 == 0)
        sley_yield();
    SLEY_FORK(visit, second, f, child(node, 1));
    if (node.path % 16 == 1)
        sley_sleep(1000);
    else
        sley_yield();
    sum = SLEY_JOIN(visit, second, f) * 3;
    sley_yield();
    sum += SLEY_JOIN(visit, first, f);
    return sum + visit(f, child(node, 2)) * 5;
}

static uint64_t array(struct sley_fork *f, struct node node)
{
    struct visit_fork calls[ARRAY];
    uint64_t sum = 0;
    unsigned i;

    if (!f)
        return alone(node, ARRAY);
    for (i = 0; i < ARRAY; i++)
        visit_fork(&f, &calls[i], child(node, i));
    while (i-- > 0)
        sum += visit_join(&f, &calls[i]) * (2 * i + 1);
    return sum;
}

/* Leaves calls behind, in a block and in the function. */
static uint64_t leaving(struct sley_fork *f, struct node node)
{
    uint64_t sum = 0;

    if (!f)
        return alone(node, 2);
    for (unsigned i = 0; i < 2; i++) {
        SLEY_FORK(visit, unwanted, f, child(node, 5));
        if (node.path % 4 == i)
            continue;
        SLEY_FORK(visit, wanted, f, child(node, i));
        if (node.path % 5 == i)
            sley_yield();
        sum += SLEY_JOIN(visit, wanted, f) * (2 * i + 1);
    }
    if (node.path % 4 < 2)
        sum += visit(f, child(node, node.path % 4)) * (2 * (node.path % 4) + 1);
    SLEY_FORK(visit, forgotten, f, child(node, 6));
    return sum;
}

/* A region within the region. */
static uint64_t region(struct sley_fork *f, struct node node)
{
    uint64_t sum = 0;

    if (!f)
        return alone(node, 2);
    SLEY_FORK(visit, outer, f, child(node, 0));
    SLEY_FORKS(inner)
    {
        SLEY_FORK(visit, other, inner, child(node, 1));
        if (node.path % 2)
            sley_yield();
        sum = SLEY_JOIN(visit, other, inner) * 3;
    }
    return sum + SLEY_JOIN(visit, outer, f);
}

/* The two halves of a node with a scope: a call forked before it and joined inside, behind a shield
 * or not, and a child of the scope that opens a region itself. */
struct half {
    struct node node;
    uint64_t sum;
};

static int visit_half(void *arg)
{
    struct half *half = arg;

    SLEY_FORKS(f)
    {
        SLEY_FORK(visit, call, f, half->node);
        half->sum = SLEY_JOIN(visit, call, f);
        return sley_forks_status(f);
    }
    return 0;
}

static uint64_t scoped(struct sley_fork *f, struct node node)
{
    struct half half = {.node = child(node, 1)};
    struct sley_scope scope;
    uint64_t sum = 0;

    if (!f)
        return alone(node, 2);
    if (!sley_self())
        return two(f, node); /* no scopes without a task */
    SLEY_FORK(visit, first, f, child(node, 0));
    SLEY_SCOPE(&scope, .shield = node.path % 2)
    {
        int error = sley_scope_spawn(&scope, visit_half, &half, NULL, NULL);

        CHECK(error == 0 || node.tree->cancels, "spawn: %s", sley_strerror(error));
        if (error)
            node.tree->skipped = true;
        if (node.path % 3 == 0)
            sley_yield();
        sum = SLEY_JOIN(visit, first, f);
    }
    CHECK(scope.error == 0 || node.tree->cancels, "scope: %s", sley_strerror(scope.error));
    if (scope.error)
        node.tree->skipped = true;
    return sum + half.sum * 3;
}

struct range {
    struct node node;
    atomic_uint_fast64_t sum;
};

static int visit_range(size_t begin, size_t end, void *arg)
{
    struct range *range = arg;
    uint64_t sum = 0;

    SLEY_FORKS(f)
    {
        for (; begin < end; begin++)
            sum += visit(f, child(range->node, (unsigned)begin)) * (2 * begin + 1);
    }
    atomic_fetch_add(&range->sum, sum);
    return 0;
}

static uint64_t loop(struct sley_fork *f, struct node node)
{
    struct range range = {.node = node};
    int status;

    if (!f)
        return alone(node, 4);
    status = sley_parallel_for(0, 4, node.path % 3, visit_range, &range);
    CHECK(status == 0 || (node.tree->cancels && status == SLEY_ECANCELED), "loop: %s",
          sley_strerror(status));
    return range.sum;
}

static uint64_t visit(struct sley_fork *f, struct node node)
{
    static uint64_t (*const ways[])(struct sley_fork * f, struct node node) = {
        two, two, parking, array, leaving, region, loop, scoped};
    volatile uint64_t canary = node.path;
    struct stress_random random = {node.path};
    uint64_t sum;

    if (f)
        atomic_fetch_add(&node.tree->begun, 1);
    stress_dawdle(&random, 50);
    sum = stress_hash(node.path ^ node.tree->seed);
    if (node.depth > 0)
        sum += ways[node.path % (sizeof ways / sizeof ways[0])](f, node);
    CHECK(canary == node.path, "a frame was overwritten");
    if (f)
        atomic_fetch_add(&node.tree->ended, 1);
    return sum;
}

/* --- one tree ------------------------------------------------------------------------------- */

static int grow(void *arg)
{
    struct tree *tree = arg;
    struct node root = {tree, stress_hash(tree->seed), 2 + (unsigned)(tree->seed % 4)};
    uint64_t right = visit(NULL, root), result = 0;
    int status = 0;

    SLEY_FORKS(f)
    {
        result = visit(f, root);
        status = sley_forks_status(f);
    }
    CHECK(tree->begun == tree->ended, "%" PRIuFAST64 " calls have begun, %" PRIuFAST64 " ended",
          tree->begun, tree->ended);
    CHECK(status == 0 || (tree->cancels && status == SLEY_ECANCELED), "%s", sley_strerror(status));
    CHECK(status || tree->skipped || result == right, "%" PRIu64 " instead of %" PRIu64, result,
          right);
    CHECK(tree->cancels || sley_cancelled() == 0, "cancelled");
    stress_alive();
    return 0;
}

enum { TREES = 8 };

static int storm(void *arg)
{
    struct stress_random random = stress_random(*(unsigned *)arg);
    unsigned rounds = stress_count(300, 10);

    while (rounds-- > 0) {
        struct tree trees[TREES];
        struct sley_task *tasks[TREES];
        unsigned n = 1 + stress_below(&random, TREES);

        for (unsigned i = 0; i < n; i++) {
            trees[i] = (struct tree){.seed = stress_next(&random),
                                     .cancels = stress_below(&random, 3) == 0};
            tasks[i] = stress_spawn(grow, &trees[i]);
        }
        for (unsigned i = 0; i < n; i++) {
            if (!trees[i].cancels)
                continue;
            if (stress_below(&random, 2))
                sley_sleep((int64_t)stress_below(&random, 200000));
            else
                stress_dawdle(&random, 100000);
            sley_cancel(tasks[i], "storm");
        }
        for (unsigned i = 0; i < n; i++)
            CHECK(stress_join(tasks[i]) == 0, "a tree failed");
    }
    return 0;
}

/* --- shutdown ------------------------------------------------------------------------------- */

static int endless(void *arg)
{
    struct tree tree = {.seed = *(uint64_t *)arg, .cancels = true};

    while (!sley_cancelled())
        grow(&tree);
    return 0;
}

static void shut_down(unsigned workers, uint64_t seed)
{
    struct sley_runtime *runtime = stress_start(workers);
    uint64_t seeds[4];
    struct stress_random random = stress_random(seed);

    for (int i = 0; i < 4; i++) {
        seeds[i] = stress_next(&random);
        CHECK(sley_runtime_spawn(runtime, endless, &seeds[i], NULL, NULL) == 0, "spawn");
    }
    stress_dawdle(&random, 1000000);
    stress_stop(runtime);
}

int main(int argc, char **argv)
{
    struct tree tree;

    stress_begin(argc, argv);
    tree = (struct tree){.seed = stress.seed};
    grow(&tree); /* on a thread of no runtime */
    for (unsigned i = 0; i < STRESS_WORKER_COUNTS; i++) {
        CHECK(stress_run(stress_workers[i], storm, &i) == 0, "the storm failed");
        shut_down(stress_workers[i], i);
    }
    return stress_end();
}
