/*
 * tcp.c: listening on TCP ports, and connecting to them. The contract is in <sley/tcp.h>.
 *
 * The addresses of a name race each other, see tcp_race.c; one alone is connected to by the
 * caller's task. The socket is registered after connect() has been called, because one that is not
 * connecting yet reports a hangup at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/tcp.h>

#include "listener_impl.h"
#include "resolve.h"
#include "tcp_impl.h"

#define ATTEMPT_DELAY 250000000 /* ns; RFC 8305, section 8 */

int sley_tcp_listen(const char *address, const struct sley_tcp_listen_options *options,
                    struct sley_listener **out)
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
    return fd < 0 ? fd : sley__listener_new(io, fd, SLEY_STREAM_TCP, out);
}

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

/* A socket that is connecting, or connected: its number, or an error. */
static int begin_connect(const struct sley__address *address, const struct sley__address *from)
{
    int error = 0, fd = sley__sys_socket(address->any.sa_family);

    if (fd < 0)
        return fd;
    (void)sley__sys_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* never fails on a TCP socket */
    if (from->size)
        error = sley__sys_bind(fd, from);
    if (!error)
        error = sley__sys_connect(fd, address);
    if (!error || error == -EINPROGRESS || error == -EINTR)
        return fd;
    close(fd);
    return error;
}

int sley__tcp_connect_to(struct sley__io *io, const struct sley__address *address,
                         const struct sley__address *from, struct sley_stream **out)
{
    struct sley_stream *stream;
    int error, fd = begin_connect(address, from);

    if (fd < 0)
        return fd;
    error = sley__stream_adopt(&io->reactor, fd, SLEY_STREAM_TCP, &stream);
    if (error)
        return error;
    error = finish_connect(sley__stream_fd(stream), address);
    if (error)
        sley_stream_free(stream);
    else
        *out = stream;
    return error;
}

static int64_t delay_of(const struct sley_tcp_connect_options *options)
{
    return options && options->attempt_delay ? options->attempt_delay : ATTEMPT_DELAY;
}

/* Leaves only the addresses of that family; how many. */
static size_t keep_family(struct sley__address *addresses, size_t count, int family)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (addresses[i].any.sa_family == family)
            addresses[kept++] = addresses[i];
    return kept;
}

int sley_tcp_connect(const char *host, int port, const struct sley_tcp_connect_options *options,
                     struct sley_stream **out)
{
    struct sley__tcp_name name = {host, port};
    struct sley__address *addresses, from = {.size = 0};
    struct sley__io *io;
    bool partial;
    size_t count;
    int error = sley__wait_check();

    if (error)
        return error;
    if (!host || !*host || strlen(host) > 255 || port < 1 || port > UINT16_MAX)
        return SLEY_EINVAL;
    if (options && options->attempt_delay < 0)
        return SLEY_EINVAL;
    if (options && options->from && !sley__address_numeric(&from, options->from, 0))
        return SLEY_EINVAL;
    error = sley__io_get(&io);
    if (error)
        return error;
    error = sley__resolve_some(io, host, port, &partial, &addresses, &count);
    if (error)
        return error;
    if (from.size)
        count = keep_family(addresses, count, from.any.sa_family);
    if (from.size && count)
        partial = false; /* what is missing is of no use */
    if (count > 1 || partial)
        error = sley__tcp_race(io, partial ? &name : NULL, addresses, count, &from,
                               delay_of(options), out);
    else
        error = count ? sley__tcp_connect_to(io, addresses, &from, out) : SLEY_EADDRNOTAVAIL;
    free(addresses);
    return error;
}
