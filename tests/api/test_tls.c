/* TLS: with itself, with openssl's own programs, with peers that lie, stumble or stop. */
#define _GNU_SOURCE
#include "certificates.h"
#include "task_test.h"

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/sley.h>

#define TLS_TEST(name)                                                       \
    static int tls_##name(void *unused);                                     \
    Test(tls, name, .init = find_certificates)                               \
    {                                                                        \
        struct sley_options test_options = {.workers = 3, .unpinned = true}; \
        int test_result = sley_run(tls_##name, NULL, &test_options);         \
        cr_assert_eq(test_result, 0, "%s", sley_error_name(test_result));    \
    }                                                                        \
    static int tls_##name(UNUSED_ARG void *unused)

static struct sley_tls_context *server_with(const char *name, const char *ca,
                                            const char *const *protocols)
{
    char pem[32], key[32], error[SLEY_TLS_ERROR_SIZE];
    struct sley_tls_context *context = NULL;
    struct sley_tls_options options = {.protocols = protocols};
    int status;

    snprintf(pem, sizeof(pem), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    options.certificate_file = file(pem);
    options.key_file = file(key);
    options.ca_file = ca ? file(ca) : NULL;
    status = sley_tls_server_new(&options, error, &context);
    cr_assert_eq(status, 0, "%s", error);
    return context;
}

static struct sley_tls_context *client_with(const struct sley_tls_options *options)
{
    struct sley_tls_context *context = NULL;
    char error[SLEY_TLS_ERROR_SIZE];
    int status = sley_tls_client_new(options, error, &context);

    cr_assert_eq(status, 0, "%s", error);
    return context;
}

static struct sley_tls_context *trusting_client(void)
{
    struct sley_tls_options options = {.ca_file = file("ca.pem")};

    return client_with(&options);
}

/* One side of a handshake; the two run at once. */
struct side {
    struct sley_tls_context *context;
    struct sley_stream *below, *tls;
    const char *host; /* NULL: this is the server */
    char error[SLEY_TLS_ERROR_SIZE];
    size_t stack;
};

static int shake(void *arg)
{
    struct side *side = arg;
    int status = side->host ? sley_tls_connect(side->context, side->below, side->host, side->error,
                                               &side->tls)
                            : sley_tls_accept(side->context, side->below, side->error, &side->tls);

    if (status) {
        cr_assert_null(side->tls);
        cr_assert(*side->error, "there is no sentence for %s", sley_error_name(status));
        sley_stream_close(side->below);
    }
    return status;
}

struct link {
    struct side client, server;
    int client_status, server_status;
};

static void connect_sides(struct link *link, struct sley_tls_context *client,
                          struct sley_tls_context *server, const char *host)
{
    struct sley_stream *ends[2];
    struct sley_task *task;

    assert_ok(sley_unix_pair(ends));
    *link = (struct link){.client = {.context = client, .below = ends[0], .host = host},
                          .server = {.context = server, .below = ends[1]}};
    task = spawned(shake, &link->server);
    link->client_status = shake(&link->client);
    link->server_status = joined(task);
}

static void free_side(struct side *side)
{
    sley_stream_free(side->tls ? side->tls : side->below);
}

static void free_link(struct link *link)
{
    free_side(&link->client);
    free_side(&link->server);
}

static void open_link(struct link *link)
{
    struct sley_tls_context *client = trusting_client(),
                            *server = server_with("server", NULL, NULL);

    connect_sides(link, client, server, "localhost");
    cr_assert_eq(link->client_status, 0, "%s", link->client.error);
    cr_assert_eq(link->server_status, 0, "%s", link->server.error);
    sley_tls_context_free(client);
    sley_tls_context_free(server);
}

static void expect(struct sley_stream *stream, const char *text)
{
    char buffer[256];
    size_t got = 0;

    while (got < strlen(text)) {
        int count = sley_stream_read(stream, buffer + got, strlen(text) - got);

        cr_assert(count > 0, "%s", sley_error_name(count));
        got += (size_t)count;
    }
    cr_assert(memcmp(buffer, text, got) == 0, "%.*s", (int)got, buffer);
}

TLS_TEST(exchange)
{
    struct link link;
    char byte;

    open_link(&link);
    cr_assert_eq(sley_stream_kind(link.client.tls), SLEY_STREAM_TLS);
    cr_assert_str_eq(sley_tls_version(link.client.tls), "TLSv1.3");
    cr_assert_str_eq(sley_tls_host(link.server.tls), "localhost");
    cr_assert_str_eq(sley_tls_protocol(link.client.tls), "");
    cr_assert_str_eq(sley_tls_version(link.client.below), "");
    assert_ok(sley_stream_write(link.client.tls, "ping", 4, NULL));
    expect(link.server.tls, "ping");
    assert_ok(sley_stream_shutdown(link.client.tls));
    assert_ok(sley_stream_shutdown(link.client.tls));
    assert_code(sley_stream_read(link.server.tls, &byte, 1), SLEY_EOF);
    assert_code(sley_stream_read(link.server.tls, &byte, 1), SLEY_EOF);
    assert_ok(sley_stream_write(link.server.tls, "pong", 4, NULL));
    expect(link.client.tls, "pong");
    sley_stream_free(link.server.tls);
    link.server.tls = link.server.below = NULL;
    assert_code(sley_stream_read(link.client.tls, &byte, 1), SLEY_EOF);
    free_link(&link);
    return 0;
}

/* --- much data, both ways at once, with calls that are ended early -----------------------------
 */

enum { LOTS = 1 << 20 };

struct flow {
    struct sley_stream *stream;
    int late;
    bool hurried;
};

static int pour(void *arg)
{
    static char lots[LOTS];
    struct flow *flow = arg;
    size_t done = 0;

    for (size_t i = 0; i < LOTS; i++)
        lots[i] = (char)(i % 251);
    while (done < LOTS) {
        size_t size = 1 + done * 7919 % 40000, written;
        int64_t before = sley_deadline_narrow(
            flow->hurried && done % 3 ? sley_after(SLEY_MICROSECONDS(50)) : SLEY_FOREVER);
        int error = sley_stream_write(flow->stream, lots + done,
                                      size < LOTS - done ? size : LOTS - done, &written);

        sley_deadline_restore(before);
        cr_assert(error == 0 || (flow->hurried && error == SLEY_ETIMEDOUT), "%s",
                  sley_error_name(error));
        flow->late += error < 0;
        done += written;
    }
    assert_ok(sley_stream_shutdown(flow->stream));
    return 0;
}

static int drink(void *arg)
{
    struct flow *flow = arg;
    char buffer[5000];
    int got = 0, count = 0;

    while (count >= 0 || (flow->hurried && count == SLEY_ETIMEDOUT)) {
        int64_t before = sley_deadline_narrow(
            flow->hurried && got % 5 ? sley_after(SLEY_MICROSECONDS(70)) : SLEY_FOREVER);
        count = sley_stream_read(flow->stream, buffer, sizeof(buffer));
        sley_deadline_restore(before);
        for (int i = 0; i < count; i++, got++)
            cr_assert_eq(buffer[i], (char)(got % 251));
    }
    assert_code(count, SLEY_EOF);
    return got;
}

static void transfer(bool hurried)
{
    struct link link;
    struct flow flows[2];
    struct sley_task *tasks[4];

    open_link(&link);
    flows[0] = (struct flow){link.client.tls, 0, hurried};
    flows[1] = (struct flow){link.server.tls, 0, hurried};
    for (int i = 0; i < 2; i++) {
        tasks[i] = spawned(pour, &flows[i]);
        tasks[2 + i] = spawned(drink, &flows[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(joined(tasks[i]));
        cr_assert_eq(joined(tasks[2 + i]), LOTS);
    }
    free_link(&link);
}

TLS_TEST(both_ways)
{
    transfer(false);
    return 0;
}

/* Each byte arrives once, although calls are ended in the middle of records. */
TLS_TEST(both_ways_in_a_hurry)
{
    transfer(true);
    return 0;
}

/* --- who is refused --------------------------------------------------------------------------- */

static void refused(const char *certificate, const char *host, struct sley_tls_context *client,
                    const char *reason)
{
    struct sley_tls_context *server = server_with(certificate, NULL, NULL);
    struct link link;

    connect_sides(&link, client, server, host);
    assert_code(link.client_status, SLEY_ETLS);
    cr_assert(strstr(link.client.error, reason), "'%s', not '%s'", link.client.error, reason);
    cr_assert_neq(link.server_status, 0);
    free_link(&link);
    sley_tls_context_free(server);
}

TLS_TEST(certificates_that_are_refused)
{
    struct sley_tls_context *client = trusting_client(), *system_store = client_with(NULL);

    refused("expired", "localhost", client, "certificate has expired");
    refused("other", "localhost", client, "hostname mismatch");
    refused("server", "a.b.example.org", client, "hostname mismatch");
    refused("server", "127.0.0.2", client, "IP address mismatch");
    refused("self", "localhost", client, "self-signed certificate");
    refused("server", "localhost", system_store, "unable to get local issuer certificate");
    refused("server", "localhost", NULL, "unable to get local issuer certificate");
    sley_tls_context_free(client);
    sley_tls_context_free(system_store);
    return 0;
}

static void accepted(const char *certificate, const char *host, struct sley_tls_context *client)
{
    struct sley_tls_context *server = server_with(certificate, NULL, NULL);
    struct link link;

    connect_sides(&link, client, server, host);
    cr_assert_eq(link.client_status, 0, "%s", link.client.error);
    assert_ok(link.server_status);
    free_link(&link);
    sley_tls_context_free(server);
}

TLS_TEST(certificates_that_are_accepted)
{
    struct sley_tls_options careless = {.insecure = true};
    struct sley_tls_context *client = trusting_client(), *insecure = client_with(&careless);

    accepted("server", "localhost", client);
    accepted("server", "a.example.org", client);
    accepted("server", "127.0.0.1", client);
    accepted("rsa", "localhost", client);
    accepted("self", "whoever", insecure);
    accepted("expired", "whoever", insecure);
    sley_tls_context_free(client);
    sley_tls_context_free(insecure);
    return 0;
}

/* In TLS 1.3 a client learns that it was refused by its first read. */
TLS_TEST(client_certificates)
{
    struct sley_tls_options known = {.ca_file = file("ca.pem"),
                                     .certificate_file = file("client.pem"),
                                     .key_file = file("client.key")};
    struct sley_tls_context *server = server_with("server", "ca.pem", NULL);
    struct sley_tls_context *with = client_with(&known), *without = trusting_client();
    struct link link;
    char byte;

    connect_sides(&link, with, server, "localhost");
    assert_ok(link.client_status);
    assert_ok(link.server_status);
    free_link(&link);

    connect_sides(&link, without, server, "localhost");
    assert_code(link.server_status, SLEY_ETLS);
    cr_assert(strstr(link.server.error, "peer did not return a certificate"), "%s",
              link.server.error);
    if (link.client_status == 0)
        assert_code(sley_stream_read(link.client.tls, &byte, 1), SLEY_EPROTO);
    free_link(&link);
    sley_tls_context_free(server);
    sley_tls_context_free(with);
    sley_tls_context_free(without);
    return 0;
}

TLS_TEST(protocols)
{
    static const char *const both[] = {"h2", "http/1.1", NULL}, *const old[] = {"http/1.1", NULL},
                             *const other[] = {"spdy/3", NULL};
    struct sley_tls_options options = {.ca_file = file("ca.pem"), .protocols = old};
    struct sley_tls_context *server = server_with("server", NULL, both), *client;
    struct link link;

    client = client_with(&options);
    connect_sides(&link, client, server, "localhost");
    assert_ok(link.client_status);
    cr_assert_str_eq(sley_tls_protocol(link.client.tls), "http/1.1");
    cr_assert_str_eq(sley_tls_protocol(link.server.tls), "http/1.1");
    free_link(&link);
    sley_tls_context_free(client);

    options.protocols = other;
    client = client_with(&options);
    connect_sides(&link, client, server, "localhost");
    assert_code(link.client_status, SLEY_ETLS);
    cr_assert(strstr(link.client.error, "no application protocol"), "%s", link.client.error);
    assert_code(link.server_status, SLEY_ETLS);
    free_link(&link);
    sley_tls_context_free(client);
    sley_tls_context_free(server);
    return 0;
}

TLS_TEST(bad_files)
{
    static const char *const empty[] = {"", NULL};
    struct sley_tls_options missing = {.ca_file = file("nowhere.pem")},
                            half = {.certificate_file = file("server.pem")},
                            mixed = {.certificate_file = file("server.pem"),
                                     .key_file = file("other.key")},
                            nonsense = {.ca_file = file("server.key")},
                            nameless = {.protocols = empty};
    struct sley_tls_context *context = NULL;
    char error[SLEY_TLS_ERROR_SIZE];

    assert_code(sley_tls_client_new(&missing, error, &context), SLEY_ETLS);
    cr_assert(strstr(error, "nowhere.pem"), "%s", error);
    cr_assert(strstr(error, "no such file"), "%s", error);
    assert_code(sley_tls_client_new(&half, error, &context), SLEY_EINVAL);
    assert_code(sley_tls_server_new(NULL, NULL, &context), SLEY_EINVAL);
    assert_code(sley_tls_server_new(&mixed, error, &context), SLEY_ETLS);
    cr_assert(strstr(error, "key"), "%s", error);
    assert_code(sley_tls_client_new(&nonsense, error, &context), SLEY_ETLS);
    assert_code(sley_tls_client_new(&nameless, NULL, &context), SLEY_EINVAL);
    cr_assert_null(context);
    sley_tls_context_free(NULL);
    return 0;
}

TLS_TEST(wrong_use)
{
    struct sley_tls_context *client = trusting_client(),
                            *server = server_with("server", NULL, NULL);
    struct sley_stream *ends[2], *tls = NULL;
    char error[SLEY_TLS_ERROR_SIZE];

    assert_ok(sley_unix_pair(ends));
    assert_code(sley_tls_connect(server, ends[0], "localhost", error, &tls), SLEY_EINVAL);
    assert_code(sley_tls_accept(client, ends[0], error, &tls), SLEY_EINVAL);
    assert_code(sley_tls_accept(NULL, ends[0], NULL, &tls), SLEY_EINVAL);
    assert_code(sley_tls_connect(client, ends[0], NULL, error, &tls), SLEY_EINVAL);
    assert_code(sley_tls_connect(client, ends[0], "", error, &tls), SLEY_EINVAL);
    cr_assert_null(tls);
    sley_stream_free(ends[0]);
    sley_stream_free(ends[1]);
    sley_tls_context_free(client);
    sley_tls_context_free(server);
    return 0;
}

/* --- peers that stumble ----------------------------------------------------------------------- */

TLS_TEST(peer_without_tls)
{
    struct sley_tls_context *client = trusting_client();
    struct sley_stream *ends[2], *tls = NULL;
    char error[SLEY_TLS_ERROR_SIZE];

    assert_ok(sley_unix_pair(ends));
    assert_ok(sley_stream_write(ends[1], "220 hello, I am a mail server\r\n", 31, NULL));
    assert_code(sley_tls_connect(client, ends[0], "localhost", error, &tls), SLEY_ETLS);
    cr_assert(strstr(error, "wrong version number"), "%s", error);
    sley_stream_free(ends[0]);
    sley_stream_free(ends[1]);
    sley_tls_context_free(client);
    return 0;
}

/* The end comes without the word for it: somebody may have cut it off. */
TLS_TEST(cut_off)
{
    struct link link;
    char byte;

    open_link(&link);
    assert_ok(sley_stream_write(link.client.tls, "half", 4, NULL));
    sley_stream_close(link.client.below);
    expect(link.server.tls, "half");
    assert_code(sley_stream_read(link.server.tls, &byte, 1), SLEY_EPROTO);
    free_link(&link);
    return 0;
}

TLS_TEST(tampered_with)
{
    static const char record[] = "\x17\x03\x03\x00\x20"
                                 "this is not what the key makes!!";
    struct link link;
    char byte;

    open_link(&link);
    assert_ok(sley_stream_write(link.client.below, record, sizeof(record) - 1, NULL));
    assert_code(sley_stream_read(link.server.tls, &byte, 1), SLEY_EPROTO);
    assert_code(sley_stream_read(link.server.tls, &byte, 1), SLEY_EPROTO);
    assert_code(sley_stream_write(link.server.tls, "x", 1, NULL), SLEY_EPROTO);
    assert_code(sley_stream_shutdown(link.server.tls), SLEY_EPROTO);
    free_link(&link);
    return 0;
}

/* Forwards `left` bytes and then breaks off. */
struct cutter {
    struct sley_stream *from, *to;
    int left;
};

static int forward(void *arg)
{
    struct cutter *cutter = arg;
    char buffer[4096];
    int count = 1;

    while (count > 0 && cutter->left > 0) {
        count = sley_stream_read(cutter->from, buffer,
                                 cutter->left < 4096 ? (size_t)cutter->left : 4096);
        if (count > 0 && sley_stream_write(cutter->to, buffer, (size_t)count, NULL) != 0)
            break;
        cutter->left -= count > 0 ? count : 0;
    }
    sley_stream_close(cutter->from);
    sley_stream_close(cutter->to);
    return 0;
}

static bool is_fair(int status)
{
    switch (status) {
    case 0:
    case SLEY_EPROTO:
    case SLEY_ETLS:
    case SLEY_EPIPE:
    case SLEY_ECONNRESET:
        return true;
    default:
        return false;
    }
}

/* A connection through two cutters; true if both sides got through. */
static bool shake_through(struct sley_tls_context *client, struct sley_tls_context *server, int up,
                          int down)
{
    struct sley_stream *near[2], *far[2];
    struct side sides[2];
    struct cutter cutters[2];
    struct sley_task *tasks[3];
    int status[2];

    assert_ok(sley_unix_pair(near));
    assert_ok(sley_unix_pair(far));
    sides[0] = (struct side){.context = client, .below = near[0], .host = "localhost"};
    sides[1] = (struct side){.context = server, .below = far[1]};
    cutters[0] = (struct cutter){near[1], far[0], up};
    cutters[1] = (struct cutter){far[0], near[1], down};
    for (int i = 0; i < 2; i++)
        tasks[i] = spawned(forward, &cutters[i]);
    tasks[2] = spawned(shake, &sides[1]);
    status[0] = shake(&sides[0]);
    status[1] = joined(tasks[2]);
    cr_assert(is_fair(status[0]) && is_fair(status[1]), "%s, %s after %d and %d bytes",
              sley_error_name(status[0]), sley_error_name(status[1]), up, down);
    sley_stream_close(near[1]);
    sley_stream_close(far[0]);
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    free_side(&sides[0]);
    free_side(&sides[1]);
    sley_stream_free(near[1]);
    sley_stream_free(far[0]);
    return !status[0] && !status[1];
}

TLS_TEST(handshakes_that_are_cut)
{
    struct sley_tls_context *client = trusting_client(),
                            *server = server_with("server", NULL, NULL);

    cr_assert(!shake_through(client, server, 0, 1 << 20));
    for (int bytes = 1; !shake_through(client, server, bytes, 1 << 20); bytes += 23)
        cr_assert(bytes < 10000);
    for (int bytes = 1; !shake_through(client, server, 1 << 20, bytes); bytes += 37)
        cr_assert(bytes < 10000);
    sley_tls_context_free(client);
    sley_tls_context_free(server);
    return 0;
}

/* --- cancel, deadline, close ------------------------------------------------------------------ */

static int read_one(void *arg)
{
    char byte;

    return sley_stream_read(arg, &byte, 1);
}

static int write_lots(void *arg)
{
    static char lots[8 << 20];

    return sley_stream_write(arg, lots, sizeof(lots), NULL);
}

TLS_TEST(silent_peer)
{
    struct sley_tls_context *client = trusting_client(),
                            *server = server_with("server", NULL, NULL);
    struct sley_stream *ends[2];
    struct side sides[2];

    for (int i = 0; i < 2; i++) {
        struct sley_task *task;
        int64_t before;

        assert_ok(sley_unix_pair(ends));
        sides[0] = (struct side){.context = client, .below = ends[0], .host = "localhost"};
        sides[1] = (struct side){.context = server, .below = ends[0]};
        before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(10)));
        assert_code(shake(&sides[i]), SLEY_ETIMEDOUT);
        sley_deadline_restore(before);
        sley_stream_free(ends[0]);
        sley_stream_free(ends[1]);

        assert_ok(sley_unix_pair(ends));
        sides[i].below = ends[0];
        task = spawned(shake, &sides[i]);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
        sley_cancel(task, "test");
        assert_code(joined(task), SLEY_ECANCELED);
        sley_stream_free(ends[0]);
        sley_stream_free(ends[1]);
    }
    sley_tls_context_free(client);
    sley_tls_context_free(server);
    return 0;
}

TLS_TEST(ends_of_a_wait)
{
    struct link link;
    struct sley_task *reader, *writer;

    open_link(&link);
    for (int close = 0; close < 2; close++) {
        reader = spawned(read_one, link.client.tls);
        writer = spawned(write_lots, link.client.tls);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(10)));
        if (close) {
            sley_stream_close(link.client.tls);
        } else {
            sley_cancel(reader, "test");
            sley_cancel(writer, "test");
        }
        assert_code(joined(reader), close ? SLEY_ECLOSED : SLEY_ECANCELED);
        assert_code(joined(writer), close ? SLEY_ECLOSED : SLEY_ECANCELED);
    }
    assert_code(sley_stream_read(link.client.tls, &(char){0}, 1), SLEY_ECLOSED);
    assert_code(sley_stream_shutdown(link.client.tls), SLEY_ECLOSED);
    free_link(&link);
    return 0;
}

