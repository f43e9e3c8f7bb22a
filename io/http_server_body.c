/*
 * http_server_body.c: the body of a request on its way in.
 *
 * Its bytes come out of one function, sley__httpd_body_read(): what was read with the head first,
 * then what comes, unpacked if it comes in chunks. On it stand the body that is in memory before
 * the handler is called, the handler that reads it itself, the parts of a form, and the rest that
 * nobody wanted and that must be out of the way before the next request.
 *
 * Nothing is believed that the client announces but that it will not send more: memory is taken as
 * bytes come, the limit is kept for chunks too, and each read has a deadline that moves only as
 * fast as min_rate says, and stands still while the handler does something else. A body that came
 * whole with its head, as most do, is not copied at all.
 *
 * What comes in chunks is read to where it is wanted and unpacked there. The last of these reads
 * may have caught the beginning of the next request: that goes into a new input buffer, because the
 * head of this one still stands in the old.
 */
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>

#ifdef SLEY_HOSTILE
enum { FIRST = 16, DRAIN = 256, INPUT = 64 };
#else
enum {
    FIRST = 16 * 1024, /* memory for a body that has just begun */
    DRAIN = 64 * 1024, /* bytes that are read only to be dropped */
    INPUT = 1024,      /* a new input buffer, at least */
};
#endif

void sley__httpd_body_begin(struct sley_httpd_request *request)
{
    const struct sley__http1_head *head = &request->head;
    const struct sley_httpd_options *options = &request->connection->server->options;
    const struct sley_httpd_route *route = request->route;

    request->left = head->has_length ? head->length : 0;
    request->over = !head->chunked && !request->left;
    request->continued = !head->expects || request->over;
    request->streamed = route ? route->stream : options->stream;
    request->max_body = route && route->max_body ? route->max_body : options->max_body;
}

