/* The HTTP server: routes, forms, bodies that are read and written piece by piece, the log, and
 * clients that break the rules or off. Spoken to byte by byte. */
#define _GNU_SOURCE
#include "task_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/http.h>
#include <sley/httpd.h>
#include <sley/tcp.h>

enum { BIG = 3 << 20 };

static char big[BIG];
static _Atomic int calls, logged, last_status, last_error, write_error, read_error;
static _Atomic uint64_t last_bytes;
static char last_target[128];

/* --- handlers --------------------------------------------------------------------------------- */

static int say(struct sley_httpd_response *response, const char *text)
{
    return sley_httpd_response_body_copy(response, text, strlen(text));
}

static int show(struct sley_httpd_request *request, struct sley_httpd_response *response, void *arg)
{
    const char *id = sley_httpd_request_param(request, "id");
    const char *rest = sley_httpd_request_param(request, "rest");
    char text[256];

    calls++;
    cr_assert_null(sley_httpd_request_param(request, "none"));
    snprintf(text, sizeof(text), "%s id=%s rest=%s", (const char *)arg, id ? id : "-",
             rest ? rest : "-");
    return say(response, text);
}

static int show_form(struct sley_httpd_request *request, struct sley_httpd_response *response,
                     UNUSED_ARG void *arg)
{
    const char *name, *value;
    char text[512] = "";

    for (size_t i = 0; sley_httpd_request_query_at(request, i, &name, &value); i++)
        sprintf(text + strlen(text), "?%s=%s", name, value);
    for (size_t i = 0; sley_httpd_request_field_at(request, i, &name, &value); i++)
        sprintf(text + strlen(text), "&%s=%s", name, value);
    if (sley_httpd_request_field(request, "a"))
        cr_assert_null(sley_httpd_request_field(request, "zzz"));
    return say(response, text);
}

static int take_parts(struct sley_httpd_request *request, struct sley_httpd_response *response,
                      UNUSED_ARG void *arg)
{
    struct sley_httpd_part part;
    char text[512] = "", buffer[1000];
    int more, got;

    cr_assert_eq(sley_httpd_request_part_read(request, buffer, 1), SLEY_EINVAL);
    while ((more = sley_httpd_request_part(request, &part)) > 0) {
        size_t size = 0;

        sprintf(text + strlen(text), "%s,%s", part.name, part.filename ? part.filename : "-");
        while ((got = sley_httpd_request_part_read(request, buffer, sizeof(buffer))) > 0)
            size += (size_t)got;
        sprintf(text + strlen(text), ",%zu;", size);
        if (got != SLEY_EOF)
            return got;
    }
    if (more < 0)
        sley_httpd_response_status(response, 400);
    return say(response, more < 0 ? sley_error_name(more) : text);
}

static int take_stream(struct sley_httpd_request *request, struct sley_httpd_response *response,
                       UNUSED_ARG void *arg)
{
    char buffer[3000], text[100];
    size_t size = 0;
    int got;

    while ((got = sley_httpd_request_read(request, buffer, sizeof(buffer))) > 0)
        size += (size_t)got;
    read_error = got;
    snprintf(text, sizeof(text), "%zu %s", size, sley_error_name(got));
    return say(response, text);
}

static _Atomic int reading;

/* Reads a byte, rests for longer than a client may, and reads on. */
static int rest_between(struct sley_httpd_request *request, struct sley_httpd_response *response,
                        UNUSED_ARG void *arg)
{
    char byte;
    int got;

    reading = 1;
    got = sley_httpd_request_read(request, &byte, 1);
    if (got == 1) {
        reading = 2;
        assert_ok(sley_sleep(SLEY_MILLISECONDS(600)));
        got = sley_httpd_request_read(request, &byte, 1);
    }
    return say(response, got == 1 ? "rested" : sley_error_name(got));
}

static int leave_body(UNUSED_ARG struct sley_httpd_request *request,
                      struct sley_httpd_response *response, UNUSED_ARG void *arg)
{
    return say(response, "left");
}

static int write_pieces(struct sley_httpd_request *request, struct sley_httpd_response *response,
                        UNUSED_ARG void *arg)
{
    const char *how = sley_httpd_request_param(request, "how");
    size_t size = !strcmp(how, "big") ? BIG : 10000;

    write_error = sley_httpd_response_header(response, "X-How", how);
    if (!strcmp(how, "known") || !strcmp(how, "short"))
        cr_assert_eq(sley_httpd_response_length(response, 10000 + !strcmp(how, "short")), 0);
    for (size_t at = 0; at < size && !write_error; at += 5000 < size - at ? 5000 : size - at)
        write_error =
            sley_httpd_response_write(response, big + at, size - at < 5000 ? size - at : 5000);
    if (!strcmp(how, "known")) {
        cr_assert_eq(sley_httpd_response_write(response, "x", 1), SLEY_EMSGSIZE);
        cr_assert_eq(sley_httpd_response_length(response, 1), SLEY_EINVAL);
    }
    return !strcmp(how, "fail") ? SLEY_EIO : 0;
}

