/*
 * sley/executor.h: where a function runs, decided in one line.
 *
 * Work that computes may run as a task on the workers, on a thread beside them, or in a process of
 * its own; which is best is often learnt late. An executor is one of these places behind the same
 * three calls: run and wait, submit, wait for what was submitted. There are sley_executor_tasks,
 * sley_executor_threads, and, in procpool.h, sley_executor_processes.
 *
 *     const struct sley_executor *where = &sley_executor_threads;    the line that decides
 *     struct sley_work *work[N];
 *
 *     for (i = 0; i < N; i++)
 *         error = sley_executor_submit(where, is_prime, &number[i], sizeof(number[i]), &work[i]);
 *     for (i = 0; i < N; i++)
 *         error = sley_work_wait(work[i], &result);
 *
 * So that it can be changed, work keeps to what all of them can do: it gets bytes, without pointers
 * into the rest of the program, changes them in place, and returns an int. An executor that is
 * elsewhere copies the bytes there and back.
 */
#ifndef SLEY_EXECUTOR_H
#define SLEY_EXECUTOR_H

#include <stddef.h>

#include <sley/blocking.h>
#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is run; its return value is the work's result. */
typedef int sley_work_fn(void *data, size_t size);

/* A place where work runs. A value that is not changed once it is used; whoever has another place
 * fills one in. */
struct sley_executor {
    /* Runs fn(data, size), waits for it, stores what it has returned in *result: 0. Or a negative
     * SLEY_E*: it has not run, or has not ended (a process that crashed). When it returns nothing
     * uses `data` any more. From a task of the runtime that the work was submitted in; may park;
     * respects cancel and deadline as far as it can. */
    int (*call)(const struct sley_executor *executor, sley_work_fn *fn, void *data, size_t size,
                int *result);
    const void *context; /* the call's own: a class of threads, a pool of processes */
};

/* The workers: the work is a task like others and may park. Threads: those of blocking.h, of the
 * general class. */
SLEY_EXPORT extern const struct sley_executor sley_executor_tasks;
SLEY_EXPORT extern const struct sley_executor sley_executor_threads;

/* The threads of a class of your own: static const struct sley_executor e =
 * SLEY_EXECUTOR_THREADS(&class). */
#define SLEY_EXECUTOR_THREADS(blocking_class)          \
    {                                                  \
        sley_executor_call_on_thread, (blocking_class) \
    }
SLEY_EXPORT int sley_executor_call_on_thread(const struct sley_executor *executor, sley_work_fn *fn,
                                             void *data, size_t size, int *result);

/* Runs fn(data, size) there and waits; what it returns goes to *result (unless result is NULL).
 * Returns 0 when it has run, or
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT  the caller was cancelled, or late, before it was started; once
 *                 started, the executor decides whether it is waited for
 *   SLEY_EINVAL   executor or fn is NULL
 *   SLEY_ENOTASK  not on a task
 *   others        of the executor: SLEY_ENOMEM, SLEY_EAGAIN, SLEY_ECRASHED
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_executor_call(const struct sley_executor *executor, sley_work_fn *fn,
                                   void *data, size_t size, int *result);

/* Work that was submitted. Owned by who submitted it; each must meet a sley_work_wait() that
 * returns something else than SLEY_EBUSY, or a sley_work_cancel(), and is gone then. */
struct sley_work;

/* Begins the same without waiting for it. `data` must stay where it is until the work is over; so
 * must the executor. The work has the caller's deadline. 0 and *out, or SLEY_ENOMEM, SLEY_EINVAL,
 * SLEY_ENOTASK, SLEY_ESHUTDOWN, and nothing was begun. Each work that has been submitted and is not
 * over costs a task and its stack. From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_executor_submit(const struct sley_executor *executor, sley_work_fn *fn,
                                     void *data, size_t size, struct sley_work **out);

/* Waits until the work is over, and frees it.
 *   0             it has run; *result (unless result is NULL) is what it has returned
 *   SLEY_EBUSY    the *caller* was cancelled, or late: the work goes on and is still the caller's;
 *                 sley_cancelled() says which of the two
 *   others        it is over and has not run to its end: as sley_executor_call()
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_work_wait(struct sley_work *work, int *result);

/* Cancels the work and waits until it is over, whatever happens to the caller meanwhile, because
 * it uses the caller's data; then frees it. Returns as sley_executor_call() would have: 0, and
 * *result, if it was over already or could not be stopped. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_work_cancel(struct sley_work *work, int *result);

#ifdef __cplusplus
}
#endif
#endif
