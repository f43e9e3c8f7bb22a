/*
 * cpu_io.h: requests that wait and compute, run by one design or another.
 *
 * The load is closed: so many clients, each of which makes its next request when it has the answer
 * to the last. A request waits, as for a disk or a database, then computes. How long it waits is
 * drawn for each request from half to one and a half times the mean, by its number, so that every
 * design gets the same requests and they do not march in step. It computes until its thread has had
 * so much processor time: the same demand in every language, whatever its compiler is worth, for it
 * is designs that are compared here.
 */
#ifndef BENCH_CPU_IO_H
#define BENCH_CPU_IO_H

#include <stddef.h>
#include <stdint.h>

struct cpu_io_load {
    int64_t cpu;        /* ns of computing per request */
    int64_t io;         /* ns of waiting per request, on average */
    size_t requests;    /* in all */
    size_t concurrency; /* clients; client i makes the requests i, i + concurrency, ... */
    unsigned workers;   /* workers, children, or threads that compute */
};

/* What happened. In memory that processes share; cleared before the run. */
struct cpu_io_result {
    int64_t elapsed;   /* ns from the first request to the last answer */
    uint64_t done;     /* requests that have been answered: must be all, each once */
    int64_t cpu;       /* ns of processor time of processes that nobody here waits for */
    int64_t latency[]; /* ns, of each request */
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

/* A request has been answered that began at `begin`; counts it. Any thread. */
void cpu_io_answered(struct cpu_io_result *result, size_t index, int64_t begin);

/* The monotonic clock, ns. */
int64_t cpu_io_now(void);

/* sley-bench cpu-io ...: the exit status. */
int cpu_io_command(int argc, char **argv);

#endif
