/*
 * tcp_impl.h: what the files of TCP share.
 */
#ifndef SLEY_TCP_IMPL_H
#define SLEY_TCP_IMPL_H

#include <sley/tcp.h>

#include "reactor.h"
#include "socket.h"

struct sley_tcp {
    struct sley__fd fd; /* and nothing else: they are one and the same record */
};

_Static_assert(sizeof(struct sley_tcp) == sizeof(struct sley__fd), "sley_tcp is a sley__fd");

static inline struct sley__fd *sley__tcp_fd(const struct sley_tcp *tcp)
{
    return (struct sley__fd *)(uintptr_t)&tcp->fd;
}

/* What a system call's error is to the caller: after a close everything is SLEY_ECLOSED. */
static inline int sley__fd_error(const struct sley__fd *fd, int error)
{
    return sley__fd_closed(fd) ? SLEY_ECLOSED : error;
}

static inline bool sley__would_block(int error)
{
    return error == -EAGAIN || error == -EWOULDBLOCK;
}

/* Makes a connection of a connected (or connecting) socket, which is closed on failure. Any
 * thread. */
MUST_USE int sley__tcp_new(struct sley__reactor *reactor, int descriptor, struct sley_tcp **out);

#endif
