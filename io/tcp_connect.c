/*
 * tcp_connect.c: opening connections. The contract is in <sley/tcp.h>.
 *
 * The addresses of a name are tried one after the other, each until the kernel's verdict. The
 * socket is registered after connect() has been called, because one that is not connecting yet
 * reports a hangup at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "resolve.h"
#include "tcp_impl.h"

/* Waits for a connect that is under way. Asking connect() again is the one test that a stale event
 * cannot fool: it says EALREADY until the outcome is there. */
static int finish_connect(struct sley__fd *fd, const struct sley__address *address)
{
    int error = 0;

    while (!error) {
        uint64_t seen = sley__readiness_look(&fd->write);

        error = sley__sys_connect(fd->fd, address);
        if (error == 0 || error == -EISCONN)
            return 0;
        if (error == -EALREADY || error == -EINPROGRESS)
            error = sley__fd_wait(&fd->write, seen, "connect");
        else if (error == -EINTR)
            error = 0;
    }
    return error;
}

static int connect_to(struct sley__io *io, const struct sley__address *address,
                      struct sley_tcp **out)
{
    struct sley_tcp *tcp;
    int error, fd = sley__sys_socket(address->any.sa_family);

    if (fd < 0)
        return fd;
    (void)sley__sys_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* never fails on a TCP socket */
    error = sley__sys_connect(fd, address);
    if (error && error != -EINPROGRESS && error != -EINTR) {
        close(fd);
        return error;
    }
    error = sley__tcp_new(&io->reactor, fd, &tcp);
    if (error)
        return error;
    error = finish_connect(sley__tcp_fd(tcp), address);
    if (error)
        sley_tcp_free(tcp);
    else
        *out = tcp;
    return error;
}

/* Whether the next address may do better. */
static bool try_next(int error)
{
    switch (error) {
    case SLEY_ECANCELED:
    case SLEY_ENOMEM:
    case SLEY_EMFILE:
    case SLEY_ENFILE:
        return false;
    default:
        return sley__wait_check() == 0;
    }
}

int sley_tcp_connect(const char *host, int port, struct sley_tcp **out)
{
    struct sley__address *addresses;
    struct sley__io *io;
    size_t count;
    int error = sley__wait_check();

    if (error)
        return error;
    if (!host || !*host || strlen(host) > 255 || port < 1 || port > UINT16_MAX)
        return SLEY_EINVAL;
    error = sley__io_get(&io);
    if (error)
        return error;
    error = sley__resolve(io, host, port, &addresses, &count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        error = connect_to(io, &addresses[i], out);
        if (!error || !try_next(error))
            break;
    }
    free(addresses);
    return error;
}
