/*
 * validate.h: is everything where it should be? Level 4. In debug and hostile builds only.
 *
 * The rules, each an ensure_msg() with the values that broke it:
 *
 * places  every task is in exactly one: on a worker, in one queue (or in the hand of a worker
 *         that waits for it to leave its stack), waiting with its flow saved, ended and not
 *         joined, or in one list of free ones; and its state says so
 *
 * counts  of every queue, list, wheel and cache against what is in it; of live tasks against the
 *         workers' counters; of promised stacks against who holds a promise; of stacks against
 *         where they are
 *
 * flows   a task stands on the stack of the innermost flow that it is inside of, and each flow
 *         is in the chain of one task, or saved, or has no stack
 *
 * sleep   the sleepers' bits, the two numbers beside them and what workers do agree; who sleeps
 *         has empty queues; and while work waits and workers sleep, somebody searches
 *
 * joins   who is registered as a joiner waits, and for one task only
 */
#ifndef SLEY_VALIDATE_H
#define SLEY_VALIDATE_H

#include "worker.h"

#ifdef SLEY_DEBUG

/* Checks every rule; panics if one is broken. Nothing of the scheduler may move meanwhile: all
 * other workers have halted, or there is only the caller's, and no foreign thread uses the runtime.
 * From a task, at no place where it has begun a wait; or from a worker at a safe point. Takes leaf
 * locks.
 */
void sley__validate(struct sley__sched *sched);

#endif

#ifdef SLEY_HOSTILE

/* Sees to it that every n-th park of each worker validates: n is SLEY_VALIDATE in the environment
 * (0: never), else some hundreds, by the seed, and more when there are many tasks. Before the
 * workers start. */
void sley__validate_install(struct sley__sched *sched);

/* Halts the workers, validates and lets them go on. True if it came about, and nobody else moved
 * meanwhile, so that all rules were judged. Owner, at a safe point. */
bool sley__validate_halted(struct sley__worker *worker);

#else

static inline void sley__validate_install(UNUSED struct sley__sched *sched)
{
}

#endif
#endif
