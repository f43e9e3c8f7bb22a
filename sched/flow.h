/*
 * flow.h: a second stack for the current task. Level 2; level 3 sees it beside wait.h.
 *
 * A flow is a function that runs in slices on a stack of its own, as the task that asks for the
 * next slice. To enter it is to switch from the task's stack straight to the flow's, to leave it
 * is to switch straight back: an asymmetric coroutine. No queue is touched, no wait begun; for the
 * scheduler it is one and the same task that runs all the time. So what runs inside has the task's
 * identity and is cancelled with it, and when it parks, the ordinary park saves the task's context
 * on the stack that it stands on, which is the flow's, and resumes it there.
 *
 *     UNBEGUN --enter--> INSIDE --leave--> PAUSED --enter--> INSIDE ... --the body returns--> ENDED
 *        \------- drop, or an enter with a signal --------------------------------------------/
 *
 * Flows nest: what runs in one may enter another. The flows that a task is inside of are a chain
 * from task->flow outwards, each with the stack of whoever has entered it.
 *
 * A deadline that the body narrows is the body's own: it holds inside, while the flow is paused the
 * task has its own back, and the next one that enters (another task, perhaps) brings his; inside,
 * the earlier of the two is in force.
 */
#ifndef SLEY_FLOW_H
#define SLEY_FLOW_H

#include "atomic.h"
#include "context.h"
#include "stack.h"

struct sley_task;
struct sley__flow;
struct sley__sched;

/* What runs inside; from its return on enters return `outcome`, 0 or a negative code. */
typedef int sley__flow_body(struct sley__flow *flow);

struct sley__flow {
    /* Whoever has it: who has won `busy`, until that is given back. */
    struct sley__context inner; /* where the body goes on; while PAUSED or about to begin */
    struct sley__context outer; /* where the one who entered goes on; while INSIDE */
    struct sley__stack *stack;  /* NULL while UNBEGUN or ENDED */
    struct sley__stack *below;  /* INSIDE: what the one who entered stands on */
    struct sley_task *task;     /* INSIDE: who that is */
    struct sley__flow *outside; /* INSIDE: the flow around this one, or NULL */
    void *out;                  /* INSIDE: the three arguments of enter */
    const void *in;
    int signal;
    int outcome;                               /* what an enter returns: 1 after a leave */
    int64_t deadline;                          /* the body's own, absolute ns */
    int64_t outside_deadline;                  /* INSIDE: the task's as it entered */
    const struct sley__family *outside_family; /* likewise: the innermost it had open */
    atomic(uint32_t) busy; /* 1: somebody has it. Acquire exchange; partner: release at the
                              end of the enter */
    atomic(bool) ended;    /* release; partner: acquire in sley__flow_ended */

    /* Constant. */
    uint8_t class; /* of its stack */
    size_t out_size;
    struct sley__sched *sched;
    sley__flow_body *body;
    const char *site; /* literal "name\0file:line", of who made it */
#ifdef SLEY_DEBUG
    struct sley__flow *next, *previous; /* all flows of the scheduler; sched->flows_lock */
#endif
};

/* A flow that will run `body`. Its stack is promised here, so that entering needs no memory that
 * might not be there.
 *   out_size    bytes that a leave hands over
 *   stack_size  as in struct sley_task_options
 *   site        of who makes it, for messages
 * 0, SLEY_ENOTASK, SLEY_ENOMEM, or SLEY_EINVAL for a stack above 1 MiB. From a task. */
MUST_USE int sley__flow_init(struct sley__flow *flow, sley__flow_body *body, size_t out_size,
                             size_t stack_size, const char *site);

/* The opposite, of a flow that has ended. Any thread. */
void sley__flow_close(struct sley__flow *flow);

/* Runs the body until it leaves or returns.
 *   out        where what it leaves with is copied to; may be NULL
 *   in         for the body to see: flow->in
 *   signal     what its leave returns; SLEY_ECLOSED: this and every further one, at once
 *   shielded   whether the caller is cancelled, or late, or not
 * Returns
 *   1          it has left
 *   <= 0       it has ended, now or before: the outcome. One that has not begun ends at once
 *              with the signal, if that is not 0, and its body never runs
 *   SLEY_ENOTASK, SLEY_ECANCELED, SLEY_ETIMEDOUT
 *              not entered, of the caller
 *   SLEY_EBUSY    not entered: somebody is inside; the caller himself, perhaps
 *   SLEY_EINVAL   it belongs to another runtime, or `in` is not NULL and it has not begun
 * From a task. Parks if the body does. */
int sley__flow_enter(struct sley__flow *flow, void *out, const void *in, int signal, bool shielded);

/* The same with nothing in, no signal and no shield, which takes fewer instructions. */
int sley__flow_next(struct sley__flow *flow, void *out);

/* Hands *item over and goes on with whoever has entered, whose enter returns 1. Returns the signal
 * of the next enter, perhaps in another task and on another kernel thread; SLEY_EINVAL if the
 * caller is not the body. From the body, on the flow's own stack. */
int sley__flow_leave(struct sley__flow *flow, const void *item);

/* Ends a flow that has not begun, with `outcome`. True: it has ended, now or before, and nobody is
 * inside; false: it has begun, or somebody has it. Any thread. */
bool sley__flow_drop(struct sley__flow *flow, int outcome);

/* Whether the body has returned. What it did before is visible then. Any thread. */
static inline bool sley__flow_ended(const struct sley__flow *flow)
{
    return load_acquire(&flow->ended);
}

#endif
