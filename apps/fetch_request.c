/*
 * fetch_request.c: asking for a file or a part of it, and what the answer may be believed.
 *
 * A part is asked for with "Range" and "If-Range", by which a server that has another version by
 * now sends all of it. What comes is not believed: it must be 206, of the range that was asked for,
 * of a file of the same length and the same ETag. What serves for If-Range is an ETag that is not
 * weak, or a date that is older than the answer by a second at least (RFC 9110, 8.8.2.2): files
 * change twice within one second.
 */
#define _GNU_SOURCE
#include "fetch_attempt.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sley/sley.h>

#include "http_status.h"

enum { OWN_HEADERS = 2 };

/* --- how it ended ----------------------------------------------------------------------------- */

int fetch_fail(struct fetch_attempt *t, enum fetch_fate fate, int error, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    if (vasprintf(&t->out->reason, format, values) < 0)
        t->out->reason = NULL;
    va_end(values);
    t->out->state = FETCH_FAILED;
    t->out->fate = fate;
    t->out->error = error;
    return error ? error : SLEY_EPROTO;
}

int fetch_fail_network(struct fetch_attempt *t, int error, const char *why)
{
    return fetch_fail(t, fetch_fate_of_error(error), error, "%s",
                      why && *why ? why : sley_strerror(error));
}

int fetch_fail_body(struct fetch_attempt *t, int error)
{
    if (error == SLEY_EMSGSIZE && t->setup->max_size)
        return fetch_fail(t, FETCH_GIVE_UP, error,
                          "the file has more than the %" PRIu64 " bytes of --max-size",
                          t->setup->max_size);
    return fetch_fail_network(t, error, sley_http_response_error(t->response));
}

int fetch_fail_disk(struct fetch_attempt *t, int error)
{
    return fetch_fail(t, FETCH_GIVE_UP, error, "cannot save the file: %s", sley_strerror(error));
}

/* --- the request ------------------------------------------------------------------------------ */

int fetch_request(struct fetch_attempt *t, const char *const *headers)
{
    const struct fetch_setup *setup = t->setup;
    struct sley_http_options options = {
        .headers = headers,
        .max_redirects = setup->max_redirects,
        .connect_timeout = setup->connect_timeout,
        .idle_timeout = setup->idle_timeout,
        .timeout = setup->timeout,
        .compressed = setup->compressed,
        .max_body = setup->max_size,
        .error = t->why,
    };
    int error = sley_http_open(setup->client, t->item->url, &options, &t->response);

    if (error)
        return fetch_fail_network(t, error, t->why);
    t->out->status = sley_http_response_status(t->response);
    return 0;
}

int fetch_request_range(struct fetch_attempt *t, uint64_t first, uint64_t last)
{
    char range[80], if_range[FETCH_VALIDATOR_SIZE + 16];
    size_t count = t->setup->header_count;
    const char **headers = calloc(count + OWN_HEADERS + 1, sizeof *headers);

    if (!headers)
        return fetch_fail(t, FETCH_GIVE_UP, SLEY_ENOMEM, "%s", sley_strerror(SLEY_ENOMEM));
    if (count)
        memcpy(headers, t->setup->headers, count * sizeof *headers);
    if (last == FETCH_UNKNOWN)
        snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-", first);
    else
        snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, first, last);
    snprintf(if_range, sizeof if_range, "If-Range: %s", t->part->validator);
    headers[count] = range;
    headers[count + 1] = if_range;
    int error = fetch_request(t, headers);
    free(headers);
    return error;
}

void fetch_end_response(struct fetch_attempt *t)
{
    sley_http_response_free(t->response);
    t->response = NULL;
}

/* --- what the answer is ----------------------------------------------------------------------- */

static bool read_number(const char **text, uint64_t *number)
{
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 18)
        return false;
    *number = strtoull(*text, NULL, 10);
    *text += digits;
    return true;
}

bool fetch_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (!read_number(&text, first) || *text++ != '-' || !read_number(&text, last) ||
        *text++ != '/' || *last < *first)
        return false;
    if (strcmp(text, "*") == 0) {
        *total = FETCH_UNKNOWN;
        return true;
    }
    return read_number(&text, total) && !*text && *last < *total;
}

bool fetch_range_fits(const struct fetch_attempt *t, uint64_t first, uint64_t last)
{
    const struct fetch_part *part = t->part;
    const char *range = sley_http_response_header(t->response, "Content-Range");
    const char *etag = sley_http_response_header(t->response, "ETag");
    uint64_t from, to, total;

    if (!range || !fetch_content_range(range, &from, &to, &total) || from != first)
        return false;
    if (part->validator[0] == '"' && etag && strcmp(etag, part->validator) != 0)
        return false;
    if (part->total == FETCH_UNKNOWN)
        return total == FETCH_UNKNOWN || to == total - 1;
    return to == (last == FETCH_UNKNOWN ? part->total - 1 : last) &&
           (total == FETCH_UNKNOWN || total == part->total);
}

const char *fetch_validator(const struct sley_http_response *response)
{
    const char *etag = sley_http_response_header(response, "ETag");
    const char *modified = sley_http_response_header(response, "Last-Modified");
    const char *date = sley_http_response_header(response, "Date");

    if (etag)
        return etag[0] == '"' ? etag : "";
    if (!modified || !date)
        return "";
    int64_t then = fetch_http_date(modified), now = fetch_http_date(date);
    return then >= 0 && now > then ? modified : "";
}

uint64_t fetch_length(const struct fetch_attempt *t)
{
    const char *text = sley_http_response_header(t->response, "Content-Length");
    uint64_t length;

    if (t->setup->compressed || !text || !read_number(&text, &length) || *text)
        return FETCH_UNKNOWN;
    return length;
}

int fetch_fail_status(struct fetch_attempt *t)
{
    int status = t->out->status;

    t->out->retry_after = fetch_retry_after(sley_http_response_header(t->response, "Retry-After"),
                                            (int64_t)time(NULL));
    return fetch_fail(t, fetch_fate_of_status(status), 0, "HTTP %d %s", status,
                      http_status_text(status));
}
