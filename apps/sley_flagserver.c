/*
 * sley_flagserver.c: the program sley-flagserver.
 *
 * The command line is a list of servers, each begun by its port; what follows a port describes that
 * server, what precedes the first holds for all. So the three classic servers, and any other set,
 * are one line. All servers run in one process and share the workers.
 *
 * main() reads the command line and the flags, then runs serve() as the main task: it starts the
 * servers, says where they are, and parks until somebody presses Ctrl-C; then it lets the requests
 * that are under way finish, for a while, and ends.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "console.h"
#include "flagserver.h"
#include "interrupts.h"
#include "manual.h"
#include "options.h"

#define PROGRAM     "sley-flagserver"
#define MAX_SERVERS 1024             /* `./run load` has a thousand hosts in one */
#define GRACE       SLEY_SECONDS(10) /* twice what the slow servers take */

enum {
    PORT,
    PLAIN,
    SLOW,
    FAILING,
    ADDRESS,
    DELAY,
    JITTER,
    ERROR_RATE,
    FAULTS,
    SEED,
    HELP,
    VERSION
};

static const struct opt table[] = {
    [PORT] = {"port", 'p', "PORT", "a server on this port (0: a free one) that answers at once"},
    [PLAIN] = {"plain", 0, "PORT", "the same"},
    [SLOW] = {"slow", 0, "PORT", "a server that answers after 0.5 to 5 s"},
    [FAILING] = {"failing", 0, "PORT", "as slow, and a quarter of the answers are errors"},
    [ADDRESS] = {"address", 'a', "ADDRESS", "numeric address to listen on (127.0.0.1)"},
    [DELAY] = {"delay", 'd', "SECONDS", "time before every answer: 2, 0.5, 500ms"},
    [JITTER] = {"jitter", 'j', "SECONDS", "up to so much more, at random"},
    [ERROR_RATE] = {"error-rate", 'e', "PART", "the part of the requests that fail: 0.25, 25%"},
    [FAULTS] = {"errors", 0, "LIST",
                "how they fail, in turn (418): HTTP statuses 400-599,\n"
                "abort (no answer), truncate (half an answer): 418,503,abort"},
    [SEED] = {"seed", 0, "NUMBER", "another sequence of chances; the same number, the same (1)"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

/* What the command line asks for. */
struct setup {
    struct flagserver_options servers[MAX_SERVERS];
    size_t count;
    const char
        *common[sizeof table / sizeof table[0]]; /* by option: what precedes the first port */
};

/* What the main task works with. */
struct program {
    struct setup setup;
    struct countries *countries;
    struct interrupts interrupts;
    struct flagserver *servers[MAX_SERVERS];
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "serve the flags of countries, also slowly and with errors",
    .usage = "[OPTION...] [PORT-OPTION PORT [OPTION...]]...",
    .about =
        "Serves /flags/cc/cc.gif and /flags/cc/metadata.json for the countries of ISO 3166-1.\n"
        "Options after a port are for that server, those before the first port for all.\n"
        "Without a port: --plain 8000 --slow 8001 --failing 8002.",
    .table = table,
    .notes =
        "The flags and names are those of the packages famfamfam-flag-gif and iso-codes, found\n"
        "in $XDG_DATA_DIRS. Ctrl-C lets running requests finish, at most 10 s; a second Ctrl-C\n"
        "does not wait. Exit status: 0, 1 when it cannot serve, 2 for a wrong command line.",
};

/* "418,abort" */
static bool read_faults(const struct opt_scan *scan, const char *text,
                        struct flagserver_options *server)
{
    server->fault_count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        char word[16] = "";
        long status = 0;
        if (length < sizeof word)
            memcpy(word, text, length);
        if (strcmp(word, "abort") == 0)
            status = FAULT_ABORT;
        else if (strcmp(word, "truncate") == 0)
            status = FAULT_TRUNCATE;
        else if (!opt_integer(scan, "errors", word, 400, 599, &status))
            return false;
        if (server->fault_count == FLAGSERVER_FAULTS) {
            opt_error(PROGRAM, "--errors: more than %d", FLAGSERVER_FAULTS);
            return false;
        }
        server->faults[server->fault_count++] = (unsigned)status;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

/* Applies an option that describes a server. */
static bool describe(const struct opt_scan *scan, int option, const char *value,
                     struct flagserver_options *server)
{
    long seed = 0;

    switch (option) {
    case ADDRESS:
        server->address = value;
        return opt_address(scan, "address", value);
    case DELAY:
        return opt_duration(scan, "delay", value, &server->delay);
    case JITTER:
        return opt_duration(scan, "jitter", value, &server->jitter);
    case ERROR_RATE:
        return opt_fraction(scan, "error-rate", value, &server->error_rate);
    case FAULTS:
        return read_faults(scan, value, server);
    default:
        if (!opt_integer(scan, "seed", value, 0, INT32_MAX, &seed))
            return false;
        server->seed = (uint64_t)seed;
        return true;
    }
}

/* Begins a server: its preset, then what holds for all. */
static bool add_server(const struct opt_scan *scan, struct setup *setup,
                       const struct flagserver_options *preset, long port)
{
    if (setup->count == MAX_SERVERS) {
        opt_error(PROGRAM, "more than %d servers", MAX_SERVERS);
        return false;
    }
    struct flagserver_options *server = &setup->servers[setup->count++];
    *server = *preset;
    server->port = (uint16_t)port;
    server->seed = 1;
    for (int i = 0; table[i].name; i++)
        if (setup->common[i] && !describe(scan, i, setup->common[i], server))
            return false;
    return true;
}

static bool take_option(const struct opt_scan *scan, struct setup *setup, int option,
                        const char *value)
{
    const struct flagserver_options *presets[] = {
        [PORT] = &flagserver_plain,
        [PLAIN] = &flagserver_plain,
        [SLOW] = &flagserver_slow,
        [FAILING] = &flagserver_failing,
    };
    struct flagserver_options unused = {0};
    long port;

    if (option <= FAILING)
        return opt_integer(scan, table[option].name, value, 0, 65535, &port) &&
               add_server(scan, setup, presets[option], port);
    if (setup->count > 0)
        return describe(scan, option, value, &setup->servers[setup->count - 1]);
    setup->common[option] = value;
    return describe(scan, option, value, &unused);
}

/* Reads the command line. Returns true to go on, else *status is what to exit with. */
static bool read_command_line(int argc, char **argv, struct setup *setup, int *status)
{
    struct opt_scan scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1};
    char *value;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&scan, &value)) != OPT_END) {
        if (option == HELP || option == VERSION) {
            *status = manual_answer(&manual, option == HELP);
            return false;
        }
        if (option == OPT_ARGUMENT)
            opt_error(PROGRAM, "what is '%s'? A port is given as --port PORT", value);
        if (option < 0 || !take_option(&scan, setup, option, value))
            return false;
    }
    return setup->count > 0 || (add_server(&scan, setup, &flagserver_plain, 8000) &&
                                add_server(&scan, setup, &flagserver_slow, 8001) &&
                                add_server(&scan, setup, &flagserver_failing, 8002));
}

