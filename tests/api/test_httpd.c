/* The HTTP server, spoken to byte by byte over TCP, so that what the client library would hide is
 * seen: framing, limits, keep-alive, how it stops. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(httpd, name)                                       \
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

static _Atomic int released, inside, cancelled;

static void release(void *data)
{
    free(data);
    released++;
}

static int describe(struct sley_httpd_request *request, struct sley_httpd_response *response)
{
    char text[512];
    size_t size;
    const char *body = sley_httpd_request_body(request, &size);
    const char *query = sley_httpd_request_query(request, "q");
    const char *empty = sley_httpd_request_query(request, "e");
    const char *header = sley_httpd_request_header(request, "x-thing");
    int length = snprintf(text, sizeof(text), "%s %s q=%s e=%s x=%s body=%.*s peer=%.10s",
                          sley_httpd_request_method(request), sley_httpd_request_path(request),
                          query ? query : "-", empty ? empty : "-", header ? header : "-",
                          (int)size, body, sley_httpd_request_peer(request));

    cr_assert_null(sley_httpd_request_query(request, "nothing"));
    return sley_httpd_response_body_copy(response, text, (size_t)length);
}

static int wait_to_be_cancelled(void)
{
    int error;

    inside++;
    error = sley_sleep(SLEY_SECONDS(1000));
    inside--;
    if (error == SLEY_ECANCELED)
        cancelled++;
    return error;
}

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg)
{
    const char *path = sley_httpd_request_path(request);
    char *own;

    cr_assert_eq(arg, &released);
    if (!strncmp(path, "/describe", 9))
        return describe(request, response);
    if (!strcmp(path, "/static"))
        return sley_httpd_response_body_static(response, "constant", 8);
    if (!strcmp(path, "/owned")) {
        own = strdup("first");
        cr_assert_eq(sley_httpd_response_body_owned(response, own, 5, release), 0);
        own = strdup("second");
        cr_assert_eq(sley_httpd_response_body_owned(response, own, 6, release), 0);
        return sley_httpd_response_header(response, "X-Kind", "owned");
    }
    if (!strcmp(path, "/teapot"))
        return sley_httpd_response_status(response, 418);
    if (!strcmp(path, "/fail")) {
        sley_httpd_response_header(response, "X-Gone", "yes");
        sley_httpd_response_body_static(response, "gone", 4);
        return SLEY_EIO;
    }
    if (!strcmp(path, "/abort"))
        sley_httpd_response_abort(response);
    if (!strcmp(path, "/truncate")) {
        sley_httpd_response_truncate(response, 4);
        return sley_httpd_response_body_static(response, "0123456789", 10);
    }
    if (!strcmp(path, "/sleep"))
        return sley_sleep(SLEY_MILLISECONDS(30));
    if (!strcmp(path, "/forever"))
        return wait_to_be_cancelled();
    if (!strcmp(path, "/bad")) {
        assert_error(sley_httpd_response_header(response, "X", "a\r\nEvil: 1"), SLEY_EINVAL);
        assert_error(sley_httpd_response_header(response, "X Y", "a"), SLEY_EINVAL);
        assert_error(sley_httpd_response_header(response, "", "a"), SLEY_EINVAL);
        assert_error(sley_httpd_response_header(response, "content-length", "7"), SLEY_EINVAL);
        assert_error(sley_httpd_response_status(response, 100), SLEY_EINVAL);
        assert_error(sley_httpd_response_status(response, 600), SLEY_EINVAL);
    }
    return 0;
}

static struct sley_httpd *start(const struct sley_httpd_options *options)
{
    struct sley_httpd *server;

    assert_ok(sley_httpd_start(handle, &released, options, &server));
    cr_assert_neq(sley_httpd_port(server), 0);
    return server;
}

static struct sley_stream *dial(struct sley_httpd *server)
{
    struct sley_stream *tcp;

    assert_ok(sley_tcp_connect("127.0.0.1", sley_httpd_port(server), NULL, &tcp));
    return tcp;
}

static void send_text(struct sley_stream *tcp, const char *text)
{
    assert_ok(sley_stream_write(tcp, text, strlen(text), NULL));
}

/* Reads one answer with a Content-Length into a static buffer; what ended it if it is cut short. */
static char answer[65536];

static int read_answer(struct sley_stream *tcp)
{
    size_t size = 0;
    char *body;

    answer[0] = '\0';
    for (;;) {
        const char *length = strcasestr(answer, "Content-Length: ");
        int count;

        body = strstr(answer, "\r\n\r\n");
        if (body && length && size >= (size_t)(body + 4 - answer) + strtoul(length + 16, NULL, 10))
            return 0;
        count = sley_stream_read(tcp, answer + size, sizeof(answer) - 1 - size);
        if (count < 0)
            return count;
        size += (size_t)count;
        answer[size] = '\0';
    }
}

