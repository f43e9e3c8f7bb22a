/* Pipes, adopted descriptors, and the standard ones. */
#define _GNU_SOURCE
#include "task_test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sley/sley.h>

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

static void expect_end(struct sley_stream *stream)
{
    char byte;

    assert_code(sley_stream_read(stream, &byte, 1), SLEY_EOF);
}

static int read_one(void *arg)
{
    char byte;

    return sley_stream_read(arg, &byte, 1);
}

TASK_TEST(pipe, both_ends)
{
    struct sley_stream *reader, *writer;

    assert_ok(sley_pipe(&reader, &writer));
    assert_ok(sley_stream_write(writer, "one", 3, NULL));
    assert_ok(sley_stream_write(writer, "two", 3, NULL));
    expect(reader, "onetwo");
    assert_ok(sley_stream_shutdown(writer));
    expect_end(reader);
    sley_stream_free(reader);
    sley_stream_free(writer);
    return 0;
}

struct transfer {
    struct sley_stream *from, *to;
    size_t size;
};

static int produce(void *arg)
{
    struct transfer *transfer = arg;
    char buffer[777];
    uint32_t random = 5;

    for (size_t done = 0; done < transfer->size;) {
        size_t count = 1 + (random = random * 1103515245 + 12345) / 65536 % sizeof(buffer);

        if (count > transfer->size - done)
            count = transfer->size - done;
        for (size_t i = 0; i < count; i++)
            buffer[i] = (char)((done + i) % 253);
        assert_ok(sley_stream_write(transfer->to, buffer, count, NULL));
        done += count;
    }
    return sley_stream_shutdown(transfer->to);
}

TASK_TEST(pipe, more_than_it_holds)
{
    struct transfer transfer = {.size = 1 << 20};
    struct sley_task *producer;
    char buffer[1000];
    size_t got = 0;
    int count;

    assert_ok(sley_pipe(&transfer.from, &transfer.to));
    producer = spawned(produce, &transfer);
    while ((count = sley_stream_read(transfer.from, buffer, sizeof(buffer))) > 0)
        for (int i = 0; i < count; i++, got++)
            cr_assert_eq(buffer[i], (char)(got % 253));
    assert_code(count, SLEY_EOF);
    cr_assert_eq(got, transfer.size);
    assert_ok(joined(producer));
    sley_stream_free(transfer.from);
    sley_stream_free(transfer.to);
    return 0;
}

/* --- adopting --------------------------------------------------------------------------------- */

static struct sley_stream *adopted(int fd, enum sley_stream_kind kind)
{
    struct sley_stream *stream = NULL;

    cr_assert(fd >= 0);
    assert_ok(sley_stream_adopt(fd, &stream));
    cr_assert_eq(sley_stream_kind(stream), kind);
    return stream;
}

