/*
 * command.c: sley-bench cpu-io, one load run by one design after the other.
 *
 * Each design runs in a process of its own, which is forked while this one has a single thread, and
 * leaves its latencies in memory that both share. Whether they can be true (clients.c) is asked
 * here, whatever the design says of itself: of a run that is doubted nothing is printed but why.
 *
 * One run each, in the order of --design: interleaving, repeating and comparing is the business of
 * `./run bench cpu-io`, which calls this.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/topology.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

enum { USAGE = 2, DESIGNS = 6 };

static const struct cpu_io_design *const designs[DESIGNS] = {
    &cpu_io_tasks, &cpu_io_tasks_threads, &cpu_io_tasks_processes,
    &cpu_io_loop,  &cpu_io_threads,       &cpu_io_processes,
};

static const char help[] =
    "Usage: sley-bench cpu-io --cpu-us A --io-us B --requests N --concurrency C [OPTION...]\n"
    "\n"
    "Runs requests that each wait B microseconds on average, from B/2 to 3B/2, and then compute\n"
    "for A microseconds of processor time. C clients make them, each its next one at the moment "
    "at\n"
    "which the last is answered. Prints for each design requests per second and how long a "
    "request\n"
    "took.\n"
    "\n"
    "  --cpu-us A       computing per request, 0 to 10,000,000\n"
    "  --io-us B        waiting per request, 0 to 10,000,000\n"
    "  --requests N     in all, 1 to 10,000,000\n"
    "  --concurrency C  clients, 1 to 1,000,000\n"
    "  --design LIST    only these, with commas between them\n"
    "  --workers N      workers, or children of the process pool (default: one per usable core)\n"
    "  --json           one JSON object per line, nothing else\n"
    "\n"
    "Designs:\n";

struct settings {
    struct cpu_io_load load;
    bool chosen[DESIGNS];
    bool json;
};

/* What one design has reached. */
struct figures {
    double per_second, p50_us, p99_us, max_us;
    double cpu; /* seconds of processor time, of all its processes */
};

static int wrong(const char *text, const char *what)
{
    bench_error("%s%s (see sley-bench cpu-io --help)", text, what);
    return USAGE;
}

static void print_help(void)
{
    fputs(help, stdout);
    for (size_t i = 0; i < DESIGNS; i++)
        printf("  %-16s %s\n", designs[i]->name, designs[i]->what);
}

/* --- the command line ----------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *out >= low && *out <= high;
}

static bool choose_one(struct settings *settings, const char *name, size_t length)
{
    for (size_t i = 0; i < DESIGNS; i++)
        if (strlen(designs[i]->name) == length && memcmp(designs[i]->name, name, length) == 0)
            return settings->chosen[i] = true;
    return false;
}

static int choose(struct settings *settings, const char *list)
{
    memset(settings->chosen, 0, sizeof settings->chosen);
    for (;;) {
        size_t length = strcspn(list, ",");
        if (!choose_one(settings, list, length))
            return wrong("there is no design ", length ? list : "without a name");
        if (!list[length])
            return 0;
        list += length + 1;
    }
}

static int take(struct settings *settings, const char *option, const char *value, unsigned *seen)
{
    static const struct {
        const char *name;
        uint64_t low, high;
    } numbers[] = {{"--cpu-us", 0, 10000000},
                   {"--io-us", 0, 10000000},
                   {"--requests", 1, 10000000},
                   {"--concurrency", 1, 1000000},
                   {"--workers", 1, BENCH_WORKERS_MAX}};
    struct cpu_io_load *load = &settings->load;
    uint64_t number = 0;
    size_t which = 0;

    if (!value)
        return wrong("a value is missing after ", option);
    if (strcmp(option, "--design") == 0)
        return choose(settings, value);
    while (which < 5 && strcmp(option, numbers[which].name) != 0)
        which++;
    if (which == 5)
        return wrong("unknown option ", option);
    if (!read_number(value, numbers[which].low, numbers[which].high, &number)) {
        bench_error("%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", option,
                    numbers[which].low, numbers[which].high, value);
        return USAGE;
    }
    *seen |= 1U << which;
    switch (which) {
    case 0:
        load->cpu = (int64_t)number * 1000;
        break;
    case 1:
        load->io = (int64_t)number * 1000;
        break;
    case 2:
        load->requests = number;
        break;
    case 3:
        load->concurrency = number;
        break;
    default:
        load->workers = (unsigned)number;
    }
    return 0;
}

/* The default number of workers. */
static unsigned cores(void)
{
    struct sley_topology *topology;
    unsigned workers = 1;
    if (sley_topology_new(0, &topology) == 0) {
        workers = sley_topology_workers(topology);
        sley_topology_free(topology);
    }
    return workers;
}

