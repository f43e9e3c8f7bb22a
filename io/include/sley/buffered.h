/*
 * sley/buffered.h: streams (stream.h) through a buffer: reading by lines and other pieces whose end
 * must be looked for, writing many small pieces as few large ones.
 *
 *     struct sley_reader *reader;
 *     sley_reader_new(stream, NULL, &reader);
 *     SLEY_FOREACH (struct sley_line, line, reader)
 *         printf("%s\n", line.text);
 *     sley_reader_free(reader);
 *
 * What a peer makes us keep is bounded: a piece that is longer than the limit is an error,
 * SLEY_ETOOLONG, after which nothing of it has been taken. A reader or writer is used by one task
 * at a time; a stream has at most one of each, and is then not read, or written, directly. Calls
 * that were ended by a cancel or a deadline have lost nothing: they may simply be made again.
 */
#ifndef SLEY_BUFFERED_H
#define SLEY_BUFFERED_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/iterator.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- reading ---------------------------------------------------------------------------------- */

/* A reader. Owned by whoever made it; the stream stays the caller's, and must outlive it. */
struct sley_reader;

/* Zero in a field means its default. Copied. */
struct sley_reader_options {
    size_t limit;  /* bytes of the longest line, or other piece, delimiter not counted. Default
                      64 KiB */
    size_t buffer; /* bytes of the buffer, which grows as far as the limit needs and is given back
                      when it is empty. Default 4 KiB */
};

/* Makes a reader. 0, or SLEY_ENOMEM, SLEY_EINVAL (the limit is above PTRDIFF_MAX / 4). Any thread.
 * Never parks. Since 0.1. */
SLEY_EXPORT int sley_reader_new(struct sley_stream *stream,
                                const struct sley_reader_options *options,
                                struct sley_reader **out);

/* Frees it, and what it has read ahead. NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_reader_free(struct sley_reader *reader);

/* All that follow, unless said: from a task, may park, since 0.1. They return the errors of
 * sley_stream_read(), and SLEY_ENOMEM. Pointers that they hand out are into the buffer: good until
 * the next call with the reader. */

/* What is there, at least one byte, at most `size`: how many. SLEY_EOF at the end. */
SLEY_EXPORT int sley_reader_read(struct sley_reader *reader, void *buffer, size_t size);

/* Exactly `size` bytes.
 *   done  receives how many were stored, also on failure; may be NULL
 * 0; SLEY_EOF if the stream ends before: those that came are stored, and taken. So they are when
 * the call ends with another error. There is no limit. */
SLEY_EXPORT int sley_reader_exactly(struct sley_reader *reader, void *buffer, size_t size,
                                    size_t *done);

/* The next line, without its end ("\n" or "\r\n") and with a NUL behind it; it may have others
 * inside.
 *   0              a line
 *   1              the stream has ended without the end of a line: this is what was left
 *   SLEY_EOF       there is nothing left
 *   SLEY_ETOOLONG  no end within the limit; nothing was taken */
SLEY_EXPORT int sley_reader_line(struct sley_reader *reader, char **line, size_t *size);

/* The bytes up to `delimiter` (1 to 4,096 bytes), which is taken as well but not counted.
 *   0              *data and *size are the bytes before it
 *   SLEY_EOF       the stream has ended without one; what is left has not been taken
 *   SLEY_ETOOLONG  none within the limit; nothing was taken
 *   SLEY_EINVAL    the delimiter is empty or too long */
SLEY_EXPORT int sley_reader_until(struct sley_reader *reader, const void *delimiter,
                                  size_t delimiter_size, void **data, size_t *size);

/* Looks ahead: at least `size` bytes, without taking them; *data and *available, the bytes that are
 * there, which may be more. 0; SLEY_EOF if the stream ends before: then they are what is left;
 * SLEY_ETOOLONG: the size is above the limit. */
SLEY_EXPORT int sley_reader_peek(struct sley_reader *reader, size_t size, const void **data,
                                 size_t *available);

/* Takes `size` bytes and drops them. 0, or SLEY_EOF if the stream ends before. There is no limit.
 */
SLEY_EXPORT int sley_reader_skip(struct sley_reader *reader, size_t size);

/* How many bytes have been read ahead. Any thread that may use the reader. Never parks. */
SLEY_EXPORT size_t sley_reader_buffered(const struct sley_reader *reader);

/* What SLEY_FOREACH gives of a reader. */
struct sley_line {
    char *text; /* with a NUL behind it; good for this round of the loop */
    size_t size;
};

/* --- writing ---------------------------------------------------------------------------------- */

/* A writer. Owned by whoever made it; the stream stays the caller's, and must outlive it. */
struct sley_writer;

/* Zero in a field means its default. Copied. */
struct sley_writer_options {
    size_t buffer; /* bytes that may wait to be written; the memory is there only while some do.
                      Default 16 KiB */
    size_t mark;   /* bytes from which sley_writer_drain() writes. Default: half of the buffer */
};

/* Makes a writer. 0, or SLEY_ENOMEM, SLEY_EINVAL (the mark is above the buffer's size, or that
 * above PTRDIFF_MAX / 4). Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_writer_new(struct sley_stream *stream,
                                const struct sley_writer_options *options,
                                struct sley_writer **out);

/* Frees it. What was not flushed is lost. NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_writer_free(struct sley_writer *writer);

/* All that follow, unless said: from a task, may park, since 0.1. They return the errors of
 * sley_stream_write(), and SLEY_ENOMEM. After an error what has not been written is still there,
 * and the next call goes on with it. */

/* Takes the bytes over, to be written at the next flush; what does not fit into the buffer is
 * written now.
 *   taken  receives how many were taken over, also on failure; may be NULL */
SLEY_EXPORT int sley_writer_write(struct sley_writer *writer, const void *data, size_t size,
                                  size_t *taken);

/* The same with what printf() would print: all of it or nothing is taken over. SLEY_EINVAL: the
 * format is wrong. */
SLEY_EXPORT int sley_writer_printf(struct sley_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes if there is enough to be worth it: if at least `mark` bytes wait. For a loop that produces
 * without end: the peer holds it up here. */
SLEY_EXPORT int sley_writer_drain(struct sley_writer *writer);

/* Writes all that waits. */
SLEY_EXPORT int sley_writer_flush(struct sley_writer *writer);

/* How many bytes wait. Any thread that may use the writer. Never parks. */
SLEY_EXPORT size_t sley_writer_waiting(const struct sley_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
