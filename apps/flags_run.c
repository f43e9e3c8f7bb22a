/*
 * flags_run.c: a download from its announcement to its summary.
 *
 * The main task of "sley-fetch flags". It opens the directory, starts the server in this same
 * process if no other was named, starts the download, and then does what only one task should do:
 * as the flags finish it counts them and tells of them. Nothing in it blocks a worker, so the
 * server's handlers, the downloads and the telling share the machine however many cores it has.
 *
 * What is told of a flag: piped, a line for each. On a terminal the bar says enough, except for
 * what the user would miss: codes asked for by name that do not exist. Failures are told once per
 * reason, with their number, on the standard error, for twenty lines that say "connection refused"
 * say no more than one. With --verbose every flag has its line, with the details, everywhere.
 */
#define _GNU_SOURCE
#include "flags_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define uthash_nonfatal_oom(reason) ((reason)->lost = true)
#define HASH_NONFATAL_OOM           1
#include <uthash.h>

#include <sley/sley.h>

#include "fetch_url.h"
#include "flags_download.h"
#include "flagserver.h"
#include "options.h"
#include "progress.h"
#include "savefile.h"

#define REASONS_SHOWN 10

/* A reason for failures and how often it came. Those that differ in numbers of bytes are one. */
struct reason {
    const char *text; /* the first flag's */
    char *kind;       /* the key: the text, without such numbers */
    bool varies;      /* not all have that text */
    bool lost;        /* there was no memory to keep it */
    size_t count;
    UT_hash_handle hh;
};

/* What has come of it so far. */
struct tally {
    size_t downloaded, not_found, failed;
    bool refused; /* a connection: nobody listens there */
    uint64_t bytes;
    int64_t start;
    struct reason *reasons; /* in the order in which they came, until they are told */
    size_t untold;          /* failures whose reason there was no memory to keep */
};

/* A copy of the text, without its numbers if they are of bytes; NULL: no memory. */
static char *kind_of(const char *text)
{
    char *kind = strdup(text), *end = kind;

    if (!kind || !strstr(text, " bytes"))
        return kind;
    for (const char *from = kind; *from; from++)
        if (*from < '0' || *from > '9')
            *end++ = *from;
    *end = '\0';
    return kind;
}

static void count_reason(struct tally *tally, const char *text)
{
    char *kind = kind_of(text);
    struct reason *reason = NULL;

    if (kind)
        HASH_FIND_STR(tally->reasons, kind, reason);
    if (kind && !reason && (reason = calloc(1, sizeof *reason))) {
        *reason = (struct reason){.text = text, .kind = kind};
        HASH_ADD_KEYPTR(hh, tally->reasons, kind, strlen(kind), reason);
        if (reason->lost) {
            free(reason);
            reason = NULL;
        } else {
            kind = NULL;
        }
    }
    free(kind);
    if (!reason) {
        tally->untold++;
        return;
    }
    reason->varies = reason->varies || strcmp(reason->text, text) != 0;
    reason->count++;
}

static int by_count(const struct reason *a, const struct reason *b)
{
    return a->count == b->count ? 0 : a->count < b->count ? 1 : -1;
}

static const char *reason_of(const struct flag *flag)
{
    return flag->reason ? flag->reason : sley_strerror(SLEY_ENOMEM);
}

static void count(struct tally *tally, const struct flag *flag)
{
    if (flag->status == FLAG_DOWNLOADED) {
        tally->downloaded++;
        tally->bytes += flag->bytes;
    } else if (flag->status == FLAG_NOT_FOUND) {
        tally->not_found++;
    } else if (flag->status == FLAG_FAILED) {
        tally->failed++;
        tally->refused = tally->refused || flag->error == SLEY_ECONNREFUSED;
        count_reason(tally, reason_of(flag));
    }
}