static int parse(char **argv, struct settings *settings)
{
    unsigned seen = 0;
    for (size_t i = 0; i < DESIGNS; i++)
        settings->chosen[i] = true;
    for (int i = 1; argv[i]; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            settings->json = true;
            continue;
        }
        int status = take(settings, argv[i], argv[i + 1], &seen);
        if (status != 0)
            return status;
        i++;
    }
    if ((seen & 15) != 15)
        return wrong("--cpu-us, --io-us, --requests and --concurrency are needed", "");
    if (!settings->load.workers)
        settings->load.workers = cores();
    if (settings->load.concurrency > settings->load.requests)
        settings->load.concurrency = settings->load.requests;
    return 0;
}

/* --- running -------------------------------------------------------------------------------- */

static double seconds_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Runs it in a process; what that exits with. */
static int run_apart(const struct cpu_io_design *design, const struct cpu_io_load *load,
                     struct cpu_io_result *result, double *cpu)
{
    struct rusage usage;
    int status;
    fflush(stdout);
    *cpu = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(design->run(load, result));
    if (child < 0)
        return bench_error("cannot fork: %s", strerror(errno));
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
        continue;
    *cpu = seconds_of(&usage) + (double)result->cpu / 1e9;
    if (!WIFEXITED(status))
        return bench_error("%s has crashed: signal %d", design->name, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int check(const struct cpu_io_design *design, const struct cpu_io_load *load,
                 const struct cpu_io_result *result)
{
    char text[200];
    const char *doubt = cpu_io_doubt(load, result, text, sizeof text);
    return doubt ? bench_error("%s %s", design->name, doubt) : 0;
}

static void compute_figures(const struct cpu_io_load *load, struct cpu_io_result *result,
                            struct figures *figures)
{
    size_t n = load->requests;
    figures->per_second = (double)n * 1e9 / (double)result->elapsed;
    figures->p50_us = (double)bench_percentile(result->latency, n, 0.5) / 1e3;
    figures->p99_us = (double)bench_percentile(result->latency, n, 0.99) / 1e3;
    figures->max_us = (double)bench_percentile(result->latency, n, 1) / 1e3;
}

static void print(const struct settings *settings, const struct cpu_io_design *design,
                  const struct figures *f)
{
    const struct cpu_io_load *load = &settings->load;
    if (settings->json)
        printf("{\"bench\": \"cpu-io\", \"design\": \"%s\", \"cpu_us\": %" PRId64
               ", \"io_us\": %" PRId64 ", \"requests\": %zu, \"concurrency\": %zu, "
               "\"workers\": %u, \"requests_per_s\": %.9g, \"p50_us\": %.9g, \"p99_us\": %.9g, "
               "\"max_us\": %.9g, \"cpu_s\": %.9g}\n",
               design->name, load->cpu / 1000, load->io / 1000, load->requests, load->concurrency,
               load->workers, f->per_second, f->p50_us, f->p99_us, f->max_us, f->cpu);
    else
        printf("%-16s %12.1f %12.1f %12.1f %12.1f %10.2f\n", design->name, f->per_second, f->p50_us,
               f->p99_us, f->max_us, f->cpu);
}

static int measure(const struct settings *settings, const struct cpu_io_design *design)
{
    size_t size = sizeof(struct cpu_io_result) + settings->load.requests * sizeof(int64_t);
    struct cpu_io_result *result =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct figures figures;
    if (result == MAP_FAILED)
        return bench_error("no memory for %zu latencies", settings->load.requests);
    int status = run_apart(design, &settings->load, result, &figures.cpu);
    if (status == 0)
        status = check(design, &settings->load, result);
    if (status == 0) {
        compute_figures(&settings->load, result, &figures);
        print(settings, design, &figures);
    }
    munmap(result, size);
    return status;
}

int cpu_io_command(int argc, char **argv)
{
    struct settings settings = {0};
    int worst = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 0;
    }
    int status = parse(argv, &settings);
    if (status != 0)
        return status;
    if (!settings.json)
        printf("%-16s %12s %12s %12s %12s %10s\n", "design", "requests/s", "p50 us", "p99 us",
               "max us", "CPU s");
    for (size_t i = 0; i < DESIGNS; i++)
        if (settings.chosen[i] && measure(&settings, designs[i]) != 0)
            worst = BENCH_FAILED;
    return worst;
}
