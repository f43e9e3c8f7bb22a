/*
 * idle.c: the idle protocol (sched/idle.h, idle.c) with the sleep and the wake-up that belong to it
 * (park.c, sley__sched_wake_one, the arming in poll.c): no task waits while every worker that could
 * take it sleeps, a submit that wakes nobody may rely on somebody, the last to sleep leaves the
 * events to the watcher, and the counts come out right.
 *
 * The workers are sketches of search.c's, with one word for all queues, so that all of it can be
 * exhausted at bound 2; idle_search.c has the real ones. A task that is run keeps its worker for
 * ever where the cast says so: then another worker must take the next one, and whoever was the last
 * one searching must have seen to it. Submits order nothing by themselves: what makes them seen are
 * the fences of the protocol.
 *
 * Workers may begin in the middle, counted as if they had come there: each step saved at the start
 * is a preemption that can be used later. idle_answer needs two after that: a producer that has
 * claimed to search finds no bit, because the only sleeper retracts; that one is not the last to
 * stop searching then, another submit relies on the claim, and another worker goes to sleep.
 *
 * Tried on changed sources, and caught: either fence of the duel removed, the look at the state
 * before it, the sleeping or the searching not counted in choose, announce, retract, choose_this or
 * on the way back out of choose; a wake without having cleared the bit; a chosen worker that does
 * not wait for its wake, or counts itself again; stop_search that tells nobody; choose that does
 * not choose again when its claim was in vain, or looks at an old state then, or not at every
 * worker; nobody armed, or on the wrong count. Equivalent for the promise, and only dearer:
 * choosing while others search, and searching without a limit. Equivalent: bit and count announced
 * in the other order (choose looks at both, and whoever is counted without a bit looks later);
 * every seq_cst here as acq_rel (the counts are read by read-modify-writes of one word, and the
 * duels have their fences); the fence in choose (its read-modify-write acquires what those did who
 * are counted; the others look later).
 */
#include "idle_workers.h"

enum { PRODUCERS_MAX = 3 };

/* How a worker begins. */
enum begin {
    SEARCHES,  /* awake and without work */
    ANNOUNCED, /* it has announced its sleep and will look once more */
    ASLEEP,    /* it has looked */
    BUSY,      /* it has a task, which ends when another one has been taken */
};

struct cast {
    unsigned workers, producers;
    unsigned submits; /* of each producer, one after another */
    enum begin begin[WORKERS_MAX];
    bool after;      /* a producer begins when a task of the one before has been taken */
    unsigned queues; /* 0: one */
    bool hogs;       /* a task never ends */
    bool stops;      /* one more thread stops the workers */
    bool timer;      /* the first sleep of each worker may end by itself */
    bool watched;    /* there is a poller, which the last sleeper arms */
};

static atomic(uint32_t) queue[PRODUCERS_MAX]; /* how many tasks are in it */
static unsigned taken;
static bool left[WORKERS_MAX], hogging[WORKERS_MAX];
static struct sley__poller watcher;
static bool armed;

static const struct cast *cast(void)
{
    return model_argument();
}

/* --- what stands for the queues ------------------------------------------------------------- */

static unsigned queues(void)
{
    return cast()->queues ? cast()->queues : 1;
}

static MODEL_GHOST void note_taken(void)
{
    taken++;
}

static bool take(void)
{
    for (unsigned i = 0; i < queues(); i++) {
        uint32_t n = load_relaxed(&queue[i]);

        while (n)
            if (cas_acquire(&queue[i], &n, n - 1)) {
                note_taken();
                return true;
            }
    }
    return false;
}

/* No order at all: it must come from the fences of the protocol. */
static void put(unsigned producer)
{
    fetch_add_relaxed(&queue[producer % queues()], 1);
}

static bool work_anywhere(void)
{
    if (cast()->stops && load_acquire(&sched.stopping))
        return true;
    for (unsigned i = 0; i < queues(); i++)
        if (load_relaxed(&queue[i]))
            return true;
    return false;
}

/* --- workers: see search.c ------------------------------------------------------------------ */

static void stop_searching(struct sley__worker *worker)
{
    if (!worker->searching)
        return;
    worker->searching = false;
    if (sley__idle_stop_search(&sched.idle))
        sley__sched_notify(&sched, worker->index);
}

