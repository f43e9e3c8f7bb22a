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
 * line, the empty line. */
static char *put_line(struct sley_http_response *response, char *out, const char *line,
                      size_t length)
{
    const char *end = line + length;
    const char *colon = length ? memchr(line, ':', length) : NULL;

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
static void split_headers(struct sley_http_response *response)
{
    char *line = response->headers.data, *out = line;
    char *limit = line + response->headers.size;

    response->header_count = 0;
    while (line < limit) {
        char *next = memchr(line, '\n', (size_t)(limit - line));
        size_t length = (size_t)((next ? next : limit) - line);
        size_t trimmed = length && line[length - 1] == '\r' ? length - 1 : length;

        out = put_line(response, out, line, trimmed);
        line = next ? next + 1 : limit;
    }
}

void sley__http_response_complete(struct sley_http_response *response)
{
    long status = 0;

    curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    split_headers(response);
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
    char *url = NULL;

    curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_URL, &url);
    return url ? url : "";
}

const char *sley_http_response_body(const struct sley_http_response *response)
{
    return response->sink || !response->body.size ? "" : response->body.data;
}

size_t sley_http_response_size(const struct sley_http_response *response)
{
    return response->sink ? 0 : response->body.size;
}

uint64_t sley_http_response_bytes(const struct sley_http_response *response)
{
    return response->bytes;
}

void sley_http_response_free(struct sley_http_response *response)
{
    if (response)
        sley__http_response_unref(response);
}