/* Says how much will come, and does not keep to it. */
static int announce(struct sley_httpd_request *request, struct sley_httpd_response *response,
                    UNUSED_ARG void *arg)
{
    const char *how = sley_httpd_request_param(request, "how");
    int result = 0;

    assert_ok(sley_httpd_response_header(response, "X-How", how));
    assert_ok(sley_httpd_response_length(response, strcmp(how, "empty") ? 5 : 0));
    if (!strcmp(how, "late"))
        assert_ok(sley_httpd_response_write(response, "123", 3));
    if (!strcmp(how, "late") || !strcmp(how, "more") || !strcmp(how, "quiet")) {
        result = sley_httpd_response_write(response, big, 6);
        cr_assert_eq(result, SLEY_EMSGSIZE);
        cr_assert_eq(sley_httpd_response_write(response, big, 2), SLEY_EMSGSIZE);
        cr_assert_eq(sley_httpd_response_write(response, big, 0), SLEY_EMSGSIZE);
    }
    if (!strcmp(how, "unchanged"))
        sley_httpd_response_status(response, 304);
    if (!strcmp(how, "instead"))
        return say(response, "all of it");
    if (!strcmp(how, "failed"))
        return SLEY_EIO;
    return strcmp(how, "quiet") ? 0 : result;
}

static int gush(UNUSED_ARG struct sley_httpd_request *request, struct sley_httpd_response *response,
                UNUSED_ARG void *arg)
{
    int error = 0;

    while (!error)
        error = sley_httpd_response_write(response, big, 100000);
    write_error = error;
    return error;
}

static int other(struct sley_httpd_request *request, struct sley_httpd_response *response,
                 UNUSED_ARG void *arg)
{
    calls++;
    return say(response, sley_httpd_request_path(request));
}

static void log_entry(const struct sley_httpd_entry *entry, void *arg)
{
    cr_assert_eq(arg, &logged);
    cr_assert(!strncmp(entry->peer, "127.0.0.1:", 10) || !strcmp(entry->peer, "unknown"));
    last_status = entry->status;
    last_error = entry->error;
    last_bytes = entry->bytes;
    snprintf(last_target, sizeof(last_target), "%s %s", entry->method, entry->target);
    logged++;
}

static const struct sley_httpd_route routes[] = {
    {.method = "GET", .path = "/", .handler = show, .arg = "root"},
    {.method = "GET", .path = "/users/{id}", .handler = show, .arg = "user"},
    {.method = "DELETE", .path = "/users/{id}", .handler = show, .arg = "delete"},
    {.method = "GET", .path = "/users/me", .handler = show, .arg = "me"},
    {.method = "POST", .path = "/users/only-post", .handler = show, .arg = "post"},
    {.method = "GET", .path = "/users/{id}/posts/{rest}", .handler = show, .arg = "post of"},
    {.method = "GET", .path = "/files/{rest...}", .handler = show, .arg = "files"},
    {.method = "GET", .path = "/files/{id}/raw", .handler = show, .arg = "raw"},
    {.method = NULL, .path = "/any", .handler = show, .arg = "any"},
    {.method = NULL, .path = "/form", .handler = show_form},
    {.method = "POST",
     .path = "/parts",
     .handler = take_parts,
     .stream = true,
     .max_body = 2 * BIG},
    {.method = "POST", .path = "/parts/memory", .handler = take_parts},
    {.method = "POST", .path = "/stream", .handler = take_stream, .stream = true, .max_body = BIG},
    {.method = "POST", .path = "/rest", .handler = rest_between, .stream = true},
    {.method = "POST", .path = "/leave", .handler = leave_body, .stream = true, .max_body = BIG},
    {.method = "GET", .path = "/write/{how}", .handler = write_pieces},
    {.method = "GET", .path = "/announce/{how}", .handler = announce},
    {.method = "GET", .path = "/gush", .handler = gush},
    {.handler = NULL},
};

/* --- talking ---------------------------------------------------------------------------------- */

struct world {
    struct sley_httpd *server;
    char answer[20000];
    size_t size;
};