static _Atomic int readers_busy, readers_read;

static int contend(void *arg)
{
    char byte;
    int result = sley_stream_read(arg, &byte, 1);

    readers_busy += result == SLEY_EBUSY;
    readers_read += result == 1;
    return 0;
}

TLS_TEST(one_reader_at_a_time)
{
    struct link link;
    struct sley_task *tasks[2];

    open_link(&link);
    for (int i = 0; i < 2; i++)
        tasks[i] = spawned(contend, link.client.tls);
    while (!readers_busy)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    assert_ok(sley_stream_write(link.server.tls, "x", 1, NULL));
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    cr_assert(readers_busy == 1 && readers_read == 1);
    free_link(&link);
    return 0;
}

TLS_TEST(cancel_against_bytes)
{
    struct link link;
    int taken = 0;
    char byte;

    open_link(&link);
    for (int i = 0; i < 200; i++) {
        struct sley_task *task = spawned(read_one, link.client.tls);
        int result;

        for (int n = i % 3; n > 0; n--)
            assert_ok(sley_yield());
        assert_ok(sley_stream_write(link.server.tls, "x", 1, NULL));
        sley_cancel(task, "test");
        result = joined(task);
        cr_assert(result == 1 || result == SLEY_ECANCELED, "%s", sley_error_name(result));
        taken += result == 1;
    }
    for (; taken < 200; taken++)
        cr_assert_eq(sley_stream_read(link.client.tls, &byte, 1), 1);
    free_link(&link);
    return 0;
}

