/*
 * search.c: finding work, and going to sleep when there is none.
 *
 * A worker has two queues. Tasks that have run and were woken go in order, because somebody waits
 * for their answer. Tasks that have not run go youngest first, and thieves take the oldest: a tree
 * of tasks is then walked depth first, with a handful of stacks, where first-in-first-out would
 * have a whole level of it alive at once (skynet's million leaves keep 111,111 parents parked and
 * each needs a page; depth first it is 60), and a parent that joins its children finds them all
 * done after one park. Woken tasks go first, but after 8 of them a spawned one has its turn.
 *
 * The order in which a worker looks: the task just woken (it overtakes, up to 8 times in a row),
 * woken tasks, spawned tasks, the shared queue; then, outside of tasks, timers and events, the
 * other workers' queues, nearest first. Every 61 ticks, or fewer if these took longer than a
 * millisecond, the shared queue, timers, events and the oldest spawned task come first, so that
 * nothing starves. One of the shared queue then, unless tasks have waited there for more than 10
 * ms: those get every second turn. (10,000 clients that compute for 10 us and wait: the slowest
 * request in a hundred took 475 ms while it was one in 61, and 100 ms since, the median 30 and 60.)
 *
 * Stealing one single task is delayed: that task has usually just been woken by the victim's
 * running task, which is about to park and run it with warm caches. A thief takes it only when it
 * has been the same one for 3 us (Go waits as long before it takes a `runnext`); so a task never
 * starves behind a busy one either.
 *
 * After booty that was not worth its way a thief stays away for a while, up to 320 us. If it sees
 * work meanwhile it neither sleeps nor spins, but naps until it may steal again: somebody who spins
 * takes the processor from those who compute.
 *
 * Forked calls (fork.c) are in no queue until their task hands them out, which it does when it is
 * asked. A worker that finds nothing to steal asks, waits a little for the answer, and asks once
 * more before it sleeps.
 *
 * Before it sleeps a worker may spin, but at most as long as a wake-up of this worker has been
 * costing, and only while its recent gaps were shorter than that: spinning then is cheaper than the
 * sleep for everybody. A gap that was longer takes the licence away again. It peeks at the
 * other queues about once a microsecond, because each peek takes a cache line away from its owner.
 * With one worker there is nobody to spin for.
 *
 * A worker goes to sleep for as long as its own next timer allows. If others are awake it also
 * looks after theirs, 2 ms late: a worker whose task does not return for long cannot fire its
 * timers.
 */
#include "worker.h"

#define STARVING            SLEY_MILLISECONDS(10)
#define LOOK_GAP            SLEY_MILLISECONDS(1) /* between two looks at what may starve */
#define LOOK_MIN            2                    /* ticks: local tasks have turns in between */
#define LONE_DELAY          ((int64_t)3000)      /* ns, see above */
#define RICH                ((int64_t)40000) /* ns: booty that lasts as long was worth ten steals */
#define STEAL_GAP_MAX       ((int64_t)320000) /* ns */
#define WATCH_MAX           ((int64_t)400000) /* ns: how long it waits for work that it may not steal yet */
#define ASK_GAP             ((int64_t)5000)      /* ns between two requests: each costs a spawn */
#define ANSWER_MAX          ((int64_t)50000)     /* ns: how long it waits for an answer */
#define NAP_MIN             ((int64_t)80000)     /* ns: a shorter nap costs more than it saves */
#define DOZE_MAX            SLEY_MILLISECONDS(1) /* see idle.h */
#define PEEK_PAUSES         32                   /* cpu_relax between two peeks, about 1 us */
#define SPIN_MAX            ((int64_t)60000)     /* ns: never longer, whatever wake-ups cost */
#define SPIN_CREDIT_MAX     3
#define TRIM_AFTER          SLEY_MILLISECONDS(100) /* without work, before pages are given back */
#define OTHERS_TIMERS_SLACK SLEY_MILLISECONDS(2)

/* --- local work ----------------------------------------------------------------------------- */

