/* The HTTP server over TLS: by the client of this library, by curl, and by streams that show what
 * those two hide: what is agreed on, who is hung up on when, and which ends look like ends. */
#define _GNU_SOURCE
#define CERTIFICATES "server other client"
#include "certificates.h"
#include "task_test.h"

#include <sley/sley.h>

#define HTTPS_TEST(name)                                                     \
    static int httpd_tls_##name(void *unused);                               \
    Test(httpd_tls, name, .init = find_certificates)                         \
    {                                                                        \
        struct sley_options test_options = {.workers = 3, .unpinned = true}; \
        int test_result = sley_run(httpd_tls_##name, NULL, &test_options);   \
        cr_assert_eq(test_result, 0, "%s", sley_error_name(test_result));    \
    }                                                                        \
    static int httpd_tls_##name(UNUSED_ARG void *unused)

static struct sley_event inside, go_on;
static bool was_cancelled;

static int wait_inside(struct sley_httpd_response *response)
{
    int error;

    sley_event_set(&inside);
    error = sley_event_wait(&go_on);
    if (error == SLEY_ECANCELED)
        was_cancelled = true;
    return error ? error : sley_httpd_response_body_static(response, "waited", 6);
}

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg)
{
    const char *path = sley_httpd_request_path(request);
    size_t size;
    const void *body = sley_httpd_request_body(request, &size);

    (void)arg;
    if (!strcmp(path, "/peer"))
        return sley_httpd_response_body_copy(response, sley_httpd_request_peer(request), 10);
    if (!strcmp(path, "/wait"))
        return wait_inside(response);
    if (!strcmp(path, "/truncate")) {
        sley_httpd_response_truncate(response, 4);
        return sley_httpd_response_body_static(response, "0123456789", 10);
    }
    return sley_httpd_response_body_copy(response, body, size);
}

static struct sley_httpd *start(struct sley_httpd_options options)
{
    struct sley_httpd *server;

    if (!options.tls) {
        options.certificate_file = file("server.pem");
        options.key_file = file("server.key");
    }
    assert_ok(sley_httpd_start(handle, NULL, &options, &server));
    return server;
}

static struct sley_stream *dial(struct sley_httpd *server)
{
    struct sley_stream *tcp;

    assert_ok(sley_tcp_connect("127.0.0.1", sley_httpd_port(server), NULL, &tcp));
    return tcp;
}

/* What the handshake comes to for a client with these protocols. */
static int shake(struct sley_httpd *server, const char *const *protocols, struct sley_stream **out)
{
    struct sley_tls_options options = {.ca_file = file("ca.pem"), .protocols = protocols};
    struct sley_tls_context *context;
    struct sley_stream *tcp = dial(server);
    int error;

    assert_ok(sley_tls_client_new(&options, NULL, &context));
    error = sley_tls_connect(context, tcp, "localhost", NULL, out);
    if (error)
        sley_stream_free(tcp);
    sley_tls_context_free(context);
    return error;
}

static struct sley_stream *dial_tls(struct sley_httpd *server)
{
    struct sley_stream *tls;

    assert_ok(shake(server, NULL, &tls));
    return tls;
}

static void send_text(struct sley_stream *stream, const char *text)
{
    assert_ok(sley_stream_write(stream, text, strlen(text), NULL));
}

/* Reads until the stream ends; with what. */
static char received[65536];

static int read_all(struct sley_stream *stream)
{
    size_t size = 0;
    int count;

    while ((count = sley_stream_read(stream, received + size, sizeof(received) - 1 - size)) > 0)
        size += (size_t)count;
    received[size] = '\0';
    return count;
}

/* Reads until `text` has come. */
static void read_until(struct sley_stream *stream, const char *text)
{
    size_t size = 0;

    do {
        int count = sley_stream_read(stream, received + size, sizeof(received) - 1 - size);

        cr_assert_gt(count, 0, "%s before \"%s\"", sley_error_name(count), text);
        size += (size_t)count;
        received[size] = '\0';
    } while (!strstr(received, text));
}

HTTPS_TEST(by_the_client)
{
    static char large[300000];
    struct sley_http_client_options options = {.ca_file = file("ca.pem"), .no_proxy = true};
    struct sley_http_options post = {.body = large, .body_size = sizeof(large)};
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    struct sley_http_client *client;
    struct sley_http_response *response;
    struct sley_http_stats stats;
    size_t size;
    char url[100];

    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i % 251);
    assert_ok(sley_http_client_new(&options, &client));
    for (int i = 0; i < 3; i++) {
        snprintf(url, sizeof(url), "https://127.0.0.1:%d/%s", sley_httpd_port(server),
                 i ? "echo" : "peer");
        assert_ok(sley_http_get(client, url, i ? &post : NULL, &response));
        cr_assert_eq(sley_http_response_status(response), 200);
        size = sley_http_response_size(response);
        cr_assert_eq(size, i ? sizeof(large) : 10);
        cr_assert_eq(memcmp(sley_http_response_body(response), i ? large : "127.0.0.1:", size), 0);
        sley_http_response_free(response);
    }
    sley_http_client_stats(client, &stats);
    cr_assert_eq(stats.connections, 1, "kept alive");
    sley_http_client_free(client);
    sley_httpd_free(server);
    return 0;
}

