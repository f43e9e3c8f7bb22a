/*
 * sley/tcp.h: TCP: where listeners (listener.h) and streams (stream.h) come from.
 */
#ifndef SLEY_TCP_H
#define SLEY_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/listener.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero in a field means its default. Copied by the call. */
struct sley_tcp_listen_options {
    int backlog;    /* connections the kernel queues before they are accepted. Default 1024; the
                       system's own limit (net.core.somaxconn) is applied silently */
    bool reuseport; /* several sockets may listen on the same port; the kernel spreads the load */
};

/* Listens on `address`, "HOST:PORT" with a numeric host: "127.0.0.1:8000", "[::1]:8000", ":8000"
 * (all IPv4 addresses). Port 0 takes a free one, which sley_listener_port() tells.
 *   options  NULL for all defaults
 *   out      receives the listener; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL        the address cannot be read as HOST:PORT
 *   SLEY_EADDRINUSE, SLEY_EADDRNOTAVAIL, SLEY_EACCES
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM
 *   SLEY_EAGAIN        the I/O thread could not be started
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *   SLEY_ENOTASK       not on a task
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_listen(const char *address, const struct sley_tcp_listen_options *options,
                                struct sley_listener **out);

/* Zero in a field means its default. Copied by the call. */
struct sley_tcp_connect_options {
    const char *from; /* a numeric address of this machine, without a port, to connect from; names
                         are then connected to at addresses of its family only. Default: the
                         system chooses */
    int64_t attempt_delay; /* ns that an address of a name has to answer before the next one is
                              tried beside it. Default 250 ms */
};

/* Connects to `host`, a numeric address or a name, at `port`. A name is resolved by the
 * runtime's resolver (dns.h). Its addresses race (Happy Eyeballs, RFC 8305): in the order in which
 * the system prefers them, but the families in turn, the next one is tried as soon as the one
 * before has failed or had its time; the first that answers is taken and the others are given up.
 * It begins when IPv6 addresses are known, or those of IPv4 for 50 ms, and takes in the others when
 * they come.
 *   options  NULL for all defaults
 *   out      receives the connection, Nagle's algorithm switched off; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL     the host is empty or longer than 255 bytes, the port is not 1 .. 65535,
 *                   `from` is not numeric, or the delay is negative
 *   SLEY_ENAME      the name could not be resolved
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH, SLEY_ECONNRESET, SLEY_EADDRNOTAVAIL
 *                   of the address that has failed last; also SLEY_ETIMEDOUT if the kernel gave up
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN (the I/O thread could not be started)
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_connect(const char *host, int port,
                                 const struct sley_tcp_connect_options *options,
                                 struct sley_stream **out);

#ifdef __cplusplus
}
#endif
#endif
