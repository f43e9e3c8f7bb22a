/*
 * reader.c: the buffered reader against what it should say, worked out from all bytes at once.
 * The input is the limit, the size of the buffer, the calls to be made, and the stream, which comes
 * in pieces as small as the input says.
 *
 * floor: 400
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "stream_impl.h"

/* A stream that gives the bytes of the input, in pieces. */
struct source {
    struct sley__layer layer;
    const uint8_t *bytes;
    size_t size, at;
    unsigned piece, seed;
};

static int source_read(struct sley_stream *stream, void *buffer, size_t size)
{
    struct source *source = (struct source *)(void *)stream;
    size_t count =
        source->piece ? 1 + (source->seed = source->seed * 167 + 13) % source->piece : 64;

    must(size > 0);
    if (count > source->size - source->at)
        count = source->size - source->at;
    if (count > size)
        count = size;
    memcpy(buffer, source->bytes + source->at, count);
    source->at += count;
    return count ? (int)count : SLEY_EOF;
}

/* What is to come out of the reader: everything from `at`. */
struct expected {
    const uint8_t *bytes;
    size_t size, at, limit;
};

static void check_line(struct sley_reader *reader, struct expected *e)
{
    const uint8_t *from = e->bytes + e->at;
    const uint8_t *end = memchr(from, '\n', e->size - e->at);
    size_t length = end ? (size_t)(end - from) : e->size - e->at, size;
    size_t text = end && length && from[length - 1] == '\r' ? length - 1 : length;
    char *line;
    int status = sley_reader_line(reader, &line, &size);

    if (!end && !length) {
        must(status == SLEY_EOF);
    } else if (text > e->limit) {
        must(status == SLEY_ETOOLONG);
    } else {
        must(status == (end ? 0 : 1) && size == text);
        must(memcmp(line, from, text) == 0 && line[text] == '\0');
        e->at += length + (end ? 1 : 0);
    }
}

static void check_until(struct sley_reader *reader, struct expected *e, const char *delimiter,
                        size_t delimiter_size)
{
    const uint8_t *from = e->bytes + e->at;
    const uint8_t *end = memmem(from, e->size - e->at, delimiter, delimiter_size);
    size_t rest = e->size - e->at, size;
    void *data;
    int status = sley_reader_until(reader, delimiter, delimiter_size, &data, &size);

    if (end && (size_t)(end - from) <= e->limit) {
        must(status == 0 && size == (size_t)(end - from) && memcmp(data, from, size) == 0);
        e->at += size + delimiter_size;
    } else {
        must(status == (rest >= e->limit + delimiter_size ? SLEY_ETOOLONG : SLEY_EOF));
    }
}

static void check_exactly(struct sley_reader *reader, struct expected *e, size_t size)
{
    char buffer[300];
    size_t rest = e->size - e->at, done;
    int status = sley_reader_exactly(reader, buffer, size, &done);

    must(status == (size <= rest ? 0 : SLEY_EOF));
    must(done == (size <= rest ? size : rest));
    must(memcmp(buffer, e->bytes + e->at, done) == 0);
    e->at += done;
}

static void check_read(struct sley_reader *reader, struct expected *e, size_t size)
{
    char buffer[300];
    size_t rest = e->size - e->at;
    int count = sley_reader_read(reader, buffer, size);

    must(count == (size ? rest ? count : SLEY_EOF : 0));
    must(count <= (int)size && (!size || !rest || count > 0));
    if (count > 0) {
        must((size_t)count <= rest && memcmp(buffer, e->bytes + e->at, (size_t)count) == 0);
        e->at += (size_t)count;
    }
}

static void check_peek(struct sley_reader *reader, struct expected *e, size_t size)
{
    size_t rest = e->size - e->at, available;
    const void *data;
    int status = sley_reader_peek(reader, size, &data, &available);

    must(status == (size > e->limit ? SLEY_ETOOLONG : size <= rest ? 0 : SLEY_EOF));
    must(available <= rest && memcmp(data, e->bytes + e->at, available) == 0);
    must(status == SLEY_ETOOLONG || available >= (size <= rest ? size : rest));
}

static void check_skip(struct sley_reader *reader, struct expected *e, size_t size)
{
    size_t rest = e->size - e->at;

    must(sley_reader_skip(reader, size) == (size <= rest ? 0 : SLEY_EOF));
    e->at += size <= rest ? size : rest;
}

static void one_call(struct sley_reader *reader, struct expected *e, unsigned call, size_t size)
{
    switch (call % 8) {
    case 0:
        check_until(reader, e, "\r\n\r\n", 4);
        break;
    case 1:
        check_until(reader, e, "aab", 1 + size % 3);
        break;
    case 2:
        check_exactly(reader, e, size);
        break;
    case 3:
        check_read(reader, e, size);
        break;
    case 4:
        check_peek(reader, e, size);
        break;
    case 5:
        check_skip(reader, e, size);
        break;
    default:
        check_line(reader, e);
    }
    must(sley_reader_buffered(reader) <= e->size - e->at);
}

static int run(void *arg)
{
    static const struct sley__layer_calls calls = {.read = source_read};
    struct input *input = arg;
    struct source source = {.bytes = NULL};
    struct sley_reader_options options = {.limit = 1 + next_byte(input) % 64,
                                          .buffer = next_byte(input) % 80};
    struct expected e = {.limit = options.limit};
    struct sley_reader *reader;
    const uint8_t *script;
    size_t script_size;

    sley__layer_init(&source.layer, SLEY_STREAM_TLS, &calls, NULL);
    source.piece = next_byte(input) % 70;
    script_size = next_byte(input) % 128;
    if (script_size > input->size)
        script_size = input->size;
    script = input->data;
    e.bytes = source.bytes = input->data + script_size;
    e.size = source.size = input->size - script_size;
    must(sley_reader_new(&source.layer.stream, &options, &reader) == 0);
    for (size_t i = 0; i < script_size; i++)
        one_call(reader, &e, script[i], script[i] / 8 * (script[i] % 16));
    sley_reader_free(reader);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of the exact size: what is read past its end, or written to it, is seen. */
    uint8_t *copy = malloc(size ? size : 1);
    struct input input = {copy, size};

    must(copy);
    if (size)
        memcpy(copy, data, size);
    fuzz_as_task(run, &input);
    free(copy);
    return 0;
}
