/*
 * stream_impl.h: what a stream is, for those who make one. stream.c has the idea.
 *
 * Either a stream is a descriptor in the reactor: its record there and nothing else, so that ten
 * thousand idle ones cost ten thousand cache lines and what the kernel needs. Or it is a layer:
 * something that has functions of its own for the five calls, mostly over another stream.
 */
#ifndef SLEY_STREAM_IMPL_H
#define SLEY_STREAM_IMPL_H

#include <sley/stream.h>

#include "reactor.h"
#include "socket.h"

/* What is worth knowing of a stream on the way to a system call: sley__fd.traits. */
enum {
    SLEY__IS_SOCKET = 1,
    /* A call that moves less than it was asked for has found the end of what there is, so the next
     * one would find nothing. Not so for terminals (a line at a time) and Unix sockets (a read ends
     * where descriptors were sent along). */
    SLEY__SHORT_IS_ALL = 2,
    SLEY__IS_LAYER = 4,
    /* It was made non-blocking for others as well: its free is to call sley__restore_leave(). */
    SLEY__RESTORE = 8,
    /* This process may have other descriptors of the same thing: it came from outside. */
    SLEY__COPIED = 16,
};

struct sley_stream {
    struct sley__fd fd; /* and nothing else: they are one and the same record */
};

_Static_assert(sizeof(struct sley_stream) == sizeof(struct sley__fd), "a stream is a sley__fd");

static inline struct sley__fd *sley__stream_fd(const struct sley_stream *stream)
{
    return (struct sley__fd *)(uintptr_t)&stream->fd;
}

/* Makes a stream of a descriptor that is non-blocking and can be watched; on failure it is closed.
 * 0, or SLEY_ENOMEM, SLEY_ENOSPC (the system's limit on watches), SLEY_EPERM (cannot be watched).
 * Any thread. Never parks. */
MUST_USE int sley__stream_adopt(struct sley__reactor *reactor, int descriptor,
                                enum sley_stream_kind kind, struct sley_stream **out);

/* The same, but on failure the descriptor stays the caller's. */
MUST_USE int sley__stream_add(struct sley__reactor *reactor, int descriptor,
                              enum sley_stream_kind kind, struct sley_stream **out);

/* sley__stream_adopt() in the calling task's runtime, with the errors of sley__io_get() besides.
 * From a task. Never parks. */
MUST_USE int sley__stream_open(int descriptor, enum sley_stream_kind kind,
                               struct sley_stream **out);

/* True if a read would find nothing: for who wants to give something back before it waits. False
 * does not mean that it would not wait. From a task. */
static inline bool sley__stream_must_wait(const struct sley_stream *stream)
{
    return sley__readiness_empty(sley__readiness_look(&stream->fd.read));
}

/* Waits until a read is worth a try; after sley__stream_must_wait() only. 0, or the errors of
 * sley__fd_wait(). From a task. Parks. */
MUST_USE int sley__stream_await(struct sley_stream *stream);

/* sley_stream_read() of size > 0 for who wants to wait without a buffer: SLEY_EAGAIN instead of a
 * wait, and then sley__stream_must_wait() is true unless something has come since. A layer is read
 * as ever. From a task, which has looked whether it is cancelled or late. May park in a layer. */
MUST_USE int sley__stream_try_read(struct sley_stream *stream, void *buffer, size_t size);

/* --- layers ----------------------------------------------------------------------------------- */

/* What the public calls of the same names do. All have their arguments checked: read and write are
 * called from a task that is neither cancelled nor late, with size > 0; *written is 0 and never
 * NULL. */
struct sley__layer_calls {
    int (*read)(struct sley_stream *stream, void *buffer, size_t size);
    int (*write)(struct sley_stream *stream, const void *data, size_t size, size_t *written);
    int (*shutdown)(struct sley_stream *stream);
    void (*close)(struct sley_stream *stream);
    void (*free)(struct sley_stream *stream); /* the memory, too */
};

/* Embedded as the first thing in what a layer is. The readiness words of its record are closed from
 * the beginning: that is where the plain path leaves for the layer's. */
struct sley__layer {
    struct sley_stream stream;
    const struct sley__layer_calls *calls;
    struct sley_stream *below; /* has the names and options; NULL: it has none */
    atomic(bool) closed;       /* for the layer's use; any thread */
};

void sley__layer_init(struct sley__layer *layer, enum sley_stream_kind kind,
                      const struct sley__layer_calls *calls, struct sley_stream *below);

static inline struct sley__layer *sley__layer_of(const struct sley_stream *stream)
{
    return container_of((struct sley_stream *)(uintptr_t)stream, struct sley__layer, stream);
}

static inline bool sley__is_layer(const struct sley_stream *stream)
{
    return stream->fd.traits & SLEY__IS_LAYER;
}

/* --- kinds ------------------------------------------------------------------------------------ */

/* restore.c: makes non-blocking what is shared with others, of which `fd` and the standard number
 * are descriptors. 1: sley__restore_leave() must follow; 0: it was so before; SLEY_ENOMEM, or what
 * the system says. The other: puts it right if that was the last one. Any thread. */
MUST_USE int sley__restore_join(int fd, int number);
void sley__restore_leave(int fd);

/* stream_file.c: a stream over what cannot be watched. 0 or SLEY_ENOMEM; then the descriptor stays
 * the caller's. Any thread. */
MUST_USE int sley__file_stream_new(int descriptor, struct sley_stream **out);

/* unix.c: the name of one end of a Unix socket. 0, SLEY_EMSGSIZE, or what the system says. Any
 * thread. */
MUST_USE int sley__unix_name(int fd, bool peer, char *buffer, size_t size);

/* --- for whoever makes system calls on a descriptor ------------------------------------------- */

/* What a system call's error is to the caller: after a close everything is SLEY_ECLOSED. */
static inline int sley__fd_error(const struct sley__fd *fd, int error)
{
    return sley__fd_closed(fd) ? SLEY_ECLOSED : error;
}

static inline bool sley__would_block(int error)
{
    return error == -EAGAIN || error == -EWOULDBLOCK;
}

#endif
