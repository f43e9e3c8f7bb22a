/*
 * procpool_job.c: jobs, as tasks see them.
 *
 * A job is memory of its caller, linked into the pool while it is not over, and everything about
 * it is decided under the pool's lock: being given to a child, being over, being given up. So a
 * cancelled caller has an answer at once: either the job was over before, and its result counts, or
 * nobody knows of it any more when the lock is released; the child that runs it is killed, but need
 * not be waited for. Whoever waits passes through the lock before it returns, so that the one who
 * woke it has let go.
 *
 * sley_procpool_run() begins its wait before it queues the job: that is one pass through the lock
 * less than submit and wait, and one park is all that is between.
 */
#include "procpool_impl.h"

#define INPUT_MAX ((uint64_t)64 << 30)

/* Checks and prepares a job; `work`: which has no fn but this. 0 or SLEY_E*. */
static int prepare(struct sley_procpool *pool, struct sley_job *job, sley_work_fn *work)
{
    int error = sley__wait_check();

    job->private_ = (struct sley__job){.state = SLEY__JOB_NEW, .work = work};
    if (error)
        return error;
    if ((!job->fn && !work) || (!job->in && job->in_size) || job->in_size > INPUT_MAX ||
        job->timeout < 0)
        return SLEY_EINVAL;
    job->error = job->value = job->signal = job->exit_status = job->pid = 0;
    job->signal_name = NULL;
    job->out_size = 0;
    if (job->allocate)
        job->out = NULL;
    return sley__input_put(pool, job);
}

/* Queues it. Locked. 0, or why the pool takes no jobs. */
static int enqueue(struct sley_procpool *pool, struct sley_job *job)
{
    if (pool->closed)
        return pool->closed;
    sley__queue_push(pool, job);
    sley__pool_dispatch(pool);
    return 0;
}

/* Takes a job out of wherever it is. Locked. True: it is over. */
static bool withdraw(struct sley_procpool *pool, struct sley_job *job)
{
    struct sley__procchild *child = job->private_.child;

    job->private_.waiter = NULL;
    if (job->private_.state == SLEY__JOB_GIVEN) {
        sley__child_collect(child);
        if (job->private_.state == SLEY__JOB_GIVEN &&
            !sley__child_stop_job(child, job, SLEY__DOOM_CANCEL) &&
            job->private_.state == SLEY__JOB_GIVEN)
            sley__ring_forget(child, job->private_.position);
    }
    if (job->private_.state == SLEY__JOB_QUEUED)
        sley__queue_remove(pool, job);
    sley__pool_dispatch(pool);
    return job->private_.state == SLEY__JOB_OVER;
}

/* What is left to do when nobody else knows the job. Without the lock. */
static void conclude(struct sley_procpool *pool, struct sley_job *job)
{
    sley__input_drop(pool, job);
    if (job->private_.state == SLEY__JOB_OVER)
        sley__result_fetch(job);
}

/* Queues a prepared job as one that the caller waits for. 0 or SLEY_E*. */
static int enqueue_awaited(struct sley_procpool *pool, struct sley_job *job)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "process job");

    if (error)
        return error;
    job->private_.waiter = waker.task;
    job->private_.ticket = waker.ticket;
    sley__pool_lock(pool);
    error = enqueue(pool, job);
    sley__pool_unlock(pool);
    if (error)
        sley__wait_abandon(NULL);
    return error;
}

/* Runs a prepared job, or returns the error of its preparation. */
static int run(struct sley_procpool *pool, struct sley_job *job, int error)
{
    bool over;

    if (error)
        return error;
    error = enqueue_awaited(pool, job);
    if (error) {
        conclude(pool, job);
        return error;
    }
    error = sley__wait_park(SLEY_FOREVER);
    sley__pool_lock(pool);
    over = job->private_.state == SLEY__JOB_OVER || withdraw(pool, job);
    sley__pool_unlock(pool);
    conclude(pool, job);
    if (!over)
        job->error = error;
    return job->error;
}

int sley_procpool_run(struct sley_procpool *pool, struct sley_job *job)
{
    return run(pool, job, prepare(pool, job, NULL));
}

int sley__pool_run_work(struct sley_procpool *pool, sley_work_fn *work, struct sley_job *job)
{
    return run(pool, job, prepare(pool, job, work));
}

int sley_procpool_call(struct sley_procpool *pool, sley_job_fn *fn, const void *in, size_t in_size,
                       void *out, size_t out_capacity, size_t *out_size, int *value)
{
    struct sley_job job = {
        .fn = fn, .in = in, .in_size = in_size, .out = out, .out_capacity = out_capacity};
    int error = sley_procpool_run(pool, &job);

    if (out_size && (!error || error == SLEY_EMSGSIZE))
        *out_size = job.out_size;
    if (value && !error)
        *value = job.value;
    return error;
}

