/*
 * peer.c: command line, sizes, clocks and output of the peers in C and C++.
 *
 * The peers must do the very work that sley-bench does, or the ratio between the two says nothing.
 * What decides that (counts, seed, the processors and the idle time of a wake-up, which clock, what
 * counts as memory) is written down once more here and not taken from bench/harness.c: that one
 * runs on the library, and a peer that is linked with what it is compared to would be no peer. What
 * must be equal is short: the sizes in parse(), the times in peer_sleep_times(), and the waker in
 * wake.c.
 *
 * What is measured is one process: no repetitions in here, no warm-up. Whoever compares runs all
 * programs in turns, and has the machine find as much memory first as a run of ours needs, because
 * the first touch of a page that a virtual machine's host has taken back costs many times the later
 * ones. A peer that needs more does the same for itself, by peer_find_memory().
 */
#define _GNU_SOURCE
#include "peers/common/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2, DECLINED = 3 };

static const char *peer_name = "peer";

/* --- output ----------------------------------------------------------------------------------- */

static void say(const char *format, va_list arguments)
{
    char text[400];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "%s: %s\n", peer_name, text);
}

/* _exit: the system under test may have threads that run, and its destructors would meet them. */
void peer_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    _exit(FAILED);
}

void peer_decline(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    _exit(DECLINED);
}

void peer_metric(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
}

void peer_check(int64_t value)
{
    printf("check %lld\n", (long long)value);
}

/* --- the machine ------------------------------------------------------------------------------ */

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        peer_fail("no clock: %s", strerror(errno));
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void peer_fork_metrics(long n, int64_t plain_ns, int64_t ns)
{
    double calls = 0, forks = 1; /* fib(1) and fib(2): fib(n) forks fib(n + 1) - 1 times */
    for (; n > 0; n--) {
        double sum = calls + forks;
        calls = forks;
        forks = sum;
    }
    peer_metric("ns_per_fork", (double)ns / (forks - 1));
    peer_metric("ratio_to_c", (double)ns / (double)plain_ns);
}

int64_t peer_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t peer_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The KiB that a line of a file in /proc names, in bytes. */
static int64_t read_kib(const char *path, const char *key)
{
    char line[256];
    long long kib = -1;
    size_t length = strlen(key);
    FILE *file = fopen(path, "r");
    while (file && kib < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            kib = strtoll(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    if (kib < 0)
        peer_fail("%s does not tell %s", path, key);
    return kib * 1024;
}

int64_t peer_memory(void)
{
    return read_kib("/proc/self/status", "VmRSS") + read_kib("/proc/self/status", "VmPTE");
}

void peer_find_memory(size_t bytes)
{
    int64_t available = read_kib("/proc/meminfo", "MemAvailable");
    if ((size_t)available < bytes)
        peer_decline("needs %zu MiB of memory, %zu are there", bytes >> 20,
                     (size_t)available >> 20);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return; /* best effort: a run that does not get its memory will say so */
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096)
        *(volatile char *)&memory[i] = 1;
    munmap(memory, bytes);
}

void *peer_alloc(size_t count, size_t size)
{
    size_t bytes;
    void *memory = __builtin_mul_overflow(count, size, &bytes) ? NULL : malloc(bytes + 1);
    if (memory)
        memset(memory, 0, bytes);
    else
        peer_fail("no memory for %zu x %zu bytes", count, size);
    /* Else the compiler makes a calloc of the pair, whose pages are not there yet. */
    __asm__ volatile("" : : "r"(memory) : "memory");
    return memory;
}

/* What the process could use when it started: peer_confine() and peer_pin() change that. */
static cpu_set_t usable;

unsigned peer_cpu_number(unsigned index)
{
    unsigned cpu = 0, left = index % (unsigned)CPU_COUNT(&usable);
    while (!CPU_ISSET(cpu, &usable) || left-- > 0)
        cpu++;
    return cpu;
}

static void set_affinity(const cpu_set_t *set)
{
    if (sched_setaffinity(0, sizeof *set, set) != 0)
        peer_fail("cannot place a thread: %s", strerror(errno));
}

void peer_confine(unsigned count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < count; i++)
        CPU_SET(peer_cpu_number(i), &set);
    set_affinity(&set);
}

void peer_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    set_affinity(&set);
}

/* --- rows ------------------------------------------------------------------------------------- */

struct shape {
    double ns;
    int64_t sum;
};

static struct shape run_shape(const struct peer_setup *setup, peer_spawn_fn *fn, size_t batches,
                              size_t batch)
{
    struct shape shape = {0};
    int ends[2], status = 0;
    fflush(NULL); /* or the child's copies of the buffers come out as well */
    if (pipe(ends) != 0)
        peer_fail("no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        peer_fail("no process: %s", strerror(errno));
    if (pid == 0) {
        shape.ns = fn(setup, batches, batch, &shape.sum);
        _exit(write(ends[1], &shape, sizeof shape) == (ssize_t)sizeof shape ? 0 : FAILED);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], &shape, sizeof shape); /* below PIPE_BUF: arrives whole */
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status))
        peer_fail("%zu tasks at once: killed by signal %d", batch, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status)); /* it has said why */
    if (got != (ssize_t)sizeof shape)
        peer_fail("%zu tasks at once: no result", batch);
    return shape;
}

