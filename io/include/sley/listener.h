/*
 * sley/listener.h: where connections come in. One type for all kinds: sley_tcp_listen() in tcp.h
 * and sley_unix_listen() in unix.h make one; sley_serve() in serve.h does the accepting.
 */
#ifndef SLEY_LISTENER_H
#define SLEY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A listening socket. Owned by whoever opened it, until sley_listener_free(). */
struct sley_listener;

/* Waits for a connection and hands it out in *out; a TCP connection has Nagle's algorithm switched
 * off.
 *
 * When the process has no descriptor left, the connection at the head of the queue is taken and
 * closed at once (a descriptor is held in reserve for that), so that its client learns of it and
 * the queue does not stand still, and the call returns SLEY_EMFILE (SLEY_ENFILE); the caller may
 * simply call again after some rest: see sley_accept_error_passes().
 *
 * Returns 0, or
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_ENOSPC (the system's limit on watches)
 *   SLEY_ECLOSED    the listener has been closed
 *   SLEY_EBUSY      another task waits in accept on this listener
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * A connection that died in the queue is skipped, never reported. From a task. May park.
 * Since 0.1. */
SLEY_EXPORT int sley_listener_accept(struct sley_listener *listener, struct sley_stream **out);

/* True for the errors of sley_listener_accept() after which an accept loop should rest for a while
 * (10 ms, say) and go on: SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_ENOSPC. Any thread.
 * Since 0.1. */
SLEY_EXPORT bool sley_accept_error_passes(int error);

/* The port it listens on; SLEY_EINVAL if it is no TCP listener. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_listener_port(const struct sley_listener *listener);

/* Its name, as sley_stream_local(). Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_listener_name(const struct sley_listener *listener, char *buffer, size_t size);

/* Ends listening: the kernel refuses new connections from here on, and every accept on it, the one
 * that waits included, returns SLEY_ECLOSED. Any number of times; NULL is fine. Any thread. Never
 * parks. Since 0.1. */
SLEY_EXPORT void sley_listener_close(struct sley_listener *listener);

/* Closes and frees it. No other task may be in a call on it or make one later. A
 * sley_listener_close() is such a call, too: SLEY_ECLOSED says that it has begun, so a task that is
 * told so must not free what another one closes before it knows that the close has returned. NULL
 * is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_listener_free(struct sley_listener *listener);

#ifdef __cplusplus
}
#endif
#endif
