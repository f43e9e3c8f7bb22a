/*
 * flow.c: entering and leaving a second stack. The contract is in flow.h.
 *
 * An enter is what a park would be without everything that makes it a park: task and worker are
 * told that they stand on another stack now, and one swap of contexts later they do. The scheduler
 * needs to know no more than that. Its own rule for whatever is switched to holds for us as well:
 * after a switch the kernel thread may be another one, so the worker is read back from the task,
 * and errno, which each side keeps for itself as over a park, is put back through the pointer that
 * the carrier has to its own.
 *
 * Who may enter is settled by one exchange of `busy`. It is the only atomic read-modify-write of a
 * step, and it does double duty: its acquire makes visible what the last slice did in another task
 * on another worker, `inner.saved` included. So nobody ever waits for a context to be saved here.
 *   Rejected: remembering the last task as the owner and no exchange as long as that one comes
 *   again, with a heavy fence for all others, as the run queues do. It saves 5 ns of a step, and
 *   needs a protocol where one word does; a generator passed from task to task would pay 4 us.
 *   Rejected: waking another task that runs the body, over a channel or by a direct hand-over. The
 *   consumer's cancel, deadline and locals would be somebody else's, and a step would be two trips
 *   through the queues.
 *
 * A leave must come from the body itself, on its stack. From anywhere else (another task, a foreign
 * thread, the body of a flow that this one has entered) it would save a context that has nothing
 * to do with this flow. Where the caller stands says so: its frame lies on the flow's stack or it
 * does not, which costs two comparisons and catches all of them.
 *
 * A close is a signal that sticks: as long as it is SLEY_ECLOSED a leave does not leave, and the
 * only way back to whoever closes is the end of the body.
 *
 * The stack is taken from the worker's cache at the first enter and is put back at the end of the
 * body while the body still stands on it, as the scheduler's loop does: only this worker takes
 * from this cache, and it will have left the stack before.
 *
 * What is ambient in a task belongs to the stack it was set on. A scope that is open cannot be
 * exchanged, because its children may end it meanwhile: nothing is handed over out of one. The
 * deadline is exchanged at every enter and leave in enter_ambient() and leave_ambient(). Without
 * that a body that yields out of a narrowed deadline leaves it behind on its consumer, an old trap
 * of asynchronous generators (Trio forbids the combination, asyncio gets it wrong).
 *
 * A step is two calls and two returns that do not match for the processor's return predictor: each
 * return finds the other side's address on top. So the two functions of a step return by a jump
 * (context_x86_64.h), and there is no other frame between either side and its swap.
 */
#include "flow.h"

#include "worker.h"

#include <string.h>

/* --- where the task stands ------------------------------------------------------------------ */

/* The task brings its own deadline in, and the earlier of both is in force. */
static ALWAYS_INLINE void enter_ambient(struct sley__flow *flow, struct sley_task *task)
{
    flow->outside_family = task->family;
    flow->outside_deadline = task->deadline;
    task->deadline = min_i64(task->deadline, flow->deadline);
}

/* It gets back what it came with. */
static ALWAYS_INLINE void leave_ambient(struct sley__flow *flow, struct sley_task *task)
{
    task->deadline = flow->outside_deadline;
}

/* Task and worker stand on the stack of whoever has entered. The one who does so now: owner. */
static ALWAYS_INLINE struct sley__worker *step_out(struct sley__flow *flow)
{
    struct sley_task *task = flow->task;
    struct sley__worker *worker = task->worker;

    check(worker->current == task && task->flow == flow && worker->stack == task->stack);
    if (unlikely(worker->canaries))
        sley__stack_check(worker->stack);
    leave_ambient(flow, task);
    task->flow = flow->outside;
    task->stack = worker->stack = flow->below;
    return worker;
}

/* --- the life of a flow --------------------------------------------------------------------- */