static bool search(struct sley__worker *worker)
{
    if (!worker->searching && !(worker->searching = sley__idle_start_search(&sched.idle)))
        return false;
    return take();
}

/* The first sleep, with a timer, is a doze. */
static int64_t sleep_until(struct sley__worker *worker)
{
    if (!cast()->timer || worker->now)
        return SLEY_FOREVER;
    worker->now = sley__clock_now();
    return worker->now + 1000;
}

static void go_to_sleep(struct sley__worker *worker, enum begin begin)
{
    bool doze = cast()->timer && !worker->now;
    bool all = begin == SEARCHES &&
               sley__idle_announce(&sched.idle, worker->index, worker->searching, doze);
    bool woken = false;

    if (begin == ASLEEP || !work_anywhere()) {
        if (all)
            sley__sched_arm(&sched);
        woken = sley__parker_sleep(&worker->parker, sleep_until(worker));
        sley__sched_disarm(&sched);
    }
    if (!woken && !sley__idle_retract(&sched.idle, worker->index)) {
        sley__parker_sleep(&worker->parker, SLEY_FOREVER);
        model_outcome("chosen while retracting");
    }
    worker->searching = true;
}

static bool hog(UNUSED void *arg)
{
    return false;
}

static MODEL_GHOST void note_end(const struct sley__worker *worker)
{
    left[worker->index] = true;
}

static MODEL_GHOST void note_hog(const struct sley__worker *worker)
{
    hogging[worker->index] = true;
}

static void run(struct sley__worker *worker)
{
    stop_searching(worker);
    if (!cast()->hogs)
        return;
    note_hog(worker);
    model_wait_until(hog, NULL);
}

static MODEL_GHOST bool was_taken(void *tasks_taken)
{
    return taken >= *(unsigned *)tasks_taken;
}

static void work(struct sley__worker *worker, enum begin begin)
{
    unsigned one = 1;

    if (begin == BUSY)
        model_wait_until(was_taken, &one);
    else if (begin != SEARCHES)
        go_to_sleep(worker, begin);
    for (;;) {
        if (search(worker)) {
            run(worker);
            continue;
        }
        if (cast()->stops && load_relaxed(&sched.stopping))
            break;
        go_to_sleep(worker, SEARCHES);
    }
    note_end(worker);
}

/* --- the others ----------------------------------------------------------------------------- */

static void produce(unsigned producer)
{
    if (cast()->after)
        model_wait_until(was_taken, &producer);
    for (unsigned i = 0; i < cast()->submits; i++) {
        put(producer);
        sley__sched_notify(&sched, producer);
    }
}

/* See stop_carriers() in worker.c. */
static void stop(void)
{
    store_release(&sched.stopping, 1);
    fence_heavy();
    for (unsigned i = 0; i < sched.worker_count; i++)
        if (sley__idle_choose_this(&sched.idle, i))
            sley__parker_wake(&workers[i].parker);
}

static void actor(unsigned thread)
{
    unsigned producer = thread - sched.worker_count;

    if (thread < sched.worker_count)
        work(&workers[thread], cast()->begin[thread]);
    else if (producer < cast()->producers)
        produce(producer);
    else
        stop();
}

static void arm(UNUSED struct sley__poller *poller)
{
    model_assert(!armed, "armed twice");
    armed = true;
}

static void disarm(UNUSED struct sley__poller *poller)
{
    model_assert(armed, "disarmed twice");
    armed = false;
}

static void setup(void)
{
    workers_init(cast()->workers);
    memset(queue, 0, sizeof queue);
    memset(left, 0, sizeof left);
    memset(hogging, 0, sizeof hogging);
    taken = 0;
    armed = false;
    watcher = (struct sley__poller){.arm = arm, .disarm = disarm};
    sched.poller = cast()->watched ? &watcher : NULL;
    for (unsigned i = 0; i < sched.worker_count; i++) {
        workers[i].now = 0;
        if (cast()->begin[i] != ANNOUNCED && cast()->begin[i] != ASLEEP)
            continue;
        if (sley__idle_announce(&sched.idle, i, false, false))
            sley__sched_arm(&sched);
    }
}

static unsigned count(const bool *flags)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sched.worker_count; i++)
        n += flags[i];
    return n;
}