/* This worker's share of the shared queue: one to run, the rest to its own queue. Owner. */
static NOINLINE struct sley_task *take_shared(struct sley__worker *worker)
{
    struct sley__inject *inject = &worker->sched->inject;
    size_t share = sley__inject_size(inject) / worker->sched->worker_count + 1, n;
    struct sley_task *first, *task;

    if (SLEY_MIGRATE && worker->sched->worker_count > 1) {
        first = sley__inject_take_foreign(inject, worker);
        sley__count(worker->counters.injected, first != NULL);
        return first;
    }
    if (share > SLEY__INJECT_BATCH)
        share = SLEY__INJECT_BATCH;
    if (share > SLEY__DEQUE_SIZE / 2)
        share = SLEY__DEQUE_SIZE / 2;
    first = sley__inject_take(inject, share, &n);
    if (!first)
        return NULL;
    sley__count(worker->counters.injected, n);
    while ((task = first->next)) {
        first->next = task->next;
        sley__worker_push(worker, task);
    }
    if (n > 1) /* they were nowhere to be seen for an instant */
        sley__sched_notify(worker->sched, worker->index);
    return first;
}

/* One of the shared queue, although there is work in the own ones; it is run at once, and pushed
 * nowhere. If tasks starve there, the turns until the next look are shared with them. Owner. */
static struct sley_task *take_one_shared(struct sley__worker *worker)
{
    struct sley__inject *inject = &worker->sched->inject;
    struct sley_task *task = NULL;
    bool starving = false;

    if (sley__inject_size(inject))
        task = sley__inject_take_one(inject, worker->now, &starving);
    if (!starving)
        worker->shared_turns = 0;
    sley__count(worker->counters.injected, task != NULL);
    return task;
}

/* The oldest spawned task, if nobody has taken one from that end for long; then one more at each
 * millisecond. Not more often: it is the root of the largest subtree, and beginning one at every
 * 61st turn takes the depth-first walk apart (skynet used twice the time). Owner. */
static struct sley_task *take_starving(struct sley__worker *worker)
{
    uint64_t oldest = load_relaxed(&worker->spawned.head);
    struct sley_task *task;

    if (worker->oldest_spawned != oldest) {
        worker->oldest_spawned = oldest;
        worker->oldest_since = worker->now;
        return NULL;
    }
    if (worker->now - worker->oldest_since < STARVING)
        return NULL;
    task = sley__deque_take(&worker->spawned);
    worker->oldest_spawned = load_relaxed(&worker->spawned.head);
    worker->oldest_since = worker->now - STARVING + LOOK_GAP;
    return task;
}

/* How many ticks to go to the next look, when those since the last one took so long. A clock in
 * every turn would be a third of it, so the length of the coming ones is guessed by the last. */
static unsigned next_interval(unsigned ticks, int64_t took)
{
    if (took <= LOOK_GAP)
        return 2 * ticks < SLEY__POLL_INTERVAL ? 2 * ticks : SLEY__POLL_INTERVAL;
    ticks = (unsigned)((int64_t)ticks * LOOK_GAP / took);
    return ticks > LOOK_MIN ? ticks : LOOK_MIN;
}

/* Every so many ticks: what local work must not starve. Owner. */
static NOINLINE struct sley_task *maintain(struct sley__worker *worker)
{
    struct sley_task *task;
    int64_t before = worker->now;

    sley__worker_poll(worker);
    worker->look_interval = next_interval(worker->look_interval, worker->now - before);
    worker->ticks_left = worker->look_interval;
    worker->shared_turns = worker->look_interval / 2;
    task = take_one_shared(worker);
    if (worker->shared_turns)
        worker->ticks_left = 2;
    return task ? task : take_starving(worker);
}

/* A turn of the shared queue between two looks, because tasks starve there. Owner. */
static NOINLINE struct sley_task *share_turn(struct sley__worker *worker)
{
    worker->shared_turns--;
    worker->ticks_left = 2;
    return take_one_shared(worker);
}

#ifdef SLEY_HOSTILE
/* Another number for each task that gets the worker, the same in each run with the same seed.
 * Owner. */
