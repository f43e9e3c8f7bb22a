/*
 * http_server_connection.c: the task of a connection: one request after the other.
 *
 * While a connection waits for its next request it holds no buffer to speak of: one that has grown
 * is given back, so that ten thousand idle ones cost little more than their tasks.
 *
 * Three limits in time stand between us and a client that wants to keep us busy. Nothing at all may
 * come for connection_timeout. A head must be complete header_timeout after its first byte, however
 * diligently it sends a byte now and then. And a body, in either direction, must on the average be
 * as fast as min_rate; the time that a connection may be silent is its start-up allowance.
 *
 * Over TLS the handshake comes first, and must be done within header_timeout as well. All else is
 * the same, because the stream is. An answer that was broken off is followed by no TLS message that
 * the stream ends, so that nobody takes a part of it for the whole.
 *
 * A client that breaks the rules is told so (400, 408, 413, 431, ...) and hung up on. Hanging up on
 * somebody who is still sending destroys the answer on its way: the kernel answers what comes after
 * the close by a reset. So we say that nothing follows, and read on for a moment.
 */
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>

#include <sley/tls.h>

#ifdef SLEY_HOSTILE
enum { INPUT = 64, DRAIN = 4096 };
#else
enum {
    INPUT = 1024,       /* what most heads fit in; kept between two requests */
    DRAIN = 256 * 1024, /* bytes that are read after the last answer */
};
#endif

#define DRAIN_TIME SLEY_SECONDS(2)

enum { OVER = -1 }; /* beside statuses: end the connection without a word */

/* --- bytes ------------------------------------------------------------------------------------ */

int64_t sley__httpd_limit(const struct sley_httpd *server, int64_t begun, uint64_t bytes)
{
    const struct sley_httpd_options *options = &server->options;
    uint64_t seconds;

    if (options->min_rate <= 0) /* 0 has become the default */
        return SLEY_FOREVER;
    seconds = bytes / (uint64_t)options->min_rate;
    if (seconds > INT32_MAX)
        return SLEY_FOREVER;
    return begun + options->connection_timeout + SLEY_SECONDS((int64_t)seconds);
}

int sley__httpd_receive(struct sley__httpd_connection *connection, void *data, size_t size,
                        int64_t until)
{
    int64_t before = sley_deadline_narrow(until);
    int got = sley_stream_read(connection->stream, data, size);

    sley_deadline_restore(before);
    return got;
}

int sley__httpd_fill(struct sley__httpd_connection *connection, int64_t until)
{
    int got = sley__httpd_receive(connection, connection->input + connection->end,
                                  connection->capacity - connection->end, until);

    if (got > 0)
        connection->end += (size_t)got;
    return got;
}

static size_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;

    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* Takes what was sent off the front. */
static void advance(struct iovec *parts, int count, size_t done)
{
    for (int i = 0; i < count; i++) {
        size_t part = done < parts[i].iov_len ? done : parts[i].iov_len;

        parts[i].iov_base = (char *)parts[i].iov_base + part;
        parts[i].iov_len -= part;
        done -= part;
    }
}

int sley__httpd_send(struct sley__httpd_connection *connection, const struct iovec *parts,
                     int count, struct sley__httpd_pace *pace)
{
    const struct sley_httpd *server = connection->server;
    struct iovec rest[4];
    size_t left = size_of(parts, count);
    int64_t now = sley_now();
    int error = 0;

    memcpy(rest, parts, (size_t)count * sizeof(*parts));
    while (left) {
        int64_t begun = now, silent = begun + server->options.connection_timeout;
        int64_t slow = sley__httpd_limit(server, begun - pace->waited, pace->sent);
        int64_t before = sley_deadline_narrow(silent < slow ? silent : slow);
        size_t done = 0;

        error = count == 1
                    ? sley_stream_write(connection->stream, rest->iov_base, rest->iov_len, &done)
                    : sley_stream_writev(connection->stream, rest, count, &done);
        sley_deadline_restore(before);
        now = sley_now();
        left -= done;
        pace->sent += done;
        pace->waited += now - begun;
        /* That all was taken over and yet it was late is TLS: some is not on its way. */
        if (error && (error != SLEY_ETIMEDOUT || !done || !left))
            return error;
        if (left)
            advance(rest, count, done);
    }
    return 0;
}

