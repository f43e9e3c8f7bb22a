/*
 * fetch_attempt.h: what the files of a transfer share: fetch_transfer.c, which has the overview,
 * fetch_request.c and fetch_ranges.c. All of it is for the transfer's task, and may park.
 */
#ifndef SLEY_APPS_FETCH_ATTEMPT_H
#define SLEY_APPS_FETCH_ATTEMPT_H

#include "fetch_part.h"
#include "fetch_transfer.h"

/* An attempt at a file, or at a segment of one; on the stack of its task. */
struct fetch_attempt {
    const struct fetch_setup *setup;
    struct fetch_item *item;
    struct fetch_outcome *out;
    struct fetch_outcome *whole; /* of the file, if this is a segment */
    struct sley_http_response *response;
    struct fetch_part *part; /* NULL: the file is in memory so far */
    char *bytes;             /* of a file in memory: our own, `room` of them, or */
    size_t size, room;
    bool borrowed;   /* the response's, which has all of the file in one piece */
    uint64_t length; /* of the body that comes, or FETCH_UNKNOWN */
    char why[SLEY_HTTP_ERROR_SIZE];
};

/* --- fetch_request.c -------------------------------------------------------------------------- */

/* Notes how it ended; fetch_fail_network(): `why` has the sentence, if there is one; _disk(): no
 * server mends it; _body(): what comes of the answer; _status(): by the answer. They return a
 * negative value. */
int fetch_fail(struct fetch_attempt *t, enum fetch_fate fate, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int fetch_fail_network(struct fetch_attempt *t, int error, const char *why);
int fetch_fail_disk(struct fetch_attempt *t, int error);
int fetch_fail_body(struct fetch_attempt *t, int error);
int fetch_fail_status(struct fetch_attempt *t);

/* Asks for the file / for the bytes from `first` to `last` of the part's version (FETCH_UNKNOWN: to
 * the end). 0: there is an answer, whatever its status. */
int fetch_request(struct fetch_attempt *t, const char *const *headers);
int fetch_request_range(struct fetch_attempt *t, uint64_t first, uint64_t last);
void fetch_end_response(struct fetch_attempt *t);

/* Whether a 206 is that range of the part's version. */
bool fetch_range_fits(const struct fetch_attempt *t, uint64_t first, uint64_t last);

/* What of this answer may be asked for in If-Range, or "". Borrowed from it. */
const char *fetch_validator(const struct sley_http_response *response);

/* Of the body as it will be saved, or FETCH_UNKNOWN. */
uint64_t fetch_length(const struct fetch_attempt *t);

/* --- fetch_ranges.c --------------------------------------------------------------------------- */

enum { FETCH_STALE = 1 };

/* Into how many segments the file of this answer is to be cut: 1 or more. */
unsigned fetch_segments(const struct fetch_attempt *t);

/* Fetches what is missing of the segments of t->part; the response, if there is one, is taken for
 * the first. 0, FETCH_STALE (the server has another version, or no ranges) or negative. */
int fetch_ranges(struct fetch_attempt *t);

/* --- fetch_transfer.c ------------------------------------------------------------------------- */

/* So many more bytes of the file are there. */
void fetch_came(const struct fetch_attempt *t, uint64_t bytes);

/* Removes the partial file, if there is one. */
void fetch_drop_part(struct fetch_attempt *t);

#endif
