/*
 * halt.c: making the scheduler stand still. Hostile build only; see halt.h.
 *
 * `asked` is the wish, `halted` counts who has complied; both change under one lock, because here
 * nothing has to be fast, except the safe point that nobody wants anything of: one relaxed load.
 *
 * A worker at rest counts as halted. It was awake when it said so, and on its way back it passes
 * the lock, so it either is out before the halt is asked for, or waits until it is over.
 *
 * Foreign threads that have tasks in hand are counted in two counters that only grow, entries and
 * exits. If there were as many exits as entries at some moment, nobody was in; if there has been
 * no entry since, nobody has been. One pair for the process: which runtime they work for is more
 * than needs to be known, and the task that they are about to wake could end before one asks it.
 *   Rejected: holding them up at a gate while the halt lasts. They may hold locks that a worker
 * needs on its way to a safe point.
 */
#include "halt.h"

#include "worker.h"

/* How often the others get the processor before a halt is called off. Half a millisecond when they
 * have nothing to do with it. */
enum { PATIENCE = 1000 };

/* Any thread. seq_cst, so that what is done inside is between them for whoever sees either. */
static atomic(uint64_t) entries, exits;

void sley__hands_enter(void)
{
    fetch_add_seq_cst(&entries, 1);
    fence_seq_cst(); /* partner: the one in sley__hands_quiet */
}

void sley__hands_leave(void)
{
    fetch_add_seq_cst(&exits, 1);
}

uint64_t sley__hands_quiet(void)
{
    uint64_t left, entered;

    fence_seq_cst(); /* what was seen before, was seen before the entries are counted */
    left = load_acquire(&exits);
    entered = load_acquire(&entries);
    return entered == left ? entered + 1 : 0;
}

/* Waits for the end of a halt. Called and returns with the lock held. */
static void await_end(struct sley__halt *halt)
{
    while (load_relaxed(&halt->asked)) {
        sley__lock_release(&halt->lock);
        sley__futex_wait(&halt->asked, 1, INT64_MAX);
        sley__lock_acquire(&halt->lock);
    }
}

/* Somebody has asked. Owner. */
static NOINLINE void comply(struct sley__worker *worker, struct sley_task *hand)
{
    struct sley__halt *halt = &worker->sched->halt;

    sley__lock_acquire(&halt->lock);
    worker->halted.hand = hand;
    halt->halted++;
    await_end(halt);
    halt->halted--;
    worker->halted.hand = NULL;
    sley__lock_release(&halt->lock);
}

void sley__worker_safe_point(struct sley__worker *worker)
{
    if (unlikely(load_relaxed(&worker->sched->halt.asked)))
        comply(worker, NULL);
}

void sley__await_point(struct sley_task *hand)
{
    struct sley__worker *worker = sley__worker_current();

    if (unlikely(load_relaxed(&worker->sched->halt.asked)))
        comply(worker, hand);
}

void sley__worker_park_point(struct sley__worker *worker)
{
    sley__worker_safe_point(worker);
    if (worker->halted.parks_left && --worker->halted.parks_left == 0)
        worker->sched->halt.look(worker);
}

void sley__worker_rest(struct sley__worker *worker)
{
    struct sley__halt *halt = &worker->sched->halt;

    sley__lock_acquire(&halt->lock);
    worker->halted.resting = true;
    halt->halted++;
    sley__lock_release(&halt->lock);
}

void sley__worker_rise(struct sley__worker *worker)
{
    struct sley__halt *halt = &worker->sched->halt;

    sley__lock_acquire(&halt->lock);
    await_end(halt);
    worker->halted.resting = false;
    worker->halted.apart = false;
    halt->halted--;
    sley__lock_release(&halt->lock);
}

void sley__worker_rest_apart(struct sley__worker *worker)
{
    struct sley__halt *halt = &worker->sched->halt;

    sley__lock_acquire(&halt->lock);
    worker->halted.resting = true;
    worker->halted.apart = true;
    halt->halted++;
    sley__lock_release(&halt->lock);
}

void sley__worker_rise_apart(struct sley__worker *worker)
{
    if (worker->halted.resting) /* nobody else writes it any more */
        sley__worker_rise(worker);
}

/* True if nobody else was first. Owner. */
static bool ask(struct sley__halt *halt)
{
    bool first;

    sley__lock_acquire(&halt->lock);
    first = !load_relaxed(&halt->asked);
    if (first)
        store_relaxed(&halt->asked, 1);
    sley__lock_release(&halt->lock);
    return first;
}

/* Whether all others have halted. Owner. */
static bool all_halted(struct sley__sched *sched)
{
    bool all;

    sley__lock_acquire(&sched->halt.lock);
    all = sched->halt.halted == sley__sched_carriers(sched) - 1;
    sley__lock_release(&sched->halt.lock);
    return all;
}

bool sley__sched_halt(struct sley__worker *worker)
{
    struct sley__sched *sched = worker->sched;

    if (!ask(&sched->halt)) {
        comply(worker, NULL);
        return false;
    }
    for (int i = 0; i < PATIENCE; i++) {
        if (all_halted(sched))
            return true;
        sley__thread_yield();
    }
    sley__sched_go_on(sched);
    return false;
}

void sley__sched_go_on(struct sley__sched *sched)
{
    sley__lock_acquire(&sched->halt.lock);
    store_relaxed(&sched->halt.asked, 0);
    sley__lock_release(&sched->halt.lock);
    sley__futex_wake(&sched->halt.asked, 1 << 30);
}