/* --- the stack -------------------------------------------------------------------------------- */

enum { PAINTED = 200 * 1024 };

/* Leaves a pattern on the stack below the caller. */
static __attribute__((noinline)) void paint(volatile unsigned char **low)
{
    volatile unsigned char *area = alloca(PAINTED);

    for (size_t i = 0; i < PAINTED; i++)
        area[i] = 0xa5;
    *low = area;
}

static __attribute__((noinline, no_sanitize("address"))) size_t used(volatile unsigned char *low)
{
    size_t i = 0;

    while (i < PAINTED && low[i] == 0xa5)
        i++;
    return PAINTED - i;
}

static int shake_on_paint(void *arg)
{
    struct side *side = arg;
    volatile unsigned char *low = NULL;
    int status;

    paint(&low);
    status = shake(side);
    side->stack = used(low);
    return status;
}

static size_t stack_of(struct sley_tls_context *client, struct sley_tls_context *server)
{
    struct sley_task_options large = {.stack_size = 256 * 1024};
    struct sley_stream *ends[2];
    struct side sides[2];
    struct sley_task *tasks[2];

    assert_ok(sley_unix_pair(ends));
    sides[0] = (struct side){.context = client, .below = ends[0], .host = "localhost"};
    sides[1] = (struct side){.context = server, .below = ends[1]};
    for (int i = 0; i < 2; i++)
        assert_ok(sley_spawn(shake_on_paint, &sides[i], &large, &tasks[i]));
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    for (int i = 0; i < 2; i++)
        free_side(&sides[i]);
    return sides[0].stack > sides[1].stack ? sides[0].stack : sides[1].stack;
}

