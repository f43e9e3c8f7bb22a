/*
 * fork.c: forked calls: handing them out, joining those that were handed out. The un-stolen path is
 * inlined code in fork.h.
 *
 * A forked call is a record on its parent's stack: what to call, with what, and the record of the
 * call forked before it. The youngest one is not kept anywhere in memory: it is handed down from
 * call to call as a parameter, so that a fork stores five words and a join looks at two. Nothing of
 * this is shared. A worker that has nothing to do raises the attention flag of the task
 * (forkers.c); at its next fork or join the task walks its records to the oldest and spawns a task
 * for it, the stub, which goes the way of all tasks: pushed on the ring, told to idle workers,
 * stolen. The stack bounds how long the walk can be.
 *
 * Who runs a call that was handed out? The `claim` of its stub decides, in the memory of the stub's
 * task, which unlike the record outlives the parent's frame:
 *
 *     FREE -> TAKEN      by the stub, when it gets a worker: it calls the function, in a region of
 *                        its own, so that idle workers may ask it in turn
 *     FREE -> RECLAIMED  by the parent, when it joins before that: it calls the function itself,
 * and detaches the stub, which never looks at the record again
 *
 * FREE is 0 and what every task's memory says between two lives: after TAKEN the parent puts it
 * back, as the stub has had its say, after RECLAIMED the stub, as the parent has. A parent that
 * finds its call TAKEN waits for the end of the stub as for that of every task; so the stub's last
 * touch of the record is before its function has returned, and the join word publishes the result.
 * While the parent is parked its worker takes other work: the oldest of its own calls, perhaps.
 *
 * Handed out are always the oldest ones; hence a record that was handed out has only such beneath
 * it, and the walk ends at the first.
 *
 * Whoever asks is owed a call, and so is everybody else who is idle then: after the next fork the
 * task may be in a function that forks nothing for as long as it takes, and those who wake up later
 * would ask in vain. So a look hands out as many calls as workers are idle. If it has fewer, the
 * flag stays up, and each fork hands its call out, until that many have been or nobody is idle.
 * Only who asks makes it more again, and nobody asks who sees something to steal. Each call that
 * its parent takes back, 0.2 us, halves what is still owed: where 31 workers sleep beside a loop of
 * 64 tiny pieces it costs twice what it did with a call for each look, else four times. Rejected:
 * one call for each look (calls of 0.5 s, as many as workers, took 1 s on 4 of them); handing out
 * until as many wait in the queues as workers are idle (a worker on its way from the queue to its
 * call counts as neither, so that one that goes to sleep just then is forgotten; and stubs that
 * were taken back still stand there).
 *
 * Cancel raises the flag too, and it stays up: each join then comes here and is told to skip.
 *
 * Sources: Lace (van Dijk, van de Pol) for the direct call in the join, the flag that the owner
 * polls, and the head in a register; Spice (Holm) for records on the stack and the oldest first.
 *   Rejected: the list's head in the task (six instructions more per fork and join, each of which
 * then loads the word that the one before has stored); slots in an array as in Lace (a limit,
 * memory per task, and a join of what was left early must reset the head); doubly linked records (a
 * store per fork that only a rare walk needs); a state word in the record, swapped at each join
 * (5.5 ns); letting the thief take the record itself (a fence in each join).
 */
#include "flow.h"
#include "stack.h"
#include "task_impl.h"
#include "wait.h"

#include <sley/fork.h>

enum { FREE, TAKEN, RECLAIMED };

/* What a stub returns. */
enum { ALL_DONE, SOME_SKIPPED, NOT_BEGUN };

static struct sley__forker *forker_of(struct sley_forker *seen)
{
    return container_of(seen, struct sley__forker, seen);
}

static struct sley_task *task_of(struct sley__forker *forker)
{
    return container_of(forker, struct sley_task, forker);
}

/* --- handing out ---------------------------------------------------------------------------- */

