/* TCP against itself on the loopback: data, ends, errors, cancellation, deadlines, descriptors. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/sley.h>

/* Runs `body` as the main task of a runtime of its own. */
#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(tcp, name)                                         \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused __attribute__((unused)))

#define assert_ok(expression)                                              \
    do {                                                                   \
        int ok_ = (expression);                                            \
        cr_assert_eq(ok_, 0, "%s: %s", #expression, sley_error_name(ok_)); \
    } while (0)

#define assert_error(expression, code)                                                       \
    do {                                                                                     \
        int error_ = (expression);                                                           \
        cr_assert_eq(error_, (code), "%s: %s, not %s", #expression, sley_error_name(error_), \
                     sley_error_name(code));                                                 \
    } while (0)

struct pair {
    struct sley_listener *listener;
    struct sley_stream *client, *server;
};

static void open_pair(struct pair *pair)
{
    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &pair->listener));
    assert_ok(
        sley_tcp_connect("127.0.0.1", sley_listener_port(pair->listener), NULL, &pair->client));
    assert_ok(sley_listener_accept(pair->listener, &pair->server));
}

static void close_pair(struct pair *pair)
{
    sley_stream_free(pair->client);
    sley_stream_free(pair->server);
    sley_listener_free(pair->listener);
}

static int read_all(struct sley_stream *tcp, char *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        int count = sley_stream_read(tcp, buffer + done, size - done);

        if (count < 0)
            return count;
        done += (size_t)count;
    }
    return 0;
}

static int echo(void *arg)
{
    struct sley_stream *tcp = arg;
    char buffer[5000];
    int count;

    while ((count = sley_stream_read(tcp, buffer, sizeof(buffer))) > 0)
        assert_ok(sley_stream_write(tcp, buffer, (size_t)count, NULL));
    assert_ok(sley_stream_shutdown(tcp));
    return count;
}

struct transfer {
    struct sley_stream *tcp;
    char *data;
    size_t size;
};

static int write_it(void *arg)
{
    struct transfer *transfer = arg;
    size_t written;

    assert_ok(sley_stream_write(transfer->tcp, transfer->data, transfer->size, &written));
    cr_assert_eq(written, transfer->size);
    assert_ok(sley_stream_shutdown(transfer->tcp));
    return 0;
}

TASK_TEST(echo_of_more_than_the_buffers_hold)
{
    struct pair pair;
    struct transfer out = {.size = 20 << 20};
    struct sley_task *writer, *server;
    char *back = malloc(out.size);
    int result;

    open_pair(&pair);
    out.tcp = pair.client;
    out.data = malloc(out.size);
    for (size_t i = 0; i < out.size; i++)
        out.data[i] = (char)(i * 31 + i / 251);
    assert_ok(sley_spawn(echo, pair.server, NULL, &server));
    assert_ok(sley_spawn(write_it, &out, NULL, &writer));
    assert_ok(read_all(pair.client, back, out.size));
    cr_assert(memcmp(back, out.data, out.size) == 0);
    assert_error(sley_stream_read(pair.client, back, 1), SLEY_EOF);
    assert_ok(sley_join(writer, NULL));
    assert_ok(sley_join(server, &result));
    assert_error(result, SLEY_EOF);
    close_pair(&pair);
    free(back);
    free(out.data);
    return 0;
}

TASK_TEST(half_close)
{
    struct pair pair;
    char buffer[8];

    open_pair(&pair);
    assert_ok(sley_stream_write(pair.client, "ab", 2, NULL));
    assert_ok(sley_stream_shutdown(pair.client));
    cr_assert_eq(sley_stream_read(pair.server, buffer, sizeof(buffer)), 2);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_EOF);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_EOF);
    assert_ok(sley_stream_write(pair.server, "cd", 2, NULL));
    cr_assert_eq(sley_stream_read(pair.client, buffer, sizeof(buffer)), 2);
    assert_error(sley_stream_write(pair.client, "x", 1, NULL), SLEY_EPIPE);
    close_pair(&pair);
    return 0;
}

