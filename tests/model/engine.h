/*
 * engine.h: one execution of a model: its threads, their steps, what they wait for. Inside the
 * model checker.
 */
#ifndef SLEY_MODEL_ENGINE_H
#define SLEY_MODEL_ENGINE_H

#include "conflict.h"
#include "model.h"

/* What an exploration is about: a model, one of its variants, one way to model fences. */
struct subject {
    const struct model *model;
    unsigned variant;
    bool asymmetric;
};

enum verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,    /* engine_message() says why */
    VERDICT_REDUNDANT, /* abandoned: it would be the same as one before; see conflict.h */
};

/* Runs setup, threads, verify, teardown once; decisions come from explore.h. */
enum verdict engine_run(const struct subject *subject);

/* Of the execution that ran last. */
const char *engine_message(void);
unsigned long engine_steps(void);
unsigned long engine_executions(void);  /* so far */
unsigned long engine_fingerprint(void); /* the same for the same steps */
bool engine_used_fences(void);          /* fence_light or fence_heavy */

/* --- for the other files of the engine ------------------------------------------------------- */

/* The thread that runs; CLOCK_MAIN in setup, verify and teardown. */
unsigned engine_thread(void);

const struct subject *engine_subject(void);
unsigned engine_threads(void);

/* Whether an execution is going on. */
bool engine_running(void);

/* Whether threads run: outside, memory is plain memory and nothing is decided or checked. */
bool engine_watching(void);

/* ... and whether plain accesses are to be checked: not before there are two threads, for whatever
 * the first did is ordered before the second's start. */
extern bool engine_checks_plain;

/* The execution is a failure; does not return. From anywhere within an execution. */
_Noreturn void engine_fail(const char *format, ...) PRINTF(1, 2);

/* A decision point, before a step that others can notice. */
void engine_point(const char *where, enum step_kind kind, const void *address);

/* What the running thread does now conflicts with every step. */
void engine_disturb(void);

/* After the operation: for the trace, and for those who yield. */
void engine_stepped(const char *where, const void *address, size_t size, uint64_t value,
                    bool changed_something);

enum block {
    BLOCK_NONE,
    BLOCK_FUTEX,
    BLOCK_JOIN,
    BLOCK_CONDITION,
};

/* The running thread waits on `object` until engine_release or the deadline (INT64_MAX: none). */
void engine_block(enum block why, const void *object, int64_t deadline);

/* How many threads wait on it; and lets the n-th of them go on. */
unsigned engine_blocked_on(enum block why, const void *object);
void engine_release(enum block why, const void *object, unsigned n);

/* Starts another thread; its number, or -1: too many. */
int engine_start(void *(*fn)(void *), void *arg);
void engine_join(unsigned thread);
void engine_yield(const char *where);
void engine_wait_until(bool (*condition)(void *arg), void *arg);
void engine_advance_clock(int64_t ns);
void engine_note_fences(void);

/* What a thread waits for, or NULL. Whether it could go on. */
const char *engine_blocked(unsigned thread);
bool engine_can_run(unsigned thread);

bool engine_spurious(void); /* whether this futex wait is to return for no reason */

int64_t engine_now(void);
uint64_t engine_random(void); /* the same in each execution */

/* One of the two sides of a race: an atomic access has `where`, a plain one `pc`. */
struct access {
    unsigned thread;
    bool write;
    const char *where;
    const void *pc;
};
_Noreturn void engine_race(uintptr_t address, const struct access *access,
                           const struct access *other);

#endif
