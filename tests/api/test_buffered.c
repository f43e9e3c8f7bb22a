/* Readers and writers: pieces of all sizes at all borders of the buffer. */
#define _GNU_SOURCE
#include "task_test.h"

#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

/* A pair of streams with a reader at one end. */
struct rig {
    struct sley_stream *ends[2];
    struct sley_reader *reader;
};

static void open_rig(struct rig *rig, size_t limit, size_t buffer)
{
    struct sley_reader_options options = {limit, buffer};

    assert_ok(sley_unix_pair(rig->ends));
    assert_ok(sley_reader_new(rig->ends[1], &options, &rig->reader));
}

static void close_rig(struct rig *rig)
{
    sley_reader_free(rig->reader);
    sley_stream_free(rig->ends[0]);
    sley_stream_free(rig->ends[1]);
}

static void send_bytes(struct rig *rig, const char *bytes, size_t size)
{
    assert_ok(sley_stream_write(rig->ends[0], bytes, size, NULL));
}

static void send_text(struct rig *rig, const char *text)
{
    send_bytes(rig, text, strlen(text));
}

static void send_end(struct rig *rig)
{
    assert_ok(sley_stream_shutdown(rig->ends[0]));
}

static void expect_line(struct rig *rig, const char *text, size_t size, int status)
{
    char *line;
    size_t length;

    assert_code(sley_reader_line(rig->reader, &line, &length), status);
    cr_assert_eq(length, size, "'%.*s'", (int)length, line);
    cr_assert(memcmp(line, text, size) == 0, "'%.*s'", (int)length, line);
    cr_assert_eq(line[length], '\0');
}

static void refuse_line(struct rig *rig, int error)
{
    char *line;
    size_t length;

    assert_code(sley_reader_line(rig->reader, &line, &length), error);
}

TASK_TEST(buffered, lines)
{
    struct rig rig;

    open_rig(&rig, 0, 0);
    send_bytes(&rig, "one\ntwo\r\n\n\r\nnul\0inside\n\rback\r\rthe rest", 38);
    send_end(&rig);
    expect_line(&rig, "one", 3, 0);
    expect_line(&rig, "two", 3, 0);
    expect_line(&rig, "", 0, 0);
    expect_line(&rig, "", 0, 0);
    expect_line(&rig, "nul\0inside", 10, 0);
    expect_line(&rig, "\rback\r\rthe rest", 15, 1);
    refuse_line(&rig, SLEY_EOF);
    refuse_line(&rig, SLEY_EOF);
    close_rig(&rig);
    return 0;
}

TASK_TEST(buffered, empty_stream)
{
    struct rig rig;
    const void *data;
    size_t size;
    char byte;

    open_rig(&rig, 0, 0);
    send_end(&rig);
    refuse_line(&rig, SLEY_EOF);
    assert_code(sley_reader_read(rig.reader, &byte, 1), SLEY_EOF);
    assert_code(sley_reader_peek(rig.reader, 1, &data, &size), SLEY_EOF);
    cr_assert_eq(size, 0);
    assert_code(sley_reader_skip(rig.reader, 1), SLEY_EOF);
    assert_ok(sley_reader_skip(rig.reader, 0));
    assert_ok(sley_reader_exactly(rig.reader, &byte, 0, &size));
    close_rig(&rig);
    return 0;
}

/* Lines of every length around the limit, with both ends, through buffers of every size. */
TASK_TEST(buffered, limit_is_exact)
{
    enum { LIMIT = 10 };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char *const ends[] = {"\n", "\r\n"};

    for (size_t buffer = 1; buffer <= 16; buffer += 3)
        for (size_t length = 0; length <= LIMIT + 3; length++)
            for (int end = 0; end < 2; end++) {
                struct rig rig;

                open_rig(&rig, LIMIT, buffer);
                send_text(&rig, "x\n");
                send_bytes(&rig, letters, length);
                send_text(&rig, ends[end]);
                send_text(&rig, "y\n");
                expect_line(&rig, "x", 1, 0);
                if (length <= LIMIT) {
                    expect_line(&rig, letters, length, 0);
                    expect_line(&rig, "y", 1, 0);
                } else {
                    refuse_line(&rig, SLEY_ETOOLONG);
                    refuse_line(&rig, SLEY_ETOOLONG);
                    assert_ok(sley_reader_skip(rig.reader, length + strlen(ends[end])));
                    expect_line(&rig, "y", 1, 0);
                }
                close_rig(&rig);
            }
    return 0;
}

