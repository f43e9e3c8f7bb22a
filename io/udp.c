/*
 * udp.c: datagrams. The contract is in <sley/udp.h>.
 *
 * Every call that may wait is one loop (attempt): look at the readiness word, make the system call,
 * and if it found nothing wait on that word (reactor.c).
 *
 * A stream's short read says that the buffer is empty, and saves the system call that would only
 * find that out (tcp.c). Here nothing says so. A batch that came back smaller than asked for would,
 * but for the errors of the network: recvmmsg stops at one, hands out what it has and puts the
 * error back for the next call, and for an error that is put back no event comes. Whoever believed
 * that the queue is empty and slept would sleep on it. So the end of the queue is always found by a
 * system call, 0.3 us.
 *
 * An error is an answer, once: the kernel forgets it as it reports it, so each call returns what it
 * got and nothing is retried behind the caller's back. sendmmsg forgets an error that it meets
 * behind the first datagram, and nobody can get it back; the contract says so.
 *
 * Closing marks the record only, as in tcp.c, and needs no shutdown: no call blocks in the kernel.
 */
#define _GNU_SOURCE
#include <sley/udp.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io.h"
#include "udp_impl.h"

struct sley_udp {
    struct sley__fd *fd;
    uint8_t family; /* 4 or 6; constant */
};

int sley_udp_open(const char *local, const struct sley_udp_options *options, struct sley_udp **out)
{
    struct sley_udp_options defaults = {0};
    struct sley_address address;
    struct sley_udp *udp;
    struct sley__io *io;
    int fd, error = sley__wait_check();

    if (error)
        return error;
    if (!options)
        options = &defaults;
    if (sley_address_parse(local, &address) || options->receive_buffer < 0 ||
        options->send_buffer < 0)
        return SLEY_EINVAL;
    error = sley__io_get(&io);
    if (error)
        return error;
    udp = malloc(sizeof(*udp));
    if (!udp)
        return SLEY_ENOMEM;
    udp->family = address.family;
    fd = error = sley__udp_socket(&address, options);
    if (fd >= 0) {
        error = sley__fd_add(&io->reactor, fd, &udp->fd);
        if (error)
            close(fd);
    }
    if (error) {
        free(udp);
        return error == -ENOBUFS ? SLEY_ENOMEM : error;
    }
    *out = udp;
    return 0;
}

/* What a system call's error is to the caller. */
static int told(const struct sley_udp *udp, int error)
{
    if (sley__fd_closed(udp->fd))
        return SLEY_ECLOSED;
    switch (error) {
    case -ENOBUFS:
        return SLEY_ENOMEM;
    case -EDESTADDRREQ: /* no peer */
    case -EAFNOSUPPORT:
        return SLEY_EINVAL;
    default:
        return error;
    }
}

static bool fits(const struct sley_udp *udp, const struct sley_address *address)
{
    return address->family == udp->family;
}

/* --- calls that may wait ---------------------------------------------------------------------- */

struct attempt {
    int (*make)(int fd, const struct attempt *attempt);
    const char *what;
    const void *data; /* of a send */
    void *buffer;     /* of a receive */
    size_t size;
    const struct sley_address *to;
    struct sley_address *from;
};

static int attempt(struct sley_udp *udp, struct sley__readiness *direction,
                   const struct attempt *attempt)
{
    int result = sley__wait_check();

    while (!result) {
        uint64_t seen = sley__readiness_look(direction);

        if (sley__readiness_closed(seen))
            return SLEY_ECLOSED;
        result = sley__readiness_empty(seen) ? -EAGAIN : attempt->make(udp->fd->fd, attempt);
        if (result >= 0) {
            sley__wait_spend();
            return result;
        }
        if (result == -EAGAIN || result == -EWOULDBLOCK)
            result = sley__fd_wait(direction, seen, attempt->what);
        else
            result = result == -EINTR ? 0 : told(udp, result);
    }
    return result;
}

static int make_send(int fd, const struct attempt *attempt)
{
    return sley__udp_send(fd, attempt->data, attempt->size, attempt->to);
}

int sley_udp_send(struct sley_udp *udp, const void *data, size_t size,
                  const struct sley_address *to)
{
    struct attempt call = {make_send, "udp send", .data = data, .size = size, .to = to};
    int result;

    if (to && !fits(udp, to))
        return SLEY_EINVAL;
    result = attempt(udp, &udp->fd->write, &call);
    return result < 0 ? result : 0;
}