HTTPS_TEST(by_curl)
{
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    const char *ca = file("ca.pem");
    struct sley_process_result result;
    char url[100];
    const char *arguments[] = {
        "curl", "-sS", "--noproxy", "*",  "--cacert",
        ca,     "-d",  "from curl", "-w", " %{http_version} %{ssl_verify_result}",
        url,    NULL};

    if (system("command -v curl >/dev/null") != 0)
        cr_skip_test("there is no curl");
    snprintf(url, sizeof(url), "https://localhost:%d/", sley_httpd_port(server));
    assert_ok(sley_process_run(arguments, NULL, NULL, 0, 1000, &result));
    cr_assert_str_eq(result.output, "from curl 1.1 0");
    sley_process_result_free(&result);
    sley_httpd_free(server);
    return 0;
}

/* HTTP/1.1 is what the server speaks; those who can only do otherwise are told at once. */
HTTPS_TEST(what_is_agreed_on)
{
    static const char *const both[] = {"h2", "http/1.1", NULL}, *const h2[] = {"h2", NULL};
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    struct sley_stream *tls;

    assert_ok(shake(server, both, &tls));
    cr_assert_str_eq(sley_tls_protocol(tls), "http/1.1");
    sley_stream_free(tls);
    assert_ok(shake(server, NULL, &tls));
    cr_assert_str_eq(sley_tls_protocol(tls), "");
    sley_stream_free(tls);
    assert_code(shake(server, h2, &tls), SLEY_ETLS);
    sley_httpd_free(server);
    return 0;
}

