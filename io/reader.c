/*
 * reader.c: reading through a buffer. The contract is in <sley/buffered.h>.
 *
 *     buffer   ....taken....|----- read ahead -----|....room....
 *                           start                  end          capacity
 *
 * While a delimiter is looked for, what has been looked through in vain is remembered, so a line
 * that comes in a thousand pieces is looked through once and not a thousand times. What is handed
 * out points into the buffer: nothing is copied that is not asked to be. There is always a byte of
 * room behind the end for the NUL behind a last line.
 *
 * Nobody can make us keep more than the limit: the buffer grows by doubling as long as the piece
 * that is looked for may still fit, and no further.
 *
 * A connection that waits for its next request should cost nothing: when the buffer is empty and
 * the reader must wait, it gives its memory back first, and takes some when it is woken. To know
 * that it must wait it may have to try, so a try that finds nothing returns instead of waiting with
 * the buffer in hand; one that has waited for its first byte since the accept costs nothing either.
 * That is a take and a give per message; the worker keeps a few buffers for it (buffers.h).
 *
 * Rejected: a fixed buffer, as most have: then the longest line decides what every connection
 * costs.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <sley/buffered.h>

#include "buffers.h"
#include "stream_impl.h"

#ifdef SLEY_HOSTILE
enum { BUFFER = 3 };
#else
enum { BUFFER = 4096 };
#endif
enum { LIMIT = 64 * 1024, DELIMITER_MAX = 4096 };

struct sley_reader {
    struct sley_stream *stream;
    size_t limit, first_capacity;
    char *buffer; /* NULL: none at present, and all that follow are 0 */
    size_t start, end, capacity;
};

int sley_reader_new(struct sley_stream *stream, const struct sley_reader_options *options,
                    struct sley_reader **out)
{
    struct sley_reader *reader;
    size_t limit = options && options->limit ? options->limit : LIMIT;
    size_t first = options && options->buffer ? options->buffer : BUFFER;

    if (limit > PTRDIFF_MAX / 4)
        return SLEY_EINVAL;
    reader = calloc(1, sizeof(*reader));
    if (!reader)
        return SLEY_ENOMEM;
    reader->stream = stream;
    reader->limit = limit;
    reader->first_capacity = first < limit ? first : limit;
    *out = reader;
    return 0;
}

void sley_reader_free(struct sley_reader *reader)
{
    if (!reader)
        return;
    sley__buffer_give(reader->buffer, reader->capacity);
    free(reader);
}

/* --- the buffer ------------------------------------------------------------------------------- */

size_t sley_reader_buffered(const struct sley_reader *reader)
{
    return reader->end - reader->start;
}

static void take(struct sley_reader *reader, size_t size)
{
    reader->start += size;
    if (reader->start == reader->end)
        reader->start = reader->end = 0;
}

static void give_back(struct sley_reader *reader)
{
    sley__buffer_give(reader->buffer, reader->capacity);
    reader->buffer = NULL;
    reader->start = reader->end = reader->capacity = 0;
}

static void move_to_front(struct sley_reader *reader)
{
    memmove(reader->buffer, reader->buffer + reader->start, sley_reader_buffered(reader));
    reader->end -= reader->start;
    reader->start = 0;
}

/* Another buffer, of `capacity` bytes, with what is there. */
static int change(struct sley_reader *reader, size_t capacity)
{
    char *buffer = sley__buffer_take(capacity);

    if (!buffer)
        return SLEY_ENOMEM;
    if (reader->end)
        memcpy(buffer, reader->buffer, reader->end);
    sley__buffer_give(reader->buffer, reader->capacity);
    reader->buffer = buffer;
    reader->capacity = capacity;
    return 0;
}

/* Makes room for more behind the end, for a piece of at most `most` bytes in all. */
static int make_room(struct sley_reader *reader, size_t most)
{
    size_t wanted;

    if (reader->start && reader->end + 1 >= reader->capacity)
        move_to_front(reader);
    if (reader->end + 1 < reader->capacity)
        return 0;
    wanted = reader->capacity ? reader->capacity * 2 : reader->first_capacity + 1;
    if (wanted > most + 1)
        wanted = most + 1;
    if (wanted < reader->end + 2)
        wanted = reader->end + 2;
    return change(reader, wanted);
}

/* Waits for something to read, without a buffer; there is nothing in it. */
static int await(struct sley_reader *reader)
{
    give_back(reader);
    return sley__stream_await(reader->stream);
}

/* Makes room and reads: how many bytes, or an error; SLEY_EAGAIN instead of a wait if there is
 * nothing in the buffer and the caller has no patience. */
static int read_more(struct sley_reader *reader, size_t most, bool patient)
{
    int error = make_room(reader, most);
    size_t room;

    if (error)
        return error;
    room = reader->capacity - reader->end - 1;
    if (patient || sley_reader_buffered(reader))
        return sley_stream_read(reader->stream, reader->buffer + reader->end, room);
    return sley__stream_try_read(reader->stream, reader->buffer + reader->end, room);
}

/* Reads some more behind the end, for a piece of at most `most` bytes in all; an empty reader waits
 * without a buffer. The second try is a patient one, because a word that tells of a hangup is never
 * empty, and that may have been a stranger's. 0 or an error, SLEY_EOF among them. The caller has
 * looked whether it is cancelled or late. */
static int fill(struct sley_reader *reader, size_t most)
{
    bool patient = false;
    int count;

    do {
        int error = 0;

        if (!sley_reader_buffered(reader) && sley__stream_must_wait(reader->stream))
            error = await(reader);
        if (error)
            return error;
        count = read_more(reader, most, patient);
        patient = true;
    } while (count == SLEY_EAGAIN);
    if (count < 0)
        return count;
    reader->end += (size_t)count;
    return 0;
}