int sley_procpool_submit(struct sley_procpool *pool, struct sley_job *job)
{
    int error = prepare(pool, job, NULL);

    if (error)
        return error;
    sley__pool_lock(pool);
    error = enqueue(pool, job);
    sley__pool_unlock(pool);
    if (error)
        conclude(pool, job);
    return error;
}

/* Makes the caller the one who is woken. Locked. 0: it must park; 1: no need to; or SLEY_E*. */
static int attend(struct sley_job *job, struct sley__waker waker)
{
    if (job->private_.state == SLEY__JOB_NEW)
        return SLEY_EINVAL;
    if (job->private_.state == SLEY__JOB_OVER)
        return 1;
    if (job->private_.waiter)
        return SLEY_EBUSY;
    job->private_.waiter = waker.task;
    job->private_.ticket = waker.ticket;
    return 0;
}

int sley_procpool_wait(struct sley_procpool *pool, struct sley_job *job)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "process job"), attending;
    bool over;

    if (error)
        return error;
    sley__pool_lock(pool);
    attending = attend(job, waker);
    sley__pool_unlock(pool);
    if (attending)
        sley__wait_abandon(NULL);
    else
        error = sley__wait_park(SLEY_FOREVER);
    if (attending < 0)
        return attending;
    sley__pool_lock(pool);
    over = job->private_.state == SLEY__JOB_OVER;
    job->private_.waiter = NULL;
    sley__pool_unlock(pool);
    if (!over)
        return error;
    conclude(pool, job);
    return 0;
}

bool sley_procpool_cancel(struct sley_procpool *pool, struct sley_job *job)
{
    bool over;

    sley__pool_lock(pool);
    over = job->private_.state == SLEY__JOB_OVER || withdraw(pool, job);
    sley__pool_unlock(pool);
    conclude(pool, job);
    return over;
}

/* --- many ----------------------------------------------------------------------------------- */

/* Waits for the next of the group that is over. 0 and *job (NULL: all have been seen), or SLEY_E*.
 */
static int next_over(struct sley_procpool *pool, struct sley__job_group *group,
                     struct sley_job **job)
{
    struct sley__waker waker;
    int error = 0;

    for (*job = NULL; group->open;) {
        error = sley__wait_begin(&waker, "process jobs");
        if (error)
            return error;
        sley__pool_lock(pool);
        *job = group->first;
        group->waiter = waker;
        sley__pool_unlock(pool);
        if (*job)
            sley__wait_abandon(NULL);
        else
            error = sley__wait_park(SLEY_FOREVER);
        sley__pool_lock(pool);
        group->waiter.task = NULL;
        *job = group->first;
        if (*job) {
            group->first = (*job)->private_.next;
            group->last = group->first ? group->last : NULL;
            group->open--;
        }
        sley__pool_unlock(pool);
        if (*job || error)
            return *job ? 0 : error;
    }
    return 0;
}

/* Gives up those that are not over. Those that are, and were not seen, keep their results. */
static void give_up(struct sley_procpool *pool, struct sley_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!jobs[i].private_.group)
            continue;
        sley__pool_lock(pool);
        if (jobs[i].private_.state != SLEY__JOB_OVER)
            (void)withdraw(pool, &jobs[i]);
        sley__pool_unlock(pool);
        if (jobs[i].private_.state != SLEY__JOB_OVER)
            jobs[i].error = SLEY_ECANCELED;
        conclude(pool, &jobs[i]);
    }
}

/* Queues one as part of the group; if that fails it is over. */
static void submit_in_group(struct sley_procpool *pool, struct sley_job *job,
                            struct sley__job_group *group)
{
    int error = prepare(pool, job, NULL);

    job->private_.group = group;
    sley__pool_lock(pool);
    if (error || (error = enqueue(pool, job)))
        sley__job_over(pool, job, error);
    sley__pool_unlock(pool);
}

int sley_procpool_map(struct sley_procpool *pool, struct sley_job *jobs, size_t count,
                      sley_job_done_fn *each, void *arg)
{
    struct sley__job_group group = {.open = count};
    struct sley_job *job;
    int result = sley__wait_check();

    if (result)
        return result;
    for (size_t i = 0; i < count; i++)
        submit_in_group(pool, &jobs[i], &group);
    while (!(result = next_over(pool, &group, &job)) && job) {
        job->private_.group = NULL;
        conclude(pool, job);
        result = each(job, arg);
        if (result)
            break;
    }
    if (result)
        give_up(pool, jobs, count);
    return result;
}
