/*
 * yield.c: tasks that yield, and workers that go to sleep meanwhile (sley__deque_rotate, and its
 * use in worker.c). A common yield tells nobody that there is work: so a queue that is being turned
 * must never look empty to a worker on its way to sleep, or the task that waits in it is left alone
 * with a running one that may not end for long.
 *
 * Here an owner yields a few times and then keeps what it has for ever; the other worker, which
 * searches, watches, steals and sleeps by the real search.c, must get all the rest. Yields are the
 * turn of the real queue and what worker.c does around it; yields with contexts are in
 * yield_tasks.c, too large to be exhausted at bound 2.
 *
 * Found here: the turn once stored the new head relaxed and the look read it relaxed, so that (not
 * on x86-64) the look could see the new head with the old tail, which is an empty queue.
 *
 * Tried on changed sources, and caught: each of those two orders; the turn without its fence, with
 * its tail relaxed, without its slot, or of a full ring; no last look, one that leaves out the
 * woken tasks or the first worker, and one that is not heeded. Equivalent: what the contended take
 * stores over the turn's head with release (it continues the release sequence); a turn of an empty
 * ring (the task takes itself).
 */
#include "idle_workers.h"

struct plan {
    unsigned yields;  /* of the owner */
    unsigned filling; /* tasks in its queue at the start */
    unsigned base;    /* index of the first slot */
    bool some;        /* the thief need not have all of them */
    bool stolen;      /* ... the older half of which is stolen already, and it has not noticed */
};

static int got[TASKS_MAX];
static unsigned left_over; /* for the thief */

static const struct plan *plan(void)
{
    return model_argument();
}

/* As much of a yield as there is without a context: `task` goes to the end, the oldest is next. */
static struct sley_task *turn(struct sley__worker *worker, struct sley_task *task)
{
    struct sley_task *next;

    if (sley__deque_rotate(&worker->woken, task, &next))
        return next ? next : sley__worker_next_slow(worker);
    if (!(next = sley__worker_next(worker)))
        return task;
    sley__worker_push_woken(worker, task);
    sley__sched_notify(worker->sched, worker->index);
    return next;
}

static MODEL_GHOST void note_got(const struct sley_task *task)
{
    got[task - tasks]++;
}

/* Whoever runs a task sees what those wrote who had it before. */
static void run(struct sley_task *task)
{
    model_assert(task->result >= 0, "task %d", (int)(task - tasks));
    task->result++;
}

/* Runs a task and yields in it; what it has then it keeps for ever. */
static void owner(unsigned thread)
{
    struct sley_task *task = &tasks[0];

    for (unsigned i = 0; task && i < plan()->yields; i++) {
        run(task);
        task = turn(&workers[thread], task);
    }
    if (!task)
        return;
    run(task);
    note_got(task);
}

/* All that is left. */
static void thief(unsigned thread)
{
    for (unsigned i = 0; i < left_over; i++) {
        struct sley_task *task = sley__worker_find(&workers[thread]);

        run(task);
        note_got(task);
    }
}

/* Before it begins: by somebody who keeps them for ever. */
static void steal(void)
{
    struct sley_task *stolen[SLEY__STEAL_MAX];
    unsigned n = sley__deque_steal(&workers[0].woken, stolen);

    left_over -= n;
    while (n)
        note_got(stolen[--n]);
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
    workers_init(2);
    memset(got, 0, sizeof got);
    for (unsigned i = 0; i < TASKS_MAX; i++)
        tasks[i].stack = (struct sley__stack *)(void *)tasks;
    for (unsigned i = 0; i < plan()->base; i++) {
        sley__worker_push_woken(&workers[0], &tasks[1]);
        ensure(sley__deque_take(&workers[0].woken) == &tasks[1]);
    }
    for (unsigned i = 1; i <= plan()->filling; i++)
        sley__worker_push_woken(&workers[0], &tasks[i]);
    sched.poller = &poller;
    left_over = plan()->some ? 2 : plan()->filling;
    if (plan()->stolen)
        steal();
}

static void verify(void)
{
    for (unsigned i = 0; i <= plan()->filling; i++)
        model_assert(got[i] == 1 || (plan()->some && !got[i]), "task %u: %d", i, got[i]);
}

#define YIELD(id, text, ...)                                                       \
    MODEL(id, .about = text, .threads = 2, .setup = setup, .body = {owner, thief}, \
          .verify = verify, .argument = &(const struct plan){__VA_ARGS__})

YIELD(yield_once, "a turn, and a worker that goes to sleep", .yields = 1, .filling = 1)
YIELD(yield_twice, "two turns", .yields = 2, .filling = 1, .base = 2)
YIELD(yield_two, "two turns of two others", .yields = 2, .filling = 2)
YIELD(yield_stolen, "a turn past what was stolen", .yields = 1, .filling = 2, .stolen = true)
YIELD(yield_full, "a turn of a full ring", .yields = 1, .filling = 4, .some = true)
