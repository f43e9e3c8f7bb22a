/*
 * sley_primes.c: the program sley-primes: which of these numbers are primes?
 *
 * The CPU-bound half of a mixed program, and it shows three things: work that computes, given to
 * tasks, threads or processes as the command line says, by one and the same code; results printed
 * as they come, not in the order of the questions; and what goes wrong with one piece of work (its
 * process is killed) costs that one.
 *
 * As many tasks as there may be jobs at once take number after number, have it checked by the
 * executor, and print what came of it. That bounds the number of jobs without a queue, and a
 * million numbers cost no more than their list.
 *
 * The numbers are read before the runtime starts. Ctrl-C ends the work: tasks are cancelled,
 * threads look at a flag, processes are killed; then the count so far is printed.
 */
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/sley.h>

#include "console.h"
#include "interrupts.h"
#include "manual.h"
#include "numbers.h"
#include "options.h"
#include "place.h"
#include "primality.h"
#include "progress.h"

#define PROGRAM "sley-primes"

enum { EXECUTOR, JOBS, JSON, HELP, VERSION };

static const struct opt table[] = {
    [EXECUTOR] = {"executor", 'e', "WHERE",
                  "where they are checked: tasks, threads or processes\n"
                  "(processes)"},
    [JOBS] = {"jobs", 'j', "N", "so many at once, 1 to 256 (one per core)"},
    [JSON] = {"json", 0, NULL, "print a JSON object per line"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

/* When none are given: small and large ones, primes and products of two large primes. */
static const uint64_t examples[] = {
    2,
    97,
    999983,
    31415971,
    27182818309,
    1618033988749,
    99999999999973,
    314159265359057,
    1414213562373113,
    2718281828459045,
    2718281828459051,
    3141592653589861,
    3333333333333317,
    3500000719999757,
    5772156649015331,
    9999997800000121,
    8999999999999971,
    9999999599999923,
    9999999999999937,
    10000000000000061,
};

/* What the command line asks for, and what the tasks share. */
struct primes {
    struct numbers numbers;
    enum place_kind kind;
    unsigned jobs; /* 0: as many as there are workers */
    bool json;
    bool colour;

    struct interrupts interrupts;
    struct place place;
    struct sley_scope scope; /* of the tasks */
    struct sley_mutex lock;  /* over all below */
    struct progress progress;
    size_t next; /* number to be checked */
    size_t checked, found, failed;
    int64_t begin;
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "check which numbers are primes, many at once",
    .usage = "[OPTION...] [NUMBER...]",
    .about =
        "Says which of the numbers (0 to 18446744073709551615) are primes, each as soon as that "
        "is\n"
        "known, with the time it took. Without a number, or for \"-\", they are read from the\n"
        "standard input; if that is a terminal, there are 20 examples.",
    .table = table,
    .notes = "Colours and a progress bar are for terminals; NO_COLOR turns the colours off. Exit "
             "status:\n"
             "0, 1 when a number could not be checked or nothing can be written, 2 for a wrong\n"
             "command line or input, 130 after Ctrl-C.",
};

/* --- what is asked ---------------------------------------------------------------------------- */

/* True, or says what is wrong; *status is what to exit with then. */
static bool is_good(enum numbers_status result, const char *error, int *status)
{
    if (result == NUMBERS_GOOD)
        return true;
    *status = EXIT_USAGE;
    if (result == NUMBERS_BAD) {
        opt_error(PROGRAM, "%s", error);
    } else {
        fprintf(stderr, "%s: %s\n", PROGRAM, error);
        *status = EXIT_SOME_FAILED;
    }
    return false;
}

static bool read_input(struct primes *primes, int *status)
{
    char error[NUMBERS_ERROR];

    return is_good(numbers_read(&primes->numbers, STDIN_FILENO, error), error, status);
}

static bool take_number(struct primes *primes, const char *word, int *status)
{
    char error[NUMBERS_ERROR];

    if (strcmp(word, "-") == 0)
        return read_input(primes, status);
    return is_good(numbers_add(&primes->numbers, word, error), error, status);
}

/* No number was named. */
static bool take_default(struct primes *primes, int *status)
{
    char word[24], error[NUMBERS_ERROR];

    if (!isatty(STDIN_FILENO))
        return read_input(primes, status);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        snprintf(word, sizeof word, "%" PRIu64, examples[i]);
        if (!is_good(numbers_add(&primes->numbers, word, error), error, status))
            return false;
    }
    return true;
}

/* One option, or argument. True to go on, else *status is what to exit with. */
static bool take(struct opt_scan *scan, struct primes *primes, int option, const char *value,
                 int *status)
{
    long jobs;

    *status = EXIT_USAGE;
    switch (option) {
    case OPT_ARGUMENT:
        return take_number(primes, value, status);
    case EXECUTOR:
        if (place_parse(value, &primes->kind))
            return true;
        opt_error(PROGRAM, "--executor: '%s' is not tasks, threads or processes", value);
        return false;
    case JOBS:
        if (!opt_integer(scan, "jobs", value, 1, PLACE_JOBS_MAX, &jobs))
            return false;
        primes->jobs = (unsigned)jobs;
        return true;
    case JSON:
        return primes->json = true;
    case HELP:
    case VERSION:
        *status = manual_answer(&manual, option == HELP);
        return false;
    default:
        return false;
    }
}

/* Returns true to go on, else *status is what to exit with. */
static bool read_command_line(int argc, char **argv, struct primes *primes, int *status)
{
    struct opt_scan scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1};
    bool named = false;
    char *value;
    int option;

    while ((option = opt_next(&scan, &value)) != OPT_END) {
        named = named || option == OPT_ARGUMENT;
        if (!take(&scan, primes, option, value, status))
            return false;
    }
    if (!named && !take_default(primes, status))
        return false;
    if (primes->numbers.count > 0)
        return true;
    *status = opt_error(PROGRAM, "there is no number on the standard input");
    return false;
}

