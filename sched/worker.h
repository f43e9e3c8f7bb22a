/*
 * worker.h: workers, and what they share. Level 2.
 *
 * A worker is a place bound to a core (its post: a number, a timer wheel, a seat among those that
 * the idle protocol counts) and the kernel thread that holds it (the carrier) with what belongs to
 * that thread: run queues, caches of stacks and tasks, counters. struct sley__worker is both: the
 * first worker_count of them are the posts and the carriers that hold them at the beginning; spare
 * carriers, which take over the post of one whose task does not return, have one each too
 * (relief.h). struct sley__sched is all of them with the queues between them; struct sley_runtime
 * (level 4) holds one.
 *
 * Where the code is: worker.c runs and switches tasks, search.c finds work and sleeps, poll.c looks
 * after timers and events, forkers.c asks for forked calls, wait.c and spawn.c are what tasks call,
 * relief.c and monitor.c look after those that keep their worker too long.
 *
 * Fields are grouped by who writes them; "owner" is the carrier's kernel thread.
 */
#ifndef SLEY_WORKER_H
#define SLEY_WORKER_H

#include "buffers.h"
#include "deque.h"
#include "halt.h"
#include "hostile.h"
#include "idle.h"
#include "inject.h"
#include "monitor.h"
#include "park.h"
#include "platform.h"
#include "relief.h"
#include "stack.h"
#include "task_impl.h"
#include "timer_pool.h"
#include "trace.h"
#include "wait.h"

/* Ticks between two looks at the shared queue, the timers and the events while there is local work.
 * A prime, so that it does not fall into step with a program's own cycles (Go's choice too). */
#define SLEY__POLL_INTERVAL 61

/* How often in a row the task just woken may overtake. More would let two tasks that wake each
 * other keep the rest of the queue waiting. */
#define SLEY__LIFO_BUDGET 8

/* How many woken tasks may go before a spawned one, so that a task that yields in a loop until its
 * child has done something gives the child a chance. */
#define SLEY__WOKEN_BUDGET 8

/* Operations that succeed without parking before the slice ends (Tokio's number). */
#define SLEY__OPERATION_BUDGET 128

/* Stacks are promised to a worker in lots of this many, so that a spawn normally counts a number
 * down instead of taking the pool's lock. */
#define SLEY__STACK_LOT 64

/* Counters: written by the owner only, read by anybody; so a relaxed load and store, no
 * read-modify-write. */
struct sley__worker_counters {
    atomic(uint64_t) spawned, finished; /* finished: release, partner sley__sched_live */
    atomic(uint64_t) resumed, started, parks, steals, stolen, injected, overflows, sleeps, timers;
    atomic(int64_t) slept_ns;
};

#define sley__count(counter, n) store_relaxed(&(counter), load_relaxed(&(counter)) + (n))

struct sley__flow;
struct sley__sched;

struct sley__worker {
    /* Owner only, except where noted. */
    ALIGN_LINE struct sley_task *current; /* the task that runs here, or NULL */
    struct sley__stack *stack;            /* what the owner stands on; NULL: its thread's own */
    struct sley__sched *sched;            /* constant */
    int *errno_location;                  /* of the carrier: D11, without asking the C library */
    struct sley_task *handoff;            /* what the loop that the owner switches to is to run */
    unsigned ticks_left;                  /* to the next look at what may starve */
    unsigned lifo_left;                   /* budget */
    unsigned woken_left;                  /* how many woken tasks may go before a spawned one */
    bool lifo;             /* the youngest woken task was just woken: take it first */
    bool searching;        /* counted in idle.state */
    bool canaries;         /* some stacks have no guard: look at each park. Copy of the pool's */
    int budget;            /* operations left that need not park; sley__wait_spend */
    unsigned index;        /* constant */
    unsigned stack_credit; /* stacks promised and not used by a live task */
    uint64_t next_id, id_step; /* id_step: constant */
    int64_t now;               /* ns: the clock when it was last read */
    struct sley__task_cache tasks;
    struct sley__stack_cache stacks;
    struct sley__timer_cache timer_nodes;
    struct sley__buffers buffers;
    uint64_t random;
    struct sley__context base;    /* the carrier's own stack: idle loop */
    struct sley__context fresh;   /* scratch: the first switch to a new stack */
    struct sley__context nowhere; /* scratch: where a flow that ends is saved */
    struct sley__fiber base_fiber;
    struct sley__signal_stack *signal_stack; /* of the carrier; may be NULL */
    const unsigned *victims;                 /* of the post: the other workers, nearest first */
    struct sley__wheel *timers;              /* of the post. Both change with it */
    atomic(unsigned) cpu; /* UINT_MAX: not pinned. Owner, at its start; read by statistics */