static void open_world(struct world *world, sley_httpd_handler *handler,
                       const struct sley_httpd_options *options)
{
    struct sley_httpd_options all = options ? *options : (struct sley_httpd_options){0};

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 26);
    all.routes = routes;
    all.log = log_entry;
    all.log_arg = &logged;
    assert_ok(sley_httpd_start(handler, NULL, &all, &world->server));
}

static struct sley_stream *dial(struct world *world)
{
    struct sley_stream *stream;

    assert_ok(sley_tcp_connect("127.0.0.1", sley_httpd_port(world->server), NULL, &stream));
    return stream;
}

/* Everything up to the end of the connection. */
static const char *hear(struct world *world, struct sley_stream *stream)
{
    int got;

    world->size = 0;
    while ((got = sley_stream_read(stream, world->answer + world->size,
                                   sizeof(world->answer) - 1 - world->size)) > 0)
        world->size += (size_t)got;
    world->answer[world->size] = '\0';
    sley_stream_free(stream);
    return world->answer;
}

/* The answer to these bytes, after which nothing follows. */
static const char *talk(struct world *world, const char *bytes)
{
    struct sley_stream *stream = dial(world);

    (void)!sley_stream_write(stream, bytes, strlen(bytes), NULL);
    sley_stream_shutdown(stream);
    return hear(world, stream);
}

#define REQUEST(line, ...) line " HTTP/1.1\r\nHost: h\r\n" __VA_ARGS__ "\r\n"

#define assert_has(text, part)                                                           \
    do {                                                                                 \
        const char *text_ = (text);                                                      \
        cr_assert_not_null(strstr(text_, part), "\"%s\" is not in \"%s\"", part, text_); \
    } while (0)
#define assert_talk(bytes, part) assert_has(talk(world, bytes), part)

static struct world *new_world(sley_httpd_handler *handler,
                               const struct sley_httpd_options *options)
{
    struct world *world = calloc(1, sizeof(*world));

    open_world(world, handler, options);
    return world;
}

static void close_world(struct world *world)
{
    sley_httpd_free(world->server);
    free(world);
}

/* --- routes ----------------------------------------------------------------------------------- */

TASK_TEST(httpd_routes, patterns)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("GET /"), "\r\n\r\nroot id=- rest=-");
    assert_talk(REQUEST("GET /users/7"), "user id=7 rest=-");
    assert_talk(REQUEST("GET /users/a%2Fb%20c"), "user id=a/b c rest=-");
    assert_talk(REQUEST("GET /users/me"), "me id=-");
    assert_talk(REQUEST("GET /%75sers/m%65"), "me id=-");
    assert_talk(REQUEST("DELETE /users/me"), "delete id=me");
    assert_talk(REQUEST("GET /users/only-post"), "user id=only-post");
    assert_talk(REQUEST("POST /users/only-post", "Content-Length: 0\r\n"), "post id=-");
    assert_talk(REQUEST("GET /users/1/posts/2"), "post of id=1 rest=2");
    assert_talk(REQUEST("GET /files/a/b%2f/c"), "files id=- rest=a/b//c");
    assert_talk(REQUEST("GET /files/"), "files id=- rest=");
    assert_talk(REQUEST("GET /files/x/raw"), "raw id=x");
    assert_talk(REQUEST("GET /files/x/raw/y"), "files id=- rest=x/raw/y");
    assert_talk(REQUEST("PURGE /any?x=y"), "any id=-");
    assert_talk(REQUEST("GET http://elsewhere/users/me?a HTTP"), "400 Bad Request");
    assert_talk(REQUEST("GET http://elsewhere/users/me?a"), "me id=-");
    cr_assert_str_eq(last_target, "GET http://elsewhere/users/me?a");
    assert_talk(REQUEST("GET http://elsewhere?a=/users/me"), "root id=-");
    cr_assert_str_eq(last_target, "GET http://elsewhere?a=/users/me");
    assert_talk(REQUEST("GET http:///users/me"), "400 Bad Request");
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, nothing_fits)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("GET /nothing"), "HTTP/1.1 404 Not Found\r\n");
    assert_talk(REQUEST("GET /users"), "404");
    assert_talk(REQUEST("GET /users/"), "404");
    assert_talk(REQUEST("GET /users/7/"), "404");
    assert_talk(REQUEST("POST /users/7", "Content-Length: 0\r\n"),
                "HTTP/1.1 405 Method Not Allowed\r\n");
    assert_has(world->answer, "Allow: DELETE, GET, HEAD\r\n");
    assert_talk(REQUEST("OPTIONS /users/7"), "HTTP/1.1 204 No Content\r\n");
    assert_has(world->answer, "Allow: DELETE, GET, HEAD\r\n");
    assert_talk(REQUEST("GET /a%"), "400 Bad Request");
    assert_talk(REQUEST("GET /a%00"), "400 Bad Request");
    cr_assert_eq(calls, 0);
    close_world(world);
    world = new_world(other, NULL);
    assert_talk(REQUEST("GET /no%74hing"), "\r\n\r\n/nothing");
    assert_talk(REQUEST("POST /users/7", "Content-Length: 0\r\n"), "405");
    close_world(world);
    return 0;
}

