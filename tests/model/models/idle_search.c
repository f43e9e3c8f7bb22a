/*
 * idle_search.c: real workers that search, steal, sleep and are woken (search.c, poll.c, park.c,
 * idle.c, inject.c, deque.c), with tasks that are calls: see idle_workers.h. idle.c has the
 * protocol alone, at greater depth; here it is search.c that must keep it.
 *
 * What a task does is its plan: it ends; or it first makes others ready in its worker's own queue;
 * or it keeps its worker for ever. Then the others must find the rest. In the end every worker that
 * is not kept sleeps, and every task has been run once. The ring holds four: pushing more overflows
 * to the shared queue.
 *
 * Tried on changed sources, and caught: no last look before the sleep, or one before the announce;
 * one that leaves out the shared queue, the spawned tasks or the end; the last one that stops
 * searching tells nobody, or does not stop; no word after a share of the shared queue was taken;
 * the watcher not armed or not disarmed; a chosen worker that does not take its wake, one that
 * retracts although it was woken, or does not count as searching afterwards; a chosen worker that
 * is not woken; a submit that tells nobody; booty, or what overflows, dropped.
 */
#include "idle_workers.h"

enum kind {
    ENDS,
    KEEPS,  /* ... its worker for ever */
    SPAWNS, /* three others, and keeps its worker */
    FLOODS, /* six others, more than the ring holds, and keeps it */
};

struct cast {
    unsigned workers, producers, submits; /* submits of each producer */
    enum kind kind;                       /* of what is submitted; what is spawned ends */
    bool begins; /* worker 0 begins with a task of that kind in its queue */
    bool event;  /* there is a poller, and an event comes */
    bool stops;  /* the last thread stops the workers when all have run */
};

static int runs[TASKS_MAX];
static enum kind kinds[TASKS_MAX];
static unsigned made, ran;
static bool kept[WORKERS_MAX], left[WORKERS_MAX];
static struct sley__poller poller;
static bool armed; /* under poll_lock */
static atomic(uint32_t) event;

static const struct cast *cast(void)
{
    return model_argument();
}

/* --- tasks ---------------------------------------------------------------------------------- */

static MODEL_GHOST struct sley_task *new_task(enum kind kind)
{
    model_assert(made < TASKS_MAX, "TASKS_MAX is too small");
    kinds[made] = kind;
    return &tasks[made++];
}

static struct sley_task *make(enum kind kind)
{
    struct sley_task *task = new_task(kind);

    task->result = 7;
    return task;
}

static MODEL_GHOST enum kind note_run(const struct sley_task *task)
{
    ptrdiff_t i = task - tasks;

    model_assert(i >= 0 && i < (ptrdiff_t)made, "not a task");
    model_assert(runs[i]++ == 0, "task %d runs twice", (int)i);
    ran++;
    return kinds[i];
}

static MODEL_GHOST void note(bool *flags, const struct sley__worker *worker)
{
    flags[worker->index] = true;
}

static bool never(UNUSED void *arg)
{
    return false;
}

static void run(struct sley__worker *worker, struct sley_task *task)
{
    enum kind kind = note_run(task);

    model_assert(task->result == 7, "%d", task->result);
    for (unsigned i = 0; i < (kind == SPAWNS ? 3 : kind == FLOODS ? 6 : 0); i++) {
        sley__worker_push(worker, make(ENDS));
        sley__sched_notify(&sched, worker->index);
    }
    if (kind == ENDS)
        return;
    note(kept, worker);
    model_wait_until(never, NULL);
}

/* --- threads -------------------------------------------------------------------------------- */

static void work(struct sley__worker *worker)
{
    struct sley_task *task;

    while ((task = sley__worker_find(worker)))
        run(worker, task);
    note(left, worker);
}

static void produce(void)
{
    for (unsigned i = 0; i < cast()->submits; i++) {
        struct sley_task *task = make(cast()->kind);

        sley__sched_ready_from_outside(&sched, task, task, 1);
    }
}

static MODEL_GHOST bool all_ran(UNUSED void *arg)
{
    return ran == cast()->producers * cast()->submits;
}

/* See stop_carriers() in worker.c. */
static void stop(void)
{
    model_wait_until(all_ran, NULL);
    store_release(&sched.stopping, 1);
    fence_heavy();
    for (unsigned i = 0; i < sched.worker_count; i++)
        if (sley__idle_choose_this(&sched.idle, i))
            sley__parker_wake(&workers[i].parker);
}

static MODEL_GHOST bool event_is_watched(UNUSED void *arg)
{
    return armed || !event;
}

