/*
 * sley/runtime.h: starting and stopping.
 *
 * A runtime is a set of workers, one kernel thread pinned on each usable core, and the tasks that
 * run on them. Most programs need one line, sley_run(). Several runtimes may exist at once, and
 * one may follow another: there is no state outside of them.
 */
#ifndef SLEY_RUNTIME_H
#define SLEY_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by whoever called sley_runtime_new(). */
struct sley_runtime;

/* Zero in a field means its default. Copied by the call. */
struct sley_options {
    unsigned workers;      /* how many workers. Default: SLEY_WORKERS in the environment, else the
                              number of usable cores (affinity mask and cgroup quota respected) */
    size_t stack_size;     /* bytes of a task's stack, rounded up to a size class. Default 64 KiB */
    bool unpinned;         /* do not pin workers to cores */
    bool no_fault_handler; /* leave SIGSEGV alone: a stack overflow then ends in a bare SIGSEGV.
                              By default the runtime installs a handler while it exists, unless the
                              program has one; it names the task, then the default action follows */
    const char *name; /* prefix of the kernel threads' names, at most 8 bytes. Default "sley" */
};

/* Runs fn(arg) as the main task of a new runtime and waits for it. When it returns, every task that
 * is still there is cancelled and given the time to clean up; then the runtime is gone.
 * Returns what fn returned, or, when the runtime could not be started and fn never ran, a negative
 * SLEY_E*: SLEY_ENOMEM, SLEY_EAGAIN (no thread), SLEY_EINVAL (an option, or SLEY_WORKERS is not a
 * number), SLEY_EPERM (called from a task). From a foreign thread, which it blocks. Since 0.1. */
#define sley_run(fn, arg, options) sley_run_at((fn), (arg), (options), SLEY__SITE(#fn))
SLEY_EXPORT int sley_run_at(sley_task_fn *fn, void *arg, const struct sley_options *options,
                            const char *site);

/* Starts a runtime with no tasks. 0, or as sley_run. Any thread but a task. Since 0.1. */
SLEY_EXPORT int sley_runtime_new(const struct sley_options *options, struct sley_runtime **out);

/* Cancels all tasks, waits until the last has cleaned up and ended, stops the threads and frees
 * everything. Handles of the runtime's tasks that are still owned become invalid. NULL is fine.
 * From a foreign thread, which it blocks. Since 0.1. */
SLEY_EXPORT void sley_runtime_free(struct sley_runtime *runtime);

/* sley_spawn() into a given runtime, from any thread; same parameters, returns and errors (except
 * SLEY_ENOTASK). Since 0.1. */
#define sley_runtime_spawn(runtime, fn, arg, options, out) \
    sley_runtime_spawn_at((runtime), (fn), (arg), (options), (out), SLEY__SITE(#fn))
SLEY_EXPORT int sley_runtime_spawn_at(struct sley_runtime *runtime, sley_task_fn *fn, void *arg,
                                      const struct sley_task_options *options,
                                      struct sley_task **out, const char *site);

/* The runtime the calling task belongs to, or NULL on a foreign thread. Since 0.1. */
SLEY_EXPORT struct sley_runtime *sley_runtime_current(void);

/* How many workers it has. Any thread. Since 0.1. */
SLEY_EXPORT unsigned sley_runtime_workers(const struct sley_runtime *runtime);

/* Counters of one worker since its start. They are read while it runs: each is exact, together they
 * are not a snapshot. */
struct sley_worker_stats {
    unsigned cpu;       /* logical processor it is pinned to, or UINT_MAX */
    uint64_t tasks_run; /* tasks started here */
    uint64_t switches;  /* times a task got the worker: started or resumed */
    uint64_t parks;     /* times a task parked here */
    uint64_t steals;    /* successful steals by this worker */
    uint64_t stolen;    /* tasks it stole */
    uint64_t injected;  /* tasks it took from the shared queue */
    uint64_t overflows; /* times its own queue was full and half of it went to the shared one */
    uint64_t sleeps;    /* times it went to sleep */
    uint64_t timers;    /* timers fired here */
    int64_t slept_ns;   /* time asleep */
};

/* Copies the counters of worker `index` (0 .. workers - 1). 0 or SLEY_EINVAL. Any thread. Never
 * parks. Since 0.1. */
SLEY_EXPORT int sley_runtime_stats(const struct sley_runtime *runtime, unsigned index,
                                   struct sley_worker_stats *stats);

/* Writes to the descriptor `fd` a line for each worker and each task: number, name, state, what it
 * waits for, age, where it was spawned. The tasks go on meanwhile: each line is true for a moment,
 * not all for the same one. Returns the number of tasks, or a negative SLEY_E* of the write.
 * Any thread; blocks on the descriptor, never parks. Since 0.1. */
SLEY_EXPORT int sley_runtime_dump(const struct sley_runtime *runtime, int fd);

#ifdef __cplusplus
}
#endif
#endif