/* The task function of a stub. */
static int run_stub(void *arg)
{
    struct sley_task *self = sley_self();
    struct sley_fork *call = arg;
    uint8_t claim = FREE;
    int result = NOT_BEGUN;

    /* Partner: the swap in reclaim(). It decides and publishes nothing: the record came with this
     * task, the result goes with its end. */
    if (!cas_acquire(&self->forker.claim, &claim, (uint8_t)TAKEN)) {
        store_relaxed(&self->forker.claim, (uint8_t)FREE);
        return NOT_BEGUN; /* `call` is no more */
    }
    if (sley__task_is_cancelled(self))
        return NOT_BEGUN;
    SLEY_FORKS(f)
    {
        call->handed(f, call);
        result = sley_forks_status(f) ? SOME_SKIPPED : ALL_DONE;
    }
    return result;
}

/* Where a region begins within another one: the walk goes on beyond it. Never called. */
static void passage(UNUSED struct sley_fork *f, UNUSED struct sley_fork *call)
{
    ensure(false);
}

/* The oldest call that is still ours, or NULL. The task itself. */
static struct sley_fork *find_oldest(struct sley_fork *youngest)
{
    struct sley_fork *call, *oldest = NULL;

    for (call = youngest; call && call->run; call = call->older)
        if (call->run != passage)
            oldest = call;
    return oldest;
}

/* False: there is none, or no memory for its task. The task itself. */
static bool hand_out_oldest(struct sley_task *task, struct sley_fork *youngest)
{
    struct sley_fork *call = find_oldest(youngest);
    int class = task->flow ? task->flow->class : task->stack_class; /* of what we stand on */
    struct sley_task_options options = {.stack_size = sley__stack_class_size(class)};

    if (!call)
        return false;
    call->handed = call->run;
    call->run = NULL;
    if (likely(sley_spawn_at(run_stub, call, &options, &call->stub, load_relaxed(&task->site)) ==
               0))
        return true;
    call->run = call->handed;
    return false;
}

/* A call for each worker that is idle, now or at the next forks. The task itself, after it has
 * lowered its flag. */
static void hand_out_owed(struct sley_task *task, struct sley_fork *youngest, bool asked)
{
    struct sley__forker *forker = &task->forker;
    unsigned idle = sley__fork_idle();
    uint8_t none = SLEY__ATTENTION_NONE;

    if (asked || forker->owed > idle)
        forker->owed = idle;
    while (forker->owed && hand_out_oldest(task, youngest))
        forker->owed--;
    /* If somebody has asked meanwhile it stays at that: who asks is not in the number. */
    if (forker->owed)
        cas_acquire(sley__forker_attention(forker), &none, (uint8_t)SLEY__ATTENTION_OWED);
}

/* The flag is up: why? True if the task is cancelled. The task itself. */
static bool look(struct sley__forker *forker, struct sley_fork *youngest)
{
    struct sley_task *task = task_of(forker);
    uint8_t why;

    /* Acquire: what it was raised for. An exchange, so that none is overwritten whose reason is not
     * seen below. Partner: sley__forker_alert. */
    why = exchange_acquire(sley__forker_attention(forker), (uint8_t)SLEY__ATTENTION_NONE);
    if (unlikely(sley__task_is_cancelled(task))) {
        sley__forker_alert(forker);
        return true;
    }
    hand_out_owed(task, youngest, why == SLEY__ATTENTION_ASKED);
    return false;
}

void sley_fork_attend(struct sley_fork *youngest)
{
    look(forker_of(youngest->forker), youngest);
}

/* --- joining what was handed out ------------------------------------------------------------ */

/* True if the stub has not begun and never will: the caller runs the call, or does not. Else the
 * stub is the caller's to join. The parent. */
static bool reclaim(struct sley_task *stub)
{
    uint8_t claim = FREE;

    /* Partner: the swap in run_stub(). */
    if (cas_acquire(&stub->forker.claim, &claim, (uint8_t)RECLAIMED)) {
        sley_detach(stub);
        return true;
    }
    store_relaxed(&stub->forker.claim, (uint8_t)FREE); /* before its memory is given back */
    return false;
}