/* The connection goes on behind an answer that no handler gave, with what was sent meanwhile. */
TASK_TEST(httpd_routes, nothing_fits_and_the_next_does)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("GET /nothing") REQUEST("GET /users/7"), "user id=7");
    assert_has(world->answer, "404 Not Found");
    assert_talk(REQUEST("POST /users/7", "Content-Length: 3\r\n") "a=1" REQUEST("GET /users/8"),
                "user id=8");
    assert_has(world->answer, "405 Method Not Allowed");
    assert_talk(
        REQUEST("POST /nothing", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n" REQUEST(
            "OPTIONS /users/7") REQUEST("GET /users/9"),
        "user id=9");
    assert_has(world->answer, "204 No Content");
    cr_assert_null(strstr(world->answer, "Connection: close"));
    /* Its body may come, or not: what follows cannot be told from it. */
    assert_talk(REQUEST("POST /nothing", "Content-Length: 5\r\nExpect: 100-continue\r\n"), "404");
    assert_has(world->answer, "Connection: close\r\n");
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, head_and_empty_answers)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("HEAD /users/7"), "Content-Length: 16\r\n");
    cr_assert_null(strstr(world->answer, "user id"));
    assert_talk(REQUEST("HEAD /write/big"), "X-How: big\r\n");
    cr_assert_str_eq(strstr(world->answer, "\r\n\r\n"), "\r\n\r\n");
    cr_assert_eq(write_error, 0);
    close_world(world);
    return 0;
}

#define ROUTE(verb, pattern)                                 \
    {                                                        \
        .method = (verb), .path = (pattern), .handler = show \
    }

TASK_TEST(httpd_routes, bad_tables)
{
    static const struct sley_httpd_route bad[][3] = {
        {ROUTE("GET", "x")},      {ROUTE("GET", "")},
        {ROUTE("GET", "/{")},     {ROUTE("GET", "/{}")},
        {ROUTE("GET", "/a{b}")},  {ROUTE("GET", "/{a}b")},
        {ROUTE("GET", "/{...}")}, {ROUTE("GET", "/{a...}/b")},
        {ROUTE("G T", "/")},      {ROUTE("GET", "/{a}"), ROUTE("GET", "/{b}")},
        {ROUTE("GET", NULL)},     {ROUTE(NULL, "/a"), ROUTE(NULL, "/a")},
    };
    struct sley_httpd *server = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_code(
            sley_httpd_start(NULL, NULL, &(struct sley_httpd_options){.routes = bad[i]}, &server),
            SLEY_EINVAL);
    assert_code(sley_httpd_start(NULL, NULL, NULL, &server), SLEY_EINVAL);
    cr_assert_null(server);
    return 0;
}

/* --- forms ------------------------------------------------------------------------------------ */

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

TASK_TEST(httpd_routes, forms)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("GET /form?a=1&b=x+y%26&&c&=d&e=%zz+"), "?a=1?b=x y&?c=?=d?e=%zz ");
    assert_talk(REQUEST("POST /form?q", FORM "Content-Length: 11\r\n") "a=1&b=%20+2",
                "?q=&a=1&b=  2");
    assert_talk(REQUEST("POST /form?q", "Content-Length: 3\r\n") "a=1", "\r\n\r\n?q=");
    assert_talk(REQUEST("POST /form",
                        FORM "Transfer-Encoding: chunked\r\n") "2\r\na=\r\n1\r\n7\r\n0\r\n\r\n",
                "&a=7");
    /* No text can hold a NUL; it is all the same to whom it was meant for. */
    assert_talk(REQUEST("GET /form?a=cat%00"), "HTTP/1.1 400 Bad Request\r\n");
    assert_talk(REQUEST("GET /form?%00=1&b"), "HTTP/1.1 400 Bad Request\r\n");
    assert_talk(REQUEST("GET /nothing?%00"), "HTTP/1.1 400 Bad Request\r\n");
    assert_talk(REQUEST("GET /form?a=%2500&b=100%"), "?a=%00?b=100%");
    /* A body can be anything, whatever its type is called: this is no form. */
    assert_talk(REQUEST("POST /form", FORM "Content-Length: 5\r\n") "a=%00", "&a=%00");
    close_world(world);
    return 0;
}