/* --- heads ------------------------------------------------------------------------------------ */

/* Room for more of the head: 0, or 414 or 431. */
static int make_room(struct sley__httpd_connection *connection, const struct sley__http1_scan *scan)
{
    size_t limit = connection->server->options.max_header;
    size_t used = connection->end - connection->start;
    size_t capacity = connection->capacity ? connection->capacity : INPUT;
    char *input;

    if (used >= limit)
        return scan->has_line ? 431 : 414;
    if (connection->start) {
        memmove(connection->input, connection->input + connection->start, used);
        connection->start = 0;
        connection->end = used;
    }
    if (connection->input && connection->end < connection->capacity)
        return 0;
    if (connection->input)
        capacity *= 2;
    if (capacity > limit + 1)
        capacity = limit + 1;
    input = realloc(connection->input, capacity);
    if (!input)
        return OVER;
    connection->input = input;
    connection->capacity = capacity;
    return 0;
}

static void shrink(struct sley__httpd_connection *connection)
{
    connection->start = connection->end = 0;
    if (connection->capacity <= INPUT)
        return;
    free(connection->input);
    connection->input = NULL;
    connection->capacity = 0;
}

/* Waits for the first byte of a request. 0 or OVER. */
static int await_request(struct sley__httpd_connection *connection, int64_t until)
{
    struct sley__http1_scan scan = {0};
    uint32_t busy = SLEY__HTTPD_BUSY, idle = SLEY__HTTPD_IDLE;
    int got = 0;

    shrink(connection);
    if (make_room(connection, &scan))
        return OVER;
    /* Partner of both: the exchange in stop(). */
    if (!cas_acq_rel(&connection->turn, &busy, SLEY__HTTPD_IDLE))
        return OVER;
    got = sley__httpd_fill(connection, until);
    if (!cas_acq_rel(&connection->turn, &idle, SLEY__HTTPD_BUSY))
        return OVER;
    return got > 0 ? 0 : OVER;
}

/* Empty lines before a request are dropped: some clients send one after a body. The scan begins
 * again behind them, where the first half of one may have been looked at. */
static void skip_empty_lines(struct sley__httpd_connection *connection,
                             struct sley__http1_scan *scan)
{
    while (connection->end - connection->start >= 2 &&
           memcmp(connection->input + connection->start, "\r\n", 2) == 0) {
        connection->start += 2;
        *scan = (struct sley__http1_scan){0};
    }
}

static int read_more(struct sley__httpd_connection *connection, const struct sley__http1_scan *scan,
                     int64_t until)
{
    int status = make_room(connection, scan);
    int got;

    if (status)
        return status;
    got = sley__httpd_fill(connection, until);
    return got > 0 ? 0 : got == SLEY_ETIMEDOUT ? 408 : OVER;
}

/* Waits for the whole head: 0 and its size, a status, or OVER. An empty line is no byte of it, and
 * does not begin the wait for one again. */
static int read_head(struct sley__httpd_connection *connection, size_t *size)
{
    const struct sley_httpd_options *options = &connection->server->options;
    struct sley__http1_scan scan = {0};
    int64_t silent = 0, until = 0;
    long end;
    int status;

    for (;;) {
        if (!scan.has_line)
            skip_empty_lines(connection, &scan);
        end = sley__http1_find_end(&scan, connection->input + connection->start,
                                   connection->end - connection->start);
        if (end)
            break;
        if (connection->start == connection->end) {
            if (!silent)
                silent = sley_now() + options->connection_timeout;
            status = await_request(connection, silent);
            until = 0;
        } else {
            if (!until)
                until = sley_now() + options->header_timeout;
            status = read_more(connection, &scan, until);
        }
        if (status)
            return status;
    }
    *size = end > 0 ? (size_t)end : 0;
    if (end < 0)
        return 400;
    return *size > connection->server->options.max_header ? 431 : 0;
}

