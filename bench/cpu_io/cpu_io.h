/*
 * cpu_io.h: requests that wait and compute, run by one design or another.
 *
 * The load is closed: so many clients, each of which makes its next request when it has the answer
 * to the last (clients.c). A request waits, as for a disk or a database, then computes. How long it
 * waits is drawn for each request from half to one and a half times the mean, by its number, so
 * that every design gets the same requests and they do not march in step; it never waits for less.
 * It computes until its thread has had so much processor time: the same demand in every language,
 * whatever its compiler is worth, for it is designs that are compared here.
 */
#ifndef BENCH_CPU_IO_H
#define BENCH_CPU_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu_io_load {
    int64_t cpu;        /* ns of computing per request */
    int64_t io;         /* ns of waiting per request, on average */
    size_t requests;    /* in all, numbered from 0 */
    size_t concurrency; /* clients, no more than requests */
    unsigned workers;   /* workers, children, or threads that compute */
};

/* What happened. In memory that processes share; cleared before the run. */
struct cpu_io_result {
    int64_t start;     /* when all clients were there and issued their first requests */
    int64_t last;      /* when the last number was taken, or a little before */
    int64_t elapsed;   /* ns from the start to the last answer */
    uint64_t begun;    /* clients that have seen their first request */
    uint64_t taken;    /* numbers that are given away, and how often one was asked for in vain */
    uint64_t done;     /* requests that have been answered: must be all, each once */
    int64_t cpu;       /* ns of processor time of processes that nobody here waits for */
    int64_t latency[]; /* ns, of each request */
};

/* A client: the request that it has under way, and since when. */
struct cpu_io_client {
    size_t index;
    int64_t begin;
};

/* Runs the load. Called in a process of its own that has one thread. Returns 0, or after
 * bench_error() a status as of a bench. */
typedef int cpu_io_run(const struct cpu_io_load *load, struct cpu_io_result *result);

struct cpu_io_design {
    const char *name;
    const char *what; /* half a sentence */
    cpu_io_run *run;
};

extern const struct cpu_io_design cpu_io_tasks, cpu_io_tasks_threads, cpu_io_tasks_processes,
    cpu_io_loop, cpu_io_threads, cpu_io_processes;

/* How long request number `index` waits, in ns. */
int64_t cpu_io_wait(const struct cpu_io_load *load, size_t index);

/* Computes. Any thread; never parks. */
void cpu_io_compute(int64_t cpu);

/* All clients are there: each issues its first request. Called once, by whoever lets them go. */
void cpu_io_start(const struct cpu_io_load *load, struct cpu_io_result *result);

/* What the client's first request is. Any thread or process, after the start. */
void cpu_io_first(struct cpu_io_result *result, struct cpu_io_client *client);

/* The client's request has been answered, and it issues the next at the same moment. False: there
 * are no more. Any thread or process. */
bool cpu_io_next(const struct cpu_io_load *load, struct cpu_io_result *result,
                 struct cpu_io_client *client);

/* NULL if what the run has left behind can be true; else what is wrong with it, in `text`. */
const char *cpu_io_doubt(const struct cpu_io_load *load, const struct cpu_io_result *result,
                         char *text, size_t size);

/* The monotonic clock, ns. */
int64_t cpu_io_now(void);

/* sley-bench cpu-io ...: the exit status. */
int cpu_io_command(int argc, char **argv);

#endif
