/*
 * socket.h: system calls on sockets. See socket.c.
 *
 * Each returns the call's result (>= 0) or -errno, which is a SLEY_E*. Sockets are made
 * non-blocking and close-on-exec. Any thread. Never park.
 */
#ifndef SLEY_SOCKET_H
#define SLEY_SOCKET_H

#include <sys/uio.h>

#include "address.h"

/* Of a socket. Never raise SIGPIPE. */
MUST_USE NOINLINE int sley__sys_recv(int fd, void *buffer, size_t size);
MUST_USE NOINLINE int sley__sys_send(int fd, const void *data, size_t size);
MUST_USE NOINLINE int sley__sys_sendv(int fd, const struct iovec *parts, int count);

/* Of anything else. `quietly`: it may be a pipe, and no SIGPIPE is to be raised. */
MUST_USE NOINLINE int sley__sys_read(int fd, void *buffer, size_t size);
MUST_USE NOINLINE int sley__sys_writev(int fd, const struct iovec *parts, int count, bool quietly);
/* The second way to do that, for older kernels. */
MUST_USE NOINLINE int sley__sys_writev_blocked(int fd, const struct iovec *parts, int count);

/* Makes it non-blocking, or blocking again: 1 if that changed something, 0, or -errno. */
NOINLINE int sley__sys_nonblocking(int fd, bool nonblocking);

/* Whether it was opened for writing only. */
MUST_USE NOINLINE bool sley__sys_only_writes(int fd);

MUST_USE NOINLINE int sley__sys_accept(int fd);
MUST_USE NOINLINE int sley__sys_connect(int fd, const struct sley__address *address);
MUST_USE NOINLINE int sley__sys_socket(int family);
NOINLINE int sley__sys_shutdown(int fd, int how);
NOINLINE int sley__sys_option(int fd, int level, int option, int value);
NOINLINE int sley__sys_reset_on_close(int fd);
MUST_USE NOINLINE int sley__sys_bind(int fd, const struct sley__address *address);
MUST_USE NOINLINE int sley__sys_listen(int fd, const struct sley__address *address, int backlog);
MUST_USE NOINLINE int sley__sys_name(int fd, bool peer, struct sley__address *address);

/* A descriptor that is good for nothing but being given up. */
MUST_USE NOINLINE int sley__sys_spare(void);

/* A TCP socket that listens on `address`; backlog 0: 1024. */
MUST_USE NOINLINE int sley__listen_tcp(const struct sley__address *address, int backlog,
                                       bool reuseport);

#endif