/* It must fit the default class of stacks, with room for the program's own frames. */
TLS_TEST(stack_of_a_handshake)
{
#if defined(__SANITIZE_ADDRESS__)
    cr_skip_test("frames are larger under AddressSanitizer, and not on this stack");
#endif
    static const char *const names[] = {"server", "rsa"};
    struct sley_tls_context *client = trusting_client();

    for (int i = 0; i < 2; i++) {
        struct sley_tls_context *server = server_with(names[i], NULL, NULL);
        size_t most = stack_of(client, server);

        cr_log_info("%s: %zu bytes", names[i], most);
        cr_assert(most > 1000, "the paint does not stick");
        cr_assert(most < 40 * 1024, "%zu bytes of stack", most);
        sley_tls_context_free(server);
    }
    sley_tls_context_free(client);
    return 0;
}

/* --- openssl's programs ----------------------------------------------------------------------- */

static int answer(struct sley_stream *stream, void *arg UNUSED_ARG)
{
    struct sley_reader *reader;
    char *line;
    size_t size;
    int status;

    cr_assert_eq(sley_stream_kind(stream), SLEY_STREAM_TLS);
    assert_ok(sley_reader_new(stream, NULL, &reader));
    while ((status = sley_reader_line(reader, &line, &size)) == 0 && strcmp(line, "bye") != 0) {
        struct iovec parts[] = {
            {(char *)(uintptr_t) "you said ", 9}, {line, size}, {(char *)(uintptr_t) "\n", 1}};

        assert_ok(sley_stream_writev(stream, parts, 3, NULL));
    }
    sley_reader_free(reader);
    return sley_stream_shutdown(stream);
}

