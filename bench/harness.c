/*
 * harness.c: runs the cases, one process each.
 *
 * A run that inherits the last one's heap, page tables, stack caches and threads measures
 * something that no user ever sees, and a figure that shrinks from run to run has no median worth
 * the name. So every run is a forked process that starts with nothing of the library: it builds
 * its own runtime, measures, sends its values through a pipe, and is gone. This is also how the
 * other systems are measured beside us: one process per measurement.
 *
 * What remains warm on purpose is what belongs to the machine and not to the process. The first
 * run, which is discarded, warms the processor's clock and the page cache. Memory needs more:
 * behind a virtual machine's page there may be none of the host's, and the first touch then costs 5
 * to 30 times what it does later (200 MiB in huge pages: 936 ms, the second time 35 ms). A guest
 * that reports its free pages hands them back within seconds, so one discarded run does not help
 * the fifth. So right before a run that needs much memory another process touches as much and ends.
 *
 * The harness process itself never starts a thread, so forking it is safe. A child that crashes,
 * or finds its result wrong, is one line on stderr and a failed exit status, never a figure.
 *
 * Rejected: repeating inside one process (see above); the mean (one interruption by another
 * process moves it); confidence intervals (they assume a distribution that a noisy machine does
 * not have). Minimum and maximum say plainly how much to trust the median, and the CPUs that others
 * used meanwhile say why.
 */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/topology.h>

#include "machine.h"
#include "report.h"

/* Whom an error line names. Set before the fork, so the measuring process has it too. */
static const char *running;

int bench_error(const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "sley-bench: %s%s%s\n", running ? running : "", running ? ": " : "", text);
    return BENCH_FAILED;
}

int bench_on_tasks(const struct bench_setup *setup, sley_task_fn *fn, void *arg)
{
    struct sley_options options = {.workers = setup->workers};
    int status = sley_run(fn, arg, &options);
    if (status < 0)
        return bench_error("no runtime with %u workers: %s", setup->workers, sley_strerror(status));
    return status;
}

void *bench_alloc(size_t count, size_t size)
{
    size_t bytes;
    void *memory = __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes + 1);
    if (!memory)
        _exit(bench_error("no memory for %zu x %zu bytes", count, size));
    memset(memory, 0, bytes);
    /* The compiler must not make a calloc of the pair, whose pages are not there yet. */
    __asm__ volatile("" : : "r"(memory) : "memory");
    return memory;
}

