/*
 * fetch_tell.c: what "sley-fetch get" says.
 *
 * Piped: a line per file. On a terminal: a bar, and above it a line for each file that failed, for
 * the others are what was to be expected. With --json the standard output belongs to the results,
 * and everything for people goes to the standard error. Reasons of failures are told once each,
 * with their number: ten thousand lines "connection refused" say no more than one. They stand at
 * the end, which may be far; so the first failure of each host is told when it comes.
 */
#define _GNU_SOURCE
#include "fetch_tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define uthash_nonfatal_oom(reason) ((reason)->lost = true)
#define HASH_NONFATAL_OOM           1
#include <uthash.h>

#include <sley/sley.h>

#include "fetch_hosts.h"
#include "fetch_jobs.h"

#define REASONS_SHOWN 10
#define REFUSED_SHOWN 10 /* lines; what is no list at all has a million of them */
#define REDRAW        SLEY_MILLISECONDS(200) /* numbers that change faster cannot be read */

/* A reason why files are not there, and of how many: those that have failed, and those that were
 * to be tried again when the run was interrupted. */
struct fetch_reason {
    UT_hash_handle hh;
    size_t failed, unfinished;
    bool lost;
    char text[];
};

void fetch_tell_init(struct fetch_tell *tell, const struct fetch_plan *plan)
{
    *tell = (struct fetch_tell){.plan = plan, .start = sley_now()};
    progress_init(&tell->progress, plan->json ? STDERR_FILENO : STDOUT_FILENO);
    if (plan->quiet)
        tell->progress.bar = false;
}

void fetch_tell_close(struct fetch_tell *tell)
{
    struct fetch_reason *reason = tell->reasons, *next;

    HASH_CLEAR(hh, tell->reasons); /* frees the table, not what is in it */
    for (; reason; reason = next) {
        next = reason->hh.next;
        free(reason);
    }
    progress_close(&tell->progress);
    text_free(&tell->json);
    text_free(&tell->errors);
}

void fetch_tell_total(struct fetch_tell *tell, size_t open, bool more)
{
    progress_total(&tell->progress, tell->progress.done + open, more);
}

/* A line for people, above the bar if there is one. Gathers only. */
static void vtell_fault(struct fetch_tell *tell, const char *format, va_list values)
{
    char line[1024];

    vsnprintf(line, sizeof line, format, values);
    if (tell->progress.bar)
        progress_line(&tell->progress, "%s: %s", tell->plan->program, line);
    else
        text_add(&tell->errors, "%s: %s\n", tell->plan->program, line);
}

__attribute__((format(printf, 2, 3))) static void tell_fault(struct fetch_tell *tell,
                                                             const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vtell_fault(tell, format, values);
    va_end(values);
}

void fetch_tell_refused(struct fetch_tell *tell, const char *format, ...)
{
    va_list values;

    if (++tell->refused > REFUSED_SHOWN)
        return;
    va_start(values, format);
    vtell_fault(tell, format, values);
    va_end(values);
}

void fetch_tell_unread(struct fetch_tell *tell, const char *format, ...)
{
    va_list values;

    tell->unread = true;
    if (!format)
        return;
    tell->broken = true;
    va_start(values, format);
    vtell_fault(tell, format, values);
    va_end(values);
}

bool fetch_tell_list_wrong(const struct fetch_tell *tell)
{
    return tell->refused > 0 || tell->broken;
}

void fetch_tell_kept(struct fetch_tell *tell)
{
    tell->kept++;
}

static const char *reason_of(const struct fetch_item *item)
{
    return item->reason ? item->reason : sley_strerror(SLEY_ENOMEM);
}

static void count_reason(struct fetch_tell *tell, const struct fetch_item *item)
{
    const char *text = reason_of(item);
    struct fetch_reason *reason;
    size_t length = strlen(text);

    HASH_FIND(hh, tell->reasons, text, length, reason);
    if (!reason) {
        reason = calloc(1, sizeof *reason + length + 1);
        if (!reason)
            return;
        memcpy(reason->text, text, length + 1);
        HASH_ADD_KEYPTR(hh, tell->reasons, reason->text, length, reason);
        if (reason->lost) {
            free(reason);
            return;
        }
    }
    if (item->state == FETCH_FAILED)
        reason->failed++;
    else
        reason->unfinished++;
}

