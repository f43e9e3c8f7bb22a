/*
 * procpool_dispatch.c: which child gets which job.
 *
 * Jobs wait in one queue, and a job goes to
 *
 *     a child that has nothing to do, the one that was used last (its caches are warm, and the
 *     others get old enough to end);
 *     else a new child, if there may be more and none has just crashed;
 *     else one that has a job already, in turns, up to a ring full.
 *
 * The last is what makes short jobs cheap: a child that has thirty of them needs to be woken once,
 * and so does the program. It would be wrong for long ones: a job behind one of a minute waits for
 * a minute, though another child has become free. So what was given ahead is taken back
 *
 *     when somebody is free to do it, before the collector sleeps (sley__pool_rebalance);
 *     when a millisecond has passed and the child is still in the same job (sley__pool_unstick);
 *     it gets nothing ahead then until it has moved.
 *
 * It goes back to its place in the queue, so jobs begin in the order in which they came, but for
 * those few. Rejected: guessing from the past how long a job will take, which is wrong for just the
 * one that matters. The second rule also makes up for a child whose channel has been written over
 * so that it does not notice its jobs, or does not say that they are done: while children have jobs
 * the collector looks now and then without being told.
 *
 * Whoever must be killed is first stripped of what it has not begun (sley__child_recall). A child
 * that has no more to begin cannot be in a job other than the one that is meant: if the recall
 * fails for one, then because the child has gone on to it, and the one that was meant is over.
 *
 * A job's time runs from the first look that finds it begun, and not from when it was given: before
 * it begins a child may have to be forked, or woken, and a busy machine can take longer for that
 * than the job may take. So while a child has not begun its oldest job, and that has a timeout, it
 * is looked at a few times in each timeout; what the job gets too much is less than the time
 * between two looks. Rejected: that the child writes down when it has begun. It would save the
 * looks, which only jobs that are late to begin or long need, and have to be checked against them.
 *
 * All functions: with the pool's lock.
 */
#include "procpool_impl.h"

#include "platform.h"

/* How often it is looked in each timeout whether the job has begun, and how often at most: below
 * that a fork alone takes longer. */
#define LOOKS    8
#define LOOK_MIN INT64_C(100000)

/* --- the queue ------------------------------------------------------------------------------ */

/* Links the job between two neighbours; NULL: an end of the queue. */
static void insert(struct sley_procpool *pool, struct sley_job *job, struct sley_job *previous,
                   struct sley_job *next)
{
    job->private_.state = SLEY__JOB_QUEUED;
    job->private_.previous = previous;
    job->private_.next = next;
    *(previous ? &previous->private_.next : &pool->first) = job;
    *(next ? &next->private_.previous : &pool->last) = job;
    pool->queued++;
}

void sley__queue_push(struct sley_procpool *pool, struct sley_job *job)
{
    job->private_.order = pool->submitted++;
    insert(pool, job, pool->last, NULL);
}

/* Only what was given and taken back is older: not far. */
void sley__queue_put_back(struct sley_procpool *pool, struct sley_job *job, struct sley_job *after)
{
    struct sley_job *next;

    if (after && after->private_.order > job->private_.order)
        after = NULL; /* they were not given in that order */
    next = after ? after->private_.next : pool->first;
    for (; next && next->private_.order < job->private_.order; next = next->private_.next)
        after = next;
    insert(pool, job, after, next);
}

void sley__queue_remove(struct sley_procpool *pool, struct sley_job *job)
{
    struct sley_job *next = job->private_.next, *previous = job->private_.previous;

    *(previous ? &previous->private_.next : &pool->first) = next;
    *(next ? &next->private_.previous : &pool->last) = previous;
    pool->queued--;
}

/* --- the end of a job ----------------------------------------------------------------------- */

static void join_group(struct sley_procpool *pool, struct sley__job_group *group,
                       struct sley_job *job)
{
    job->private_.next = NULL;
    *(group->last ? &group->last->private_.next : &group->first) = job;
    group->last = job;
    if (group->waiter.task)
        sley__wake_batch_add(&pool->batch, group->waiter, 0);
}

