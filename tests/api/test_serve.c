/* A task per connection: limits, stops, lack of descriptors. */
#define _GNU_SOURCE
#include "descriptors.h"
#include "task_test.h"

#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

/* A server that runs in a task of its own. */
struct site {
    struct sley_listener *listener;
    sley_serve_handler *handler;
    struct sley_serve_options options;
    struct sley_task *task;
    int port;
    _Atomic int running, most, served, failed, cancelled, asked;
    struct sley_event release;
};

static int run_site(void *arg)
{
    struct site *site = arg;

    return sley_serve(site->listener, site->handler, site, &site->options);
}

static void open_site(struct site *site)
{
    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site->listener));
    site->port = sley_listener_port(site->listener);
    site->task = spawned(run_site, site);
}

static int close_site(struct site *site)
{
    int result;

    sley_listener_close(site->listener);
    result = joined(site->task);
    sley_listener_free(site->listener);
    return result;
}

static struct sley_stream *dial(struct site *site)
{
    struct sley_stream *stream = NULL;

    assert_ok(sley_tcp_connect("127.0.0.1", site->port, NULL, &stream));
    return stream;
}

static int echo(struct sley_stream *stream, void *arg)
{
    struct site *site = arg;
    char buffer[100];
    int count, now = ++site->running;

    if (now > site->most)
        site->most = now;
    while ((count = sley_stream_read(stream, buffer, sizeof(buffer))) > 0)
        if ((count = sley_stream_write(stream, buffer, (size_t)count, NULL)) < 0)
            break;
    site->running--;
    return count;
}

static void note_end(struct sley_stream *stream, int result, void *arg)
{
    struct site *site = arg;
    char name[SLEY_STREAM_NAME_SIZE];

    site->served++;
    site->failed += result < 0 && result != SLEY_EOF && result != SLEY_ECANCELED;
    site->cancelled += result == SLEY_ECANCELED;
    if (result == SLEY_EOF)
        assert_ok(sley_stream_local(stream, name, sizeof(name)));
}

static void ask(struct sley_stream *stream, const char *text)
{
    char buffer[100];
    size_t got = 0, size = strlen(text);

    assert_ok(sley_stream_write(stream, text, size, NULL));
    while (got < size) {
        int count = sley_stream_read(stream, buffer + got, size - got);

        cr_assert(count > 0, "%s", sley_error_name(count));
        got += (size_t)count;
    }
    cr_assert(memcmp(buffer, text, size) == 0);
}

TASK_TEST(serve, many_at_once)
{
    enum { MANY = 50 };
    struct site site = {.handler = echo, .options = {.ended = note_end}};
    struct sley_stream *streams[MANY];

    open_site(&site);
    for (int i = 0; i < MANY; i++)
        streams[i] = dial(&site);
    for (int i = 0; i < MANY; i++)
        ask(streams[i], "hello");
    cr_assert_eq(site.most, MANY);
    for (int i = 0; i < MANY; i++)
        sley_stream_free(streams[i]);
    assert_ok(close_site(&site));
    cr_assert_eq(site.served, MANY);
    cr_assert_eq(site.failed, 0);
    return 0;
}

TASK_TEST(serve, limit)
{
    enum { MANY = 12 };
    struct site site = {.handler = echo, .options = {.max_connections = 3, .ended = note_end}};
    struct sley_stream *streams[MANY];

    open_site(&site);
    for (int i = 0; i < MANY; i++)
        streams[i] = dial(&site);
    for (int i = 0; i < MANY; i++) {
        ask(streams[i], "hello");
        sley_stream_free(streams[i]);
    }
    assert_ok(close_site(&site));
    cr_assert(site.most <= 3, "%d", site.most);
    cr_assert_eq(site.served, MANY);
    return 0;
}

static int wait_for_release(struct sley_stream *stream, void *arg)
{
    struct site *site = arg;
    int error = sley_stream_write(stream, "!", 1, NULL);

    if (error)
        return error;
    error = sley_event_wait(&site->release);
    while (!error && !sley_scope_asked()) /* the listener is closed before that */
        error = sley_sleep(SLEY_MILLISECONDS(1));
    site->asked += sley_scope_asked();
    return error ? error : sley_stream_write(stream, "bye", 3, NULL);
}

static int release_later(void *arg)
{
    struct site *site = arg;
    struct sley_stream *late = NULL;

    /* Once nobody listens any more, the stop has begun. */
    while (sley_tcp_connect("127.0.0.1", site->port, NULL, &late) == 0) {
        sley_stream_free(late);
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    }
    sley_event_set(&site->release);
    return 0;
}

TASK_TEST(serve, graceful_stop)
{
    struct site site = {.handler = wait_for_release, .options = {.ended = note_end}};
    struct sley_stream *stream;
    struct sley_task *task;
    char buffer[3];

    open_site(&site);
    stream = dial(&site);
    cr_assert_eq(sley_stream_read(stream, buffer, 1), 1);
    task = spawned(release_later, &site);
    assert_ok(close_site(&site));
    assert_ok(joined(task));
    cr_assert_eq(sley_stream_read(stream, buffer, 3), 3);
    cr_assert(site.asked >= 1);
    cr_assert_eq(site.cancelled, 0);
    sley_stream_free(stream);
    return 0;
}

