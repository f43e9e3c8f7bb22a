/*
 * worker.c: running and switching tasks.
 *
 * A task that has not run has no stack, and a task that never parks never needs its own. Every
 * stack has the scheduler's loop at its base: the loop takes a new task out of the queue and calls
 * it, a plain call on the stack that the worker already stands on. If the task returns, the loop
 * takes the next one; a thousand short tasks share one hot stack. If the task parks, the stack,
 * loop frame and all, goes with it, and the worker goes on elsewhere:
 *
 *   next is a parked task    switch straight to its stack (symmetric transfer: no scheduler
 *                            context between two tasks)
 *   next is a new task       take a fresh stack from the cache, start the loop on it
 *   nothing is ready         switch to the carrier's own stack, whose loop searches and sleeps
 *
 * When a task that has parked returns at last, it returns into the loop at the base of its stack,
 * on whichever worker drives it then. That loop takes the next task; if that is a parked one, the
 * loop's own stack is free and goes to the worker's cache just before the switch: only this worker
 * takes from that cache, so nobody can have it before we have left it.
 *
 * Nothing has to happen after a switch. Contexts publish themselves (context.h), so a task may be
 * put in a queue before it has left its stack: a yield pushes itself and then suspends. Whoever
 * takes such a task out waits for it, but never while it is itself a task that has not left its
 * stack: two that had taken each other would wait for ever. Then the carrier's own loop waits.
 *
 * After any switch the kernel thread may be another one. So `worker` is read back from the task,
 * where whoever resumed it has put it, and errno is saved and restored through the carrier's own
 * pointer to it, because the C library's accessor is declared const and compilers keep its result.
 *
 * Rejected: running tasks from a scheduler context (two switches where one does); allocating the
 * stack at spawn (a million spawned tasks would need a million pages before the first runs).
 */
#include "worker.h"

#include <errno.h>

static _Thread_local struct sley__worker *current_worker;

NOINLINE struct sley__worker *sley__worker_current(void)
{
    struct sley__worker *worker = current_worker;

    /* Keeps the compiler from treating this function as pure across a switch. */
    __asm__ volatile("" : "+r"(worker)::"memory");
    return worker;
}

static NOINLINE int *own_errno(void)
{
    return &errno;
}

/* --- queue ---------------------------------------------------------------------------------- */

void sley__worker_overflow(struct sley__worker *worker, struct sley__deque *queue,
                           struct sley_task *task)
{
    struct sley_task *first = NULL, *last = NULL, *moved;
    size_t n = 0;

    while (n < SLEY__DEQUE_SIZE / 2 && (moved = sley__deque_take(queue))) {
        if (last)
            last->next = moved;
        else
            first = moved;
        last = moved;
        n++;
    }
    if (last)
        last->next = task;
    else
        first = task;
    sley__count(worker->counters.overflows, 1);
    sley__inject_push(&worker->sched->inject, first, task, n + 1);
}

/* All of one queue, in its order; how many go in one piece is what the shared queue copes with. */
static void give_away_queue(struct sley__worker *worker, struct sley__deque *queue)
{
    struct sley_task *first = NULL, *last = NULL, *task;
    size_t n = 0;

    for (; (task = sley__deque_take(queue)); last = task, n++)
        if (last)
            last->next = task;
        else
            first = task;
    if (last)
        sley__inject_push(&worker->sched->inject, first, last, n);
}

void sley__worker_give_away(struct sley__worker *worker)
{
    worker->lifo = false;
    give_away_queue(worker, &worker->woken);
    give_away_queue(worker, &worker->spawned);
    sley__sched_notify(worker->sched, worker->post);
}

/* --- switching ------------------------------------------------------------------------------ */

static void run_loop(struct sley__worker *worker) __attribute__((noreturn));

/* The base of every cached stack. */
static void stack_entry(void *arg)
{
    struct sley__worker *worker = arg;

    sley__context_entered(&worker->stack->fiber);
    run_loop(worker);
}

struct sley__stack *sley__worker_take_stack(struct sley__worker *worker, int class)
{
    struct sley__stack *stack = sley__stack_acquire(&worker->sched->stacks, &worker->stacks, class);

