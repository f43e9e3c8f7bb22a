/*
 * threads.c: a kernel thread per client, which waits by sleeping. The kernel schedules it all.
 *
 * Stacks are small, or ten thousand of them would be what is measured; where the limit on threads
 * is lower than what is asked for, the design has fallen over, and says so.
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

struct client {
    pthread_t thread;
    const struct cpu_io_load *load;
    struct cpu_io_result *result;
    size_t first;
};

static void wait_for(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (ns > 0 && nanosleep(&time, &time) != 0)
        continue;
}

static void *run_client(void *arg)
{
    struct client *self = arg;
    for (size_t i = self->first; i < self->load->requests; i += self->load->concurrency) {
        int64_t begin = cpu_io_now();
        wait_for(cpu_io_wait(self->load, i));
        cpu_io_compute(self->load->cpu);
        cpu_io_answered(self->result, i, begin);
    }
    return NULL;
}

static int run_threads(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    struct client *clients = bench_alloc(load->concurrency, sizeof *clients);
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    size_t count = 0;
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    int64_t begin = cpu_io_now();
    for (; !error && count < load->concurrency; count += !error) {
        clients[count] = (struct client){.load = load, .result = result, .first = count};
        error = pthread_create(&clients[count].thread, &attributes, run_client, &clients[count]);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    result->elapsed = cpu_io_now() - begin;
    pthread_attr_destroy(&attributes);
    free(clients);
    return error ? bench_error("thread number %zu: %s", count + 1, strerror(error)) : 0;
}

const struct cpu_io_design cpu_io_threads = {"threads", "a kernel thread per client", run_threads};
