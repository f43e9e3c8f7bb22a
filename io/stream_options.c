/*
 * stream_options.c: the names of a stream's ends, and its options. The contract is in
 * <sley/stream.h>.
 *
 * A layer has the names and options of what is below it: they are asked for at the bottom. What a
 * socket option means to a stream that is none, the system says in several ways; to the caller it
 * is SLEY_EINVAL in all of them, decided by kind before the system is asked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>

#include "stream_impl.h"

/* The stream that has the descriptor. */
static const struct sley_stream *bottom_of(const struct sley_stream *stream)
{
    while (sley__is_layer(stream) && sley__layer_of(stream)->below)
        stream = sley__layer_of(stream)->below;
    return stream;
}

static bool is_closed(const struct sley_stream *bottom)
{
    if (sley__is_layer(bottom)) /* relaxed: it is only asked whether, nothing hangs on it */
        return load_relaxed(&sley__layer_of(bottom)->closed);
    return sley__fd_closed(&bottom->fd);
}

static int name_of(const struct sley_stream *stream, bool peer, char *buffer, size_t size)
{
    const struct sley_stream *bottom = bottom_of(stream);
    struct sley__address address;
    int error;

    if (is_closed(bottom))
        return SLEY_ECLOSED;
    if (!(bottom->fd.traits & SLEY__IS_SOCKET))
        return SLEY_EINVAL;
    if (bottom->fd.kind == SLEY_STREAM_UNIX)
        return sley__unix_name(bottom->fd.fd, peer, buffer, size);
    error = sley__sys_name(bottom->fd.fd, peer, &address);
    if (error)
        return error;
    return sley__address_format(&address, buffer, size) ? 0 : SLEY_EMSGSIZE;
}

int sley_stream_local(const struct sley_stream *stream, char *buffer, size_t size)
{
    return name_of(stream, false, buffer, size);
}

int sley_stream_peer(const struct sley_stream *stream, char *buffer, size_t size)
{
    return name_of(stream, true, buffer, size);
}

/* The descriptor of the TCP connection at the bottom, or an error. */
static int tcp_of(const struct sley_stream *stream)
{
    const struct sley_stream *bottom = bottom_of(stream);

    if (is_closed(bottom))
        return SLEY_ECLOSED;
    return bottom->fd.kind == SLEY_STREAM_TCP ? bottom->fd.fd : SLEY_EINVAL;
}

int sley_stream_nodelay(struct sley_stream *stream, bool nodelay)
{
    int fd = tcp_of(stream);

    return fd < 0 ? fd : sley__sys_option(fd, IPPROTO_TCP, TCP_NODELAY, nodelay);
}

/* Nanoseconds in whole seconds, rounded up; more than an int holds is left to the system, which
 * refuses it. */
static int seconds_of(int64_t duration)
{
    int64_t seconds = duration / 1000000000 + (duration % 1000000000 > 0);

    return seconds < INT_MAX ? (int)seconds : INT_MAX;
}

/* 0 leaves the system's default as it is. */
static int set_number(int fd, int option, int value)
{
    return value ? sley__sys_option(fd, IPPROTO_TCP, option, value) : 0;
}

int sley_stream_keepalive(struct sley_stream *stream, const struct sley_keepalive *keepalive)
{
    int error, fd = tcp_of(stream);

    if (fd < 0)
        return fd;
    if (!keepalive)
        return sley__sys_option(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    if (keepalive->idle < 0 || keepalive->interval < 0 || keepalive->count < 0)
        return SLEY_EINVAL;
    error = set_number(fd, TCP_KEEPIDLE, seconds_of(keepalive->idle));
    if (!error)
        error = set_number(fd, TCP_KEEPINTVL, seconds_of(keepalive->interval));
    if (!error)
        error = set_number(fd, TCP_KEEPCNT, keepalive->count);
    return error ? error : sley__sys_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int sley_stream_reset_on_close(struct sley_stream *stream)
{
    int fd = tcp_of(stream);

    return fd < 0 ? fd : sley__sys_reset_on_close(fd);
}

int sley_stream_descriptor(const struct sley_stream *stream)
{
    const struct sley_stream *bottom = bottom_of(stream);

    return is_closed(bottom) ? -1 : bottom->fd.fd;
}