    ensure_msg(stack, "no stack of class %d although one was promised", class);
    worker->canaries = load_relaxed(&worker->sched->stacks.canaries);
    return stack;
}

/* Where a switch leads. */
struct target {
    struct sley__context *context;
    struct sley__fiber *fiber;
};

/* A parked task, which has left its stack. A task that has none is never ready to be resumed: the
 * last resume of its last life has cleared `saved`. Owner. */
static inline struct target to_parked(struct sley__worker *worker, struct sley_task *next)
{
    sley__count(worker->counters.resumed, 1);
    next->worker = worker;
    worker->current = next;
    worker->stack = next->stack;
    return (struct target){&next->context, &next->stack->fiber};
}

/* A fresh stack whose loop starts with the new task `next`. Owner. */
static struct target to_fresh(struct sley__worker *worker, struct sley_task *next)
{
    struct sley__stack *stack = sley__worker_take_stack(worker, next->stack_class);

    worker->current = NULL;
    worker->stack = stack;
    worker->handoff = next;
    sley__context_init(&worker->fresh, stack->top, stack_entry, worker);
    return (struct target){&worker->fresh, &stack->fiber};
}

/* The carrier's own loop, which goes on with `next`, or looks for work if that is NULL. Owner. */
static struct target to_base(struct sley__worker *worker, struct sley_task *next)
{
    worker->current = NULL;
    worker->stack = NULL;
    worker->handoff = next;
    return (struct target){&worker->base, &worker->base_fiber};
}

/* The rarer ways to go on from a task that has not left its stack yet. If `next` has not left its
 * own either it may be on another worker, about to switch to us, and each would wait for the other:
 * so the carrier's loop waits for it. Owner. */
static NOINLINE struct target to_other(struct sley__worker *worker, struct sley_task *next)
{
    return next && !next->stack ? to_fresh(worker, next) : to_base(worker, next);
}

/* Goes on with `next`, or with the carrier's loop if that is NULL. Returns when `task` has been
 * resumed, perhaps on another worker. Inlined: every frame between a task and the switch costs what
 * the switch itself costs. Owner. */
static ALWAYS_INLINE void suspend_for(struct sley__worker *worker, struct sley_task *task,
                                      struct sley_task *next)
{
    struct sley__stack *stack = worker->stack;
    struct target to;

    check(worker->current == task && task->stack == stack);
    if (unlikely(worker->canaries))
        sley__stack_check(stack);
    if (unlikely(next == task))
        return; /* woken already, and nothing else to do: never left */
    task->saved_errno = *worker->errno_location;
    SLEY_PROBE1(task_park, task);
    if (likely(next && sley__context_ready(&next->context)))
        to = to_parked(worker, next);
    else
        to = to_other(worker, next);
    sley__context_switch(&task->context, &stack->fiber, to.context, to.fiber, false);
    worker = task->worker;
    SLEY_PROBE2(task_resume, task, worker->index);
    *worker->errno_location = task->saved_errno;
}

void sley__worker_suspend(struct sley__worker *worker, struct sley_task *task)
{
    sley__task_may_leave(task);
    sley__worker_park_point(worker);
    suspend_for(worker, task, sley__worker_next(worker));
}

/* The next task for a worker whose current one parks, which has often just woken it. Owner. */
static inline struct sley_task *next_after_park(struct sley__worker *worker)
{
    struct sley_task *task;

    if (!SLEY__SHUFFLE && worker->lifo && likely(worker->ticks_left > 1) &&
        (task = sley__worker_take_overtaking(worker))) {
        worker->ticks_left--;
        return task;
    }
    return sley__worker_next(worker);
}

static ALWAYS_INLINE int park(struct sley__worker *worker, struct sley_task *task)
{
    sley__task_may_leave(task);
    sley__worker_park_point(worker);
    suspend_for(worker, task, next_after_park(worker));
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    return task->wake_result;
}

int sley__worker_park(struct sley__worker *worker, struct sley_task *task)
{
    return park(worker, task);
}

