/*
 * http_server_request.c: a request from its first header to the last byte of its answer.
 *
 * The daemon calls on_request several times: with the headers, with each piece of the body, and
 * when all is there. Then the connection is suspended and a task is spawned; while it runs the
 * connection is the task's to read (the daemon does not look at suspended ones), so that the path,
 * the query and the headers are borrowed, not copied. The task's last act is to send the request
 * back through the inbox; the connection is resumed, the daemon calls once more, and gets the
 * answer.
 *
 * A body that is announced too large is turned away before a byte of it is read. One that turns out
 * too large (chunked) is read on to the limit once more, so that an honest client hears the 413
 * before the connection is closed, and then cut off.
 */
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>

/* Counters have one writer, the I/O thread. */
static void count(atomic(uint64_t) * counter, int change)
{
    store_relaxed(counter, load_relaxed(counter) + (uint64_t)(int64_t)change);
}

/* --- the handler's task ---------------------------------------------------------------------- */

/* From the task. */
static int run_handler(void *arg)
{
    struct sley_httpd_request *request = arg;
    struct sley_httpd_response *response = &request->response;
    struct sley_httpd *server = request->server;
    int result = server->handler(request, response, server->arg);

    if (result < 0 && !response->abort) {
        sley__httpd_response_clear(response);
        response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!response->abort)
        request->answer = sley__httpd_response_build(response);
    sley__loop_submit(server->loop, &request->done_node);
    return result;
}

/* I/O thread only. */
static void take_back(struct sley_httpd_request *request)
{
    struct sley_httpd *server = request->server;

    sley_detach(request->task);
    request->task = NULL;
    request->state = SLEY__HTTPD_ANSWER;
    count(&server->running, -1);
    MHD_resume_connection(request->connection);
    sley__httpd_turn_soon(server);
}

static void on_done(struct sley__inbox_node *node)
{
    take_back(container_of(node, struct sley_httpd_request, done_node));
}

void sley__httpd_cancel_all(struct sley_httpd *server)
{
    list_for_each (link, &server->active) {
        struct sley_httpd_request *request = container_of(link, struct sley_httpd_request, link);

        if (request->state == SLEY__HTTPD_RUNNING)
            sley_cancel(request->task, "the server is stopped");
    }
}

void sley__httpd_abort_all(struct sley_httpd *server)
{
    list_for_each (link, &server->active) {
        struct sley_httpd_request *request = container_of(link, struct sley_httpd_request, link);

        if (request->state == SLEY__HTTPD_RUNNING)
            take_back(request);
    }
}

/* --- requests -------------------------------------------------------------------------------- */

static struct sley_httpd_request *request_new(struct sley_httpd *server,
                                              struct MHD_Connection *connection, const char *method,
                                              const char *path)
{
    struct sley_httpd_request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->server = server;
    request->connection = connection;
    request->method = method;
    request->path = path;
    request->done_node.run = on_done;
    request->response.status = MHD_HTTP_OK;
    list_push_back(&server->active, &request->link);
    return request;
}

static void request_free(struct sley_httpd_request *request)
{
    list_remove(&request->link);
    if (request->answer)
        MHD_destroy_response(request->answer);
    sley__httpd_response_clear(&request->response);
    free(request->body);
    free(request);
}

/* Answers without the handler; the connection ends with it. */
static enum MHD_Result reject(struct sley_httpd_request *request, unsigned status)
{
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;

    count(&request->server->rejected, 1);
    request->state = SLEY__HTTPD_SENDING;
    if (!answer)
        return MHD_NO;
    MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
    result = MHD_queue_response(request->connection, status, answer);
    MHD_destroy_response(answer);
    return result;
}

/* The length that the client announces, or 0. */
static uint64_t announced_length(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length ? strtoull(length, NULL, 10) : 0;
}

static enum MHD_Result begin_request(struct sley_httpd *server, struct MHD_Connection *connection,
                                     const char *method, const char *path, void **context)
{
    struct sley_httpd_request *request = request_new(server, connection, method, path);

    *context = request;
    if (!request)
        return MHD_NO;
    if (announced_length(connection) > server->options.max_body)
        return reject(request, MHD_HTTP_CONTENT_TOO_LARGE);
    return MHD_YES;
}