/* A peer that never sends the end of its line costs the limit and no more. */
TASK_TEST(buffered, line_without_end)
{
    static char lots[100000];
    struct rig rig;

    open_rig(&rig, 5000, 0);
    memset(lots, 'a', sizeof(lots));
    send_bytes(&rig, lots, sizeof(lots));
    refuse_line(&rig, SLEY_ETOOLONG);
    cr_assert(sley_reader_buffered(rig.reader) <= 5002, "%zu", sley_reader_buffered(rig.reader));
    send_end(&rig);
    refuse_line(&rig, SLEY_ETOOLONG);
    assert_ok(sley_reader_skip(rig.reader, sizeof(lots) - 5000));
    expect_line(&rig, lots, 5000, 1);
    close_rig(&rig);
    return 0;
}

static void expect_until(struct rig *rig, const char *delimiter, const char *text)
{
    void *data;
    size_t size;

    assert_ok(sley_reader_until(rig->reader, delimiter, strlen(delimiter), &data, &size));
    cr_assert_eq(size, strlen(text), "'%.*s'", (int)size, (char *)data);
    cr_assert(memcmp(data, text, size) == 0, "'%.*s'", (int)size, (char *)data);
}

TASK_TEST(buffered, until)
{
    struct rig rig;
    void *data;
    size_t size;

    for (size_t buffer = 1; buffer < 12; buffer++) {
        open_rig(&rig, 8, buffer);
        send_text(&rig, "a--b-----c-- \r\n\r\r\n\r\nbody12345678--123456789--");
        expect_until(&rig, "--", "a");
        expect_until(&rig, "--", "b");
        expect_until(&rig, "--", "");
        expect_until(&rig, "--", "-c");
        expect_until(&rig, "\r\n\r\n", " \r\n\r");
        assert_ok(sley_reader_skip(rig.reader, 4));
        expect_until(&rig, "--", "12345678");
        assert_code(sley_reader_until(rig.reader, "--", 2, &data, &size), SLEY_ETOOLONG);
        expect_until(&rig, "6", "12345");
        expect_until(&rig, "9", "78");
        send_text(&rig, "rest");
        send_end(&rig);
        expect_until(&rig, "--", "");
        assert_code(sley_reader_until(rig.reader, "--", 2, &data, &size), SLEY_EOF);
        cr_assert_eq(sley_reader_buffered(rig.reader), 4);
        assert_code(sley_reader_until(rig.reader, "", 0, &data, &size), SLEY_EINVAL);
        assert_code(sley_reader_until(rig.reader, "x", 5000, &data, &size), SLEY_EINVAL);
        close_rig(&rig);
    }
    return 0;
}

TASK_TEST(buffered, exactly_and_read)
{
    struct rig rig;
    char buffer[64];
    size_t done;

    open_rig(&rig, 0, 4);
    send_text(&rig, "line\n0123456789abcdef");
    expect_line(&rig, "line", 4, 0);
    assert_ok(sley_reader_exactly(rig.reader, buffer, 10, &done));
    cr_assert(done == 10 && memcmp(buffer, "0123456789", 10) == 0);
    cr_assert_eq(sley_reader_read(rig.reader, buffer, 1), 1);
    cr_assert_eq(buffer[0], 'a');
    send_end(&rig);
    assert_code(sley_reader_exactly(rig.reader, buffer, 10, &done), SLEY_EOF);
    cr_assert(done == 5 && memcmp(buffer, "bcdef", 5) == 0);
    assert_code(sley_reader_read(rig.reader, buffer, 10), SLEY_EOF);
    cr_assert_eq(sley_reader_read(rig.reader, buffer, 0), 0);
    close_rig(&rig);
    return 0;
}

TASK_TEST(buffered, peek)
{
    struct rig rig;
    const void *data;
    size_t size;

    open_rig(&rig, 100, 3);
    send_text(&rig, "hello world");
    assert_ok(sley_reader_peek(rig.reader, 0, &data, &size));
    assert_ok(sley_reader_peek(rig.reader, 5, &data, &size));
    cr_assert(size >= 5 && memcmp(data, "hello", 5) == 0);
    assert_ok(sley_reader_skip(rig.reader, 6));
    assert_ok(sley_reader_peek(rig.reader, 5, &data, &size));
    cr_assert(size == 5 && memcmp(data, "world", 5) == 0);
    assert_code(sley_reader_peek(rig.reader, 101, &data, &size), SLEY_ETOOLONG);
    send_end(&rig);
    assert_code(sley_reader_peek(rig.reader, 6, &data, &size), SLEY_EOF);
    cr_assert(size == 5 && memcmp(data, "world", 5) == 0);
    close_rig(&rig);
    return 0;
}

