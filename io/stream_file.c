/*
 * stream_file.c: streams over what cannot be waited for, so that a program that reads its standard
 * input need not ask whether that is a terminal or `< file`.
 *
 * epoll refuses regular files: for the kernel they are always ready, and a read of one that has to
 * come from a disk blocks the thread that makes it. So each call goes to a thread for files. It is
 * at the descriptor's own position, not at one that we keep: the position is shared with whoever
 * has given us the descriptor, and appending depends on it.
 *
 * A call that has begun is waited for: it works in the caller's memory, and it ends soon.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sley/blocking.h>

#include "stream_impl.h"

struct call {
    int fd;
    void *buffer;
    size_t size;
};

/* On a thread for files. */
static int read_file(void *arg)
{
    struct call *call = arg;
    int result;

    do
        result = sley__sys_read(call->fd, call->buffer, call->size);
    while (result == -EINTR);
    return result;
}

static int write_file(void *arg)
{
    struct call *call = arg;
    struct iovec part = {call->buffer, call->size};
    int result;

    do
        result = sley__sys_writev(call->fd, &part, 1, false);
    while (result == -EINTR);
    return result;
}

static int call_file(struct sley_stream *stream, int (*fn)(void *arg), void *buffer, size_t size)
{
    static const struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};
    struct call call = {stream->fd.fd, buffer, size};
    int result, error;

    /* Relaxed: it is only asked whether; the descriptor is open until the free. */
    if (load_relaxed(&sley__layer_of(stream)->closed))
        return SLEY_ECLOSED;
    error = sley_to_thread_with(fn, &call, &files, &result);
    return error ? error : result;
}

static int file_read(struct sley_stream *stream, void *buffer, size_t size)
{
    int result = call_file(stream, read_file, buffer, size);

    return result ? result : SLEY_EOF;
}

static int file_write(struct sley_stream *stream, const void *data, size_t size, size_t *written)
{
    int result = 0;

    while (result >= 0 && *written < size) {
        result = call_file(stream, write_file, (char *)(uintptr_t)data + *written, size - *written);
        *written += result > 0 ? (size_t)result : 0;
    }
    return result < 0 ? result : 0;
}

static int file_shutdown(struct sley_stream *stream)
{
    return load_relaxed(&sley__layer_of(stream)->closed) ? SLEY_ECLOSED : SLEY_EINVAL;
}

static void file_close(struct sley_stream *stream)
{
    store_relaxed(&sley__layer_of(stream)->closed, true);
}

static void file_free(struct sley_stream *stream)
{
    close(stream->fd.fd);
    free(sley__layer_of(stream));
}

int sley__file_stream_new(int descriptor, struct sley_stream **out)
{
    static const struct sley__layer_calls calls = {file_read, file_write, file_shutdown, file_close,
                                                   file_free};
    struct sley__layer *layer = malloc(sizeof(*layer));

    if (!layer)
        return SLEY_ENOMEM;
    sley__layer_init(layer, SLEY_STREAM_FILE, &calls, NULL);
    layer->stream.fd.fd = descriptor;
    *out = &layer->stream;
    return 0;
}
