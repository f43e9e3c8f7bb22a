/*
 * conflict.h: which steps can be swapped without anybody noticing. Inside the model checker.
 *
 * Two steps of different threads that do not conflict give the same execution in either order, so
 * only one order needs to be explored. A thread that was preempted before step X falls asleep: the
 * executions in which it makes X at once have all been explored, and one in which it makes X later,
 * after steps that do not conflict with X, is the same as one of those. A step that conflicts wakes
 * it. If only sleepers are left that could go on, the execution is redundant and abandoned (sleep
 * sets; Godefroid, 1996). This stays right with a bound on preemptions, because the execution that
 * stands for the redundant one has X at the end of the segment before the preemption instead of the
 * beginning of a later one: it has as many preemptions or fewer. Only preempted threads sleep, not
 * those that waited for their first turn or yielded: of those that could not be said.
 *
 * What plain accesses follow a step moves with it. That changes nothing: they are ordered by
 * happens-before or a race, which is found in either order.
 *
 * What a model does behind the engine's back moves with it too: notes in MODEL_GHOST functions that
 * count or compare what their own thread did stay right; an assertion on the order in which ghosts
 * of different threads ran, or on the raw value of a shared word, would see fewer of these orders.
 * Such a model says .exact_order.
 */
#ifndef SLEY_MODEL_CONFLICT_H
#define SLEY_MODEL_CONFLICT_H

#include <stdbool.h>

enum step_kind {
    STEP_ANY, /* conflicts with everything: what is rare, or touches the engine's own state */
    STEP_LOAD,
    STEP_STORE, /* and everything that changes the word at the address, or sleeps on it */
    STEP_STORE_SEQ_CST,
    STEP_FENCE_SEQ_CST,
    STEP_LOCAL, /* nobody else can notice: acquire and release fences */
};

struct step {
    enum step_kind kind;
    const void *address;
};

static inline bool step_is_seq_cst(struct step step)
{
    return step.kind == STEP_STORE_SEQ_CST || step.kind == STEP_FENCE_SEQ_CST;
}

static inline bool steps_conflict(struct step a, struct step b)
{
    if (a.kind == STEP_ANY || b.kind == STEP_ANY)
        return true;
    if (a.kind == STEP_LOCAL || b.kind == STEP_LOCAL)
        return false;
    /* A fence takes over what fences and seq_cst read-modify-writes have done before it. */
    if (a.kind == STEP_FENCE_SEQ_CST || b.kind == STEP_FENCE_SEQ_CST)
        return step_is_seq_cst(a) && step_is_seq_cst(b);
    return a.address == b.address && !(a.kind == STEP_LOAD && b.kind == STEP_LOAD);
}

#endif
