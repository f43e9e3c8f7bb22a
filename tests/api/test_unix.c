/* Unix sockets: files and abstract names, stale files, permissions, names of the ends. */
#define _GNU_SOURCE
#include "task_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sley/sley.h>

static char directory[64];

/* A path in a directory that is new, and removed by the last line of each test. */
static const char *in_directory(const char *name)
{
    static char path[108];

    if (!directory[0]) {
        strcpy(directory, "/tmp/sley-unix-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
    }
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void remove_directory(void)
{
    cr_assert_eq(rmdir(directory), 0, "something is left in %s", directory);
}

static void converse(struct sley_listener *listener, const char *address)
{
    struct sley_stream *client, *server;
    char buffer[8];
    int error;

    assert_ok(sley_unix_connect(address, &client));
    assert_ok(sley_listener_accept(listener, &server));
    cr_assert_eq(sley_stream_kind(server), SLEY_STREAM_UNIX);
    assert_ok(sley_stream_write(client, "ping", 4, NULL));
    cr_assert_eq(sley_stream_read(server, buffer, sizeof(buffer)), 4);
    assert_ok(sley_stream_shutdown(client));
    assert_code(sley_stream_read(server, buffer, sizeof(buffer)), SLEY_EOF);
    assert_ok(sley_stream_write(server, "pong", 4, NULL));
    cr_assert_eq(sley_stream_read(client, buffer, sizeof(buffer)), 4);
    cr_assert(memcmp(buffer, "pong", 4) == 0);
    sley_stream_free(client);
    while ((error = sley_stream_write(server, "x", 1, NULL)) == 0) /* reactor.c: an instant later */
        assert_ok(sley_yield());
    assert_code(error, SLEY_EPIPE);
    sley_stream_free(server);
}

TASK_TEST(unix_sockets, file)
{
    const char *path = in_directory("a.sock");
    struct sley_listener *listener;
    struct sley_stream *client, *server;
    char name[SLEY_STREAM_NAME_SIZE];
    struct sley_unix_peer peer;
    struct stat file;

    assert_ok(sley_unix_listen(path, NULL, &listener));
    cr_assert_eq(sley_listener_port(listener), SLEY_EINVAL);
    assert_ok(sley_listener_name(listener, name, sizeof(name)));
    cr_assert_str_eq(name, path);
    converse(listener, path);

    assert_ok(sley_unix_connect(path, &client));
    assert_ok(sley_listener_accept(listener, &server));
    assert_ok(sley_stream_peer(client, name, sizeof(name)));
    cr_assert_str_eq(name, path);
    assert_ok(sley_stream_local(client, name, sizeof(name)));
    cr_assert_str_eq(name, "");
    assert_code(sley_stream_peer(client, name, 4), SLEY_EMSGSIZE);
    assert_ok(sley_unix_peer(server, &peer));
    cr_assert(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
    assert_code(sley_stream_nodelay(client, true), SLEY_EINVAL);
    sley_stream_free(client);
    sley_stream_free(server);
    sley_listener_free(listener);
    cr_assert_eq(stat(path, &file), -1);
    remove_directory();
    return 0;
}

TASK_TEST(unix_sockets, abstract)
{
    struct sley_listener *listener, *second = NULL;
    char address[64], name[SLEY_STREAM_NAME_SIZE];

    snprintf(address, sizeof(address), "@sley-test-%d", getpid());
    assert_code(sley_unix_connect(address, &(struct sley_stream *){NULL}), SLEY_ECONNREFUSED);
    assert_ok(sley_unix_listen(address, NULL, &listener));
    assert_ok(sley_listener_name(listener, name, sizeof(name)));
    cr_assert_str_eq(name, address);
    assert_code(sley_unix_listen(address, NULL, &second), SLEY_EADDRINUSE);
    converse(listener, address);
    sley_listener_free(listener);
    assert_ok(sley_unix_listen(address, NULL, &listener));
    sley_listener_free(listener);
    return 0;
}

/* A file whose server is gone, as after a crash. */
static void leave_a_file(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    close(fd);
}

TASK_TEST(unix_sockets, stale_file)
{
    const char *path = in_directory("a.sock");
    struct sley_listener *listener, *second = NULL;

    leave_a_file(path);
    assert_code(sley_unix_connect(path, &(struct sley_stream *){NULL}), SLEY_ECONNREFUSED);
    assert_ok(sley_unix_listen(path, NULL, &listener));
    converse(listener, path);
    assert_code(sley_unix_listen(path, NULL, &second), SLEY_EADDRINUSE);
    cr_assert_null(second);
    converse(listener, path);
    sley_listener_free(listener);
    remove_directory();
    return 0;
}

TASK_TEST(unix_sockets, other_files_are_left_alone)
{
    const char *path = in_directory("precious");
    struct sley_listener *listener = NULL;
    struct stat file;

    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_code(sley_unix_listen(path, NULL, &listener), SLEY_EADDRINUSE);
    cr_assert(stat(path, &file) == 0 && S_ISREG(file.st_mode));
    unlink(path);

    /* The listener's file was replaced by somebody else's: that one stays. */
    assert_ok(sley_unix_listen(path, NULL, &listener));
    unlink(path);
    leave_a_file(path);
    sley_listener_free(listener);
    cr_assert(stat(path, &file) == 0 && S_ISSOCK(file.st_mode));
    unlink(path);
    remove_directory();
    return 0;
}

struct contender {
    const char *path;
    struct sley_listener *listener;
};

static int contend(void *arg)
{
    struct contender *contender = arg;

    return sley_unix_listen(contender->path, NULL, &contender->listener);
}

/* All find the stale file at once; one gets it, and keeps it. */
TASK_TEST(unix_sockets, contest_for_a_stale_file)
{
    enum { CONTENDERS = 8 };
    const char *path = in_directory("a.sock");

    for (int round = 0; round < 10; round++) {
        struct contender contenders[CONTENDERS];
        struct sley_task *tasks[CONTENDERS];
        int winner = -1;

        leave_a_file(path);
        for (int i = 0; i < CONTENDERS; i++) {
            contenders[i] = (struct contender){path, NULL};
            tasks[i] = spawned(contend, &contenders[i]);
        }
        for (int i = 0; i < CONTENDERS; i++) {
            int result = joined(tasks[i]);

            cr_assert(result == 0 || result == SLEY_EADDRINUSE, "%s", sley_error_name(result));
            cr_assert(result != 0 || winner < 0, "two have got it");
            winner = result == 0 ? i : winner;
        }
        cr_assert(winner >= 0, "nobody has got it");
        converse(contenders[winner].listener, path);
        sley_listener_free(contenders[winner].listener);
    }
    remove_directory();
    return 0;
}

/* Somebody keeps the lock of the directory: we wait, as long as we may. */
TASK_TEST(unix_sockets, directory_is_locked)
{
    const char *path = in_directory("a.sock");
    struct sley_listener *listener = NULL;
    int fd = open(directory, O_RDONLY | O_CLOEXEC);
    int64_t before;

    cr_assert_eq(flock(fd, LOCK_EX), 0);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(30)));
    assert_code(sley_unix_listen(path, NULL, &listener), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    close(fd);
    assert_ok(sley_unix_listen(path, NULL, &listener));
    sley_listener_free(listener);
    remove_directory();
    return 0;
}

TASK_TEST(unix_sockets, permissions)
{
    const char *path = in_directory("a.sock");
    struct sley_unix_listen_options options = {.mode = 0620}, wrong = {.mode = 010777};
    struct sley_listener *listener;
    struct stat file;

    umask(077);
    assert_ok(sley_unix_listen(path, &options, &listener));
    cr_assert_eq(stat(path, &file), 0);
    cr_assert_eq(file.st_mode & 07777, 0620, "%o", file.st_mode);
    sley_listener_free(listener);
    assert_code(sley_unix_listen(path, &wrong, &listener), SLEY_EINVAL);
    umask(0);
    options.mode = 0600;
    assert_ok(sley_unix_listen(path, &options, &listener));
    cr_assert_eq(stat(path, &file), 0);
    cr_assert_eq(file.st_mode & 07777, 0600, "%o", file.st_mode);
    sley_listener_free(listener);
    remove_directory();
    return 0;
}

TASK_TEST(unix_sockets, bad_addresses)
{
    struct sley_listener *listener = NULL;
    struct sley_stream *stream = NULL;
    char longest[109];

    memset(longest, 'a', sizeof(longest));
    longest[0] = '@';
    longest[108] = '\0';
    assert_code(sley_unix_listen(longest, NULL, &listener), SLEY_EINVAL);
    assert_code(sley_unix_connect(longest, &stream), SLEY_EINVAL);
    assert_code(sley_unix_listen("", NULL, &listener), SLEY_EINVAL);
    assert_code(sley_unix_listen(NULL, NULL, &listener), SLEY_EINVAL);
    assert_code(sley_unix_connect("/nowhere/at/all", &stream), SLEY_ENOENT);
    assert_code(sley_unix_listen("/nowhere/at/all", NULL, &listener), SLEY_ENOENT);
    longest[107] = '\0';
    assert_ok(sley_unix_listen(longest, NULL, &listener));
    converse(listener, longest);
    sley_listener_free(listener);
    return 0;
}

/* The queue is full: the connect waits, with the task's deadline. */
TASK_TEST(unix_sockets, full_queue)
{
    struct sley_unix_listen_options options = {.backlog = 1};
    struct sley_listener *listener;
    struct sley_stream *streams[8];
    char address[64];
    int count = 1, error;
    int64_t before;

    snprintf(address, sizeof(address), "@sley-full-%d", getpid());
    assert_ok(sley_unix_listen(address, &options, &listener));
    assert_ok(sley_unix_connect(address, &streams[0]));
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(50)));
    while (count < 8 && (error = sley_unix_connect(address, &streams[count])) == 0)
        count++;
    assert_code(error, SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    while (count > 0)
        sley_stream_free(streams[--count]);
    sley_listener_free(listener);
    return 0;
}

/* Descriptors sent along end a read early; what is behind them is still read. */
TASK_TEST(unix_sockets, reads_end_at_descriptors)
{
    struct sley_stream *pair[2];
    struct iovec part = {(char *)(uintptr_t) "bb", 2};
    char control[CMSG_SPACE(sizeof(int))] = {0}, buffer[16];
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int zero = 0;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &zero, sizeof(zero));
    assert_ok(sley_unix_pair(pair));
    assert_ok(sley_stream_write(pair[0], "aa", 2, NULL));
    cr_assert_eq(sendmsg(sley_stream_descriptor(pair[0]), &message, 0), 2);
    assert_ok(sley_stream_write(pair[0], "cc", 2, NULL));
    for (int got = 0; got < 6;) {
        int count = sley_stream_read(pair[1], buffer, sizeof(buffer));

        cr_assert(count > 0, "%s", sley_error_name(count));
        got += count;
    }
    sley_stream_free(pair[0]);
    sley_stream_free(pair[1]);
    return 0;
}
