/* Limits on connections: those of the HTTP server, what it does without descriptors, and those of
 * the HTTP client. */
#define _GNU_SOURCE
#include "descriptors.h"
#include "task_test.h"

#include <stdio.h>
#include <string.h>

#include <sley/sley.h>

/* A server whose handlers can be made to wait for each other. */
static struct {
    struct sley_httpd *server;
    struct sley_semaphore arrived, leave; /* for those of /meet */
    _Atomic int inside, most;
    _Atomic uint64_t connections; /* most that were open at once */
} site;

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  UNUSED_ARG void *arg)
{
    struct sley_httpd_stats stats;
    int now = ++site.inside;

    if (now > site.most)
        site.most = now;
    sley_httpd_stats(site.server, &stats);
    if (stats.connections > site.connections)
        site.connections = stats.connections;
    if (!strcmp(sley_httpd_request_path(request), "/meet")) {
        (void)sley_semaphore_release(&site.arrived);
        (void)sley_semaphore_acquire(&site.leave);
    }
    (void)sley_yield();
    site.inside--;
    return sley_httpd_response_body_static(response, "served", 6);
}

static void open_site(const struct sley_httpd_options *options)
{
    memset(&site, 0, sizeof(site));
    site.arrived = site.leave = (struct sley_semaphore)SLEY_SEMAPHORE_INIT(0);
    assert_ok(sley_httpd_start(handle, NULL, options, &site.server));
}

static void close_site(void)
{
    sley_httpd_free(site.server);
}

static struct sley_httpd_stats stats_now(void)
{
    struct sley_httpd_stats stats;

    sley_httpd_stats(site.server, &stats);
    return stats;
}

static struct sley_stream *dial(void)
{
    struct sley_stream *stream = NULL;

    assert_ok(sley_tcp_connect("127.0.0.1", sley_httpd_port(site.server), NULL, &stream));
    return stream;
}

static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

static void ask(struct sley_stream *stream)
{
    assert_ok(sley_stream_write(stream, request, sizeof(request) - 1, NULL));
}

/* Reads one answer, to its body's end. */
static void expect_answer(struct sley_stream *stream)
{
    char text[512] = "";
    size_t size = 0;

    while (!strstr(text, "served")) {
        int count = sley_stream_read(stream, text + size, sizeof(text) - 1 - size);

        cr_assert_gt(count, 0, "%s after \"%s\"", sley_error_name(count), text);
        size += (size_t)count;
        text[size] = '\0';
    }
    cr_assert_eq(strncmp(text, "HTTP/1.1 200 ", 13), 0, "%s", text);
}

/* --- the server ------------------------------------------------------------------------------- */

/* Who finds no place waits in the kernel's queue until there is one, however much the others do. */
TASK_TEST(httpd_limits, waits_for_a_place)
{
    struct sley_stream *first, *second, *third;

    open_site(&(struct sley_httpd_options){.max_connections = 2});
    first = dial();
    second = dial();
    for (int i = 0; i < 2; i++) {
        ask(i ? second : first);
        expect_answer(i ? second : first);
    }
    third = dial();
    ask(third);
    for (int i = 0; i < 50; i++) {
        ask(first);
        expect_answer(first);
    }
    cr_assert_eq(stats_now().connections, 2);
    cr_assert_eq(stats_now().requests, 52);
    sley_stream_free(second);
    expect_answer(third);
    cr_assert_eq(stats_now().requests, 53);
    sley_stream_free(first);
    sley_stream_free(third);
    close_site();
    return 0;
}

static int ask_once(UNUSED_ARG void *arg)
{
    struct sley_stream *stream = dial();

    ask(stream);
    expect_answer(stream);
    sley_stream_free(stream);
    return 0;
}

TASK_TEST(httpd_limits, many_come_and_go)
{
    enum { MANY = 40 };
    struct sley_task *tasks[MANY];

    open_site(&(struct sley_httpd_options){.max_connections = 3});
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawned(ask_once, NULL);
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_leq(site.connections, 3);
    cr_assert_eq(stats_now().requests, MANY);
    close_site();
    return 0;
}

/* Full, and nobody leaves: it stops all the same. */
TASK_TEST(httpd_limits, stops_while_full)
{
    struct sley_stream *first, *second;
    char byte;

    open_site(&(struct sley_httpd_options){.max_connections = 1});
    first = dial();
    ask(first);
    expect_answer(first);
    second = dial();
    assert_ok(sley_httpd_stop(site.server));
    cr_assert_leq(sley_stream_read(second, &byte, 1), 0);
    sley_stream_free(first);
    sley_stream_free(second);
    close_site();
    return 0;
}

