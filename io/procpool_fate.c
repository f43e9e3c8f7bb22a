/*
 * procpool_fate.c: how children come and go.
 *
 * A child is started when there is work that nobody has time for, ends when it has had none for a
 * while, when it has done its number of jobs, or when it must: its job was given up or took too
 * long, or it wrote nonsense. The supervisor forks and kills; here is decided who, and what a death
 * means for the jobs. Of those that the child had, the one that it was in has failed; what had a
 * result has it; the others go back to where they were in the queue.
 *
 * Asking twice: SIGTERM first, so that a job may clean up what is outside of the process, SIGKILL
 * when the grace is over, which begins when the supervisor says that it has sent the first: it may
 * be in the middle of a fork, and both would come at once. Who breaks the protocol gets no grace.
 *
 * Back-off. A child that dies in a job is replaced at once the first time, later after 1, 2, 4 ..
 * 16 ms: each such death has failed a job, so the program knows. So is one that has done jobs and
 * dies without one. A child that dies before it has begun any (no memory for it, a limit too low)
 * would be forked for ever: up to 512 ms, and after eight in a row with nobody else left the queued
 * jobs fail. In a row means one after another: children that were started side by side and die of
 * the same are one, and one that gets as far as a job ends the row, even if it dies of it. The two
 * are counted apart: seven jobs that kill their children say nothing of the next start. Any result
 * ends the back-off.
 *
 * All functions: with the pool's lock. That a start makes system calls under it is why the lock is
 * one that sleeps; a fork takes a thousand times as long, and is not made here.
 */
#define _GNU_SOURCE
#include "procpool_impl.h"

#include "platform.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MILLISECOND INT64_C(1000000)

enum {
    STARTS_MAX = 8, /* that failed in a row, until queued jobs fail */
    DELAY_JOB = 4,  /* binary logarithms of the longest back-offs in ms */
    DELAY_START = 9,
};

/* --- the beginning -------------------------------------------------------------------------- */

/* The supervisor's side of a start. */
static int request(struct sley__procchild *child)
{
    struct sley__message message = {.kind = SLEY__MESSAGE_START, .id = child->id};

    return sley__message_send(child->pool->socket->fd, &message, &child->file->fd, 1, false);
}

/* Everything that a child is on our side. NULL and *error. */
static struct sley__procchild *new_child(struct sley_procpool *pool, int *error)
{
    struct sley__procchild *child = calloc(1, sizeof(*child));

    *error = SLEY_ENOMEM;
    if (!child)
        return NULL;
    child->pool = pool;
    pool->next_id += pool->next_id == UINT32_MAX ? 2 : 1; /* never 0 */
    child->id = pool->next_id;
    child->file = sley__result_file_new(error);
    if (!child->file)
        goto free_child;
    if ((*error = sley__ring_open(child)))
        goto release_file;
    if ((*error = request(child)))
        goto close_ring;
    return child;
close_ring:
    sley__ring_close(child);
release_file:
    sley__result_file_release(child->file);
free_child:
    free(child);
    return NULL;
}

static void fail_queue(struct sley_procpool *pool, int error)
{
    struct sley_job *job;

    while ((job = pool->first)) {
        sley__queue_remove(pool, job);
        sley__job_over(pool, job, error);
    }
}

static void delay_starts(struct sley_procpool *pool, unsigned exponent, unsigned most)
{
    pool->respawn_at = sley__clock_now() + (MILLISECOND << (exponent < most ? exponent : most));
    sley__pool_hurry(pool, pool->respawn_at);
}

/* A child has died that had got to work. */
static void note_crash(struct sley_procpool *pool)
{
    pool->failed_starts = 0;
    if (pool->crashes++)
        delay_starts(pool, pool->crashes - 1, DELAY_JOB);
}

/* A child could not be started, or has died before its first job; it was the `attempt`th since one
 * could. */
static void note_failed_start(struct sley_procpool *pool, unsigned attempt, int error)
{
    if (attempt == pool->failed_starts)
        delay_starts(pool, pool->failed_starts++, DELAY_START);
    if (pool->failed_starts >= STARTS_MAX && !pool->staying)
        fail_queue(pool, error);
}