/* A call that was ended by its deadline has lost nothing. */
TASK_TEST(buffered, goes_on_after_a_deadline)
{
    struct rig rig;
    char *line, buffer[8];
    size_t size;
    int64_t before;

    open_rig(&rig, 0, 2);
    send_text(&rig, "half");
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(10)));
    assert_code(sley_reader_line(rig.reader, &line, &size), SLEY_ETIMEDOUT);
    assert_code(sley_reader_exactly(rig.reader, buffer, 8, &size), SLEY_ETIMEDOUT);
    cr_assert_eq(size, 0, "late before it began");
    sley_deadline_restore(before);
    send_text(&rig, " a line\n");
    expect_line(&rig, "half a line", 11, 0);
    close_rig(&rig);
    return 0;
}

static int send_slowly(void *arg)
{
    struct rig *rig = arg;
    static const char text[] = "first\r\nsecond\nthird\r\n\nlast";

    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        assert_ok(sley_stream_write(rig->ends[0], text + i, 1, NULL));
        assert_ok(sley_yield());
    }
    return sley_stream_shutdown(rig->ends[0]);
}

TASK_TEST(buffered, foreach_line)
{
    static const char *const expected[] = {"first", "second", "third", "", "last"};
    struct rig rig;
    struct sley_task *sender;
    int count = 0, status;

    open_rig(&rig, 0, 0);
    sender = spawned(send_slowly, &rig);
    SLEY_FOREACH_STATUS (struct sley_line, line, rig.reader, status) {
        cr_assert_str_eq(line.text, expected[count]);
        cr_assert_eq(line.size, strlen(expected[count]));
        count++;
    }
    assert_ok(status);
    cr_assert_eq(count, 5);
    assert_ok(joined(sender));
    close_rig(&rig);
    return 0;
}

