/*
 * http_server_response.c: the answer, as the handler describes it, and on the wire.
 *
 * The handler may call in any order and change its mind, so its calls only fill in a struct; its
 * headers are kept as the lines that will be sent. When it has returned, head and body leave
 * together, by one system call: a small body is copied behind the head, a large one is a piece of
 * its own. Or the handler writes the body itself: then its first write sends the head, each write
 * is a chunk (or plain bytes, if it has said how many there will be, or the client is too old for
 * chunks), and a write parks while the client does not take what there is.
 *
 * Whatever the handler did, the client can tell whether the answer is whole: a handler that fails
 * in the middle, or writes less than it announced, or wants to write more, has its connection
 * closed before the end; if nothing was sent by then, the answer is a 500.
 */
#define _GNU_SOURCE
#include "http_server_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    COPY_MAX = 1024
}; /* bytes of body that are cheaper to copy than to send as a second piece */

/* --- text ------------------------------------------------------------------------------------- */

bool sley__httpd_text_add(struct sley__httpd_text *text, const void *data, size_t size)
{
    size_t needed = text->size + size, capacity = text->capacity;
    char *larger;

    if (needed > capacity) {
        while (capacity < needed)
            capacity *= 2;
        larger = malloc(capacity);
        if (!larger)
            return false;
        memcpy(larger, text->data, text->size);
        sley__httpd_text_clear(text);
        text->size = needed - size;
        text->data = larger;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, data, size);
    text->size = needed;
    return true;
}

void sley__httpd_text_clear(struct sley__httpd_text *text)
{
    if (text->data != text->small)
        free(text->data);
    text->data = text->small;
    text->size = 0;
    text->capacity = sizeof(text->small);
}

static void text_init(struct sley__httpd_text *text)
{
    text->data = text->small;
    text->size = 0;
    text->capacity = sizeof(text->small);
}

static bool add_string(struct sley__httpd_text *text, const char *string)
{
    return sley__httpd_text_add(text, string, strlen(string));
}

static bool add_number(struct sley__httpd_text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    return sley__httpd_text_add(text, digits + at, sizeof(digits) - at);
}

/* --- what the handler says -------------------------------------------------------------------- */

static void release_body(struct sley_httpd_response *response)
{
    if (response->release)
        response->release(response->data);
    response->release = NULL;
    response->data = NULL;
    response->size = 0;
}

/* All but the large arrays is zeroed; this is on the way of every request. */
void sley__httpd_response_init(struct sley_httpd_request *request)
{
    struct sley_httpd_response *response = &request->response;
    size_t params = offsetof(struct sley_httpd_request, param);
    size_t rest = offsetof(struct sley_httpd_request, query);

    memset(&request->path, 0, params - offsetof(struct sley_httpd_request, path));
    memset((char *)request + rest, 0, offsetof(struct sley_httpd_request, response) - rest);
    *response = (struct sley_httpd_response){.request = request, .status = 200};
    text_init(&response->headers);
}

void sley__httpd_response_clear(struct sley_httpd_response *response)
{
    release_body(response);
    sley__httpd_text_clear(&response->headers);
    response->truncated = response->dated = false;
}

void sley__httpd_response_fail(struct sley_httpd_response *response)
{
    sley__httpd_response_clear(response);
    response->has_length = false;
    response->status = 500;
    response->error = 0;
}

int sley_httpd_response_status(struct sley_httpd_response *response, int status)
{
    if (status < 200 || status > 599)
        return SLEY_EINVAL;
    response->status = status;
    return 0;
}

static bool is_reserved(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0 ||
           strcasecmp(name, "Connection") == 0;
}

int sley_httpd_response_header(struct sley_httpd_response *response, const char *name,
                               const char *value)
{
    struct sley__httpd_text *headers = &response->headers;
    size_t before = headers->size;

    if (!sley__http1_is_token(name, strlen(name)) || is_reserved(name) || strpbrk(value, "\r\n"))
        return SLEY_EINVAL;
    if (!add_string(headers, name) || !sley__httpd_text_add(headers, ": ", 2) ||
        !add_string(headers, value) || !sley__httpd_text_add(headers, "\r\n", 2)) {
        headers->size = before;
        return SLEY_ENOMEM;
    }
    response->dated |= strcasecmp(name, "Date") == 0;
    return 0;
}

