/*
 * yield_tasks.c: sley_yield() itself, with its contexts, against a worker that goes to sleep. See
 * yield.c, which has the queue that is turned, at greater depth.
 *
 * As many tasks as workers; each yields and then keeps its worker until all have come as far. So
 * whoever is left in a queue by a yield needs another worker to come for it: if they all slept, the
 * tasks would wait for ever. The runtime is made in setup(), where nothing is decided, and left
 * with its workers asleep.
 */
#include "model.h"
#include "runtime_impl.h"

#include <sley/runtime.h>
#include <sley/task.h>

struct plan {
    unsigned workers; /* and tasks */
    unsigned yields;  /* of each task */
    bool spawns;      /* the first task spawns the others, else they all come from outside */
};

static struct sley_runtime *runtime;
static unsigned came; /* ghost: tasks that have yielded as often as they should */

static const struct plan *plan(void)
{
    return model_argument();
}

static MODEL_GHOST void note_come(void)
{
    came++;
}

static MODEL_GHOST bool all_came(UNUSED void *arg)
{
    return came == plan()->workers;
}

static int yields_and_stays(UNUSED void *arg)
{
    for (unsigned i = 0; i < plan()->yields; i++)
        model_assert(sley_yield() == 0, "a yield");
    note_come();
    model_wait_until(all_came, NULL);
    return 0;
}

static int spawns_and_yields(void *arg)
{
    for (unsigned i = 1; i < plan()->workers; i++)
        model_assert(sley_spawn(yields_and_stays, NULL, NULL, NULL) == 0, "spawn");
    return yields_and_stays(arg);
}

/* A worker that sees work which it may not have yet looks again and again: others go on, and so
 * does time. */
static int drain(UNUSED struct sley__poller *p)
{
    model_yield();
    return 0;
}

static void no_watcher(UNUSED struct sley__poller *p)
{
}

static struct sley__poller poller = {.drain = drain, .arm = no_watcher, .disarm = no_watcher};

static void setup(void)
{
    const struct sley_options options = {.workers = plan()->workers,
                                         .unpinned = true,
                                         .no_fault_handler = true,
                                         .stall_threshold = -1};

    came = 0;
    model_assert(sley_runtime_new(&options, &runtime) == 0, "no runtime");
    runtime->sched.poller = &poller;
    for (unsigned i = 0; i < plan()->workers; i++)
        runtime->sched.workers[i].spin_credit = 0; /* they sleep as soon as they can */
    for (unsigned i = 0; i < (plan()->spawns ? 1 : plan()->workers); i++)
        model_assert(sley_runtime_spawn(runtime,
                                        plan()->spawns ? spawns_and_yields : yields_and_stays, NULL,
                                        NULL, NULL) == 0,
                     "spawn");
}

static void nothing(UNUSED unsigned thread)
{
}

static void verify(void)
{
    model_assert(came == plan()->workers, "%u of %u came", came, plan()->workers);
    model_assert(sley__sched_live(&runtime->sched) == 0, "tasks are left");
}

#define TASKS(id, text, plan_, ...)                                                             \
    MODEL(id, .about = text, .threads = 1, .setup = setup, .body = {nothing}, .verify = verify, \
          .may_block = true, .no_timeouts = true, .argument = &(const struct plan)plan_,        \
          __VA_ARGS__)
#define PLAN(...)   \
    {               \
        __VA_ARGS__ \
    }

TASKS(yield_tasks_spawned, "a task and its child yield and stay",
      PLAN(.workers = 2, .yields = 1, .spawns = true), .bound = 1, .stale = MODEL_NONE)
TASKS(yield_tasks_twice, "... twice", PLAN(.workers = 2, .yields = 2, .spawns = true),
      .random_only = true, .step = 20, .max_steps = 40000)
TASKS(yield_tasks_three, "three from outside, three workers", PLAN(.workers = 3, .yields = 2),
      .random_only = true, .step = 20, .max_steps = 40000)
