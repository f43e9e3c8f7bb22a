/*
 * fetch_transfer.h: one attempt at one file.
 */
#ifndef SLEY_APPS_FETCH_TRANSFER_H
#define SLEY_APPS_FETCH_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include <sley/file.h>
#include <sley/http.h>

#include "fetch_list.h"
#include "fetch_rate.h"
#include "fetch_retry.h"

struct fetch_outcome;

/* What all transfers of a run share; constant while they run. */
struct fetch_setup {
    struct sley_http_client *client;
    const struct sley_file *directory;
    const char *const *headers; /* of the user's, up to a NULL; or NULL */
    size_t header_count;
    int max_redirects;
    int64_t connect_timeout, idle_timeout, timeout; /* ns, as in struct sley_http_options */
    uint64_t max_size;                              /* of a file; 0: any */
    unsigned ranges;    /* at most so many segments of a file at once, 1 .. FETCH_SEGMENTS_MAX */
    uint64_t range_min; /* bytes: none is smaller */
    size_t small;       /* bytes: files up to this are received whole before they are written */
    bool compressed;    /* then nothing is resumed */
    bool skip_existing;
    bool sync;
    struct fetch_rate *rate;
    /* So many more bytes of the file are there, of so many or FETCH_UNKNOWN. From a task of the
     * attempt with that outcome, after a good answer; not if it came in one piece. Never parks. */
    void (*came)(struct fetch_outcome *outcome, uint64_t bytes, uint64_t total);
};

/* How an attempt ended. */
struct fetch_outcome {
    enum fetch_state state; /* FETCH_DONE, FETCH_KEPT or FETCH_FAILED */
    enum fetch_fate fate;   /* of a failed one */
    int error;              /* or 0: the status tells */
    int status;             /* of the answer, or 0 */
    int64_t retry_after;    /* ns; -1: not said */
    uint64_t size;          /* of the complete file */
    bool resumed;           /* a part was there before */
    bool wrong_checksum;
    char *reason; /* of a failed one: one line, to be freed; or NULL: no memory */
};

/* Makes an attempt. The final name of the file is absent, or the old file, or the complete and
 * verified new one, at every instant; what cannot be completed stays beside it, if it can be
 * resumed later. From a task. Parks. */
void fetch_transfer(const struct fetch_setup *setup, struct fetch_item *item,
                    struct fetch_outcome *outcome);

/* "bytes FIRST-LAST/TOTAL": false if it is none; a total of "*" is FETCH_UNKNOWN. Any thread. */
bool fetch_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total);

#endif