/* Data and the end of the stream arrive together: the short read must not hide the end. */
TASK_TEST(end_right_behind_the_data)
{
    for (int i = 0; i < 200; i++) {
        struct pair pair;
        char buffer[64];

        open_pair(&pair);
        assert_ok(sley_stream_write(pair.client, "last words", 10, NULL));
        sley_stream_free(pair.client);
        pair.client = NULL;
        assert_ok(read_all(pair.server, buffer, 10));
        assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_EOF);
        close_pair(&pair);
    }
    return 0;
}

static void reset_by_client(struct pair *pair)
{
    assert_ok(sley_stream_reset_on_close(pair->client));
    sley_stream_free(pair->client);
    pair->client = NULL;
}

TASK_TEST(reset)
{
    struct pair pair;
    char buffer[8];
    int error;

    open_pair(&pair);
    reset_by_client(&pair);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_ECONNRESET);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_ECONNRESET);
    error = sley_stream_write(pair.server, "x", 1, NULL);
    cr_assert(error == SLEY_EPIPE || error == SLEY_ECONNRESET, "%s", sley_error_name(error));
    close_pair(&pair);
    return 0;
}

/* The kernel tells an error once, and then it is the end of the stream, to look at. */
TASK_TEST(reset_told_to_the_writer)
{
    struct pair pair;
    char buffer[8];

    open_pair(&pair);
    assert_ok(sley_stream_write(pair.client, "half", 4, NULL));
    reset_by_client(&pair);
    assert_error(sley_stream_write(pair.server, "x", 1, NULL), SLEY_ECONNRESET);
    cr_assert_eq(sley_stream_read(pair.server, buffer, sizeof(buffer)), 4);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_ECONNRESET);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_ECONNRESET);
    assert_error(sley_stream_write(pair.server, "x", 1, NULL), SLEY_EPIPE);
    close_pair(&pair);
    return 0;
}

/* Its end has come in order, and it reads no more: what it has sent is whole. */
TASK_TEST(end_before_a_broken_write)
{
    struct pair pair;
    char buffer[8];

    open_pair(&pair);
    assert_ok(sley_stream_write(pair.client, "whole", 5, NULL));
    sley_stream_free(pair.client);
    pair.client = NULL;
    while (sley_stream_write(pair.server, "x", 1, NULL) == 0)
        sley_yield(); /* the first one only asks for the reset */
    assert_error(sley_stream_write(pair.server, "x", 1, NULL), SLEY_EPIPE);
    cr_assert_eq(sley_stream_read(pair.server, buffer, sizeof(buffer)), 5);
    assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_EOF);
    close_pair(&pair);
    return 0;
}

/* A record that had a broken connection is used for the next one. */
TASK_TEST(end_after_a_reset_before)
{
    struct pair pair;
    char buffer[8];

    for (int i = 0; i < 10; i++) {
        open_pair(&pair);
        reset_by_client(&pair);
        assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_ECONNRESET);
        close_pair(&pair);
        open_pair(&pair);
        assert_ok(sley_stream_shutdown(pair.client));
        assert_error(sley_stream_read(pair.server, buffer, sizeof(buffer)), SLEY_EOF);
        assert_ok(sley_stream_shutdown(pair.server));
        assert_error(sley_stream_read(pair.client, buffer, sizeof(buffer)), SLEY_EOF);
        close_pair(&pair);
    }
    return 0;
}

TASK_TEST(nothing_to_move)
{
    struct pair pair;
    size_t written = 7;

    open_pair(&pair);
    cr_assert_eq(sley_stream_read(pair.client, NULL, 0), 0);
    assert_ok(sley_stream_write(pair.client, NULL, 0, &written));
    cr_assert_eq(written, 0);
    close_pair(&pair);
    return 0;
}

static int option_of(struct sley_stream *tcp, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    cr_assert_eq(getsockopt(sley_stream_descriptor(tcp), level, option, &value, &size), 0);
    return value;
}

