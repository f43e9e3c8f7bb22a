/*
 * sley/tcp.h: TCP connections.
 *
 * Written as plain blocking code. Each call tries the system call at once and parks the task only
 * when there is nothing to do yet. The calling task's deadline and cancellation end every call that
 * waits; a call that has already moved bytes says how many.
 *
 * One task may read a connection while another writes it. A second task that would have to wait in
 * the same direction gets SLEY_EBUSY.
 */
#ifndef SLEY_TCP_H
#define SLEY_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A listening socket. Owned by whoever called sley_tcp_listen(), until sley_tcp_listener_free(). */
struct sley_tcp_listener;

/* A connection. Owned by whoever accepted or connected it, until sley_tcp_free(). */
struct sley_tcp;

/* Zero in a field means its default. Copied by the call. */
struct sley_tcp_listen_options {
    int backlog;    /* connections the kernel queues before they are accepted. Default 1024; the
                       system's own limit (net.core.somaxconn) is applied silently */
    bool reuseport; /* several sockets may listen on the same port; the kernel spreads the load */
};

/* Listens on `address`, "HOST:PORT" with a numeric host: "127.0.0.1:8000", "[::1]:8000", ":8000"
 * (all IPv4 addresses). Port 0 takes a free one, which sley_tcp_listener_port() tells.
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
                                struct sley_tcp_listener **out);

/* The port it listens on. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_listener_port(const struct sley_tcp_listener *listener);

/* Waits for a connection and hands it out in *out, with Nagle's algorithm switched off.
 *
 * When the process has no descriptor left, the connection at the head of the queue is taken and
 * closed at once (a descriptor is held in reserve for that), so that its client learns of it and
 * the queue does not stand still, and the call returns SLEY_EMFILE (SLEY_ENFILE); the caller may
 * simply call again after some rest: see sley_tcp_accept_error_passes().
 *
 * Returns 0, or
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM
 *   SLEY_ECLOSED    the listener has been closed
 *   SLEY_EBUSY      another task waits in accept on this listener
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * A connection that died in the queue is skipped, never reported. From a task. May park.
 * Since 0.1. */
SLEY_EXPORT int sley_tcp_accept(struct sley_tcp_listener *listener, struct sley_tcp **out);

/* True for the errors of sley_tcp_accept() after which an accept loop should rest for a while (10
 * ms, say) and go on: SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM. Any thread. Since 0.1. */
SLEY_EXPORT bool sley_tcp_accept_error_passes(int error);

/* Ends listening: the kernel refuses new connections from here on, and every accept on it, the one
 * that waits included, returns SLEY_ECLOSED. May be called by any task, any number of times; NULL
 * is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_tcp_listener_close(struct sley_tcp_listener *listener);

/* Closes and frees it. No other task may be in a call on it or make one later. NULL is fine.
 * Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_tcp_listener_free(struct sley_tcp_listener *listener);

/* Connects to `host`, a numeric address or a name, at `port`. A name is resolved off the workers,
 * and its addresses are tried in the order in which the system prefers them, until one answers.
 *   out  receives the connection, Nagle's algorithm switched off; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL     the host is empty or longer than 255 bytes, or the port is not 1 .. 65535
 *   SLEY_ENAME      the name could not be resolved
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH, SLEY_ECONNRESET, SLEY_EADDRNOTAVAIL
 *                   of the last address that was tried; also SLEY_ETIMEDOUT if the kernel gave up
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN (the I/O thread could not be started)
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_connect(const char *host, int port, struct sley_tcp **out);

/* Reads what is there, at least one byte, at most `size` (and INT_MAX): how many, or
 *   SLEY_EOF         the peer has sent everything
 *   SLEY_ECONNRESET  the peer has broken the connection; also SLEY_ETIMEDOUT, SLEY_EHOSTUNREACH as
 *                    the kernel reports them
 *   SLEY_ECLOSED     sley_tcp_close() was called here
 *   SLEY_EBUSY       another task waits to read it
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * With size 0 it returns 0. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_tcp_read(struct sley_tcp *tcp, void *buffer, size_t size);

/* Writes all of it.
 *   written  receives the number of bytes that the kernel has taken, also on failure; may be NULL
 * Returns 0, or
 *   SLEY_EPIPE, SLEY_ECONNRESET   the peer does not take any more (no SIGPIPE is ever raised)
 *   SLEY_ECLOSED, SLEY_EBUSY, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK   as sley_tcp_read()
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_tcp_write(struct sley_tcp *tcp, const void *data, size_t size,
                               size_t *written);

/* Says that nothing more will be written: the peer reads the end of the stream after what was
 * written before; reading goes on. 0, or SLEY_ECLOSED, or SLEY_EPIPE if the connection is gone.
 * Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_shutdown(struct sley_tcp *tcp);

/* Switches Nagle's algorithm off (true, the state of a new connection) or on. 0, SLEY_ECLOSED, or
 * SLEY_EINVAL. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_nodelay(struct sley_tcp *tcp, bool nodelay);

/* Makes sley_tcp_free() break the connection with a reset instead of ending it in order, whatever
 * is still to be sent. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_reset_on_close(struct sley_tcp *tcp);

/* The addresses of the two ends as "127.0.0.1:8000" or "[::1]:8000", NUL-terminated; the longest
 * needs 72 bytes. 0, SLEY_EMSGSIZE (size too small), SLEY_ECLOSED, or what the system says (the
 * peer's is gone once the connection is). Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_tcp_local(const struct sley_tcp *tcp, char *buffer, size_t size);
SLEY_EXPORT int sley_tcp_peer(const struct sley_tcp *tcp, char *buffer, size_t size);

/* Ends the connection in both directions: every call on it, those that wait included, returns
 * SLEY_ECLOSED from here on. What was written before is still sent. Any number of times; NULL is
 * fine. The descriptor itself is given back by sley_tcp_free(). Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_tcp_close(struct sley_tcp *tcp);

/* Closes and frees it. No other task may be in a call on it or make one later: to stop a task that
 * is, sley_tcp_close() it and wait for that task first. NULL is fine. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_tcp_free(struct sley_tcp *tcp);

#ifdef __cplusplus
}
#endif
#endif