static int file_with(const char *text)
{
    char path[] = "/tmp/sley-pipe-XXXXXX";
    int fd = mkstemp(path);

    cr_assert(fd >= 0 && unlink(path) == 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

TASK_TEST(pipe, adopt_a_file)
{
    int fd = file_with("hello world");
    struct sley_stream *file = adopted(fd, SLEY_STREAM_FILE);
    char name[SLEY_STREAM_NAME_SIZE];
    struct iovec parts[] = {{(char *)(uintptr_t) "a", 1}, {(char *)(uintptr_t) "bc", 2}};
    size_t written;

    cr_assert_eq(sley_stream_descriptor(file), fd);
    expect(file, "hello ");
    expect(file, "world");
    expect_end(file);
    assert_ok(sley_stream_writev(file, parts, 2, &written));
    cr_assert_eq(written, 3);
    expect_end(file);
    cr_assert_eq(lseek(fd, -4, SEEK_END), 10);
    expect(file, "dabc");
    assert_code(sley_stream_shutdown(file), SLEY_EINVAL);
    assert_code(sley_stream_local(file, name, sizeof(name)), SLEY_EINVAL);
    sley_stream_close(file);
    assert_code(sley_stream_read(file, name, 1), SLEY_ECLOSED);
    assert_code(sley_stream_write(file, name, 1, NULL), SLEY_ECLOSED);
    cr_assert_eq(sley_stream_descriptor(file), -1);
    sley_stream_free(file);
    cr_assert_eq(fcntl(fd, F_GETFD), -1);
    return 0;
}

TASK_TEST(pipe, full_disk)
{
    struct sley_stream *full = adopted(open("/dev/full", O_WRONLY), SLEY_STREAM_FILE);
    size_t written = 7;

    assert_code(sley_stream_write(full, "x", 1, &written), SLEY_ENOSPC);
    cr_assert_eq(written, 0);
    sley_stream_free(full);
    return 0;
}

TASK_TEST(pipe, wrong_direction)
{
    struct sley_stream *file = adopted(open("/dev/null", O_WRONLY), SLEY_STREAM_FILE);
    char byte;

    assert_code(sley_stream_read(file, &byte, 1), -EBADF);
    sley_stream_free(file);
    return 0;
}

TASK_TEST(pipe, adopt_sockets)
{
    struct sley_stream *stream, *unchanged = NULL;
    int fds[2], datagram, listening, set;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stream = adopted(fds[0], SLEY_STREAM_UNIX);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    expect(stream, "x");
    cr_assert_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0, "a socket is told in each call");
    cr_assert_eq(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    sley_stream_free(stream);
    close(fds[1]);

    datagram = socket(AF_INET, SOCK_DGRAM, 0);
    listening = socket(AF_UNIX, SOCK_STREAM, 0);
    set = epoll_create1(0);
    assert_code(sley_stream_adopt(datagram, &unchanged), SLEY_EINVAL);
    assert_code(sley_stream_adopt(set, &unchanged), SLEY_EINVAL);
    cr_assert(bind(listening, (struct sockaddr *)&(sa_family_t){AF_UNIX}, sizeof(sa_family_t)) ==
                  0 &&
              listen(listening, 1) == 0);
    assert_code(sley_stream_adopt(listening, &unchanged), SLEY_EINVAL);
    assert_code(sley_stream_adopt(open("/tmp", O_RDONLY), &unchanged), SLEY_EINVAL);
    assert_code(sley_stream_adopt(-1, &unchanged), -EBADF);
    cr_assert_null(unchanged);
    cr_assert_eq(close(datagram) + close(listening) + close(set), 0, "still the caller's");
    return 0;
}

/* --- the standard ones ------------------------------------------------------------------------ */

static void make_standard(int fd, int number)
{
    cr_assert_eq(dup2(fd, number), number);
    close(fd);
}

TASK_TEST(pipe, stdin_that_is_a_pipe)
{
    struct sley_stream *in;
    int fds[2];

    cr_assert_eq(pipe2(fds, 0), 0);
    make_standard(fds[0], STDIN_FILENO);
    assert_ok(sley_stdin_open(&in));
    cr_assert_eq(sley_stream_kind(in), SLEY_STREAM_PIPE);
    cr_assert_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0, "others share it");
    cr_assert_eq(write(fds[1], "abc", 3), 3);
    expect(in, "abc");
    close(fds[1]);
    expect_end(in);
    sley_stream_free(in);
    cr_assert(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    return 0;
}

TASK_TEST(pipe, stdin_that_is_a_file)
{
    struct sley_stream *in;
    char byte;

    make_standard(file_with("0123456789"), STDIN_FILENO);
    cr_assert_eq(read(STDIN_FILENO, &byte, 1), 1);
    assert_ok(sley_stdin_open(&in));
    expect(in, "1234");
    cr_assert_eq(read(STDIN_FILENO, &byte, 1), 1);
    cr_assert_eq(byte, '5', "the position is shared");
    sley_stream_free(in);
    return 0;
}

TASK_TEST(pipe, stdin_that_is_a_socket)
{
    struct sley_stream *in;
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    make_standard(fds[0], STDIN_FILENO);
    assert_ok(sley_stdin_open(&in));
    cr_assert_eq(write(fds[1], "abc", 3), 3);
    expect(in, "abc");
    cr_assert_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
    sley_stream_free(in);
    close(fds[1]);
    return 0;
}

/* Each stream has a descriptor of its own for what stays open, and the last one's number. */
TASK_TEST(pipe, stdin_again_and_again)
{
    struct sley_stream *in;
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    make_standard(fds[0], STDIN_FILENO);
    for (int i = 0; i < 3; i++) {
        assert_ok(sley_stdin_open(&in));
        cr_assert_eq(write(fds[1], "abc", 3), 3);
        expect(in, "abc");
        sley_stream_free(in);
    }
    close(fds[1]);
    return 0;
}

/* The same with copies that the caller has made, and with streams that were closed first. */
TASK_TEST(pipe, adopt_copies)
{
    int fds[2];

    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    for (int i = 0; i < 4; i++) {
        int copy = fcntl(fds[0], F_DUPFD_CLOEXEC, 100);
        struct sley_stream *stream = adopted(copy, SLEY_STREAM_PIPE);

        cr_assert_eq(copy, 100, "else it shows nothing");
        cr_assert_eq(write(fds[1], "abc", 3), 3);
        expect(stream, "abc");
        if (i % 2)
            sley_stream_close(stream);
        sley_stream_free(stream);
    }
    close(fds[0]);
    close(fds[1]);
    return 0;
}

TASK_TEST(pipe, stdin_that_is_a_terminal)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    struct sley_stream *in;

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    make_standard(open(ptsname(master), O_RDWR | O_NOCTTY), STDIN_FILENO);
    assert_ok(sley_stdin_open(&in));
    cr_assert_eq(sley_stream_kind(in), SLEY_STREAM_TERMINAL);
    cr_assert_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
    cr_assert_eq(write(master, "one\ntwo\n", 8), 8);
    expect(in, "one\n");
    expect(in, "two\n");
    sley_stream_free(in);
    close(master);
    return 0;
}

/* --- what cannot be opened again -------------------------------------------------------------- */

/* A terminal of another user's, as after su, opened twice: whoever has it may not open it. Not even
 * root may, without capabilities in this thread and those that it starts. Its master. */
static int make_terminal(int slaves[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    for (int i = 0; i < 2; i++) {
        slaves[i] = open(ptsname(master), O_RDWR | O_NOCTTY);
        cr_assert(slaves[i] >= 0);
    }
    cr_assert_eq(fchmod(slaves[0], 0), 0);
    cr_assert_eq(syscall(SYS_capset, &header, none), 0);
    cr_assert_eq(open(ptsname(master), O_RDWR | O_NOCTTY), -1);
    return master;
}

static bool waits(int number)
{
    return !(fcntl(number, F_GETFL) & O_NONBLOCK);
}

/* Input and output share one terminal, and it is put right when nobody needs it any more: neither
 * before, lest the other one's calls block their threads, nor by a close, lest those do that are on
 * their way. */
static int share_a_terminal(void *arg)
{
    int master = *(int *)arg;

    for (int i = 0; i < 4; i++) {
        struct sley_stream *first, *second;
        struct sley_task *reader;

        cr_assert(waits(STDIN_FILENO));
        assert_ok(i % 2 ? sley_stdin_open(&first) : sley_stdout_open(&first));
        assert_ok(sley_stdin_open(&second));
        cr_assert(!waits(STDIN_FILENO), "else it shows nothing");
        sley_stream_free(first);
        cr_assert(!waits(STDIN_FILENO), "the other one needs it");
        cr_assert_eq(write(master, "one\n", 4), 4);
        expect(second, "one\n");
        reader = spawned(read_one, second);
        if (i < 2) {
            sley_cancel(reader, "test");
            assert_code(joined(reader), SLEY_ECANCELED);
        }
        sley_stream_close(second);
        cr_assert(!waits(STDIN_FILENO), "a read may be on its way");
        if (i >= 2)
            assert_code(joined(reader), SLEY_ECLOSED);
        sley_stream_free(second);
    }
    cr_assert(waits(STDIN_FILENO));
    return 0;
}

Test(pipe, terminal_of_another_user)
{
    int slaves[2], master = make_terminal(slaves);

    cr_assert_eq(dup2(slaves[0], STDIN_FILENO), STDIN_FILENO);
    cr_assert_eq(dup2(slaves[0], STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(sley_run(share_a_terminal, &master, NULL), 0);
}

/* Input was opened by itself, output and errors share what was opened. */
static int open_all(UNUSED_ARG void *arg)
{
    struct sley_stream *in, *out, *err;

    assert_ok(sley_stdin_open(&in));
    assert_ok(sley_stdout_open(&out));
    assert_ok(sley_stderr_open(&err));
    cr_assert(!waits(STDIN_FILENO) && !waits(STDOUT_FILENO));
    sley_stream_free(out);
    sley_stream_free(in);
    sley_stream_free(err);
    cr_assert(waits(STDIN_FILENO));
    cr_assert(waits(STDOUT_FILENO));
    return 0;
}

Test(pipe, terminal_that_was_opened_twice)
{
    int slaves[2], master = make_terminal(slaves);

    cr_assert_eq(dup2(slaves[0], STDIN_FILENO), STDIN_FILENO);
    cr_assert_eq(dup2(slaves[1], STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(dup2(slaves[1], STDERR_FILENO), STDERR_FILENO);
    cr_assert_eq(sley_run(open_all, NULL, NULL), 0);
    close(master);
}

TASK_TEST(pipe, stdout_and_stderr)
{
    struct sley_stream *out, *err;
    int file = file_with(""), fds[2];
    char buffer[8];

    cr_assert_eq(pipe2(fds, 0), 0);
    cr_assert_eq(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    assert_ok(sley_stdout_open(&out));
    assert_ok(sley_stream_write(out, "abc", 3, NULL));
    cr_assert_eq(pread(file, buffer, sizeof(buffer), 0), 3);
    sley_stream_free(out);

    make_standard(fds[1], STDERR_FILENO);
    assert_ok(sley_stderr_open(&err));
    assert_ok(sley_stream_write(err, "abc", 3, NULL));
    cr_assert_eq(read(fds[0], buffer, sizeof(buffer)), 3);
    close(fds[0]);
    assert_code(sley_stream_write(err, "abc", 3, NULL), SLEY_EPIPE);
    sley_stream_free(err);
    return 0;
}

TASK_TEST(pipe, stdin_that_is_closed)
{
    struct sley_stream *in = NULL;

    close(STDIN_FILENO);
    assert_code(sley_stdin_open(&in), -EBADF);
    cr_assert_null(in);
    return 0;
}

/* Cancelled, late, closed: while it waits, and while its byte comes. */
TASK_TEST(pipe, ends_of_a_wait)
{
    struct sley_stream *reader, *writer;
    int64_t before;
    int taken = 0;
    char byte;

    assert_ok(sley_pipe(&reader, &writer));
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(5)));
    assert_code(sley_stream_read(reader, &byte, 1), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    for (int i = 0; i < 200; i++) {
        struct sley_task *task = spawned(read_one, reader);
        int result;

        for (int n = i % 3; n > 0; n--)
            assert_ok(sley_yield());
        assert_ok(sley_stream_write(writer, "x", 1, NULL));
        sley_cancel(task, "test");
        result = joined(task);
        cr_assert(result == 1 || result == SLEY_ECANCELED, "%s", sley_error_name(result));
        taken += result == 1;
    }
    for (; taken < 200; taken++)
        cr_assert_eq(sley_stream_read(reader, &byte, 1), 1);
    sley_stream_free(reader);
    sley_stream_free(writer);
    return 0;
}