#ifdef SLEY_DEBUG
static void enlist(struct sley__flow *flow)
{
    struct sley__sched *sched = flow->sched;

    sley__lock_acquire(&sched->flows_lock);
    flow->previous = NULL;
    flow->next = sched->flows;
    if (flow->next)
        flow->next->previous = flow;
    sched->flows = flow;
    sley__lock_release(&sched->flows_lock);
}

static void strike_out(struct sley__flow *flow)
{
    struct sley__sched *sched = flow->sched;

    sley__lock_acquire(&sched->flows_lock);
    *(flow->previous ? &flow->previous->next : &sched->flows) = flow->next;
    if (flow->next)
        flow->next->previous = flow->previous;
    sley__lock_release(&sched->flows_lock);
}
#else
static void enlist(UNUSED struct sley__flow *flow)
{
}

static void strike_out(UNUSED struct sley__flow *flow)
{
}
#endif

int sley__flow_init(struct sley__flow *flow, sley__flow_body *body, size_t out_size,
                    size_t stack_size, const char *site)
{
    struct sley__worker *worker = sley__worker_current();
    int class, error;

    if (!worker || !worker->current)
        return SLEY_ENOTASK;
    class = stack_size ? sley__stack_class(stack_size) : worker->sched->stack_class;
    if (class < 0)
        return SLEY_EINVAL;
    if ((error = sley__worker_promise_stack(worker->sched, worker, class)))
        return error;
    *flow = (struct sley__flow){.deadline = SLEY_FOREVER,
                                .class = (uint8_t) class,
                                .out_size = out_size,
                                .sched = worker->sched,
                                .body = body,
                                .site = site};
    enlist(flow);
    return 0;
}

/* The exchange is for who was the last one inside: he has touched it for the last time. */
void sley__flow_close(struct sley__flow *flow)
{
    ensure_msg(sley__flow_ended(flow) && !exchange_acquire(&flow->busy, 1),
               "a flow is closed that somebody is inside of, or that has not ended");
    sley__hands_enter();
    strike_out(flow);
    sley__hands_leave();
}

/* Ends one that has not begun: its promise goes back. Who has it; any thread. */
static void end_unbegun(struct sley__flow *flow, int outcome)
{
    struct sley__worker *worker = sley__worker_current();

    if (worker && worker->sched != flow->sched)
        worker = NULL;
    sley__hands_enter();
    flow->outcome = outcome;
    sley__worker_return_stack(flow->sched, worker, flow->class);
    store_release(&flow->ended, true); /* partner: sley__flow_ended */
    sley__hands_leave();
}

bool sley__flow_drop(struct sley__flow *flow, int outcome)
{
    bool ended;

    if (exchange_acquire(&flow->busy, 1)) /* partner: below, and at the end of enter */
        return false;
    if (!flow->stack && !load_relaxed(&flow->ended))
        end_unbegun(flow, outcome);
    ended = load_relaxed(&flow->ended);
    store_release(&flow->busy, 0);
    return ended;
}

/* The body has returned: gives its stack and its promise back to the worker that is current now and
 * leaves for good. On the flow's stack. */
static _Noreturn void end(struct sley__flow *flow)
{
    struct sley__stack *stack = flow->stack;
    struct sley__worker *worker;

    ensure_msg(flow->task->family == flow->outside_family, "a body has ended inside of a scope");
    worker = step_out(flow);

    flow->stack = NULL;
    store_release(&flow->ended, true); /* partner: sley__flow_ended */
    sley__worker_return_stack(worker->sched, worker, flow->class);
    sley__stack_release(&worker->sched->stacks, &worker->stacks, stack);
    sley__context_switch(&worker->nowhere, &stack->fiber, &flow->outer, &flow->below->fiber, true);
    sley__panic(__FILE__, __LINE__, "a flow that has ended was entered");
}

/* The base of the flow's stack. */
static void flow_entry(void *arg)
{
    struct sley__flow *flow = arg;

    sley__context_entered(&flow->stack->fiber);
    flow->outcome = flow->body(flow);
    end(flow);
}

