/* The HTTP client against our server, and against TCP servers that misbehave in every way. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sley/sley.h>

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(http, name)                                        \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused __attribute__((unused)))

#define assert_ok(expression)                                                        \
    do {                                                                             \
        int ok_ = (expression);                                                      \
        cr_assert_eq(ok_, 0, "%s: %s (%s)", #expression, sley_error_name(ok_), why); \
    } while (0)

#define assert_error(expression, code)                                                            \
    do {                                                                                          \
        int error_ = (expression);                                                                \
        cr_assert_eq(error_, (code), "%s: %s (%s), not %s", #expression, sley_error_name(error_), \
                     why, sley_error_name(code));                                                 \
    } while (0)

#define assert_why(part) cr_assert_not_null(strstr(why, part), "\"%s\" is not in \"%s\"", part, why)

static char why[SLEY_HTTP_ERROR_SIZE];

/* --- a server that behaves -------------------------------------------------------------------- */

static _Atomic int handlers;
static char big[3 << 20];

static int redirect(struct sley_httpd_response *response, const char *to)
{
    sley_httpd_response_status(response, 302);
    return sley_httpd_response_header(response, "Location", to);
}

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg __attribute__((unused)))
{
    const char *path = sley_httpd_request_path(request);
    const char *agent = sley_httpd_request_header(request, "User-Agent");
    const char *thing = sley_httpd_request_header(request, "X-Thing");
    const char *encoding = sley_httpd_request_header(request, "Accept-Encoding");
    char text[256];
    size_t size;
    const void *body = sley_httpd_request_body(request, &size);

    handlers++;
    if (!strcmp(path, "/echo")) {
        snprintf(text, sizeof(text), "%s %s %s %s %.*s", sley_httpd_request_method(request),
                 agent ? agent : "-", thing ? thing : "-", encoding ? encoding : "-", (int)size,
                 (const char *)body);
        sley_httpd_response_header(response, "Content-Type", "text/plain");
        sley_httpd_response_header(response, "X-Two", "first");
        sley_httpd_response_header(response, "X-Two", "second");
        return sley_httpd_response_body_copy(response, text, strlen(text));
    }
    if (!strcmp(path, "/big"))
        return sley_httpd_response_body_static(response, big, sizeof(big));
    if (!strcmp(path, "/gzip")) { /* "hello\n", as gzip packs it */
        static const unsigned char packed[] = {0x1f, 0x8b, 8,    0,    0,    0,    0,    0,    0,
                                               3,    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 0x02, 0,
                                               0x20, 0x30, 0x3a, 0x36, 6,    0,    0,    0};
        sley_httpd_response_header(response, "Content-Encoding", "gzip");
        return sley_httpd_response_body_static(response, packed, sizeof(packed));
    }
    if (!strcmp(path, "/once"))
        return redirect(response, "/echo");
    if (!strcmp(path, "/loop"))
        return redirect(response, "/loop");
    if (!strcmp(path, "/file"))
        return redirect(response, "file:///etc/passwd");
    if (!strcmp(path, "/missing")) {
        sley_httpd_response_body_static(response, "nothing here", 12);
        return sley_httpd_response_status(response, 404);
    }
    if (!strcmp(path, "/abort"))
        sley_httpd_response_abort(response);
    if (!strcmp(path, "/truncate")) {
        sley_httpd_response_truncate(response, 4);
        return sley_httpd_response_body_static(response, "0123456789", 10);
    }
    if (!strcmp(path, "/forever"))
        return sley_sleep(SLEY_SECONDS(1000));
    return 0;
}

struct world {
    struct sley_httpd *server;
    struct sley_http_client *client;
    struct sley_http_options options;
    struct sley_http_response *response;
};

static void open_world(struct world *world, const struct sley_http_client_options *options)
{
    memset(world, 0, sizeof(*world));
    assert_ok(sley_httpd_start(handle, NULL, NULL, &world->server));
    assert_ok(sley_http_client_new(options, &world->client));
    world->options.error = why;
}