/* --- pieces of a size that is known ----------------------------------------------------------- */

static size_t take_buffered(struct sley_reader *reader, void *buffer, size_t size)
{
    size_t count = sley_reader_buffered(reader);

    if (count > size)
        count = size;
    if (count) {
        memcpy(buffer, reader->buffer + reader->start, count);
        take(reader, count);
    }
    return count;
}

int sley_reader_read(struct sley_reader *reader, void *buffer, size_t size)
{
    size_t most = size < INT_MAX ? size : INT_MAX;
    int error = sley__wait_check();

    if (error || !size)
        return error;
    if (sley_reader_buffered(reader))
        return (int)take_buffered(reader, buffer, most);
    if (size >= reader->first_capacity) {
        give_back(reader);
        return sley_stream_read(reader->stream, buffer, most);
    }
    error = fill(reader, reader->first_capacity);
    return error ? error : (int)take_buffered(reader, buffer, most);
}

int sley_reader_exactly(struct sley_reader *reader, void *buffer, size_t size, size_t *done)
{
    size_t count = 0;
    int result = 0;

    while (result >= 0 && count < size) {
        result = sley_reader_read(reader, (char *)buffer + count, size - count);
        count += result > 0 ? (size_t)result : 0;
    }
    if (done)
        *done = count;
    return result < 0 ? result : 0;
}

int sley_reader_skip(struct sley_reader *reader, size_t size)
{
    int error = sley__wait_check();

    while (!error) {
        size_t there = sley_reader_buffered(reader), count = there < size ? there : size;

        take(reader, count);
        size -= count;
        if (!size)
            break;
        error = fill(reader, reader->first_capacity);
    }
    return error;
}

int sley_reader_peek(struct sley_reader *reader, size_t size, const void **data, size_t *available)
{
    int error = sley__wait_check();

    if (!error && size > reader->limit)
        error = SLEY_ETOOLONG;
    while (!error && sley_reader_buffered(reader) < size)
        error = fill(reader, reader->limit);
    *data = reader->buffer ? reader->buffer + reader->start : "";
    *available = sley_reader_buffered(reader);
    return error;
}

/* --- pieces whose end is looked for ----------------------------------------------------------- */

/* Where the delimiter begins behind the first `skip` bytes that are there, or NULL. */
static char *find(const struct sley_reader *reader, const void *delimiter, size_t size, size_t skip)
{
    size_t there = sley_reader_buffered(reader) - skip;
    char *from;

    if (there < size)
        return NULL;
    from = reader->buffer + reader->start + skip;
    return size == 1 ? memchr(from, *(const unsigned char *)delimiter, there)
                     : memmem(from, there, delimiter, size);
}

/* Reads until the delimiter is there, behind at most `most` bytes: how many, in *length. Takes
 * nothing. */
static int look_for(struct sley_reader *reader, const void *delimiter, size_t size, size_t most,
                    size_t *length)
{
    size_t looked = 0, there;
    char *found;
    int error = 0;

    while (!error) {
        found = find(reader, delimiter, size, looked);
        if (found) {
            *length = (size_t)(found - (reader->buffer + reader->start));
            return *length <= most ? 0 : SLEY_ETOOLONG;
        }
        there = sley_reader_buffered(reader);
        if (there >= most + size)
            return SLEY_ETOOLONG;
        looked = there >= size ? there - (size - 1) : 0; /* the rest may be the beginning of one */
        error = fill(reader, most + size);
    }
    return error;
}

int sley_reader_until(struct sley_reader *reader, const void *delimiter, size_t delimiter_size,
                      void **data, size_t *size)
{
    int error = sley__wait_check();

    if (!error && (!delimiter_size || delimiter_size > DELIMITER_MAX))
        error = SLEY_EINVAL;
    if (!error)
        error = look_for(reader, delimiter, delimiter_size, reader->limit, size);
    if (error)
        return error;
    *data = reader->buffer + reader->start;
    take(reader, *size + delimiter_size);
    return 0;
}

/* The rest of a stream that has ended, as a line. */
static int last_line(struct sley_reader *reader, char **line, size_t *size)
{
    size_t rest = sley_reader_buffered(reader);

    if (!rest)
        return SLEY_EOF;
    if (rest > reader->limit)
        return SLEY_ETOOLONG;
    *line = reader->buffer + reader->start;
    (*line)[rest] = '\0'; /* make_room() keeps a byte for it */
    *size = rest;
    take(reader, rest);
    return 1;
}

/* A line's end is one byte, or two: so one byte more is looked through, and then it is measured. */
int sley_reader_line(struct sley_reader *reader, char **line, size_t *size)
{
    size_t length;
    char *text;
    int error = sley__wait_check();

    if (!error)
        error = look_for(reader, "\n", 1, reader->limit + 1, &length);
    if (error == SLEY_EOF)
        return last_line(reader, line, size);
    if (error)
        return error;
    text = reader->buffer + reader->start;
    *size = length && text[length - 1] == '\r' ? length - 1 : length;
    if (*size > reader->limit)
        return SLEY_ETOOLONG;
    take(reader, length + 1);
    text[*size] = '\0';
    *line = text;
    return 0;
}

/* --- iteration -------------------------------------------------------------------------------- */

static int next_line(void *self, void *item)
{
    struct sley_line *line = item;
    int status = sley_reader_line(self, &line->text, &line->size);

    if (status >= 0)
        return 1;
    return status == SLEY_EOF ? 0 : status;
}

struct sley_iterator sley_reader_iterator(struct sley_reader *reader)
{
    return (struct sley_iterator){next_line, reader, sizeof(struct sley_line)};
}