/* --- requests --------------------------------------------------------------------------------- */

/* Counters have one writer. */
static void count(atomic(uint64_t) * counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1);
}

static void call_handler(struct sley_httpd_request *request)
{
    struct sley_httpd *server = request->connection->server;
    const struct sley_httpd_route *route = request->route;
    struct sley_httpd_response *response = &request->response;
    int64_t deadline = sley_deadline();
    int result;

    count(&request->connection->requests);
    store_relaxed(&request->connection->running, true);
    result = route ? route->handler(request, response, route->arg)
                   : server->handler(request, response, server->arg);
    store_relaxed(&request->connection->running, false);
    sley_deadline_restore(deadline);
    if (result >= 0 || response->abort)
        return;
    if (response->started) {
        response->error = result;
        return;
    }
    sley__httpd_response_fail(response);
}

/* An answer that is not the handler's. */
static void refuse(struct sley_httpd_request *request, int status)
{
    count(&request->connection->rejected);
    request->response.status = status;
    if (status != 404 && status != 405 && status != 204)
        request->head.keep_alive = false;
    if (!request->over && !request->continued) /* its body may come, or not */
        request->head.keep_alive = false;
}

/* 0: the handler is to be called; else the answer's status, or a negative error. */
static int prepare(struct sley_httpd_request *request)
{
    struct sley_httpd *server = request->connection->server;
    char allow[128] = "";
    int status = sley__httpd_request_begin(request);

    if (!status && server->router)
        status = sley__httpd_route(server->router, request, allow, sizeof(allow));
    sley__httpd_body_begin(request); /* where nothing fits it is only dropped */
    if (status == 404 && server->handler)
        status = 0;
    if (*allow && sley_httpd_response_header(&request->response, "Allow", allow))
        return SLEY_ENOMEM;
    if (status)
        return status;
    if (request->head.has_length && request->head.length > request->max_body)
        return 413;
    return request->streamed ? 0 : sley__httpd_body_load(request);
}

/* The name is gone with the connection, so for a log it is asked for in good time. */
void sley__httpd_name_peer(struct sley__httpd_connection *connection)
{
    char *peer = connection->peer;

    if (!*peer && sley_stream_peer(connection->stream, peer, sizeof(connection->peer)))
        memcpy(peer, "unknown", sizeof("unknown"));
}

static void report(struct sley_httpd_request *request)
{
    const struct sley_httpd_options *options = &request->connection->server->options;
    struct sley_httpd_entry entry = {
        .method = request->head.method ? request->head.method : "",
        .target = request->head.target ? request->head.target : "",
        .peer = sley_httpd_request_peer(request),
        .status = request->response.abort ? 0 : request->response.status,
        .bytes = request->response.pace.sent,
        .duration = sley_now() - request->begun,
        .error = request->response.error,
    };

    sley__http1_restore(&request->head);
    options->log(&entry, options->log_arg);
}

/* Answers it. True: the connection goes on. */
static bool answer(struct sley_httpd_request *request, int status)
{
    struct sley_httpd_response *response = &request->response;
    bool whole;

    if (status == 0)
        status = prepare(request);
    if (status == 0)
        call_handler(request);
    else if (status > 0)
        refuse(request, status);
    if (status < 0)
        response->error = status;
    else if (!response->abort && sley__httpd_response_finish(response))
        response->error = response->error ? response->error : SLEY_ECONNRESET;
    if (request->connection->server->options.log)
        report(request);
    whole = !response->error && !response->abort && !response->truncated;
    return whole && !sley__httpd_closes(request) && sley__httpd_body_drain(request);
}