    /* Search state: owner only. */
    int64_t wake_cost;    /* ns: what waking this worker costs, smoothed */
    unsigned spin_credit; /* > 0: recent gaps were shorter than a wake-up, spin before sleeping */
    struct sley__deque *lone_queue; /* whose single task was seen, its stamp, and when */
    uint64_t lone_stamp;
    int64_t lone_since;
    unsigned look_interval; /* ticks from one look at what may starve to the next */
    unsigned shared_turns;  /* every second turn is the shared queue's, so many times yet */
    bool watching;          /* there is work that may not be stolen yet */
    int64_t stole_at, steal_gap, steal_after; /* ns; see may_steal() */
    int64_t asked_at;                         /* ns: when it last asked for forked calls */
    uint64_t oldest_spawned;                  /* index of the oldest spawned task, and */
    int64_t oldest_since;                     /* when it was first seen */

    /* What others want to know of the carrier: see relief.h. */
    unsigned post; /* index of the worker whose place it has. By the giver, before `standing` */
    atomic(uint32_t) standing; /* enum sley__standing; futex */
    atomic(uint32_t) finds;    /* odd: looks for work, or its thread has not begun or has ended;
                                  by 2 where it could not leave its task but would have.
                                  Owner; partner: take_post in relief.c */
    atomic(struct sley_task *) announced; /* the task that has said it will block. Owner, release;
                                             the dump and the monitor read */
    atomic(const char *) reason;          /* why. Likewise, before */
    unsigned nested;                      /* announcements of that task. Owner */
    struct sley__worker *next_spare;      /* relief.lock */
    bool has_thread;                      /* one to be joined. relief.lock */
    bool stands_in;                       /* its thread began without a post. The starter */

    atomic(int) number; /* of its thread; 0: has none. Owner; the monitor reads */
    struct sley__monitor_sample suspicion; /* the monitor's: it may be a stall, see monitor.c */
    atomic(uint32_t) trial;      /* enum sley__trial: of who has lost a post. Under relief.lock by
                                    the giver, then by who stands in; the monitor reads */
    struct sley__worker *judges; /* whose trial it is to decide, or NULL, and for which of that
                                    one's losses. By the giver, before `standing` */
    uint32_t judged_loss;

    /* Of the post `index`; unused in spare carriers. */
    atomic(struct sley__worker *) holder; /* who has it. Under relief.lock; the dump reads */
    atomic(uint64_t) stalls, reliefs;     /* under relief.lock; statistics read */

    struct sley__worker_counters counters;
    struct sley__deque spawned; /* tasks that have not run: youngest first, stolen oldest first */
    struct sley__deque woken;   /* tasks that have: oldest first */
    struct sley__wheel wheel;   /* of the post `index` */
    struct sley__parker parker;
    struct sley__thread thread;
#ifdef SLEY_HOSTILE
    struct sley__halted halted;
#endif
};

/* The tasks that are in a region of forked calls: see forkers.c. */
struct sley__forkers {
    ALIGN_LINE struct sley__lock lock;
    atomic(struct sley_forks *) first; /* written under lock; read without, as a hint */
};

