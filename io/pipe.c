/*
 * pipe.c: pipes, and descriptors that came from elsewhere. The contract is in <sley/pipe.h>.
 *
 * The standard descriptors are shared with other processes: the shell, the neighbour in a pipeline.
 * Non-blocking is a property not of the number but of what was opened (the open file description),
 * so who makes them non-blocking does so for all of them, and many a program has left a shell with
 * a terminal that does not wait. So a terminal, a device and a FIFO are opened anew through
 * /proc/self/fd: the same thing, with flags of its own. Sockets cannot be opened that way and need
 * not be: they are told not to wait in every call. A regular file must not be: its position is
 * shared, and that is meant.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/pipe.h>

#include "io.h"
#include "stream_impl.h"

int sley_pipe(struct sley_stream **reader, struct sley_stream **writer)
{
    struct sley_stream *first, *second;
    int fds[2], error;

    if (!sley__wait_runtime())
        return SLEY_ENOTASK;
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    error = sley__stream_open(fds[0], SLEY_STREAM_PIPE, &first);
    if (error) {
        close(fds[1]);
        return error;
    }
    error = sley__stream_open(fds[1], SLEY_STREAM_PIPE, &second);
    if (error) {
        sley_stream_free(first);
        return error;
    }
    /* Ours is known not to be one of packets, of which a read takes one and leaves the others. */
    first->fd.traits |= SLEY__SHORT_IS_ALL;
    second->fd.traits |= SLEY__SHORT_IS_ALL;
    *reader = first;
    *writer = second;
    return 0;
}

/* --- adopting --------------------------------------------------------------------------------- */

static int number_of(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

/* The kind of a socket, or SLEY_EINVAL: it does not move a stream of bytes. */
static int kind_of_socket(int fd)
{
    if (number_of(fd, SO_TYPE) != SOCK_STREAM || number_of(fd, SO_ACCEPTCONN) != 0)
        return SLEY_EINVAL;
    switch (number_of(fd, SO_DOMAIN)) {
    case AF_UNIX:
        return SLEY_STREAM_UNIX;
    case AF_INET:
    case AF_INET6:
        if (number_of(fd, SO_PROTOCOL) == IPPROTO_TCP)
            return SLEY_STREAM_TCP;
        return SLEY_EINVAL;
    default:
        return SLEY_EINVAL;
    }
}

/* What kind of stream can be made of it, or an error. */
static int kind_of(int fd)
{
    struct stat file;

    if (fstat(fd, &file) < 0)
        return -errno;
    switch (file.st_mode & S_IFMT) {
    case S_IFSOCK:
        return kind_of_socket(fd);
    case S_IFIFO:
        return SLEY_STREAM_PIPE;
    case S_IFCHR:
        return SLEY_STREAM_TERMINAL;
    case S_IFREG:
    case S_IFBLK:
        return SLEY_STREAM_FILE;
    default:
        return SLEY_EINVAL;
    }
}

static int make_stream(int fd, enum sley_stream_kind kind, struct sley_stream **out)
{
    struct sley__io *io;
    int error = SLEY_EPERM;

    if (kind != SLEY_STREAM_FILE) {
        error = sley__io_get(&io);
        if (!error)
            error = sley__stream_add(&io->reactor, fd, kind, out);
    }
    if (!error)
        (*out)->fd.traits |= SLEY__COPIED;
    return error == SLEY_EPERM ? sley__file_stream_new(fd, out) : error; /* not to be watched */
}

int sley_stream_adopt(int descriptor, struct sley_stream **out)
{
    int kind = kind_of(descriptor), changed = 0, error;

    if (!sley__wait_runtime())
        return SLEY_ENOTASK;
    if (kind < 0)
        return kind;
    if (kind == SLEY_STREAM_PIPE || kind == SLEY_STREAM_TERMINAL)
        changed = sley__sys_nonblocking(descriptor, true);
    if (changed < 0)
        return changed;
    error = make_stream(descriptor, (enum sley_stream_kind)kind, out);
    if (!error)
        (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    if (changed && (error || sley_stream_kind(*out) == SLEY_STREAM_FILE))
        (void)sley__sys_nonblocking(descriptor, false);
    return error;
}

/* --- the standard ones ------------------------------------------------------------------------ */

/* The same thing, opened once more: its number, or an error. */
static int open_again(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL), fd;
    char path[32];

    if (flags < 0)
        return -errno;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    fd = open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int duplicate(int descriptor)
{
    int fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? -errno : fd;
}

static int open_standard(int descriptor, struct sley_stream **out)
{
    int kind = kind_of(descriptor), fd = -1, restore = 0, error;

    if (!sley__wait_runtime())
        return SLEY_ENOTASK;
    if (kind < 0)
        return kind;
    if (kind == SLEY_STREAM_PIPE || kind == SLEY_STREAM_TERMINAL)
        fd = open_again(descriptor);
    if (fd < 0) {
        fd = duplicate(descriptor);
        if (fd < 0)
            return fd;
        if (kind == SLEY_STREAM_PIPE || kind == SLEY_STREAM_TERMINAL)
            restore = sley__restore_join(fd, descriptor);
    }
    error = restore < 0 ? restore : make_stream(fd, (enum sley_stream_kind)kind, out);
    if (restore > 0 && !error && !sley__is_layer(*out))
        (*out)->fd.traits |= SLEY__RESTORE;
    else if (restore > 0)
        sley__restore_leave(fd);
    if (error)
        close(fd);
    return error;
}

int sley_stdin_open(struct sley_stream **out)
{
    return open_standard(STDIN_FILENO, out);
}

int sley_stdout_open(struct sley_stream **out)
{
    return open_standard(STDOUT_FILENO, out);
}

int sley_stderr_open(struct sley_stream **out)
{
    return open_standard(STDERR_FILENO, out);
}
