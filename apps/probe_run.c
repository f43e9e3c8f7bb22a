/*
 * probe_run.c: many names at once.
 *
 * A task per name, in a scope that lets only so many be under way: whoever reads the names waits
 * in sley_scope_spawn() for a place. So the list may be endless, the reading is no faster than the
 * probing, and a name is nothing but a task that ends. A fixed number of tasks that pull names
 * from a channel was the other way; it saves the spawn, some tens of nanoseconds, and needs a
 * channel, its end, and a protocol for the tasks that find nothing.
 *
 * What comes of the names goes through a channel to the one task that counts and prints. It
 * writes when enough has come together, or when the oldest line has waited a few milliseconds: a
 * write to a pipe or terminal may block, so each one goes to another thread, which costs as much as
 * several names. If the output cannot keep up, the channel fills, the tasks wait to be told, and
 * no further names are read.
 *
 * The list goes to the standard output, what is said about it to the standard error; a bar is drawn
 * on whichever is a terminal, the output first. Ctrl-C cancels a scope, with the reading and all
 * probes in it; the one who tells is shielded and tells what has come until then. That is the outer
 * scope, of which the one who tells is a child, too, so that it is there as long as somebody may
 * want to cancel it; the inner one has the names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sley/sley.h>

#include "interrupts.h"
#include "options.h"
#include "probe.h"
#include "progress.h"

enum {
    DEFAULT_JOBS = 1000,
    RESULTS = 1024,     /* that wait to be told */
    LINES = 65536,      /* bytes of lines that are written at once */
    OTHER_FILES = 64,   /* open files beside the connections */
    FILES_PER_NAME = 2, /* a connection that is being closed, and the next one */
};

#define LINES_WAIT SLEY_MILLISECONDS(5)
#define BURST      SLEY_MILLISECONDS(10)

struct run {
    const struct probe_options *options;
    struct probe_names *names;
    struct prober prober;
    unsigned jobs;
    struct interrupts interrupts;
    struct sley_scope scope;  /* to be cancelled: of the teller, the reading and the probes */
    struct sley_scope probes; /* in it */
    int64_t due;              /* when the next name may begin */
    size_t begun;             /* names */
    int error;                /* of the reading */
    char why[PROBE_NAMES_ERROR];

    /* The teller's. */
    struct probe_tally tally;
    struct progress output, screen; /* the standard output, the standard error */
    struct progress *bar;           /* the one of them that has it, or NULL */
    struct text lines;
    bool colour;
};

/* --- telling ---------------------------------------------------------------------------------- */

static void take_result(struct run *run, struct probe_result *result)
{
    probe_count(&run->tally, result);
    if (!run->output.error)
        probe_tell(&run->lines, run->options, run->colour, result);
    if (run->bar)
        progress_step(run->bar, "");
    probe_result_free(result);
}

/* Writes the lines, and draws the bar. If that fails, there is no use in going on. */
static void write_lines(struct run *run)
{
    int before = run->output.error;

    progress_text(&run->output, run->lines.bytes, run->lines.length);
    run->lines.length = 0;
    progress_flush(&run->output);
    if (run->bar == &run->screen)
        progress_flush(&run->screen);
    if (run->output.error && !before)
        sley_scope_cancel(&run->scope, "nothing can be written");
}

/* A result, or SLEY_ETIMEDOUT: the lines have waited long enough; or the end. */
static int next_result(struct run *run, int64_t due, struct probe_result **result)
{
    int code = sley_chan_try_recv(run->prober.results, result);

    if (code == 1)
        return 0;
    if (code == 0)
        SLEY_WITH_DEADLINE(due)
        {
            code = sley_chan_recv(run->prober.results, result);
        }
    return code;
}

static void tell_until_closed(struct run *run)
{
    int64_t due = SLEY_FOREVER;
    struct probe_result *result;

    for (;;) {
        int code = next_result(run, due, &result);

        if (code && code != SLEY_ETIMEDOUT)
            break;
        if (!code) {
            take_result(run, result);
            if (due == SLEY_FOREVER)
                due = sley_after(LINES_WAIT);
        }
        if (code || run->lines.length >= LINES) {
            write_lines(run);
            due = SLEY_FOREVER;
        }
    }
    write_lines(run);
}