bool sley__pool_may_start(struct sley_procpool *pool)
{
    if (pool->count >= pool->options.max || pool->closed)
        return false;
    return !pool->respawn_at || sley__clock_now() >= pool->respawn_at;
}

struct sley__procchild *sley__child_start(struct sley_procpool *pool)
{
    int error;
    struct sley__procchild *child = new_child(pool, &error);

    if (!child) {
        note_failed_start(pool, pool->failed_starts, error);
        return NULL;
    }
    child->attempt = pool->failed_starts;
    list_push_back(&pool->children, &child->link);
    list_init(&child->place);
    sley__child_place(child);
    pool->count++;
    pool->staying++;
    pool->stats.started++;
    return child;
}

void sley__pool_maintain(struct sley_procpool *pool)
{
    while (pool->staying < pool->options.min && sley__pool_may_start(pool))
        if (!sley__child_start(pool))
            return;
}

/* --- killing -------------------------------------------------------------------------------- */

static struct sley__procchild *find(struct sley_procpool *pool, uint32_t id)
{
    list_for_each (link, &pool->children) {
        struct sley__procchild *child = container_of(link, struct sley__procchild, link);

        if (child->id == id)
            return child;
    }
    return NULL;
}

/* Sends the signal that is due, and says which comes next. If the supervisor is behind: later. */
static void send_signal(struct sley__procchild *child, int64_t now)
{
    struct sley__message message = {
        .kind = SLEY__MESSAGE_KILL, .id = child->id, .value = child->next_signal};
    int error = sley__message_send(child->pool->socket->fd, &message, NULL, 0, false);

    if (error) {
        child->kill_at = now + MILLISECOND;
        sley__pool_hurry(child->pool, child->kill_at);
    } else {
        child->kill_at = SLEY_FOREVER;
    }
}

void sley__child_killed(struct sley_procpool *pool, uint32_t id, int number)
{
    struct sley__procchild *child = find(pool, id);

    if (!child || number != SIGTERM || child->next_signal != SIGTERM)
        return;
    child->next_signal = SIGKILL;
    child->kill_at = sley__clock_now() + pool->options.grace;
    sley__pool_hurry(pool, child->kill_at);
}

void sley__child_doom(struct sley__procchild *child, enum sley__doom doom)
{
    struct sley_procpool *pool = child->pool;

    pool->staying -= !child->doom && !child->retiring;
    child->doom = doom;
    child->next_signal = doom == SLEY__DOOM_NONSENSE ? SIGKILL : SIGTERM;
    sley__child_place(child);
    send_signal(child, sley__clock_now());
}

void sley__child_retire(struct sley__procchild *child)
{
    child->pool->staying--;
    child->retiring = true;
    child->idle_since = 0;
    sley__ring_quit(child);
    sley__child_place(child);
}

/* --- the end -------------------------------------------------------------------------------- */