static uint64_t dice(struct sley__worker *worker)
{
    uint64_t turns = load_relaxed(&worker->counters.started);

    turns += load_relaxed(&worker->counters.resumed);
    return sley__hash64(worker->random + turns * UINT64_C(0x9e3779b97f4a7c15));
}
#else
static uint64_t dice(UNUSED struct sley__worker *worker)
{
    return 0;
}
#endif

/* The hostile build's order: half of the time none, else any end of any queue. Owner. */
static struct sley_task *take_any(struct sley__worker *worker)
{
    switch (dice(worker) % 10) {
    case 0:
        return sley__deque_take(&worker->woken);
    case 1:
        return sley__deque_take_tail(&worker->woken);
    case 2:
        return sley__deque_take(&worker->spawned);
    case 3:
        return sley__deque_take_tail(&worker->spawned);
    case 4:
        return sley__inject_size(&worker->sched->inject) ? take_shared(worker) : NULL;
    default:
        return NULL;
    }
}

struct sley_task *sley__worker_next_slow(struct sley__worker *worker)
{
    struct sley_task *task;

    if (SLEY__SHUFFLE && (task = take_any(worker)))
        return task;
    if (unlikely(worker->ticks_left <= 1)) {
        if (unlikely(load_relaxed(&worker->standing) == SLEY__POST_LOST)) {
            sley__worker_give_away(worker); /* it has no business here: see relief.h */
            return NULL;
        }
        if ((task = worker->shared_turns ? share_turn(worker) : maintain(worker)))
            return task;
    } else {
        worker->ticks_left--;
    }
    if (worker->lifo && (task = sley__worker_take_overtaking(worker)))
        return task;
    if (worker->woken_left && (task = sley__deque_take(&worker->woken))) {
        worker->woken_left--;
        return task;
    }
    worker->woken_left = SLEY__WOKEN_BUDGET;
    if ((task = sley__deque_take_tail(&worker->spawned)) ||
        (task = sley__deque_take(&worker->woken)))
        return task;
    if (sley__inject_size(&worker->sched->inject))
        return take_shared(worker);
    return NULL;
}

/* --- stealing ------------------------------------------------------------------------------- */

/* Whether the single task in a queue has been there long enough. Owner of worker. */
static bool lone_task_is_ripe(struct sley__worker *worker, struct sley__deque *queue,
                              uint64_t stamp)
{
    uint64_t watched_stamp;

    if (worker->lone_queue != queue || worker->lone_stamp != stamp) {
        /* One at a time: two queues that take turns would never ripen. */
        if (worker->lone_queue && worker->lone_queue != queue &&
            sley__deque_size(worker->lone_queue, &watched_stamp) == 1 &&
            watched_stamp == worker->lone_stamp)
            return false;
        worker->lone_queue = queue;
        worker->lone_stamp = stamp;
        worker->lone_since = sley__clock_now();
        return false;
    }
    return sley__clock_now() - worker->lone_since >= LONE_DELAY;
}

/* Whether this worker may steal already. A steal costs both sides some microseconds (a fence on all
 * cores, cold tasks), so booty that was finished sooner than RICH says that the tasks are too small
 * to share, and the next steal waits, longer each time, up to STEAL_GAP_MAX. Rich booty ends that.
 * Owner. */
static bool may_steal(struct sley__worker *worker)
{
    int64_t now = sley__clock_now();

    if (worker->stole_at) {
        if (now - worker->stole_at >= RICH)
            worker->steal_gap = 0;
        else if (worker->steal_gap < STEAL_GAP_MAX)
            worker->steal_gap = worker->steal_gap ? worker->steal_gap * 2 : RICH;
        worker->steal_after = worker->stole_at + worker->steal_gap;
        worker->stole_at = 0;
    }
    return now >= worker->steal_after;
}

/* Half of `victim`, to the same kind of queue; the oldest is returned. Owner of worker. */
static struct sley_task *steal_from(struct sley__worker *worker, struct sley__deque *victim)
{
    struct sley_task *stolen[SLEY__STEAL_MAX];
    uint64_t stamp;
    unsigned size = sley__deque_size(victim, &stamp), n, i;