static void close_world(struct world *world)
{
    sley_http_client_free(world->client);
    sley_httpd_free(world->server);
}

static int get(struct world *world, const char *path)
{
    char url[256];

    sley_http_response_free(world->response);
    world->response = NULL;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sley_httpd_port(world->server), path);
    return sley_http_get(world->client, url, &world->options, &world->response);
}

static void drop(struct world *world)
{
    sley_http_response_free(world->response);
    world->response = NULL;
}

TASK_TEST(response)
{
    struct world world;
    const char *name, *value;
    size_t count = 0, twos = 0;

    open_world(&world, NULL);
    strcpy(why, "stale");
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(why, "");
    cr_assert_eq(sley_http_response_status(world.response), 200);
    cr_assert_str_eq(sley_http_response_body(world.response), "GET sley/0.1.0 - - ");
    cr_assert_eq(sley_http_response_size(world.response), 19);
    cr_assert_eq(sley_http_response_bytes(world.response), 19);
    cr_assert_str_eq(sley_http_response_type(world.response), "text/plain");
    cr_assert_str_eq(sley_http_response_header(world.response, "x-two"), "first");
    cr_assert_null(sley_http_response_header(world.response, "X-Three"));
    cr_assert(strstr(sley_http_response_url(world.response), "/echo"));
    while (sley_http_response_header_at(world.response, count, &name, &value)) {
        twos += !strcmp(name, "X-Two") && (!strcmp(value, "first") || !strcmp(value, "second"));
        count++;
    }
    cr_assert_eq(twos, 2);
    cr_assert_geq(count, 4);
    drop(&world);
    assert_ok(get(&world, "/missing"));
    cr_assert_eq(sley_http_response_status(world.response), 404);
    cr_assert_str_eq(sley_http_response_body(world.response), "nothing here");
    drop(&world);
    assert_ok(get(&world, "/"));
    cr_assert_str_eq(sley_http_response_body(world.response), "");
    cr_assert_null(sley_http_response_type(world.response));
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(request)
{
    static const char *const headers[] = {"X-Thing: seven", NULL};
    struct world world;

    open_world(&world, &(struct sley_http_client_options){.user_agent = "me"});
    world.options.headers = headers;
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "GET me seven - ");
    world.options.body = "payload";
    world.options.body_size = 7;
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "POST me seven - payload");
    world.options.method = "PUT";
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "PUT me seven - payload");
    world.options = (struct sley_http_options){.error = why, .method = "DELETE"};
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "DELETE me - - ");
    world.options.method = "HEAD";
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "");
    cr_assert_str_eq(sley_http_response_type(world.response), "text/plain");
    /* Nothing of all that is left in the handle that is used again. */
    world.options.method = NULL;
    assert_ok(get(&world, "/echo"));
    cr_assert_str_eq(sley_http_response_body(world.response), "GET me - - ");
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(bad_requests)
{
    static const char *const smuggle[] = {"X: a\r\nEvil: b", NULL}, *const bare[] = {"X", NULL};
    struct world world;
    struct sley_http_client *client = NULL;

    open_world(&world, NULL);
    world.options.headers = smuggle;
    assert_error(get(&world, "/"), SLEY_EINVAL);
    world.options.headers = bare;
    assert_error(get(&world, "/"), SLEY_EINVAL);
    world.options.headers = NULL;
    world.options.method = "GET / HTTP/1.1\r\nEvil: 1";
    assert_error(get(&world, "/"), SLEY_EINVAL);
    world.options.method = "";
    assert_error(get(&world, "/"), SLEY_EINVAL);
    world.options.method = NULL;
    world.options.timeout = -1;
    assert_error(get(&world, "/"), SLEY_EINVAL);
    world.options.timeout = 0;
    assert_error(get(&world, "/a\r\nEvil: b"), SLEY_EINVAL);
    assert_error(sley_http_get(world.client, "file:///etc/passwd", &world.options, NULL),
                 SLEY_EINVAL);
    assert_error(sley_http_get(world.client, "http://", &world.options, NULL), SLEY_EINVAL);
    assert_error(sley_http_get(world.client, "", &world.options, NULL), SLEY_EINVAL);
    assert_error(sley_http_get(world.client, NULL, &world.options, NULL), SLEY_EINVAL);
    assert_error(
        sley_http_client_new(&(struct sley_http_client_options){.user_agent = "a\nb"}, &client),
        SLEY_EINVAL);
    cr_assert_null(client);
    cr_assert_eq(handlers, 0);
    close_world(&world);
    return 0;
}

