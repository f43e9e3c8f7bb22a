/*
 * tcp_listen.c: accepting connections. The contract is in <sley/tcp.h>.
 *
 * Without descriptors. The kernel takes a descriptor before it looks at the queue, so EMFILE
 * says nothing about the queue, the queue stays full, and a loop around accept spins (135,000 times
 * in 100 ms, as measured). So a listener holds one descriptor in reserve: it gives it up, accepts
 * the connection with it, closes that, and takes the reserve back. The queue moves on, the client
 * sees the connection end, and the caller is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io.h"
#include "tcp_impl.h"

struct sley_tcp_listener {
    struct sley__fd *fd;
    int port;

    struct sley__lock lock; /* protects the reserve */
    int reserve;            /* an open descriptor for when there are no others, or -1 */
};

static int listener_new(struct sley__io *io, int fd, struct sley_tcp_listener **out)
{
    struct sley_tcp_listener *listener = calloc(1, sizeof(*listener));
    struct sley__address bound;
    int error = listener ? sley__sys_name(fd, false, &bound) : SLEY_ENOMEM;

    if (!error)
        error = sley__fd_add(&io->reactor, fd, &listener->fd);
    if (error) {
        close(fd);
        free(listener);
        return error;
    }
    listener->port = sley__address_port(&bound);
    listener->reserve = sley__sys_spare(); /* without one, accept can still report EMFILE */
    *out = listener;
    return 0;
}

int sley_tcp_listen(const char *address, const struct sley_tcp_listen_options *options,
                    struct sley_tcp_listener **out)
{
    struct sley_tcp_listen_options defaults = {0};
    struct sley__address parsed;
    struct sley__io *io;
    int fd, error = sley__wait_check();

    if (error)
        return error;
    if (!address || !sley__address_parse(&parsed, address))
        return SLEY_EINVAL;
    error = sley__io_get(&io);
    if (error)
        return error;
    if (!options)
        options = &defaults;
    fd = sley__listen_tcp(&parsed, options->backlog, options->reuseport);
    return fd < 0 ? fd : listener_new(io, fd, out);
}

int sley_tcp_listener_port(const struct sley_tcp_listener *listener)
{
    return listener->port;
}

/* The descriptors are used up: closes the connection at the head of the queue with the help of the
 * reserve. False if the queue turned out to be empty. */
static bool refuse_one(struct sley_tcp_listener *listener)
{
    int refused;

    sley__lock_acquire(&listener->lock);
    if (listener->reserve >= 0)
        close(listener->reserve);
    refused = sley__sys_accept(listener->fd->fd);
    if (refused >= 0)
        close(refused);
    listener->reserve = sley__sys_spare();
    sley__lock_release(&listener->lock);
    return !sley__would_block(refused);
}

/* Errors of accept that belong to a connection that died in the queue (accept(2) lists them): the
 * next one may be fine. */
static bool died_in_queue(int error)
{
    switch (error) {
    case -ECONNABORTED:
    case -EINTR:
    case -EPROTO:
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -EOPNOTSUPP:
    case -ENETUNREACH:
    case -EPERM: /* a firewall's word */
        return true;
    default:
        return false;
    }
}

/* One try: 0 and *accepted, which is -1 if it must be tried again, or an error. */
static int accept_some(struct sley_tcp_listener *listener, int *accepted)
{
    struct sley__fd *fd = listener->fd;
    uint64_t seen = sley__readiness_look(&fd->read);
    int result;

    *accepted = -1;
    if (sley__readiness_closed(seen))
        return SLEY_ECLOSED;
    result = sley__sys_accept(fd->fd);
    if (result >= 0) {
        *accepted = result;
        return 0;
    }
    if ((result == -EMFILE || result == -ENFILE) && !refuse_one(listener))
        result = -EAGAIN;
    if (sley__would_block(result))
        return sley__fd_wait(&fd->read, seen, "accept");
    return died_in_queue(result) ? sley__fd_error(fd, 0) : sley__fd_error(fd, result);
}

int sley_tcp_accept(struct sley_tcp_listener *listener, struct sley_tcp **out)
{
    int accepted = -1, error = sley__wait_check();

    while (!error && accepted < 0)
        error = accept_some(listener, &accepted);
    if (error)
        return error == -ENOBUFS ? SLEY_ENOMEM : error;
    error = sley__tcp_new(listener->fd->reactor, accepted, out);
    if (!error)
        sley__wait_spend();
    return error;
}

bool sley_tcp_accept_error_passes(int error)
{
    return error == SLEY_EMFILE || error == SLEY_ENFILE || error == SLEY_ENOMEM;
}

void sley_tcp_listener_close(struct sley_tcp_listener *listener)
{
    if (!listener || sley__fd_closed(listener->fd))
        return;
    sley__fd_close(listener->fd);
    (void)sley__sys_shutdown(listener->fd->fd, SHUT_RDWR);
}

void sley_tcp_listener_free(struct sley_tcp_listener *listener)
{
    if (!listener)
        return;
    sley__fd_remove(listener->fd);
    if (listener->reserve >= 0)
        close(listener->reserve);
    free(listener);
}
