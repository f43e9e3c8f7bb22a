/*
 * socket.c: the system calls on sockets, each in a function that is never inlined and returns
 * -errno.
 *
 * Why not call them where they are needed: errno is a thread-local, a compiler may compute its
 * address once per function, and after a wait the task may be on another kernel thread, where that
 * address is a stranger's. A function in another file that does not wait cannot get this wrong.
 */
#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <unistd.h>

int sley__sys_read(int fd, void *buffer, size_t size)
{
    ssize_t count = recv(fd, buffer, size < INT_MAX ? size : INT_MAX, 0);

    return count < 0 ? -errno : (int)count;
}

int sley__sys_write(int fd, const void *data, size_t size)
{
    ssize_t count = send(fd, data, size < INT_MAX ? size : INT_MAX, MSG_NOSIGNAL);

    return count < 0 ? -errno : (int)count;
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