/* Runs a command and keeps what it prints. On a thread. */
struct command {
    char text[600], output[4000];
    int status;
};

static int run_command(void *arg)
{
    struct command *command = arg;
    FILE *pipe = popen(command->text, "r");
    size_t size;

    cr_assert_not_null(pipe);
    size = fread(command->output, 1, sizeof(command->output) - 1, pipe);
    command->output[size] = '\0';
    command->status = pclose(pipe);
    return 0;
}

struct site {
    struct sley_listener *listener;
    struct sley_tls_context *context;
};

static int serve_site(void *arg)
{
    struct site *site = arg;
    struct sley_serve_options options = {.tls = site->context};

    return sley_serve(site->listener, answer, NULL, &options);
}

/* Nobody is asked for the password: there may be nobody at the terminal. */
TLS_TEST(encrypted_keys)
{
    static const char *const how[] = {"openssl pkcs8 -topk8 -v2 aes-128-cbc -in %s -out %s",
                                      "openssl ec -aes128 -in %s -out %s"};
    struct sley_tls_options options = {.certificate_file = file("server.pem"),
                                       .key_file = file("locked.key")};
    struct sley_tls_context *context = NULL;
    char error[SLEY_TLS_ERROR_SIZE];

    for (int i = 0; i < 2; i++) {
        struct command command = {.status = -1};
        size_t size = (size_t)snprintf(command.text, sizeof(command.text), how[i],
                                       file("server.key"), file("locked.key"));

        snprintf(command.text + size, sizeof(command.text) - size, " -passout pass:x 2>&1");
        assert_ok(sley_to_thread(run_command, &command, NULL));
        cr_assert_eq(command.status, 0, "%s", command.output);
        assert_code(sley_tls_server_new(&options, error, &context), SLEY_ETLS);
        cr_assert(strstr(error, "locked.key: the key is encrypted"), "%s", error);
    }
    cr_assert_null(context);
    return 0;
}