/* --- what is said ----------------------------------------------------------------------------- */

static void tell_result(struct primes *primes, const struct primality *work, bool prime)
{
    double seconds = (double)work->took / 1e9;

    if (primes->json)
        progress_line(&primes->progress,
                      "{\"number\": %" PRIu64 ", \"prime\": %s, \"seconds\": %.9f}", work->number,
                      prime ? "true" : "false", seconds);
    else
        progress_line(&primes->progress, "%20" PRIu64 "  %s%s%s  %10.6f s", work->number,
                      prime && primes->colour ? "\033[32m" : "", prime ? "P" : " ",
                      prime && primes->colour ? "\033[0m" : "", seconds);
}

static void tell_failure(struct primes *primes, uint64_t number, int error)
{
    if (primes->json)
        progress_line(&primes->progress, "{\"number\": %" PRIu64 ", \"error\": \"%s\"}", number,
                      sley_strerror(error));
    else
        progress_line(&primes->progress, "%20" PRIu64 "  %s?%s  %s", number,
                      primes->colour ? "\033[31m" : "", primes->colour ? "\033[0m" : "",
                      sley_strerror(error));
}

static void tell_total(struct primes *primes)
{
    size_t count = primes->numbers.count;
    double seconds = (double)(sley_now() - primes->begin) / 1e9;
    const char *place = place_name(primes->kind, primes->jobs);

    if (primes->json)
        progress_line(&primes->progress,
                      "{\"numbers\": %zu, \"checked\": %zu, \"primes\": %zu, \"failed\": %zu, "
                      "\"seconds\": %.6f, \"executor\": \"%s\", \"jobs\": %u}",
                      count, primes->checked, primes->found, primes->failed, seconds,
                      place_name(primes->kind, 0), primes->jobs);
    else
        progress_line(
            &primes->progress, "%zu of %zu checked by %u %s, %zu prime, %zu failed, in %.2f s",
            primes->checked, count, primes->jobs, place, primes->found, primes->failed, seconds);
    progress_flush(&primes->progress);
}

/* What came of a number. Whatever happens to the caller it is told: it is done. */
static void report(struct primes *primes, const struct primality *work, int error, int answer)
{
    char label[24];

    SLEY_SHIELD()
    {
        sley_mutex_lock(&primes->lock);
        primes->checked += !error;
        primes->failed += error != 0;
        primes->found += !error && answer == PRIME;
        if (error)
            tell_failure(primes, work->number, error);
        else
            tell_result(primes, work, answer == PRIME);
        snprintf(label, sizeof label, "%" PRIu64, work->number);
        progress_step(&primes->progress, label);
        progress_flush(&primes->progress);
        error = primes->progress.error;
        sley_mutex_unlock(&primes->lock);
    }
    if (error) { /* nobody reads what is found */
        primality_give_up();
        sley_scope_cancel(&primes->scope, "nothing can be written");
    }
}

