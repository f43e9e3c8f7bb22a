/*
 * spawn_visitors.c: foreign threads that make a task ready (sley__sched_ready_from_outside) against
 * the end of the runtime (sley__sched_check_drained, the stop of the workers,
 * sley__sched_await_visitors): from the push on the task can run and end, and with the last one the
 * runtime, while the foreign thread still tells idle workers. It must not find them gone.
 *
 * The memory of the scheduler is not given back here but overwritten, which is as good: whoever
 * still uses it, or has used it without the one who frees it knowing, is a data race. Workers are
 * the real ones of idle_workers.h; what the end of a task and of a runtime do is copied from
 * sley__worker_finish and sley_runtime_free, call by call.
 *
 * Tried on changed sources, and caught: visitors counted after the push, or only until before the
 * notify; nobody waiting for them, or without acquire; the count given back without release; the
 * end of the last task not waking who waits for it. Equivalent: the other half of either count
 * (only who leaves has something to tell); the order of `drained` (the workers are joined before
 * anything is freed).
 */
#include "idle_workers.h"

#include <sley/time.h>

struct cast {
    unsigned workers, visitors; /* each visitor makes one task ready */
};

static atomic(uint32_t) gone; /* workers that have left */

static const struct cast *cast(void)
{
    return model_argument();
}

/* See sley__worker_finish(). */
static void finish(struct sley__worker *worker)
{
    store_release(&worker->counters.finished, load_relaxed(&worker->counters.finished) + 1);
    fence_light();
    if (load_relaxed(&sched.closing))
        sley__sched_check_drained(&sched);
}

static void work(struct sley__worker *worker)
{
    while (sley__worker_find(worker))
        finish(worker);
    fetch_add_release(&gone, 1);
}

static void visit(unsigned visitor)
{
    sley__sched_ready_from_outside(&sched, &tasks[visitor], &tasks[visitor], 1);
}

static MODEL_GHOST bool all_gone(UNUSED void *arg)
{
    return gone == cast()->workers;
}

/* See sley_runtime_free() and stop_carriers(). */
static void end(void)
{
    store_release(&sched.closing, 1);
    fence_heavy();
    sley__sched_check_drained(&sched);
    while (!load_acquire(&sched.drained))
        sley__futex_wait(&sched.drained, 0, SLEY_FOREVER);
    store_release(&sched.stopping, 1);
    fence_heavy();
    for (unsigned i = 0; i < sched.worker_count; i++)
        if (sley__idle_choose_this(&sched.idle, i))
            sley__parker_wake(&workers[i].parker);
    model_wait_until(all_gone, NULL);
    while (load_acquire(&gone) < cast()->workers)
        model_yield();
    sley__sched_await_visitors(&sched);
    memset(&sched.idle.state, 0xa5, sizeof sched.idle.state);
    memset(&sched.inject, 0xa5, sizeof sched.inject);
    for (unsigned i = 0; i < cast()->workers; i++)
        memset(&workers[i].parker, 0xa5, sizeof workers[i].parker);
}

static void actor(unsigned thread)
{
    if (thread < cast()->workers)
        work(&workers[thread]);
    else if (thread < cast()->workers + cast()->visitors)
        visit(thread - cast()->workers);
    else
        end();
}

static void setup(void)
{
    workers_init(cast()->workers);
    gone = 0;
    sched.foreign_spawned = cast()->visitors;
}

#define SPAWN(id, actors, text, cast_, ...)                                      \
    MODEL(id, .about = text, .threads = actors, .setup = setup, .body = {actor}, \
          .argument = &(const struct cast)cast_, __VA_ARGS__)
#define CAST(...)   \
    {               \
        __VA_ARGS__ \
    }

SPAWN(spawn_visitors_one, 3, "the last task, made ready from outside",
      CAST(.workers = 1, .visitors = 1), .bound = 1, .every_switch_costs = true);
SPAWN(spawn_visitors_two, 5, "the last two, by two threads", CAST(.workers = 2, .visitors = 2),
      .random_only = true);
