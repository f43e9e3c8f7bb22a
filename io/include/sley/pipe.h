/*
 * sley/pipe.h: streams (stream.h) over pipes, and over descriptors that came from elsewhere: the
 * standard ones of the process, terminals, files.
 */
#ifndef SLEY_PIPE_H
#define SLEY_PIPE_H

#include <sley/error.h>
#include <sley/export.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pipe: what is written to *writer is read from *reader. Untouched on failure.
 * 0, or SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN (the I/O thread could not be started),
 * SLEY_ENOTASK. From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_pipe(struct sley_stream **reader, struct sley_stream **writer);

/* Makes a stream of a descriptor, which is the stream's from then on (and still the caller's on
 * failure). It is made non-blocking and close-on-exec. What it is, the system is asked: a connected
 * TCP or Unix socket, a pipe or FIFO, a terminal or another device. What cannot be waited for (a
 * regular file, /dev/null) is read and written on threads of the blocking pool, at its current
 * position; there a call that has begun is waited for, whatever happens to the caller.
 * 0, or
 *   SLEY_EINVAL   it is none of these: a datagram socket, a directory, an epoll set
 *   -EBADF        it is not open
 *   SLEY_ENOMEM, SLEY_ENOSPC (the system's limit on watches), SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN
 *   SLEY_ENOTASK
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_stream_adopt(int descriptor, struct sley_stream **out);

/* A stream over the standard input, output or error of the process, whatever that is. The
 * descriptor itself stays open and is not touched: the stream has one of its own, so that other
 * processes that share a terminal or a pipe with this one do not find it non-blocking. (Where the
 * system does not allow to open it again, a terminal or pipe of another user's, it is non-blocking
 * for all until the last of such streams is freed; a close does not let go of it.) Errors as
 * sley_stream_adopt(). From a task. Never parks. Since 0.1.
 */
SLEY_EXPORT int sley_stdin_open(struct sley_stream **out);
SLEY_EXPORT int sley_stdout_open(struct sley_stream **out);
SLEY_EXPORT int sley_stderr_open(struct sley_stream **out);

#ifdef __cplusplus
}
#endif
#endif