/* A context of one's own may ask for certificates, and may agree on what the server cannot. */
HTTPS_TEST(with_a_context)
{
    static const char *const h2[] = {"h2", NULL};
    struct sley_tls_options options = {
        .certificate_file = file("server.pem"), .key_file = file("server.key"), .protocols = h2};
    struct sley_tls_context *context;
    struct sley_httpd *server;
    struct sley_stream *tls;

    assert_ok(sley_tls_server_new(&options, NULL, &context));
    server = start((struct sley_httpd_options){.tls = context});
    assert_ok(shake(server, h2, &tls));
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_str_eq(received, "");
    sley_stream_free(tls);
    assert_ok(shake(server, NULL, &tls));
    send_text(tls, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_not_null(strstr(received, "HTTP/1.1 200 OK\r\n"), "%s", received);
    sley_stream_free(tls);
    sley_httpd_free(server);
    sley_tls_context_free(context);
    return 0;
}

HTTPS_TEST(a_client_must_show_a_certificate)
{
    struct sley_tls_options options = {.certificate_file = file("server.pem"),
                                       .key_file = file("server.key"),
                                       .ca_file = file("ca.pem")};
    struct sley_tls_options known = {.ca_file = file("ca.pem"),
                                     .certificate_file = file("client.pem"),
                                     .key_file = file("client.key")};
    struct sley_tls_context *context, *client;
    struct sley_httpd *server;
    struct sley_stream *tls, *tcp;

    assert_ok(sley_tls_server_new(&options, NULL, &context));
    assert_ok(sley_tls_client_new(&known, NULL, &client));
    server = start((struct sley_httpd_options){.tls = context});
    if (shake(server, NULL, &tls) == 0) { /* TLS 1.3: the refusal comes later */
        cr_assert_lt(read_all(tls), 0);
        cr_assert_str_eq(received, "");
        sley_stream_free(tls);
    }
    tcp = dial(server);
    assert_ok(sley_tls_connect(client, tcp, "localhost", NULL, &tls));
    send_text(tls, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_not_null(strstr(received, "HTTP/1.1 200 OK\r\n"), "%s", received);
    sley_stream_free(tls);
    sley_httpd_free(server);
    sley_tls_context_free(context);
    sley_tls_context_free(client);
    return 0;
}

HTTPS_TEST(limits_are_the_same)
{
    struct sley_httpd *server =
        start((struct sley_httpd_options){.max_header = 300, .max_body = 10});
    struct sley_stream *tls = dial_tls(server);
    char head[500];

    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: x\r\nX: %0400d", 0);
    send_text(tls, head);
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_not_null(strstr(received, "HTTP/1.1 431 "), "%s", received);
    sley_stream_free(tls);

    tls = dial_tls(server);
    send_text(tls, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_not_null(strstr(received, "HTTP/1.1 413 "), "%s", received);
    sley_stream_free(tls);

    sley_httpd_free(server);

    server = start((struct sley_httpd_options){.header_timeout = SLEY_MILLISECONDS(200)});
    while (shake(server, NULL, &tls)) /* until the machine is fast enough */
        continue;
    send_text(tls, "GET / HTTP/1.1\r\nHost:");
    assert_code(read_all(tls), SLEY_EOF);
    cr_assert_not_null(strstr(received, "HTTP/1.1 408 "), "%s", received);
    sley_stream_free(tls);
    sley_httpd_free(server);
    return 0;
}

/* One that says nothing, one that says half of something, and one that does not speak TLS. */
HTTPS_TEST(handshakes_that_come_to_nothing)
{
    struct sley_httpd *server =
        start((struct sley_httpd_options){.header_timeout = SLEY_MILLISECONDS(20)});
    struct sley_stream *silent = dial(server), *half = dial(server), *plain;
    struct sley_httpd_stats stats;

    assert_ok(sley_stream_write(half, "\x16\x03\x01\x01\x00\x01", 6, NULL));
    cr_assert_lt(read_all(silent), 0);
    cr_assert_lt(read_all(half), 0);
    sley_httpd_free(server);
    server = start((struct sley_httpd_options){0});
    plain = dial(server);
    send_text(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_lt(read_all(plain), 0);
    cr_assert_null(strstr(received, "HTTP"));
    sley_httpd_stats(server, &stats);
    cr_assert_eq(stats.requests + stats.rejected, 0);
    sley_stream_free(silent);
    sley_stream_free(half);
    sley_stream_free(plain);
    sley_httpd_free(server);
    return 0;
}

/* An answer that was broken off does not end as a whole one does. */
HTTPS_TEST(a_truncated_answer_is_not_ended)
{
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    struct sley_stream *tls = dial_tls(server);

    send_text(tls, "GET /truncate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_code(read_all(tls), SLEY_EPROTO);
    cr_assert_not_null(strstr(received, "\r\n\r\n0123"), "%s", received);
    cr_assert_null(strstr(received, "01234"));
    sley_stream_free(tls);
    sley_httpd_free(server);
    return 0;
}

static int stop(void *server)
{
    return sley_httpd_stop(server);
}

/* The idle ones are told that it ends, one in the middle of its handshake is hung up on, and the
 * request that has begun is answered. */
HTTPS_TEST(a_gentle_stop)
{
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    struct sley_stream *idle = dial_tls(server), *busy = dial_tls(server), *silent = dial(server);
    struct sley_httpd_stats stats;
    struct sley_task *stopping;

    send_text(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(idle, "\r\n\r\n");
    send_text(busy, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_ok(sley_event_wait(&inside));
    do { /* until the silent one is accepted */
        sley_yield();
        sley_httpd_stats(server, &stats);
    } while (stats.connections < 3);
    stopping = spawned(stop, server);
    assert_code(read_all(idle), SLEY_EOF);
    cr_assert_lt(read_all(silent), 0);
    sley_event_set(&go_on);
    assert_code(read_all(busy), SLEY_EOF);
    cr_assert_not_null(strstr(received, "\r\n\r\nwaited"), "%s", received);
    assert_ok(joined(stopping));
    sley_stream_free(idle);
    sley_stream_free(busy);
    sley_stream_free(silent);
    sley_httpd_free(server);
    return 0;
}

HTTPS_TEST(a_sudden_end)
{
    struct sley_httpd *server = start((struct sley_httpd_options){0});
    struct sley_stream *silent = dial(server), *busy = dial_tls(server);

    send_text(busy, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_ok(sley_event_wait(&inside));
    sley_httpd_free(server);
    cr_assert(was_cancelled);
    cr_assert_lt(read_all(silent), 0);
    cr_assert_lt(read_all(busy), 0);
    cr_assert_null(strstr(received, "waited"));
    sley_stream_free(silent);
    sley_stream_free(busy);
    return 0;
}

HTTPS_TEST(files_that_are_wrong)
{
    const char *pem = file("server.pem"), *key = file("server.key");
    struct sley_tls_options with = {.certificate_file = pem, .key_file = key};
    struct sley_tls_context *context;
    struct sley_httpd *server = NULL;
    struct sley_httpd_options options = {.certificate_file = pem};

    assert_code(sley_httpd_start(handle, NULL, &options, &server), SLEY_EINVAL);
    options.certificate_file = NULL;
    options.key_file = key;
    assert_code(sley_httpd_start(handle, NULL, &options, &server), SLEY_EINVAL);
    options.certificate_file = file("missing.pem");
    assert_code(sley_httpd_start(handle, NULL, &options, &server), SLEY_ETLS);
    options.certificate_file = file("other.pem"); /* another key's */
    assert_code(sley_httpd_start(handle, NULL, &options, &server), SLEY_ETLS);
    assert_ok(sley_tls_server_new(&with, NULL, &context));
    options.certificate_file = pem;
    options.tls = context;
    assert_code(sley_httpd_start(handle, NULL, &options, &server), SLEY_EINVAL);
    cr_assert_null(server);
    sley_tls_context_free(context);
    return 0;
}
