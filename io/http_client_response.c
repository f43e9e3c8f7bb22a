/*
 * http_client_response.c: looking at a complete response.
 *
 * The headers arrive as raw lines in one buffer. When the transfer is over they are turned, in that
 * same buffer, into "name NUL value NUL" pairs, one after the other: looking one up walks them,
 * which for the twenty lines of an answer is faster than any table, and costs no allocation.
 */
#include "http_client_impl.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Copies [from, to) without surrounding blanks, and a NUL, to `out`; where it ends. The regions may
 * overlap, out is never behind from. */
static char *put_trimmed(char *out, const char *from, const char *to)
{
    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    memmove(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    return out + (to - from) + 1;
}

/* One line without its end. A line that begins with a blank continues the value before it (an old
 * custom that RFC 9112 lets us read as a blank). A line without a colon is dropped: the status
 * line, the empty line. And one with a NUL, which would be more texts than it is counted as;
 * libcurl lets none through, by its newer versions. */
static char *put_line(struct sley_http_response *response, char *out, const char *line,
                      size_t length)
{
    const char *end = line + length;
    const char *colon = length ? memchr(line, ':', length) : NULL;

    if (length && memchr(line, '\0', length))
        return out;
    if (length && is_blank(*line) && response->header_count) {
        out[-1] = ' ';
        return put_trimmed(out, line, end);
    }
    if (!colon || (length >= 5 && memcmp(line, "HTTP/", 5) == 0))
        return out;
    out = put_trimmed(out, line, colon);
    response->header_count++;
    return put_trimmed(out, colon + 1, end);
}

/* No pair is longer than its line: the colon and the line's end make room for the two NULs. */
void sley__http_split_headers(struct sley_http_response *response)
{
    char *line = response->headers.data, *out = line;
    char *limit = line + response->headers.size;
    long status = 0;

    response->header_count = 0;
    if (!response->pulled) {
        curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &status);
        response->status = (int)status;
    }
    while (line < limit) {
        char *next = memchr(line, '\n', (size_t)(limit - line));
        size_t length = (size_t)((next ? next : limit) - line);
        size_t trimmed = length && line[length - 1] == '\r' ? length - 1 : length;

        out = put_line(response, out, line, trimmed);
        line = next ? next + 1 : limit;
    }
}

int sley_http_response_status(const struct sley_http_response *response)
{
    return response->status;
}

static const char *after(const char *text)
{
    return text + strlen(text) + 1;
}

bool sley_http_response_header_at(const struct sley_http_response *response, size_t index,
                                  const char **name, const char **value)
{
    const char *pair = response->headers.data;

    if (index >= response->header_count)
        return false;
    for (size_t i = 0; i < index; i++)
        pair = after(after(pair));
    *name = pair;
    *value = after(pair);
    return true;
}

const char *sley_http_response_header(const struct sley_http_response *response, const char *name)
{
    const char *pair = response->headers.data;

    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(pair, name) == 0)
            return after(pair);
        pair = after(after(pair));
    }
    return NULL;
}

const char *sley_http_response_type(const struct sley_http_response *response)
{
    return sley_http_response_header(response, "Content-Type");
}

const char *sley_http_response_url(const struct sley_http_response *response)
{
    char *url = response->url;

    if (!url)
        curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_URL, &url);
    return url ? url : "";
}

const char *sley_http_response_body(const struct sley_http_response *response)
{
    return response->bounded || !response->body.size ? "" : response->body.data;
}

size_t sley_http_response_size(const struct sley_http_response *response)
{
    return response->bounded ? 0 : response->body.size;
}

uint64_t sley_http_response_bytes(const struct sley_http_response *response)
{
    return response->bytes;
}

/* --- what it took ---------------------------------------------------------------------------- */

static int64_t moment(const struct sley_http_response *response, CURLINFO info)
{
    curl_off_t us = 0;

    curl_easy_getinfo(response->easy, info, &us);
    return us > 0 ? us * 1000 + response->named : 0;
}

static int version_of(const struct sley_http_response *response)
{
    long version = 0;

    curl_easy_getinfo(response->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_1_0   ? 10
           : version == CURL_HTTP_VERSION_1_1 ? 11
           : version == CURL_HTTP_VERSION_2_0 ? 20
                                              : 0;
}

static int timing_of(const struct sley_http_response *response, struct sley_http_timing *timing)
{
    curl_off_t received = 0, sent = 0;
    long redirects = 0, connections = 0;

    curl_easy_getinfo(response->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(response->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(response->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(response->easy, CURLINFO_NUM_CONNECTS, &connections);
    *timing = (struct sley_http_timing){
        .name = connections ? moment(response, CURLINFO_NAMELOOKUP_TIME_T) : 0,
        .connect = connections ? moment(response, CURLINFO_CONNECT_TIME_T) : 0,
        .tls = connections ? moment(response, CURLINFO_APPCONNECT_TIME_T) : 0,
        .first_byte = moment(response, CURLINFO_STARTTRANSFER_TIME_T),
        .total = moment(response, CURLINFO_TOTAL_TIME_T),
        .bytes_received = (uint64_t)received,
        .bytes_sent = (uint64_t)sent,
        .redirects = response->redirected + (int)redirects,
        .version = version_of(response),
        .reused = !connections,
    };
    return 0;
}

int sley_http_response_timing(const struct sley_http_response *response,
                              struct sley_http_timing *timing)
{
    struct sley_http_response *mine = (struct sley_http_response *)(uintptr_t)response;
    bool done;

    sley__lock_acquire(&mine->lock);
    done = response->done;
    sley__lock_release(&mine->lock);
    return done ? timing_of(response, timing) : SLEY_EBUSY;
}