/* An event comes; while nobody else looks it is the watcher's. */
static void happen(void)
{
    struct sley_task *task;

    store_release(&event, 1);
    model_wait_until(event_is_watched, NULL);
    if (!exchange_acquire(&event, 0))
        return;
    model_outcome("watched");
    task = make(ENDS);
    sley__sched_ready_from_outside(&sched, task, task, 1);
}

static void actor(unsigned thread)
{
    if (thread < sched.worker_count)
        work(&workers[thread]);
    else if (thread - sched.worker_count < cast()->producers)
        produce();
    else if (cast()->stops)
        stop();
    else
        happen();
}

/* --- events --------------------------------------------------------------------------------- */

static int drain(UNUSED struct sley__poller *p)
{
    model_yield(); /* a worker that sees what it may not have yet looks again and again */
    if (!cast()->event || !load_relaxed(&event) || !exchange_acquire(&event, 0))
        return 0;
    model_outcome("drained");
    note_run(make(ENDS));
    return 1;
}

static void arm(UNUSED struct sley__poller *p)
{
    model_assert(!armed, "armed twice");
    armed = true;
}

static void disarm(UNUSED struct sley__poller *p)
{
    model_assert(armed, "disarmed twice");
    armed = false;
}

static void setup(void)
{
    workers_init(cast()->workers);
    memset(runs, 0, sizeof runs);
    memset(kept, 0, sizeof kept);
    memset(left, 0, sizeof left);
    made = ran = 0;
    armed = false;
    event = 0;
    poller = (struct sley__poller){.drain = drain, .arm = arm, .disarm = disarm};
    sched.poller = &poller;
    if (cast()->begins)
        sley__worker_push(&workers[0], make(cast()->kind));
}

/* --- in the end ----------------------------------------------------------------------------- */

static void verify(void)
{
    unsigned asleep = 0;

    for (unsigned i = 0; i < sched.worker_count; i++) {
        bool sleeps = !kept[i] && !left[i];

        asleep += sleeps;
        model_assert(left[i] == cast()->stops, "worker %u", i);
        model_assert((sched.idle.sleepers[0] >> i & 1) == sleeps, "sleepers %llx, worker %u",
                     (unsigned long long)sched.idle.sleepers[0], i);
        model_assert(!workers[i].parker.token, "a token is left for worker %u", i);
    }
    model_assert(sley__idle_sleeping(sched.idle.state) == asleep, "state %x", sched.idle.state);
    model_assert(cast()->stops || !sley__idle_searching(sched.idle.state), "state %x",
                 sched.idle.state);
    model_assert(ran == made || !asleep, "%u of %u ran, %u workers sleep", ran, made, asleep);
    model_assert(!cast()->event || (!event && ran == made), "the event is lost");
    model_assert(armed == (asleep == sched.worker_count), "%u sleep, %s", asleep,
                 armed ? "armed" : "not armed");
}

#define SEARCH(id, actors, text, cast_, ...)                                                       \
    MODEL(id, .about = text, .threads = actors, .setup = setup, .body = {actor}, .verify = verify, \
          .may_block = true, .no_timeouts = true, .argument = &(const struct cast)cast_,           \
          __VA_ARGS__)
#define CAST(...)   \
    {               \
        __VA_ARGS__ \
    }

SEARCH(idle_search_submit, 2, "one worker, two submits",
       CAST(.workers = 1, .producers = 1, .submits = 2))
SEARCH(idle_search_spawn, 2, "three tasks pushed by one that keeps its worker",
       CAST(.workers = 2, .kind = SPAWNS, .begins = true))
SEARCH(idle_search_two, 3, "two workers, two submits of tasks that keep them",
       CAST(.workers = 2, .producers = 1, .submits = 2, .kind = KEEPS), .bound = 1,
       .every_switch_costs = true)
SEARCH(idle_search_event, 2, "an event against the last worker that goes to sleep",
       CAST(.workers = 1, .event = true), .must_see = {"watched", "drained"})
SEARCH(idle_search_stop, 3, "stopping two workers that go to sleep",
       CAST(.workers = 2, .stops = true), .bound = 1, .stale = MODEL_NONE)
SEARCH(idle_search_flood, 3, "more tasks than the ring holds, one of three workers kept",
       CAST(.workers = 3, .kind = FLOODS, .begins = true), .random_only = true)
SEARCH(idle_search_many, 5, "three workers, two producers, tasks that keep their workers",
       CAST(.workers = 3, .producers = 2, .submits = 2, .kind = KEEPS), .random_only = true)
