/*
 * test_tcp_names.c: connecting by a name whose addresses of one family come late, or never.
 *
 * link: -Wl,--wrap=sley__dns_default
 */
#define _GNU_SOURCE
#include "api/task_test.h"
#include "crafted_dns.h"

#include <sley/sley.h>

#include "dns_impl.h"

static struct crafted server;
static struct sley_resolver *resolver; /* asks it, and is the runtime's own */

int __wrap_sley__dns_default(struct sley_resolver **out);

int __wrap_sley__dns_default(struct sley_resolver **out)
{
    *out = resolver;
    return 0;
}

/* What is late is so for longer than a test takes. */
static void open_names(void)
{
    struct sley_resolver_options options = {
        .servers = server.address, .timeout = SLEY_SECONDS(300), .hosts = ""};

    crafted_start(&server);
    assert_ok(sley_resolver_new(&options, &resolver));
}

static void close_names(void)
{
    sley_resolver_free(resolver);
    crafted_stop(&server);
}

static struct sley_listener *listen_on(const char *address)
{
    struct sley_listener *listener;
    int error = sley_tcp_listen(address, NULL, &listener);

    if (error == SLEY_EADDRNOTAVAIL)
        cr_skip_test("this machine has no IPv6");
    assert_ok(error);
    return listener;
}

/* Connects by the name; the peer's address begins so. */
static void reaches(const char *name, struct sley_listener *listener,
                    const struct sley_tcp_connect_options *options, const char *prefix)
{
    char peer[SLEY_STREAM_NAME_SIZE];
    struct sley_stream *stream;

    assert_ok(sley_tcp_connect(name, sley_listener_port(listener), options, &stream));
    assert_ok(sley_stream_peer(stream, peer, sizeof(peer)));
    cr_assert_eq(strncmp(peer, prefix, strlen(prefix)), 0, "%s", peer);
    sley_stream_free(stream);
}

TASK_TEST(tcp_names, one_family_will_do)
{
    struct sley_listener *four = listen_on("127.0.0.1:0"), *six = listen_on("[::1]:0");

    open_names();
    reaches("late6.test", four, NULL, "127.0.0.1:");
    reaches("late4.test", six, NULL, "[::1]:");
    /* Again: what is known is in the cache, the other question still under way. */
    reaches("late6.test", four, NULL, "127.0.0.1:");
    reaches("late4.test", six, NULL, "[::1]:");
    cr_assert_eq(crafted_queries(&server), 4);
    close_names();
    sley_listener_free(four);
    sley_listener_free(six);
    return 0;
}

static int connect_by_name(void *arg)
{
    struct sley_stream *stream = NULL;
    const char *name = arg;
    int error, port = atoi(strchr(name, '/') + 1);
    char host[64];

    snprintf(host, sizeof(host), "%.*s", (int)strcspn(name, "/"), name);
    error = sley_tcp_connect(host, port, NULL, &stream);
    sley_stream_free(stream);
    return error;
}

static struct sley_task *connecting(const char *name, struct sley_listener *listener)
{
    static char text[64];

    snprintf(text, sizeof(text), "%s/%d", name, sley_listener_port(listener));
    return spawned(connect_by_name, text);
}

/* Nobody listens at what is known; what comes later is tried, too. */
TASK_TEST(tcp_names, the_late_family_joins_in)
{
    static const char *const names[] = {"late6.test", "late4.test"};

    for (int i = 0; i < 2; i++) {
        struct sley_listener *listener = listen_on(i ? "127.0.0.1:0" : "[::1]:0");
        struct sley_task *task;

        open_names();
        task = connecting(names[i], listener);
        while (crafted_queries(&server) < 2)
            assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
        crafted_release(&server);
        assert_ok(joined(task));
        close_names();
        sley_listener_free(listener);
    }
    return 0;
}

/* A cancel ends it wherever it is: before there is an address, and while only one family has
 * failed and the other is waited for. */
TASK_TEST(tcp_names, cancelled)
{
    struct sley_listener *six = listen_on("[::1]:0");

    open_names();
    for (int pause = 0; pause < 30; pause++) {
        struct sley_task *task = connecting(pause % 2 ? "late.test" : "late6.test", six);

        assert_ok(sley_sleep(SLEY_MILLISECONDS(2 * pause)));
        sley_cancel(task, NULL);
        assert_code(joined(task), SLEY_ECANCELED);
    }
    close_names();
    sley_listener_free(six);
    return 0;
}

/* From an address of one family: the other one is of no use, known or not. */
TASK_TEST(tcp_names, from_an_address)
{
    struct sley_tcp_connect_options from4 = {.from = "127.0.0.1"}, from6 = {.from = "::1"};
    struct sley_listener *four = listen_on("127.0.0.1:0"), *six = listen_on("[::1]:0");
    struct sley_stream *stream;

    open_names();
    reaches("late6.test", four, &from4, "127.0.0.1:");
    reaches("late4.test", six, &from6, "[::1]:");
    crafted_release(&server); /* of the two that are held now */
    reaches("late6.test", six, &from6, "[::1]:");
    reaches("late4.test", four, &from4, "127.0.0.1:");
    assert_code(sley_tcp_connect("nx.test", 1, NULL, &stream), SLEY_ENAME);
    close_names();
    sley_listener_free(four);
    sley_listener_free(six);
    return 0;
}
