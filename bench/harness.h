/*
 * harness.h: what a bench is, and what runs it.
 *
 * A bench is a table of cases; a case is what one process measures in one go. The harness runs
 * each case in a process of its own, discards the warm-up, repeats, and reports median, minimum
 * and maximum of every metric. A bench file knows nothing of options, processes or output.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

enum {
    BENCH_METRICS_MAX = 16, /* per case */
    BENCH_CASES_MAX = 10,   /* per bench */
    BENCH_RUNS_MAX = 1000,
    BENCH_WORKERS_MAX = 1024
};

/* What every run of a case is told. */
struct bench_setup {
    unsigned workers; /* > 0 */
    bool quick;       /* smaller sizes, where the full one takes seconds; per-item figures stay
                         comparable */
    size_t size;      /* of what bench.size names; 0: as many as always. bench_size() applies it */
};

/* Less is better in all of them but rates, whose unit is 1/s. */
struct bench_metric {
    const char *name; /* as in the JSON; NULL ends the list */
    const char *unit;
};

/* Measures once and stores one finite value per metric, in their order. Called in a fresh process
 * whose only thread is the caller. Returns 0 on success; BENCH_FAILED after bench_error(), when the
 * work could not be done or its result is wrong; BENCH_SKIPPED after bench_error(), when this
 * machine cannot run it. */
typedef int bench_run_fn(const struct bench_setup *setup, double *values);

enum { BENCH_FAILED = 1, BENCH_SKIPPED = 2 };

struct bench_case {
    bench_run_fn *run; /* NULL ends the list */
    struct bench_metric metrics[BENCH_METRICS_MAX + 1];
    size_t memory;       /* bytes that a run touches, if it is many; see warm() in harness.c */
    size_t memory_quick; /* the same with --quick */
    bool sized;          /* heeds bench_setup.size; the cases that do not are left out with one */
};

/* What there can be more or less of in a bench. All its figures of sized cases are per item, or say
 * in their names what they are, so that figures of two sizes can be compared. */
struct bench_size {
    const char *what; /* "tasks"; NULL: the bench has no size */
    size_t low, high;
    size_t memory; /* bytes that a run touches for each, if that is much */
};

#define BENCH_MIB(n) ((size_t)(n) << 20)

struct bench {
    const char *name;
    const char *why;  /* one sentence: what it measures, and why anyone should care */
    unsigned workers; /* when --workers is not given; 0: one per usable core */
    bool cold;        /* nothing in it can be warmed up: no discarded run */
    struct bench_size size;
    struct bench_case cases[BENCH_CASES_MAX + 1];
};

/* What the command line asks for. */
struct bench_options {
    unsigned workers; /* 0: the bench's default */
    unsigned runs;    /* counted runs, 1 .. BENCH_RUNS_MAX */
    unsigned warmups; /* discarded runs before them */
    unsigned size;    /* 0: as many as always; else within bench.size */
    bool quick;
    bool json;
};

/* The size that was asked for, else the usual one. */
static inline size_t bench_size(const struct bench_setup *setup, size_t quick, size_t full)
{
    return setup->size ? setup->size : setup->quick ? quick : full;
}

/* Runs a bench and prints its rows; `first` asks for the table's header line above them. 0, or
 * BENCH_FAILED when a run failed: the reason is on stderr, later cases have run all the same. */
int bench_measure(const struct bench *bench, const struct bench_options *options, bool first);

/* One line on stderr, "sley-bench: ...". Always BENCH_FAILED, to be returned. */
__attribute__((format(printf, 1, 2))) int bench_error(const char *format, ...);

/* Runs fn(arg) as the main task of a new runtime with the asked number of workers, pinned as by
 * default. Returns what fn returned, or BENCH_FAILED after saying why there is no runtime. */
int bench_on_tasks(const struct bench_setup *setup, sley_task_fn *fn, void *arg);

/* As calloc, but ends the measuring process with one line when there is no memory: a bench cannot
 * go on and has nobody to tell. Every page has been written, so that no timed loop faults it in. */
void *bench_alloc(size_t count, size_t size);

/* Sorts the samples, and returns the smallest that at least `fraction` of them do not exceed. */
int64_t bench_percentile(int64_t *samples, size_t count, double fraction);

/* splitmix64: same seed, same numbers, in every run and on every machine. */
uint64_t bench_random(uint64_t *state);

/* What tasks and threads of a bench share. Relaxed where only a count or a monotone value is read;
 * the pair set/get publishes what was written before the set. */
static inline size_t bench_count(size_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_ACQ_REL);
}

static inline void bench_set(int64_t *shared, int64_t value)
{
    __atomic_store_n(shared, value, __ATOMIC_RELEASE);
}

static inline int64_t bench_get(const int64_t *shared)
{
    return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

#endif