/* Everybody sleeps, or hogs, or has left. */
static void verify(void)
{
    unsigned tasks_all = cast()->producers * cast()->submits, asleep = 0, searching = 0;

    for (unsigned i = 0; i < sched.worker_count; i++) {
        bool sleeps = !left[i] && !hogging[i];

        asleep += sleeps;
        searching += !sleeps && workers[i].searching;
        model_assert((sched.idle.sleepers[0] >> i & 1) == sleeps, "sleepers %llx, worker %u",
                     (unsigned long long)sched.idle.sleepers[0], i);
        model_assert(!workers[i].parker.token, "a token is left for worker %u", i);
    }
    if (cast()->stops)
        model_assert(count(left) == sched.worker_count, "%u left", count(left));
    else if (asleep)
        model_assert(taken == tasks_all, "%u of %u taken, %u sleep", taken, tasks_all, asleep);
    model_assert(sley__idle_sleeping(sched.idle.state) == asleep &&
                     sley__idle_searching(sched.idle.state) == searching,
                 "state %x", sched.idle.state);
    model_assert(asleep < sched.worker_count || !cast()->watched || armed,
                 "all sleep and nobody watches");
}

#define IDLE(id, actors, text, cast_, ...)                                                         \
    MODEL(id, .about = text, .threads = actors, .setup = setup, .body = {actor}, .verify = verify, \
          .may_block = true, .argument = &(const struct cast)cast_, __VA_ARGS__)
#define CAST(...)   \
    {               \
        __VA_ARGS__ \
    }

IDLE(idle_one, 2, "one worker that goes to sleep, two submits",
     CAST(.workers = 1, .producers = 1, .submits = 2))
IDLE(idle_watched, 2, "... and the poller is armed",
     CAST(.workers = 1, .producers = 1, .submits = 1, .watched = true))
IDLE(idle_producers, 3, "one worker, two producers",
     CAST(.workers = 1, .producers = 2, .submits = 1, .queues = 2))
IDLE(idle_woken, 3, "one worker that sleeps, two producers",
     CAST(.workers = 1, .producers = 2, .submits = 1, .begin = {ASLEEP}))
IDLE(idle_two, 3, "two workers, one submit",
     CAST(.workers = 2, .producers = 1, .submits = 1, .begin = {ASLEEP, SEARCHES}))
IDLE(idle_two_watched, 3, "... and the poller is armed",
     CAST(.workers = 2, .producers = 1, .submits = 1, .begin = {ASLEEP, ANNOUNCED},
          .watched = true))
IDLE(idle_chain, 3, "tasks that never end: the one woken wakes the next",
     CAST(.workers = 2, .producers = 1, .submits = 2, .hogs = true, .begin = {ASLEEP, ANNOUNCED}))
IDLE(idle_chain_asleep, 3, "... both asleep",
     CAST(.workers = 2, .producers = 1, .submits = 2, .hogs = true, .begin = {ASLEEP, ASLEEP}))
IDLE(idle_answer, 4, "a claim that finds nobody to wake, while others rely on it",
     CAST(.workers = 2, .producers = 2, .submits = 1, .hogs = true, .after = true,
          .begin = {ANNOUNCED, BUSY}),
     .stale = MODEL_NONE, .fences = MODEL_FENCES_SYMMETRIC)
IDLE(idle_timer, 2, "a submit to one whose sleep ends by itself",
     CAST(.workers = 1, .producers = 1, .submits = 2, .timer = true, .begin = {ANNOUNCED}),
     .must_see = {"chosen while retracting"})
IDLE(idle_timer_two, 3, "... and another one sleeps",
     CAST(.workers = 2, .producers = 1, .submits = 1, .timer = true, .begin = {ASLEEP, ASLEEP}),
     .must_see = {"chosen while retracting"})
IDLE(idle_doze, 2, "one worker that dozes, and then sleeps",
     CAST(.workers = 1, .producers = 1, .submits = 1, .timer = true, .watched = true))
IDLE(idle_doze_two, 3, "... and another one sleeps; tasks that never end",
     CAST(.workers = 2, .producers = 1, .submits = 2, .timer = true, .hogs = true,
          .begin = {ASLEEP, SEARCHES}))
IDLE(idle_stop, 3, "stopping one that sleeps and one that goes to sleep",
     CAST(.workers = 2, .stops = true, .begin = {ASLEEP, SEARCHES}))
IDLE(idle_stop_submit, 3, "stopping against a submit",
     CAST(.workers = 1, .producers = 1, .submits = 1, .stops = true))
