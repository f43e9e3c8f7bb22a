/*
 * sley/stall.h: tasks that keep their worker.
 *
 * A task that computes for long, or calls something that blocks, keeps the kernel thread that it
 * runs on, and with it one of few workers. sley notices: when it has kept its worker for 10 ms
 * while others wait for that, another kernel thread takes the worker over, and the task goes on
 * beside it as an ordinary thread until it next parks or yields. Nobody else waits longer than
 * that, but threads take turns on a core less cheaply than tasks do, so each such stall is counted
 * (struct sley_worker_stats), and reported once per place where such tasks are spawned: to the hook
 * in struct sley_options, and to stderr in debug builds or if SLEY_STALLS is set in the
 * environment. sley_to_thread() (sley/blocking.h) is the cure for what blocks.
 *
 * Time in which the task had no processor, because other programs had it, makes no stall: the
 * worker is taken over all the same, and nothing is counted. From the 257th place on there are no
 * more reports; and where the program handles SIGURG itself the place is not known, so that there
 * is one report for all.
 *
 * What is known to be like that can be announced: then the hand-over is at once, nothing is
 * reported, and the task dump shows the reason.
 *
 * SLEY_STALLS in the environment:
 *   off      no report on stderr, whatever the build
 *   report   reports on stderr
 *   fail     the same, and sley_run() returns SLEY_ESTALLED at the end if there was a stall that
 *            was not announced: a regression test for programs that must not have any
 * Any other word is SLEY_EINVAL from whatever starts the runtime.
 */
#ifndef SLEY_STALL_H
#define SLEY_STALL_H

#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is reported. Valid during the call of the hook only. */
struct sley_stall {
    unsigned worker;       /* which worker lost its carrier */
    int64_t duration;      /* ns that the task had kept it when that was noticed. It goes on */
    uint64_t task_id;      /* 0: the task could not be asked; then name and site are "?" */
    const char *task_name; /* as in the dump */
    const char *task_site; /* where it was spawned, "file:line" */
    void *const *frames;   /* return addresses of the task's stack, innermost first, for */
    int frame_count;       /* backtrace_symbols(3); 0 where they could not be had */
};

/* Called with each stall that is reported, on a thread of the runtime that is no worker; other
 * stalls are not noticed meanwhile. It may not free the runtime. */
typedef void sley_stall_fn(const struct sley_stall *stall, void *arg);

/* Announces that the calling task is going to block, or to compute for long: another kernel thread
 * takes its worker over at once. `reason` (static storage, or valid until the end; NULL:
 * "blocking") is shown in the task dump. The task stays on its kernel thread until
 * sley_blocking_end(), so thread-locals and errno are its own between the two; it may call the
 * runtime as always. A call that parks or yields ends the announcement. They nest: the outermost
 * pair counts, and its reason is shown. Returns 0, also when no thread could be had (then it is
 * handed over as soon as there is one), or SLEY_ENOTASK. From a task. Never parks; may start a
 * kernel thread, 50 us. Since 0.1. */
SLEY_EXPORT int sley_blocking_begin(const char *reason);

/* The end of it: the task goes on on a worker. Without a begin that still holds it does nothing.
 * 0 or SLEY_ENOTASK. From a task. Yields; not refused to a task that is cancelled. Since 0.1. */
SLEY_EXPORT int sley_blocking_end(void);

#ifdef __cplusplus
}
#endif
#endif