/* Here and not in wait.c, as all that every wait goes through: see its essay. */
NOINLINE bool sley__wait_begin_entered(struct sley__waker *waker, const char *what)
{
    struct sley__worker *worker = current_worker;
    struct sley_task *task = worker ? worker->current : NULL;

    if (unlikely(!task))
        return false;
    store_relaxed(&task->what, what);
    waker->task = task;
    waker->ticket = sley__task_begin_wait(task, 0);
    return true;
}

/* The task's side of the duel with cancel, the last thing before it leaves; see wait.c. True: it is
 * cancelled, and its wait is over. If a wake has won already, the park returns its result. */
static inline bool cancelled_meanwhile(struct sley_task *task)
{
    fence_light(); /* partner: fence_heavy in family.c */
    return unlikely(sley__task_is_cancelled(task)) && sley__task_abandon(task);
}

NOINLINE int sley__wait_park(int64_t deadline)
{
    struct sley__worker *worker = current_worker;
    struct sley_task *task = worker->current;

    check(task);
    if (cancelled_meanwhile(task))
        return SLEY_ECANCELED;
    sley__count(worker->counters.parks, 1);
    deadline = min_i64(deadline, task->deadline);
    if (unlikely(deadline != SLEY_FOREVER))
        return sley__worker_park_until(worker, task, deadline);
    return park(worker, task);
}

void sley__worker_step_back(struct sley__worker *worker, struct sley_task *task)
{
    sley__task_may_leave(task);
    sley__worker_park_point(worker);
    sley__inject_push(&worker->sched->inject, task, task, 1);
    sley__sched_notify(worker->sched, worker->post);
    suspend_for(worker, task, NULL);
}

/* The next task for a worker whose current one yields: `task` is in a queue afterwards unless the
 * answer is NULL, which means that it is alone, or has gone on elsewhere meanwhile. Owner. */
static NOINLINE struct sley_task *yield_slowly(struct sley__worker *worker, struct sley_task *task)
{
    struct sley_task *next = sley__worker_next(worker);

    if (!next) {
        if (load_relaxed(&worker->standing) == SLEY__POST_LOST)
            sley__worker_step_back(worker, task);
        else /* a task that asks whether there is another one does not keep the worker */
            store_relaxed(&worker->finds, load_relaxed(&worker->finds) + 2);
        return NULL;
    }
    sley__worker_push_woken(worker, task);
    /* While the queue was empty for this instant somebody may have looked and gone to sleep. */
    sley__sched_notify(worker->sched, worker->index);
    return next;
}

/* Whether the next turn belongs to the woken tasks, and nothing else is to be looked at. Owner. */
static inline bool goes_on_in_turn(struct sley__worker *worker)
{
    struct sley__deque *spawned = &worker->spawned;

    if (unlikely(worker->ticks_left <= 1))
        return false;
    if (likely(worker->woken_left))
        return true;
    if (load_relaxed(&spawned->head) != load_relaxed(&spawned->tail))
        return false;
    worker->woken_left = SLEY__WOKEN_BUDGET;
    return true;
}

/* The common yield is a turn of the queue. The others need not be told: it was not empty before,
 * so whoever looked for work since has seen something in it, and it does not become empty. */
static ALWAYS_INLINE void yield(struct sley__worker *worker, struct sley_task *task)
{
    struct sley_task *next;

    sley__task_may_leave(task);
    sley__worker_park_point(worker);
    worker->lifo = false;
    worker->budget = SLEY__OPERATION_BUDGET;
    if (!SLEY_MIGRATE && likely(goes_on_in_turn(worker)) &&
        likely(sley__deque_rotate(&worker->woken, task, &next))) {
        worker->ticks_left--;
        worker->woken_left--;
        if (unlikely(!next)) /* a thief has taken it, and everything before it */
            next = sley__worker_next_slow(worker);
    } else if (!(next = yield_slowly(worker, task))) {
        return;
    }
    suspend_for(worker, task, next);
}

void sley__worker_yield(struct sley__worker *worker, struct sley_task *task)
{
    yield(worker, task);
}

/* Here and not with the other calls of tasks, because of the frames. */
int sley_yield(void)
{
    struct sley__worker *worker = current_worker;
    struct sley_task *task = worker ? worker->current : NULL;

    if (!task)
        return 0;
    yield(worker, task);
    return sley__worker_status(task);
}

