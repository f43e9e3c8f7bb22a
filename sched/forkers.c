/*
 * forkers.c: how a worker without work asks for forked calls.
 *
 * A forked call (fork.c) is a private record on its parent's stack, which nobody can steal; that is
 * why it costs next to nothing. Only the parent itself can hand it out, and does so when its
 * attention flag is up, at its next fork or join. So a thief must know whose flag to raise. Here is
 * the list of the tasks that are in a region of forked calls, linked through their outermost
 * regions, on their stacks, under one lock: a region begins and ends once for thousands of forks,
 * and a worker asks only when it has nothing else to do.
 *
 * The flag is the task's and the list is one of tasks, not of workers: a task that parks between
 * fork and join and goes on elsewhere is found all the same, and nothing has to be moved with it. A
 * parked task is asked as well, it will answer when it runs again, but nobody waits for it.
 *
 * Nobody who could work sleeps beside calls whose task forks or joins and does not hand them out: a
 * duel as in idle.h.
 *
 *     the forker                                  the worker that goes to sleep
 *   F1 flag down                                  W1 counted as asleep
 *   F2 fence_light                                W2 fence_heavy
 *   F3 how many are idle? hand out as many        W3 looks at the list, raises the flags
 *   F4 if there are fewer: flag up, if it is
 *      still down, to OWED
 *
 * A region begins with the flag up, so its first fork comes by F1 after it is in the list. Either
 * F3 counts the sleeper, or W3 sees the region and its flag goes up after F1. W3 raises a flag that
 * says OWED as well: that much was owed without the sleeper.
 *
 * To ask is to walk the whole list. That is cheap because few tasks compute at once, though many
 * may wait: a region is for computing, not for a program's whole life.
 *   Rejected: looking at what each worker runs (another worker's `current` is its own, and after a
 * park between fork and join the wrong one); one flag for the runtime that every fork looks at (a
 * load more per fork and join, and each request disturbs all).
 */
#include "worker.h"

/* The task that is in a region. Under the lock, or the task itself. */
static struct sley_task *task_in(const struct sley_forks *region)
{
    struct sley__forker *forker = container_of(region->fork.forker, struct sley__forker, seen);

    return container_of(forker, struct sley_task, forker);
}

void sley__fork_enter(struct sley_forks *region)
{
    struct sley__sched *sched = task_in(region)->worker->sched;
    struct sley__forkers *forkers = &sched->forkers;
    struct sley_forks *next;

    if (sched->worker_count == 1)
        return;
    sley__lock_acquire(&forkers->lock);
    next = load_relaxed(&forkers->first);
    region->previous = NULL;
    region->next = next;
    if (next)
        next->previous = region;
    store_relaxed(&forkers->first, region);
    sley__lock_release(&forkers->lock);
}

void sley__fork_leave(struct sley_forks *region)
{
    struct sley__sched *sched = task_in(region)->worker->sched;
    struct sley__forkers *forkers = &sched->forkers;

    if (sched->worker_count == 1)
        return;
    sley__lock_acquire(&forkers->lock);
    if (region->previous)
        region->previous->next = region->next;
    else
        store_relaxed(&forkers->first, region->next);
    if (region->next)
        region->next->previous = region->previous;
    sley__lock_release(&forkers->lock);
}

unsigned sley__fork_idle(void)
{
    struct sley__worker *worker = sley__worker_current();
    uint32_t state;

    fence_light(); /* partner: fence_heavy in sley__idle_announce */
    state = load_relaxed(&worker->sched->idle.state);
    return sley__idle_searching(state) + sley__idle_sleeping(state);
}

bool sley__forkers_ask(struct sley__sched *sched)
{
    struct sley__forkers *forkers = &sched->forkers;
    struct sley_forks *region;
    struct sley_task *task;
    bool soon = false;

    if (!load_relaxed(&forkers->first))
        return false;
    sley__lock_acquire(&forkers->lock);
    for (region = load_relaxed(&forkers->first); region; region = region->next) {
        task = task_in(region);
        soon |= sley__task_state(load_relaxed(&task->word)) != SLEY__TASK_WAITING;
        if (load_relaxed(sley__forker_attention(&task->forker)) != SLEY__ATTENTION_ASKED)
            sley__forker_alert(&task->forker);
    }
    sley__lock_release(&forkers->lock);
    return soon;
}
