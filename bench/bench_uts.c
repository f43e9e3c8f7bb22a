/*
 * bench_uts.c: an irregular tree.
 *
 * After the Unbalanced Tree Search benchmark (Olivier and others, 2006), its geometric trees: how
 * many children a node has follows from a random number that follows from its place in the tree,
 * four in the mean, most of them fewer, some very many, and none below the depth of ten: 3,158,201
 * nodes. Nobody can divide such a tree beforehand; whoever is without work must find some again
 * and again.
 *
 * A node's number is made of its parent's by some rounds of a hash in the place of SHA-1. Children
 * are forked in halves, so that a node with a hundred of them needs no array for them.
 */
#include <sley/fork.h>

#include "harness.h"

enum { ROUNDS = 8, MOST = 100, SEED = 2 };

struct node {
    uint64_t state;
    int depth; /* levels below */
};

struct children {
    uint64_t parent;
    int depth; /* of each */
    int first, end;
};

struct work {
    int depth;
    double plain_ns, ns;
    long plain, forked;
};

static uint64_t number_of(uint64_t parent, int child)
{
    uint64_t state = parent + (uint64_t)child;
    for (int i = 0; i < ROUNDS; i++)
        bench_random(&state), state ^= state >> 27;
    return bench_random(&state);
}

/* Geometric with a mean of four: as often as a chance of four in five comes true. */
static int children_of(struct node node)
{
    uint64_t state = node.state;
    int count = 0;
    if (node.depth == 0)
        return 0;
    while (count < MOST && bench_random(&state) % 5 != 0)
        count++;
    return count;
}

static __attribute__((noinline)) long plain_count(struct node node)
{
    int children = children_of(node);
    long sum = 1;
    for (int i = 0; i < children; i++)
        sum += plain_count((struct node){number_of(node.state, i), node.depth - 1});
    return sum;
}

static long count(struct sley_fork *f, struct children children);
SLEY_FORKABLE(long, count, struct children)

static long count(struct sley_fork *f, struct children children)
{
    struct children upper = children;
    long sum;
    if (children.end - children.first == 1) {
        struct node node = {number_of(children.parent, children.first), children.depth};
        int below = children_of(node);
        if (below == 0)
            return 1;
        return 1 + count(f, (struct children){node.state, node.depth - 1, 0, below});
    }
    upper.first = children.end = (children.first + children.end) / 2;
    SLEY_FORK(count, others, f, upper);
    sum = count(f, children);
    return sum + SLEY_JOIN(count, others, f);
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now(), between;
    work->plain = plain_count((struct node){number_of(SEED, 0), work->depth});
    between = sley_now();
    SLEY_FORKS(f)
    {
        work->forked = count(f, (struct children){SEED, work->depth, 0, 1});
    }
    work->ns = (double)(sley_now() - between);
    work->plain_ns = (double)(between - begin);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.depth = setup->quick ? 7 : 10};
    int status = bench_on_tasks(setup, parent, &work);
    if (status != 0)
        return status;
    if (work.forked != work.plain)
        return bench_error("%ld nodes, not %ld", work.forked, work.plain);
    values[0] = work.ns / (double)work.forked;
    values[1] = work.ns / work.plain_ns;
    return 0;
}

const struct bench bench_uts = {
    .name = "uts",
    .why = "an irregular tree of some million nodes that nobody can divide beforehand: whether "
           "idle workers find their part of it",
    .cases = {{.run = run, .metrics = {{"ns_per_node", "ns"}, {"ratio_to_c", "1"}}}},
};
