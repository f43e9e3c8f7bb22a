/*
 * clocks.h: what each thread knows of the others. Inside the model checker, for memory.c and
 * races.c.
 */
#ifndef SLEY_MODEL_CLOCKS_H
#define SLEY_MODEL_CLOCKS_H

#include "model.h"

enum {
    CLOCK_MAIN = MODEL_THREADS_MAX, /* setup, and everything that was before the threads */
    CLOCK_SC,                       /* counts seq_cst read-modify-writes; see memory.c */
    CLOCKS,
};

/* How much of each thread is known: all it did up to and including this time of its own. */
struct clock {
    uint32_t at[CLOCKS];
};

/* What a thread knows. Each thread's own entry is its time: it goes on at each operation. */
struct knowledge {
    struct clock ordered; /* happens-before: what plain accesses may rely on */
    struct clock seen;    /* what coherence forbids to read past; includes `ordered`, and what
                             fences and reads add */
    struct clock pending; /* of relaxed loads: becomes `seen` at an acquire fence */
    struct clock fenced;  /* at the last release fence: what relaxed stores hand over */
};

/* Of each thread; CLOCK_SC's: of the seq_cst fences. In memory.c. */
extern struct knowledge known[CLOCKS];

static inline void join(struct clock *into, const struct clock *other)
{
    for (unsigned i = 0; i < CLOCKS; i++)
        into->at[i] = into->at[i] > other->at[i] ? into->at[i] : other->at[i];
}

/* The thread's time goes on: what it does now is not covered by what it has handed over. */
static inline void advance(unsigned thread)
{
    uint32_t now = ++known[thread].ordered.at[thread];

    known[thread].seen.at[thread] = now;
}

static inline uint32_t now_of(unsigned thread)
{
    return known[thread].ordered.at[thread];
}

#endif