static const char *signal_name(int number)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
        [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
        [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
        [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
        [SIGXCPU] = "SIGXCPU",     [SIGXFSZ] = "SIGXFSZ",     [SIGSYS] = "SIGSYS",
        [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",     [SIGIO] = "SIGIO",
        [SIGPWR] = "SIGPWR",       [SIGSTKFLT] = "SIGSTKFLT",
    };

    if (number <= 0)
        return NULL;
    if ((size_t)number < ARRAY_LENGTH(names) && names[number])
        return names[number];
    return "another signal";
}

/* The job that the child was in. */
static void fail_job(struct sley__procchild *child, struct sley_job *job, int status)
{
    static const int errors[] = {[SLEY__SPARED] = SLEY_ECRASHED,
                                 [SLEY__DOOM_TIMEOUT] = SLEY_ETIMEDOUT,
                                 [SLEY__DOOM_CANCEL] = SLEY_ECRASHED,
                                 [SLEY__DOOM_NONSENSE] = SLEY_EPROTO};

    job->pid = child->pid;
    if (status >= 0 && WIFSIGNALED(status)) {
        job->signal = WTERMSIG(status);
        job->signal_name = signal_name(job->signal);
    } else if (status >= 0) {
        job->exit_status = WEXITSTATUS(status);
    }
    sley__job_over(child->pool, job, errors[child->doom]);
}

/* Settles what is in the ring of a child that does not run any more. True: it was in a job. */
static bool settle(struct sley__procchild *child, int status)
{
    struct sley__ring_result result;
    struct sley_job *head, *after = NULL;
    bool in_job;

    sley__child_collect(child);
    head = sley__ring_head(child);
    in_job = head && sley__ring_look(child, &result) != SLEY__RING_WAITS;
    if (in_job) {
        sley__ring_advance(child);
        fail_job(child, head, status);
    }
    while ((head = sley__ring_head(child))) {
        sley__ring_advance(child);
        sley__queue_put_back(child->pool, head, after);
        after = head;
    }
    return in_job;
}

static void remove_child(struct sley__procchild *child)
{
    struct sley_procpool *pool = child->pool;

    list_remove(&child->link);
    list_remove(&child->place);
    pool->count--;
    pool->staying -= !child->doom && !child->retiring;
    sley__ring_close(child);
    sley__result_file_release(child->file);
    free(child);
}

void sley__child_started(struct sley_procpool *pool, uint32_t id, int pid)
{
    struct sley__procchild *child = find(pool, id);

    if (child)
        child->pid = pid;
}

/* Nobody has asked it to. `worked`: it had got as far as a job. */
static void note_death(struct sley_procpool *pool, bool worked, unsigned attempt, int status)
{
    pool->stats.crashed += status >= 0;
    if (worked)
        note_crash(pool);
    else
        note_failed_start(pool, attempt, status < 0 ? status : SLEY_EAGAIN);
}

void sley__child_ended(struct sley_procpool *pool, uint32_t id, int status)
{
    struct sley__procchild *child = find(pool, id);
    bool worked, expected;
    unsigned attempt;

    if (!child)
        return;
    worked = settle(child, status) || child->worked;
    expected = child->doom || (child->retiring && status == 0);
    attempt = child->attempt;
    remove_child(child);
    if (!expected)
        note_death(pool, worked, attempt, status);
    sley__pool_maintain(pool);
    sley__pool_dispatch(pool);
}

void sley__pool_abort(struct sley_procpool *pool, int error)
{
    struct list *link;

    pool->closed = error;
    while ((link = list_pop_front(&pool->children))) {
        struct sley__procchild *child = container_of(link, struct sley__procchild, link);
        struct sley_job *job;

        sley__child_collect(child);
        while ((job = sley__ring_head(child))) {
            sley__ring_advance(child);
            sley__job_over(pool, job, error);
        }
        remove_child(child);
    }
    fail_queue(pool, error);
}

/* --- time ----------------------------------------------------------------------------------- */

/* One that was told to quit and has nothing left to do. Should it not go, it is made to. */
static int64_t look_after_leaver(struct sley__procchild *child, int64_t now)
{
    if (!child->idle_since)
        child->idle_since = now;
    if (now - child->idle_since <= child->pool->options.grace)
        return child->idle_since + child->pool->options.grace + 1;
    sley__child_doom(child, SLEY__DOOM_NONSENSE);
    return child->kill_at;
}

/* Looks after one child; when again. */
static int64_t look_after(struct sley__procchild *child, int64_t now)
{
    struct sley_procpool *pool = child->pool;
    int64_t due = sley__child_watch(child, now); /* which may end it, or bring its results */

    if (child->doom) {
        if (child->kill_at <= now)
            send_signal(child, now);
        return child->kill_at;
    }
    if (child->load)
        return due;
    if (child->retiring)
        return look_after_leaver(child, now);
    if (pool->staying <= pool->options.min)
        return SLEY_FOREVER;
    due = child->idle_since + pool->options.idle_timeout;
    if (due > now)
        return due;
    sley__child_retire(child);
    return SLEY_FOREVER;
}

int64_t sley__pool_tick(struct sley_procpool *pool)
{
    int64_t now = sley__clock_now(), next = SLEY_FOREVER;

    list_for_each (link, &pool->children)
        next = min_i64(next, look_after(container_of(link, struct sley__procchild, link), now));
    sley__pool_maintain(pool);
    sley__pool_dispatch(pool);
    /* If it is past, it is not time that is lacking. */
    if (pool->respawn_at > now && (pool->first || pool->staying < pool->options.min))
        next = min_i64(next, pool->respawn_at);
    return next;
}
