/*
 * idle.h: who sleeps, who searches, and whom to wake. Level 2.
 *
 * The promise: when a task is ready, either some worker that will find it is awake, or one is
 * woken. And the price: the common submit pays one load, and no more workers are awake than have
 * work.
 *
 * A worker is running, searching (awake, without work, looking at the others' queues) or sleeping.
 * `state` counts the searching and the sleeping; a bit per worker in `sleepers` says who can be
 * woken, and whoever clears a bit owes its worker the wake.
 *
 * Submitting (any thread):                     Going to sleep (a worker that is searching):
 *   S1 put the task in a queue                   W1 set own bit; searching - 1, sleeping + 1
 *   S2 fence_light                               W2 fence_heavy
 *   S3 if searching > 0 or sleeping == 0: done   W3 look at every queue once more
 *   S4 searching 0 -> 1 by CAS, else done        W4 work: clear own bit (or take the wake that is
 *   S5 clear a bit, sleeping - 1, wake               under way), searching + 1, sleeping - 1,
 *                                                    search
 *                                                W5 none: sleep until the wake
 *
 * S1/S3 and W1/W3 are a Dekker duel: either S3 sees the worker as sleeping, or W3 sees the task. A
 * submit that stops at S3 because somebody is searching relies on that one: if it finds nothing it
 * comes to W1, after which W3 sees the task; if it finds something, it stops searching and, being
 * the last one to do so, notifies in turn (the task that it found may not have been the only one).
 * So wake-ups spread one after another, as in Go and Tokio, and a burst of submits wakes one
 * worker, not all of them one by one.
 *
 * A doze is a sleep that ends by itself within a millisecond, because a timer is due then. It does
 * without W2: where thousands of timers fire in a second, the interrupts that the fence sends to
 * all cores are the dearest part of going to sleep. If S1 and S3, or W1 and W3, miss each other
 * because a store is still on its way, the task waits for the end of the doze at most: the worker
 * searches then, and even if it finds work of its own it is the last one that searched, and
 * notifies.
 *
 * Rejected: a counter of sleepers without the searching half (each submit of a burst pays a futex
 * wake, 8-10 us); waking by condition variable (cannot choose the nearest).
 */
#ifndef SLEY_IDLE_H
#define SLEY_IDLE_H

#include "atomic.h"

#define SLEY__MAX_WORKERS 1024

struct sley__idle {
    /* searching in the low half, sleeping in the high half. Any worker or notifier; all changes are
     * seq_cst read-modify-writes, so "the last one" is well defined. */
    ALIGN_LINE atomic(uint32_t) state;
    unsigned workers; /* how many take part. Constant after init */
    unsigned numbers; /* worker < numbers: at least as many, because who takes part may change if
                         it does so while it runs (relief.h). Constant after init */
    atomic(uint64_t) sleepers[SLEY__MAX_WORKERS / 64]; /* bit set: sleeps and may be woken */
};

void sley__idle_init(struct sley__idle *idle, unsigned workers);

static inline unsigned sley__idle_searching(uint32_t state)
{
    return state & 0xffff;
}

static inline unsigned sley__idle_sleeping(uint32_t state)
{
    return state >> 16;
}

/* S4 and S5: chooses a sleeper, nearest to worker `near` first; its index, or -1 if nobody need be
 * woken. The caller owes it a wake; the woken one counts as searching already. Any thread. */
int sley__idle_choose(struct sley__idle *idle, unsigned near);

/* S2 and S3, the whole cost of a submit that need not wake anybody. Any thread. */
static inline bool sley__idle_should_wake(struct sley__idle *idle)
{
    uint32_t state;

    fence_light(); /* partner: fence_heavy in sley__idle_announce */
    state = load_relaxed(&idle->state);
    return unlikely(state >> 16 && !(state & 0xffff));
}

/* A running worker asks to search; false if half of the awake ones already do (more would only
 * fight for the same queues): it goes to sleep through announce with `searching` false. */
MUST_USE bool sley__idle_start_search(struct sley__idle *idle);

/* A searching worker has found work. True: it was the last one, and must notify in turn. */
MUST_USE bool sley__idle_stop_search(struct sley__idle *idle);

/* W1, and W2 but for a doze. True: now every worker sleeps. */
bool sley__idle_announce(struct sley__idle *idle, unsigned worker, bool searching, bool doze);

/* W4: false if somebody has chosen this worker already: then it waits for the wake that is on its
 * way. In either case it is searching afterwards. */
MUST_USE bool sley__idle_retract(struct sley__idle *idle, unsigned worker);

/* Chooses this very worker if it sleeps (for stopping all of them). True: the caller owes a wake.
 */
MUST_USE bool sley__idle_choose_this(struct sley__idle *idle, unsigned worker);

#endif
