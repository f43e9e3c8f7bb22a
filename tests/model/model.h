/*
 * model.h: how models are written. The contract of sley's own model checker.
 *
 * A model is a small program of two to six kernel threads over the production source, compiled with
 * SLEY_MODEL: then every atomic operation, futex call and plain access to shared memory goes
 * through the engine (engine.c), which runs the threads as coroutines on one kernel thread and so
 * decides at every atomic operation who goes on, and at every load which of the stores that C11
 * allows it reads. It runs the model again and again, each time with other decisions, until it has
 * tried them all within a bound. So a model must be deterministic but for what it asks the engine
 * (model_choose, the clock, random numbers of platform.h), and it must start from nothing each
 * time: setup() initialises everything that the model uses, statics included.
 *
 * A model is one file in models/, compiled and linked because it is there:
 *
 *     #include "model.h"
 *     #include "lock.h"
 *
 *     static struct sley__lock lock;
 *     static int count;                      plain on purpose: the lock must order it
 *
 *     static void setup(void)
 *     {
 *         lock = (struct sley__lock){0};
 *         count = 0;
 *     }
 *
 *     static void body(unsigned thread)
 *     {
 *         sley__lock_acquire(&lock);
 *         count++;                           without the lock: reported as a data race
 *         sley__lock_release(&lock);
 *     }
 *
 *     static void verify(void)
 *     {
 *         model_assert(count == 3, "%d of 3", count);
 *     }
 *
 *     MODEL(lock_three, .about = "three threads, one lock: exclusion, and no sleeper is forgotten",
 *           .threads = 3, .setup = setup, .body = {body}, .verify = verify)
 *
 * setup() may start threads too (sley__thread_start, or a whole runtime); they begin when it has
 * returned. An execution is setup(), all threads to their end, verify(), teardown(). setup(),
 * verify() and teardown() run alone: what they do is ordered before and after everything else, no
 * decisions are taken in them. It fails when
 *  - a model_assert, an ensure or a check is false;
 *  - two threads touch the same plain memory, one of them writing, and no release/acquire chain
 *    orders them (a data race). A fence does not count, as atomic.h demands: fences order atomics
 *    only. So "release weakened to relaxed" fails as soon as it published plain data;
 *  - threads are left that wait for something that nobody will do (deadlock, lost wake-up), unless
 *    the model says .may_block;
 *  - an execution exceeds .max_steps (a loop that waits without telling the engine: see cpu_relax);
 *  - plain memory is used that has been given back (free, unmap).
 *
 * What a thread may do: everything in sched/ that is in sources.txt. It waits by futex
 * (sley__futex_wait), by cpu_relax(), sley__thread_yield() or model_yield() in a loop, or by
 * model_wait_until(). It must not wait in a bare loop of loads: the engine would try for ever to
 * let it go on. What it must not use: pthreads, system calls, printf as a result of decisions.
 *
 * Bookkeeping. Statics of the model are plain memory like any other and are checked for races; that
 * is the best way to prove exclusion. Where the model needs a note of what happened that is not
 * part of the program under test, it writes it in a function marked MODEL_GHOST: its plain accesses
 * are not checked, no decision is taken in it (unless it touches atomics) and so it is atomic.
 *
 *     static MODEL_GHOST void got(uintptr_t task) { times[task]++; }
 *
 * It should note what its own thread did. If it compares that with what others did up to now, the
 * model says .exact_order.
 *
 * Sizes. The number of executions at bound 2 grows with the square of the atomic operations of a
 * model and with the loads that can be stale: 30 operations in all are a second or less, 100 are
 * minutes. Make several small models rather than a large one; what is large is for random
 * schedules (.random_only) or the PCT ones.
 */
#ifndef SLEY_MODEL_H
#define SLEY_MODEL_H

#include "atomic.h"

enum {
    MODEL_THREADS_MAX = 8, /* of one model, with those it starts by sley__thread_start */
};

/* How fence_light and fence_heavy are modelled: see atomic.h. */
enum model_fences {
    MODEL_FENCES_BOTH,       /* the model is explored twice. Default */
    MODEL_FENCES_SYMMETRIC,  /* both are seq_cst fences */
    MODEL_FENCES_ASYMMETRIC, /* light is nothing, heavy a fence of every thread */
};

#define MODEL_NONE (~0u)

struct model {
    const char *name;  /* by MODEL */
    const char *file;  /* by MODEL */
    const char *about; /* one line for --list */

    unsigned threads;                                 /* 1 to 6 that run body from the beginning */
    void (*body[MODEL_THREADS_MAX])(unsigned thread); /* body[i] of thread i; the last one given
                                                         serves all further threads */
    void (*setup)(void);                              /* may be NULL */
    void (*verify)(void);                             /* likewise */
    void (*teardown)(void);                           /* likewise; also after a failure, where the
                                                         threads are left wherever they were */

