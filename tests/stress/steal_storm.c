/*
 * steal_storm.c: trees of tasks whose sums must come out right.
 *
 * Each node of a tree has a number that follows from its path, so the sum over a tree is known
 * without tasks. Three shapes press on different places:
 *
 *   wide     one parent, thousands of children: full queues, the shared queue, stealing in halves
 *   deep     a chain, each link parked in the join of the next: a stack for every task
 *   ragged   fan-out, yields and order of joins by the dice: everything a little
 *
 * A task that runs twice or never, or whose result reaches the wrong joiner, makes the sum wrong.
 */
#include "stress.h"

struct node {
    uint64_t path;
    unsigned depth;
    unsigned fan;
    uint64_t sum; /* of the subtree, by the task */
};

static uint64_t value_of(uint64_t path)
{
    return stress_hash(path ^ stress.seed) >> 20;
}

/* --- wide ----------------------------------------------------------------------------------- */

static int wide_leaf(void *arg)
{
    struct node *node = arg;

    node->sum += value_of(node->path);
    return (int)(node->path & 0xffff);
}

static int wide_root(void *arg)
{
    unsigned n = *(unsigned *)arg, i;
    struct node *nodes = calloc(n, sizeof *nodes);
    struct sley_task **tasks = calloc(n, sizeof(struct sley_task *));
    uint64_t sum = 0, expected = 0;

    CHECK(nodes && tasks, "no memory for %u nodes", n);
    for (i = 0; i < n; i++) {
        nodes[i].path = i;
        tasks[i] = stress_spawn(wide_leaf, &nodes[i]);
    }
    for (i = 0; i < n; i++) {
        int result = stress_join(tasks[i]);

        CHECK(result == (int)(i & 0xffff), "leaf %u: result %d", i, result);
        sum += nodes[i].sum;
        expected += value_of(i);
    }
    CHECK(sum == expected, "wide, %u leaves", n);
    free(nodes);
    free(tasks);
    return 0;
}

/* --- deep ----------------------------------------------------------------------------------- */

static int deep_link(void *arg)
{
    struct node *node = arg, next = {.path = node->path + 1, .depth = node->depth - 1};

    if (node->depth && stress_join(stress_spawn(deep_link, &next)))
        return -1;
    node->sum = value_of(node->path) + next.sum;
    return 0;
}

static uint64_t deep_expected(unsigned depth)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= depth; i++)
        sum += value_of(i);
    return sum;
}

/* --- ragged --------------------------------------------------------------------------------- */

enum { FAN_MAX = 6 };

/* The shape below a node, from its path alone. */
static unsigned fan_of(const struct node *node)
{
    return node->depth ? (unsigned)(stress_hash(node->path * 3 + stress.seed) % (FAN_MAX + 1)) : 0;
}

static uint64_t child_path(uint64_t path, unsigned child)
{
    return stress_hash(path * (FAN_MAX + 1) + child + 1);
}

static uint64_t ragged_expected(uint64_t path, unsigned depth)
{
    struct node node = {.path = path, .depth = depth};
    uint64_t sum = value_of(path);

    for (unsigned i = 0; i < fan_of(&node); i++)
        sum += ragged_expected(child_path(path, i), depth - 1);
    return sum;
}

static int ragged(void *arg)
{
    struct node *node = arg, children[FAN_MAX];
    struct sley_task *tasks[FAN_MAX];
    struct stress_random random = stress_random(node->path);
    unsigned fan = fan_of(node), i;

    for (i = 0; i < fan; i++) {
        children[i] = (struct node){.path = child_path(node->path, i), .depth = node->depth - 1};
        tasks[i] = stress_spawn(ragged, &children[i]);
        if (stress_below(&random, 8) == 0)
            sley_yield();
    }
    node->sum = value_of(node->path);
    for (i = 0; i < fan; i++) {
        unsigned last = fan - 1 - i, pick = stress_below(&random, last + 1);
        struct sley_task *task = tasks[pick];

        tasks[pick] = tasks[last];
        CHECK(stress_join(task) == 0, "a child failed");
    }
    for (i = 0; i < fan; i++)
        node->sum += children[i].sum;
    return 0;
}

/* --- all ------------------------------------------------------------------------------------ */

static int storm(void *arg)
{
    unsigned rounds = *(unsigned *)arg, round;

    for (round = 0; round < rounds; round++) {
        unsigned width = stress_count(20000, 1000);
        struct node deep = {.depth = stress_count(2000, 200)};
        struct node tree = {.path = round + 1, .depth = STRESS_SLOW ? 6 : 8};

        CHECK(stress_join(stress_spawn(wide_root, &width)) == 0, "wide");
        CHECK(stress_join(stress_spawn(deep_link, &deep)) == 0, "deep");
        CHECK(deep.sum == deep_expected(stress_count(2000, 200)), "deep");
        CHECK(stress_join(stress_spawn(ragged, &tree)) == 0, "ragged");
        CHECK(tree.sum == ragged_expected(tree.path, tree.depth), "ragged, round %u", round);
        stress_alive();
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned rounds = 3;

    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        CHECK(stress_run(stress_workers[i], storm, &rounds) == 0, "the storm failed");
    return stress_end();
}