void sley__job_over(struct sley_procpool *pool, struct sley_job *job, int error)
{
    struct sley__waker waker = {job->private_.waiter, job->private_.ticket};

    job->error = error;
    job->private_.state = SLEY__JOB_OVER;
    job->private_.child = NULL;
    pool->stats.failed += error != 0 && error != SLEY_EMSGSIZE;
    if (job->private_.group)
        join_group(pool, job->private_.group, job);
    else if (waker.task)
        sley__wake_batch_add(&pool->batch, waker, 0);
}

/* --- places --------------------------------------------------------------------------------- */

/* Whether the child may have one more job after those that it has. */
static bool may_have_more(const struct sley__procchild *child)
{
    uint64_t limit = child->pool->options.jobs_per_child;

    return sley__ring_has_room(child) && !child->stuck && (!limit || child->given < limit);
}

static struct list *place_of(struct sley__procchild *child)
{
    struct sley_procpool *pool = child->pool;

    if (child->doom || child->retiring)
        return &pool->ending;
    if (!child->load)
        return &pool->idle;
    return may_have_more(child) ? &pool->busy : &pool->full;
}

void sley__child_place(struct sley__procchild *child)
{
    struct list *place = place_of(child);

    list_remove(&child->place);
    if (place != &child->pool->idle) {
        list_push_back(place, &child->place);
        return;
    }
    child->idle_since = sley__clock_now();
    list_push_front(place, &child->place);
}

static struct sley__procchild *first_in(struct list *place)
{
    return list_empty(place) ? NULL : container_of(place->next, struct sley__procchild, place);
}

/* --- time ----------------------------------------------------------------------------------- */

/* What the oldest job may take; 0: any. */
static int64_t head_timeout(struct sley__procchild *child)
{
    const struct sley_job *head = sley__ring_head(child);

    if (!head)
        return 0;
    return min_i64(head->timeout ? head->timeout : child->pool->options.timeout, SLEY__TIME_MAX);
}

/* When the next look is due because of its oldest job's timeout. */
static int64_t due(struct sley__procchild *child)
{
    int64_t timeout = head_timeout(child);

    if (!timeout)
        return SLEY_FOREVER;
    return child->head_begun ? child->head_begun + timeout : child->head_look;
}

/* The oldest job has not begun yet. */
static void look_again(struct sley__procchild *child, int64_t now)
{
    int64_t pause = head_timeout(child) / LOOKS;

    child->head_look = now + (pause > LOOK_MIN ? pause : LOOK_MIN);
}

/* The child has another oldest job, or it has begun it. */
static void note_head(struct sley__procchild *child, bool begun)
{
    int64_t now;

    if (!head_timeout(child))
        return;
    now = sley__clock_now(); /* after the look, so it has begun no later */
    child->head_begun = begun ? now : 0;
    look_again(child, now);
    sley__pool_hurry(child->pool, due(child));
}

int64_t sley__child_watch(struct sley__procchild *child, int64_t now)
{
    if (child->doom || due(child) > now)
        return due(child);
    if (child->head_begun) {
        sley__child_stop_job(child, sley__ring_head(child), SLEY__DOOM_TIMEOUT);
        return due(child);
    }
    look_again(child, now);
    sley__child_collect(child);
    return due(child);
}

/* --- results -------------------------------------------------------------------------------- */

static void take_result(struct sley__procchild *child, const struct sley__ring_result *result)
{
    struct sley_procpool *pool = child->pool;
    struct sley_job *job = sley__ring_head(child);

    child->worked = true;
    pool->crashes = pool->failed_starts = 0;
    pool->respawn_at = 0;
    pool->stats.completed += !result->error;
    if (!job->error)
        job->error = result->error;
    job->value = result->value;
    job->out_size = result->size;
    job->pid = child->pid;
    if (!result->error && result->size > pool->options.result_max)
        job->error = SLEY_EMSGSIZE;
    if (result->offset) {
        fetch_add_relaxed(&child->file->references, 1);
        job->private_.file = child->file;
        job->private_.out_offset = result->offset;
    } else if (!job->error) {
        sley__result_copy(job, result->bytes, result->size);
    }
    sley__ring_advance(child);
    sley__job_over(pool, job, job->error);
}

