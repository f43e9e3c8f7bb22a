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

/* --- switching ------------------------------------------------------------------------------ */

static void run_loop(struct sley__worker *worker) __attribute__((noreturn));

/* The base of every cached stack. */
static void stack_entry(void *arg)
{
    struct sley__worker *worker = arg;

    sley__context_entered(&worker->stack->fiber);
    run_loop(worker);
}

/* A stack for a new task. The promise made at its spawn (spawn.c) means that there is one. Owner.
 */
static struct sley__stack *take_stack(struct sley__worker *worker, int class)
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
    struct sley__stack *stack = take_stack(worker, next->stack_class);

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
    sley__worker_park_point(worker);
    suspend_for(worker, task, sley__worker_next(worker));
}

/* The next task for a worker whose current one yields: `task` is in a queue afterwards unless the
 * answer is NULL, which means that it is alone. Owner. */
static NOINLINE struct sley_task *yield_slowly(struct sley__worker *worker, struct sley_task *task)
{
    struct sley_task *next = sley__worker_next(worker);

    if (!next)
        return NULL;
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
    SLEY_PROBE2(task_end, task, result);
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

static void *carrier_main(void *arg)
{
    struct sley__worker *worker = arg;
    struct sley__sched *sched = worker->sched;

    current_worker = worker;
    worker->errno_location = own_errno();
    sley__fiber_adopt_thread(&worker->base_fiber);
    if (sched->on_carrier_start)
        sched->on_carrier_start(worker);
    base_loop(worker);
    if (sched->on_carrier_stop)
        sched->on_carrier_stop(worker);
    current_worker = NULL;
    return NULL;
}

/* Stops and joins the first `started` carriers. */
static void stop_carriers(struct sley__sched *sched, unsigned started)
{
    unsigned i;

    store_release(&sched->stopping, 1);
    fence_heavy(); /* partner: the fence in sley__idle_announce before the last look */
    for (i = 0; i < started; i++)
        if (sley__idle_choose_this(&sched->idle, i))
            sley__parker_wake(&sched->workers[i].parker);
    for (i = 0; i < started; i++)
        sley__thread_join(&sched->workers[i].thread);
}

int sley__sched_start(struct sley__sched *sched)
{
    unsigned i;
    int error;

    for (i = 0; i < sched->worker_count; i++) {
        struct sley__worker *worker = &sched->workers[i];

        error = sley__thread_start(&worker->thread, sched->thread_name, carrier_main, worker);
        if (error) {
            stop_carriers(sched, i); /* they read worker_count meanwhile: it stays */
            return error;
        }
    }
    return 0;
}

void sley__sched_stop(struct sley__sched *sched)
{
    stop_carriers(sched, sched->worker_count);
}