    if (size == 1 && !lone_task_is_ripe(worker, victim, stamp)) {
        worker->watching = true;
        return NULL;
    }
    if (size == 0)
        return NULL;
    if (!may_steal(worker)) {
        worker->watching = true;
        return NULL;
    }
    n = sley__deque_steal(victim, stolen);
    if (n == 0)
        return NULL;
    worker->stole_at = sley__clock_now();
    for (i = 0; i < n; i++)
        __builtin_prefetch(stolen[i], 1);
    for (i = 1; i < n; i++)
        sley__worker_push(worker, stolen[i]);
    sley__count(worker->counters.steals, 1);
    sley__count(worker->counters.stolen, n);
    SLEY_PROBE2(steal, worker->index, n);
    return stolen[0];
}

/* Either queue of one carrier. Owner of worker. */
static struct sley_task *steal_either(struct sley__worker *worker, struct sley__worker *victim,
                                      bool woken_first)
{
    struct sley_task *task;

    if (victim == worker) /* with another post than it began with */
        return NULL;
    if ((task = steal_from(worker, woken_first ? &victim->woken : &victim->spawned)))
        return task;
    return steal_from(worker, woken_first ? &victim->spawned : &victim->woken);
}

/* From carriers that have no post, or have begun without one; and from who held ours. Owner. */
static NOINLINE struct sley_task *steal_from_relief(struct sley__worker *worker, unsigned extra)
{
    struct sley__sched *sched = worker->sched;
    struct sley_task *task = steal_either(worker, &sched->workers[worker->post], false);

    for (unsigned i = 0; !task && i < extra; i++)
        task = steal_either(worker, sched->relief.extras[i], false);
    return task;
}

/* One round over all victims, nearest first. Owner. */
static struct sley_task *steal(struct sley__worker *worker)
{
    unsigned i, others = worker->sched->worker_count - 1, extra;
    uint64_t order = dice(worker);

    for (i = 0; i < others; i++) {
        const unsigned *near = &worker->victims[sley__hostile_ith(i, others, order)];
        struct sley__worker *victim = &worker->sched->workers[*near];
        bool woken_first = order >> i % 64 & 1; /* never, but in the hostile build */
        struct sley_task *task;

        if ((task = steal_either(worker, victim, woken_first)))
            return task;
    }
    extra = load_acquire(&worker->sched->relief.extra); /* partner: make_carrier in relief.c */
    return unlikely(extra) ? steal_from_relief(worker, extra) : NULL;
}

/* --- searching ------------------------------------------------------------------------------ */

void sley__sched_wake_one(struct sley__sched *sched, unsigned near)
{
    int chosen;

    sley__hands_enter();
    chosen = sley__idle_choose(&sched->idle, near);
    if (chosen >= 0)
        sley__parker_wake(&sley__sched_carrier(sched, (unsigned)chosen)->parker);
    sley__hands_leave();
}

/* The worker has work: if it was the last one searching, another takes over. Owner. */
static void stop_searching(struct sley__worker *worker)
{
    if (!worker->searching)
        return;
    worker->searching = false;
    if (sley__idle_stop_search(&worker->sched->idle))
        sley__sched_notify(worker->sched, worker->index);
}

/* Fires the due timers of workers that may be too busy to do so. Owner. */
static size_t fire_others(struct sley__worker *worker, int64_t slack)
{
    unsigned i, others = worker->sched->worker_count - 1;
    size_t n = 0;

    for (i = 0; i < others; i++) {
        struct sley__wheel *wheel = &worker->sched->workers[worker->victims[i]].wheel;

        if (sley__wheel_next(wheel) <= worker->now - slack)
            n += sley__worker_fire(worker, wheel, worker->now);
    }
    return n;
}

/* There is nothing to steal: asks those who have forked calls to hand some out, unless what was
 * stolen last was too small, or they were asked just now. True if an answer may come. Owner. */