/* "http://127.0.0.1:8001/flags/  after 0.5 to 5 s" */
static void tell_server(struct text *text, const struct flagserver_options *o, uint16_t port)
{
    const char *address = o->address ? o->address : "127.0.0.1";
    bool v6 = strchr(address, ':') != NULL;
    double from = (double)o->delay / 1e9, to = from + (double)o->jitter / 1e9;

    text_add(text, "http://%s%s%s:%u/flags/  ", v6 ? "[" : "", address, v6 ? "]" : "",
             (unsigned)port);
    if (to <= 0)
        text_add(text, "answers at once");
    else if (to > from)
        text_add(text, "answers after %g to %g s", from, to);
    else
        text_add(text, "answers after %g s", from);
    if (o->error_rate > 0)
        text_add(text, ", %g %% of the requests fail", o->error_rate * 100);
    text_add(text, "\n");
}

static int start_servers(struct program *program)
{
    struct text text = {0};
    int error = 0;

    for (size_t i = 0; !error && i < program->setup.count; i++) {
        const struct flagserver_options *o = &program->setup.servers[i];
        error = flagserver_start(program->countries, o, &program->servers[i]);
        if (!error)
            tell_server(&text, o, flagserver_port(program->servers[i]));
        else
            fprintf(stderr, "%s: cannot listen on %s, port %u: %s\n", PROGRAM,
                    o->address ? o->address : "127.0.0.1", (unsigned)o->port, sley_strerror(error));
    }
    if (!error) {
        text_add(&text, "Press Ctrl-C to stop.\n");
        console_write(1, &text);
    }
    text_free(&text);
    return error;
}

/* For interrupts_handle(). */
static void wake(void *task)
{
    sley_unpark(task);
}

static void wait_for_interrupt(struct interrupts *interrupts)
{
    interrupts_handle(interrupts, wake, sley_self());
    while (!interrupts_arrived(interrupts) && sley_park("Ctrl-C") == 0)
        continue;
    interrupts_handle(interrupts, NULL, NULL);
}

static int stop_server(void *server)
{
    return flagserver_stop(server);
}

/* Stops all at once, not one after the other: a task each, which inherit the deadline. */
static void stop_servers(struct program *program)
{
    struct sley_task *tasks[MAX_SERVERS];
    int64_t before = sley_deadline_narrow(sley_after(GRACE));

    for (size_t i = 0; i < program->setup.count; i++)
        if (sley_spawn(stop_server, program->servers[i], NULL, &tasks[i]) != 0)
            tasks[i] = NULL;
    sley_deadline_restore(before);
    for (size_t i = 0; i < program->setup.count; i++)
        if (tasks[i])
            sley_join(tasks[i], NULL);
}

static void tell_counts(struct program *program)
{
    struct text text = {0};
    uint64_t answered = 0, failed = 0;

    for (size_t i = 0; i < program->setup.count; i++) {
        uint64_t some, bad;
        flagserver_counts(program->servers[i], &some, &bad);
        answered += some;
        failed += bad;
    }
    text_add(&text, "%" PRIu64 " request%s, %" PRIu64 " of them failed on purpose\n", answered,
             answered == 1 ? "" : "s", failed);
    console_write(1, &text);
    text_free(&text);
}

/* The main task. */
static int serve(void *arg)
{
    struct program *program = arg;
    int error = interrupts_start(&program->interrupts);

    if (error)
        return error;
    if (!(error = start_servers(program))) {
        wait_for_interrupt(&program->interrupts);
        stop_servers(program);
        tell_counts(program);
    }
    for (size_t i = 0; i < program->setup.count; i++)
        flagserver_free(program->servers[i]);
    interrupts_stop(&program->interrupts);
    return error ? EXIT_SOME_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct program program = {0};
    char error[256];
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (manual_generate(&manual, argc, argv, &status) ||
        !read_command_line(argc, argv, &program.setup, &status))
        return status;
    if (!countries_load(&program.countries, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", PROGRAM, error);
        return EXIT_SOME_FAILED;
    }
    status = sley_run(serve, &program, NULL);
    countries_free(program.countries);
    if (status < 0)
        opt_start_error(PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}