/* A client that has asked first is told to go on when somebody wants to read. */
static int tell_to_go_on(struct sley_httpd_request *request)
{
    struct iovec line = {(void *)(uintptr_t) "HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct sley__httpd_pace pace = {0};

    if (request->continued)
        return 0;
    request->continued = true;
    return sley__httpd_send(request->connection, &line, 1, &pace);
}

/* Bytes that are not there yet. */
static int await_bytes(struct sley_httpd_request *request, void *data, size_t size)
{
    const struct sley_httpd *server = request->connection->server;
    int64_t now, silent, slow;
    int got = tell_to_go_on(request);

    if (got)
        return got;
    now = sley_now();
    silent = now + server->options.connection_timeout;
    slow = sley__httpd_limit(server, now - request->waited, request->received);
    got = sley__httpd_receive(request->connection, data, size, silent < slow ? silent : slow);
    request->waited += sley_now() - now;
    return got == SLEY_EOF ? SLEY_ECONNRESET : got;
}

/* What came behind the end of the body is the next request's. */
static int push_back(struct sley_httpd_request *request, const void *data, size_t size)
{
    struct sley__httpd_connection *connection = request->connection;
    size_t capacity = size > INPUT ? size : INPUT;
    char *input;

    if (!size)
        return 0;
    input = malloc(capacity);
    if (!input)
        return SLEY_ENOMEM;
    memcpy(input, data, size);
    request->old_input = connection->input;
    connection->input = input;
    connection->capacity = capacity;
    connection->start = 0;
    connection->end = size;
    return 0;
}

static int read_plain(struct sley_httpd_request *request, void *data, size_t size)
{
    struct sley__httpd_connection *connection = request->connection;
    size_t there = connection->end - connection->start;
    int got;

    if (size > request->left)
        size = (size_t)request->left;
    if (size > INT32_MAX)
        size = INT32_MAX;
    if (there) {
        if (size > there)
            size = there;
        memcpy(data, connection->input + connection->start, size);
        connection->start += size;
        got = (int)size;
    } else {
        got = await_bytes(request, data, size);
    }
    if (got <= 0)
        return got;
    request->left -= (uint64_t)got;
    request->over = request->left == 0;
    return got;
}

/* Some raw bytes turned into some of the body's, maybe none. */
static long read_some_chunks(struct sley_httpd_request *request, void *data, size_t size)
{
    struct sley__httpd_connection *connection = request->connection;
    size_t there = connection->end - connection->start, used = 0;
    long stored;
    int got;

    if (there) {
        stored = sley__http1_unchunk(&request->chunks, connection->input + connection->start, there,
                                     &used, data, size);
        connection->start += used;
        return stored < 0 ? SLEY_EPROTO : stored;
    }
    got = await_bytes(request, data, size);
    if (got < 0)
        return got;
    stored = sley__http1_unchunk(&request->chunks, data, (size_t)got, &used, data, size);
    if (stored < 0)
        return SLEY_EPROTO;
    got = push_back(request, (char *)data + used, (size_t)got - used);
    return got ? got : stored;
}

static int read_chunks(struct sley_httpd_request *request, void *data, size_t size)
{
    long got = 0;

    if (size > INT32_MAX)
        size = INT32_MAX;
    while (!got && !request->over) {
        got = read_some_chunks(request, data, size);
        request->over = request->chunks.done;
    }
    return (int)got;
}

int sley__httpd_body_read(struct sley_httpd_request *request, void *data, size_t size)
{
    int got;

    if (request->refused)
        return SLEY_EMSGSIZE;
    if (request->over || !size)
        return 0;
    got = (request->head.chunked ? read_chunks : read_plain)(request, data, size);
    if (got <= 0)
        return got;
    request->received += (uint64_t)got;
    request->refused = request->received > request->max_body;
    return request->refused ? SLEY_EMSGSIZE : got;
}

/* --- into memory ------------------------------------------------------------------------------ */

static bool grow(struct sley_httpd_request *request, size_t *capacity)
{
    size_t more = *capacity ? *capacity * 2 : FIRST;
    char *body;

    /* One byte more than there may be, so that the end is seen without another turn. */
    if (request->head.has_length && more > request->head.length)
        more = (size_t)request->head.length + 1;
    body = realloc(request->own_body, more);
    if (!body)
        return false;
    request->own_body = body;
    *capacity = more;
    return true;
}

static int status_of(int error)
{
    switch (error) {
    case SLEY_EMSGSIZE:
        return 413;
    case SLEY_EPROTO:
        return 400;
    case SLEY_ETIMEDOUT:
        return 408;
    case SLEY_ENOMEM:
        return 503;
    default:
        return error;
    }
}

int sley__httpd_body_load(struct sley_httpd_request *request)
{
    struct sley__httpd_connection *connection = request->connection;
    size_t capacity = 0, there = connection->end - connection->start;
    int got = 1;

    if (!request->head.chunked && request->left <= there) {
        request->body = connection->input + connection->start;
        request->body_size = (size_t)request->left;
        request->received = request->left;
        connection->start += request->body_size;
        request->left = 0;
        request->over = true;
        return 0;
    }
    while (got > 0) {
        if (request->body_size == capacity && !grow(request, &capacity))
            return 503;
        got = sley__httpd_body_read(request, request->own_body + request->body_size,
                                    capacity - request->body_size);
        request->body_size += got > 0 ? (size_t)got : 0;
    }
    request->body = request->own_body;
    return status_of(got);
}

bool sley__httpd_body_drain(struct sley_httpd_request *request)
{
    char dropped[512];
    size_t left = DRAIN;

    if (!request->over && !request->continued)
        return false; /* it may come, or not */
    while (!request->over && left) {
        int got = sley__httpd_body_read(request, dropped, sizeof(dropped));

        if (got < 0)
            return false;
        left -= (size_t)got < left ? (size_t)got : left;
    }
    return request->over;
}

int sley_httpd_request_read(struct sley_httpd_request *request, void *data, size_t size)
{
    int got;

    if (!request->streamed)
        return SLEY_EINVAL;
    if (!size)
        return 0;
    got = sley__httpd_body_read(request, data, size);
    return got ? got : SLEY_EOF;
}