struct sley__sched {
    /* Constant while workers run. */
    struct sley__worker *workers;
    unsigned worker_count;
    int stack_class; /* default */
    const char *thread_name;
    void (*on_carrier_start)(struct sley__worker *worker); /* may be NULL: pinning, signal stack */
    void (*on_carrier_stop)(struct sley__worker *worker);
    void (*on_post)(struct sley__worker *worker); /* may be NULL: has a post again. Its thread */
    void (*on_lost)(struct sley__worker *worker); /* may be NULL: has none any more. Any thread */
    /* All or none. A carrier that has made so many switches has lost its post; then its task is
     * to be asked, before that one which takes over may have helped it on; and told of, when that
     * one has been woken, or at a later settle: true if an answer is still to come, never if it is
     * the last one. Monitor; the first one does not wait. */
    void (*on_stall)(struct sley__worker *worker, uint64_t switches);
    void (*tell_stall)(struct sley__sched *sched, int64_t duration);
    bool (*settle_stall)(struct sley__sched *sched, bool last);
    void (*on_lost_error)(struct sley__sched *sched, struct sley_task *task); /* may be NULL */

    struct sley__idle idle;
    struct sley__inject inject;
    struct sley__stack_pool stacks;
    struct sley__task_pool tasks;
    struct sley__timer_pool timers;
    struct sley__forkers forkers;
    struct sley__relief relief;
    struct sley__monitor monitor;

    /* Foreign threads' own cache of tasks and their counters. */
    ALIGN_LINE struct sley__lock foreign_lock;
    struct sley__task_cache foreign_tasks; /* foreign_lock */
    uint64_t foreign_id;                   /* foreign_lock */
    atomic(uint64_t) foreign_spawned;
    atomic(uint32_t) visitors; /* other threads that are making a task ready just now; see wait.c */

    /* Events: see poll.c. */
    ALIGN_LINE atomic(struct sley__poller *) poller; /* set once, release */
    atomic(uint32_t) armed;                          /* poll_lock */
    struct sley__lock poll_lock;

    /* Ending: see sley__sched_end_tasks. */
    ALIGN_LINE atomic(uint32_t) closing; /* no new tasks */
    atomic(uint32_t) drained;            /* futex: closing, and the last task has ended */
    atomic(uint32_t) stopping;           /* workers leave */
#ifdef SLEY_DEBUG
    ALIGN_LINE struct sley__lock flows_lock; /* leaf */
    struct sley__flow *flows;                /* all that there are; for validate.c. flows_lock */
#endif
#ifdef SLEY_HOSTILE
    struct sley__halt halt;
#endif
};

/* Carriers: the workers first, then the spare ones that have been made. A carrier is never unmade
 * while the scheduler lives. */
static inline unsigned sley__sched_carriers(struct sley__sched *sched)
{
    /* Acquire: what the carrier was made of. Partner: make_carrier in relief.c. */
    return sched->worker_count + load_acquire(&sched->relief.extra);
}

static inline struct sley__worker *sley__sched_carrier(struct sley__sched *sched, unsigned i)
{
    return i < sched->worker_count ? &sched->workers[i]
                                   : sched->relief.extras[i - sched->worker_count];
}

/* Ids are unique because each counter of them has a residue of its own: the workers one each, the
 * foreign threads one, and the spare carriers the last. */
static inline uint64_t sley__sched_id_step(const struct sley__sched *sched)
{
    return (uint64_t)sched->worker_count + 2;
}

/* --- worker.c ------------------------------------------------------------------------------- */

/* A carrier before its thread starts, in zeroed memory. */
void sley__worker_init(struct sley__worker *worker, struct sley__sched *sched, unsigned index,
                       unsigned post);

/* Starts its thread. 0 or SLEY_E*. */
int sley__worker_start(struct sley__worker *worker);

/* The worker that the calling kernel thread drives, or NULL. Never inlined: after a switch the
 * thread may be another one, and a compiler that sees the thread-local keeps its address. */
NOINLINE struct sley__worker *sley__worker_current(void);

/* Starts the threads; all or none. 0 or SLEY_E*. */
int sley__sched_start(struct sley__sched *sched);