/* Whether sley__worker_status() may be anything but 0. The task itself. */
static inline bool in_question(struct sley_task *task)
{
    return sley__task_is_cancelled(task) || task->deadline != SLEY_FOREVER;
}

static NOINLINE int status_slowly(struct sley_task *task)
{
    return sley__worker_status(task);
}

static NOINLINE int enter_slowly(struct sley__worker *worker, struct sley_task *task)
{
    if (worker->budget <= 0)
        yield(worker, task);
    return sley__worker_status(task);
}

/* Likewise: these are the first thing in every call that may park. */
NOINLINE int sley__wait_check(void)
{
    struct sley__worker *worker = current_worker;
    struct sley_task *task = worker ? worker->current : NULL;

    if (unlikely(!task))
        return SLEY_ENOTASK;
    return unlikely(in_question(task)) ? status_slowly(task) : 0;
}

NOINLINE int sley__wait_enter(void)
{
    struct sley__worker *worker = current_worker;
    struct sley_task *task = worker ? worker->current : NULL;

    if (unlikely(!task))
        return SLEY_ENOTASK;
    if (unlikely(--worker->budget <= 0 || in_question(task)))
        return enter_slowly(worker, task);
    return 0;
}

/* Waits until a task that was woken early has left its old stack: a few instructions of another
 * worker, unless that one has lost its core. Owner, on a flow that nobody waits for. */
static NOINLINE void await_saved(struct sley_task *task)
{
    unsigned spins;

    for (spins = 1; !sley__context_ready(&task->context); spins++) {
        cpu_relax();
        if (spins % 256 == 0)
            sley__thread_yield();
        sley__await_point(task);
    }
}

/* Any ready task, from a flow that nobody waits for. Owner. */
static struct target to_ready(struct sley__worker *worker, struct sley_task *next)
{
    if (!next->stack)
        return to_fresh(worker, next);
    if (unlikely(!sley__context_ready(&next->context)))
        await_saved(next);
    return to_parked(worker, next);
}

/* --- the loop ------------------------------------------------------------------------------- */

/* Runs a new task in place. Returns the worker that it has ended on. Owner. */
static inline struct sley__worker *run_task(struct sley__worker *worker, struct sley_task *task)
{
    int result;

    task->worker = worker;
    task->stack = worker->stack; /* "has started", for whoever takes it out of a queue later */
    worker->current = task;
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    sley__count(worker->counters.started, 1);
    SLEY_PROBE2(task_start, task, worker->index);
    result = task->fn(task->arg);
    if (unlikely(task->has_locals))
        task->locals->functions->end();
    SLEY_PROBE2(task_end, task, result);
    if (unlikely(task->family != NULL))
        sley__task_panic_scope(task);
    sley__task_check_end(task);
    worker = task->worker;
    worker->current = NULL;
    sley__worker_finish(worker, task, result);
    return worker;
}

/* The loop at the base of a stack. It ends when the worker goes on with a parked task, whose stack
 * it then stands on, or stops. */
static void run_loop(struct sley__worker *worker)
{
    for (;;) {
        struct sley_task *task = worker->handoff;
        struct sley__stack *stack = worker->stack;
        struct target to;

        worker->handoff = NULL;
        if (!task) {
            sley__worker_safe_point(worker);
            task = sley__worker_next(worker);
        }
        if (!task)
            task = sley__worker_find(worker);
        /* A new task of another size gets a stack of its own size. */
        if (likely(task && !task->stack && task->stack_class == stack->class)) {
            worker = run_task(worker, task);
            continue;
        }
        sley__stack_release(&worker->sched->stacks, &worker->stacks, stack);
        to = task ? to_ready(worker, task) : to_base(worker, NULL);
        sley__context_switch(&worker->nowhere, &stack->fiber, to.context, to.fiber, true);
        ensure_msg(false, "a flow that has ended was resumed");
    }
}

/* The carrier's own loop: it runs no task itself, because it could not give its stack away. */
static void base_loop(struct sley__worker *worker)
{
    struct sley_task *task;
    struct target to;

    for (;;) {
        task = worker->handoff;
        worker->handoff = NULL;
        if (!task && !(task = sley__worker_find(worker)))
            return;
        to = to_ready(worker, task);
        sley__context_switch(&worker->base, &worker->base_fiber, to.context, to.fiber, false);
    }
}

