/*
 * stream.c: moving bytes. The contract is in <sley/stream.h>.
 *
 * Each call is the same loop: look at the readiness word, make the system call, and if it found
 * nothing wait on that word (reactor.c).
 *
 * A short read means that the socket's buffer is empty, so the next read parks without the system
 * call that would only say EAGAIN: an echo costs one read and one write. A short write means that
 * it is full. Where that is not so, stream_impl.h says.
 *
 * One type for everything, and the plain descriptor pays nothing for the others: every call has to
 * ask whether the stream is closed, anyway, and a layer (TLS, a regular file) has readiness words
 * that are closed from the beginning. So its functions are called from where a plain one would say
 * that it is closed. Rejected: a table of functions in every stream, an indirect call per read and
 * a second cache line for ten thousand idle ones; and a second type with the same calls, which
 * everything above (buffers, servers, HTTP) would have to be written twice for.
 *
 * Closing does not close the descriptor. Another thread may be on its way into a system call with
 * that number, and the number could by then belong to somebody else. A reference count on every
 * call would do (Go has one), at two atomic operations per read. Instead sley_stream_close() marks
 * the record and ends what the descriptor stands for, which ends every call that is on its way, and
 * the number is given back by sley_stream_free(), whose contract says that nobody is: nor in the
 * close itself, which ends what is marked while others find the mark and leave. (To wake the waiter
 * last would not help: who comes just then is told without waiting. And to end before marking would
 * let them read an end that the peer has not sent.) A socket is
 * ended by shutdown(2). For a pipe there is no such call; there the number is made a copy of
 * another descriptor of ours (the epoll set's, for one that is sure to be there), in one step: the
 * pipe is let go of, and the number stays taken.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "stream_impl.h"

enum {
    PARTS = 16,      /* pieces per system call; 256 bytes of the task's stack */
    GATHERED = 4096, /* bytes of small pieces for a layer, on the stack too */
};

/* --- opening ---------------------------------------------------------------------------------- */

static uint8_t traits_of(enum sley_stream_kind kind)
{
    switch (kind) {
    case SLEY_STREAM_TCP:
        return SLEY__IS_SOCKET | SLEY__SHORT_IS_ALL;
    case SLEY_STREAM_UNIX:
        return SLEY__IS_SOCKET;
    default:
        return 0;
    }
}

int sley__stream_add(struct sley__reactor *reactor, int descriptor, enum sley_stream_kind kind,
                     struct sley_stream **out)
{
    struct sley__fd *fd;
    int error = sley__fd_add(reactor, descriptor, &fd);

    if (error)
        return error;
    fd->kind = (uint8_t)kind;
    fd->traits = traits_of(kind);
    sley__breakage_init(&fd->breakage);
    *out = container_of(fd, struct sley_stream, fd);
    return 0;
}

int sley__stream_adopt(struct sley__reactor *reactor, int descriptor, enum sley_stream_kind kind,
                       struct sley_stream **out)
{
    int error = sley__stream_add(reactor, descriptor, kind, out);

    if (error)
        close(descriptor);
    return error;
}

int sley__stream_open(int descriptor, enum sley_stream_kind kind, struct sley_stream **out)
{
    struct sley__io *io;
    int error = sley__io_get(&io);

    if (!error)
        return sley__stream_adopt(&io->reactor, descriptor, kind, out);
    close(descriptor);
    return error;
}

void sley__layer_init(struct sley__layer *layer, enum sley_stream_kind kind,
                      const struct sley__layer_calls *calls, struct sley_stream *below)
{
    struct sley__waker nobody;

    *layer = (struct sley__layer){.calls = calls, .below = below};
    layer->stream.fd.fd = -1;
    layer->stream.fd.kind = (uint8_t)kind;
    layer->stream.fd.traits = SLEY__IS_LAYER;
    ensure(!sley__readiness_close(&layer->stream.fd.read, &nobody));
    ensure(!sley__readiness_close(&layer->stream.fd.write, &nobody));
}