/* A task: the teller. */
static int tell_results(void *arg)
{
    SLEY_SHIELD()
    {
        tell_until_closed(arg);
    }
    return 0;
}

/* --- probing ---------------------------------------------------------------------------------- */

/* A task: one name. */
static int probe(void *arg)
{
    struct probe_result *result = arg;

    if (probe_ask(result) != 0 || sley_chan_send(result->prober->results, &result) != 0)
        probe_result_free(result);
    return 0;
}

/* Waits until the next name may begin. What was missed by more than a burst is not made good: a
 * pause in the list is not followed by a storm. */
static int pace(struct run *run)
{
    int64_t now = sley_now();
    int code = 0;

    if (run->options->rate == 0)
        return 0;
    if (run->due < now - BURST)
        run->due = now - BURST;
    if (run->due > now)
        code = sley_sleep_until(run->due);
    run->due += SLEY_SECONDS(1) / run->options->rate;
    return code;
}

static int begin(struct run *run)
{
    struct probe_result *result;
    int code = pace(run);

    if (code)
        return code;
    result = probe_result_new(&run->prober, run->names->name);
    if (!result)
        return SLEY_ENOMEM;
    code = sley_scope_spawn(&run->probes, probe, result, NULL, NULL);
    if (code)
        probe_result_free(result);
    else
        run->begun++;
    return code;
}

static void cancel(void *arg)
{
    struct run *run = arg;

    sley_scope_cancel(&run->scope, "interrupted");
}

/* Reads the names and probes them. run->error is why it has ended early, if it has. */
static void probe_all(struct run *run)
{
    int code;

    run->due = sley_now();
    SLEY_SCOPE(&run->probes, .policy = SLEY_SCOPE_ALL, .limit = run->jobs, .discard = true)
    {
        while ((code = probe_names_next(run->names, run->why)) == 1 && (code = begin(run)) == 0)
            continue;
        run->error = code;
    }
    if (run->error && !run->why[0])
        snprintf(run->why, sizeof run->why, "cannot go on: %s", sley_strerror(run->error));
}

/* --- everything else -------------------------------------------------------------------------- */

static void complain(const char *what, int code)
{
    struct text text = {0};

    text_add(&text, "%s: %s%s%s\n", PROBE_PROGRAM, what, code ? ": " : "",
             code ? sley_strerror(code) : "");
    console_write(STDERR_FILENO, &text);
    text_free(&text);
}