/* Stops and joins the threads. No task may be left. */
void sley__sched_stop(struct sley__sched *sched);

/* A stack for whoever holds a promise of one (spawn.c), which means that there is one. Owner. */
struct sley__stack *sley__worker_take_stack(struct sley__worker *worker, int class);

/* Suspends the running task, which has begun a wait or put itself in a queue, and runs something
 * else. Returns when the task has been resumed, perhaps on another worker. */
void sley__worker_suspend(struct sley__worker *worker, struct sley_task *task);

/* The same for a task that has begun a wait; what it was woken with. */
int sley__worker_park(struct sley__worker *worker, struct sley_task *task);

/* The same with a timer; SLEY_ETIMEDOUT when it has fired. In wait.c. */
int sley__worker_park_until(struct sley__worker *worker, struct sley_task *task, int64_t deadline);

/* The same for a task that goes to the end of the worker's queue of woken tasks; see sley_yield().
 */
void sley__worker_yield(struct sley__worker *worker, struct sley_task *task);

/* The running task goes to the shared queue, and its carrier, which has lost its post, to find
 * out. Returns when the task has been resumed, on another one. */
void sley__worker_step_back(struct sley__worker *worker, struct sley_task *task);

/* Moves all that is in the worker's queues to the shared one. Owner. */
void sley__worker_give_away(struct sley__worker *worker);

/* Appends a ready task to one of the worker's queues, or to the shared one if that is full. The
 * owner. Then somebody idle must be told: sley__sched_notify. */
void sley__worker_overflow(struct sley__worker *worker, struct sley__deque *queue,
                           struct sley_task *task);

static inline void sley__worker_push_woken(struct sley__worker *worker, struct sley_task *task)
{
    if (SLEY_MIGRATE && worker->sched->worker_count > 1)
        sley__inject_push(&worker->sched->inject, task, task, 1);
    else if (unlikely(!sley__deque_push(&worker->woken, task)))
        sley__worker_overflow(worker, &worker->woken, task);
}

static inline void sley__worker_push_spawned(struct sley__worker *worker, struct sley_task *task)
{
    if (unlikely(!sley__deque_push(&worker->spawned, task)))
        sley__worker_overflow(worker, &worker->spawned, task);
}

/* By what it is: a task that has not run has no stack. */
static inline void sley__worker_push(struct sley__worker *worker, struct sley_task *task)
{
    if (task->stack)
        sley__worker_push_woken(worker, task);
    else
        sley__worker_push_spawned(worker, task);
}

/* What every call that may park checks first: 0, SLEY_ECANCELED or SLEY_ETIMEDOUT. The task itself.
 */
static inline int sley__worker_status(struct sley_task *task)
{
    if (unlikely(sley__task_is_cancelled(task)))
        return SLEY_ECANCELED;
    if (unlikely(task->deadline != SLEY_FOREVER) && sley__clock_now() >= task->deadline)
        return SLEY_ETIMEDOUT;
    return 0;
}

/* --- search.c ------------------------------------------------------------------------------- */

/* The next ready task that this worker can have without asking the other workers, or NULL. Owner.
 */
struct sley_task *sley__worker_next_slow(struct sley__worker *worker);

/* The youngest woken task, if it was woken just now and has budget; every ninth time it has to wait
 * for its turn. Owner. */
static inline struct sley_task *sley__worker_take_overtaking(struct sley__worker *worker)
{
    worker->lifo = false;
    if (unlikely(!worker->lifo_left)) {
        worker->lifo_left = SLEY__LIFO_BUDGET;
        return NULL;
    }
    worker->lifo_left--;
    return sley__deque_take_tail(&worker->woken);
}

static inline struct sley_task *sley__worker_next(struct sley__worker *worker)
{
    struct sley_task *task;

    if (SLEY__SHUFFLE || unlikely(worker->ticks_left <= 1 || worker->lifo || !worker->woken_left))
        return sley__worker_next_slow(worker);
    worker->ticks_left--;
    if ((task = sley__deque_take(&worker->woken)))
        worker->woken_left--;
    else if ((task = sley__deque_take_tail(&worker->spawned)))
        worker->woken_left = SLEY__WOKEN_BUDGET;
    else
        return sley__worker_next_slow(worker);
    return task;
}