static void send_parts(struct sley_stream *stream, const char *path, size_t size)
{
    static const char begin[] = "--b\r\nContent-Disposition: form-data; name=small\r\n\r\n12345"
                                "\r\n--b\r\nContent-Disposition: form-data; name=\"large\"; "
                                "filename=\"f g\"\r\n\r\n",
                      end[] = "\r\n--b--\r\n";
    char text[256];

    snprintf(text, sizeof(text),
             "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
             "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %zu\r\n\r\n",
             path, sizeof(begin) - 1 + size + sizeof(end) - 1);
    assert_ok(sley_stream_write(stream, text, strlen(text), NULL));
    assert_ok(sley_stream_write(stream, begin, sizeof(begin) - 1, NULL));
    assert_ok(sley_stream_write(stream, big, size, NULL));
    assert_ok(sley_stream_write(stream, end, sizeof(end) - 1, NULL));
}

TASK_TEST(httpd_routes, parts)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_stream *stream = dial(world);

    send_parts(stream, "/parts", BIG);
    assert_has(hear(world, stream), "small,-,5;large,f g,3145728;");
    stream = dial(world);
    send_parts(stream, "/parts/memory", 100000);
    assert_has(hear(world, stream), "small,-,5;large,f g,100000;");
    assert_talk(REQUEST("POST /parts", "Content-Length: 1\r\n") "x", "SLEY_EINVAL");
    assert_talk(REQUEST("POST /parts", "Content-Type: multipart/form-data; boundary=b\r\n"
                                       "Content-Length: 1\r\n") "x",
                "SLEY_EPROTO");
    close_world(world);
    return 0;
}

/* --- bodies ----------------------------------------------------------------------------------- */