TASK_TEST(buffered, foreach_ends_with_the_error)
{
    struct rig rig;
    int count = 0, status;

    open_rig(&rig, 3, 0);
    send_text(&rig, "abc\nabcd\nabc\n");
    SLEY_FOREACH_STATUS (struct sley_line, line, rig.reader, status)
        count++;
    assert_code(status, SLEY_ETOOLONG);
    cr_assert_eq(count, 1);
    close_rig(&rig);
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

struct sink {
    struct sley_stream *ends[2];
    struct sley_writer *writer;
};

static void open_sink(struct sink *sink, size_t buffer, size_t mark)
{
    struct sley_writer_options options = {buffer, mark};

    assert_ok(sley_unix_pair(sink->ends));
    assert_ok(sley_writer_new(sink->ends[0], &options, &sink->writer));
}

static void close_sink(struct sink *sink)
{
    sley_writer_free(sink->writer);
    sley_stream_free(sink->ends[0]);
    sley_stream_free(sink->ends[1]);
}

/* What has come out of it so far is `text` and nothing else. */
static void came_out(struct sink *sink, const char *text)
{
    char buffer[4096];
    size_t got = 0, size = strlen(text);
    int64_t before;

    while (got < size) {
        int count = sley_stream_read(sink->ends[1], buffer + got, size - got);

        cr_assert(count > 0, "%s", sley_error_name(count));
        got += (size_t)count;
    }
    cr_assert(memcmp(buffer, text, size) == 0, "%.*s", (int)size, buffer);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(sley_stream_read(sink->ends[1], buffer, 1), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
}

TASK_TEST(buffered, writes_are_held_back)
{
    struct sink sink;
    size_t taken;

    open_sink(&sink, 10, 6);
    assert_ok(sley_writer_write(sink.writer, "abc", 3, &taken));
    cr_assert_eq(taken, 3);
    assert_ok(sley_writer_drain(sink.writer));
    cr_assert_eq(sley_writer_waiting(sink.writer), 3);
    came_out(&sink, "");
    assert_ok(sley_writer_write(sink.writer, "def", 3, NULL));
    assert_ok(sley_writer_drain(sink.writer));
    came_out(&sink, "abcdef");
    assert_ok(sley_writer_write(sink.writer, "0123456789", 10, NULL));
    came_out(&sink, "");
    assert_ok(sley_writer_write(sink.writer, "x", 1, &taken));
    cr_assert_eq(taken, 1);
    came_out(&sink, "0123456789x");
    assert_ok(sley_writer_write(sink.writer, "ghi", 3, NULL));
    assert_ok(sley_writer_flush(sink.writer));
    came_out(&sink, "ghi");
    assert_ok(sley_writer_flush(sink.writer));
    assert_ok(sley_writer_write(sink.writer, "longer than the buffer", 22, NULL));
    came_out(&sink, "longer than the buffer");
    close_sink(&sink);
    return 0;
}

TASK_TEST(buffered, printf)
{
    struct sink sink;

    open_sink(&sink, 10, 0);
    assert_ok(sley_writer_printf(sink.writer, "%s", ""));
    assert_ok(sley_writer_printf(sink.writer, "%d-%s", 12, "ab"));
    assert_ok(sley_writer_printf(sink.writer, "%s", "12345"));
    cr_assert(sley_writer_waiting(sink.writer) > 0);
    assert_ok(sley_writer_printf(sink.writer, "%s", "a text that is larger than the buffer"));
    cr_assert_eq(sley_writer_waiting(sink.writer), 37);
    came_out(&sink, "12-ab12345");
    assert_ok(sley_writer_printf(sink.writer, "%c", '!'));
    assert_ok(sley_writer_write(sink.writer, "?", 1, NULL));
    assert_ok(sley_writer_flush(sink.writer));
    came_out(&sink, "a text that is larger than the buffer!?");
    close_sink(&sink);
    return 0;
}

static int read_all(void *arg)
{
    struct sink *sink = arg;
    char buffer[3000];
    int count, got = 0;

    while ((count = sley_stream_read(sink->ends[1], buffer, sizeof(buffer))) > 0)
        for (int i = 0; i < count; i++, got++)
            cr_assert_eq(buffer[i], (char)(got % 241));
    assert_code(count, SLEY_EOF);
    return got;
}

/* A peer that does not read, deadlines in between: each byte goes out once. */
TASK_TEST(buffered, goes_on_after_a_partial_write)
{
    enum { TOTAL = 1 << 20, PIECE = 1000 };
    static char piece[PIECE];
    struct sink sink;
    struct sley_task *reader = NULL;
    size_t done = 0;
    int late = 0;

    open_sink(&sink, 3000, 0);
    while (done < TOTAL) {
        int64_t before =
            sley_deadline_narrow(reader ? SLEY_FOREVER : sley_after(SLEY_MILLISECONDS(5)));
        size_t taken, size = TOTAL - done < PIECE ? TOTAL - done : PIECE;
        int error;

        for (size_t i = 0; i < size; i++)
            piece[i] = (char)((done + i) % 241);
        error = sley_writer_write(sink.writer, piece, size, &taken);
        sley_deadline_restore(before);
        done += taken;
        cr_assert(error == 0 || error == SLEY_ETIMEDOUT, "%s", sley_error_name(error));
        if (error && ++late == 3)
            reader = spawned(read_all, &sink);
    }
    assert_ok(sley_writer_flush(sink.writer));
    assert_ok(sley_stream_shutdown(sink.ends[0]));
    cr_assert_eq(late, 3);
    cr_assert_eq(joined(reader), TOTAL);
    close_sink(&sink);
    return 0;
}

TASK_TEST(buffered, peer_is_gone)
{
    struct sink sink;
    char byte;

    open_sink(&sink, 0, 0);
    assert_ok(sley_writer_write(sink.writer, "abc", 3, NULL));
    sley_stream_free(sink.ends[1]);
    sink.ends[1] = NULL;
    assert_code(sley_stream_read(sink.ends[0], &byte, 1), SLEY_EOF); /* now it is gone */
    assert_code(sley_writer_flush(sink.writer), SLEY_EPIPE);
    cr_assert_eq(sley_writer_waiting(sink.writer), 3);
    close_sink(&sink);
    return 0;
}

Test(buffered, wrong_options)
{
    struct sley_reader_options reader = {.limit = SIZE_MAX};
    struct sley_writer_options writer = {.buffer = 10, .mark = 11};
    struct sley_reader *r = NULL;
    struct sley_writer *w = NULL;

    assert_code(sley_reader_new(NULL, &reader, &r), SLEY_EINVAL);
    assert_code(sley_writer_new(NULL, &writer, &w), SLEY_EINVAL);
    cr_assert(!r && !w);
    sley_reader_free(NULL);
    sley_writer_free(NULL);
}
