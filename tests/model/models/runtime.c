/*
 * runtime.c: the whole scheduler, with its context switches, under the engine.
 */
#include "model.h"

#include <sley/runtime.h>
#include <sley/task.h>

static const struct sley_options options = {
    .workers = 2, .unpinned = true, .no_fault_handler = true};

static int ran;

static int child(void *arg)
{
    (void)arg;
    ran++;
    return 7;
}

static int root(void *arg)
{
    struct sley_task *task;
    int result = 0;

    (void)arg;
    if (sley_spawn(child, NULL, NULL, &task) == 0)
        sley_join(task, &result);
    return result;
}

static void setup(void)
{
    ran = 0;
}

static void run(unsigned thread)
{
    int result = sley_run(root, NULL, &options);

    (void)thread;
    model_assert(result == 7, "%d", result);
}

static void verify(void)
{
    model_assert(ran == 1, "%d", ran);
}

MODEL(runtime_spawn_join, .about = "sley_run with two workers: spawn, join, stop", .threads = 1,
      .setup = setup, .body = {run}, .verify = verify, .every_switch_costs = true, .bound = 1,
      .max_steps = 20000);