/* A connection is an open file. As many names at once as were asked for, or as there can be. */
static void choose_jobs(struct run *run)
{
    const struct probe_options *options = run->options;
    struct rlimit limit;

    run->jobs = options->jobs ? options->jobs : DEFAULT_JOBS;
    if ((!options->port && !options->http && !options->https) ||
        getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t most = limit.rlim_cur < OTHER_FILES + FILES_PER_NAME
                      ? 1
                      : (limit.rlim_cur - OTHER_FILES) / FILES_PER_NAME;
    if (run->jobs <= most)
        return;
    run->jobs = (unsigned)most;
    if (options->jobs) {
        char text[120];
        snprintf(text, sizeof text, "%u at once are as many as open files allow (ulimit -n)",
                 run->jobs);
        complain(text, 0);
    }
}

static void prepare_output(struct run *run)
{
    const char *no_colour = getenv("NO_COLOR");
    size_t total;

    progress_init(&run->output, STDOUT_FILENO);
    progress_init(&run->screen, STDERR_FILENO);
    run->colour = run->output.bar && !run->options->json && (!no_colour || !*no_colour);
    run->bar = run->options->quiet ? NULL
               : run->output.bar   ? &run->output
               : run->screen.bar   ? &run->screen
                                   : NULL;
    if (!run->bar)
        return;
    total = probe_names_count(run->names);
    if (total)
        progress_begin(run->bar, total);
    else
        run->bar = NULL;
}

/* Where it goes: JSON is for programs, which read one stream. */
static void tell_total(struct run *run, int64_t took)
{
    struct progress *where = run->options->json ? &run->output : &run->screen;
    struct sley_resolver_stats stats = {0};
    struct text text = {0};

    if (run->bar)
        progress_end(run->bar);
    if (run->options->quiet)
        return;
    sley_resolver_stats(run->prober.resolver, &stats);
    probe_tell_total(&text, run->options, &run->tally, &stats, took);
    if (where == &run->screen)
        console_write(STDERR_FILENO, &text);
    else
        progress_text(where, text.bytes, text.length);
    progress_flush(where);
    text_free(&text);
}

/* With the one who tells beside it. 0, or why that could not be. */
static int probe_and_tell(struct run *run)
{
    static const struct sley_task_options teller = {.name = "teller"};
    int64_t start = sley_now();

    int code = sley_chan_new(sizeof(struct probe_result *), RESULTS, &run->prober.results);
    if (code)
        return code;
    SLEY_SCOPE(&run->scope, .policy = SLEY_SCOPE_ALL)
    {
        code = sley_scope_spawn(&run->scope, tell_results, run, &teller, NULL);
        if (code)
            break;
        interrupts_handle(&run->interrupts, cancel, run);
        probe_all(run);
        interrupts_handle(&run->interrupts, NULL, NULL);
        sley_chan_close(run->prober.results, 0);
    }
    if (!code)
        tell_total(run, sley_now() - start);
    sley_chan_free(run->prober.results);
    return code;
}

static int exit_status(struct run *run)
{
    int interrupt = interrupts_arrived(&run->interrupts);

    if (run->output.error) {
        complain("cannot write", run->output.error);
        return EXIT_SOME_FAILED;
    }
    if (interrupt && (run->error == SLEY_ECANCELED || run->tally.names < run->begun))
        return 128 + interrupt;
    if (run->error)
        complain(run->why, 0);
    return run->error || probe_has_failures(&run->tally) ? EXIT_SOME_FAILED : EXIT_DONE;
}

/* What --http and --https need. */
static int open_clients(struct run *run)
{
    static const char *const protocols[] = {"http/1.1", NULL};
    const struct probe_options *options = run->options;
    struct sley_http_client_options http = {.no_proxy = true};
    struct sley_tls_options tls = {.ca_file = options->ca_file, .protocols = protocols};
    char why[SLEY_TLS_ERROR_SIZE];
    int code = 0;

    if (options->http)
        code = sley_http_client_new(&http, &run->prober.http);
    if (code)
        complain("cannot start", code);
    if (code || !options->https)
        return code ? EXIT_SOME_FAILED : EXIT_DONE;
    code = sley_tls_client_new(&tls, why, &run->prober.tls);
    if (code)
        complain(code == SLEY_ETLS ? why : "cannot start", code == SLEY_ETLS ? 0 : code);
    return code ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int open_resolver(struct run *run)
{
    const struct probe_options *options = run->options;
    struct sley_resolver_options resolver = {
        .servers = options->servers,
        .timeout = options->timeout,
        .tries = options->tries,
        .cache = SLEY_DNS_NO_CACHE, /* a list has each name once */
        .in_flight = (int)run->jobs,
        .hosts = "",
    };

    int code = sley_resolver_new(&resolver, &run->prober.resolver);
    if (code == SLEY_EINVAL && options->servers)
        return opt_error(PROBE_PROGRAM, "--server: '%s' is not an address, such as 127.0.0.1:53",
                         options->servers);
    if (code)
        complain("cannot start", code);
    return code ? EXIT_SOME_FAILED : open_clients(run);
}

static int run_with_interrupts(struct run *run)
{
    choose_jobs(run);
    int status = open_resolver(run);
    if (status == EXIT_DONE) {
        prepare_output(run);
        int code = probe_and_tell(run);
        if (code)
            complain("cannot start", code);
        status = code ? EXIT_SOME_FAILED : exit_status(run);
    }
    sley_tls_context_free(run->prober.tls);
    sley_http_client_free(run->prober.http);
    sley_resolver_free(run->prober.resolver);
    progress_close(&run->output);
    progress_close(&run->screen);
    text_free(&run->lines);
    return status;
}

int probe_run(void *options)
{
    struct probe_options *given = options;
    struct run run = {.options = given, .names = &given->names, .prober.options = given};
    int status = interrupts_start(&run.interrupts);

    if (status)
        return status;
    status = run_with_interrupts(&run);
    probe_names_close(run.names);
    interrupts_stop(&run.interrupts);
    return status;
}