TASK_TEST(httpd_routes, bodies_read_by_the_handler)
{
    struct world *world = new_world(NULL, NULL);

    assert_talk(REQUEST("POST /stream", "Content-Length: 5\r\n") "12345", "5 SLEY_EOF");
    assert_talk(REQUEST("POST /stream", "Content-Length: 0\r\n"), "0 SLEY_EOF");
    assert_talk(REQUEST("POST /stream",
                        "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                "5 SLEY_EOF");
    assert_talk(REQUEST("POST /stream", "Transfer-Encoding: chunked\r\n") "3\r\nabcd",
                " SLEY_EPROTO");
    assert_talk(REQUEST("POST /stream", "Content-Length: 3145729\r\n"), "413 Content Too Large");
    (void)talk(world, REQUEST("POST /stream", "Content-Length: 5\r\n") "123");
    cr_assert_eq(read_error, SLEY_ECONNRESET);
    /* Two requests in one packet, the first in chunks: the second is not lost. */
    assert_talk(
        REQUEST("POST /stream",
                "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n" REQUEST("GET /users/7"),
        "user id=7");
    assert_has(world->answer, "3 SLEY_EOF");
    /* What the handler leaves is dropped, and does not become a request. */
    assert_talk(
        REQUEST("POST /leave", "Content-Length: 14\r\n") "GET / HTTP/1.1" REQUEST("GET /users/8"),
        "user id=8");
    assert_has(world->answer, "left");
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, expect)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("POST /stream", "Content-Length: 5\r\nExpect: 100-continue\r\n");
    char first[100] = "";

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    cr_assert_gt(sley_stream_read(stream, first, sizeof(first) - 1), 0);
    cr_assert_str_eq(first, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_ok(sley_stream_write(stream, "12345", 5, NULL));
    assert_ok(sley_stream_shutdown(stream));
    assert_has(hear(world, stream), "5 SLEY_EOF");
    /* Nobody wants it: the answer says so, and closes. */
    assert_talk(REQUEST("POST /leave", "Content-Length: 5\r\nExpect: 100-continue\r\n"),
                "HTTP/1.1 200 OK");
    assert_talk(REQUEST("POST /stream", "Content-Length: 99999999\r\nExpect: 100-continue\r\n"),
                "HTTP/1.1 413");
    assert_talk(REQUEST("POST /stream", "Content-Length: 5\r\nExpect: tea\r\n"), "HTTP/1.1 417");
    close_world(world);
    return 0;
}

static int get(struct world *world, const char *path, struct sley_http_response **response)
{
    struct sley_http_client *client;
    char url[64];
    int error;

    assert_ok(sley_http_client_new(NULL, &client));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sley_httpd_port(world->server), path);
    *response = NULL;
    error = sley_http_get(client, url, NULL, response);
    sley_http_client_free(client);
    return error;
}

TASK_TEST(httpd_routes, bodies_written_by_the_handler)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_http_response *response;

    assert_ok(get(world, "/write/chunks", &response));
    cr_assert_eq(sley_http_response_size(response), 10000);
    cr_assert_str_eq(sley_http_response_header(response, "Transfer-Encoding"), "chunked");
    cr_assert_eq(memcmp(sley_http_response_body(response), big, 10000), 0);
    sley_http_response_free(response);
    assert_ok(get(world, "/write/known", &response));
    cr_assert_eq(sley_http_response_size(response), 10000);
    cr_assert_str_eq(sley_http_response_header(response, "Content-Length"), "10000");
    sley_http_response_free(response);
    assert_ok(get(world, "/write/big", &response));
    cr_assert_eq(sley_http_response_size(response), BIG);
    cr_assert_eq(memcmp(sley_http_response_body(response), big, BIG), 0);
    sley_http_response_free(response);
    assert_code(get(world, "/write/fail", &response), SLEY_EPROTO);
    assert_code(get(world, "/write/short", &response), SLEY_EPROTO);
    /* An old client knows the end by the end of the connection. */
    assert_has(talk(world, "GET /write/old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
               "Connection: close\r\n");
    cr_assert_null(strstr(world->answer, "chunked"));
    cr_assert_eq(strlen(strstr(world->answer, "\r\n\r\n") + 4), 10000);
    close_world(world);
    return 0;
}

/* The answer, and that the next request of the connection got its own. */
static void assert_announced(struct world *world, const char *line, const char *status,
                             const char *length)
{
    char text[256];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n\r\n" REQUEST("GET /users/7"), line);
    (void)talk(world, text);
    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n", status);
    cr_assert_eq(strncmp(world->answer, text, strlen(text)), 0, "%s: %s", line, world->answer);
    *strstr(world->answer, "\r\n\r\n") = '\0';
    if (length)
        assert_has(world->answer, length);
    else
        cr_assert_null(strstr(world->answer, "Content-Length"));
    cr_assert_eq(!strstr(world->answer, "X-How"), !strncmp(status, "500", 3), "%s", line);
    assert_has(world->answer + strlen(world->answer) + 4, "HTTP/1.1 200 OK\r\n");
    assert_has(world->answer + strlen(world->answer) + 4, "user id=7");
}

/* While nothing is sent the server can still say that it failed, and does. */
TASK_TEST(httpd_routes, lengths_that_are_not_kept)
{
    static const char none[] = "Content-Length: 0";
    struct world *world = new_world(NULL, NULL);

    assert_announced(world, "GET /announce/more", "500 Internal Server Error", none);
    assert_announced(world, "HEAD /announce/more", "500 Internal Server Error", none);
    assert_announced(world, "GET /announce/quiet", "500 Internal Server Error", none);
    assert_announced(world, "HEAD /announce/quiet", "500 Internal Server Error", none);
    assert_announced(world, "GET /announce/failed", "500 Internal Server Error", none);
    assert_announced(world, "HEAD /announce/failed", "500 Internal Server Error", none);
    assert_announced(world, "GET /announce/nothing", "500 Internal Server Error", none);
    /* These are answers. */
    assert_announced(world, "HEAD /announce/nothing", "200 OK", "Content-Length: 5");
    assert_announced(world, "GET /announce/empty", "200 OK", none);
    assert_announced(world, "HEAD /announce/empty", "200 OK", none);
    assert_announced(world, "GET /announce/unchanged", "304 Not Modified", NULL);
    assert_announced(world, "GET /announce/instead", "200 OK", "Content-Length: 9");
    assert_announced(world, "HEAD /announce/instead", "200 OK", "Content-Length: 9");
    /* Too late to say anything: broken off. */
    assert_talk(REQUEST("GET /announce/late") REQUEST("GET /users/7"), "Content-Length: 5\r\n");
    cr_assert_str_eq(strstr(world->answer, "\r\n\r\n") + 4, "123");
    cr_assert_eq(last_error, SLEY_EMSGSIZE);
    assert_talk(REQUEST("HEAD /announce/late") REQUEST("GET /users/7"), "Content-Length: 5\r\n");
    cr_assert_str_eq(strstr(world->answer, "\r\n\r\n") + 4, "");
    cr_assert_eq(last_error, SLEY_EMSGSIZE);
    close_world(world);
    return 0;
}

/* A client that does not read holds the handler up; one that is gone ends it. */
TASK_TEST(httpd_routes, writers_are_held_up_and_end)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("GET /gush");
    struct sley_httpd_stats stats = {0};

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    while (stats.running == 0) {
        sley_httpd_stats(world->server, &stats);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    }
    assert_ok(sley_sleep(SLEY_MILLISECONDS(30)));
    cr_assert_eq(write_error, 0);
    sley_stream_free(stream);
    while (!write_error)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    cr_assert(write_error == SLEY_EPIPE || write_error == SLEY_ECONNRESET, "%d", write_error);
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, writers_that_are_too_slow)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(50)});
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("GET /gush");

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    while (!write_error)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    cr_assert_eq(write_error, SLEY_ETIMEDOUT);
    sley_stream_free(stream);
    close_world(world);
    return 0;
}