    const void *argument; /* for model_argument(): several MODELs can share their functions */
    unsigned variants;    /* explored one after the other, model_variant() tells which; 0 means 1 */

    enum model_fences fences; /* leave it out if the model has no fence_light or fence_heavy: then
                                 the engine notices and explores once */
    bool may_block;   /* threads may wait for ever at the end; verify() asks model_blocked() */
    bool spurious;    /* futex waits may also return for no reason (costs a preemption each) */
    bool no_timeouts; /* deadlines come only when nobody else can go on. Without this, they may
                         come at any point (costs a preemption each) */
    bool every_switch_costs; /* also one that has to be made costs a preemption unless it is to the
                                next thread in turn (delay bounding): for models that block often,
                                whose free switches would be too many */
    bool exact_order; /* assertions depend on the order in which ghosts of different threads run, or
                         on raw values of shared words: explore orders that nobody else could tell
                         apart, too. Dear; see conflict.h */
    bool random_only; /* too large to be exhausted: also without --random it is explored by
                         .max_executions (0: 500) random schedules */
    const char *expect_failure; /* a planted bug: part of the message it must fail with, as "data
                                   race"; a run without that failure is a failure */

    const char *must_see[6]; /* outcomes (model_outcome) without which an exhausted exploration is a
                                failure: so a model shows that it reaches what it is about */

    unsigned bound;               /* at most this many preemptions, whatever --bound says; 0: no
                                     limit of its own */
    unsigned stale;               /* likewise for stale reads; MODEL_NONE: none at all */
    unsigned max_steps;           /* of one execution; 0: 10,000 */
    unsigned long max_executions; /* of one variant; 0: no limit of its own */
    int64_t step; /* ns the clock goes on with every step; for code that measures how
                     long it has been busy. Default 0: it stands still */
    int64_t tick; /* ns the clock goes on when all threads only yield; 0: 10 us */
};

/* Defines a model and puts it in the table; at file scope. `id`: its name, unique, beginning with
 * the name of its file. */
#define MODEL(id, ...)                                                                    \
    static const struct model model__##id = {.name = #id, .file = __FILE__, __VA_ARGS__}; \
    static const struct model *const model__entry_##id                                    \
        __attribute__((used, section("sley_models"))) = &model__##id;

/* See above. Does not nest atomics well: keep it to plain memory. */
#define MODEL_GHOST __attribute__((no_sanitize_thread, noinline))

/* --- in setup, threads, verify -------------------------------------------------------------- */

/* Ends the execution as a failure with a message. Not evaluated twice, never compiled out. */
#define model_assert(cond, ...) \
    (likely(cond) ? (void)0 : model_fail(__FILE__, __LINE__, #cond, "" __VA_ARGS__))
_Noreturn void model_fail(const char *file, int line, const char *what, const char *format, ...)
    PRINTF(4, 5);

/* Which thread this is: 0 to threads - 1, then those started by sley__thread_start in the order of
 * their start. In setup and verify: UINT_MAX. */
unsigned model_thread_id(void);

unsigned model_variant(void);
const void *model_argument(void);

/* True if this exploration models fence_heavy as one of every thread. */
bool model_asymmetric(void);

/* 0 to n - 1, each of them explored; costs no preemption. */
unsigned model_choose(unsigned n);

/* Lets others go on: this thread does not run again before another one has made a step, unless no
 * other can. The same as cpu_relax(); a value that the thread has read before will not be stale
 * for ever. */
void model_yield(void);

/* Waits until condition(arg) is true; it is asked, as a ghost, whenever another thread has done
 * something. For what the model itself waits for; production code waits by futex. Orders nothing.
 */
void model_wait_until(bool (*condition)(void *arg), void *arg);

/* The virtual clock: sley__clock_now() is MODEL_EPOCH at first, and goes on only when all threads
 * wait or yield, when a deadline is let come early, by .step, or here. A decision point. */
#define MODEL_EPOCH ((int64_t)1000000000)
void model_clock_advance(int64_t ns);

/* A comment for the trace of a replayed execution; does nothing else. */
void model_note(const char *format, ...) PRINTF(1, 2);

/* --- in verify ------------------------------------------------------------------------------ */

/* Whether a thread still waits, or NULL if it has ended: what for ("futex", "join", ...). Only with
 * .may_block. */
const char *model_blocked(unsigned thread);

/* How many threads there were, with those started. */
unsigned model_threads(void);

/* Notes that this execution was of the kind `name` (static storage), for models that want to show
 * that something was seen at all: .must_see. From anywhere; counts only if the execution does not
 * fail. */
void model_outcome(const char *name);

#endif