static bool serves_somebody_new(void)
{
    struct sley_stream *stream = dial();
    char byte;
    bool served = !sley_stream_write(stream, "GET / HTTP/1.0\r\n\r\n", 18, NULL) &&
                  sley_stream_read(stream, &byte, 1) == 1;

    sley_stream_free(stream);
    return served;
}

/* Those who come are hung up on, those who are there are served, and afterwards all is as before.
 */
TASK_TEST_WITH(httpd_limits, survives_lack_of_descriptors, .workers = 3, .unpinned = true,
               .stall_threshold = -1)
{
    struct shortage shortage;
    struct sley_stream *old;

    open_site(NULL);
    old = dial();
    ask(old);
    expect_answer(old);
    begin_shortage(&shortage);
    (void)is_served(&shortage, sley_httpd_port(site.server), request);
    for (int i = 0; i < 3; i++) {
        cr_assert_not(is_served(&shortage, sley_httpd_port(site.server), request));
        ask(old);
        expect_answer(old);
    }
    end_shortage(&shortage);
    while (!serves_somebody_new()) /* an accept that had failed by then may refuse one more */
        continue;
    ask(old);
    expect_answer(old);
    sley_stream_free(old);
    close_site();
    return 0;
}

/* --- the client ------------------------------------------------------------------------------- */

struct fetch {
    struct sley_http_client *client;
    const char *host, *path;
};

static int fetch(void *arg)
{
    struct fetch *fetch = arg;
    char url[64], why[SLEY_HTTP_ERROR_SIZE];
    int error;

    snprintf(url, sizeof(url), "http://%s:%d%s", fetch->host, sley_httpd_port(site.server),
             fetch->path);
    error = sley_http_get(fetch->client, url, &(struct sley_http_options){.error = why}, NULL);
    cr_assert_eq(error, 0, "%s: %s", url, why);
    return 0;
}

static struct sley_http_client *client_with(unsigned for_a_host, unsigned for_all)
{
    struct sley_http_client_options options = {
        .max_host_connections = for_a_host, .max_connections = for_all, .no_proxy = true};
    struct sley_http_client *client;

    assert_ok(sley_http_client_new(&options, &client));
    return client;
}

/* Two at once, because that many may, and never three. */
TASK_TEST(http_limits, connections_to_a_host)
{
    enum { MANY = 9 };
    struct fetch one = {client_with(2, 0), "127.0.0.1", "/meet"};
    struct sley_task *tasks[MANY];

    open_site(NULL);
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawned(fetch, &one);
    for (int i = 0; i < 2; i++)
        assert_ok(sley_semaphore_acquire(&site.arrived));
    for (int i = 0; i < MANY; i++)
        assert_ok(sley_semaphore_release(&site.leave));
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_eq(site.most, 2);
    cr_assert_leq(site.connections, 2);
    sley_http_client_free(one.client);
    close_site();
    return 0;
}

/* The limit is each host's: two of them are met at the same time. */
TASK_TEST(http_limits, each_host_has_its_own)
{
    struct sley_http_client *client = client_with(1, 0);
    struct fetch all[] = {{client, "127.0.0.1", "/meet"},
                          {client, "localhost", "/meet"},
                          {client, "127.0.0.1", "/meet"},
                          {client, "localhost", "/meet"}};
    struct sley_task *tasks[4];

    open_site(NULL);
    for (int i = 0; i < 4; i++)
        tasks[i] = spawned(fetch, &all[i]);
    for (int i = 0; i < 2; i++)
        assert_ok(sley_semaphore_acquire(&site.arrived));
    for (int i = 0; i < 4; i++)
        assert_ok(sley_semaphore_release(&site.leave));
    for (int i = 0; i < 4; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_eq(site.most, 2);
    sley_http_client_free(client);
    close_site();
    return 0;
}

/* One for all: the idle connection to one host makes room for the one to the other. */
TASK_TEST(http_limits, connections_in_all)
{
    enum { MANY = 8 };
    struct sley_http_client *client = client_with(0, 1);
    struct fetch both[] = {{client, "127.0.0.1", "/"}, {client, "localhost", "/"}};
    struct sley_task *tasks[MANY];

    open_site(NULL);
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawned(fetch, &both[i % 2]);
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_eq(site.most, 1);
    sley_http_client_free(client);
    close_site();
    return 0;
}
