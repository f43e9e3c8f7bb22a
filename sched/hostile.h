/*
 * hostile.h: the choices that the hostile build takes out of the scheduler's hands. Level 0.
 *
 * In every other build each function here is a constant that the compiler folds away, so that the
 * code which asks reads the same and costs nothing.
 */
#ifndef SLEY_HOSTILE_H
#define SLEY_HOSTILE_H

#include "base.h"

#ifdef SLEY_HOSTILE

/* The builds differ in more than inlining where this is 1. */
#define SLEY__SHUFFLE 1

/* The i-th of n things in an order that `dice` (any number) chooses. Any thread. */
unsigned sley__hostile_ith(unsigned i, unsigned n, uint64_t dice);

/* Whether this allocation is the one that SLEY_FAIL_ALLOC wants to fail; `what` is for the message.
 * Sets errno to ENOMEM then. Any thread. */
bool sley__hostile_fails(const char *what);

/* Writes the line with the seed to stderr, whether it has been written or not. Any thread, also
 * while the process panics. */
void sley__hostile_say_seed(void);

#else

#define SLEY__SHUFFLE 0

static inline unsigned sley__hostile_ith(unsigned i, UNUSED unsigned n, UNUSED uint64_t dice)
{
    return i;
}

static inline bool sley__hostile_fails(UNUSED const char *what)
{
    return false;
}

static inline void sley__hostile_say_seed(void)
{
}

#endif
#endif
