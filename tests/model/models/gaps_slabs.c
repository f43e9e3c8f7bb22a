/*
 * gaps_slabs.c: who walks the lists of slabs without a lock: the fault handler, which asks whose
 * stack an address is (sched/slab.c), and whoever cancels or dumps all tasks (task.c). A slab is
 * plain memory, published by the head of its list.
 */
#include "model.h"
#include "stack.h"
#include "task_impl.h"

static struct sley__stack_pool stacks;
static struct sley__task_pool tasks;
static struct sley__task_cache cache;

static void setup_stacks(void)
{
    sley__stack_pool_init(&stacks);
}

static void grow_stacks(unsigned thread)
{
    (void)thread;
    model_assert(sley__stack_reserve(&stacks, 0, 1) == 0, "no memory");
}

static void ask(unsigned thread)
{
    (void)thread;
    model_assert(!sley__stack_of_guard(&stacks, &stacks), "a static variable is no stack");
    model_outcome(load_relaxed(&stacks.slabs) ? "grown" : "empty");
}

static void teardown_stacks(void)
{
    sley__stack_pool_close(&stacks);
}

static void setup_tasks(void)
{
    sley__task_pool_init(&tasks);
    cache = (struct sley__task_cache){0};
}

static void grow_tasks(unsigned thread)
{
    (void)thread;
    model_assert(sley__task_refill(&tasks, &cache), "no memory");
}

/* One is enough: the slab has been read by then. */
static int visit(UNUSED struct sley_task *task, UNUSED void *arg)
{
    return 1;
}

static void walk(unsigned thread)
{
    (void)thread;
    model_outcome(sley__task_each(&tasks, visit, NULL) ? "grown" : "empty");
}

static void teardown_tasks(void)
{
    sley__task_pool_close(&tasks);
}

MODEL(gaps_slabs_stacks, .about = "a fault while the stacks grow", .threads = 2,
      .setup = setup_stacks, .body = {grow_stacks, ask}, .teardown = teardown_stacks,
      .must_see = {"grown", "empty"});
MODEL(gaps_slabs_tasks, .about = "a walk over all tasks while they become more", .threads = 2,
      .setup = setup_tasks, .body = {grow_tasks, walk}, .teardown = teardown_tasks,
      .must_see = {"grown", "empty"});