/* The next ready task, however long it takes; NULL once the workers are to stop. Owner, outside of
 * tasks. */
struct sley_task *sley__worker_find(struct sley__worker *worker);

/* Wakes an idle worker if work would otherwise wait. After each push. Any thread. */
void sley__sched_wake_one(struct sley__sched *sched, unsigned near);

static inline void sley__sched_notify(struct sley__sched *sched, unsigned near)
{
    if (sley__idle_should_wake(&sched->idle))
        sley__sched_wake_one(sched, near);
}

/* --- forkers.c ------------------------------------------------------------------------------ */

/* Asks every task that is in a region of forked calls to hand some out. True if one of them may
 * answer soon, because it runs. Any worker that is counted as idle. */
bool sley__forkers_ask(struct sley__sched *sched);

/* --- poll.c --------------------------------------------------------------------------------- */

/* Fires the timers that are due on `wheel` at `now`; how many tasks became ready (in the worker's
 * own queue). The owner of `worker`, whose wheel it need not be. */
size_t sley__worker_fire(struct sley__worker *worker, struct sley__wheel *wheel, int64_t now);

/* Makes the tasks ready whose events are there. True if there were any. Owner. */
bool sley__worker_drain(struct sley__worker *worker);

/* Reads the clock, fires own timers, drains events. True if a task may have become ready. Owner. */
bool sley__worker_poll(struct sley__worker *worker);

/* The last worker that goes to sleep leaves the events to the watcher; a waking one takes over. */
void sley__sched_arm(struct sley__sched *sched);
void sley__sched_disarm(struct sley__sched *sched);

/* --- spawn.c -------------------------------------------------------------------------------- */

/* Promises a stack, 0 or SLEY_ENOMEM; gives a promise back. `worker`: the caller's, of this
 * scheduler; NULL on other threads. */
MUST_USE int sley__worker_promise_stack(struct sley__sched *sched, struct sley__worker *worker,
                                        int class);
void sley__worker_return_stack(struct sley__sched *sched, struct sley__worker *worker, int class);

/* The task function has returned `result`. Owner. */
void sley__worker_finish(struct sley__worker *worker, struct sley_task *task, int result);

/* Frees an ended task from wherever the caller is. */
void sley__sched_free_task(struct sley__sched *sched, struct sley_task *task);

/* Tasks that have not ended; exact if nobody spawns. Any thread. */
uint64_t sley__sched_live(struct sley__sched *sched);

/* When closing: tells whoever waits for the last task if this was it. Any thread. */
void sley__sched_check_drained(struct sley__sched *sched);

/* Refuses further tasks, cancels those that there are and waits for their ends. A thread that is
 * none of the workers. */
void sley__sched_end_tasks(struct sley__sched *sched);

/* Spawns into the scheduler from anywhere; contract of sley_runtime_spawn(). */
int sley__sched_spawn(struct sley__sched *sched, sley_task_fn *fn, void *arg,
                      const struct sley_task_options *options, struct sley_task **out,
                      const char *site);

/* --- wait.c --------------------------------------------------------------------------------- */

/* Makes a task ready whose wait the caller has ended. Any thread. `first`: it may overtake. */
void sley__sched_ready(struct sley_task *task, bool first);

/* Queues a chain of ready tasks on a thread that is not one of the scheduler's. */
void sley__sched_ready_from_outside(struct sley__sched *sched, struct sley_task *first,
                                    struct sley_task *last, size_t count);

/* Returns when no other thread is making a task ready any more. All tasks have ended. */
void sley__sched_await_visitors(struct sley__sched *sched);

/* Cancels every task, in two passes with one heavy fence. Any thread. */
void sley__sched_cancel_all(struct sley__sched *sched, const char *reason);

#endif
