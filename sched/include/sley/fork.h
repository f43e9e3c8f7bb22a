/*
 * sley/fork.h: dividing a computation over the workers.
 *
 * A forked call is a promise to call a function before its result is used. Where no worker is idle
 * the join simply calls it, a direct call that the compiler may inline; a fork and its join then
 * cost a dozen instructions. A worker without work asks, and the oldest forked call, which is
 * mostly the largest, becomes a task that it runs; one for each worker that is idle, as long as
 * there are any. So one forks at every step of a recursion and
 * needs no cut-off below which one computes sequentially.
 *
 *     static long fib(struct sley_fork *f, long n);
 *     SLEY_FORKABLE(long, fib, long)
 *
 *     static long fib(struct sley_fork *f, long n)
 *     {
 *         long right;
 *
 *         if (n < 2)
 *             return n;
 *         SLEY_FORK(fib, left, f, n - 1);          may run elsewhere from here on
 *         right = fib(f, n - 2);
 *         return SLEY_JOIN(fib, left, f) + right;
 *     }
 *
 *     SLEY_FORKS(f) {
 *         result = fib(f, 37);
 *     }
 *
 * `f` stands for what has been forked and not joined; each function hands it on to those that it
 * calls. It belongs to the task, and to the call that it was given to: do not keep it, do not give
 * it to another task. Everything that parks may be called anywhere between. A call that was handed
 * out runs as a task of its own, with the deadline of its parent, and is cancelled when its parent
 * is and joins it. The rest of a task is not the parent's: it has no local values (local.h), and
 * the parent's scopes are not open in it. What calls need goes through their argument.
 *
 * Leaving a function early is fine: a call forked by SLEY_FORK that is not joined when its block is
 * left, by whatever way (but longjmp), is given up: if it runs elsewhere it is waited for, else it
 * never runs.
 *
 * In a cancelled task, or in a scope of it that is cancelled, what was forked and has not begun is
 * not run: the join returns zero (all bytes), and sley_forks_status() says so. What counts is where
 * the join is: behind a shield calls are made, after a cancelled scope as well. A deadline alone
 * skips nothing.
 *
 * On a foreign thread all this works too, and each join calls its function.
 */
#ifndef SLEY_FORK_H
#define SLEY_FORK_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sley_task;

/* Private: what of a task the inlined code below sees. */
struct sley_forker {
    unsigned char attention; /* not 0: look at what there is to do. Any thread */
};

/* A forked call, on the stack of whoever forks. Private. */
struct sley_fork {
    struct sley_forker *forker;
    void (*run)(struct sley_fork *f, struct sley_fork *call);    /* NULL: handed out */
    struct sley_fork *older;                                     /* forked before, not joined */
    void (*handed)(struct sley_fork *f, struct sley_fork *call); /* `run` of one handed out */
    struct sley_task *stub;                                      /* and who runs it */
};

/* A region of forked calls, likewise. Private. */
struct sley_forks {
    struct sley_fork fork; /* what is older than its first call */
    unsigned depth;        /* 1: the outermost one of its task, which is in the list of those */
    bool skipped;          /* calls of the region around it have been */
    struct sley_forks *next, *previous;
};

/* --- private: what the macros call, and nobody else ------------------------------------------- */

enum sley__fork_outcome {
    SLEY__FORK_CALL,   /* nobody has: call it here */
    SLEY__FORK_DONE,   /* another task has called it */
    SLEY__FORK_SKIPPED /* nobody will */
};

struct sley__fork_guard {
    struct sley_fork **f, *call; /* call NULL: it was joined */
};

SLEY_EXPORT void sley_forks_begin(struct sley_forks *region);
SLEY_EXPORT void sley_forks_end(struct sley_forks *region);
SLEY_EXPORT void sley_fork_attend(struct sley_fork *youngest) __attribute__((cold));
SLEY_EXPORT enum sley__fork_outcome sley_fork_settle(struct sley_fork *call) __attribute__((cold));
SLEY_EXPORT void sley_fork_give_up(struct sley_fork *call) __attribute__((cold));

#define SLEY__FORK_INLINE static inline __attribute__((always_inline, unused))