/* The line of one file, if it is to have one. */
static void tell_line(struct fetch_tell *tell, const struct fetch_item *item)
{
    const struct fetch_plan *plan = tell->plan;
    bool brief = tell->progress.bar && !plan->verbose;
    double ms = (double)item->took / 1e6;

    if (plan->quiet || (plan->json && !tell->progress.bar))
        return;
    if (item->state == FETCH_FAILED)
        progress_line(&tell->progress, "%s  failed: %s", item->name, reason_of(item));
    else if (brief)
        return;
    else if (item->state == FETCH_KEPT)
        progress_line(&tell->progress, "%s  kept", item->name);
    else if (plan->verbose)
        progress_line(&tell->progress, "%s  %" PRIu64 " bytes, %.1f ms, %u attempt%s%s", item->name,
                      item->size, ms, item->attempts, item->attempts == 1 ? "" : "s",
                      item->resumed ? ", resumed" : "");
    else
        progress_line(&tell->progress, "%s  %" PRIu64 " bytes", item->name, item->size);
}

void fetch_tell_item(struct fetch_tell *tell, const struct fetch_item *item)
{
    char bytes[24];

    if (item->state == FETCH_DONE) {
        tell->done++;
        tell->bytes += item->size;
        tell->resumed += item->resumed ? 1 : 0;
    } else if (item->state == FETCH_KEPT) {
        tell->kept++;
    } else {
        tell->failed++;
        count_reason(tell, item);
    }
    if (tell->plan->json)
        fetch_report_json(&tell->json, item);
    tell_line(tell, item);
    snprintf(bytes, sizeof bytes, "%.1f MiB", (double)tell->bytes / 1048576);
    progress_step(&tell->progress, bytes);
}

/* A host that is down would be silence until the last attempt has failed. */
static void tell_host(struct fetch_tell *tell, const struct fetch_item *item, int64_t wait)
{
    if (!fetch_hosts_first_failure(item) || ++tell->hosts > FETCH_HOSTS_TOLD)
        return;
    tell_fault(tell, "%s: %s; again in %.1f s (--verbose tells each time)", fetch_hosts_name(item),
               reason_of(item), (double)wait / 1e9);
}

void fetch_tell_retry(struct fetch_tell *tell, const struct fetch_item *item, int64_t wait)
{
    const struct fetch_plan *plan = tell->plan;

    tell->retries++;
    if (plan->quiet)
        return;
    if (plan->verbose && !plan->json)
        progress_line(&tell->progress, "%s  again in %.1f s: %s", item->name, (double)wait / 1e9,
                      reason_of(item));
    else
        tell_host(tell, item, wait);
}

int64_t fetch_tell_deadline(const struct fetch_tell *tell, const struct fetch_jobs *jobs,
                            int64_t when)
{
    int64_t draw = tell->drawn + REDRAW;

    return tell->progress.bar && fetch_jobs_to_show(jobs) && draw < when ? draw : when;
}

static void write_json(struct fetch_tell *tell)
{
    int error = tell->write_error;

    if (tell->json.length > 0 && !error)
        tell->write_error = console_write(STDOUT_FILENO, &tell->json);
    tell->json.length = 0;
}

void fetch_tell_flush(struct fetch_tell *tell, struct fetch_jobs *jobs)
{
    if (tell->plan->json)
        write_json(tell);
    if (tell->progress.bar) {
        tell->drawn = sley_now();
        fetch_jobs_show(jobs, &tell->progress);
    }
    console_write(STDERR_FILENO, &tell->errors);
    progress_flush(&tell->progress);
}

void fetch_tell_end(struct fetch_tell *tell)
{
    if (tell->plan->json)
        write_json(tell);
    progress_end(&tell->progress);
}