static bool ask_forkers(struct sley__worker *worker)
{
    if (!load_relaxed(&worker->sched->forkers.first) || worker->watching || !may_steal(worker) ||
        worker->now - worker->asked_at < ASK_GAP)
        return false;
    worker->asked_at = worker->now;
    return sley__forkers_ask(worker->sched);
}

/* Until it may steal again, if that is long: what is to be stolen are tasks too small to share, and
 * a worker that keeps a core busy to wait for them takes it from somebody, if only from the clients
 * of this server. For the others it is still searching, so nobody wakes another one. Owner. */
static void nap(const struct sley__worker *worker)
{
    int64_t until = min_i64(worker->steal_after, sley__wheel_next(worker->timers));
    atomic(uint32_t) nobody = 0;

    if (worker->watching && until - worker->now >= NAP_MIN)
        sley__futex_wait(&nobody, 0, until);
}

/* Looks everywhere once, then for as long as it pays to spin. NULL: nothing. Owner. */
static struct sley_task *search(struct sley__worker *worker, int64_t since)
{
    int64_t limit = worker->wake_cost < SPIN_MAX ? worker->wake_cost : SPIN_MAX;
    bool spin = worker->spin_credit && worker->sched->worker_count > 1;
    bool asked = false;
    struct sley_task *task;
    int pauses;

    if (!worker->searching && !(worker->searching = sley__idle_start_search(&worker->sched->idle)))
        return NULL;
    for (;;) {
        worker->watching = false;
        if ((task = steal(worker)))
            return task;
        asked |= ask_forkers(worker);
        fire_others(worker, OTHERS_TIMERS_SLACK);
        if ((task = sley__worker_next(worker)))
            return task;
        if (load_relaxed(&worker->sched->stopping))
            return NULL;
        /* Work that may not be stolen yet would keep us from sleeping anyhow. */
        if (worker->now - since >= (worker->watching ? WATCH_MAX
                                    : asked          ? ANSWER_MAX
                                    : spin           ? limit
                                                     : 0))
            return NULL;
        nap(worker);
        for (pauses = 0; pauses < PEEK_PAUSES; pauses++)
            cpu_relax();
        sley__worker_poll(worker);
    }
}

/* --- sleeping ------------------------------------------------------------------------------- */

/* W3 of idle.h: the last look, after having announced the sleep. Owner. */
static bool work_anywhere(struct sley__worker *worker)
{
    struct sley__sched *sched = worker->sched;
    unsigned i, n = sley__sched_carriers(sched);

    if (load_acquire(&sched->stopping) || sley__inject_size(&sched->inject))
        return true;
    for (i = 0; i < n; i++) {
        struct sley__worker *carrier = sley__sched_carrier(sched, i);

        if (sley__deque_size(&carrier->spawned, NULL) || sley__deque_size(&carrier->woken, NULL))
            return true;
    }
    return false;
}

/* Until when: the own next timer; with others awake, theirs too; with pages to be given back, when
 * it is time for that. Owner. */
static int64_t sleep_until(struct sley__worker *worker, int64_t since)
{
    struct sley__sched *sched = worker->sched;
    int64_t until = sley__wheel_next(worker->timers);
    unsigned i;

    for (i = 0; i < sched->worker_count; i++) {
        /* Acquire: its index. Partner: give in relief.c. */
        unsigned holder = load_acquire(&sched->workers[i].holder)->index;
        uint64_t asleep = load_relaxed(&sched->idle.sleepers[holder / 64]) >> holder % 64 & 1;
        int64_t theirs = sley__wheel_next(&sched->workers[i].wheel);

        if (!asleep && i != worker->post && theirs < SLEY_FOREVER - OTHERS_TIMERS_SLACK)
            until = min_i64(until, theirs + OTHERS_TIMERS_SLACK);
    }
    if (sley__stack_surplus(&sched->stacks))
        until = min_i64(until, since + TRIM_AFTER);
    return until;
}

