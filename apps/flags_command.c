/*
 * flags_command.c: the command line of "sley-fetch flags".
 *
 * Reads the options, loads the countries if anybody needs them (the server in this process, or a
 * plan for all of them), makes the plan, and starts the runtime with
 * flags_run() as its main task. Whatever is wrong with the command line is said here, before
 * anything is started, with exit status 2.
 *
 * Five requests at once is what the example of the book uses, and it is kept as the default for all
 * servers: it is polite to a stranger's, and more would not make a server on this machine faster.
 */
#define _GNU_SOURCE
#include "flags_command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sley/sley.h>

#include "fetch_url.h"
#include "options.h"

#define COMMAND           FETCH_PROGRAM " flags"
#define DEFAULT_DIRECTORY "flags"
#define DEFAULT_REQUESTS  5
#define MOST_REQUESTS     1000
#define DEFAULT_TIMEOUT   30 /* seconds; the slow server takes at most 5 */

enum { ALL, EVERY, LIMIT, MAX_REQUESTS, SERVER, NAMED, TIMEOUT, OUTPUT, VERBOSE, HELP, VERSION };

static const struct opt table[] = {
    [ALL] = {"all", 'a', NULL, "all countries that have a flag"},
    [EVERY] = {"every", 'e', NULL, "every pair of letters, AA to ZZ; most are not found"},
    [LIMIT] = {"limit", 'l', "N", "only the first N of them"},
    [MAX_REQUESTS] = {"max-requests", 'm', "N", "requests under way at once: 1 to 1000 (5)"},
    [SERVER] = {"server", 's', "SERVER",
                "local, delay or error: port 8000, 8001 or 8002 of this machine,\n"
                "as sley-flagserver serves them; or the URL above cc/cc.gif.\n"
                "Without this option: a server in this same process"},
    [NAMED] = {"named", 'n', NULL, "ask for the name too, save Country_Name.gif, not CC.gif"},
    [TIMEOUT] = {"timeout", 't', "SECONDS", "for one request (30)"},
    [OUTPUT] = {"output", 'o', "DIR", "where the files go (flags); made if it is not there"},
    [VERBOSE] = {"verbose", 'v', NULL, "a line with the details for each flag"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

const struct manual flags_manual = {
    .name = COMMAND,
    .summary = "download the flags of countries",
    .usage = "[OPTION...] [CODE...]",
    .about =
        "Downloads the flags of countries. CODE is two letters, BR, or one: B, all from BA to BZ.\n"
        "Without any: the 20 most populous countries.",
    .table = table,
    .notes = "Exit status: 0 when nothing failed (a flag that the server does not have is no\n"
             "failure), 1 when something did, 2 for a wrong command line, 130 after Ctrl-C.",
};

/* A command line while it is read. */
struct reading {
    struct flags_request request;
    struct flags_run *run;
    char *base; /* to be freed, or NULL */
    char **words;
};

/* "http://host:8000" is short for "http://host:8000/flags"; slashes at the end do not count. */
static char *complete_url(const char *url)
{
    size_t length = strlen(url);
    const char *host = strstr(url, "://") + 3;
    char *complete;

    while (length > (size_t)(host - url) && url[length - 1] == '/')
        length--;
    bool bare = !memchr(host, '/', length - (size_t)(host - url));
    if (asprintf(&complete, "%.*s%s", (int)length, url, bare ? "/flags" : "") < 0)
        return NULL;
    return complete;
}

static bool is_url(const char *text)
{
    size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
                    : strncasecmp(text, "https://", 8) == 0 ? 8
                                                            : 0;
    return scheme > 0 && text[scheme] && text[scheme] != '/' && !strpbrk(text, " \t\r\n?#");
}

static bool take_server(struct reading *reading, const char *value)
{
    static const char *const names[] = {"local", "delay", "error"};

    free(reading->base);
    reading->base = NULL;
    for (unsigned i = 0; i < 3; i++)
        if (strcasecmp(value, names[i]) == 0) {
            reading->run->no_proxy = true;
            return asprintf(&reading->base, "http://127.0.0.1:%u/flags", 8000 + i) >= 0;
        }
    if (!is_url(value)) {
        char shown[FETCH_SHOWN_SIZE];
        fetch_url_show(value, shown, sizeof shown);
        opt_error(COMMAND, "--server: '%s' is not local, delay, error or an http URL", shown);
        return false;
    }
    reading->run->no_proxy = false;
    reading->base = complete_url(value);
    return reading->base != NULL;
}

static bool take_number(const struct opt_scan *scan, struct reading *reading, int option,
                        const char *value)
{
    bool is_limit = option == LIMIT;
    long number;

    if (!opt_integer(scan, table[option].name, value, 1, is_limit ? 1000000 : MOST_REQUESTS,
                     &number))
        return false;
    if (is_limit)
        reading->request.limit = (size_t)number;
    else
        reading->run->max_requests = (unsigned)number;
    return true;
}

static bool take_timeout(const struct opt_scan *scan, struct reading *reading, const char *value)
{
    if (!opt_duration(scan, "timeout", value, &reading->run->timeout))
        return false;
    if (reading->run->timeout > 0)
        return true;
    opt_error(COMMAND, "--timeout: nothing is done in no time");
    return false;
}

static bool take_option(const struct opt_scan *scan, struct reading *reading, int option,
                        char *value)
{
    switch (option) {
    case ALL:
        reading->request.all = true;
        return true;
    case EVERY:
        reading->request.every = true;
        return true;
    case LIMIT:
    case MAX_REQUESTS:
        return take_number(scan, reading, option, value);
    case SERVER:
        return take_server(reading, value);
    case NAMED:
        reading->run->named = true;
        return true;
    case TIMEOUT:
        return take_timeout(scan, reading, value);
    case OUTPUT:
        reading->run->directory = value;
        if (!*value)
            opt_error(COMMAND, "--output needs a value: DIR");
        return *value;
    default:
        reading->run->verbose = true;
        return true;
    }
}

/* Returns true to go on, else *status is what to exit with. */
static bool read_arguments(int argc, char **argv, struct reading *reading, int *status)
{
    struct opt_scan scan = {.program = COMMAND, .table = table, .argc = argc, .argv = argv};
    char *value;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&scan, &value)) != OPT_END) {
        if (option == HELP || option == VERSION) {
            *status = manual_answer(&flags_manual, option == HELP);
            return false;
        }
        if (option == OPT_BAD)
            return false;
        if (option == OPT_ARGUMENT)
            reading->words[reading->request.word_count++] = value;
        else if (!take_option(&scan, reading, option, value))
            return false;
    }
    reading->request.words = reading->words;
    reading->run->base = reading->base;
    return true;
}