void peer_run_spawn(const struct peer_setup *setup, peer_spawn_fn *fn)
{
    struct shape batches = run_shape(setup, fn, setup->quick ? 100 : 1000, 1000);
    struct shape flat = run_shape(setup, fn, 1, setup->quick ? 100000 : 1000000);
    peer_metric("ns_per_task", batches.ns);
    peer_metric("ns_per_task_flat", flat.ns);
    peer_check(batches.sum + flat.sum);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t *peer_sleep_times(const struct peer_setup *setup)
{
    uint64_t seed = 1;
    int64_t *times = peer_alloc(setup->sleeps, sizeof *times);
    for (size_t i = 0; i < setup->sleeps; i++)
        times[i] = (int64_t)(next_random(&seed) % (setup->sleeps * 1000));
    return times;
}

static int compare_samples(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int64_t peer_percentile(int64_t *samples, size_t count, unsigned percent)
{
    qsort(samples, count, sizeof *samples, compare_samples);
    return samples[(count * percent + 99) / 100 - 1];
}

void peer_report_sleeps(const struct peer_setup *setup, int64_t *late, int64_t cpu)
{
    size_t count = setup->sleeps;
    int64_t late_p99 = peer_percentile(late, count, 99);
    if (late[0] < 0)
        peer_fail("a task woke %lld ns too early", (long long)-late[0]);
    peer_metric("cpu_s", (double)cpu / 1e9 * (1e6 / (double)count));
    peer_metric("late_p99_us", (double)late_p99 / 1e3);
    peer_check((int64_t)count);
}

/* --- file ------------------------------------------------------------------------------------- */

static char directory_path[200];

int peer_open_directory(void)
{
    const char *where = getenv("SLEY_BENCH_DIRECTORY");
    if (!where || !*where)
        where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int length = snprintf(directory_path, sizeof directory_path, "%s/peer-XXXXXX", where);
    if (length >= (int)sizeof directory_path || !mkdtemp(directory_path))
        peer_fail("no directory in %s: %s", where, strerror(errno));
    int fd = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        peer_fail("%s: %s", directory_path, strerror(errno));
    return fd;
}

int64_t peer_close_directory(const struct peer_setup *setup, int directory)
{
    int64_t whole = 0;
    for (size_t i = 0; i < setup->files; i++) {
        char name[32];
        struct stat status;
        snprintf(name, sizeof name, "%zu", i);
        whole += fstatat(directory, name, &status, 0) == 0 && status.st_size == PEER_FILE_SIZE;
        unlinkat(directory, name, 0);
    }
    close(directory);
    if (rmdir(directory_path) != 0)
        peer_fail("%s: %s", directory_path, strerror(errno));
    return whole;
}

/* --- command line ----------------------------------------------------------------------------- */

static int wrong(const char *what)
{
    fprintf(stderr, "%s: %s; usage: ROW --workers N [--quick] | list\n", peer_name, what);
    return USAGE;
}

/* 0 or USAGE. */
static int parse(char **argv, struct peer_setup *setup)
{
    for (int i = 2; argv[i]; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--quick") == 0) {
            setup->quick = true;
            continue;
        }
        if (strcmp(argv[i], "--workers") != 0 || !argv[i + 1])
            return wrong(argv[i]);
        unsigned long workers = strtoul(argv[++i], &end, 10);
        if (*end || workers < 1 || workers > 1024)
            return wrong("--workers takes a number from 1 to 1024");
        setup->workers = (unsigned)workers;
    }
    if (!setup->workers)
        return wrong("--workers is missing");
    setup->yields = setup->quick ? 500000 : 5000000;
    setup->rounds = setup->quick ? 100000 : 1000000;
    setup->items = setup->quick ? 1000000 : 10000000;
    setup->across_rounds = setup->quick ? 2000 : 20000;
    setup->across_items = setup->quick ? 1000000 : 10000000;
    setup->choices = setup->quick ? 50000 : 500000;
    setup->locks = setup->quick ? 100000 : 1000000;
    setup->permits = setup->quick ? 20000 : 100000;
    setup->scopes = setup->quick ? 10000 : 100000;
    setup->values = setup->quick ? 500000 : 5000000;
    setup->files = setup->quick ? 1000 : 10000;
    setup->parked = setup->sleeps = setup->quick ? 20000 : 1000000;
    setup->samples = setup->quick ? 100 : 1000;
    setup->leaves = setup->quick ? 100000 : 1000000;
    return 0;
}

static int list(const struct peer_row *row)
{
    for (; row->name; row++)
        if (row->run)
            printf("%s\n", row->name);
    return 0;
}

int peer_main(int argc, char **argv, const char *name, const struct peer_row *rows)
{
    struct peer_setup setup = {0};
    const struct peer_row *row = rows;
    peer_name = name;
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list(rows);
    if (argc < 2)
        return wrong("which row?");
    if (parse(argv, &setup) != 0)
        return USAGE;
    while (row->name && strcmp(row->name, argv[1]) != 0)
        row++;
    if (!row->run)
        peer_decline("%s: %s", argv[1], row->name ? row->why : "no such row here");
    if (sched_getaffinity(0, sizeof usable, &usable) != 0)
        peer_fail("cannot tell the processors: %s", strerror(errno));
    row->run(&setup);
    return fflush(stdout) == 0 ? 0 : FAILED;
}