TASK_TEST(redirects)
{
    struct world world;

    open_world(&world, NULL);
    assert_ok(get(&world, "/once"));
    cr_assert_eq(sley_http_response_status(world.response), 200);
    cr_assert(strstr(sley_http_response_url(world.response), "/echo"));
    cr_assert_null(sley_http_response_header(world.response, "Location"));
    assert_error(get(&world, "/loop"), SLEY_EPROTO);
    cr_assert_eq(handlers, 2 + 11);
    assert_why("edirect");
    assert_error(get(&world, "/file"), SLEY_EPROTO);
    world.options.max_redirects = -1;
    assert_ok(get(&world, "/once"));
    cr_assert_eq(sley_http_response_status(world.response), 302);
    cr_assert_str_eq(sley_http_response_header(world.response, "Location"), "/echo");
    world.options.max_redirects = 2;
    handlers = 0;
    assert_error(get(&world, "/loop"), SLEY_EPROTO);
    cr_assert_eq(handlers, 3);
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(compressed)
{
    struct world world;

    open_world(&world, NULL);
    assert_ok(get(&world, "/gzip"));
    cr_assert_eq(sley_http_response_size(world.response), 26);
    world.options.compressed = true;
    assert_ok(get(&world, "/echo"));
    cr_assert(strstr(sley_http_response_body(world.response), "gzip"));
    assert_ok(get(&world, "/gzip"));
    cr_assert_str_eq(sley_http_response_body(world.response), "hello\n");
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(size_limit)
{
    struct world world;

    open_world(&world, NULL);
    world.options.max_body = sizeof(big);
    assert_ok(get(&world, "/big"));
    cr_assert_eq(sley_http_response_size(world.response), sizeof(big));
    world.options.max_body = sizeof(big) - 1;
    assert_error(get(&world, "/big"), SLEY_EMSGSIZE);
    assert_why("larger than 3145727 bytes");
    close_world(&world);
    return 0;
}

struct sum {
    size_t bytes, calls;
    bool wrong;
    int64_t pause;
    int result;
};

static int add_up(const void *data, size_t size, void *arg)
{
    struct sum *sum = arg;

    sum->wrong |= sum->bytes + size > sizeof(big) || memcmp(big + sum->bytes, data, size) != 0;
    sum->bytes += size;
    sum->calls++;
    if (sum->pause && sley_sleep(sum->pause))
        return SLEY_ECANCELED;
    return sum->result;
}

TASK_TEST(sink)
{
    struct world world;
    struct sum sum = {0};

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 509);
    open_world(&world, NULL);
    world.options.sink = add_up;
    world.options.sink_arg = &sum;
    assert_ok(get(&world, "/big"));
    cr_assert_eq(sum.bytes, sizeof(big));
    cr_assert(!sum.wrong);
    cr_assert_eq(sley_http_response_size(world.response), 0);
    cr_assert_eq(sley_http_response_bytes(world.response), sizeof(big));
    cr_assert_str_eq(sley_http_response_body(world.response), "");

    /* A slow one is not run over: no call gets more than the buffer holds. */
    sum = (struct sum){.pause = SLEY_MILLISECONDS(2)};
    assert_ok(get(&world, "/big"));
    cr_assert_eq(sum.bytes, sizeof(big));
    cr_assert(!sum.wrong);
    cr_assert_geq(sum.calls, sizeof(big) / (256 * 1024));

    sum = (struct sum){.result = SLEY_ENOSPC};
    assert_error(get(&world, "/big"), SLEY_ENOSPC);
    cr_assert_eq(sum.calls, 1);
    sum = (struct sum){0};
    assert_ok(get(&world, "/"));
    cr_assert_eq(sum.calls, 0);
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(server_that_breaks_off)
{
    struct world world;

    open_world(&world, NULL);
    assert_error(get(&world, "/abort"), SLEY_EPROTO);
    assert_why("closed without an answer");
    assert_error(get(&world, "/truncate"), SLEY_EPROTO);
    assert_why("4 of 10 bytes");
    assert_ok(get(&world, "/echo"));
    drop(&world);
    close_world(&world);
    return 0;
}

/* --- many tasks, few connections ---------------------------------------------------------------*/

static int get_many(void *arg)
{
    struct world world = *(struct world *)arg;

    world.response = NULL;
    for (int i = 0; i < 20; i++) {
        assert_ok(get(&world, "/echo"));
        cr_assert_eq(sley_http_response_status(world.response), 200);
        assert_ok(sley_yield());
    }
    drop(&world);
    return 0;
}

TASK_TEST(connections_are_shared_and_limited)
{
    struct world world;
    struct sley_task *tasks[32];
    struct sley_httpd_stats stats;

    open_world(&world, &(struct sley_http_client_options){.max_host_connections = 3});
    world.options.error = NULL;
    for (int i = 0; i < 32; i++)
        assert_ok(sley_spawn(get_many, &world, NULL, &tasks[i]));
    for (int i = 0; i < 32; i++)
        assert_ok(sley_join(tasks[i], NULL));
    sley_httpd_stats(world.server, &stats);
    cr_assert_eq(stats.requests, 640);
    cr_assert_leq(stats.connections, 3);
    close_world(&world);
    return 0;
}

/* A response outlives its client. */
TASK_TEST(response_after_the_client)
{
    struct world world;

    open_world(&world, NULL);
    assert_ok(get(&world, "/echo"));
    close_world(&world);
    cr_assert_str_eq(sley_http_response_body(world.response), "GET sley/0.1.0 - - ");
    cr_assert(strstr(sley_http_response_url(world.response), "/echo"));
    drop(&world);
    return 0;
}

/* --- cancellation and timeouts ---------------------------------------------------------------- */

static int get_forever(void *arg)
{
    struct world world = *(struct world *)arg;

    world.response = NULL;
    return get(&world, "/forever");
}

TASK_TEST(cancelled_at_any_point)
{
    struct world world;

    open_world(&world, NULL);
    world.options.error = NULL;
    for (int pause = 0; pause < 40; pause++) {
        struct sley_task *task;
        int result;

        assert_ok(sley_spawn(get_forever, &world, NULL, &task));
        for (int i = 0; i < pause; i++)
            assert_ok(pause < 20 ? sley_yield() : sley_sleep(SLEY_MICROSECONDS(50)));
        sley_cancel(task, NULL);
        assert_ok(sley_join(task, &result));
        assert_error(result, SLEY_ECANCELED);
    }
    assert_ok(get(&world, "/echo"));
    drop(&world);
    close_world(&world);
    return 0;
}

TASK_TEST(cancelled_in_the_sink)
{
    struct world world;
    struct sum sum = {.pause = SLEY_SECONDS(1000)};
    int64_t before;

    open_world(&world, NULL);
    world.options.sink = add_up;
    world.options.sink_arg = &sum;
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(30)));
    cr_assert_lt(get(&world, "/big"), 0);
    sley_deadline_restore(before);
    cr_assert_leq(sum.calls, 1);
    close_world(&world);
    return 0;
}