static void stop_with_grace(int64_t grace)
{
    struct site site = {.handler = wait_for_release,
                        .options = {.grace = grace, .ended = note_end}};
    struct sley_stream *stream;
    char byte;

    open_site(&site);
    stream = dial(&site);
    cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
    assert_ok(close_site(&site));
    cr_assert_eq(site.cancelled, 1);
    assert_code(sley_stream_read(stream, &byte, 1), SLEY_EOF);
    sley_stream_free(stream);
}

TASK_TEST(serve, stop_that_runs_out_of_grace)
{
    stop_with_grace(SLEY_MILLISECONDS(20));
    stop_with_grace(-1);
    return 0;
}

/* The accept loop waits for room when the listener is closed. */
TASK_TEST(serve, stop_while_full)
{
    struct site site = {.handler = wait_for_release,
                        .options = {.grace = -1, .max_connections = 1, .ended = note_end}};
    struct sley_stream *stream;
    char byte;

    open_site(&site);
    stream = dial(&site);
    cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
    assert_ok(close_site(&site));
    sley_stream_free(stream);
    return 0;
}

TASK_TEST(serve, cancelled)
{
    for (int i = 0; i < 20; i++) {
        struct site site = {.handler = wait_for_release, .options = {.ended = note_end}};
        struct sley_stream *stream;
        char byte;

        open_site(&site);
        stream = dial(&site);
        if (i % 2)
            cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
        sley_cancel(site.task, "test");
        assert_code(joined(site.task), SLEY_ECANCELED);
        cr_assert_eq(site.running, 0);
        sley_listener_free(site.listener);
        sley_stream_free(stream);
    }
    return 0;
}

TASK_TEST(serve, late)
{
    struct site site = {.handler = wait_for_release};
    int64_t before;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    assert_code(sley_serve(site.listener, echo, &site, NULL), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    sley_listener_free(site.listener);
    return 0;
}

TASK_TEST(serve, wrong_use)
{
    struct sley_listener *listener;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    assert_code(sley_serve(listener, NULL, NULL, NULL), SLEY_EINVAL);
    sley_listener_close(listener);
    assert_ok(sley_serve(listener, echo, NULL, NULL));
    sley_listener_free(listener);
    return 0;
}

Test(serve, not_on_a_task)
{
    assert_code(sley_serve(NULL, echo, NULL, NULL), SLEY_ENOTASK);
}

static bool serves_somebody_new(struct site *site)
{
    struct sley_stream *stream = dial(site);
    char byte;
    bool served =
        !sley_stream_write(stream, "x", 1, NULL) && sley_stream_read(stream, &byte, 1) == 1;

    sley_stream_free(stream);
    return served;
}

/* No descriptor is left for a while: those who come are refused, the server lives on. */
TASK_TEST_WITH(serve, survives_lack_of_descriptors, .workers = 3, .unpinned = true,
               .stall_threshold = -1)
{
    struct site site = {.handler = echo, .options = {.ended = note_end}};
    struct shortage shortage;
    struct sley_stream *streams[3];

    open_site(&site);
    ask(streams[0] = dial(&site), "before");
    for (int i = 1; i < 3; i++) {
        streams[i] = dial(&site);
        ask(streams[i], "x");
    }
    begin_shortage(&shortage);
    (void)is_served(&shortage, site.port, "x");
    for (int i = 0; i < 3; i++)
        cr_assert_not(is_served(&shortage, site.port, "x"));
    ask(streams[0], "meanwhile");
    end_shortage(&shortage);
    for (int i = 0; i < 3; i++)
        sley_stream_free(streams[i]);
    while (!serves_somebody_new(&site)) /* an accept that had failed by then may refuse one more */
        continue;
    assert_ok(close_site(&site));
    return 0;
}

static int connect_and_close(void *arg)
{
    struct site *site = arg;

    for (int i = 0; i < 3; i++) {
        struct sley_stream *stream = dial(site);

        assert_ok(sley_stream_write(stream, "x", 1, NULL));
        sley_stream_free(stream);
    }
    sley_listener_close(site->listener);
    return 0;
}

TASK_TEST(serve, foreach_connection)
{
    struct site site = {0};
    struct sley_task *task;
    int count = 0, status;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    site.port = sley_listener_port(site.listener);
    task = spawned(connect_and_close, &site);
    SLEY_FOREACH_STATUS (struct sley_stream *, stream, site.listener, status) {
        char byte;

        cr_assert_eq(sley_stream_read(stream, &byte, 1), 1);
        sley_stream_free(stream);
        count++;
    }
    assert_ok(status);
    cr_assert(count <= 3);
    assert_ok(joined(task));
    sley_listener_free(site.listener);
    return 0;
}