static const char *body_of_answer(void)
{
    const char *body = strstr(answer, "\r\n\r\n");

    return body ? body + 4 : "";
}

static int status_of_answer(void)
{
    return atoi(answer + strcspn(answer, " "));
}

/* One request on a connection of its own. */
static int ask(struct sley_httpd *server, const char *request)
{
    struct sley_stream *tcp = dial(server);
    int result;

    send_text(tcp, request);
    result = read_answer(tcp);
    sley_stream_free(tcp);
    return result;
}

TASK_TEST(request_as_the_handler_sees_it)
{
    struct sley_httpd *server = start(NULL);

    assert_ok(ask(server, "GET /describe%20it?q=a%20b&e&q=second HTTP/1.1\r\nHost: x\r\n"
                          "X-Thing: seven\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 200);
    cr_assert_str_eq(body_of_answer(), "GET /describe it q=a b e= x=seven body= peer=127.0.0.1:");
    assert_ok(ask(server, "POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
    cr_assert_str_eq(body_of_answer(), "POST /describe q=- e=- x=- body=hello peer=127.0.0.1:");
    assert_ok(ask(server, "PUT /describe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    cr_assert_str_eq(body_of_answer(), "PUT /describe q=- e=- x=- body=abcde peer=127.0.0.1:");
    sley_httpd_free(server);
    return 0;
}

TASK_TEST(answers)
{
    struct sley_httpd *server = start(NULL);

    assert_ok(ask(server, "GET /static HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_str_eq(body_of_answer(), "constant");
    assert_ok(ask(server, "GET /owned HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_str_eq(body_of_answer(), "second");
    cr_assert_not_null(strcasestr(answer, "X-Kind: owned"));
    assert_ok(ask(server, "GET /teapot HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 418);
    assert_ok(ask(server, "GET /fail HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 500);
    cr_assert_str_eq(body_of_answer(), "");
    cr_assert_null(strcasestr(answer, "X-Gone"));
    assert_ok(ask(server, "GET /bad HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 200);
    assert_ok(ask(server, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 200);
    sley_httpd_free(server);
    cr_assert_eq(released, 2);
    return 0;
}

TASK_TEST(failing_on_purpose)
{
    struct sley_httpd *server = start(NULL);

    assert_error(ask(server, "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n"), SLEY_EOF);
    cr_assert_str_eq(answer, "");
    assert_error(ask(server, "GET /truncate HTTP/1.1\r\nHost: x\r\n\r\n"), SLEY_EOF);
    cr_assert_str_eq(body_of_answer(), "0123");
    cr_assert_not_null(strcasestr(answer, "Content-Length: 10"));
    sley_httpd_free(server);
    return 0;
}

TASK_TEST(connection_is_kept)
{
    struct sley_httpd *server = start(NULL);
    struct sley_stream *tcp = dial(server);
    struct sley_httpd_stats stats;

    for (int i = 0; i < 50; i++) {
        send_text(tcp, "GET /static HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_ok(read_answer(tcp));
        cr_assert_str_eq(body_of_answer(), "constant");
    }
    sley_httpd_stats(server, &stats);
    cr_assert_eq(stats.requests, 50);
    cr_assert_eq(stats.connections, 1);
    cr_assert_eq(stats.running, 0);
    sley_stream_free(tcp);
    sley_httpd_free(server);
    return 0;
}

TASK_TEST(body_too_large)
{
    struct sley_httpd *server = start(&(struct sley_httpd_options){.max_body = 8});
    struct sley_httpd_stats stats;

    assert_ok(
        ask(server, "POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678"));
    cr_assert_eq(status_of_answer(), 200);
    assert_ok(
        ask(server, "POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789"));
    cr_assert_eq(status_of_answer(), 413);
    assert_ok(ask(server, "POST /describe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"));
    cr_assert_eq(status_of_answer(), 413);
    sley_httpd_stats(server, &stats);
    cr_assert_eq(stats.requests, 1);
    cr_assert_eq(stats.rejected, 2);
    sley_httpd_free(server);
    return 0;
}

TASK_TEST(garbage_is_answered_or_cut_off)
{
    static const char *const garbage[] = {"\r\n\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\n\n",
                                          "GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                          "GET / HTTP/9.9\r\nHost: x\r\n\r\n"};
    struct sley_httpd *server = start(NULL);

    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct sley_stream *tcp = dial(server);

        send_text(tcp, garbage[i]);
        assert_ok(sley_stream_shutdown(tcp));
        if (read_answer(tcp) == 0)
            cr_assert_geq(status_of_answer(), 400, "%s", answer);
        sley_stream_free(tcp);
    }
    assert_ok(ask(server, "GET /static HTTP/1.1\r\nHost: x\r\n\r\n"));
    sley_httpd_free(server);
    return 0;
}

TASK_TEST(bad_options)
{
    struct sley_httpd *server = NULL, *first;

    assert_error(sley_httpd_start(NULL, NULL, NULL, &server), SLEY_EINVAL);
    assert_error(
        sley_httpd_start(handle, NULL, &(struct sley_httpd_options){.address = "host"}, &server),
        SLEY_EINVAL);
    assert_error(sley_httpd_start(handle, NULL,
                                  &(struct sley_httpd_options){.address = "192.0.2.1"}, &server),
                 SLEY_EADDRNOTAVAIL);
    first = start(NULL);
    assert_error(sley_httpd_start(handle, NULL,
                                  &(struct sley_httpd_options){.port = sley_httpd_port(first)},
                                  &server),
                 SLEY_EADDRINUSE);
    cr_assert_null(server);
    sley_httpd_free(first);
    sley_httpd_free(NULL);
    return 0;
}

Test(httpd, not_on_a_task)
{
    struct sley_httpd *server;

    assert_error(sley_httpd_start(handle, NULL, NULL, &server), SLEY_ENOTASK);
}

/* --- stopping --------------------------------------------------------------------------------- */

struct question {
    struct sley_httpd *server;
    const char *text;
};

static int ask_task(void *arg)
{
    struct question *question = arg;
    struct sley_stream *tcp = dial(question->server);
    char byte[4096];
    int count;

    send_text(tcp, question->text);
    count = sley_stream_read(tcp, byte, sizeof(byte));
    sley_stream_free(tcp);
    return count;
}

static void await_running(struct sley_httpd *server, uint64_t running)
{
    struct sley_httpd_stats stats;

    do {
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
        sley_httpd_stats(server, &stats);
    } while (stats.running != running);
}

TASK_TEST(stop_waits_for_the_answers)
{
    struct sley_httpd *server = start(NULL);
    struct question question = {server, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct sley_stream *idle = dial(server), *late = NULL;
    struct sley_task *tasks[10];
    int result, port = sley_httpd_port(server);

    for (int i = 0; i < 10; i++)
        assert_ok(sley_spawn(ask_task, &question, NULL, &tasks[i]));
    await_running(server, 10);
    assert_ok(sley_httpd_stop(server));
    for (int i = 0; i < 10; i++) {
        assert_ok(sley_join(tasks[i], &result));
        cr_assert_gt(result, 0, "%s", sley_error_name(result));
    }
    assert_error(sley_tcp_connect("127.0.0.1", port, NULL, &late), SLEY_ECONNREFUSED);
    assert_ok(sley_httpd_stop(server));
    sley_httpd_free(server);
    assert_error(read_answer(idle), SLEY_EOF);
    sley_stream_free(idle);
    return 0;
}

TASK_TEST(stop_can_be_late_and_free_cancels)
{
    struct sley_httpd *server = start(NULL);
    struct question question = {server, "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct sley_task *tasks[10];
    int64_t before;
    int result;

    for (int i = 0; i < 10; i++)
        assert_ok(sley_spawn(ask_task, &question, NULL, &tasks[i]));
    await_running(server, 10);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(10)));
    assert_error(sley_httpd_stop(server), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    cr_assert_eq(cancelled, 0);
    sley_httpd_free(server);
    cr_assert_eq(inside, 0);
    cr_assert_eq(cancelled, 10);
    for (int i = 0; i < 10; i++) {
        assert_ok(sley_join(tasks[i], &result));
        cr_assert_lt(result, 0);
    }
    return 0;
}

static int free_when_cancelled(void *arg)
{
    struct sley_httpd *server = arg;

    assert_error(sley_sleep(SLEY_SECONDS(1000)), SLEY_ECANCELED);
    sley_httpd_free(server);
    cr_assert_eq(inside, 0);
    return 0;
}

TASK_TEST(free_by_a_cancelled_task_waits_too)
{
    struct sley_httpd *server = start(NULL);
    struct question question = {server, "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct sley_task *client, *owner;

    assert_ok(sley_spawn(ask_task, &question, NULL, &client));
    await_running(server, 1);
    assert_ok(sley_spawn(free_when_cancelled, server, NULL, &owner));
    sley_cancel(owner, NULL);
    assert_ok(sley_join(owner, NULL));
    cr_assert_eq(cancelled, 1);
    assert_ok(sley_join(client, NULL));
    return 0;
}

static int leave_it_running(void *unused __attribute__((unused)))
{
    static struct question question;
    struct sley_httpd *server = start(NULL);

    question = (struct question){server, "GET /forever HTTP/1.1\r\nHost: x\r\n\r\n"};
    assert_ok(sley_spawn(ask_task, &question, NULL, NULL));
    await_running(server, 1);
    return 0;
}

Test(httpd, runtime_ends_with_a_handler_running)
{
    assert_ok(sley_run(leave_it_running, NULL, NULL));
    cr_assert_eq(inside, 0);
    cr_assert_eq(cancelled, 1);
}