/* The line of one flag, if it is to have one. */
static void tell(const struct flags_run *run, struct progress *progress, const struct flag *flag)
{
    double ms = (double)flag->took / 1e6;
    bool brief = progress->bar && !run->verbose;

    if (flag->status == FLAG_DOWNLOADED && run->verbose)
        progress_line(progress, "%s  %s, %zu bytes, %.1f ms", flag->code,
                      flag->file ? flag->file : "saved", flag->bytes, ms);
    else if (flag->status == FLAG_DOWNLOADED && !brief)
        progress_line(progress, "%s  %s", flag->code, flag->file ? flag->file : "saved");
    else if (flag->status == FLAG_NOT_FOUND && run->verbose)
        progress_line(progress, "%s  not found: %s, %.1f ms", flag->code, reason_of(flag), ms);
    else if (flag->status == FLAG_NOT_FOUND && (!brief || flag->asked))
        progress_line(progress, "%s  not found", flag->code);
    else if (flag->status == FLAG_FAILED && run->verbose)
        progress_line(progress, "%s  failed: %s, %.1f ms", flag->code, reason_of(flag), ms);
    else if (flag->status == FLAG_FAILED && !brief)
        progress_line(progress, "%s  failed", flag->code);
}

static void announce(const struct flags_run *run, struct progress *progress, const char *base)
{
    size_t total = run->plan.count;
    size_t requests = run->max_requests < total ? run->max_requests : total;
    char shown[FETCH_SHOWN_SIZE];

    fetch_url_show(base, shown, sizeof shown);
    progress_line(progress, "Server: %s%s", shown, run->base ? "" : " (in this process)");
    if (total == 1)
        progress_line(progress, "Searching for 1 flag: %s", run->plan.list[0].code);
    else
        progress_line(progress, "Searching for %zu flags: from %s to %s", total,
                      run->plan.list[0].code, run->plan.list[total - 1].code);
    progress_line(progress, "%zu concurrent connection%s will be used.", requests,
                  requests == 1 ? "" : "s");
    progress_flush(progress);
}

/* Waits for the flags, in the order in which they finish. */
static void watch(const struct flags_run *run, struct flags_download *download,
                  struct progress *progress, struct tally *tally)
{
    struct flag *flag;

    progress_begin(progress, run->plan.count);
    progress_flush(progress);
    while ((flag = flags_download_next(download))) {
        for (; flag; flag = flag->next) {
            count(tally, flag);
            tell(run, progress, flag);
            if (flag->status != FLAG_CANCELED)
                progress_step(progress, flag->code);
        }
        progress_flush(progress);
    }
    progress_end(progress);
}

/* The reasons of the failures, each with its number, the most frequent first, on the standard
 * error. */
static void tell_reasons(const struct flags_run *run, struct tally *tally)
{
    struct text text = {0};
    size_t shown = 0;

    HASH_SORT(tally->reasons, by_count);
    for (struct reason *r = tally->reasons; r && shown < REASONS_SHOWN; r = r->hh.next, shown++)
        text_add(&text, "%s: %zu failed: %s%s\n", FETCH_PROGRAM, r->count, r->text,
                 r->varies ? ", and the like" : "");
    if (HASH_COUNT(tally->reasons) > REASONS_SHOWN)
        text_add(&text, "%s: and %u other reasons; --verbose tells all\n", FETCH_PROGRAM,
                 HASH_COUNT(tally->reasons) - REASONS_SHOWN);
    if (tally->untold)
        text_add(&text, "%s: %zu failed: %s\n", FETCH_PROGRAM, tally->untold,
                 sley_strerror(SLEY_ENOMEM));
    if (tally->refused && run->base && run->no_proxy) /* --server local, delay or error */
        text_add(&text, "%s: nobody serves %s here: start sley-flagserver\n", FETCH_PROGRAM,
                 run->base);
    console_write(STDERR_FILENO, &text);
    text_free(&text);
}

