/* Streams that are no sockets, opened from their descriptors: pipes, a terminal, a layer. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sley/sley.h>

#include "stream_impl.h"

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(stream, name)                                      \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused __attribute__((unused)))

#define assert_code(expression, code)                                                      \
    do {                                                                                   \
        int code_ = (expression);                                                          \
        cr_assert_eq(code_, (code), "%s: %s, not %s", #expression, sley_error_name(code_), \
                     sley_error_name(code));                                               \
    } while (0)
#define assert_ok(expression) assert_code(expression, 0)

struct ends {
    struct sley_stream *out, *in; /* written to, read from */
};

static void open_pipe(struct ends *ends)
{
    int fds[2];

    cr_assert_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    assert_ok(sley__stream_open(fds[0], SLEY_STREAM_PIPE, &ends->in));
    assert_ok(sley__stream_open(fds[1], SLEY_STREAM_PIPE, &ends->out));
}

static void free_ends(struct ends *ends)
{
    sley_stream_free(ends->in);
    sley_stream_free(ends->out);
}

static int pour(void *arg)
{
    static char lots[1 << 20];
    struct ends *ends = arg;
    int error;

    for (size_t i = 0; i < sizeof(lots); i++)
        lots[i] = (char)(i % 251);
    error = sley_stream_write(ends->out, lots, sizeof(lots), NULL);
    return error ? error : sley_stream_shutdown(ends->out);
}

TASK_TEST(through_a_pipe)
{
    struct ends ends;
    struct sley_task *writer;
    char buffer[3000];
    size_t got = 0;
    int count, result;

    open_pipe(&ends);
    cr_assert_eq(sley_stream_kind(ends.in), SLEY_STREAM_PIPE);
    assert_ok(sley_spawn(pour, &ends, NULL, &writer));
    while ((count = sley_stream_read(ends.in, buffer, sizeof(buffer))) > 0)
        for (int i = 0; i < count; i++, got++)
            cr_assert_eq(buffer[i], (char)(got % 251));
    assert_code(count, SLEY_EOF);
    cr_assert_eq(got, 1 << 20);
    assert_ok(sley_join(writer, &result));
    assert_ok(result);
    free_ends(&ends);
    return 0;
}

/* The process has SIGPIPE as it comes: it would die. */
TASK_TEST(no_sigpipe)
{
    struct ends ends;
    size_t written = 7;

    open_pipe(&ends);
    sley_stream_close(ends.in);
    assert_code(sley_stream_write(ends.out, "x", 1, &written), SLEY_EPIPE);
    cr_assert_eq(written, 0);
    assert_code(sley_stream_write(ends.out, "x", 1, &written), SLEY_EPIPE);
    free_ends(&ends);
    return 0;
}

/* A pipe's end is let go of at the close, not at the free; its number stays taken. */
TASK_TEST(close_of_a_pipe)
{
    struct ends ends;
    char byte;

    open_pipe(&ends);
    cr_assert(sley_stream_descriptor(ends.out) >= 0);
    sley_stream_close(ends.out);
    sley_stream_close(ends.out);
    cr_assert_eq(sley_stream_descriptor(ends.out), -1);
    assert_code(sley_stream_read(ends.in, &byte, 1), SLEY_EOF);
    assert_code(sley_stream_write(ends.out, "x", 1, NULL), SLEY_ECLOSED);
    assert_code(sley_stream_shutdown(ends.out), SLEY_ECLOSED);
    assert_code(sley_stream_shutdown(ends.in), SLEY_EINVAL);
    free_ends(&ends);
    return 0;
}

static int read_byte(void *arg)
{
    char byte;

    return sley_stream_read(arg, &byte, 1);
}

TASK_TEST(wait_for_a_pipe)
{
    struct ends ends;
    struct sley_task *reader;
    int result;

    open_pipe(&ends);
    assert_ok(sley_spawn(read_byte, ends.in, NULL, &reader));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    sley_cancel(reader, "test");
    assert_ok(sley_join(reader, &result));
    assert_code(result, SLEY_ECANCELED);

    assert_ok(sley_spawn(read_byte, ends.in, NULL, &reader));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    sley_stream_close(ends.in);
    assert_ok(sley_join(reader, &result));
    assert_code(result, SLEY_ECLOSED);
    free_ends(&ends);
    return 0;
}

