/*
 * sley/stream.h: a stream of bytes to somewhere else, and the calls that move them. One type for
 * all there is: TCP (tcp.h), Unix sockets (unix.h), pipes, terminals and files (pipe.h); none of
 * the calls below asks which it is.
 *
 * Written as plain blocking code. Each call tries the system call at once and parks the task only
 * when there is nothing to do yet. The calling task's deadline and cancellation end every call that
 * waits; a call that has already moved bytes says how many.
 *
 * One task may read a stream while another writes it. A second task that would have to wait in the
 * same direction gets SLEY_EBUSY.
 */
#ifndef SLEY_STREAM_H
#define SLEY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A stream. Owned by whoever opened or accepted it, until sley_stream_free(). */
struct sley_stream;

/* What a stream is made of. */
enum sley_stream_kind {
    SLEY_STREAM_TCP,
    SLEY_STREAM_UNIX,     /* a Unix socket */
    SLEY_STREAM_PIPE,     /* a pipe or FIFO: one direction */
    SLEY_STREAM_TERMINAL, /* a terminal, or another device that can be waited for */
    SLEY_STREAM_FILE,     /* what cannot be waited for: a regular file, /dev/null */
    SLEY_STREAM_TLS,      /* TLS over another stream */
};

/* Any thread. Never parks. Since 0.1. */
SLEY_EXPORT enum sley_stream_kind sley_stream_kind(const struct sley_stream *stream);

/* Reads what is there, at least one byte, at most `size` (and INT_MAX): how many, or
 *   SLEY_EOF         the peer has sent everything
 *   SLEY_ECONNRESET  the peer has broken the connection; also SLEY_ETIMEDOUT, SLEY_EHOSTUNREACH as
 *                    the kernel reports them. Here also if a write was told first, and from then on
 *                    each time, once what came before is read: never SLEY_EOF instead
 *   SLEY_ECLOSED     sley_stream_close() was called here
 *   SLEY_EBUSY       another task waits to read it
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 *   SLEY_EIO, -EBADF (it is open for writing only), and whatever else the system reports
 * With size 0 it returns 0. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_stream_read(struct sley_stream *stream, void *buffer, size_t size);

/* Writes all of it.
 *   written  receives the number of bytes that the kernel has taken, also on failure; may be NULL
 * Returns 0, or
 *   SLEY_EPIPE, SLEY_ECONNRESET   the peer does not take any more (no SIGPIPE is ever raised)
 *   SLEY_ENOSPC                   of a file
 *   SLEY_ECLOSED, SLEY_EBUSY, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK, others
 *                                 as sley_stream_read()
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_stream_write(struct sley_stream *stream, const void *data, size_t size,
                                  size_t *written);

/* The same with the bytes of several pieces, one after the other, in as few system calls as can be:
 * a header and a body leave in one packet.
 *   parts, count  the pieces; they are not changed
 * Errors as sley_stream_write(), and SLEY_EINVAL (count is negative, or the sizes add up to more
 * than a size_t holds). From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_stream_writev(struct sley_stream *stream, const struct iovec *parts, int count,
                                   size_t *written);

/* Says that nothing more will be written: the peer reads the end of the stream after what was
 * written before; reading goes on. 0, or SLEY_ECLOSED, SLEY_EPIPE if the connection is gone, or
 * SLEY_EINVAL if this cannot be said on such a stream (a terminal, a file, the reading end of a
 * pipe). From a task or any thread; never parks, but over TLS: from a task, may park, and the
 * errors of sley_stream_write(). Since 0.1. */
SLEY_EXPORT int sley_stream_shutdown(struct sley_stream *stream);

/* Ends it in both directions: every call on it, those that wait included, returns SLEY_ECLOSED from
 * here on. What was written before is still sent. Any number of times; NULL is fine. The descriptor
 * itself is given back by sley_stream_free(). Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_stream_close(struct sley_stream *stream);

/* Closes and frees it. No other task may be in a call on it or make one later: to stop a task that
 * is, sley_stream_close() it and wait for that task first. The close is such a call, too:
 * SLEY_ECLOSED says that it has begun, so a task that is told so must not free what another one
 * closes before it knows that the close has returned. NULL is fine. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_stream_free(struct sley_stream *stream);

/* --- names and options: any thread, never park, since 0.1 ------------------------------------- */

/* What the longest name needs, with the NUL. */
#define SLEY_STREAM_NAME_SIZE 112

/* The names of the two ends, NUL-terminated: "127.0.0.1:8000", "[::1]:8000"; of a Unix socket
 * "/run/name.sock", "@abstract", or "" for an end without a name. 0, SLEY_EMSGSIZE
 * (size too small), SLEY_ECLOSED, SLEY_EINVAL (such a stream has none), or what the system says
 * (the peer's is gone once the connection is). */
SLEY_EXPORT int sley_stream_local(const struct sley_stream *stream, char *buffer, size_t size);
SLEY_EXPORT int sley_stream_peer(const struct sley_stream *stream, char *buffer, size_t size);

/* TCP only: switches Nagle's algorithm off (true, the state of a new connection) or on. 0,
 * SLEY_ECLOSED, or SLEY_EINVAL. */
SLEY_EXPORT int sley_stream_nodelay(struct sley_stream *stream, bool nodelay);

/* Zero in a field means the system's default. Copied by the call. */
struct sley_keepalive {
    int64_t idle;     /* ns without a word from the peer, after which it is asked; whole seconds,
                         rounded up */
    int64_t interval; /* ns between the questions, likewise */
    int count;        /* so many questions without an answer end the connection: SLEY_ETIMEDOUT */
};

/* TCP only: has the kernel ask a silent peer whether it is still there; NULL switches it off, the
 * state of a new connection. 0, SLEY_ECLOSED, or SLEY_EINVAL (also: a value is negative, or more
 * than the system takes). */
SLEY_EXPORT int sley_stream_keepalive(struct sley_stream *stream,
                                      const struct sley_keepalive *keepalive);

/* TCP only: makes sley_stream_free() break the connection with a reset instead of ending it in
 * order, whatever is still to be sent. 0, SLEY_ECLOSED, or SLEY_EINVAL. */
SLEY_EXPORT int sley_stream_reset_on_close(struct sley_stream *stream);

/* The descriptor below it, which stays the stream's: to ask for what has no call here, or to be
 * handed to another process. It is non-blocking, and must be neither closed nor read or written
 * from. -1: there is none, or it is closed. */
SLEY_EXPORT int sley_stream_descriptor(const struct sley_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
