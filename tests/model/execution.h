/*
 * execution.h: the state of the execution that runs: shared by engine.c, which begins and ends it,
 * and schedule.c, which decides who goes on in it. Nobody else includes this.
 */
#ifndef SLEY_MODEL_EXECUTION_H
#define SLEY_MODEL_EXECUTION_H

#include "coroutine.h"
#include "engine.h"

enum thread_state {
    ABSENT,
    READY,
    BLOCKED,
    ENDED,
};

struct thread {
    enum thread_state state;
    enum block why; /* while BLOCKED: for what, on what, until when */
    const void *object;
    int64_t deadline;
    void *condition_arg;
    struct step next; /* what it will do first when it goes on */
    bool sleeping;    /* preempted before `next`, and no conflict since: see conflict.h */
    bool relaxing;    /* has yielded, and nobody else has made a step since */
    unsigned relaxes; /* how often since somebody else has changed something */
    struct coroutine flow;
};

struct run {
    struct subject subject;
    struct thread threads[MODEL_THREADS_MAX + 1]; /* the last: main */
    unsigned thread_count;
    unsigned current; /* CLOCK_MAIN: main */
    bool watching;    /* threads run; setup, verify and teardown do not count */
    bool reducing;    /* it may be abandoned as redundant */

    unsigned long steps, max_steps, fingerprint;
    unsigned conditions; /* how many threads wait for one */
    int64_t now;
    uint64_t random_state;

    bool used_fences, failed, redundant;
    char message[1024];
};

extern struct run run;

/* Back to the driver; the execution is over. */
_Noreturn void leave(void);

/* A thread that can run from now on. */
void begin_thread(unsigned number, void *(*fn)(void *), void *arg);

/* Decides who goes on and lets it. Returns when the running thread does. */
void schedule(void);

/* Where a thread goes that has returned. */
_Noreturn void thread_end(void);

#endif
