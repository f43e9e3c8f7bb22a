/*
 * fetch_tell.h: what "sley-fetch get" says while it runs, and at the end.
 *
 * For the main task only. What parks says so; the rest gathers.
 */
#ifndef SLEY_APPS_FETCH_TELL_H
#define SLEY_APPS_FETCH_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch_run.h"
#include "progress.h"

struct fetch_jobs;
struct fetch_reason;

#define FETCH_HOSTS_TOLD 10 /* of those that fail; a thousand lines say no more */

/* A value; from fetch_tell_init() to fetch_tell_close(). */
struct fetch_tell {
    const struct fetch_plan *plan;
    struct progress progress;
    struct text json;             /* lines for the standard output, not yet written */
    struct text errors;           /* for the standard error */
    struct fetch_reason *reasons; /* uthash, in the order in which they came */
    size_t done, kept, failed, retries, resumed;
    size_t hosts;   /* of which something is tried again */
    size_t refused; /* lines */
    bool unread;    /* not all lines were read */
    bool broken;    /* because a list cannot be */
    uint64_t bytes;
    int64_t start, drawn; /* when; the bar, last */
    int write_error;      /* of the standard output with --json; the first one */
};

void fetch_tell_init(struct fetch_tell *tell, const struct fetch_plan *plan);
void fetch_tell_close(struct fetch_tell *tell);

/* So many files are to come; `more`: at least. */
void fetch_tell_total(struct fetch_tell *tell, size_t open, bool more);

/* A line of a list is wrong, for the reason in the text; a list was not read to its end, for the
 * reason in the text, or because of an interrupt if that is NULL. */
void fetch_tell_refused(struct fetch_tell *tell, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fetch_tell_unread(struct fetch_tell *tell, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether one of these was called for what is wrong with a list. */
bool fetch_tell_list_wrong(const struct fetch_tell *tell);

/* One was complete before the start / has ended / will be tried again after so long. */
void fetch_tell_kept(struct fetch_tell *tell);
void fetch_tell_item(struct fetch_tell *tell, const struct fetch_item *item);
void fetch_tell_retry(struct fetch_tell *tell, const struct fetch_item *item, int64_t wait);

/* The earlier of `when` and the time at which what is under way is to be drawn again. */
int64_t fetch_tell_deadline(const struct fetch_tell *tell, const struct fetch_jobs *jobs,
                            int64_t when);

/* Writes what was gathered, and what is under way. Parks. */
void fetch_tell_flush(struct fetch_tell *tell, struct fetch_jobs *jobs);

/* The transfers are over. Parks. */
void fetch_tell_end(struct fetch_tell *tell);

/* The reasons of failures and the summary. Returns whether something has failed. Parks. */
bool fetch_tell_summary(struct fetch_tell *tell);

/* "sley-fetch: ..." on the standard error. Parks. */
void fetch_tell_error(struct fetch_tell *tell, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
