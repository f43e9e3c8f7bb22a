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
#include <sley/stall.h>
#include <sley/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by whoever called sley_runtime_new(). */
struct sley_runtime;

/* Is called when a detached task ends with a negative result, which nobody can join for: with its
 * name, "file:line" of its spawn, the result, and sley_options.lost_error_arg. SLEY_ECANCELED is
 * none: whoever cancels knows. Several at once, on the workers; must not park. */
typedef void sley_lost_error_fn(const char *name, const char *site, int error, void *arg);

/* Zero in a field means its default. Copied by the call. */
struct sley_options {
    unsigned workers;      /* how many workers. Default: SLEY_WORKERS in the environment, else the
                              number of usable cores (affinity mask and cgroup quota respected) */
    size_t stack_size;     /* bytes of a task's stack, rounded up to a size class. Default 64 KiB */
    bool unpinned;         /* do not pin workers to cores */
    bool no_fault_handler; /* leave SIGSEGV alone: a stack overflow then ends in a bare SIGSEGV.
                              By default the runtime installs a handler while it exists, unless the
                              program has one; it names the task, then the default action follows */
    int (*prepare)(void);  /* called before the first thread is started; an error of its ends the
                              start. For sley_procpool_prepare(). Default: none */
    bool interrupt;   /* sley_run() only: the first SIGINT (Ctrl-C) cancels the main task, with the
                         reason "SIGINT". A second one, of this or the next, has the effect that it
                         had before (that of ignoring it apart), at once and whatever the runtime
                         does: mostly it ends the process. Until sley_run() returns. Sets of
                         <sley/signal.h> are told of the signal as well, and while one with it is
                         open, no second one ends the process. Several runs are cancelled together */
    bool terminate;   /* the same for SIGTERM, with the reason "SIGTERM" */
    const char *name; /* prefix of the kernel threads' names, at most 8 bytes. Default "sley" */
    int64_t stall_threshold; /* ns for which a task may keep its worker while others wait, before
                                another kernel thread takes that over (sley/stall.h). Default:
                                SLEY_STALL_MS in the environment (0: see below), else 10 ms.
                                Negative: tasks are not watched. Below 100 us it is 100 us */
    unsigned reliefs;        /* at most so many kernel threads for that. Default 64, most 256 */
    sley_stall_fn *on_stall; /* called with the first stall of each spawn site. Default none */
    void *stall_arg;         /* its last argument */
    sley_lost_error_fn *on_lost_error; /* is told of errors that nobody will hear. Default: a line
                                          on stderr for the first one of each spawn site */
    void *lost_error_arg;
};

/* Runs fn(arg) as the main task of a new runtime and waits for it. When it returns, every task that
 * is still there is cancelled and given the time to clean up; then the runtime is gone.
 * Returns what fn returned, or, when the runtime could not be started and fn never ran, a negative
 * SLEY_E*: SLEY_ENOMEM, SLEY_EAGAIN (no thread), SLEY_EINVAL (an option, or SLEY_WORKERS is not a
 * number, nor SLEY_STALL_MS; SLEY_STALLS is no word of stall.h), SLEY_EPERM (called from a task),
 * an error of options->prepare. With SLEY_STALLS=fail in the environment, SLEY_ESTALLED in place of
 * a result that is no error if a task kept others waiting (sley/stall.h). From a foreign thread,
 * which it blocks. Since 0.1. */
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
    uint64_t stalls;    /* times a task that had not announced it kept this worker too long */
    uint64_t reliefs;   /* times another kernel thread took it over: stalls and announced ones */
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