unsigned sley__child_collect(struct sley__procchild *child)
{
    struct sley__ring_result result;
    enum sley__ring_news news;
    unsigned count = 0;

    if (!child->load)
        return 0;
    while ((news = sley__ring_look(child, &result)) == SLEY__RING_RESULT) {
        take_result(child, &result);
        count++;
    }
    if (news == SLEY__RING_NONSENSE && child->doom != SLEY__DOOM_NONSENSE)
        sley__child_doom(child, SLEY__DOOM_NONSENSE);
    if (count || (news == SLEY__RING_RUNS && !child->head_begun))
        note_head(child, news == SLEY__RING_RUNS);
    if (!count)
        return 0;
    child->stuck = false;
    if (!child->load && !may_have_more(child) && !child->doom && !child->retiring)
        sley__child_retire(child);
    else
        sley__child_place(child);
    return count;
}

/* The newest first, while the child may go on: what is behind a job that it has begun is newer. */
void sley__child_recall(struct sley__procchild *child)
{
    struct sley_job *recalled[SLEY__SLOTS], *after = NULL;
    unsigned count = 0;

    for (uint64_t position = child->published; position-- > child->collected;) {
        struct sley_job *job = child->jobs[position % SLEY__SLOTS];

        if (job && sley__ring_revoke(child, position))
            recalled[count++] = job;
    }
    while (count) {
        sley__queue_put_back(child->pool, recalled[--count], after);
        after = recalled[count];
    }
}

bool sley__child_stop_job(struct sley__procchild *child, struct sley_job *job, enum sley__doom doom)
{
    if (child->doom)
        return job->private_.state == SLEY__JOB_OVER;
    sley__child_recall(child);
    sley__child_collect(child);
    if (job->private_.state != SLEY__JOB_GIVEN || child->doom) {
        sley__child_place(child);
        return job->private_.state == SLEY__JOB_OVER;
    }
    sley__child_doom(child, doom);
    return false;
}

/* --- giving --------------------------------------------------------------------------------- */

static void give(struct sley__procchild *child, struct sley_job *job)
{
    bool head = child->load == 0;

    sley__ring_publish(child, job);
    if (head)
        note_head(child, false);
    sley__child_place(child);
}

/* Who gets the next job; NULL: nobody can now. */
static struct sley__procchild *choose(struct sley_procpool *pool)
{
    struct sley__procchild *child = first_in(&pool->idle);

    if (!child && sley__pool_may_start(pool))
        child = sley__child_start(pool);
    return child ? child : first_in(&pool->busy);
}

void sley__pool_dispatch(struct sley_procpool *pool)
{
    struct sley__procchild *child;
    struct sley_job *job;

    while ((job = pool->first) && (child = choose(pool))) {
        sley__queue_remove(pool, job);
        give(child, job);
    }
    if (pool->first && pool->respawn_at)
        sley__pool_hurry(pool, pool->respawn_at);
}

/* The first in a list who has more than the job that it is at. */
static struct sley__procchild *laden(struct list *place)
{
    list_for_each (link, place) {
        struct sley__procchild *child = container_of(link, struct sley__procchild, place);

        if (child->load > 1)
            return child;
    }
    return NULL;
}

void sley__pool_rebalance(struct sley_procpool *pool)
{
    struct sley__procchild *child;
    unsigned tries = pool->count;

    while (tries-- && !pool->first && !list_empty(&pool->idle) &&
           ((child = laden(&pool->full)) || (child = laden(&pool->busy)))) {
        sley__child_recall(child);
        sley__child_place(child);
        sley__pool_dispatch(pool);
    }
}

static void unstick(struct sley__procchild *child)
{
    struct sley__ring_result result;

    if (!child->load || child->collected != child->seen) {
        child->seen = child->load ? child->collected : UINT64_MAX; /* it has just begun */
        return;
    }
    if (sley__ring_look(child, &result) == SLEY__RING_WAITS)
        sley__ring_wake(child); /* it has not begun: it sleeps, or is slow to start */
    if (child->stuck)
        return;
    child->stuck = true;
    sley__child_recall(child);
    child->stuck = child->load > 0;
    sley__child_place(child);
}

void sley__pool_unstick(struct sley_procpool *pool)
{
    list_for_each (link, &pool->children)
        unstick(container_of(link, struct sley__procchild, link));
    sley__pool_dispatch(pool);
}