/* An enter of a flow that has no stack. 1: it has one now, and begins; else what the enter returns.
 * Who has it. */
static NOINLINE int begin(struct sley__flow *flow, struct sley__worker *worker, const void *in,
                          int signal)
{
    if (load_relaxed(&flow->ended))
        return flow->outcome;
    if (signal) {
        end_unbegun(flow, signal);
        return signal;
    }
    if (in)
        return SLEY_EINVAL;
    flow->stack = sley__worker_take_stack(worker, flow->class);
    sley__context_init(&flow->inner, flow->stack->top, flow_entry, flow);
    return 1;
}

/* --- in and out ----------------------------------------------------------------------------- */

/* From a task: the owner of the worker, before and after, which may be different ones. */
static ALWAYS_INLINE int enter(struct sley__flow *flow, void *out, const void *in, int signal,
                               bool shielded)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task = worker ? worker->current : NULL;
    int error, result, saved_errno;

    if (unlikely(!task))
        return SLEY_ENOTASK;
    if (unlikely(worker->sched != flow->sched))
        return SLEY_EINVAL;
    if (!shielded && unlikely((error = sley__worker_status(task))))
        return error;
    if (unlikely(exchange_acquire(&flow->busy, 1))) /* partner: the release below */
        return SLEY_EBUSY;
    if (unlikely(!flow->stack) && (error = begin(flow, worker, in, signal)) <= 0) {
        store_release(&flow->busy, 0);
        return error;
    }
    flow->task = task;
    flow->below = worker->stack;
    flow->outside = task->flow;
    flow->out = out;
    flow->in = in;
    flow->signal = signal;
    enter_ambient(flow, task);
    task->flow = flow;
    task->stack = worker->stack = flow->stack;
    saved_errno = *worker->errno_location;
    sley__context_switch(&flow->outer, &flow->below->fiber, &flow->inner, &flow->stack->fiber,
                         false);
    *flow->task->worker->errno_location = saved_errno;
    result = flow->outcome;
    store_release(&flow->busy, 0); /* partner: the exchange above, in whoever enters next */
    return result;
}

SLEY__RETURNS_BY_JUMP int sley__flow_next(struct sley__flow *flow, void *out)
{
    return enter(flow, out, NULL, 0, false);
}

int sley__flow_enter(struct sley__flow *flow, void *out, const void *in, int signal, bool shielded)
{
    return enter(flow, out, in, signal, shielded);
}

/* Whether the caller, whose frame is at `frame`, is the body: runs on the flow's stack. */
static inline bool holds(const struct sley__flow *flow, const void *frame)
{
    const struct sley__stack *stack = flow->stack;

    return likely(stack != NULL) && (uintptr_t)frame >= (uintptr_t)stack->low &&
           (uintptr_t)frame <= (uintptr_t)stack->top;
}

static ALWAYS_INLINE void hand_over(void *to, const void *from, size_t size)
{
    if (likely(size == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else if (size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else if (size)
        memcpy(to, from, size);
}

SLEY__RETURNS_BY_JUMP int sley__flow_leave(struct sley__flow *flow, const void *item)
{
    struct sley__stack *stack = flow->stack;
    int saved_errno;

    if (unlikely(!holds(flow, __builtin_frame_address(0))))
        return SLEY_EINVAL;
    if (unlikely(flow->signal == SLEY_ECLOSED))
        return SLEY_ECLOSED;
    if (unlikely(flow->task->family != flow->outside_family))
        return SLEY_EPERM;
    if (likely(flow->out != NULL))
        hand_over(flow->out, item, flow->out_size);
    saved_errno = *step_out(flow)->errno_location;
    flow->outcome = 1;
    sley__context_switch(&flow->inner, &stack->fiber, &flow->outer, &flow->below->fiber, false);
    *flow->task->worker->errno_location = saved_errno;
    return flow->signal;
}
