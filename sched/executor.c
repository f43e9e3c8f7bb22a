/*
 * executor.c: the same calls for work on workers, threads and elsewhere. Level 3.
 *
 * An executor is one function that runs a piece of work and waits for it. Submitting is the same
 * for all of them: a task that makes this call. So a new place to run work is one function, and
 * cancel, deadline and shutdown reach the work as they reach every task. It costs a parked task, a
 * page of stack, per piece of work that is not over: nothing beside work that is worth a thread or
 * a process. Rejected: an interface with submit, wait and cancel for each executor to implement
 * (three times the code per place, each with its own races, to save that page).
 *
 * The record is shared by the task and the owner. The task stores the outcome, and `over` under the
 * lock; the owner frees it after it has seen `over` under the lock, by when the task has let go of
 * it. The owner may want to cancel the task, who must not reach for one that has gone: so the
 * handle is kept until the record is freed.
 */
#include "waiters.h"

#include <sley/executor.h>

#include <stdlib.h>

struct sley_work {
    const struct sley_executor *executor;
    sley_work_fn *fn;
    void *data;
    size_t size;
    struct sley_task *task;
    struct sley__waiters waiters; /* the owner, and the lock of the next */
    bool over;                    /* the two below are valid */
    int error, result;
};

/* --- the places ------------------------------------------------------------------------------ */

static int call_here(const struct sley_executor *executor, sley_work_fn *fn, void *data,
                     size_t size, int *result)
{
    int error = sley__wait_check();

    (void)executor;
    if (!error)
        *result = fn(data, size);
    return error;
}

/* What a thread is given. */
struct parcel {
    sley_work_fn *fn;
    void *data;
    size_t size;
};

static int open_parcel(void *arg)
{
    struct parcel *parcel = arg;

    return parcel->fn(parcel->data, parcel->size);
}

int sley_executor_call_on_thread(const struct sley_executor *executor, sley_work_fn *fn, void *data,
                                 size_t size, int *result)
{
    struct sley_blocking_options options = {.blocking_class = executor->context};
    struct parcel parcel = {fn, data, size};

    return sley_to_thread_with(open_parcel, &parcel, &options, result);
}

const struct sley_executor sley_executor_tasks = {call_here, NULL};
const struct sley_executor sley_executor_threads = SLEY_EXECUTOR_THREADS(&sley_blocking_general);

int sley_executor_call(const struct sley_executor *executor, sley_work_fn *fn, void *data,
                       size_t size, int *result)
{
    int error, dropped;

    if (!executor || !fn)
        return SLEY_EINVAL;
    if ((error = sley__wait_check()))
        return error;
    return executor->call(executor, fn, data, size, result ? result : &dropped);
}

/* --- submitted work --------------------------------------------------------------------------- */

static struct sley__lock *lock_of(struct sley_work *work)
{
    return sley__waiters_lock(&work->waiters);
}

static int run_work(void *arg)
{
    struct sley_work *work = arg;
    int result = 0, error;

    error = work->executor->call(work->executor, work->fn, work->data, work->size, &result);
    sley__lock_acquire(lock_of(work));
    work->error = error;
    work->result = result;
    work->over = true;
    sley__waiters_grant_first(&work->waiters);
    sley__lock_release(lock_of(work));
    return 0;
}

int sley_executor_submit(const struct sley_executor *executor, sley_work_fn *fn, void *data,
                         size_t size, struct sley_work **out)
{
    struct sley_work *work;
    int error;

    if (!executor || !fn || !out)
        return SLEY_EINVAL;
    if (!(work = calloc(1, sizeof *work)))
        return SLEY_ENOMEM;
    work->executor = executor;
    work->fn = fn;
    work->data = data;
    work->size = size;
    error = sley_spawn(run_work, work, NULL, &work->task);
    if (error)
        free(work);
    else
        *out = work;
    return error;
}

/* Takes the outcome of what is over. Nobody else knows the record any more. */
static int take_outcome(struct sley_work *work, int *result)
{
    int error = work->error;

    if (!error && result)
        *result = work->result;
    sley_detach(work->task); /* it has a few steps left and does not look at the record again */
    free(work);
    return error;
}

/* Waits for `over`; `waiter` has begun. False: the owner was cancelled, or late. */
static bool await_over(struct sley_work *work, struct sley__waiter *waiter)
{
    sley__lock_acquire(lock_of(work));
    if (work->over) {
        sley__lock_release(lock_of(work));
        sley__waiter_abandon(waiter);
        return true;
    }
    sley__waiters_append(&work->waiters, waiter);
    return sley__waiters_wait(&work->waiters, waiter) == 0;
}

static bool is_over(struct sley_work *work)
{
    bool over;

    sley__lock_acquire(lock_of(work));
    over = work->over;
    sley__lock_release(lock_of(work));
    return over;
}

int sley_work_wait(struct sley_work *work, int *result)
{
    struct sley__waiter waiter;

    /* What is over is told also to a caller that is cancelled. */
    if (!is_over(work) && (sley__waiter_begin(&waiter, "work") || !await_over(work, &waiter)))
        return SLEY_EBUSY;
    return take_outcome(work, result);
}

int sley_work_cancel(struct sley_work *work, int *result)
{
    struct sley__waiter waiter;

    sley_cancel(work->task, "the work was cancelled");
    sley__waiter_begin_shielded(&waiter, "cancelled work");
    await_over(work, &waiter);
    return take_outcome(work, result);
}
