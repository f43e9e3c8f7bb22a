/*
 * flags_download.h: many flags at once.
 *
 * A download is started for a plan and hands its flags back as they finish:
 *
 *     flags_download_start(&options, &plan, &download);
 *     while ((flag = flags_download_next(download)))
 *         for (; flag; flag = flag->next)
 *             tell(flag);
 *     flags_download_free(download);
 */
#ifndef SLEY_APPS_FLAGS_DOWNLOAD_H
#define SLEY_APPS_FLAGS_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/file.h>

#include "flags_plan.h"

/* How to download. Copied; what it points to stays as it is until the download is freed. */
struct flags_download_options {
    const char *base; /* "http://127.0.0.1:8000/flags", without a slash at its end */
    const struct sley_file *directory; /* where the files go */
    bool named;                        /* Brazil.gif, by the server's metadata, instead of BR.gif */
    bool no_proxy;                     /* ask the server itself, whatever the environment says */
    unsigned max_requests;             /* under way at once, at least 1 */
    int64_t timeout;                   /* ns for one request */
};

enum flag_status {
    FLAG_UNFINISHED, /* under way; nothing has gone wrong so far */
    FLAG_DOWNLOADED,
    FLAG_NOT_FOUND, /* the server said 404 */
    FLAG_FAILED,    /* any other error: `reason` tells */
    FLAG_CANCELED,  /* flags_download_interrupt() came first */
};

/* A flag and what became of it. Belongs to the download. Once handed out, it does not change. */
struct flag {
    const char *code; /* "BR"; the plan's */
    bool asked;       /* the user named it */
    enum flag_status status;
    char *file;   /* the name under which it was saved, or NULL */
    size_t bytes; /* its size */
    int error;    /* of the transfer, or 0 */
    char *reason; /* why it failed or was not found: one line; or NULL */
    int64_t took; /* ns, from its start to its end */
    struct flag *next;

    /* internal */
    struct flags_download *download;
    struct sley_task *task;
};

/* Owned by whoever called flags_download_start(). */
struct flags_download;

/* Starts a task for each flag of the plan. 0, or SLEY_ENOMEM or what sley_http_client_new()
 * returns. From a task; that same task must make all calls below but one. */
int flags_download_start(const struct flags_download_options *options,
                         const struct flags_plan *plan, struct flags_download **out);

/* Waits until a flag has finished; returns all that have since the last call, linked by `next`, in
 * the order in which they finished. NULL when there are no more to come. Parks. */
struct flag *flags_download_next(struct flags_download *download);

/* Breaks off what of a download has not finished: it will be FLAG_CANCELED, soon; a file that is
 * being saved is still saved. May be called any number of times. Any thread. Never parks. */
void flags_download_interrupt(void *interrupted);

/* Interrupts what still runs, waits for it, frees everything. NULL is fine. Parks. */
void flags_download_free(struct flags_download *download);

#endif