int sley_httpd_response_body_copy(struct sley_httpd_response *response, const void *data,
                                  size_t size)
{
    void *copy = malloc(size ? size : 1);

    if (!copy)
        return SLEY_ENOMEM;
    if (size)
        memcpy(copy, data, size);
    return sley_httpd_response_body_owned(response, copy, size, free);
}

int sley_httpd_response_body_static(struct sley_httpd_response *response, const void *data,
                                    size_t size)
{
    release_body(response);
    response->data = (void *)(uintptr_t)data;
    response->size = size;
    return 0;
}

int sley_httpd_response_body_owned(struct sley_httpd_response *response, void *data, size_t size,
                                   void (*release)(void *data))
{
    release_body(response);
    response->data = data;
    response->size = size;
    response->release = release;
    return 0;
}

void sley_httpd_response_abort(struct sley_httpd_response *response)
{
    response->abort = true;
}

void sley_httpd_response_truncate(struct sley_httpd_response *response, size_t size)
{
    response->truncated = true;
    response->truncate_at = size;
}

int sley_httpd_response_length(struct sley_httpd_response *response, uint64_t size)
{
    if (response->started)
        return SLEY_EINVAL;
    response->has_length = true;
    response->length = size;
    return 0;
}

/* --- the head --------------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static void put_two(char *out, int number)
{
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
}

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT". strftime would ask the locale. */
static void format_date(char *line, time_t now)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm when;

    gmtime_r(&now, &when);
    memcpy(line, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", SLEY__HTTPD_DATE);
    memcpy(line + 6, days + 3 * when.tm_wday, 3);
    put_two(line + 11, when.tm_mday);
    memcpy(line + 14, months + 3 * when.tm_mon, 3);
    put_two(line + 18, (when.tm_year + 1900) / 100);
    put_two(line + 20, when.tm_year % 100);
    put_two(line + 23, when.tm_hour);
    put_two(line + 26, when.tm_min);
    put_two(line + 29, when.tm_sec);
}

/* gmtime_r takes a lock of the process and a tenth of a request's instructions: once a second. */
static bool add_date(struct sley__httpd_text *head, struct sley__httpd_connection *connection)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (connection->date_of != now.tv_sec) {
        connection->date_of = now.tv_sec;
        format_date(connection->date, now.tv_sec);
    }
    return sley__httpd_text_add(head, connection->date, SLEY__HTTPD_DATE);
}

static bool has_no_body(const struct sley_httpd_response *response)
{
    return response->status == 204 || response->status == 304;
}

bool sley__httpd_closes(const struct sley_httpd_request *request)
{
    const struct sley_httpd_response *response = &request->response;
    struct sley__httpd_connection *connection = request->connection;
    bool until_close =
        response->started && !response->chunked && !response->has_length && !response->bodyless;

    return !request->head.keep_alive || until_close ||
           load_relaxed(&connection->turn) == SLEY__HTTPD_LAST;
}

static bool add_framing(struct sley__httpd_text *head, const struct sley_httpd_response *response)
{
    uint64_t size = response->has_length ? response->length : response->size;

    if (has_no_body(response))
        return true;
    if (response->chunked)
        return add_string(head, "Transfer-Encoding: chunked\r\n");
    if (response->started && !response->has_length)
        return true;
    return add_string(head, "Content-Length: ") && add_number(head, size) &&
           sley__httpd_text_add(head, "\r\n", 2);
}

static bool add_connection(struct sley__httpd_text *head, const struct sley_httpd_request *request)
{
    if (sley__httpd_closes(request))
        return add_string(head, "Connection: close\r\n");
    return request->head.minor > 0 || add_string(head, "Connection: keep-alive\r\n");
}