TASK_TEST(timeouts)
{
    struct world world;
    int64_t start, before;

    open_world(&world, NULL);
    start = sley_now();
    world.options.timeout = SLEY_MILLISECONDS(50);
    assert_error(get(&world, "/forever"), SLEY_ETIMEDOUT);
    assert_why("not complete after 0.05 s");
    cr_assert_geq(sley_now() - start, SLEY_MILLISECONDS(49));

    world.options.timeout = 0;
    world.options.idle_timeout = SLEY_MILLISECONDS(60);
    start = sley_now();
    assert_error(get(&world, "/forever"), SLEY_ETIMEDOUT);
    assert_why("nothing received for 0.06 s");
    cr_assert_geq(sley_now() - start, SLEY_MILLISECONDS(59));

    world.options.idle_timeout = -1;
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(40)));
    assert_error(get(&world, "/forever"), SLEY_ETIMEDOUT);
    assert_why("deadline");
    assert_error(get(&world, "/echo"), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    world.options.idle_timeout = 0;
    assert_ok(get(&world, "/echo"));
    drop(&world);
    close_world(&world);
    return 0;
}

/* --- servers that misbehave ------------------------------------------------------------------- */

struct script {
    struct sley_listener *listener;
    const char *answer;
    bool reset; /* end with a reset */
    bool stall; /* do not end */
};