void fetch_tell_error(struct fetch_tell *tell, const char *format, ...)
{
    char line[1024];
    va_list values;

    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text_add(&tell->errors, "%s: %s\n", tell->plan->program, line);
    console_write(STDERR_FILENO, &tell->errors);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* What was to be tried again when the run was interrupted. */
static void count_unfinished(struct fetch_tell *tell)
{
    for (size_t i = 0; i < tell->plan->list.count; i++) {
        const struct fetch_item *item = fetch_list_at(&tell->plan->list, i);
        if (item->state == FETCH_WAITING && item->reason)
            count_reason(tell, item);
    }
}

static void add_reason(struct text *text, const char *program, size_t count, const char *what,
                       const char *reason)
{
    if (count > 0)
        text_add(text, "%s: %zu %s: %s\n", program, count, what, reason);
}

/* The reasons of the failures, each with its number, on the standard error. */
static void tell_reasons(struct fetch_tell *tell)
{
    const char *program = tell->plan->program;
    size_t shown = 0;

    count_unfinished(tell);
    if (tell->refused > REFUSED_SHOWN)
        text_add(&tell->errors, "%s: and %zu other line%s that %s wrong\n", program,
                 tell->refused - REFUSED_SHOWN, plural(tell->refused - REFUSED_SHOWN),
                 tell->refused - REFUSED_SHOWN == 1 ? "is" : "are");
    for (struct fetch_reason *r = tell->reasons; r && shown < REASONS_SHOWN;
         r = r->hh.next, shown++) {
        add_reason(&tell->errors, program, r->failed, "failed", r->text);
        add_reason(&tell->errors, program, r->unfinished, "unfinished", r->text);
    }
    if (HASH_COUNT(tell->reasons) > REASONS_SHOWN)
        text_add(&tell->errors, "%s: and %u other reason%s\n", program,
                 HASH_COUNT(tell->reasons) - REASONS_SHOWN,
                 plural(HASH_COUNT(tell->reasons) - REASONS_SHOWN));
    console_write(STDERR_FILENO, &tell->errors);
}

static void add_summary(struct fetch_tell *tell)
{
    struct progress *progress = &tell->progress;
    double seconds = (double)(sley_now() - tell->start) / 1e9;
    struct fetch_times times = fetch_times(&tell->plan->list);
    size_t ended = tell->done + tell->kept + tell->failed, all = tell->plan->list.count;

    if (all > ended)
        progress_line(progress, "%zu unfinished", all - ended);
    if (tell->unread)
        progress_line(progress, "the list was not read to its end");
    if (tell->refused)
        progress_line(progress, "%zu line%s refused", tell->refused, plural(tell->refused));
    if (tell->plan->list.duplicates)
        progress_line(progress, "%zu named more than once", tell->plan->list.duplicates);
    if (tell->retries || tell->resumed)
        progress_line(progress, "%zu further attempt%s, %zu resumed", tell->retries,
                      plural(tell->retries), tell->resumed);
    if (times.count)
        progress_line(progress, "50 %% within %.1f ms, 90 %% %.1f ms, 99 %% %.1f ms, all %.1f ms",
                      (double)times.half / 1e6, (double)times.ninety / 1e6,
                      (double)times.ninety_nine / 1e6, (double)times.longest / 1e6);
    progress_line(progress,
                  "%zu downloaded, %zu kept, %zu failed, %" PRIu64 " bytes in %.2f s, %.0f KiB/s",
                  tell->done, tell->kept, tell->failed, tell->bytes, seconds,
                  (double)tell->bytes / 1024 / (seconds > 0 ? seconds : 1));
}

bool fetch_tell_summary(struct fetch_tell *tell)
{
    int error;

    tell_reasons(tell);
    if (!tell->plan->quiet)
        add_summary(tell);
    progress_flush(&tell->progress);
    error = tell->write_error ? tell->write_error : tell->progress.error;
    if (error)
        fetch_tell_error(tell, "cannot write the results: %s", sley_strerror(error));
    return tell->failed > 0 || error;
}