#ifndef SLEY__FORK_LOAD /* the library itself has a door of its own to atomics */
#define SLEY__FORK_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#endif

SLEY__FORK_INLINE bool sley__fork_attention(struct sley_forker *forker)
{
    return __builtin_expect(SLEY__FORK_LOAD(&forker->attention) != 0, false);
}

SLEY__FORK_INLINE void sley__fork_push(struct sley_fork **f, struct sley_fork *call,
                                       void (*run)(struct sley_fork *f, struct sley_fork *call))
{
    struct sley_forker *forker = (*f)->forker;

    call->forker = forker;
    call->run = run;
    call->older = *f;
    *f = call;
    if (sley__fork_attention(forker))
        sley_fork_attend(call);
}

/* False: the join is a direct call. */
SLEY__FORK_INLINE bool sley__fork_must_settle(struct sley_fork *call)
{
    return __builtin_expect(!call->run, 0) || sley__fork_attention(call->forker);
}

SLEY__FORK_INLINE void sley__fork_guard_end(struct sley__fork_guard *guard)
{
    if (!guard->call)
        return;
    *guard->f = guard->call->older;
    if (!guard->call->run)
        sley_fork_give_up(guard->call);
}

/* --- the calls ------------------------------------------------------------------------------- */

/* Makes `function` one that can be forked: `Result function(struct sley_fork *f, Argument a)`,
 * which is declared before. Both types may be structs; several arguments are a struct. Defines
 *
 *     struct function_fork      a forked call; `argument` stays the caller's until it is joined
 *     void function_fork(struct sley_fork **f, struct function_fork *call, Argument a)
 *     Result function_join(struct sley_fork **f, struct function_fork *call)
 *
 * of which the last two are what SLEY_FORK and SLEY_JOIN do without the care for leaving early: for
 * arrays of calls. What was forked last is joined first. At file scope. Since 0.1. */
