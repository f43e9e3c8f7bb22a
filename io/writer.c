/*
 * writer.c: writing through a buffer. The contract is in <sley/buffered.h>.
 *
 * Small pieces are copied, until they fill the buffer; a piece that is larger than the room goes
 * out together with what waits before it, in one system call and without a copy. What a call could
 * not write stays, so a cancel or a deadline loses nothing and the next call goes on where it
 * ended.
 *
 * There is no task behind it that writes: who produces faster than the peer takes is held up in its
 * own call, which is all the flow control that is needed, and an error comes to the one who can do
 * something about it. asyncio's drain() is here for loops that are written with it.
 *
 * The memory is there only while bytes wait: between two answers a connection costs none.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/buffered.h>

#include "buffers.h"
#include "stream_impl.h"

#ifdef SLEY_HOSTILE
enum { BUFFER = 5 };
#else
enum { BUFFER = 16 * 1024 };
#endif

struct sley_writer {
    struct sley_stream *stream;
    size_t capacity, mark;
    char *buffer; /* NULL: none at present */
    size_t held;  /* what it was taken with */
    size_t start, end;
};

int sley_writer_new(struct sley_stream *stream, const struct sley_writer_options *options,
                    struct sley_writer **out)
{
    struct sley_writer *writer;
    size_t capacity = options && options->buffer ? options->buffer : BUFFER;
    size_t mark = options && options->mark ? options->mark : (capacity + 1) / 2;

    if (capacity > PTRDIFF_MAX / 4 || mark > capacity)
        return SLEY_EINVAL;
    writer = calloc(1, sizeof(*writer));
    if (!writer)
        return SLEY_ENOMEM;
    writer->stream = stream;
    writer->capacity = capacity;
    writer->mark = mark;
    *out = writer;
    return 0;
}

void sley_writer_free(struct sley_writer *writer)
{
    if (!writer)
        return;
    sley__buffer_give(writer->buffer, writer->held);
    free(writer);
}

size_t sley_writer_waiting(const struct sley_writer *writer)
{
    return writer->end - writer->start;
}

/* `done` bytes of those that wait have been written. */
static void drop(struct sley_writer *writer, size_t done)
{
    writer->start += done;
    if (writer->start < writer->end)
        return;
    sley__buffer_give(writer->buffer, writer->held);
    writer->buffer = NULL;
    writer->start = writer->end = 0;
}

int sley_writer_flush(struct sley_writer *writer)
{
    size_t done = 0;
    int error;

    if (!sley_writer_waiting(writer))
        return sley__wait_check();
    error = sley_stream_write(writer->stream, writer->buffer + writer->start,
                              sley_writer_waiting(writer), &done);
    drop(writer, done);
    return error;
}

int sley_writer_drain(struct sley_writer *writer)
{
    if (sley_writer_waiting(writer) < writer->mark)
        return sley__wait_check();
    return sley_writer_flush(writer);
}

/* How much room there is behind what waits, which is less than the capacity. */
static int make_room(struct sley_writer *writer, size_t *room)
{
    if (!writer->buffer) {
        writer->buffer = sley__buffer_take(writer->capacity);
        if (!writer->buffer)
            return SLEY_ENOMEM;
        writer->held = writer->capacity;
    }
    if (writer->start) {
        memmove(writer->buffer, writer->buffer + writer->start, sley_writer_waiting(writer));
        writer->end -= writer->start;
        writer->start = 0;
    }
    *room = writer->capacity - writer->end;
    return 0;
}

static int keep(struct sley_writer *writer, const void *data, size_t size)
{
    size_t room;
    int error = make_room(writer, &room);

    if (error)
        return error;
    ensure(size <= room);
    memcpy(writer->buffer + writer->end, data, size);
    writer->end += size;
    return 0;
}

/* Writes what waits and all of `data`; *taken: how much of data. */
static int write_through(struct sley_writer *writer, const void *data, size_t size, size_t *taken)
{
    size_t waiting = sley_writer_waiting(writer), done = 0;
    struct iovec parts[2] = {{waiting ? writer->buffer + writer->start : NULL, waiting},
                             {(void *)(uintptr_t)data, size}};
    int error = sley_stream_writev(writer->stream, parts, 2, &done);

    drop(writer, done < waiting ? done : waiting);
    *taken = done < waiting ? 0 : done - waiting;
    return error;
}

int sley_writer_write(struct sley_writer *writer, const void *data, size_t size, size_t *taken)
{
    size_t done = 0;
    int error = sley__wait_check();

    if (!error && size) {
        if (size + sley_writer_waiting(writer) <= writer->capacity) {
            error = keep(writer, data, size);
            done = error ? 0 : size;
        } else {
            error = write_through(writer, data, size, &done);
        }
    }
    if (taken)
        *taken = done;
    return error;
}

/* Keeps a text of `size` bytes, in a buffer that was taken with `held`, as what waits: nothing else
 * does. */
static void adopt(struct sley_writer *writer, char *text, size_t held, size_t size)
{
    sley__buffer_give(writer->buffer, writer->held);
    writer->buffer = text;
    writer->held = held;
    writer->start = 0;
    writer->end = size;
}

/* What does not fit into the room: what waits is written first, and if that fails nothing has been
 * taken over. A text that is larger than the buffer becomes the buffer. */
static int print_large(struct sley_writer *writer, const char *format, va_list arguments,
                       size_t size)
{
    size_t held = size < writer->capacity ? writer->capacity : size + 1;
    int error = sley_writer_flush(writer);
    char *text;

    if (error)
        return error;
    text = sley__buffer_take(held);
    if (!text)
        return SLEY_ENOMEM;
    (void)vsnprintf(text, size + 1, format, arguments);
    adopt(writer, text, held, size);
    return 0;
}

int sley_writer_printf(struct sley_writer *writer, const char *format, ...)
{
    va_list arguments;
    size_t room = 0;
    int size, error = sley__wait_check();

    if (error)
        return error;
    if (sley_writer_waiting(writer) < writer->capacity && (error = make_room(writer, &room)))
        return error;
    va_start(arguments, format);
    size = vsnprintf(writer->buffer + writer->end, room, format, arguments);
    va_end(arguments);
    if (size < 0)
        return SLEY_EINVAL;
    if ((size_t)size < room) {
        writer->end += (size_t)size;
        drop(writer, 0); /* if that was nothing at all */
        return 0;
    }
    va_start(arguments, format);
    error = print_large(writer, format, arguments, (size_t)size);
    va_end(arguments);
    return error;
}