/* Learns from a gap without work that began at `since`. Owner. */
static void learn_gap(struct sley__worker *worker, int64_t since)
{
    if (worker->now - since >= worker->wake_cost) {
        if (worker->spin_credit)
            worker->spin_credit--;
    } else if (worker->spin_credit < SPIN_CREDIT_MAX) {
        worker->spin_credit++;
    }
}

/* Somebody has woken us: how long did that take? Smoothed over about eight wake-ups. Owner. */
static void learn_wake_cost(struct sley__worker *worker, int64_t slept_from)
{
    int64_t sent = load_relaxed(&worker->parker.sent), cost = worker->now - sent;

    if (sent < slept_from || cost < 0 || cost > SLEY_MILLISECONDS(1))
        return; /* woken before it slept, or descheduled: says nothing about wake-ups */
    worker->wake_cost += (cost - worker->wake_cost) / 8;
}

/* Announces, looks once more, sleeps. Afterwards the worker is searching. Owner. */
static void go_to_sleep(struct sley__worker *worker, int64_t *since)
{
    struct sley__sched *sched = worker->sched;
    int64_t doze_end = worker->now + DOZE_MAX, from, until;
    bool doze = sley__wheel_next(worker->timers) <= doze_end, woken = false;
    bool all = sley__idle_announce(&sched->idle, worker->index, worker->searching, doze);

    if (!work_anywhere(worker)) {
        sley__forkers_ask(sched); /* what is handed out while we sleep wakes us */
        if (all)
            sley__sched_arm(sched);
        from = sley__clock_now();
        SLEY_PROBE1(sleep, worker->index);
        sley__worker_rest(worker);
        until = sleep_until(worker, *since); /* later than that timer, if another has fired it */
        woken = sley__parker_sleep(&worker->parker, doze ? min_i64(until, doze_end) : until);
        sley__worker_rise(worker);
        SLEY_PROBE1(wake, worker->index);
        worker->now = sley__clock_now();
        sley__count(worker->counters.sleeps, 1);
        sley__count(worker->counters.slept_ns, worker->now - from);
        if (woken) {
            learn_wake_cost(worker, from);
            /* The gap ended when the wake was sent. */
            *since += worker->now - min_i64(worker->now, load_relaxed(&worker->parker.sent));
        }
        sley__sched_disarm(sched);
    }
    /* Chosen meanwhile: the wake is on its way and must be taken, or it would end a later sleep. */
    if (!woken && !sley__idle_retract(&sched->idle, worker->index)) {
        sley__worker_rest(worker);
        sley__parker_sleep(&worker->parker, SLEY_FOREVER);
        sley__worker_rise(worker);
    }
    worker->searching = true;
    sley__monitor_note_awake(&sched->monitor);
}

/* Owner, who has a post and keeps it meanwhile. */
static struct sley_task *find(struct sley__worker *worker)
{
    int64_t since = 0;
    struct sley_task *task;

    for (;;) {
        sley__worker_safe_point(worker);
        if ((task = sley__worker_next(worker)))
            break;
        sley__worker_poll(worker);
        if (!since)
            since = worker->now;
        if ((task = sley__worker_next(worker)) || (task = search(worker, since)))
            break;
        if (load_relaxed(&worker->sched->stopping))
            return NULL;
        /* Pages of stacks that nobody has needed for a while: given back bit by bit, looking for
         * work between. */
        if (worker->now - since < TRIM_AFTER || !sley__stack_trim(&worker->sched->stacks))
            go_to_sleep(worker, &since);
    }
    if (since)
        learn_gap(worker, since);
    stop_searching(worker);
    return task;
}

struct sley_task *sley__worker_find(struct sley__worker *worker)
{
    struct sley_task *task = NULL;

    store_relaxed(&worker->finds, load_relaxed(&worker->finds) + 1); /* L1 of relief.h */
    fence_light(); /* partner: fence_heavy in take_post in relief.c */
    if (likely(load_relaxed(&worker->standing) == SLEY__POST_HELD) || sley__relief_arrive(worker))
        task = find(worker);
    store_relaxed(&worker->finds, load_relaxed(&worker->finds) + 1); /* L5 */
    return task;
}