static int play(void *arg)
{
    struct script *script = arg;
    struct sley_stream *tcp;
    char buffer[4096];

    while (sley_listener_accept(script->listener, &tcp) == 0) {
        (void)!sley_stream_read(tcp, buffer, sizeof(buffer));
        (void)!sley_stream_write(tcp, script->answer, strlen(script->answer), NULL);
        if (script->stall)
            while (sley_stream_read(tcp, buffer, sizeof(buffer)) > 0)
                continue;
        if (script->reset) {
            sley_sleep(SLEY_MILLISECONDS(20));
            sley_stream_reset_on_close(tcp);
        }
        sley_stream_free(tcp);
    }
    return 0;
}

/* One request to a server that plays `script`. */
static int meet(struct script *script, struct sley_http_options *options)
{
    struct sley_http_client *client;
    struct sley_http_response *response = NULL;
    struct sley_task *task;
    char url[64];
    int result;

    why[0] = '\0';
    options->error = why;
    cr_assert_eq(sley_tcp_listen("127.0.0.1:0", NULL, &script->listener), 0);
    assert_ok(sley_spawn(play, script, NULL, &task));
    assert_ok(sley_http_client_new(NULL, &client));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", sley_listener_port(script->listener));
    result = sley_http_get(client, url, options, &response);
    sley_http_response_free(response);
    sley_http_client_free(client);
    sley_cancel(task, NULL);
    assert_ok(sley_join(task, NULL));
    sley_listener_free(script->listener);
    return result;
}

#define MEET(code, ...)                                                                 \
    do {                                                                                \
        struct script script_ = {__VA_ARGS__};                                          \
        struct sley_http_options options_ = {.idle_timeout = SLEY_MILLISECONDS(100)};   \
        int result_ = meet(&script_, &options_);                                        \
        cr_assert_eq(result_, (code), "%s (%s), not %s", sley_error_name(result_), why, \
                     sley_error_name(code));                                            \
    } while (0)

TASK_TEST(misbehaving_servers)
{
    MEET(0, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    MEET(0, .answer = "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    MEET(0, .answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    MEET(SLEY_EPROTO, .answer = "");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 200 OK\r\nContent-Le");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123");
    assert_why("4 of 10 bytes");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab");
    MEET(SLEY_EPROTO, .answer = "SSH-2.0-OpenSSH_9.2\r\n");
    MEET(SLEY_EPROTO, .answer = "HTTP/1.1 abc\r\n\r\n");
    MEET(SLEY_ECONNRESET, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123",
         .reset = true);
    assert_why("after 4 bytes");
    MEET(SLEY_ECONNRESET, .answer = "", .reset = true);
    MEET(SLEY_ETIMEDOUT, .answer = "", .stall = true);
    assert_why("nothing received for 0.1 s, after 0 bytes");
    MEET(SLEY_ETIMEDOUT, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123",
         .stall = true);
    assert_why("after 4 bytes");
    return 0;
}

/* What they say of a response: it stays valid. Its end and the client's come in one round of the
 * loop, mostly, and the client is gone with the last of them. */
TASK_TEST(client_goes_before_a_response)
{
    struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123",
                            .stall = true};
    struct sley_http_options options = {.error = why};
    struct sley_http_client *client;
    struct sley_http_response *response;
    struct sley_task *task;
    char url[64];

    cr_assert_eq(sley_tcp_listen("127.0.0.1:0", NULL, &script.listener), 0);
    assert_ok(sley_spawn(play, &script, NULL, &task));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", sley_listener_port(script.listener));
    for (int i = 0; i < 20; i++) {
        assert_ok(sley_http_client_new(NULL, &client));
        assert_ok(sley_http_open(client, url, &options, &response));
        sley_http_client_free(client);
        cr_assert_eq(sley_http_response_status(response), 200);
        sley_http_response_free(response);
    }
    sley_cancel(task, NULL);
    assert_ok(sley_join(task, NULL));
    sley_listener_free(script.listener);
    return 0;
}