TASK_TEST(no_names_and_options)
{
    struct ends ends;
    char name[SLEY_STREAM_NAME_SIZE];

    open_pipe(&ends);
    assert_code(sley_stream_local(ends.in, name, sizeof(name)), SLEY_EINVAL);
    assert_code(sley_stream_nodelay(ends.in, true), SLEY_EINVAL);
    assert_code(sley_stream_keepalive(ends.in, NULL), SLEY_EINVAL);
    assert_code(sley_stream_reset_on_close(ends.in), SLEY_EINVAL);
    free_ends(&ends);
    return 0;
}

/* Pieces of all sizes, empty ones among them, more than go into one system call, and more than the
 * pipe holds. */
static int pour_parts(void *arg)
{
    static char bytes[200000];
    struct iovec parts[80];
    struct ends *ends = arg;
    size_t at = 0, written;
    int count = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 249);
    for (; count < 80; count++) {
        parts[count].iov_base = bytes + at;
        parts[count].iov_len = count % 7 == 0 ? 0 : (size_t)count * 61 % 2500;
        at += parts[count].iov_len;
    }
    assert_ok(sley_stream_writev(ends->out, parts, count, &written));
    cr_assert_eq(written, at);
    assert_ok(sley_stream_shutdown(ends->out));
    return (int)at;
}

static void gather(struct ends *ends)
{
    struct sley_task *writer;
    char buffer[700];
    int got = 0, count, result;

    assert_ok(sley_spawn(pour_parts, ends, NULL, &writer));
    while ((count = sley_stream_read(ends->in, buffer, sizeof(buffer))) > 0)
        for (int i = 0; i < count; i++, got++)
            cr_assert_eq(buffer[i], (char)(got % 249));
    assert_code(count, SLEY_EOF);
    assert_ok(sley_join(writer, &result));
    cr_assert_eq(result, got);
    cr_assert(got > 66000, "%d", got);
}

TASK_TEST(parts_through_a_pipe)
{
    struct ends ends;

    open_pipe(&ends);
    gather(&ends);
    free_ends(&ends);
    return 0;
}

TASK_TEST(parts_through_tcp)
{
    struct sley_listener *listener;
    struct ends ends;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &listener));
    assert_ok(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &ends.out));
    assert_ok(sley_listener_accept(listener, &ends.in));
    gather(&ends);
    free_ends(&ends);
    sley_listener_free(listener);
    return 0;
}

TASK_TEST(bad_parts)
{
    struct iovec parts[2] = {{NULL, SIZE_MAX}, {NULL, 2}};
    struct ends ends;
    size_t written = 7;

    open_pipe(&ends);
    assert_code(sley_stream_writev(ends.out, parts, -1, &written), SLEY_EINVAL);
    cr_assert_eq(written, 0);
    assert_code(sley_stream_writev(ends.out, parts, 2, NULL), SLEY_EINVAL);
    assert_ok(sley_stream_writev(ends.out, parts, 0, &written));
    free_ends(&ends);
    return 0;
}

/* What reads a line at a time: a short read there does not mean that there is no more. */
TASK_TEST(lines_of_a_terminal)
{
    struct sley_stream *terminal;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
    char line[100];

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    cr_assert(slave >= 0);
    assert_ok(sley__stream_open(slave, SLEY_STREAM_TERMINAL, &terminal));
    cr_assert_eq(write(master, "one\ntwo\nthree\n", 14), 14);
    cr_assert_eq(sley_stream_read(terminal, line, sizeof(line)), 4);
    cr_assert_eq(sley_stream_read(terminal, line, sizeof(line)), 4);
    cr_assert_eq(sley_stream_read(terminal, line, sizeof(line)), 6);
    cr_assert(memcmp(line, "three\n", 6) == 0);
    assert_ok(sley_stream_write(terminal, "x", 1, NULL));
    assert_code(sley_stream_shutdown(terminal), SLEY_EINVAL);
    sley_stream_free(terminal);
    close(master);
    return 0;
}

TASK_TEST(what_cannot_be_watched)
{
    struct sley_stream *stream = NULL;
    int before = dup(0), after;

    close(before);
    assert_code(sley__stream_open(open("/dev/null", O_RDONLY), SLEY_STREAM_PIPE, &stream),
                SLEY_EPERM);
    cr_assert_null(stream);
    after = dup(0);
    close(after);
    cr_assert(after <= before + 8, "a descriptor leaks");
    return 0;
}

/* --- system calls ----------------------------------------------------------------------------- */

static volatile sig_atomic_t raised;

static void on_pipe(int signal __attribute__((unused)))
{
    raised++;
}