/* After the last answer: whoever still sends is heard out for a moment. */
static void hang_up(struct sley__httpd_connection *connection)
{
    int64_t until = sley_now() + DRAIN_TIME;
    int64_t before = sley_deadline_narrow(until); /* over TLS it is a message, which may wait */
    int got = 1, error = sley_stream_shutdown(connection->stream);
    char dropped[512];
    size_t left = DRAIN;

    sley_deadline_restore(before);
    if (error)
        return;
    while (left && (got = sley__httpd_receive(connection, dropped, sizeof(dropped), until)) > 0)
        left -= (size_t)got < left ? (size_t)got : left;
}

/* What is to be done with the connection after a request. */
enum next {
    GO_ON,
    HANG_UP,
    CLOSE,
    BREAK, /* the answer is not whole, and nothing may look as if it were */
};

/* The request whose head is the first `size` bytes of the input; or an answer of that status. */
static NOINLINE enum next serve_one(struct sley__httpd_connection *connection, size_t size,
                                    int status)
{
    struct sley_httpd_request request;
    struct sley_httpd_response *response = &request.response;
    bool goes_on, broken, heard;

    request.connection = connection;
    request.begun = connection->server->options.log ? sley_now() : 0;
    if (!status)
        status = sley__http1_parse(connection->input + connection->start, size, &request.head);
    else
        request.head = (struct sley__http1_head){.minor = 1};
    connection->start += size;
    sley__httpd_response_init(&request);
    goes_on = answer(&request, status);
    broken = response->error || response->abort || response->truncated;
    heard = response->status < 400 && request.over; /* it has sent all that it wants to */
    sley__httpd_request_end(&request);
    return goes_on ? GO_ON : broken ? BREAK : heard ? CLOSE : HANG_UP;
}

/* The large frame of a request is not on the stack while the next one is waited for. */
static enum next serve_next(struct sley__httpd_connection *connection)
{
    size_t size = 0;
    int status = read_head(connection, &size);

    return status == OVER ? CLOSE : serve_one(connection, size, status);
}

/* True if both sides know that it is HTTP that is spoken. A server that was given a context of the
 * caller's may have offered others. */
static bool speaks_http(const struct sley_stream *stream)
{
    const char *protocol = sley_tls_protocol(stream);

    return !*protocol || strcmp(protocol, "http/1.1") == 0;
}

/* Makes the stream one over TLS, if that is asked for. Nothing is lost if the server stops
 * meanwhile, so it counts as idle. False: the connection is over. */
static NOINLINE bool shake_hands(struct sley__httpd_connection *connection)
{
    const struct sley_httpd_options *options = &connection->server->options;
    uint32_t busy = SLEY__HTTPD_BUSY, idle = SLEY__HTTPD_IDLE;
    int64_t before;
    int error;

    /* Partner of both: the exchange in stop(). */
    if (!cas_acq_rel(&connection->turn, &busy, SLEY__HTTPD_IDLE))
        return false;
    before = sley_deadline_narrow(sley_after(options->header_timeout));
    error = sley_tls_accept(options->tls, connection->stream, NULL, &connection->stream);
    sley_deadline_restore(before);
    if (!cas_acq_rel(&connection->turn, &idle, SLEY__HTTPD_BUSY))
        return false;
    return !error && speaks_http(connection->stream);
}

int sley__httpd_serve(void *arg)
{
    struct sley__httpd_connection *connection = arg;
    const struct sley_httpd_options *options = &connection->server->options;
    enum next next = CLOSE;

    if (options->log)
        sley__httpd_name_peer(connection);
    if (!options->tls || shake_hands(connection))
        while ((next = serve_next(connection)) == GO_ON)
            continue;
    if (next == HANG_UP)
        hang_up(connection);
    if (next == BREAK && options->tls)
        sley_stream_close(connection->stream); /* without the message that it ends here */
    sley__httpd_unlist(connection);
    sley_stream_free(connection->stream);
    sley__httpd_leave(connection);
    return 0;
}