static void summarize(struct progress *progress, const struct tally *tally)
{
    progress_line(progress, "%zu downloaded, %zu not found, %zu failed, %llu bytes in %.2f s",
                  tally->downloaded, tally->not_found, tally->failed,
                  (unsigned long long)tally->bytes, (double)(sley_now() - tally->start) / 1e9);
    progress_flush(progress);
}

static void free_reasons(struct tally *tally)
{
    struct reason *reason = tally->reasons, *next;

    HASH_CLEAR(hh, tally->reasons); /* frees the table, not what is in it */
    for (; reason; reason = next) {
        next = reason->hh.next;
        free(reason->kind);
        free(reason);
    }
}

/* Nothing can be downloaded: all of the plan has failed, for one reason. */
static void fail_all(const struct flags_run *run, struct tally *tally, const char *what,
                     const char *object, int error)
{
    struct text text = {0};

    text_add(&text, "%s: %s%s: %s\n", FETCH_PROGRAM, what, object, sley_strerror(error));
    console_write(STDERR_FILENO, &text);
    text_free(&text);
    tally->failed = run->plan.count;
}

static void download(struct flags_run *run, const char *base, struct sley_file *directory,
                     struct progress *progress, struct tally *tally)
{
    struct flags_download_options options = {
        .base = base,
        .directory = directory,
        .named = run->named,
        .no_proxy = run->no_proxy,
        .max_requests = run->max_requests,
        .timeout = run->timeout,
    };
    struct flags_download *flags;

    announce(run, progress, base);
    int error = flags_download_start(&options, &run->plan, &flags);
    if (error) {
        fail_all(run, tally, "cannot start", "", error);
        return;
    }
    interrupts_handle(&run->interrupts, flags_download_interrupt, flags);
    watch(run, flags, progress, tally);
    interrupts_handle(&run->interrupts, NULL, NULL);
    tell_reasons(run, tally);
    free_reasons(tally);
    flags_download_free(flags);
}

/* With the server of the command line, or with one of our own for as long as it takes. */
static void serve_and_download(struct flags_run *run, struct sley_file *directory,
                               struct progress *progress, struct tally *tally)
{
    struct flagserver *server = NULL;
    char base[64];

    if (run->base) {
        download(run, run->base, directory, progress, tally);
        return;
    }
    int error = flagserver_start(run->countries, &flagserver_plain, &server);
    if (error) {
        fail_all(run, tally, "cannot start the server", "", error);
        return;
    }
    snprintf(base, sizeof base, "http://127.0.0.1:%u/flags", (unsigned)flagserver_port(server));
    download(run, base, directory, progress, tally);
    flagserver_free(server);
}

static int exit_status(struct flags_run *run, const struct progress *progress,
                       const struct tally *tally)
{
    int interrupt = interrupts_arrived(&run->interrupts);
    size_t finished = tally->downloaded + tally->not_found + tally->failed;

    if (progress->error)
        fprintf(stderr, "%s: cannot write to the standard output: %s\n", FETCH_PROGRAM,
                sley_strerror(progress->error));
    if (interrupt && finished < run->plan.count)
        return 128 + interrupt;
    return tally->failed > 0 || progress->error ? EXIT_SOME_FAILED : EXIT_DONE;
}

int flags_run(void *options)
{
    struct flags_run *run = options;
    struct progress progress;
    struct tally tally = {.start = sley_now()};
    struct sley_file *directory;

    int error = interrupts_start(&run->interrupts);
    if (error)
        return error;
    progress_init(&progress, STDOUT_FILENO);
    error = savefile_directory(run->directory, &directory);
    if (error) {
        fail_all(run, &tally, "cannot save files in ", run->directory, error);
    } else {
        serve_and_download(run, directory, &progress, &tally);
        sley_file_close(directory);
    }
    summarize(&progress, &tally);
    int status = exit_status(run, &progress, &tally);
    progress_close(&progress);
    interrupts_stop(&run->interrupts);
    return status;
}