/* Through the kernel's own flag where it has one, else with the signal blocked: it is never seen,
 * and what was pending before still is. */
Test(stream, quiet_writes)
{
    struct iovec part = {(char *)(uintptr_t) "x", 1};
    int fds[2];

    signal(SIGPIPE, on_pipe);
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(sley__sys_writev(fds[1], &part, 1, true), 1);
    cr_assert_eq(sley__sys_writev_blocked(fds[1], &part, 1), 1);
    close(fds[0]);
    cr_assert_eq(sley__sys_writev(fds[1], &part, 1, true), -EPIPE);
    cr_assert_eq(sley__sys_writev_blocked(fds[1], &part, 1), -EPIPE);
    cr_assert_eq(raised, 0);
    cr_assert_eq(sley__sys_writev(fds[1], &part, 1, false), -EPIPE);
    cr_assert_eq(raised, 1);
    close(fds[1]);
}

/* --- layers ----------------------------------------------------------------------------------- */

/* Reads the letters of the alphabet, takes three bytes at a time and then no more. */
struct letters {
    struct sley__layer layer;
    char next;
    char taken[100];
    size_t count, limit;
    int shutdowns, closes;
};

static struct letters *letters_of(struct sley_stream *stream)
{
    return (struct letters *)(void *)stream;
}

static int letters_read(struct sley_stream *stream, void *buffer, size_t size)
{
    struct letters *letters = letters_of(stream);

    cr_assert(size > 0);
    *(char *)buffer = letters->next++;
    return 1;
}

static int letters_write(struct sley_stream *stream, const void *data, size_t size, size_t *written)
{
    struct letters *letters = letters_of(stream);

    cr_assert(size > 0 && *written == 0);
    for (; *written < size; ++*written) {
        if (letters->count == letters->limit)
            return SLEY_ENOSPC;
        letters->taken[letters->count++] = ((const char *)data)[*written];
    }
    return 0;
}

static int letters_shutdown(struct sley_stream *stream)
{
    letters_of(stream)->shutdowns++;
    return 0;
}

static void letters_close(struct sley_stream *stream)
{
    letters_of(stream)->closes++;
}

static void letters_free(struct sley_stream *stream)
{
    free(letters_of(stream));
}

static const struct sley__layer_calls letters_calls = {
    letters_read, letters_write, letters_shutdown, letters_close, letters_free};

TASK_TEST(layer)
{
    struct letters *letters = calloc(1, sizeof(*letters));
    struct sley_stream *stream = &letters->layer.stream;
    struct iovec parts[] = {
        {(char *)(uintptr_t) "one", 3}, {NULL, 0}, {(char *)(uintptr_t) "two", 3}};
    char buffer[4], name[SLEY_STREAM_NAME_SIZE];
    size_t written;
    int64_t before;

    sley__layer_init(&letters->layer, SLEY_STREAM_TLS, &letters_calls, NULL);
    letters->next = 'a';
    letters->limit = 8;
    cr_assert_eq(sley_stream_kind(stream), SLEY_STREAM_TLS);
    cr_assert_eq(sley_stream_read(stream, buffer, sizeof(buffer)), 1);
    cr_assert_eq(sley_stream_read(stream, buffer + 1, 1), 1);
    cr_assert(memcmp(buffer, "ab", 2) == 0);
    cr_assert_eq(sley_stream_read(stream, buffer, 0), 0);
    assert_ok(sley_stream_writev(stream, parts, 3, &written));
    cr_assert_eq(written, 6);
    assert_code(sley_stream_write(stream, "four", 4, &written), SLEY_ENOSPC);
    cr_assert_eq(written, 2);
    cr_assert(memcmp(letters->taken, "onetwofo", 8) == 0);
    assert_ok(sley_stream_shutdown(stream));
    sley_stream_close(stream);
    cr_assert(letters->shutdowns == 1 && letters->closes == 1);
    assert_code(sley_stream_local(stream, name, sizeof(name)), SLEY_EINVAL);
    assert_code(sley_stream_nodelay(stream, true), SLEY_EINVAL);
    cr_assert_eq(sley_stream_descriptor(stream), -1);

    before = sley_deadline_narrow(sley_now() - 1);
    assert_code(sley_stream_read(stream, buffer, 1), SLEY_ETIMEDOUT);
    assert_code(sley_stream_write(stream, "x", 1, &written), SLEY_ETIMEDOUT);
    cr_assert_eq(written, 0);
    sley_deadline_restore(before);
    sley_stream_free(stream);
    return 0;
}