static int make_receive(int fd, const struct attempt *attempt)
{
    return sley__udp_receive(fd, attempt->buffer, attempt->size, attempt->from);
}

int sley_udp_receive(struct sley_udp *udp, void *buffer, size_t size, struct sley_address *from)
{
    struct sley_address sender = {0};
    struct attempt call = {make_receive, "udp receive", .buffer = buffer, .size = size,
                           .from = from ? &sender : NULL};
    int result = attempt(udp, &udp->fd->read, &call);

    if (result >= 0 && from)
        *from = sender;
    return result;
}

static int make_send_many(int fd, const struct attempt *attempt)
{
    return sley__udp_send_many(fd, attempt->data, attempt->size);
}

int sley_udp_send_batch(struct sley_udp *udp, const struct sley_datagram *datagrams, size_t count,
                        size_t *sent)
{
    size_t done = 0;
    int result = sley__wait_check();

    while (result >= 0 && done < count) {
        size_t left = count - done, now = left < SLEY_UDP_BATCH ? left : SLEY_UDP_BATCH, good = 0;
        struct attempt call = {make_send_many, "udp send", .data = datagrams + done};

        while (good < now &&
               (!datagrams[done + good].peer.family || fits(udp, &datagrams[done + good].peer)))
            good++;
        call.size = good;
        result = good ? attempt(udp, &udp->fd->write, &call) : SLEY_EINVAL;
        done += result > 0 ? (size_t)result : 0;
    }
    if (sent)
        *sent = done;
    return result < 0 ? result : 0;
}

static int make_receive_many(int fd, const struct attempt *attempt)
{
    return sley__udp_receive_many(fd, attempt->buffer, attempt->size);
}

int sley_udp_receive_batch(struct sley_udp *udp, struct sley_datagram *datagrams, size_t count)
{
    struct attempt call = {make_receive_many, "udp receive", .buffer = datagrams,
                           .size = count < SLEY_UDP_BATCH ? count : SLEY_UDP_BATCH};

    return count ? attempt(udp, &udp->fd->read, &call) : sley__wait_check();
}

/* --- the rest --------------------------------------------------------------------------------- */

int sley_udp_connect(struct sley_udp *udp, const struct sley_address *peer)
{
    int error;

    if (sley__fd_closed(udp->fd))
        return SLEY_ECLOSED;
    if (!fits(udp, peer))
        return SLEY_EINVAL;
    error = sley__udp_connect(udp->fd->fd, peer);
    return error ? told(udp, error) : 0;
}

static int change_group(struct sley_udp *udp, bool join, const struct sley_address *group,
                        const char *interface)
{
    int error;

    if (sley__fd_closed(udp->fd))
        return SLEY_ECLOSED;
    if (!fits(udp, group))
        return SLEY_EINVAL;
    error = sley__udp_group(udp->fd->fd, join, group, interface);
    return error ? told(udp, error) : 0;
}

int sley_udp_join_group(struct sley_udp *udp, const struct sley_address *group,
                        const char *interface)
{
    return change_group(udp, true, group, interface);
}

int sley_udp_leave_group(struct sley_udp *udp, const struct sley_address *group,
                         const char *interface)
{
    return change_group(udp, false, group, interface);
}

int sley_udp_multicast(struct sley_udp *udp, const char *interface, int hops, bool loop)
{
    int error;

    if (sley__fd_closed(udp->fd))
        return SLEY_ECLOSED;
    if (hops < -1 || hops > 255)
        return SLEY_EINVAL;
    error = sley__udp_multicast(udp->fd->fd, udp->family == 6, interface, hops, loop);
    return error ? told(udp, error) : 0;
}

int sley_udp_local(const struct sley_udp *udp, struct sley_address *out)
{
    return sley__fd_closed(udp->fd) ? SLEY_ECLOSED : sley__udp_name(udp->fd->fd, false, out);
}

int sley_udp_peer(const struct sley_udp *udp, struct sley_address *out)
{
    return sley__fd_closed(udp->fd) ? SLEY_ECLOSED : sley__udp_name(udp->fd->fd, true, out);
}

void sley_udp_close(struct sley_udp *udp)
{
    if (udp)
        sley__fd_close(udp->fd);
}

void sley_udp_free(struct sley_udp *udp)
{
    if (!udp)
        return;
    sley__fd_leave(udp->fd); /* or its address might be in use a little longer */
    sley__fd_remove(udp->fd);
    free(udp);
}