static int compare_samples(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int64_t bench_percentile(int64_t *samples, size_t count, double fraction)
{
    size_t rank = (size_t)ceil(fraction * (double)count);
    qsort(samples, count, sizeof *samples, compare_samples);
    return samples[rank ? rank - 1 : 0];
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t count_metrics(const struct bench_case *work)
{
    size_t count = 0;
    while (work->metrics[count].name)
        count++;
    return count;
}

/* The measuring process: never returns. */
static _Noreturn void child(const struct bench_case *work, const struct bench_setup *setup, int out)
{
    double values[BENCH_METRICS_MAX] = {0};
    int status = work->run(setup, values);
    size_t bytes = sizeof values;
    if (status == 0 && write(out, values, bytes) != (ssize_t)bytes)
        status = bench_error("cannot hand the result over");
    _exit(status);
}

/* Reads all values or, from a child that failed, nothing. */
static bool receive(int in, double *values)
{
    size_t bytes = BENCH_METRICS_MAX * sizeof *values;
    ssize_t got = read(in, values, bytes); /* below PIPE_BUF: arrives whole */
    return got == (ssize_t)bytes;
}

/* What the child's end means for its figures. */
static int verdict(int wait_status, bool received)
{
    if (WIFSIGNALED(wait_status))
        return bench_error("the measuring process was killed by signal %d (%s)",
                           WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    if (WEXITSTATUS(wait_status) == BENCH_SKIPPED)
        return BENCH_SKIPPED;
    if (WEXITSTATUS(wait_status) != 0)
        return BENCH_FAILED; /* it has said why */
    return received ? 0 : bench_error("the measuring process sent no result");
}

/* Has the machine find the memory that the next run will ask for; see above. If it cannot, the run
 * itself will say so. */
static void warm(size_t bytes)
{
    pid_t pid = bytes ? fork() : -1;
    if (pid == 0) {
        char *memory = machine_map(bytes, true);
        for (size_t i = 0; memory && i < bytes; i += 4096)
            *(volatile char *)&memory[i] = 1;
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static int run_once(const struct bench_case *work, const struct bench_setup *setup, double *values)
{
    int ends[2], status = 0;
    if (pipe(ends) != 0)
        return bench_error("cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(work, setup, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return bench_error("cannot start a process: %s", strerror(errno));
    }
    bool received = receive(ends[0], values);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return verdict(status, received);
}

/* On a terminal, what runs now; overwritten by the next, erased by NULL. */
static void progress(const char *name, unsigned run, unsigned runs)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (name)
        fprintf(stderr, "\r\033[K%s: run %u of %u", name, run, runs);
    else
        fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

static size_t memory_of(const struct bench *bench, const struct bench_case *work,
                        const struct bench_setup *setup)
{
    if (setup->size)
        return setup->size * bench->size.memory;
    return setup->quick ? work->memory_quick : work->memory;
}

/* The counted runs' values, transposed: all of the first metric, then all of the second, ... */
static int run_all(const struct bench *bench, const struct bench_case *work,
                   const struct bench_setup *setup, const struct bench_options *options,
                   double *values)
{
    unsigned warmups = bench->cold ? 0 : options->warmups, total = warmups + options->runs;
    size_t metrics = count_metrics(work);
    fflush(NULL); /* or the children's copies of the buffers come out as well */
    for (unsigned run = 0; run < total; run++) {
        double now[BENCH_METRICS_MAX] = {0};
        progress(bench->name, run + 1, total);
        warm(memory_of(bench, work, setup));
        int status = run_once(work, setup, now);
        if (status != 0)
            return status;
        for (size_t m = 0; run >= warmups && m < metrics; m++) {
            if (!isfinite(now[m]))
                return bench_error("%s is not a number", work->metrics[m].name);
            values[m * options->runs + run - warmups] = now[m];
        }
    }
    return 0;
}

/* CPUs that other processes used on average between two readings of both clocks. */
static double others_used(int64_t wall, int64_t all, int64_t own)
{
    if (all < 0 || own < 0 || wall <= 0)
        return -1;
    double others = (double)(all - own) / (double)wall;
    return others > 0 ? others : 0;
}

static int measure_case(const struct bench *bench, const struct bench_case *work,
                        const struct bench_setup *setup, const struct bench_options *options)
{
    double *values = bench_alloc((size_t)BENCH_METRICS_MAX * options->runs, sizeof *values);
    int64_t all = machine_cpu_all(), own = machine_cpu_own(), wall = sley_now();
    int status = run_all(bench, work, setup, options, values);
    double others = others_used(sley_now() - wall, all < 0 ? -1 : machine_cpu_all() - all,
                                machine_cpu_own() - own);
    progress(NULL, 0, 0);
    for (size_t m = 0; status == 0 && m < count_metrics(work); m++) {
        struct report_row row = {.bench = bench->name,
                                 .workers = setup->workers,
                                 .size = setup->size,
                                 .metric = work->metrics[m].name,
                                 .unit = work->metrics[m].unit,
                                 .runs = options->runs,
                                 .others = others};
        report_summarise(&row, &values[m * options->runs]);
        (options->json ? report_json : report_line)(&row);
    }
    free(values);
    return status == BENCH_SKIPPED ? 0 : status;
}

/* How many workers a runtime would have by default; 0 and a line on stderr when that is unknown. */
static unsigned default_workers(void)
{
    struct sley_topology *topology;
    int status = sley_topology_new(0, &topology);
    if (status < 0) {
        bench_error("cannot tell the number of workers: %s", sley_strerror(status));
        return 0;
    }
    unsigned workers = sley_topology_workers(topology);
    sley_topology_free(topology);
    return workers;
}

int bench_measure(const struct bench *bench, const struct bench_options *options, bool first)
{
    struct bench_setup setup = {
        .workers = options->workers, .quick = options->quick, .size = options->size};
    running = bench->name;
    if (!setup.workers)
        setup.workers = bench->workers ? bench->workers : default_workers();
    if (!setup.workers)
        return BENCH_FAILED;
    if (first && !options->json)
        report_header();
    int worst = 0;
    for (const struct bench_case *work = bench->cases; work->run; work++)
        if ((work->sized || !setup.size) && measure_case(bench, work, &setup, options) != 0)
            worst = BENCH_FAILED;
    running = NULL;
    return worst;
}