static bool make_room(struct sley_httpd_request *request, size_t more)
{
    size_t needed = request->body_size + more;
    size_t capacity = request->body_capacity ? request->body_capacity : 1024;
    char *body;

    if (needed <= request->body_capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;
    body = realloc(request->body, capacity);
    if (!body)
        return false;
    request->body = body;
    request->body_capacity = capacity;
    return true;
}

static enum MHD_Result take_body(struct sley_httpd_request *request, const char *data, size_t *size)
{
    size_t more = *size, limit = request->server->options.max_body;

    *size = 0;
    if (more > limit - request->body_size) {
        /* The second time that the limit is reached is the end of our patience. */
        if (request->too_large)
            return MHD_NO;
        request->too_large = true;
        request->body_size = 0;
        more = more < limit ? more : limit;
    }
    if (request->too_large) {
        request->body_size += more;
        return MHD_YES;
    }
    if (!make_room(request, more))
        return MHD_NO;
    memcpy(request->body + request->body_size, data, more);
    request->body_size += more;
    return MHD_YES;
}

static enum MHD_Result start_handler(struct sley_httpd_request *request)
{
    struct sley_httpd *server = request->server;
    struct sley_task_options options = {.name = server->options.name};

    if (request->too_large)
        return reject(request, MHD_HTTP_CONTENT_TOO_LARGE);
    if (server->stopping ||
        sley_runtime_spawn(server->runtime, run_handler, request, &options, &request->task) < 0)
        return reject(request, MHD_HTTP_SERVICE_UNAVAILABLE);
    /* The task may be over by now, but its message waits for this thread. */
    request->state = SLEY__HTTPD_RUNNING;
    count(&server->requests, 1);
    count(&server->running, 1);
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

static enum MHD_Result send_answer(struct sley_httpd_request *request)
{
    struct MHD_Response *answer = request->answer;
    enum MHD_Result result;

    request->state = SLEY__HTTPD_SENDING;
    request->answer = NULL;
    if (!answer) /* aborted, or no memory for an answer */
        return MHD_NO;
    result = MHD_queue_response(request->connection, (unsigned)request->response.status, answer);
    MHD_destroy_response(answer);
    return result;
}

enum MHD_Result sley__httpd_on_request(void *server, struct MHD_Connection *connection,
                                       const char *url, const char *method,
                                       const char *version UNUSED, const char *upload,
                                       size_t *upload_size, void **context)
{
    struct sley_httpd_request *request = *context;

    if (!request)
        return begin_request(server, connection, method, url, context);
    if (*upload_size)
        return take_body(request, upload, upload_size);
    switch (request->state) {
    case SLEY__HTTPD_READING:
        return start_handler(request);
    case SLEY__HTTPD_ANSWER:
        return send_answer(request);
    default:
        return MHD_YES;
    }
}

void sley__httpd_on_completed(void *arg, struct MHD_Connection *connection UNUSED, void **context,
                              enum MHD_RequestTerminationCode why UNUSED)
{
    struct sley_httpd_request *request = *context;

    if (!request)
        return;
    *context = NULL;
    request_free(request);
    sley__httpd_settle(arg);
}

/* --- what the handler asks; the contracts are in <sley/httpd.h> ------------------------------- */

const char *sley_httpd_request_method(const struct sley_httpd_request *request)
{
    return request->method;
}

const char *sley_httpd_request_path(const struct sley_httpd_request *request)
{
    return request->path;
}

struct argument {
    const char *name, *value;
};

static enum MHD_Result find_argument(void *cls, enum MHD_ValueKind kind UNUSED, const char *name,
                                     const char *value)
{
    struct argument *argument = cls;

    if (strcmp(name, argument->name) != 0)
        return MHD_YES;
    argument->value = value ? value : "";
    return MHD_NO;
}

const char *sley_httpd_request_query(const struct sley_httpd_request *request, const char *name)
{
    struct argument argument = {.name = name};

    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, find_argument, &argument);
    return argument.value;
}

const char *sley_httpd_request_header(const struct sley_httpd_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const void *sley_httpd_request_body(const struct sley_httpd_request *request, size_t *size)
{
    *size = request->body_size;
    return request->body ? request->body : "";
}

const char *sley_httpd_request_peer(const struct sley_httpd_request *request)
{
    struct sley_httpd_request *own = (struct sley_httpd_request *)(uintptr_t)request;
    const union MHD_ConnectionInfo *info;
    struct sley__address address;

    if (*own->peer)
        return own->peer;
    info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info) {
        bool v6 = info->client_addr->sa_family == AF_INET6;

        sley__address_set(&address, info->client_addr,
                          v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    }
    if (!info || !sley__address_format(&address, own->peer, sizeof(own->peer)))
        memcpy(own->peer, "unknown", sizeof("unknown"));
    return own->peer;
}
