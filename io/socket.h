/*
 * socket.h: system calls on sockets. See socket.c.
 *
 * Each returns the call's result (>= 0) or -errno, which is a SLEY_E*. Sockets are made
 * non-blocking and close-on-exec. Any thread. Never park.
 */
#ifndef SLEY_SOCKET_H
#define SLEY_SOCKET_H

#include "address.h"

MUST_USE NOINLINE int sley__sys_read(int fd, void *buffer, size_t size);
MUST_USE NOINLINE int sley__sys_write(int fd, const void *data,
                                      size_t size); /* never raises SIGPIPE */
MUST_USE NOINLINE int sley__sys_accept(int fd);
MUST_USE NOINLINE int sley__sys_connect(int fd, const struct sley__address *address);
MUST_USE NOINLINE int sley__sys_socket(int family);
NOINLINE int sley__sys_shutdown(int fd, int how);
NOINLINE int sley__sys_option(int fd, int level, int option, int value);
MUST_USE NOINLINE int sley__sys_listen(int fd, const struct sley__address *address, int backlog);
MUST_USE NOINLINE int sley__sys_name(int fd, bool peer, struct sley__address *address);

/* A descriptor that is good for nothing but being given up. */
MUST_USE NOINLINE int sley__sys_spare(void);

/* A TCP socket that listens on `address`; backlog 0: 1024. */
MUST_USE NOINLINE int sley__listen_tcp(const struct sley__address *address, int backlog,
                                       bool reuseport);

#endif
