/*
 * sley/udp.h: datagrams.
 *
 * Each call tries the system call at once and parks the task only when there is nothing to do yet.
 * The calling task's deadline and cancellation end every call that waits.
 *
 * One task may receive from a socket while another sends on it. A second task that would have to
 * wait in the same direction gets SLEY_EBUSY.
 *
 * A datagram that was sent need not arrive, need not arrive once, and need not arrive in order; in
 * particular the system drops what the receiver's buffer has no room for. What these calls promise
 * is about the system's queues only: "sent" means that the system has taken it.
 *
 * Errors of the network. If the host that a connected socket sends to answers that nobody listens
 * there (ICMP), the system tells it once, to whichever call comes next, a send or a receive, about
 * a datagram sent before: SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH. That call did
 * nothing, and the socket is as good as before. A socket that is not connected is not told.
 */
#ifndef SLEY_UDP_H
#define SLEY_UDP_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/address.h>
#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A socket for datagrams. Owned by whoever opened it, until sley_udp_free(). */
struct sley_udp;

/* Zero in a field means its default. Copied by the call. */
struct sley_udp_options {
    bool reuseaddr;     /* several sockets may have this port: for multicast */
    bool reuseport;     /* the same, and the system spreads the datagrams over them */
    bool broadcast;     /* may send to broadcast addresses */
    bool v6only;        /* an IPv6 socket does not take IPv4 traffic (mapped addresses) */
    int receive_buffer; /* bytes the system should keep for us; its limit (net.core.rmem_max) is
                           applied silently. Default: the system's */
    int send_buffer;    /* the same for what waits to be sent (net.core.wmem_max) */
};

/* Opens a socket with the address `local`, "HOST:PORT" with a numeric host: "127.0.0.1:5353",
 * "[::1]:0", ":0". Port 0 takes a free one, which sley_udp_local() tells. Its family is that of
 * `local`: what it sends to has to be of the same.
 *   options  NULL for all defaults
 *   out      receives the socket; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL     `local` cannot be read, or a buffer is negative
 *   SLEY_EADDRINUSE, SLEY_EADDRNOTAVAIL, SLEY_EACCES
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_ENOSPC (the system's limit on watches)
 *   SLEY_EAGAIN     the I/O thread could not be started
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_udp_open(const char *local, const struct sley_udp_options *options,
                              struct sley_udp **out);

/* Fixes the peer: sends need no address, only its datagrams are received, and its errors are told
 * (see above). Again with another peer changes it. Datagrams that are in the queue already stay
 * there. 0, or SLEY_EINVAL (another family than the socket's), SLEY_ECLOSED, SLEY_EACCES,
 * SLEY_ENETUNREACH, SLEY_EHOSTUNREACH, SLEY_EADDRNOTAVAIL. Any thread; not while another task sends
 * or receives. Never parks. Since 0.1. */
SLEY_EXPORT int sley_udp_connect(struct sley_udp *udp, const struct sley_address *peer);

/* Sends one datagram, to `to`, or with NULL to the peer. Zero bytes are a datagram, too.
 * Returns 0: the system has taken all of it; or
 *   SLEY_EMSGSIZE       larger than a datagram can be here; nothing was sent
 *   SLEY_EINVAL         `to` is not of the socket's family, or there is neither `to` nor a peer
 *   SLEY_EACCES         a broadcast address, and the socket may not; or a firewall
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH   see above
 *   SLEY_EPERM          a firewall
 *   SLEY_ENOMEM         the system has no buffers
 *   SLEY_ECLOSED        sley_udp_close() was called
 *   SLEY_EBUSY          another task waits to send
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_udp_send(struct sley_udp *udp, const void *data, size_t size,
                              const struct sley_address *to);

/* Receives one datagram.
 *   buffer, size  where its bytes go. What does not fit is lost
 *   from          receives who has sent it; may be NULL
 * Returns the datagram's length in bytes, which is more than `size` if it was cut, and may be 0; or
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH   see above
 *   SLEY_ECLOSED, SLEY_EBUSY, SLEY_ENOMEM, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_udp_receive(struct sley_udp *udp, void *buffer, size_t size,
                                 struct sley_address *from);

/* One datagram of a batch. */
struct sley_datagram {
    void *data;               /* its bytes, or where they go; the caller's */
    size_t capacity;          /* receive: room at `data`. Not used by a send */
    size_t size;              /* send: bytes to send. Receive: set to the datagram's length, which
                                 is more than `capacity` if it was cut */
    struct sley_address peer; /* send: to whom; with {0}, to the socket's peer. Receive: set */
};

