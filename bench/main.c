/*
 * main.c: sley-bench, the command line.
 *
 * One table names the benches; a new bench is a new file and a new line in it. `list`, the check of
 * names and the order of a run all come from the table, so none of them can forget one.
 *
 * Everything on the command line is checked before the first run starts: a misspelt last name must
 * not cost the minutes of the names before it.
 *
 * Exit status: 0 all measured, 1 a run failed or its result was wrong, 2 the command line is wrong.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/version.h>

#include "cpu_io/cpu_io.h"
#include "harness.h"
#include "report.h"

extern const struct bench bench_switch, bench_spawn, bench_skynet, bench_memory, bench_timer,
    bench_generator, bench_scope, bench_cancel, bench_wake, bench_datagram, bench_idle,
    bench_channel, bench_across, bench_select, bench_mutex, bench_semaphore, bench_offload,
    bench_file, bench_http_server, bench_http_client, bench_fork, bench_nqueens, bench_uts,
    bench_parallel_for, bench_sort, bench_stall, bench_dns, bench_echo, bench_idle_connections,
    bench_connections, bench_nest, bench_waiters, bench_limits;

static const struct bench *const benches[] = {
    &bench_switch,
    &bench_generator,
    &bench_spawn,
    &bench_scope,
    &bench_skynet,
    &bench_memory,
    &bench_timer,
    &bench_wake,
    &bench_datagram,
    &bench_cancel,
    &bench_idle,
    &bench_channel,
    &bench_across,
    &bench_select,
    &bench_mutex,
    &bench_semaphore,
    &bench_offload,
    &bench_file,
    &bench_http_server,
    &bench_http_client,
    &bench_fork,
    &bench_nqueens,
    &bench_uts,
    &bench_parallel_for,
    &bench_sort,
    &bench_stall,
    &bench_dns,
    &bench_echo,
    &bench_idle_connections,
    &bench_connections,
    &bench_nest,
    &bench_waiters,
    &bench_limits,
};

enum { BENCHES = sizeof benches / sizeof *benches, USAGE = 2 };

static const char help[] =
    "Usage: sley-bench NAME... [--workers N] [--size N] [--runs N] [--warmups N] [--quick]\n"
    "                  [--json]\n"
    "       sley-bench cpu-io --help\n"
    "       sley-bench list | machine\n"
    "\n"
    "Runs the named benches one after another. Each run is a process of its own with a fresh\n"
    "runtime; the first is discarded. Prints median, minimum and maximum of the counted runs;\n"
    "less is better, but of what is counted in 1/s. `others` is how many CPUs other processes\n"
    "used meanwhile: when it is not near 0, do not trust the figures.\n"
    "\n"
    "  --workers N  workers of the runtime, 1 to 1024 (default: one per usable core, or 1)\n"
    "  --size N     so many of what the row has many of, instead of the usual number; see below\n"
    "  --json       one JSON object per line, nothing else\n"
    "  --runs N     counted runs, 1 to 1000 (default 5; with --quick 3)\n"
    "  --quick      smaller sizes where the full ones take seconds\n"
    "  --warmups N  discarded runs before the counted ones, 0 to 1000 (default 1)\n"
    "  list         say what each bench measures, and why\n"
    "  machine      say what is known about this machine\n"
    "  --help, --version\n"
    "\n"
    "Rows that have a size, and what it counts:\n";

static const struct bench *find(const char *name)
{
    for (size_t i = 0; i < BENCHES; i++)
        if (strcmp(benches[i]->name, name) == 0)
            return benches[i];
    return NULL;
}

static int wrong(const char *text, const char *what)
{
    bench_error("%s%s (see --help)", text, what);
    return USAGE;
}

/* Whether `argument` is the option, alone or with =VALUE. */
static bool is_option(const char *argument, const char *option)
{
    size_t length = strlen(option);
    return strncmp(argument, option, length) == 0 &&
           (argument[length] == '\0' || argument[length] == '=');
}

/* The number of the option at argv[*i], after it or after its '=', in [low, high]; moves *i on. 0
 * or USAGE. */
static int parse_number(char **argv, int *i, unsigned low, unsigned high, unsigned *out)
{
    const char *option = argv[*i], *equals = strchr(option, '=');
    const char *text = equals ? equals + 1 : argv[++*i];
    int length = (int)strcspn(option, "=");
    char *end;
    if (!text)
        return wrong("a number is missing after ", option);
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < low || value > high) {
        bench_error("%.*s takes a number from %u to %u, not '%s'", length, option, low, high, text);
        return USAGE;
    }
    *out = (unsigned)value;
    return 0;
}

