/*
 * tcp.c: connections. The contract is in <sley/tcp.h>.
 *
 * Each call is the same loop: look at the readiness word, make the system call, and if it found
 * nothing wait on that word (reactor.c).
 *
 * A short read means that the socket's buffer is empty, so the next read parks without the system
 * call that would only say EAGAIN: an echo costs one read and one write. A short write means that
 * it is full.
 *
 * A connection is nothing but its record in the reactor (64 bytes), so that ten thousand idle ones
 * cost ten thousand cache lines and what the kernel needs.
 *
 * Closing does not close the descriptor. Another thread may be on its way into a system call with
 * that number, and the number could by then belong to somebody else. A reference count on every
 * call would do (Go has one), at two atomic operations per read. Instead sley_tcp_close() marks the
 * record and shuts the socket down, which ends every call that is on its way, and the number is
 * given back by sley_tcp_free(), whose contract says that nobody is.
 */
#define _GNU_SOURCE
#include "tcp_impl.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

int sley__tcp_new(struct sley__reactor *reactor, int descriptor, struct sley_tcp **out)
{
    struct sley__fd *fd;
    int error = sley__fd_add(reactor, descriptor, &fd);

    if (error)
        close(descriptor);
    else
        *out = container_of(fd, struct sley_tcp, fd);
    return error;
}

int sley_tcp_read(struct sley_tcp *tcp, void *buffer, size_t size)
{
    struct sley__fd *fd = sley__tcp_fd(tcp);
    int result = sley__wait_check();

    while (!result && size) {
        uint64_t seen = sley__readiness_look(&fd->read);

        if (sley__readiness_closed(seen))
            return SLEY_ECLOSED;
        result = sley__readiness_empty(seen) ? -EAGAIN : sley__sys_read(fd->fd, buffer, size);
        if (result > 0) {
            if ((size_t)result < size)
                sley__readiness_clear(&fd->read, seen);
            sley__wait_spend();
            return result;
        }
        if (result == 0)
            return sley__fd_error(fd, SLEY_EOF);
        if (sley__would_block(result))
            result = sley__fd_wait(&fd->read, seen, "read");
        else
            result = result == -EINTR ? 0 : sley__fd_error(fd, result);
    }
    return result;
}

/* Writes some: how many bytes, or an error. 0 says that it must be tried again. */
static int write_some(struct sley__fd *fd, const char *data, size_t size)
{
    uint64_t seen = sley__readiness_look(&fd->write);
    int result;

    if (sley__readiness_closed(seen))
        return SLEY_ECLOSED;
    result = sley__readiness_empty(seen) ? -EAGAIN : sley__sys_write(fd->fd, data, size);
    if (result >= 0) {
        if ((size_t)result < size)
            sley__readiness_clear(&fd->write, seen);
        return result;
    }
    if (sley__would_block(result))
        return sley__fd_wait(&fd->write, seen, "write");
    return result == -EINTR ? 0 : sley__fd_error(fd, result);
}

int sley_tcp_write(struct sley_tcp *tcp, const void *data, size_t size, size_t *written)
{
    struct sley__fd *fd = sley__tcp_fd(tcp);
    size_t done = 0;
    int result = sley__wait_check();

    while (result >= 0 && done < size) {
        result = write_some(fd, (const char *)data + done, size - done);
        done += result > 0 ? (size_t)result : 0;
    }
    if (written)
        *written = done;
    if (result < 0)
        return result;
    if (size)
        sley__wait_spend();
    return 0;
}

int sley_tcp_shutdown(struct sley_tcp *tcp)
{
    struct sley__fd *fd = sley__tcp_fd(tcp);
    int error = sley__fd_closed(fd) ? SLEY_ECLOSED : sley__sys_shutdown(fd->fd, SHUT_WR);

    return error == -ENOTCONN ? sley__fd_error(fd, SLEY_EPIPE) : error;
}

int sley_tcp_nodelay(struct sley_tcp *tcp, bool nodelay)
{
    struct sley__fd *fd = sley__tcp_fd(tcp);

    if (sley__fd_closed(fd))
        return SLEY_ECLOSED;
    return sley__sys_option(fd->fd, IPPROTO_TCP, TCP_NODELAY, nodelay);
}

int sley_tcp_reset_on_close(struct sley_tcp *tcp)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (setsockopt(sley__tcp_fd(tcp)->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        return -errno;
    return 0;
}

static int name_of(const struct sley_tcp *tcp, bool peer, char *buffer, size_t size)
{
    struct sley__fd *fd = sley__tcp_fd(tcp);
    struct sley__address address;
    int error = sley__fd_closed(fd) ? SLEY_ECLOSED : sley__sys_name(fd->fd, peer, &address);

    if (error)
        return error;
    return sley__address_format(&address, buffer, size) ? 0 : SLEY_EMSGSIZE;
}

int sley_tcp_local(const struct sley_tcp *tcp, char *buffer, size_t size)
{
    return name_of(tcp, false, buffer, size);
}

int sley_tcp_peer(const struct sley_tcp *tcp, char *buffer, size_t size)
{
    return name_of(tcp, true, buffer, size);
}

void sley_tcp_close(struct sley_tcp *tcp)
{
    if (!tcp || sley__fd_closed(sley__tcp_fd(tcp)))
        return;
    sley__fd_close(sley__tcp_fd(tcp));
    (void)sley__sys_shutdown(sley__tcp_fd(tcp)->fd, SHUT_RDWR); /* ENOTCONN: the peer was faster */
}

void sley_tcp_free(struct sley_tcp *tcp)
{
    if (tcp)
        sley__fd_remove(sley__tcp_fd(tcp));
}