/* Waits for the end of a stub, whatever happens. The parent. */
static void await_stub(struct sley_task *self, struct sley_task *stub)
{
    struct sley__waker waker;

    sley__wait_begin_shielded(&waker, "forked call");
    if (sley__task_join_task(stub, self) == SLEY__JOIN_WAIT)
        sley__wait_park_shielded();
    else
        sley__wait_abandon(NULL);
}

/* Joins a stub that has begun; what it returned. A deadline does not end the wait, as it would not
 * have ended the call; a cancel is passed on. The parent. */
static int join_stub(struct sley_task *self, struct sley_task *stub)
{
    int64_t deadline = self->deadline;
    int result, error;

    self->deadline = SLEY_FOREVER;
    error = sley_join(stub, &result);
    self->deadline = deadline;
    if (likely(!error))
        return result;
    ensure_msg(error == SLEY_ECANCELED, "join of a forked call: %d", error);
    sley_cancel(stub, sley_cancel_reason());
    await_stub(self, stub);
    error = sley_join(stub, &result);
    ensure_msg(!error, "join of a forked call that has ended: %d", error);
    return result;
}

/* Joins a call that was handed out. The parent. */
static enum sley__fork_outcome settle_handed(struct sley__forker *forker, struct sley_fork *call)
{
    struct sley_task *self = task_of(forker);
    int result;

    if (reclaim(call->stub)) {
        forker->owed /= 2; /* calls are smaller than a wake-up */
        return SLEY__FORK_CALL;
    }
    result = join_stub(self, call->stub);
    if (result != ALL_DONE)
        forker->skipped = true;
    return result == NOT_BEGUN ? SLEY__FORK_SKIPPED : SLEY__FORK_DONE;
}

enum sley__fork_outcome sley_fork_settle(struct sley_fork *call)
{
    struct sley__forker *forker = forker_of(call->forker);
    enum sley__fork_outcome outcome = SLEY__FORK_CALL;

    check(task_of(forker) == sley_self());
    if (!call->run)
        outcome = settle_handed(forker, call);
    if (outcome != SLEY__FORK_CALL || !load_relaxed(sley__forker_attention(forker)))
        return outcome;
    if (!look(forker, call->older))
        return SLEY__FORK_CALL;
    forker->skipped = true;
    return SLEY__FORK_SKIPPED;
}

void sley_fork_give_up(struct sley_fork *call)
{
    if (!reclaim(call->stub))
        join_stub(task_of(forker_of(call->forker)), call->stub);
}

/* --- regions -------------------------------------------------------------------------------- */

/* On foreign threads: never asked for anything. */
static const struct sley__forker nobody;

void sley_forks_begin(struct sley_forks *region)
{
    struct sley_task *task = sley_self();
    struct sley__forker *forker = task ? &task->forker : NULL;

    if (!forker) {
        region->fork.forker = (struct sley_forker *)(uintptr_t)&nobody.seen;
        region->fork.run = NULL;
        region->fork.older = NULL;
        return;
    }
    region->fork.forker = &forker->seen;
    region->fork.run = forker->youngest ? passage : NULL;
    region->fork.older = forker->youngest;
    region->depth = ++forker->regions;
    region->skipped = region->depth > 1 && forker->skipped;
    forker->skipped = false;
    if (region->depth > 1)
        return;
    sley__fork_enter(region);
    sley__forker_alert(forker); /* somebody may be idle already, or the task cancelled */
}

void sley_forks_end(struct sley_forks *region)
{
    struct sley__forker *forker = forker_of(region->fork.forker);

    if (forker == &nobody)
        return;
    ensure_msg(task_of(forker) == sley_self() && region->depth == forker->regions,
               "regions of forked calls must be left by the task that began them, the innermost "
               "first");
    forker->skipped |= region->skipped;
    if (!--forker->regions)
        sley__fork_leave(region);
}

int sley_forks_status(const struct sley_fork *f)
{
    return forker_of(f->forker)->skipped ? SLEY_ECANCELED : 0;
}