static int parse_option(char **argv, int *i, struct bench_options *options)
{
    const char *option = argv[*i];
    if (is_option(option, "--workers"))
        return parse_number(argv, i, 1, BENCH_WORKERS_MAX, &options->workers);
    if (is_option(option, "--runs"))
        return parse_number(argv, i, 1, BENCH_RUNS_MAX, &options->runs);
    if (is_option(option, "--warmups"))
        return parse_number(argv, i, 0, BENCH_RUNS_MAX, &options->warmups);
    if (is_option(option, "--size"))
        return parse_number(argv, i, 1, UINT_MAX, &options->size);
    if (strcmp(option, "--json") == 0)
        options->json = true;
    else if (strcmp(option, "--quick") == 0)
        options->quick = true;
    else
        return wrong("unknown option ", option);
    return 0;
}

/* Whether the bench can be of the asked size. 0 or USAGE. */
static int check_size(const struct bench *bench, unsigned asked)
{
    const struct bench_size *size = &bench->size;
    if (!size->what)
        return wrong("there is no --size in ", bench->name);
    if (asked >= size->low && asked <= size->high)
        return 0;
    bench_error("%s: --size is a number of %s from %zu to %zu, not %u", bench->name, size->what,
                size->low, size->high, asked);
    return USAGE;
}

/* Reads options and names in any order; the names are left in argv[0 .. *names). 0 or USAGE. */
static int parse(char **argv, struct bench_options *options, int *names)
{
    int count = 0;
    for (int i = 1; argv[i]; i++) {
        int status = 0;
        if (argv[i][0] == '-')
            status = parse_option(argv, &i, options);
        else if (find(argv[i]))
            argv[count++] = argv[i];
        else
            status = wrong("there is no bench ", argv[i]);
        if (status != 0)
            return status;
    }
    if (count == 0)
        return wrong("no bench named; try: sley-bench list", "");
    if (options->runs == 0)
        options->runs = options->quick ? 3 : 5;
    *names = count;
    for (int i = 0; options->size && i < count; i++)
        if (check_size(find(argv[i]), options->size) != 0)
            return USAGE;
    return 0;
}

static int list(void)
{
    for (size_t i = 0; i < BENCHES; i++)
        printf("%-16s %s\n", benches[i]->name, benches[i]->why);
    return 0;
}

static int print_help(void)
{
    fputs(help, stdout);
    for (size_t i = 0; i < BENCHES; i++) {
        const struct bench_size *size = &benches[i]->size;
        if (size->what)
            printf("  %-16s  %s, %zu to %zu\n", benches[i]->name, size->what, size->low,
                   size->high);
    }
    return 0;
}

static bool is_word(const char *text)
{
    static const char *const words[] = {"list", "machine", "--help", "--version"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* The words that stand alone. Their exit status. */
static int run_word(const char *word)
{
    if (strcmp(word, "list") == 0)
        return list();
    if (strcmp(word, "--help") == 0)
        return print_help();
    if (strcmp(word, "--version") == 0)
        printf("sley-bench %s\n", sley_version());
    else
        report_machine();
    return 0;
}

/* A status of 0 only if all that was printed has arrived. */
static int end(int status)
{
    if (!ferror(stdout) && fflush(stdout) == 0)
        return status;
    bench_error("cannot write to the standard output: %s", strerror(errno));
    return status ? status : BENCH_FAILED;
}

int main(int argc, char **argv)
{
    struct bench_options options = {.warmups = 1};
    if (argc > 1 && strcmp(argv[1], "cpu-io") == 0)
        return end(cpu_io_command(argc - 1, argv + 1));
    if (argc > 1 && is_word(argv[1]))
        return argc == 2 ? end(run_word(argv[1])) : wrong(argv[1], " stands alone");
    int names, worst = 0, status = parse(argv, &options, &names);
    if (status != 0)
        return status;
    if (!options.json)
        report_machine();
    for (int i = 0; i < names; i++)
        if (bench_measure(find(argv[i]), &options, i == 0) != 0)
            worst = BENCH_FAILED;
    return end(worst);
}
