/*
 * test_listener.c: servers whose accept fails again and again, because there are no descriptors and
 * not even the listener's reserve helps: they rest in between, and go on when it is over.
 *
 * link: -Wl,--wrap=sley__sys_accept
 */
#define _GNU_SOURCE
#include "api/task_test.h"

#include <errno.h>
#include <string.h>

#include <sley/sley.h>

#include "socket.h"

static int fault, tries; /* both atomic */

int __real_sley__sys_accept(int fd);
int __wrap_sley__sys_accept(int fd);

int __wrap_sley__sys_accept(int fd)
{
    int failing = __atomic_load_n(&fault, __ATOMIC_SEQ_CST);

    __atomic_fetch_add(&tries, 1, __ATOMIC_SEQ_CST);
    return failing ? failing : __real_sley__sys_accept(fd);
}

static int tries_now(void)
{
    return __atomic_load_n(&tries, __ATOMIC_SEQ_CST);
}

static void fail_with(int error)
{
    __atomic_store_n(&fault, error, __ATOMIC_SEQ_CST);
}

static struct sley_stream *dial(int port)
{
    struct sley_stream *stream = NULL;

    assert_ok(sley_tcp_connect("127.0.0.1", port, NULL, &stream));
    return stream;
}

/* While accept fails with `error`, each pair of tries (one of them with the reserve) is at least 10
 * ms behind the one before. */
static void rests(int error)
{
    int64_t start = sley_now(), rested;
    int before = tries_now(), count;

    while (tries_now() < before + 6)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    count = tries_now() - before; /* first, so that the time is not too short for them */
    rested = (sley_now() - start) / SLEY_MILLISECONDS(10);
    cr_assert_leq(count, 2 * (rested + 2), "%d tries in %ld ms, %s", count, (long)rested * 10,
                  strerror(-error));
}

static int hello(struct sley_httpd_request *request, struct sley_httpd_response *response,
                 void *arg)
{
    (void)request;
    (void)arg;
    return sley_httpd_response_body_static(response, "hello", 5);
}

static void greeted(struct sley_stream *stream)
{
    char byte;

    assert_ok(sley_stream_write(stream, "GET / HTTP/1.0\r\n\r\n", 18, NULL));
    cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
    sley_stream_free(stream);
}

static const int faults[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};

TASK_TEST(listener, http_server_rests)
{
    struct sley_httpd *server;
    int port;

    assert_ok(sley_httpd_start(hello, NULL, NULL, &server));
    port = sley_httpd_port(server);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct sley_stream *stream;

        fail_with(faults[i]);
        stream = dial(port);
        rests(faults[i]);
        fail_with(0);
        greeted(stream);
    }
    sley_httpd_free(server);
    return 0;
}

static int greet(struct sley_stream *stream, void *arg)
{
    (void)arg;
    return sley_stream_write(stream, "hello", 5, NULL);
}

static int serve(void *listener)
{
    return sley_serve(listener, greet, NULL, NULL);
}

TASK_TEST(listener, server_rests)
{
    struct sley_listener *listener;
    struct sley_task *task;
    int port;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    port = sley_listener_port(listener);
    task = spawned(serve, listener);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct sley_stream *stream;

        fail_with(faults[i]);
        stream = dial(port);
        rests(faults[i]);
        fail_with(0);
        greeted(stream);
    }
    sley_listener_close(listener);
    assert_ok(joined(task));
    sley_listener_free(listener);
    return 0;
}

/* What died in the queue is none of the server's business: no rest, and the next one is served. */
TASK_TEST(listener, the_dead_are_skipped)
{
    struct sley_listener *listener;
    struct sley_stream *stream;
    struct sley_task *task;
    int before;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    task = spawned(serve, listener);
    fail_with(-ECONNABORTED);
    before = tries_now();
    stream = dial(sley_listener_port(listener));
    while (tries_now() < before + 100)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    fail_with(0);
    greeted(stream);
    sley_listener_close(listener);
    assert_ok(joined(task));
    sley_listener_free(listener);
    return 0;
}
