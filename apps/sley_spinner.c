/*
 * sley_spinner.c: the program sley-spinner: a spinner that turns while something slow happens.
 *
 * The classic trial of a runtime. A job that waits lets a spinner turn everywhere; one that
 * computes freezes it wherever both share a thread. Here the computing goes to an executor: to a
 * thread, if nothing else is said, to a process, or to a task that yields as it goes. The spinner
 * is the same either way: a task that sleeps, and draws.
 *
 * How smooth that was is not left to the eye: at the end the program says how many frames were
 * drawn, and how late the latest one began. Each frame has its time, counted from the start; one
 * that comes late does not delay those behind it.
 *
 * On anything but a terminal nothing turns; the frames are counted all the same.
 */
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
#include "options.h"
#include "place.h"
#include "primality.h"

#define PROGRAM "sley-spinner"
#define FRAME   SLEY_MILLISECONDS(100)

enum { JOB, SECONDS, EXECUTOR, HELP, VERSION };

static const struct opt table[] = {
    [JOB] = {"job", 'j', "JOB", "what the job does: wait or compute (wait)"},
    [SECONDS] = {"seconds", 's', "SECONDS", "for so long: 2, 0.5, 500ms (3)"},
    [EXECUTOR] = {"executor", 'e', "WHERE",
                  "where a job that computes runs: tasks, threads or\n"
                  "processes (threads)"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

struct spinner {
    bool computes;
    bool placed; /* --executor was given */
    enum place_kind kind;
    int64_t length; /* ns the job takes */

    bool shown; /* on a terminal */
    struct interrupts interrupts;
    struct place place;
    struct sley_scope scope; /* of the job */
    int64_t begin;
    unsigned long frames; /* the rest: of the task that draws */
    int64_t latest;       /* ns */
    int error;            /* -errno of the first write that failed */
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "turn a spinner smoothly while a slow job runs",
    .usage = "[OPTION...]",
    .about =
        "Turns a spinner while a slow job runs, then prints the answer, and how smoothly it went.",
    .table = table,
    .notes = "Exit status: 0, 1 when the job has failed or nothing can be written, 2 for a wrong "
             "command\n"
             "line, 130 after Ctrl-C.",
};

static bool read_job(struct spinner *spinner, const char *value)
{
    spinner->computes = strcmp(value, "compute") == 0;
    if (spinner->computes || strcmp(value, "wait") == 0)
        return true;
    opt_error(PROGRAM, "--job: '%s' is not wait or compute", value);
    return false;
}

static bool read_place(struct spinner *spinner, const char *value)
{
    spinner->placed = true;
    if (place_parse(value, &spinner->kind))
        return true;
    opt_error(PROGRAM, "--executor: '%s' is not tasks, threads or processes", value);
    return false;
}

/* One option. True to go on, else *status is what to exit with. */
static bool take(struct opt_scan *scan, struct spinner *spinner, int option, const char *value,
                 int *status)
{
    *status = EXIT_USAGE;
    switch (option) {
    case JOB:
        return read_job(spinner, value);
    case SECONDS:
        return opt_duration(scan, "seconds", value, &spinner->length);
    case EXECUTOR:
        return read_place(spinner, value);
    case HELP:
    case VERSION:
        *status = manual_answer(&manual, option == HELP);
        return false;
    case OPT_ARGUMENT:
        opt_error(PROGRAM, "it takes no arguments: '%s'", value);
        return false;
    default:
        return false;
    }
}

/* Returns true to go on, else *status is what to exit with. */
static bool read_command_line(int argc, char **argv, struct spinner *spinner, int *status)
{
    struct opt_scan scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1};
    char *value;
    int option;

    while ((option = opt_next(&scan, &value)) != OPT_END)
        if (!take(&scan, spinner, option, value, status))
            return false;
    if (!spinner->placed || spinner->computes)
        return true;
    *status =
        opt_error(PROGRAM, "--executor is for --job compute; a job that waits needs no place");
    return false;
}

/* --- the job ---------------------------------------------------------------------------------- */

/* Checks one and the same prime, a few milliseconds long, until the time at `data` (ns) is over.
 * 42, or GAVE_UP. */
static int compute(void *data, size_t size)
{
    struct primality work = {.number = UINT64_C(1618033988749)};
    int64_t length, begin = sley_now();

    memcpy(&length, data, size);
    do {
        if (primality_work(&work, sizeof work) != PRIME)
            return GAVE_UP;
    } while (sley_now() - begin < length);
    return 42;
}

/* The task of the job. */
static int job(void *arg)
{
    struct spinner *spinner = arg;
    int64_t length = spinner->length;
    int error, answer = 42;

    if (spinner->computes)
        error =
            sley_executor_call(&spinner->place.executor, compute, &length, sizeof length, &answer);
    else
        error = sley_sleep(length);
    return error ? error : answer;
}

/* --- the spinner ------------------------------------------------------------------------------ */

/* The text goes out; when that fails the first time, there is no use in going on. */
static void put(struct spinner *spinner, struct text *text)
{
    if (spinner->error || (spinner->error = console_write(STDOUT_FILENO, text)) == 0)
        return;
    primality_give_up();
    sley_scope_cancel(&spinner->scope, "nothing can be written");
}

static void draw(struct spinner *spinner, struct text *text)
{
    static const char frames[] = "|/-\\";

    if (spinner->shown) {
        text_add(text, "\r%c thinking!", frames[spinner->frames % 4]);
        put(spinner, text);
    }
    spinner->frames++;
}

/* Draws until the job has ended; what it has returned. */
static int spin(struct spinner *spinner, struct text *text)
{
    int64_t next = spinner->begin, late;
    struct sley_child child = {0};
    int got = SLEY_ETIMEDOUT;

    while (got == SLEY_ETIMEDOUT) {
        late = sley_now() - next;
        if (late > spinner->latest)
            spinner->latest = late;
        draw(spinner, text);
        next += FRAME;
        SLEY_WITH_DEADLINE(next)
        got = sley_scope_next(&spinner->scope, &child);
    }
    return got == 1 ? child.result : SLEY_ECANCELED;
}

/* In the task that waits for signals. */
static void give_up(void *arg)
{
    struct spinner *spinner = arg;

    primality_give_up();
    sley_scope_cancel(&spinner->scope, "interrupted");
}

/* The job's answer, or SLEY_E*. */
static int think(struct spinner *spinner, struct text *text)
{
    int answer = SLEY_ENOMEM;

    SLEY_SCOPE(&spinner->scope, .policy = SLEY_SCOPE_ALL)
    {
        interrupts_handle(&spinner->interrupts, give_up, spinner);
        spinner->begin = sley_now();
        answer = sley_scope_spawn(&spinner->scope, job, spinner, NULL, NULL);
        if (!answer)
            answer = spin(spinner, text);
        interrupts_handle(&spinner->interrupts, NULL, NULL);
        if (answer < 0)
            give_up(spinner); /* then the job ends soon, and with it the scope */
    }
    return answer;
}

static int tell(struct spinner *spinner, struct text *text, int answer)
{
    int number = interrupts_arrived(&spinner->interrupts);

    text_add(text, "%s", spinner->shown ? "\r\033[K" : "");
    if (answer >= 0)
        text_add(text, "Answer: %d\n", answer);
    text_add(text, "%lu frame%s, the latest %.1f ms late\n", spinner->frames,
             spinner->frames == 1 ? "" : "s", (double)spinner->latest / 1e6);
    if (!spinner->error)
        spinner->error = console_write(STDOUT_FILENO, text);
    if (spinner->error)
        fprintf(stderr, "%s: cannot write: %s\n", PROGRAM, sley_strerror(spinner->error));
    else if (answer < 0 && number)
        return 128 + number;
    else if (answer < 0)
        fprintf(stderr, "%s: the job has failed: %s\n", PROGRAM, sley_strerror(answer));
    return spinner->error || answer < 0 ? EXIT_SOME_FAILED : EXIT_DONE;
}

static int spin_and_tell(struct spinner *spinner)
{
    const char *terminal = getenv("TERM");
    struct text text = {0};
    int status = place_open(&spinner->place, spinner->kind, 1);

    if (status) {
        fprintf(stderr, "%s: cannot start: %s\n", PROGRAM, sley_strerror(status));
        return EXIT_SOME_FAILED;
    }
    spinner->shown = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    status = tell(spinner, &text, think(spinner, &text));
    place_close(&spinner->place);
    text_free(&text);
    return status;
}

/* The main task. */
static int run(void *arg)
{
    struct spinner *spinner = arg;
    int status = interrupts_start(&spinner->interrupts);

    if (status)
        return status;
    status = spin_and_tell(spinner);
    interrupts_stop(&spinner->interrupts);
    return status;
}

int main(int argc, char **argv)
{
    static struct spinner spinner = {.kind = PLACE_THREADS, .length = SLEY_SECONDS(3)};
    int status;

    console_take_places();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (manual_generate(&manual, argc, argv, &status) ||
        !read_command_line(argc, argv, &spinner, &status))
        return status;
    status = place_prepare(spinner.kind); /* before there is a thread */
    if (!status)
        status = sley_run(run, &spinner, NULL);
    if (status < 0)
        opt_start_error(PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}
