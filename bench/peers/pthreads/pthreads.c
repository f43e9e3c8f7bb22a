/*
 * pthreads.c: the threads of the kernel, what every system of tasks is an answer to.
 *
 * switch  A pair of threads per processor, pinned to it, which yield to each other by
 * sched_yield(): with two on one processor the kernel does switch each time. Read it as what a
 * context switch through the kernel costs. spawn   A pool, because that is what a C program has
 * when its input has a million items: a thread per item costs some 10 us and cannot be had a
 * million times at once. The queue is a linked list under one adaptive mutex, the jobs are the
 * caller's memory, sleeping threads are signalled only when there are any, and who joins a job runs
 * others while it waits: so
 *         --workers N is the parent and N-1 threads, on N processors. What a reader should know: a
 *         job of a pool is no task. It has no stack of its own, so one that waits takes a thread
 *         out of the pool; it is a function call with a queue in between.
 * wake    A condition variable, the thread pinned as a worker of ours is.
 *
 * Not offered: skynet, where each node waits for its children. With a thread per node there would
 * be a million, and in a pool waiting parents leave no thread to run the children; what helps is a
 * scheduler, and then it is that scheduler which is measured. memory and timer: a million threads
 * do not fit (the kernel's own limit is a fraction of it).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "peers/common/peer.h"

static void start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    int status = pthread_create(thread, NULL, fn, arg);
    if (status != 0)
        peer_fail("no thread: %s", strerror(status));
}

/* --- switch ----------------------------------------------------------------------------------- */

struct yielder {
    pthread_t thread;
    unsigned cpu;
    size_t yields; /* to make; then: that have been made */
};

static void *yield(void *arg)
{
    struct yielder *self = arg;
    size_t made = 0;
    peer_pin(self->cpu);
    while (made < self->yields && sched_yield() == 0)
        made++;
    self->yields = made;
    return NULL;
}

static void run_switch(const struct peer_setup *setup)
{
    unsigned count = 2 * setup->workers;
    int64_t made = 0;
    struct yielder *yielders = peer_alloc(count, sizeof *yielders);
    int64_t begin = peer_now();
    for (unsigned i = 0; i < count; i++) {
        yielders[i].cpu = peer_cpu_number(i / 2);
        yielders[i].yields = setup->yields;
        start(&yielders[i].thread, yield, &yielders[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(yielders[i].thread, NULL);
        made += (int64_t)yielders[i].yields;
    }
    peer_metric("ns_per_switch",
                (double)(peer_now() - begin) * setup->workers / (double)(count * setup->yields));
    peer_check(made);
    free(yielders);
}

/* --- spawn: the pool -------------------------------------------------------------------------- */

struct job {
    int (*fn)(void *arg);
    void *arg;
    int result;
    bool done;
    struct job *next;
};

/* All under `lock`. A job is the submitter's memory until it has been joined. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* for the pool's threads: there is a job, or `closing` */
    pthread_cond_t finished; /* for who joins: some job is done */
    struct job *head, **tail;
    unsigned idle;    /* threads that wait for work */
    unsigned joiners; /* threads that wait in join() */
    bool closing;
} pool = {.lock = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP,
          .work = PTHREAD_COND_INITIALIZER,
          .finished = PTHREAD_COND_INITIALIZER,
          .tail = &pool.head};

static void submit(struct job *job)
{
    job->next = NULL;
    job->done = false;
    pthread_mutex_lock(&pool.lock);
    *pool.tail = job;
    pool.tail = &job->next;
    if (pool.idle > 0)
        pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

/* Runs the first job. The caller holds the lock, which is free meanwhile. */
static void run_first(void)
{
    struct job *job = pool.head;
    pool.head = job->next;
    if (!pool.head)
        pool.tail = &pool.head;
    pthread_mutex_unlock(&pool.lock);
    int result = job->fn(job->arg);
    pthread_mutex_lock(&pool.lock);
    job->result = result;
    job->done = true;
    if (pool.joiners > 0)
        pthread_cond_broadcast(&pool.finished);
}

static int join(struct job *job)
{
    pthread_mutex_lock(&pool.lock);
    while (!job->done) {
        if (pool.head) {
            run_first();
            continue;
        }
        pool.joiners++;
        pthread_cond_wait(&pool.finished, &pool.lock);
        pool.joiners--;
    }
    pthread_mutex_unlock(&pool.lock);
    return job->result;
}

static void *run_jobs(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&pool.lock);
    while (pool.head || !pool.closing) {
        if (pool.head) {
            run_first();
            continue;
        }
        pool.idle++;
        pthread_cond_wait(&pool.work, &pool.lock);
        pool.idle--;
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void close_pool(pthread_t *threads, unsigned count)
{
    pthread_mutex_lock(&pool.lock);
    pool.closing = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int nothing(void *arg)
{
    (void)arg;
    return 1;
}

static double spawn(const struct peer_setup *setup, size_t batches, size_t batch, int64_t *sum)
{
    struct job *jobs = peer_alloc(batch, sizeof *jobs);
    pthread_t *threads = peer_alloc(setup->workers, sizeof *threads);
    peer_confine(setup->workers);
    for (unsigned i = 1; i < setup->workers; i++)
        start(&threads[i], run_jobs, NULL);
    int64_t begin = peer_now();
    for (size_t i = 0; i < batches; i++) {
        for (size_t k = 0; k < batch; k++) {
            jobs[k].fn = nothing;
            submit(&jobs[k]);
        }
        for (size_t k = 0; k < batch; k++)
            *sum += join(&jobs[k]);
    }
    double ns = (double)(peer_now() - begin) / (double)(batches * batch);
    close_pool(&threads[1], setup->workers - 1);
    free(threads);
    free(jobs);
    return ns;
}

static void run_spawn(const struct peer_setup *setup)
{
    peer_run_spawn(setup, spawn);
}

/* --- wake ------------------------------------------------------------------------------------- */

struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool ringing;
};

/* Waker thread. */
static void ring(void *arg)
{
    struct bell *bell = arg;
    pthread_mutex_lock(&bell->lock);
    bell->ringing = true;
    pthread_mutex_unlock(&bell->lock); /* first, or the sleeper wakes up to wait for the lock */
    pthread_cond_signal(&bell->rung);
}

static void await_ring(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    while (!bell->ringing)
        pthread_cond_wait(&bell->rung, &bell->lock);
    bell->ringing = false;
    pthread_mutex_unlock(&bell->lock);
}

static void run_wake(const struct peer_setup *setup)
{
    static struct bell bell = {.lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER};
    peer_pin(peer_cpu_number(0));
    peer_wake_start(setup, ring, &bell);
    for (size_t i = 0; i < setup->samples; i++) {
        peer_wake_sleeping();
        await_ring(&bell);
        peer_wake_woken();
    }
    peer_wake_finish();
}

static const struct peer_row rows[] = {
    {.name = "switch", .run = run_switch},
    {.name = "spawn", .run = run_spawn},
    {.name = "skynet",
     .why = "each node waits for its children: a million threads, or a scheduler"},
    {.name = "memory", .why = "a million threads do not fit"},
    {.name = "timer", .why = "a million threads do not fit"},
    {.name = "wake", .run = run_wake},
    {0},
};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "pthreads", rows);
}