enum sley_stream_kind sley_stream_kind(const struct sley_stream *stream)
{
    return (enum sley_stream_kind)stream->fd.kind;
}

/* --- reading ---------------------------------------------------------------------------------- */

static NOINLINE int read_layer(struct sley_stream *stream, void *buffer, size_t size)
{
    if (!sley__is_layer(stream))
        return SLEY_ECLOSED;
    return sley__layer_of(stream)->calls->read(stream, buffer, size);
}

static ALWAYS_INLINE int try_read(struct sley__fd *fd, void *buffer, size_t size)
{
    if (likely(fd->traits & SLEY__IS_SOCKET))
        return sley__sys_recv(fd->fd, buffer, size);
    return sley__sys_read(fd->fd, buffer, size);
}

/* A system call found the end of the stream, or an error: what the reader is to be told, or 0,
 * which says that it must be tried again. */
static NOINLINE int read_ended(struct sley__fd *fd, int result)
{
    int broken;

    if (result == -EINTR)
        return 0;
    if (result < 0) {
        sley__breakage_note(&fd->breakage, result);
        return sley__fd_error(fd, result);
    }
    broken = sley__breakage_at_end(&fd->breakage);
    if (broken == SLEY_EAGAIN)
        return 0;
    return sley__fd_error(fd, broken ? broken : SLEY_EOF);
}

/* One try: how many bytes, SLEY_EAGAIN where it is to wait, another error, or 0, which says that it
 * must be tried again. */
static ALWAYS_INLINE int read_plain(struct sley__fd *fd, void *buffer, size_t size, uint64_t seen)
{
    int result;

    if (sley__readiness_empty(seen))
        return SLEY_EAGAIN;
    result = try_read(fd, buffer, size);
    if (likely(result > 0)) {
        if ((size_t)result < size && fd->traits & SLEY__SHORT_IS_ALL)
            sley__readiness_clear(&fd->read, seen);
        sley__wait_spend();
        return result;
    }
    return sley__would_block(result) ? SLEY_EAGAIN : read_ended(fd, result);
}

int sley_stream_read(struct sley_stream *stream, void *buffer, size_t size)
{
    struct sley__fd *fd = &stream->fd;
    int result = sley__wait_check();

    while (!result && size) {
        uint64_t seen = sley__readiness_look(&fd->read);

        if (sley__readiness_closed(seen))
            return read_layer(stream, buffer, size);
        result = read_plain(fd, buffer, size, seen);
        if (result == SLEY_EAGAIN)
            result = sley__fd_wait(&fd->read, seen, "read");
    }
    return result;
}

int sley__stream_try_read(struct sley_stream *stream, void *buffer, size_t size)
{
    struct sley__fd *fd = &stream->fd;
    uint64_t seen;
    int result;

    do {
        seen = sley__readiness_look(&fd->read);
        if (sley__readiness_closed(seen))
            return read_layer(stream, buffer, size);
        result = read_plain(fd, buffer, size, seen);
    } while (!result);
    if (result == SLEY_EAGAIN)
        sley__readiness_clear(&fd->read, seen);
    return result;
}