/* --- what is done ----------------------------------------------------------------------------- */

/* The next number. False: there is none. */
static bool take_next(struct primes *primes, uint64_t *number)
{
    bool more = false;

    if (sley_mutex_lock(&primes->lock) != 0)
        return false;
    if (primes->next < primes->numbers.count) {
        *number = primes->numbers.list[primes->next++];
        more = true;
    }
    sley_mutex_unlock(&primes->lock);
    return more;
}

/* A task: one job after the other. */
static int check_numbers(void *arg)
{
    struct primes *primes = arg;
    struct primality work;

    while (take_next(primes, &work.number)) {
        int answer = GAVE_UP, error;

        error = sley_executor_call(&primes->place.executor, primality_work, &work, sizeof work,
                                   &answer);
        if (error == SLEY_ECANCELED || (!error && answer == GAVE_UP))
            break;
        report(primes, &work, error, answer);
    }
    return 0;
}

/* In the task that waits for signals. */
static void give_up(void *arg)
{
    struct primes *primes = arg;

    primality_give_up();
    sley_scope_cancel(&primes->scope, "interrupted");
}

/* Checks all. 0, or why no task could be had. */
static int check_all(struct primes *primes)
{
    struct sley_child child;
    unsigned jobs = 0;
    int error = 0;

    SLEY_SCOPE(&primes->scope, .policy = SLEY_SCOPE_ALL)
    {
        interrupts_handle(&primes->interrupts, give_up, primes);
        while (jobs < primes->jobs && jobs < primes->numbers.count && !error) {
            error = sley_scope_spawn(&primes->scope, check_numbers, primes, NULL, NULL);
            jobs += !error;
        }
        while (sley_scope_next(&primes->scope, &child) == 1)
            continue;
        interrupts_handle(&primes->interrupts, NULL, NULL);
    }
    return jobs ? 0 : error; /* fewer than were asked for do it as well */
}

static int exit_status(const struct primes *primes)
{
    int number = interrupts_arrived((struct interrupts *)&primes->interrupts);

    if (primes->progress.error) {
        fprintf(stderr, "%s: cannot write: %s\n", PROGRAM, sley_strerror(primes->progress.error));
        return EXIT_SOME_FAILED;
    }
    if (number && primes->checked + primes->failed < primes->numbers.count)
        return 128 + number;
    return primes->failed ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int check_and_tell(struct primes *primes)
{
    const char *no_colour = getenv("NO_COLOR");
    int error;

    if (!primes->jobs)
        primes->jobs = sley_runtime_workers(sley_runtime_current());
    if (primes->jobs > PLACE_JOBS_MAX)
        primes->jobs = PLACE_JOBS_MAX;
    primes->begin = sley_now();
    progress_init(&primes->progress, STDOUT_FILENO);
    primes->colour = primes->progress.bar && !primes->json && (!no_colour || !*no_colour);
    if (!primes->json)
        progress_begin(&primes->progress, primes->numbers.count);
    error = place_open(&primes->place, primes->kind, primes->jobs);
    if (!error) {
        error = check_all(primes);
        place_close(&primes->place);
    }
    if (!error) {
        progress_end(&primes->progress);
        tell_total(primes);
    }
    progress_close(&primes->progress);
    if (!error)
        return exit_status(primes);
    fprintf(stderr, "%s: cannot start: %s\n", PROGRAM, sley_strerror(error));
    return EXIT_SOME_FAILED;
}

/* The main task. */
static int run(void *arg)
{
    struct primes *primes = arg;
    int status = interrupts_start(&primes->interrupts);

    if (status)
        return status;
    status = check_and_tell(primes);
    interrupts_stop(&primes->interrupts);
    return status;
}

static int start(struct primes *primes)
{
    int status = place_prepare(primes->kind); /* before there is a thread */

    if (!status)
        status = sley_run(run, primes, NULL);
    if (status < 0)
        opt_start_error(PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}

int main(int argc, char **argv)
{
    static struct primes primes = {.kind = PLACE_PROCESSES};
    int status;

    console_take_places();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (manual_generate(&manual, argc, argv, &status))
        return status;
    if (read_command_line(argc, argv, &primes, &status))
        status = start(&primes);
    numbers_free(&primes.numbers);
    return status;
}
