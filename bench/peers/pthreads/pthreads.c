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
 * datagram
 *         A thread in recv(), pinned likewise.
 * mutex, semaphore
 *         Eight threads on N processors; pthread_mutex_t as it comes, which is what programs have,
 *         and sem_t, with sched_yield() while a permit is held.
 *
 * file    One thread, one file after the other: a temporary name and a rename. This is the plain
 *         loop that all others are to be measured against.
 *
 * stall   A thread for each that computes and one for the one that sleeps, on N processors: what
 * the kernel's scheduler makes of it.
 *
 * Not offered: skynet, where each node waits for its children. With a thread per node there would
 * be a million, and in a pool waiting parents leave no thread to run the children; what helps is a
 * scheduler, and then it is that scheduler which is measured. memory and timer: a million threads
 * do not fit (the kernel's own limit is a fraction of it). channel, across and select: threads have
 * no channels, and who writes some writes another system.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void run_datagram(const struct peer_setup *setup)
{
    peer_pin(peer_cpu_number(0));
    int fd = peer_wake_start_datagrams(setup);
    for (size_t i = 0; i < setup->samples; i++) {
        peer_wake_sleeping();
        peer_wake_take_datagram(fd);
        peer_wake_woken();
    }
    close(fd);
    peer_wake_finish();
}

/* --- mutex, semaphore ------------------------------------------------------------------------- */

struct crowd {
    size_t operations; /* per thread */
    pthread_mutex_t mutex;
    int64_t counted; /* under the mutex */
    sem_t semaphore;
};

static void *lock_often(void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = 0; i < crowd->operations; i++) {
        pthread_mutex_lock(&crowd->mutex);
        crowd->counted++;
        pthread_mutex_unlock(&crowd->mutex);
    }
    return NULL;
}

static void *acquire_often(void *arg)
{
    struct crowd *crowd = arg;
    size_t done = 0;
    while (done < crowd->operations && sem_wait(&crowd->semaphore) == 0) {
        sched_yield();
        sem_post(&crowd->semaphore);
        done++;
    }
    pthread_mutex_lock(&crowd->mutex);
    crowd->counted += (int64_t)done;
    pthread_mutex_unlock(&crowd->mutex);
    return NULL;
}

static void run_crowd(const struct peer_setup *setup, struct crowd *crowd, void *(*fn)(void *))
{
    pthread_t threads[PEER_TASKS];
    peer_confine(setup->workers);
    int64_t begin = peer_now();
    for (int i = 0; i < PEER_TASKS; i++)
        start(&threads[i], fn, crowd);
    for (int i = 0; i < PEER_TASKS; i++)
        pthread_join(threads[i], NULL);
    peer_metric("ns_per_op",
                (double)(peer_now() - begin) / (double)(PEER_TASKS * crowd->operations));
    peer_check(crowd->counted);
}

static void run_mutex(const struct peer_setup *setup)
{
    struct crowd crowd = {.operations = setup->locks, .mutex = PTHREAD_MUTEX_INITIALIZER};
    run_crowd(setup, &crowd, lock_often);
}

static void run_semaphore(const struct peer_setup *setup)
{
    struct crowd crowd = {.operations = setup->permits, .mutex = PTHREAD_MUTEX_INITIALIZER};
    sem_init(&crowd.semaphore, 0, PEER_PERMITS);
    run_crowd(setup, &crowd, acquire_often);
    sem_destroy(&crowd.semaphore);
}

/* --- file ------------------------------------------------------------------------------------- */

static int save(int directory, const char *name, const char *data)
{
    char temporary[48];
    snprintf(temporary, sizeof temporary, ".%s.part", name);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, data, PEER_FILE_SIZE);
    if (close(fd) != 0 || written != PEER_FILE_SIZE)
        return -1;
    return renameat(directory, temporary, directory, name);
}

static void run_file(const struct peer_setup *setup)
{
    char data[PEER_FILE_SIZE] = "";
    int directory = peer_open_directory();
    int64_t begin = peer_now();
    for (size_t i = 0; i < setup->files; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu", i);
        if (save(directory, name, data) != 0)
            peer_fail("%s: %s", name, strerror(errno));
    }
    peer_metric("us_per_file", (double)(peer_now() - begin) / (double)setup->files / 1e3);
    peer_check(peer_close_directory(setup, directory));
}

/* --- stall ------------------------------------------------------------------------------------ */

enum { STALL_SAMPLES_MAX = 100000 };

struct stall {
    int64_t compute_ns; /* of processor time, each */
    long hogs, ended;
};

static int64_t thread_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *compute(void *arg)
{
    struct stall *stall = arg;
    int64_t until = thread_time() + stall->compute_ns;
    volatile uint64_t steps = 0;
    while (thread_time() < until)
        for (int i = 0; i < 10000; i++)
            steps = steps + 1;
    __atomic_fetch_add(&stall->ended, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void run_stall(const struct peer_setup *setup)
{
    struct stall stall = {.compute_ns = setup->quick ? 100000000 : 1000000000,
                          .hogs = 2 * (long)setup->workers};
    int64_t *late = peer_alloc(STALL_SAMPLES_MAX, sizeof *late);
    pthread_t *threads = peer_alloc((size_t)stall.hogs, sizeof *threads);
    size_t samples = 0;
    peer_confine(setup->workers);
    for (long i = 0; i < stall.hogs; i++)
        if (pthread_create(&threads[i], NULL, compute, &stall) != 0)
            peer_fail("no more threads");
    while (__atomic_load_n(&stall.ended, __ATOMIC_ACQUIRE) < stall.hogs &&
           samples < STALL_SAMPLES_MAX) {
        int64_t deadline = peer_now() + 1000000;
        struct timespec time = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        late[samples++] = peer_now() - deadline;
    }
    for (long i = 0; i < stall.hogs; i++)
        pthread_join(threads[i], NULL);
    peer_metric("late_p50_us", (double)peer_percentile(late, samples, 50) / 1e3);
    peer_metric("late_p99_us", (double)peer_percentile(late, samples, 99) / 1e3);
    peer_metric("late_max_us", (double)peer_percentile(late, samples, 100) / 1e3);
    peer_check(stall.ended);
    free(late);
    free(threads);
}

static const struct peer_row rows[] = {
    {.name = "switch", .run = run_switch},
    {.name = "spawn", .run = run_spawn},
    {.name = "skynet",
     .why = "each node waits for its children: a million threads, or a scheduler"},
    {.name = "memory", .why = "a million threads do not fit"},
    {.name = "timer", .why = "a million threads do not fit"},
    {.name = "wake", .run = run_wake},
    {.name = "datagram", .run = run_datagram},
    {.name = "channel", .why = "threads have no channels"},
    {.name = "across", .why = "threads have no channels"},
    {.name = "select", .why = "threads have no channels"},
    {.name = "mutex", .run = run_mutex},
    {.name = "semaphore", .run = run_semaphore},
    {.name = "file", .run = run_file},
    {.name = "stall", .run = run_stall},
    {0},
};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "pthreads", rows);
}