/* The most that one sley_udp_receive_batch() hands out. */
#define SLEY_UDP_BATCH 32

/* Sends `count` datagrams in order, many to a system call, waiting whenever the system has no room.
 *   sent  receives how many of them the system has taken, the first ones, also on failure; may be
 *         NULL
 * Returns 0: all; or an error as sley_udp_send(), which is about datagrams[*sent], or (the errors
 * of the network) about one sent before; then calling again with the rest goes on. An error of the
 * network that comes between two datagrams of one system call may go untold. From a task. May park.
 * Since 0.1. */
SLEY_EXPORT int sley_udp_send_batch(struct sley_udp *udp, const struct sley_datagram *datagrams,
                                    size_t count, size_t *sent);

/* Waits for a datagram, then takes what is there, at most `count` and at most SLEY_UDP_BATCH; it
 * never waits for a second one. Sets `size` and `peer` of those.
 * Returns how many, at least 1 (with count 0: 0), or an error as sley_udp_receive(). An error that
 * comes behind some datagrams is told by the next call. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_udp_receive_batch(struct sley_udp *udp, struct sley_datagram *datagrams,
                                       size_t count);

/* Joins, or leaves, a multicast group: its datagrams to the socket's port are received from now on.
 *   group      the group's address; the port does not matter
 *   interface  the network's name, as "eth0"; NULL: the system chooses
 * 0, or SLEY_EINVAL (not a multicast address, or of another family), SLEY_ENODEV (no such
 * interface, or no route to choose one by), SLEY_EADDRINUSE (joined already), SLEY_EADDRNOTAVAIL
 * (not joined), SLEY_ENOMEM (also: too many groups), SLEY_ECLOSED. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_udp_join_group(struct sley_udp *udp, const struct sley_address *group,
                                    const char *interface);
SLEY_EXPORT int sley_udp_leave_group(struct sley_udp *udp, const struct sley_address *group,
                                     const char *interface);

/* How multicast datagrams are sent from here on.
 *   interface  out of which network; NULL: the system chooses
 *   hops       how many routers they may pass, 0 .. 255; -1: the system's default, 1
 *   loop       whether receivers on this machine get them too
 * 0, or SLEY_EINVAL, SLEY_ENODEV, SLEY_ECLOSED. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_udp_multicast(struct sley_udp *udp, const char *interface, int hops,
                                   bool loop);

/* Its own address; that of its peer (SLEY_ENOTCONN if it has none). 0 or SLEY_ECLOSED. Any thread.
 * Never parks. Since 0.1. */
SLEY_EXPORT int sley_udp_local(const struct sley_udp *udp, struct sley_address *out);
SLEY_EXPORT int sley_udp_peer(const struct sley_udp *udp, struct sley_address *out);

/* Every call on it, those that wait included, returns SLEY_ECLOSED from here on. Any number of
 * times; NULL is fine. The port is given back by sley_udp_free(). Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_udp_close(struct sley_udp *udp);

/* Closes and frees it. No other task may be in a call on it or make one later: to stop a task that
 * is, sley_udp_close() it and wait for that task first. The close is such a call, too: SLEY_ECLOSED
 * says that it has begun, not that it has returned. NULL is fine. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_udp_free(struct sley_udp *udp);

#ifdef __cplusplus
}
#endif
#endif
