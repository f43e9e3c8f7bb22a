/* sley_serve() over TLS: clients that are slow to shake hands, or do not, and one that does. */
#define _GNU_SOURCE
#define CERTIFICATES "server"
#include "certificates.h"
#include "task_test.h"

#include <sley/sley.h>

#define SERVE_TEST(name)                                                     \
    static int serve_tls_##name(void *unused);                               \
    Test(serve_tls, name, .init = find_certificates)                         \
    {                                                                        \
        struct sley_options test_options = {.workers = 3, .unpinned = true}; \
        int test_result = sley_run(serve_tls_##name, NULL, &test_options);   \
        cr_assert_eq(test_result, 0, "%s", sley_error_name(test_result));    \
    }                                                                        \
    static int serve_tls_##name(UNUSED_ARG void *unused)

static struct {
    struct sley_tls_context *context;
    struct sley_listener *listener;
    struct sley_task *task;
    int64_t handshake_timeout;
    _Atomic int handled, ended, result; /* result: of the one that has ended last */
    struct sley_semaphore ends;
} site;

static int greet(struct sley_stream *stream, UNUSED_ARG void *arg)
{
    site.handled++;
    return sley_stream_write(stream, "hello", 5, NULL);
}

static void note_end(UNUSED_ARG struct sley_stream *stream, int result, UNUSED_ARG void *arg)
{
    site.ended++;
    site.result = result;
    (void)sley_semaphore_release(&site.ends);
}

static int serve(UNUSED_ARG void *arg)
{
    struct sley_serve_options options = {
        .tls = site.context, .ended = note_end, .handshake_timeout = site.handshake_timeout};

    return sley_serve(site.listener, greet, NULL, &options);
}

static void open_site(int64_t handshake_timeout)
{
    struct sley_tls_options options = {.certificate_file = file("server.pem"),
                                       .key_file = file("server.key")};

    memset(&site, 0, sizeof(site));
    site.ends = (struct sley_semaphore)SLEY_SEMAPHORE_INIT(0);
    site.handshake_timeout = handshake_timeout;
    assert_ok(sley_tls_server_new(&options, NULL, &site.context));
    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    site.task = spawned(serve, NULL);
}

static void close_site(void)
{
    sley_listener_close(site.listener);
    assert_ok(joined(site.task));
    sley_listener_free(site.listener);
    sley_tls_context_free(site.context);
}

static struct sley_stream *dial(void)
{
    struct sley_stream *stream = NULL;

    assert_ok(sley_tcp_connect("127.0.0.1", sley_listener_port(site.listener), NULL, &stream));
    return stream;
}

/* It says nothing, or only the beginning of something: it is hung up on when its time is over, and
 * no handler hears of it. */
SERVE_TEST(slow_handshake)
{
    static const char beginning[] = {22, 3, 1, 2, 0, 1, 0, 1, (char)0xfc, 3, 3};

    open_site(SLEY_MILLISECONDS(20));
    for (int i = 0; i < 2; i++) {
        struct sley_stream *stream = dial();
        char bytes[64];

        if (i)
            assert_ok(sley_stream_write(stream, beginning, sizeof(beginning), NULL));
        assert_ok(sley_semaphore_acquire(&site.ends));
        assert_code(site.result, SLEY_ETIMEDOUT);
        while (sley_stream_read(stream, bytes, sizeof(bytes)) > 0) /* perhaps an alert */
            continue;
        sley_stream_free(stream);
    }
    cr_assert_eq(site.handled, 0);
    cr_assert_eq(site.ended, 2);
    close_site();
    return 0;
}

/* What is no TLS at all, or ends, need not be waited for. One that is in time is served, and the
 * time for the handshake is none for what follows. */
SERVE_TEST(bad_and_good_handshakes)
{
    struct sley_tls_options options = {.ca_file = file("ca.pem")};
    struct sley_tls_context *context;
    struct sley_stream *stream;
    char text[8];

    open_site(SLEY_SECONDS(1000));
    stream = dial();
    assert_ok(sley_stream_write(stream, "GET / HTTP/1.1\r\n\r\n", 18, NULL));
    assert_ok(sley_semaphore_acquire(&site.ends));
    assert_code(site.result, SLEY_ETLS);
    sley_stream_free(stream);
    sley_stream_free(dial());
    assert_ok(sley_semaphore_acquire(&site.ends));
    cr_assert_lt(site.result, 0);
    cr_assert_eq(site.handled, 0);

    stream = dial();
    assert_ok(sley_tls_client_new(&options, NULL, &context));
    assert_ok(sley_tls_connect(context, stream, "localhost", NULL, &stream));
    cr_assert_eq(sley_stream_read(stream, text, sizeof(text)), 5);
    assert_ok(sley_semaphore_acquire(&site.ends));
    assert_ok(site.result);
    sley_stream_free(stream);
    sley_tls_context_free(context);
    cr_assert_eq(site.handled, 1);
    close_site();
    return 0;
}