TASK_TEST(endless_headers)
{
    static char answer[1 << 20];
    size_t size = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\n");

    while (size < sizeof(answer) - 200)
        size += (size_t)sprintf(answer + size, "X-Header: %0100d\r\n", 7);
    MEET(SLEY_EMSGSIZE, .answer = answer, .stall = true);
    memset(answer + 20, 'x', sizeof(answer) - 30);
    MEET(SLEY_EMSGSIZE, .answer = answer, .stall = true);
    return 0;
}

TASK_TEST(nobody_there)
{
    struct sley_listener *listener;
    struct sley_http_client *client;
    char url[64], expected[64];

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", sley_listener_port(listener));
    snprintf(expected, sizeof(expected), "connection to 127.0.0.1:%d refused",
             sley_listener_port(listener));
    sley_listener_free(listener);
    assert_ok(sley_http_client_new(NULL, &client));
    assert_error(sley_http_get(client, url, &(struct sley_http_options){.error = why}, NULL),
                 SLEY_ECONNREFUSED);
    cr_assert_str_eq(why, expected);
    assert_error(sley_http_get(client, "http://no..such..host/",
                               &(struct sley_http_options){.error = why}, NULL),
                 SLEY_ENAME);
    assert_error(sley_http_get(client, "http://127.0.0.1:99999/",
                               &(struct sley_http_options){.error = why}, NULL),
                 SLEY_EINVAL);
    sley_http_client_free(client);
    return 0;
}

/* curl does not say why it had no socket. The limit is what fails it, not a full table: an accept()
 * that finds nobody holds a descriptor meanwhile, and gives it back to whoever asks next. */
TASK_TEST(no_descriptor_for_a_connection)
{
    struct rlimit limit, none;
    struct world world;

    open_world(&world, NULL);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_error(get(&world, "/echo"), SLEY_EMFILE);
    assert_why("too many open files");
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_ok(get(&world, "/echo"));
    drop(&world);
    close_world(&world);
    return 0;
}

Test(http, not_on_a_task)
{
    struct sley_http_client *client;

    assert_error(sley_http_client_new(NULL, &client), SLEY_ENOTASK);
    sley_http_client_free(NULL);
    sley_http_response_free(NULL);
}

/* --- the runtime's end ------------------------------------------------------------------------ */

static struct world left;

/* Cleans up after the runtime has cancelled it. The handler and the server's connection are
 * cancelled in the same breath: its 500 may be there first, or an end without an answer. */
static int get_to_the_end(void *unused __attribute__((unused)))
{
    int error;

    open_world(&left, NULL);
    error = get(&left, "/forever");
    if (error == 0)
        cr_assert_eq(sley_http_response_status(left.response), 500);
    else if (error != SLEY_EPROTO)
        assert_error(error, SLEY_ECANCELED);
    drop(&left);
    close_world(&left);
    return 0;
}

static int leave_it_running(void *unused __attribute__((unused)))
{
    handlers = 0;
    assert_ok(sley_spawn(get_to_the_end, NULL, NULL, NULL));
    while (!handlers)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    return 0;
}

Test(http, runtime_ends_in_the_middle)
{
    for (int i = 0; i < 3; i++)
        assert_ok(sley_run(leave_it_running, NULL, NULL));
}
