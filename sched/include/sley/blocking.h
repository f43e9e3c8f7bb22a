/*
 * sley/blocking.h: running what blocks off the workers.
 *
 * A function that blocks its kernel thread (a file system call, a library that knows nothing of
 * tasks) would freeze every task of its worker. sley_to_thread() runs it on a pool of threads of
 * the runtime, grown on demand, while the calling task is parked.
 *
 * Calls are of classes, each with threads, a limit and a queue of its own, so that a hundred slow
 * name servers do not keep a file from being read. The functions run outside of any task: they may
 * block, and may call of sley only what says "any thread". Their threads have stacks of 1 MiB.
 */
#ifndef SLEY_BLOCKING_H
#define SLEY_BLOCKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sley_runtime;

/* What may block. */
typedef int sley_blocking_fn(void *arg);

/* A class of calls. Which one is meant says its address, so it must be the same object everywhere
 * and live as long as the runtimes that it is used in; mostly a static constant. Nothing is to be
 * created or freed: each runtime makes what it needs at the first call. Zero in a field means its
 * default. Not to be changed once it has been used. */
struct sley_blocking_class {
    const char *name;     /* of its threads: "sley-" and this, cut. Default "block" */
    unsigned threads_max; /* so many calls run at once. Default 64 */
    unsigned queue_max;   /* so many wait for a thread before further callers are held up. Default
                             1,024 */
    int64_t idle_ns;      /* a thread without work for so long ends. Default 10 s */
};

/* General: 64 threads, what sley_to_thread() uses. Files: 32, for the file system. DNS: 16, for
 * resolvers that block. */
SLEY_EXPORT extern const struct sley_blocking_class sley_blocking_general;
SLEY_EXPORT extern const struct sley_blocking_class sley_blocking_files;
SLEY_EXPORT extern const struct sley_blocking_class sley_blocking_dns;

/* Zero in a field means its default. Read during the call only. */
struct sley_blocking_options {
    const struct sley_blocking_class *blocking_class; /* default: general */

    /* With it a caller that is cancelled, or late, returns at once, while the function goes on; so
     * `arg` must not be on its stack. `discard` gets arg if and only if the call returns a negative
     * value, exactly once: on the pool's thread when the function has ended, with its result; or,
     * if the function will not run, before the call returns, with the error. It frees what arg and
     * the result hold. It must not park. Default: a function that has begun is waited for, whatever
     * happens to the caller. */
    void (*discard)(void *arg, int result);

    /* Whose threads. Default: the calling task's runtime. With it threads that are no tasks may
     * call, too, which blocks them; the runtime must not be freed meanwhile. */
    struct sley_runtime *runtime;

    bool refuse; /* SLEY_EBUSY if the queue is full, instead of waiting for a place in it */
};

/* Runs fn(arg) on a thread of the runtime's blocking pool and waits for it; its return value goes
 * to *result (unless result is NULL). Threads are started when all others are busy, up to the limit
 * of the class; more calls than that wait in order of arrival, those that find the queue full
 * included. Options may be NULL.
 * Returns 0 when fn has run, or
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT  the caller was cancelled, or late, before fn was started; fn
 *                   did not and will not run. Once started, fn is waited for: its arg stays valid.
 *                   With `discard` also later: fn goes on alone
 *   SLEY_EBUSY      the queue is full and `refuse` was set; fn did not run
 *   SLEY_EAGAIN     no thread could be started and none exists; fn did not run
 *   SLEY_ENOMEM     no memory; fn did not run
 *   SLEY_ESHUTDOWN  the runtime was freed before fn was started: for callers that are no tasks
 *   SLEY_EINVAL     fn is NULL
 *   SLEY_ENOTASK    not on a task, and no runtime was given
 * A runtime that ends waits for functions that run; what they do cannot be interrupted.
 * From a task (parks); with options.runtime from any thread (blocks it). Since 0.1. */
SLEY_EXPORT int sley_to_thread(sley_blocking_fn *fn, void *arg, int *result);
SLEY_EXPORT int sley_to_thread_with(sley_blocking_fn *fn, void *arg,
                                    const struct sley_blocking_options *options, int *result);

/* What a class does now, and has done in this runtime. */
struct sley_blocking_stats {
    unsigned threads;      /* that exist */
    unsigned running;      /* of them run a function */
    unsigned threads_peak; /* most that there were */
    unsigned queued;       /* calls that wait for a thread */
    unsigned held;         /* callers that wait for a place in the queue */
    uint64_t calls;        /* that were queued or held, ever */
    uint64_t taken_back;   /* of them: the caller was cancelled before */
    uint64_t abandoned;    /* of them: the caller was cancelled meanwhile and did not wait */
    uint64_t refused;      /* beside them: the queue was full */
    uint64_t started;      /* threads, ever */
    uint64_t wakes;        /* sleeping threads that were woken, ever: far fewer than calls, if the
                              calls are short */
};

/* Copies them; `blocking_class` NULL: general; `runtime` NULL: the calling task's. One moment's
 * state. 0, SLEY_ENOMEM, or SLEY_ENOTASK if there is no runtime. Any thread. Never parks. Since
 * 0.1. */
SLEY_EXPORT int sley_blocking_stats(struct sley_runtime *runtime,
                                    const struct sley_blocking_class *blocking_class,
                                    struct sley_blocking_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