int sley__stream_await(struct sley_stream *stream)
{
    uint64_t seen = sley__readiness_look(&stream->fd.read);

    if (sley__readiness_closed(seen))
        return sley__is_layer(stream) ? 0 : SLEY_ECLOSED;
    return sley__readiness_empty(seen) ? sley__fd_wait(&stream->fd.read, seen, "read") : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int try_send(struct sley__fd *fd, const struct iovec *parts, int count, size_t size)
{
    int result;

    sley__breakage_write_begins(&fd->breakage);
    result = count == 1 ? sley__sys_send(fd->fd, parts->iov_base, size)
                        : sley__sys_sendv(fd->fd, parts, count);
    sley__breakage_write_ends(&fd->breakage, result);
    return result;
}

/* One system call, for `size` bytes in all. */
static int try_write(struct sley__fd *fd, const struct iovec *parts, int count, size_t size)
{
    if (fd->traits & SLEY__IS_SOCKET)
        return try_send(fd, parts, count, size);
    return sley__sys_writev(fd->fd, parts, count, fd->kind == SLEY_STREAM_PIPE);
}

/* Writes some: how many bytes, or an error. 0 says that it must be tried again. */
static int write_some(struct sley__fd *fd, const struct iovec *parts, int count, size_t size)
{
    uint64_t seen = sley__readiness_look(&fd->write);
    int result;

    if (sley__readiness_closed(seen))
        return SLEY_ECLOSED;
    result = sley__readiness_empty(seen) ? -EAGAIN : try_write(fd, parts, count, size);
    if (result >= 0) {
        if ((size_t)result < size && fd->traits & SLEY__SHORT_IS_ALL)
            sley__readiness_clear(&fd->write, seen);
        return result;
    }
    if (sley__would_block(result))
        return sley__fd_wait(&fd->write, seen, "write");
    return result == -EINTR ? 0 : sley__fd_error(fd, result);
}

static int write_plain(struct sley__fd *fd, const void *data, size_t size, size_t *done)
{
    int result = 0;

    while (result >= 0 && *done < size) {
        struct iovec part = {(char *)(uintptr_t)data + *done, size - *done};

        result = write_some(fd, &part, 1, part.iov_len);
        *done += result > 0 ? (size_t)result : 0;
    }
    return result < 0 ? result : 0;
}

int sley_stream_write(struct sley_stream *stream, const void *data, size_t size, size_t *written)
{
    size_t done = 0;
    int error = sley__wait_check();

    if (!error && size) {
        error = sley__is_layer(stream)
                    ? sley__layer_of(stream)->calls->write(stream, data, size, &done)
                    : write_plain(&stream->fd, data, size, &done);
        if (!error)
            sley__wait_spend();
    }
    if (written)
        *written = done;
    return error;
}

/* What is still to be written of several pieces. */
struct rest {
    const struct iovec *parts;
    int count;
    size_t skip; /* bytes of the first part that are written */
    size_t size; /* bytes that are not, of all parts */
};

/* The next pieces, for one system call; how many, and their size. */
static int next_parts(const struct rest *rest, struct iovec out[PARTS], size_t *size)
{
    size_t skip = rest->skip;
    int count = 0;

    *size = 0;
    for (int i = 0; i < rest->count && count < PARTS; i++, skip = 0) {
        if (rest->parts[i].iov_len == skip)
            continue;
        out[count].iov_base = (char *)rest->parts[i].iov_base + skip;
        out[count].iov_len = rest->parts[i].iov_len - skip;
        *size += out[count++].iov_len;
    }
    return count;
}

static void advance(struct rest *rest, size_t done)
{
    rest->size -= done;
    done += rest->skip;
    while (rest->count && done >= rest->parts->iov_len) {
        done -= rest->parts->iov_len;
        rest->parts++;
        rest->count--;
    }
    rest->skip = done;
}

static int write_parts(struct sley__fd *fd, struct rest *rest)
{
    struct iovec parts[PARTS];
    int result = 0;

    while (result >= 0 && rest->size) {
        size_t size;
        int count = next_parts(rest, parts, &size);

        result = write_some(fd, parts, count, size);
        if (result > 0)
            advance(rest, (size_t)result);
    }
    return result < 0 ? result : 0;
}

/* The first bytes of the pieces, in one; how many. */
static size_t gather(const struct iovec *parts, int count, char buffer[GATHERED])
{
    size_t size = 0;

    for (int i = 0; i < count && size < GATHERED; i++) {
        size_t room = GATHERED - size, more = parts[i].iov_len < room ? parts[i].iov_len : room;

        memcpy(buffer + size, parts[i].iov_base, more);
        size += more;
    }
    return size;
}

/* To a layer a call is a unit (a record, with its own header and seal): small pieces are put
 * together before it. */
static NOINLINE int write_some_to_layer(struct sley_stream *stream, struct rest *rest)
{
    const struct sley__layer_calls *calls = sley__layer_of(stream)->calls;
    struct iovec parts[PARTS] = {0};
    char buffer[GATHERED];
    size_t size, done = 0;
    int error, count = next_parts(rest, parts, &size);

    ensure(count > 0);
    if (count > 1 && parts[0].iov_len < GATHERED)
        error = calls->write(stream, buffer, gather(parts, count, buffer), &done);
    else
        error = calls->write(stream, parts[0].iov_base, parts[0].iov_len, &done);
    advance(rest, done);
    return error;
}

static int write_parts_to_layer(struct sley_stream *stream, struct rest *rest)
{
    int error = 0;

    while (!error && rest->size)
        error = write_some_to_layer(stream, rest);
    return error;
}

int sley_stream_writev(struct sley_stream *stream, const struct iovec *parts, int count,
                       size_t *written)
{
    struct rest rest = {parts, count, 0, 0};
    size_t size;
    int error = count < 0 ? SLEY_EINVAL : sley__wait_check();

    for (int i = 0; i < count; i++)
        if (__builtin_add_overflow(rest.size, parts[i].iov_len, &rest.size))
            error = SLEY_EINVAL;
    size = rest.size;
    if (!error && size) {
        error = sley__is_layer(stream) ? write_parts_to_layer(stream, &rest)
                                       : write_parts(&stream->fd, &rest);
        if (!error)
            sley__wait_spend();
    }
    if (written)
        *written = size - rest.size;
    return error;
}

/* --- ending ----------------------------------------------------------------------------------- */

/* Lets go of what the descriptor stands for; its record is closed already. Two threads at once do
 * it twice, to no harm. Any thread. */
static void let_go(struct sley__fd *fd)
{
    if (fd->traits & SLEY__RESTORE)
        return; /* restore.c says why it must wait for the free; others have it open anyway */
    if (fd->traits & SLEY__COPIED)
        sley__fd_leave(fd);
    (void)dup3(fd->reactor->set, fd->fd, O_CLOEXEC); /* EBUSY, EINTR: then at the free */
}

static int shutdown_plain(struct sley__fd *fd)
{
    int error;

    if (sley__fd_closed(fd))
        return SLEY_ECLOSED;
    if (fd->traits & SLEY__IS_SOCKET) {
        error = sley__sys_shutdown(fd->fd, SHUT_WR);
        return error == -ENOTCONN ? sley__fd_error(fd, SLEY_EPIPE) : error;
    }
    if (fd->kind != SLEY_STREAM_PIPE || !sley__sys_only_writes(fd->fd))
        return SLEY_EINVAL;
    sley_stream_close(container_of(fd, struct sley_stream, fd));
    return 0;
}

int sley_stream_shutdown(struct sley_stream *stream)
{
    if (sley__is_layer(stream))
        return sley__layer_of(stream)->calls->shutdown(stream);
    return shutdown_plain(&stream->fd);
}

void sley_stream_close(struct sley_stream *stream)
{
    struct sley__fd *fd;

    if (!stream)
        return;
    if (sley__is_layer(stream)) {
        sley__layer_of(stream)->calls->close(stream);
        return;
    }
    fd = &stream->fd;
    if (sley__fd_closed(fd))
        return;
    sley__fd_close(fd);
    if (fd->traits & SLEY__IS_SOCKET)
        (void)sley__sys_shutdown(fd->fd, SHUT_RDWR); /* ENOTCONN: the peer was faster */
    else
        let_go(fd);
}

void sley_stream_free(struct sley_stream *stream)
{
    if (!stream)
        return;
    if (sley__is_layer(stream)) {
        sley__layer_of(stream)->calls->free(stream);
        return;
    }
    if (stream->fd.traits & SLEY__RESTORE)
        sley__restore_leave(stream->fd.fd);
    if (stream->fd.traits & SLEY__COPIED)
        sley__fd_leave(&stream->fd);
    sley__fd_remove(&stream->fd);
}
