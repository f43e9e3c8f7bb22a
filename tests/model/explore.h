/*
 * explore.h: decisions, and which ones to take next. Inside the model checker.
 *
 * An execution is a function of its decisions. Each is a number below the number of choices that
 * there were; 0 always means "nothing special": the running thread goes on, the newest store is
 * read.
 */
#ifndef SLEY_MODEL_EXPLORE_H
#define SLEY_MODEL_EXPLORE_H

#include "engine.h"

enum strategy {
    STRATEGY_BOUND,  /* all decisions within the bounds, depth first */
    STRATEGY_RANDOM, /* random ones */
    STRATEGY_PCT,    /* random priorities that change at a few random steps */
    STRATEGY_REPLAY, /* those of a string */
};

struct limits {
    unsigned preemptions, stale; /* UINT_MAX: no limit */
    unsigned long executions;    /* 0: no limit */
    double seconds;              /* 0: no limit */
    bool unreduced;              /* redundant executions too */
    bool outcomes;               /* print what was seen */
    uint64_t seed;
    unsigned depth; /* of PCT: one less than priority changes */
};

struct exploration {
    unsigned long executions, redundant; /* complete ones; abandoned ones */
    bool exhausted;                      /* nothing within the bounds is left */
    bool failed;
    bool expected;         /* it failed, as the model expects */
    unsigned long longest; /* steps */
    bool fences;           /* the model has fence_light or fence_heavy */
    unsigned seen;         /* bit i: model->must_see[i] was seen */
};

/* Runs the subject again and again. Stops at the first failure, which it reports on stdout if
 * it is not the expected one, or if `loud`. */
void explore(const struct subject *subject, enum strategy strategy, const struct limits *limits,
             bool loud, struct exploration *result);

/* Runs the subject once by a choice string, as explore() prints them, and prints the trace. 0: it
 * passed, 1: it failed, 2: the string is not one of this program. */
int explore_replay(const char *string);

/* --- asked by the engine --- */

/* Who goes on, or whether time does. */
struct way {
    uint8_t thread; /* CLOCKS: time goes on to the next deadline */
    bool costs;     /* a preemption: the running thread could have gone on */
};

/* One of the ways; the free ones come first. */
unsigned explore_schedule(struct way *ways, unsigned count);

/* Whether no option that costs a preemption will be taken any more. */
bool explore_is_spent(void);

/* Whether redundant executions are to be left out. */
bool explore_reduces(void);

/* Which store, 0 the newest. */
unsigned explore_stale(unsigned count);

/* By the model or the environment; costs a preemption if it is not 0 and `costs`. */
unsigned explore_choose(unsigned count, bool costs);

#endif