static void check_keepalive(struct sley_stream *tcp)
{
    struct sley_keepalive keepalive = {SLEY_MILLISECONDS(1500), SLEY_SECONDS(3), 4};
    struct sley_keepalive negative = {.count = -1}, too_long = {.idle = INT64_MAX};

    cr_assert_eq(option_of(tcp, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_ok(sley_stream_keepalive(tcp, &keepalive));
    cr_assert_eq(option_of(tcp, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_assert_eq(option_of(tcp, IPPROTO_TCP, TCP_KEEPIDLE), 2);
    cr_assert_eq(option_of(tcp, IPPROTO_TCP, TCP_KEEPINTVL), 3);
    cr_assert_eq(option_of(tcp, IPPROTO_TCP, TCP_KEEPCNT), 4);
    assert_ok(sley_stream_keepalive(tcp, NULL));
    cr_assert_eq(option_of(tcp, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_error(sley_stream_keepalive(tcp, &negative), SLEY_EINVAL);
    assert_error(sley_stream_keepalive(tcp, &too_long), SLEY_EINVAL);
}

TASK_TEST(connect_from)
{
    struct sley_tcp_connect_options from = {.from = "127.0.0.7"}, bad = {.from = "localhost"},
                                    away = {.from = "192.0.2.1"}, other = {.from = "::1"};
    struct pair pair;
    char name[72];

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &pair.listener));
    assert_ok(
        sley_tcp_connect("127.0.0.1", sley_listener_port(pair.listener), &from, &pair.client));
    assert_ok(sley_listener_accept(pair.listener, &pair.server));
    assert_ok(sley_stream_peer(pair.server, name, sizeof(name)));
    cr_assert(strncmp(name, "127.0.0.7:", 10) == 0, "%s", name);
    close_pair(&pair);
    assert_error(sley_tcp_connect("127.0.0.1", 80, &bad, &pair.client), SLEY_EINVAL);
    assert_error(sley_tcp_connect("127.0.0.1", 80, &away, &pair.client), SLEY_EADDRNOTAVAIL);
    assert_error(sley_tcp_connect("127.0.0.1", 80, &other, &pair.client), SLEY_EADDRNOTAVAIL);
    return 0;
}

TASK_TEST(names_and_options)
{
    struct pair pair;
    char local[72], peer[72], expected[72];

    open_pair(&pair);
    assert_ok(sley_stream_local(pair.client, local, sizeof(local)));
    assert_ok(sley_stream_peer(pair.server, peer, sizeof(peer)));
    cr_assert_str_eq(local, peer);
    snprintf(expected, sizeof(expected), "127.0.0.1:%d", sley_listener_port(pair.listener));
    assert_ok(sley_stream_peer(pair.client, peer, sizeof(peer)));
    cr_assert_str_eq(peer, expected);
    assert_error(sley_stream_peer(pair.client, peer, 5), SLEY_EMSGSIZE);
    assert_ok(sley_stream_nodelay(pair.client, false));
    assert_ok(sley_stream_nodelay(pair.client, true));
    check_keepalive(pair.client);
    cr_assert_eq(sley_stream_kind(pair.client), SLEY_STREAM_TCP);
    assert_ok(sley_listener_name(pair.listener, peer, sizeof(peer)));
    cr_assert_str_eq(peer, expected);
    sley_stream_close(pair.client);
    assert_error(sley_stream_local(pair.client, local, sizeof(local)), SLEY_ECLOSED);
    assert_error(sley_stream_nodelay(pair.client, true), SLEY_ECLOSED);
    close_pair(&pair);
    return 0;
}

TASK_TEST(ipv6_where_there_is_one)
{
    struct sley_listener *listener;
    struct sley_stream *client, *server;
    char peer[72];
    int error = sley_tcp_listen("[::1]:0", NULL, &listener);

    if (error == SLEY_EADDRNOTAVAIL || error == -EAFNOSUPPORT)
        return 0;
    assert_ok(error);
    assert_ok(sley_tcp_connect("::1", sley_listener_port(listener), NULL, &client));
    assert_ok(sley_listener_accept(listener, &server));
    assert_ok(sley_stream_peer(server, peer, sizeof(peer)));
    cr_assert(strncmp(peer, "[::1]:", 6) == 0, "%s", peer);
    sley_stream_free(client);
    sley_stream_free(server);
    sley_listener_free(listener);
    return 0;
}

TASK_TEST(connect_by_name)
{
    struct sley_listener *listener;
    struct sley_stream *client, *server;

    assert_ok(sley_tcp_listen(":0", NULL, &listener));
    assert_ok(sley_tcp_connect("localhost", sley_listener_port(listener), NULL, &client));
    assert_ok(sley_listener_accept(listener, &server));
    sley_stream_free(client);
    sley_stream_free(server);
    sley_listener_free(listener);
    assert_error(sley_tcp_connect("no such host", 80, NULL, &client), SLEY_ENAME);
    return 0;
}

TASK_TEST(bad_addresses)
{
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "::1:80",
                                      "[::1]",
                                      "[::1:80",
                                      "[127.0.0.1]:80",
                                      "1.2.3:80",
                                      "host:80",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:999999"};
    struct sley_listener *listener = NULL, *second = NULL;
    struct sley_stream *tcp = NULL;
    char address[72], name[300];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_error(sley_tcp_listen(bad[i], NULL, &listener), SLEY_EINVAL);
    assert_error(sley_tcp_listen(NULL, NULL, &listener), SLEY_EINVAL);
    assert_error(sley_tcp_listen("192.0.2.1:0", NULL, &listener), SLEY_EADDRNOTAVAIL);
    cr_assert_null(listener);

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    snprintf(address, sizeof(address), "127.0.0.1:%d", sley_listener_port(listener));
    assert_error(sley_tcp_listen(address, NULL, &second), SLEY_EADDRINUSE);

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_error(sley_tcp_connect(name, 80, NULL, &tcp), SLEY_EINVAL);
    assert_error(sley_tcp_connect("", 80, NULL, &tcp), SLEY_EINVAL);
    assert_error(sley_tcp_connect(NULL, 80, NULL, &tcp), SLEY_EINVAL);
    assert_error(sley_tcp_connect("127.0.0.1", 0, NULL, &tcp), SLEY_EINVAL);
    assert_error(sley_tcp_connect("127.0.0.1", 65536, NULL, &tcp), SLEY_EINVAL);
    cr_assert_null(tcp);
    sley_listener_free(listener);
    return 0;
}

TASK_TEST(refused)
{
    struct sley_listener *listener;
    struct sley_stream *tcp;
    int port;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    port = sley_listener_port(listener);
    sley_listener_free(listener);
    assert_error(sley_tcp_connect("127.0.0.1", port, NULL, &tcp), SLEY_ECONNREFUSED);
    return 0;
}

Test(tcp, not_on_a_task)
{
    struct sley_listener *listener;
    struct sley_stream *tcp;

    assert_error(sley_tcp_listen("127.0.0.1:0", NULL, &listener), SLEY_ENOTASK);
    assert_error(sley_tcp_connect("127.0.0.1", 80, NULL, &tcp), SLEY_ENOTASK);
    sley_stream_close(NULL);
    sley_stream_free(NULL);
    sley_listener_close(NULL);
    sley_listener_free(NULL);
}

/* --- cancellation, deadlines, close ----------------------------------------------------------- */

enum { READ, WRITE, ACCEPT, CONNECT, WAYS };

struct waiter {
    struct pair *pair;
    int way;
    int port;
};

/* Waits in one of the four calls for something that never comes. */
static int wait_forever(void *arg)
{
    static char lots[32 << 20];
    struct waiter *waiter = arg;
    struct sley_stream *tcp;
    char byte;
    size_t written = 0;
    int error;

    switch (waiter->way) {
    case READ:
        return sley_stream_read(waiter->pair->client, &byte, 1);
    case WRITE:
        error = sley_stream_write(waiter->pair->client, lots, sizeof(lots), &written);
        cr_assert(written < sizeof(lots));
        return error;
    case ACCEPT:
        return sley_listener_accept(waiter->pair->listener, &tcp);
    default:
        return sley_tcp_connect("127.0.0.1", waiter->port, NULL, &tcp);
    }
}

/* A port whose queue is full: connecting to it hangs. */
static int full_port(int fds[8])
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(listener, (struct sockaddr *)&address, 16), 0);
    cr_assert_eq(listen(listener, 0), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    fds[0] = listener;
    for (int i = 1; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, size);
    }
    return ((unsigned char *)&address)[2] << 8 | ((unsigned char *)&address)[3];
}

static void each_way(void (*check)(struct waiter *waiter))
{
    int fds[8], port = full_port(fds);

    for (int way = 0; way < WAYS; way++) {
        struct pair pair;
        struct waiter waiter = {&pair, way, port};

        open_pair(&pair);
        check(&waiter);
        close_pair(&pair);
    }
    for (int i = 0; i < 8; i++)
        close(fds[i]);
}

static void check_cancel(struct waiter *waiter)
{
    for (int pause = 0; pause < 3; pause++) {
        struct sley_task *task;
        int result;

        assert_ok(sley_spawn(wait_forever, waiter, NULL, &task));
        if (pause)
            assert_ok(sley_sleep(SLEY_MILLISECONDS(pause * 20))); /* it waits by now, likely */
        sley_cancel(task, "test");
        assert_ok(sley_join(task, &result));
        assert_error(result, SLEY_ECANCELED);
    }
}

TASK_TEST(cancelled)
{
    each_way(check_cancel);
    return 0;
}

static void check_deadline(struct waiter *waiter)
{
    int64_t deadline = sley_after(SLEY_MILLISECONDS(20));
    int64_t before = sley_deadline_narrow(deadline);

    assert_error(wait_forever(waiter), SLEY_ETIMEDOUT);
    cr_assert(sley_now() >= deadline);
    assert_error(wait_forever(waiter), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
}

TASK_TEST(deadline)
{
    each_way(check_deadline);
    return 0;
}

static void check_close(struct waiter *waiter)
{
    struct sley_task *task;
    int result;

    if (waiter->way == CONNECT)
        return;
    assert_ok(sley_spawn(wait_forever, waiter, NULL, &task));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(10)));
    if (waiter->way == ACCEPT)
        sley_listener_close(waiter->pair->listener);
    else
        sley_stream_close(waiter->pair->client);
    assert_ok(sley_join(task, &result));
    assert_error(result, SLEY_ECLOSED);
    assert_error(wait_forever(waiter), SLEY_ECLOSED);
}

TASK_TEST(closed)
{
    each_way(check_close);
    return 0;
}

/* What has been written before a deadline is told. (If it passes before the call begins, nothing
 * has: then again, with more time.) */
TASK_TEST(partial_write_is_reported)
{
    static char lots[32 << 20];
    struct pair pair;
    size_t written = 0, got = 0;
    static char buffer[65536];
    int count;

    open_pair(&pair);
    for (int64_t time = SLEY_MILLISECONDS(20); !written; time *= 2) {
        int64_t before = sley_deadline_narrow(sley_after(time));

        assert_error(sley_stream_write(pair.client, lots, sizeof(lots), &written), SLEY_ETIMEDOUT);
        sley_deadline_restore(before);
    }
    cr_assert(written < sizeof(lots));
    assert_ok(sley_stream_shutdown(pair.client));
    while ((count = sley_stream_read(pair.server, buffer, sizeof(buffer))) > 0)
        got += (size_t)count;
    assert_error(count, SLEY_EOF);
    cr_assert_eq(got, written);
    close_pair(&pair);
    return 0;
}

static struct {
    struct sley_stream *tcp;
    _Atomic int busy, read;
} contest;

static int contend(void *unused __attribute__((unused)))
{
    char byte;
    int result = sley_stream_read(contest.tcp, &byte, 1);

    if (result == SLEY_EBUSY)
        contest.busy++;
    else if (result == 1)
        contest.read++;
    return 0;
}

/* Which of the two comes first is open; the one that comes second is told. */
TASK_TEST(one_reader_at_a_time)
{
    struct pair pair;
    struct sley_task *tasks[2];

    open_pair(&pair);
    contest.tcp = pair.client;
    for (int i = 0; i < 2; i++)
        assert_ok(sley_spawn(contend, NULL, NULL, &tasks[i]));
    while (!contest.busy)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    assert_ok(sley_stream_write(pair.server, "x", 1, NULL));
    for (int i = 0; i < 2; i++)
        assert_ok(sley_join(tasks[i], NULL));
    cr_assert_eq(contest.busy, 1);
    cr_assert_eq(contest.read, 1);
    close_pair(&pair);
    return 0;
}

/* --- no descriptors left ---------------------------------------------------------------------- */

static int fill_descriptors(int *fds, int most)
{
    int count = 0;

    while (count < most && (fds[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    return count;
}

TASK_TEST(accept_without_descriptors)
{
    struct rlimit limit = {64, 64};
    struct sley_listener *listener;
    struct sley_stream *client, *second, *server;
    int fds[64], count;
    int64_t before;
    char byte;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    assert_ok(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &client));
    assert_ok(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &second));
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    count = fill_descriptors(fds, 64);

    assert_error(sley_listener_accept(listener, &server), SLEY_EMFILE);
    cr_assert(sley_accept_error_passes(SLEY_EMFILE));
    cr_assert(!sley_accept_error_passes(SLEY_ECLOSED));
    assert_error(sley_stream_read(client, &byte, 1), SLEY_EOF);
    assert_error(sley_listener_accept(listener, &server), SLEY_EMFILE);
    assert_error(sley_stream_read(second, &byte, 1), SLEY_EOF);

    /* An empty queue is waited for, with or without descriptors. */
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    assert_error(sley_listener_accept(listener, &server), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    sley_stream_free(client);
    assert_error(sley_tcp_connect("127.0.0.1", 1, NULL, &client), SLEY_ECONNREFUSED);
    while (count > 0)
        close(fds[--count]);
    assert_ok(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &client));
    assert_ok(sley_listener_accept(listener, &server));
    sley_stream_free(client);
    sley_stream_free(second);
    sley_stream_free(server);
    sley_listener_free(listener);
    return 0;
}

/* --- one port, several sockets ---------------------------------------------------------------- */

struct share {
    struct sley_listener *listener;
    _Atomic int accepted;
};

static int accept_all(void *arg)
{
    struct share *share = arg;
    struct sley_stream *stream;

    while (sley_listener_accept(share->listener, &stream) == 0) {
        share->accepted++;
        (void)!sley_stream_write(stream, "!", 1, NULL);
        sley_stream_free(stream);
    }
    return 0;
}

/* The kernel chooses by a hash: that all of 64 go to one of two is no likely thing. */
TASK_TEST(shared_port)
{
    struct sley_tcp_listen_options options = {.reuseport = true};
    struct share shares[2] = {0};
    struct sley_task *tasks[2];
    struct sley_listener *other;
    struct sley_stream *stream;
    char address[SLEY_STREAM_NAME_SIZE], byte;
    int port;

    assert_ok(sley_tcp_listen("127.0.0.1:0", &options, &shares[0].listener));
    port = sley_listener_port(shares[0].listener);
    assert_ok(sley_listener_name(shares[0].listener, address, sizeof(address)));
    assert_error(sley_tcp_listen(address, NULL, &other), SLEY_EADDRINUSE);
    assert_ok(sley_tcp_listen(address, &options, &shares[1].listener));
    for (int i = 0; i < 2; i++)
        assert_ok(sley_spawn(accept_all, &shares[i], NULL, &tasks[i]));
    for (int i = 0; i < 64; i++) {
        assert_ok(sley_tcp_connect("127.0.0.1", port, NULL, &stream));
        cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
        sley_stream_free(stream);
    }
    cr_assert_eq(shares[0].accepted + shares[1].accepted, 64);
    cr_assert(shares[0].accepted && shares[1].accepted);

    /* One that is closed takes the port from nobody. */
    for (int i = 0; i < 2; i++) {
        sley_listener_close(shares[i].listener);
        assert_ok(sley_join(tasks[i], NULL));
        sley_listener_free(shares[i].listener);
        if (i == 0) {
            assert_ok(sley_tcp_connect("127.0.0.1", port, NULL, &stream));
            cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
            sley_stream_free(stream);
        }
    }
    return 0;
}

/* --- the runtime's end ------------------------------------------------------------------------ */

static struct pair left;

/* The connections are never freed: the runtime closes them. */
static int leave_things_open(void *unused __attribute__((unused)))
{
    static struct waiter waiter = {&left, READ, 0};

    open_pair(&left);
    sley_listener_free(left.listener);
    assert_ok(sley_spawn(wait_forever, &waiter, NULL, NULL));
    return sley_yield();
}

Test(tcp, runtime_ends_with_sockets_open)
{
    int before = dup(0), after;

    close(before);
    for (int i = 0; i < 3; i++)
        assert_ok(sley_run(leave_things_open, NULL, NULL));
    after = dup(0);
    close(after);
    cr_assert_eq(after, before, "descriptors leak");
}
