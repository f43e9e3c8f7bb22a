/*
 * threads.c: a kernel thread per client, which waits by sleeping. The kernel schedules it all.
 *
 * Stacks are small, or ten thousand of them would be what is measured; where the limit on threads
 * is lower than what is asked for, the design has fallen over, and says so.
 *
 * All threads exist before the first request is issued: they stand at a gate, which is opened when
 * the last of them has come. Otherwise the first would have made their requests before the last
 * are created, and a thousand clients would be a few dozen at a time.
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

enum gate { SHUT, OPEN, GIVEN_UP };

struct crowd {
    const struct cpu_io_load *load;
    struct cpu_io_result *result;
    pthread_mutex_t lock; /* over the fields below */
    pthread_cond_t changed;
    size_t there; /* threads at the gate */
    enum gate gate;
};

static void wait_for(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (ns > 0 && nanosleep(&time, &time) != 0)
        continue;
}

/* Whether the run takes place. */
static bool pass_gate(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    if (++crowd->there == crowd->load->concurrency) {
        cpu_io_start(crowd->load, crowd->result);
        crowd->gate = OPEN;
        pthread_cond_broadcast(&crowd->changed);
    }
    while (crowd->gate == SHUT)
        pthread_cond_wait(&crowd->changed, &crowd->lock);
    bool open = crowd->gate == OPEN;
    pthread_mutex_unlock(&crowd->lock);
    return open;
}

/* Not all threads could be made: those that are there go home. */
static void give_up(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    crowd->gate = GIVEN_UP;
    pthread_cond_broadcast(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

static void *run_client(void *arg)
{
    struct crowd *crowd = arg;
    struct cpu_io_client client;
    if (!pass_gate(crowd))
        return NULL;
    cpu_io_first(crowd->result, &client);
    do {
        wait_for(cpu_io_wait(crowd->load, client.index));
        cpu_io_compute(crowd->load->cpu);
    } while (cpu_io_next(crowd->load, crowd->result, &client));
    return NULL;
}

static int run_threads(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    struct crowd crowd = {.load = load,
                          .result = result,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    pthread_t *threads = bench_alloc(load->concurrency, sizeof *threads);
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    size_t count = 0;
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    for (; !error && count < load->concurrency; count += !error)
        error = pthread_create(&threads[count], &attributes, run_client, &crowd);
    if (error)
        give_up(&crowd);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    free(threads);
    return error ? bench_error("thread number %zu: %s", count + 1, strerror(error)) : 0;
}

const struct cpu_io_design cpu_io_threads = {"threads", "a kernel thread per client", run_threads};
