/*
 * bench_skynet.c: a tree of tasks that spawn tasks.
 *
 * The well-known "skynet": each inner node spawns ten children, joins them and adds up what they
 * found; the leaves are a million tasks that each know their own number. Unlike `spawn` there is
 * work everywhere at once, parents wait while children run, and the tree's sums flow from worker to
 * worker: this is what divide and conquer does to a scheduler. 1,111,111 tasks in all, the root
 * included.
 *
 * The runtime is new in each run and nothing in the process has been warmed: the stacks and tasks
 * that the tree needs are made within the time. A tenth with --quick.
 *
 * The sum of all leaf numbers is known, so a lost or doubled task is an error.
 */
#include "harness.h"

enum { CHILDREN = 10 };

struct node {
    int64_t first; /* number of its first leaf */
    int64_t size;  /* how many leaves are under it */
    int64_t sum;   /* result */
};

struct work {
    struct node root;
    double ms; /* result */
};

static int visit(void *arg);

/* Joins the first `count` children. 0 or a negative SLEY_E*: theirs, or our own. */
static int join_children(struct sley_task **tasks, int count)
{
    int worst = 0;
    for (int i = 0; i < count; i++) {
        int result, status = sley_join(tasks[i], &result);
        if (status < 0 || result < 0)
            worst = status < 0 ? status : result;
    }
    return worst;
}

static int visit_children(struct node *node)
{
    struct sley_task *tasks[CHILDREN];
    struct node children[CHILDREN];
    int64_t size = node->size / CHILDREN;
    int spawned = 0, status = 0, joined;
    for (; spawned < CHILDREN; spawned++) {
        children[spawned] = (struct node){.first = node->first + spawned * size, .size = size};
        status = sley_spawn(visit, &children[spawned], NULL, &tasks[spawned]);
        if (status < 0)
            break;
    }
    joined = join_children(tasks, spawned);
    for (int i = 0; i < spawned; i++)
        node->sum += children[i].sum;
    return status < 0 ? status : joined;
}

static int visit(void *arg)
{
    struct node *node = arg;
    if (node->size > 1)
        return visit_children(node);
    node->sum = node->first;
    return 0;
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now();
    int status = visit(&work->root);
    work->ms = (double)(sley_now() - begin) / 1e6;
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    if (work->root.sum != work->root.size * (work->root.size - 1) / 2)
        return bench_error("the leaves add up to %lld", (long long)work->root.sum);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.root = {.size = setup->quick ? 100000 : 1000000}};
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.ms;
    return status;
}

const struct bench bench_skynet = {
    .name = "skynet",
    .why = "a tree in which each task spawns ten and adds up their results, 1,000,000 leaves: how "
           "well divide and conquer spreads over the workers",
    .cases = {{.run = run,
               .metrics = {{"ms", "ms"}},
               .memory = BENCH_MIB(64),
               .memory_quick = BENCH_MIB(64)}},
};