/* Loads what is needed and makes the plan. Returns an exit status. */
static int prepare(struct reading *reading)
{
    struct flags_run *run = reading->run;
    char error[256];

    if (!run->base || flags_plan_needs_countries(&reading->request)) {
        if (!countries_load(&run->countries, error, sizeof error)) {
            fprintf(stderr, "%s: %s\n", FETCH_PROGRAM, error);
            return EXIT_SOME_FAILED;
        }
    }
    if (!flags_plan(&reading->request, run->countries, &run->plan, error, sizeof error))
        return opt_error(COMMAND, "%s", error);
    return EXIT_DONE;
}

/* Returns an exit status. */
static int run_tasks(struct flags_run *run)
{
    int status = sley_run(flags_run, run, NULL);

    if (status < 0)
        opt_start_error(FETCH_PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}

int flags_command(int argc, char **argv)
{
    char directory[] = DEFAULT_DIRECTORY;
    struct flags_run run = {
        .directory = directory,
        .no_proxy = true,
        .max_requests = DEFAULT_REQUESTS,
        .timeout = SLEY_SECONDS(DEFAULT_TIMEOUT),
    };
    struct reading reading = {.run = &run, .words = calloc((size_t)argc + 1, sizeof(char *))};
    int status = EXIT_SOME_FAILED;

    if (reading.words && read_arguments(argc, argv, &reading, &status)) {
        status = prepare(&reading);
        if (status == EXIT_DONE)
            status = run_tasks(&run);
    }
    flags_plan_free(&run.plan);
    countries_free(run.countries);
    free(reading.base);
    free(reading.words);
    return status;
}
