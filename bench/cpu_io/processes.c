/*
 * processes.c: a pool of processes and nothing else, as pre-forking servers are: a process takes a
 * request, waits, computes, answers, and takes the next. As many requests are under way as there
 * are processes, the others stand in a queue; that counts, a request begins when its client makes
 * it. A client is no more than its request, which goes from process to process through the queue.
 *
 * There are as many processes as clients, up to PROCESSES_MAX: nobody runs ten thousand. All of
 * them wait at the queue before the first request is put there.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

enum { PROCESSES_MAX = 128 };

/* What the processes share. */
struct queue {
    sem_t there;  /* processes that have come to it */
    sem_t filled; /* requests in it, or one for each process that is to end */
    sem_t lock;   /* over the fields below */
    size_t first, count;
    struct cpu_io_client requests[]; /* a ring, with room for all clients */
};

static void down(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue; /* a signal */
}

static void push(struct queue *queue, const struct cpu_io_load *load,
                 const struct cpu_io_client *request)
{
    down(&queue->lock);
    queue->requests[(queue->first + queue->count++) % load->concurrency] = *request;
    sem_post(&queue->lock);
    sem_post(&queue->filled);
}

/* False: there are no more. */
static bool pop(struct queue *queue, const struct cpu_io_load *load, struct cpu_io_client *request)
{
    bool some;
    down(&queue->filled);
    down(&queue->lock);
    some = queue->count > 0;
    if (some) {
        *request = queue->requests[queue->first];
        queue->first = (queue->first + 1) % load->concurrency;
        queue->count--;
    }
    sem_post(&queue->lock);
    return some;
}

static void wait_for(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (ns > 0 && nanosleep(&time, &time) != 0)
        continue;
}

static void serve(struct queue *queue, const struct cpu_io_load *load, struct cpu_io_result *result,
                  size_t processes)
{
    struct cpu_io_client request;
    sem_post(&queue->there);
    while (pop(queue, load, &request)) {
        wait_for(cpu_io_wait(load, request.index));
        cpu_io_compute(load->cpu);
        if (cpu_io_next(load, result, &request))
            push(queue, load, &request);
        else if (__atomic_load_n(&result->done, __ATOMIC_ACQUIRE) == load->requests)
            for (size_t i = 0; i < processes; i++)
                sem_post(&queue->filled);
    }
}

static struct queue *make_queue(const struct cpu_io_load *load)
{
    size_t size = sizeof(struct queue) + load->concurrency * sizeof(struct cpu_io_client);
    struct queue *queue =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (queue == MAP_FAILED)
        return NULL;
    sem_init(&queue->there, 1, 0);
    sem_init(&queue->filled, 1, 0);
    sem_init(&queue->lock, 1, 1);
    return queue;
}

/* Waits for all of them; whether each did its part. */
static bool reap(const pid_t *children, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        int status;
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR)
            continue;
        good = good && status == 0;
    }
    return good;
}

/* All processes are there: the clients make their first requests. */
static void start_clients(struct queue *queue, const struct cpu_io_load *load,
                          struct cpu_io_result *result, size_t processes)
{
    for (size_t i = 0; i < processes; i++)
        down(&queue->there);
    cpu_io_start(load, result);
    for (size_t i = 0; i < load->concurrency; i++) {
        struct cpu_io_client client;
        cpu_io_first(result, &client);
        push(queue, load, &client);
    }
}

static int run_processes(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    size_t wanted = load->concurrency < PROCESSES_MAX ? load->concurrency : PROCESSES_MAX;
    struct queue *queue = make_queue(load);
    pid_t children[PROCESSES_MAX];
    size_t count = 0;
    if (!queue)
        return bench_error("no shared memory for the queue");
    for (; count < wanted && (children[count] = fork()) > 0; count++)
        continue;
    if (count < wanted && children[count] == 0) {
        serve(queue, load, result, wanted);
        _exit(0);
    }
    int error = count < wanted ? errno : 0;
    if (!error)
        start_clients(queue, load, result, wanted);
    for (size_t i = 0; error && i < count; i++)
        sem_post(&queue->filled);
    bool good = reap(children, count);
    if (error)
        return bench_error("process number %zu: %s", count + 1, strerror(error));
    return good ? 0 : bench_error("a process has failed");
}

const struct cpu_io_design cpu_io_processes = {
    "processes", "a pool of processes that wait and compute", run_processes};