/* The rate is that of the whole answer: no piece by itself takes long here. */
TASK_TEST(httpd_routes, writers_whose_pieces_are_too_slow)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(300),
                                                     .min_rate = 1 << 30});
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("GET /gush");
    static char dropped[64 * 1024];
    int got = 0;

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    for (int i = 0; i < 1500 && !write_error && got >= 0; i++) {
        got = sley_stream_read(stream, dropped, sizeof(dropped));
        assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    }
    cr_assert_eq(write_error, SLEY_ETIMEDOUT, "%s", sley_error_name(write_error));
    sley_stream_free(stream);
    close_world(world);
    return 0;
}

/* --- limits ----------------------------------------------------------------------------------- */

TASK_TEST(httpd_routes, heads_that_are_too_large)
{
    struct world *world = new_world(NULL, &(struct sley_httpd_options){.max_header = 1000});
    char request[4000];

    memset(request, 'x', sizeof(request));
    memcpy(request, "GET /", 5);
    request[sizeof(request) - 1] = '\0';
    assert_talk(request, "HTTP/1.1 414 URI Too Long\r\n");
    assert_has(world->answer, "Connection: close\r\n");
    memcpy(request, "GET / HTTP/1.1\r\nA: ", 19);
    assert_talk(request, "HTTP/1.1 431 ");
    memcpy(request + 900, "\r\n\r\n", 5);
    assert_talk(request, "HTTP/1.1 400 ");
    memcpy(request, REQUEST("GET /", "A: "), 28);
    memset(request + 28, 'x', 100);
    assert_talk(request, "HTTP/1.1 200 ");
    assert_talk("GET / HTTP/1.1\r\nA: b\n", "HTTP/1.1 400 ");
    assert_talk("\r\n\r\n" REQUEST("GET /"), "HTTP/1.1 200 ");
    close_world(world);
    return 0;
}

/* A byte now and then does not help: the deadline of a head is absolute. */
TASK_TEST(httpd_routes, slow_heads)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.header_timeout = SLEY_MILLISECONDS(60)});
    struct sley_stream *stream = dial(world);
    int64_t begun = sley_now();

    assert_ok(sley_stream_write(stream, "GET / HTTP/1.1\r\n", 16, NULL));
    while (sley_stream_write(stream, "A: b\r\n", 6, NULL) == 0 && !last_status)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    cr_assert_geq(sley_now() - begun, SLEY_MILLISECONDS(60));
    cr_assert_eq(last_status, 408);
    (void)hear(world, stream);
    close_world(world);
    return 0;
}

/* Nor do empty lines that no request follows, whole or in halves. */
static void send_empty_lines(const char *const lines[6])
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(40),
                                                     .header_timeout = SLEY_MILLISECONDS(40)});
    struct sley_httpd_stats stats = {.connections = 1};
    struct sley_stream *stream = dial(world);
    int sent = 0;

    for (; sent < 1000 && stats.connections; sent++) {
        (void)!sley_stream_write(stream, lines[sent % 6], strlen(lines[sent % 6]), NULL);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
        sley_httpd_stats(world->server, &stats);
    }
    cr_assert_lt(sent, 1000);
    sley_stream_free(stream);
    close_world(world);
}

TASK_TEST(httpd_routes, nothing_but_empty_lines)
{
    static const char e[] = "\r\n", r[] = "\r", n[] = "\n", both[] = "\r\n\r";

    send_empty_lines((const char *const[]){e, e, e, e, e, e});
    send_empty_lines((const char *const[]){r, n, r, n, both, n});
    return 0;
}

