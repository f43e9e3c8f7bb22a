/*
 * socket.c: the system calls on sockets and pipes, each in a function that is never inlined and
 * returns -errno.
 *
 * Why not call them where they are needed: errno is a thread-local, a compiler may compute its
 * address once per function, and after a wait the task may be on another kernel thread, where that
 * address is a stranger's. A function in another file that does not wait cannot get this wrong.
 *
 * Sockets are told not to wait in each call: one that was handed to us may be shared with another
 * process that wants it to block, and the flag costs nothing.
 *
 * A library must not have its process killed by SIGPIPE, nor change what the process does with it.
 * send(2) has a flag for that. For pipes there is one since Linux 6.18 (RWF_NOSIGNAL); older
 * kernels get the old trick: the signal is blocked in this thread, and if the write has raised it,
 * it is taken back before it is let through again.
 */
#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* as in linux/fs.h of Linux 6.18 */
#endif

int sley__sys_recv(int fd, void *buffer, size_t size)
{
    ssize_t count = recv(fd, buffer, size < INT_MAX ? size : INT_MAX, MSG_DONTWAIT);

    return count < 0 ? -errno : (int)count;
}

int sley__sys_send(int fd, const void *data, size_t size)
{
    ssize_t count = send(fd, data, size < INT_MAX ? size : INT_MAX, MSG_NOSIGNAL | MSG_DONTWAIT);

    return count < 0 ? -errno : (int)count;
}

/* The kernel itself moves no more than INT_MAX bytes. */
int sley__sys_sendv(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent < 0 ? -errno : (int)sent;
}

int sley__sys_read(int fd, void *buffer, size_t size)
{
    ssize_t count = read(fd, buffer, size < INT_MAX ? size : INT_MAX);

    return count < 0 ? -errno : (int)count;
}

int sley__sys_writev_blocked(int fd, const struct iovec *parts, int count)
{
    static const struct timespec now;
    sigset_t broken, before, pending;
    bool had;
    int result;

    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    had = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    result = (int)writev(fd, parts, count);
    if (result < 0)
        result = -errno;
    if (result == -EPIPE && !had)
        (void)sigtimedwait(&broken, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int sley__sys_writev(int fd, const struct iovec *parts, int count, bool quietly)
{
    ssize_t written;

    if (!quietly) {
        written = writev(fd, parts, count);
        return written < 0 ? -errno : (int)written;
    }
    written = pwritev2(fd, parts, count, -1, RWF_NOSIGNAL);
    if (written >= 0)
        return (int)written;
    return errno == EOPNOTSUPP || errno == ENOSYS ? sley__sys_writev_blocked(fd, parts, count)
                                                  : -errno;
}

int sley__sys_nonblocking(int fd, bool nonblocking)
{
    int flags = fcntl(fd, F_GETFL), wanted;

    if (flags < 0)
        return -errno;
    wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted == flags)
        return 0;
    return fcntl(fd, F_SETFL, wanted) < 0 ? -errno : 1;
}

bool sley__sys_only_writes(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY;
}

int sley__sys_accept(int fd)
{
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return accepted < 0 ? -errno : accepted;
}

int sley__sys_connect(int fd, const struct sley__address *address)
{
    return connect(fd, &address->any, address->size) < 0 ? -errno : 0;
}

int sley__sys_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

int sley__sys_shutdown(int fd, int how)
{
    return shutdown(fd, how) < 0 ? -errno : 0;
}

int sley__sys_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int sley__sys_reset_on_close(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ? -errno : 0;
}

int sley__sys_bind(int fd, const struct sley__address *address)
{
    return bind(fd, &address->any, address->size) < 0 ? -errno : 0;
}

int sley__sys_listen(int fd, const struct sley__address *address, int backlog)
{
    if (bind(fd, &address->any, address->size) < 0 || listen(fd, backlog) < 0)
        return -errno;
    return 0;
}

int sley__sys_name(int fd, bool peer, struct sley__address *address)
{
    address->size = sizeof(address->v6);
    if ((peer ? getpeername : getsockname)(fd, &address->any, &address->size) < 0)
        return -errno;
    return 0;
}

int sley__sys_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int sley__listen_tcp(const struct sley__address *address, int backlog, bool reuseport)
{
    int error, fd = sley__sys_socket(address->any.sa_family);

    if (fd < 0)
        return fd;
    error = sley__sys_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && reuseport)
        error = sley__sys_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!error)
        error = sley__sys_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* what it accepts inherits it */
    if (!error)
        error = sley__sys_listen(fd, address, backlog > 0 ? backlog : 1024);
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}