static bool compose(struct sley__httpd_text *head, const struct sley_httpd_response *response)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n";
    bool made;

    text_init(head);
    if (response->status == 200)
        made = sley__httpd_text_add(head, ok, sizeof(ok) - 1);
    else
        made = add_string(head, "HTTP/1.1 ") && add_number(head, (uint64_t)response->status) &&
               add_string(head, " ") && add_string(head, reason_of(response->status)) &&
               add_string(head, "\r\n");
    return made && (response->dated || add_date(head, response->request->connection)) &&
           sley__httpd_text_add(head, response->headers.data, response->headers.size) &&
           add_framing(head, response) && add_connection(head, response->request) &&
           sley__httpd_text_add(head, "\r\n", 2);
}

static bool is_head(const struct sley_httpd_request *request)
{
    return request->head.method && strcmp(request->head.method, "HEAD") == 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static int send_whole(struct sley_httpd_response *response)
{
    struct sley__httpd_text head;
    bool made = compose(&head, response);
    size_t size = response->bodyless ? 0 : response->size;
    struct iovec parts[2];
    int count = 1, error = SLEY_ENOMEM;

    if (response->truncated && size > response->truncate_at)
        size = response->truncate_at;
    check(!size || response->data);
    if (made && size && size <= COPY_MAX)
        made = sley__httpd_text_add(&head, response->data, size);
    else if (size)
        count = 2;
    if (made) {
        parts[0] = (struct iovec){head.data, head.size};
        parts[1] = (struct iovec){response->data, size};
        error = sley__httpd_send(response->request->connection, parts, count, &response->pace);
    }
    sley__httpd_text_clear(&head);
    return error;
}

/* The first bytes of a body that the handler writes. */
static void start(struct sley_httpd_response *response)
{
    const struct sley_httpd_request *request = response->request;

    response->started = true;
    response->bodyless = has_no_body(response) || is_head(request);
    response->chunked = !response->has_length && !has_no_body(response) && request->head.minor > 0;
    release_body(response);
}

static int send_piece(struct sley_httpd_response *response, struct sley__httpd_text *head,
                      const void *data, size_t size)
{
    struct iovec parts[4];
    char chunk[24];
    int count = 0;

    if (head)
        parts[count++] = (struct iovec){head->data, head->size};
    if (size && !response->bodyless) {
        if (response->chunked)
            parts[count++] =
                (struct iovec){chunk, (size_t)snprintf(chunk, sizeof(chunk), "%zx\r\n", size)};
        parts[count++] = (struct iovec){(void *)(uintptr_t)data, size};
        if (response->chunked)
            parts[count++] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
    }
    if (!count)
        return 0;
    return sley__httpd_send(response->request->connection, parts, count, &response->pace);
}

int sley_httpd_response_write(struct sley_httpd_response *response, const void *data, size_t size)
{
    struct sley__httpd_text head;
    bool first = !response->started;

    if (response->abort || response->error)
        return response->error ? response->error : SLEY_ECLOSED;
    if (response->has_length && size > response->length - response->written) {
        response->error = SLEY_EMSGSIZE; /* before the head is sent: it can still say 500 */
        return response->error;
    }
    if (first)
        start(response);
    response->written += size;
    if (!first) {
        response->error = send_piece(response, NULL, data, size);
        return response->error;
    }
    response->error =
        compose(&head, response) ? send_piece(response, &head, data, size) : SLEY_ENOMEM;
    sley__httpd_text_clear(&head);
    return response->error;
}

static int finish_written(struct sley_httpd_response *response)
{
    struct iovec end = {(void *)(uintptr_t) "0\r\n\r\n", 5};

    if (response->error)
        return response->error;
    if (response->has_length && !response->bodyless && response->written < response->length)
        return SLEY_EPROTO;
    if (!response->chunked || response->bodyless)
        return 0;
    return sley__httpd_send(response->request->connection, &end, 1, &response->pace);
}

/* A body was announced and nothing of it came. To a HEAD the announcement is the answer. */
static bool has_missed(const struct sley_httpd_response *response)
{
    return response->has_length && response->length && !response->bodyless;
}

int sley__httpd_response_finish(struct sley_httpd_response *response)
{
    if (response->started)
        return finish_written(response);
    if (response->data) /* set as a whole after all */
        response->has_length = false;
    response->bodyless = has_no_body(response) || is_head(response->request);
    if (response->error || has_missed(response))
        sley__httpd_response_fail(response);
    return send_whole(response);
}