#define SLEY_FORKABLE(Result, function, Argument)                                                \
    struct function##_fork {                                                                     \
        struct sley_fork fork;                                                                   \
        Argument argument;                                                                       \
        Result result;                                                                           \
    };                                                                                           \
    __attribute__((unused)) static void function##_fork_run(struct sley_fork *f,                 \
                                                            struct sley_fork *forked)            \
    {                                                                                            \
        struct function##_fork *call = (struct function##_fork *)(void *)forked;                 \
        call->result = function(f, call->argument);                                              \
    }                                                                                            \
    SLEY__FORK_INLINE void function##_fork(struct sley_fork **f, struct function##_fork *call,   \
                                           Argument argument)                                    \
    {                                                                                            \
        call->argument = argument;                                                               \
        sley__fork_push(f, &call->fork, function##_fork_run);                                    \
    }                                                                                            \
    __attribute__((cold, noinline, unused)) static Result function##_join_slowly(                \
        struct sley_fork *f, struct function##_fork *call)                                       \
    {                                                                                            \
        enum sley__fork_outcome outcome = sley_fork_settle(&call->fork);                         \
        if (outcome == SLEY__FORK_CALL)                                                          \
            return function(f, call->argument);                                                  \
        if (outcome == SLEY__FORK_SKIPPED)                                                       \
            __builtin_memset((void *)&call->result, 0, sizeof call->result);                     \
        return call->result;                                                                     \
    }                                                                                            \
    SLEY__FORK_INLINE Result function##_join(struct sley_fork **f, struct function##_fork *call) \
    {                                                                                            \
        *f = call->fork.older;                                                                   \
        if (sley__fork_must_settle(&call->fork))                                                 \
            return function##_join_slowly(*f, call);                                             \
        return function(*f, call->argument);                                                     \
    }

/* Declares the forked call `name` of `function`, with the argument that comes last. From here on it
 * may run, on any worker, at the latest in its SLEY_JOIN. `f` is a variable of the type struct
 * sley_fork *, and changes. Never parks. Since 0.1. */
#define SLEY_FORK(function, name, f, ...)                                    \
    struct function##_fork name;                                             \
    struct sley__fork_guard name##_guard                                     \
        __attribute__((cleanup(sley__fork_guard_end))) = {&(f), &name.fork}; \
    function##_fork(&(f), &name, __VA_ARGS__)

/* The result of the forked call `name`, after having called it or having waited for whoever does.
 * In each function what was forked last is joined first, each one once. May park, then the task may
 * go on on another kernel thread, as after each call that may park. Since 0.1. */
#define SLEY_JOIN(function, name, f) (name##_guard.call = NULL, function##_join(&(f), &name))

/* A region of forked calls: the block that follows, which may be left in any way but longjmp. `f`
 * is declared for it. Costs about as much as a mutex. Regions nest, and must: a generator's body
 * does not yield from within one. In a region idle workers ask for work, so begin it around the
 * whole computation. From a task; on a foreign thread nothing is handed out. Never parks.
 * Since 0.1. */
#define SLEY_FORKS(f)                                                           \
    for (struct sley_forks f##_region __attribute__((cleanup(sley_forks_end))), \
         *f##_outer = (sley_forks_begin(&f##_region), &f##_region);             \
         f##_outer; f##_outer = NULL)                                           \
        for (struct sley_fork *f = &f##_region.fork, *f##_inner = f; f##_inner; f##_inner = NULL)

/* 0, or SLEY_ECANCELED if a call forked in this region of the task, or in one within it, has been
 * skipped because of a cancel, by itself or in a call handed out that was joined. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_forks_status(const struct sley_fork *f);

/* --- ready made ------------------------------------------------------------------------------ */

/* Calls fn(i, j, arg) for pieces [i, j) of [begin, end), on all workers that are idle, until each
 * index has had its turn, and waits for all of them.
 *   grain  how many indexes a call gets at most, and mostly not less than half as many; 0: as many
 *          as take a few microseconds, found out by measuring
 *   fn     0 to go on; a negative value: no further call is begun
 * Returns 0, or the first negative value of a call, or SLEY_ECANCELED if the task was cancelled and
 * some indexes have been left out; SLEY_EINVAL (fn is NULL). An empty range is fine.
 * From a task: parks. On a foreign thread everything runs there. Since 0.1. */
SLEY_EXPORT int sley_parallel_for(size_t begin, size_t end, size_t grain,
                                  int (*fn)(size_t begin, size_t end, void *arg), void *arg);

/* How to reduce a range to one value. Stays the caller's, for the time of the call. */
struct sley_reduction {
    /* Bytes of a value, 1 to 1024; it is aligned as malloc aligns. Each halving of the range keeps
     * one on the stack. */
    size_t size;
    /* Adds the indexes [begin, end) to *value. 0, or a negative value, as above. */
    int (*add)(size_t begin, size_t end, void *value, void *arg);
    /* Adds *next, which comes after *value, to *value. Associative; need not be commutative. */
    void (*merge)(void *value, const void *next, void *arg);
};

/* Adds the range [begin, end) to *value, which is at the call what an empty range gives: sums begin
 * with 0, minima with the largest value. Pieces are made as in sley_parallel_for; which ones may
 * differ from run to run, their order in merges does not. Returns as that, and SLEY_EINVAL for a
 * bad reduction; after a negative value *value is part of the result. Since 0.1. */
SLEY_EXPORT int sley_parallel_reduce(size_t begin, size_t end, size_t grain,
                                     const struct sley_reduction *reduction, void *value,
                                     void *arg);

struct sley_call {
    int (*fn)(void *arg);
    void *arg;
};

/* Calls all of them, on all workers that are idle: sley_parallel_invoke({f, &a}, {g, &b}) in C;
 * C++ has the function only. Returns as sley_parallel_for, SLEY_EINVAL also if a call has no fn.
 * Since 0.1. */
#ifndef __cplusplus
#define sley_parallel_invoke(...)                                              \
    sley_parallel_invoke_all((const struct sley_call[]){__VA_ARGS__},          \
                             sizeof((const struct sley_call[]){__VA_ARGS__}) / \
                                 sizeof(struct sley_call))
#endif
SLEY_EXPORT int sley_parallel_invoke_all(const struct sley_call *calls, size_t count);

#ifdef __cplusplus
}
#endif
#endif