/* An empty line of which each half comes by itself is dropped like a whole one. */
TASK_TEST(httpd_routes, empty_lines_in_halves)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_stream *stream = dial(world);
    const char *rest = "\n" REQUEST("GET /users/7", "Connection: close\r\n");

    assert_ok(sley_stream_write(stream, "\r", 1, NULL));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(20))); /* so that it is likely read by itself */
    assert_ok(sley_stream_write(stream, rest, strlen(rest), NULL));
    assert_has(hear(world, stream), "user id=7");
    close_world(world);
    return 0;
}

/* Nor does one for a body, if the rate is too low. */
TASK_TEST(httpd_routes, slow_bodies)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(100),
                                                     .min_rate = 1 << 20});
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("POST /form", "Content-Length: 100000\r\n");

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    while (!last_status && sley_stream_write(stream, "x", 1, NULL) == 0)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    assert_has(hear(world, stream), "HTTP/1.1 408 Request Timeout");
    close_world(world);
    return 0;
}

/* What is slow is the handler, not the client. */
TASK_TEST(httpd_routes, handlers_may_rest)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(500)});
    struct sley_stream *stream = dial(world);
    const char *ask = REQUEST("POST /rest", "Content-Length: 2\r\nConnection: close\r\n");

    assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
    while (reading != 1) /* so that it does not come with the head */
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    assert_ok(sley_stream_write(stream, "1", 1, NULL));
    while (reading != 2)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    assert_ok(sley_stream_write(stream, "2", 1, NULL));
    assert_has(hear(world, stream), "rested");
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, silent_connections)
{
    struct world *world =
        new_world(NULL, &(struct sley_httpd_options){.connection_timeout = SLEY_MILLISECONDS(40)});

    cr_assert_str_eq(hear(world, dial(world)), "");
    close_world(world);
    return 0;
}

/* --- the log, the end ------------------------------------------------------------------------- */

TASK_TEST(httpd_routes, log)
{
    struct world *world = new_world(NULL, NULL);
    struct sley_httpd_stats stats;

    assert_talk(REQUEST("GET /users/7?a=%20"), "user id=7");
    cr_assert_eq(logged, 1);
    cr_assert_eq(last_status, 200);
    cr_assert_eq(last_error, 0);
    cr_assert_eq(last_bytes, world->size);
    cr_assert_str_eq(last_target, "GET /users/7?a=%20");
    assert_talk("garbage\r\n\r\n", "HTTP/1.1 400");
    cr_assert_eq(last_status, 400);
    cr_assert_str_eq(last_target, " ");
    assert_talk(REQUEST("GET /nothing"), "404");
    cr_assert_eq(last_status, 404);
    (void)talk(world, REQUEST("GET /write/fail"));
    cr_assert_eq(last_error, SLEY_EIO);
    sley_httpd_stats(world->server, &stats);
    cr_assert_eq(stats.requests, 2);
    cr_assert_eq(stats.rejected, 2);
    close_world(world);
    return 0;
}

/* Broken off after each byte of a request, in order and by a reset: nothing stays behind. */
TASK_TEST(httpd_routes, broken_off_at_each_byte)
{
    static const char whole[] = REQUEST(
        "POST /stream", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\nX: "
                                                          "y\r\n\r\n" REQUEST("GET /write/chunks");
    struct world *world = new_world(NULL, NULL);
    struct sley_httpd_stats stats;

    for (size_t size = 0; size < sizeof(whole); size++)
        for (int how = 0; how < 3; how++) {
            struct sley_stream *stream = dial(world);

            if (size)
                assert_ok(sley_stream_write(stream, whole, size, NULL));
            if (how == 1)
                assert_ok(sley_stream_reset_on_close(stream));
            if (how == 2)
                (void)!sley_stream_shutdown(stream);
            if (how == 2)
                (void)hear(world, stream);
            else
                sley_stream_free(stream);
        }
    do {
        sley_httpd_stats(world->server, &stats);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    } while (stats.connections);
    assert_talk(REQUEST("GET /users/7"), "user id=7");
    close_world(world);
    return 0;
}

TASK_TEST(httpd_routes, stops_between_requests)
{
    for (int i = 0; i < 20; i++) {
        struct world *world = new_world(NULL, NULL);
        struct sley_stream *stream = dial(world), *silent = dial(world);
        const char *ask = REQUEST("GET /users/7");
        char text[500];

        assert_ok(sley_stream_write(stream, ask, strlen(ask), NULL));
        if (i % 2)
            cr_assert_gt(sley_stream_read(stream, text, sizeof(text)), 0);
        assert_ok(sley_httpd_stop(world->server));
        (void)hear(world, stream);
        cr_assert_str_eq(hear(world, silent), "");
        close_world(world);
    }
    return 0;
}