TLS_TEST(with_s_client)
{
    struct site site = {.context = server_with("server", NULL, NULL)};
    struct command command = {.status = -1};
    struct sley_task *task;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    task = spawned(serve_site, &site);
    for (int version = 2; version <= 3; version++) {
        snprintf(command.text, sizeof(command.text),
                 "printf 'hello\\nworld\\nbye\\n' | timeout 60 openssl s_client -connect "
                 "127.0.0.1:%d -tls1_%d"
                 " -CAfile %s -verify_return_error -verify_hostname localhost -quiet"
                 " 2>%s",
                 sley_listener_port(site.listener), version, file("ca.pem"), file("log"));
        assert_ok(sley_to_thread(run_command, &command, NULL));
        cr_assert(strstr(command.output, "you said hello\nyou said world\n"), "%s", command.output);
    }
    sley_listener_close(site.listener);
    assert_ok(joined(task));
    sley_listener_free(site.listener);
    sley_tls_context_free(site.context);
    return 0;
}

/* s_server turns each line around. It says on which port it listens by listening there. */
TLS_TEST(with_s_server)
{
    struct sley_tls_context *client = trusting_client();
    struct command command = {.status = -1};
    struct sley_stream *tcp = NULL, *tls;
    struct sley_reader *reader;
    struct sley_listener *listener;
    char error[SLEY_TLS_ERROR_SIZE], *line;
    size_t size;
    int port, status;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    port = sley_listener_port(listener);
    sley_listener_free(listener);
    snprintf(command.text, sizeof(command.text),
             "timeout 60 openssl s_server -accept 127.0.0.1:%d -cert %s -key %s -rev -naccept 1"
             " >%s 2>&1 </dev/null &",
             port, file("server.pem"), file("server.key"), file("log"));
    assert_ok(sley_to_thread(run_command, &command, NULL));
    while ((status = sley_tcp_connect("127.0.0.1", port, NULL, &tcp)) == SLEY_ECONNREFUSED)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(10)));
    assert_ok(status);
    status = sley_tls_connect(client, tcp, "localhost", error, &tls);
    cr_assert_eq(status, 0, "%s", error);
    assert_ok(sley_reader_new(tls, NULL, &reader));
    assert_ok(sley_stream_write(tls, "hello\n", 6, NULL));
    assert_ok(sley_reader_line(reader, &line, &size));
    cr_assert_str_eq(line, "olleh");
    assert_ok(sley_stream_write(tls, "CLOSE\n", 6, NULL));
    assert_code(sley_reader_line(reader, &line, &size), SLEY_EOF);
    sley_reader_free(reader);
    sley_stream_free(tls);
    sley_tls_context_free(client);
    return 0;
}