/* Until its first look for work, and after its last, a carrier is in no task. Owner. */
static void turn_finds(struct sley__worker *worker)
{
    store_relaxed(&worker->finds, load_relaxed(&worker->finds) + 1);
}

static void *carrier_main(void *arg)
{
    struct sley__worker *worker = arg;
    struct sley__sched *sched = worker->sched;

    current_worker = worker;
    sley__worker_rise_apart(worker); /* one that was made or has ended counts as halted */
    worker->errno_location = own_errno();
    store_relaxed(&worker->number, sley__thread_number());
    sley__fiber_adopt_thread(&worker->base_fiber);
    if (sched->on_carrier_start)
        sched->on_carrier_start(worker);
    if (!worker->stands_in || sley__relief_begin(worker)) {
        turn_finds(worker);
        base_loop(worker);
        turn_finds(worker);
    }
    sley__buffers_close(&worker->buffers);
    if (sched->on_carrier_stop)
        sched->on_carrier_stop(worker);
    sley__worker_rest_apart(worker);
    current_worker = NULL;
    return NULL;
}

void sley__worker_init(struct sley__worker *worker, struct sley__sched *sched, unsigned index,
                       unsigned post)
{
    unsigned spare = index - sched->worker_count; /* if it is one */

    worker->sched = sched;
    worker->index = index;
    worker->post = post;
    worker->timers = &sched->workers[post].wheel;
    worker->ticks_left = worker->look_interval = SLEY__POLL_INTERVAL;
    worker->lifo_left = SLEY__LIFO_BUDGET;
    worker->woken_left = SLEY__WOKEN_BUDGET;
    worker->budget = SLEY__OPERATION_BUDGET;
    /* Ids: each worker counts in steps of all counters there are: the workers', the foreign
     * threads', and one that all spare carriers share. */
    worker->id_step = sley__sched_id_step(sched);
    worker->next_id = index + 1;
    if (index >= sched->worker_count) {
        worker->next_id = (spare + 1) * worker->id_step;
        worker->id_step *= SLEY__RELIEF_MAX;
    }
    worker->now = sley__clock_now();
    worker->random = sley__random_seed();
    store_relaxed(&worker->finds, 1);
    worker->wake_cost = SLEY_MICROSECONDS(40); /* until it has been learnt */
    worker->spin_credit = 1;
    sley__deque_init(&worker->spawned);
    sley__deque_init(&worker->woken);
    sley__parker_init(&worker->parker);
    if (index < sched->worker_count) {
        store_relaxed(&worker->holder, worker);
        sley__wheel_init(&worker->wheel, worker->now);
    }
}

int sley__worker_start(struct sley__worker *worker)
{
    return sley__thread_start(&worker->thread, worker->sched->thread_name, carrier_main, worker);
}

/* Stops and joins all carriers that have a thread. No new ones are made meanwhile. */
static void stop_carriers(struct sley__sched *sched)
{
    unsigned i, n = sley__sched_carriers(sched);

    store_release(&sched->stopping, 1);
    fence_heavy(); /* partner: the fence in sley__idle_announce before the last look */
    for (i = 0; i < n; i++)
        if (sley__idle_choose_this(&sched->idle, i))
            sley__parker_wake(&sley__sched_carrier(sched, i)->parker);
    sley__relief_stop(sched);
    for (i = 0; i < n; i++)
        if (sley__sched_carrier(sched, i)->has_thread)
            sley__thread_join(&sley__sched_carrier(sched, i)->thread);
}

int sley__sched_start(struct sley__sched *sched)
{
    unsigned i;
    int error;

    for (i = 0; i < sched->worker_count; i++) {
        struct sley__worker *worker = &sched->workers[i];

        if ((error = sley__worker_start(worker))) {
            stop_carriers(sched); /* they read worker_count meanwhile: it stays */
            return error;
        }
        worker->has_thread = true; /* before there are tasks, so before anybody else looks */
    }
    return 0;
}

void sley__sched_stop(struct sley__sched *sched)
{
    stop_carriers(sched);
}
