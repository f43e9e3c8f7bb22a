/*
 * multipart.c: forms with parts: what is read must not depend on how the body comes, and whatever
 * is read must be in it. The input is the sizes of the pieces and the body; the boundary is fixed,
 * so that the fuzzer finds it.
 *
 * floor: 120
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "multipart.h"

enum { MOST = 4096 };

struct body {
    struct input input;
    size_t piece;
};

static int give(void *arg, void *data, size_t size)
{
    struct body *body = arg;

    must(size > 0);
    if (size > body->piece)
        size = body->piece;
    if (size > body->input.size)
        size = body->input.size;
    memcpy(data, body->input.data, size);
    body->input.data += size;
    body->input.size -= size;
    return (int)size;
}

static size_t note(char *out, size_t at, const void *data, size_t size)
{
    must(at + size < 4 * MOST);
    memcpy(out + at, data, size);
    return at + size;
}

/* All that comes out, one thing behind the other; how much. *result: how it ended. */
static size_t read_all(struct input input, size_t piece, size_t room, char *out, int *result)
{
    struct body body = {input, piece};
    struct sley__multipart multipart;
    char data[256];
    size_t size = 0;
    int more, got;

    must(sley__multipart_init(&multipart, "multipart/form-data; boundary=b", give, &body) == 0);
    while ((more = sley__multipart_next(&multipart)) > 0) {
        size = note(out, size, multipart.name, strlen(multipart.name));
        if (multipart.filename)
            size = note(out, size, multipart.filename, strlen(multipart.filename));
        if (multipart.type)
            size = note(out, size, multipart.type, strlen(multipart.type));
        while ((got = sley__multipart_read(&multipart, data, room)) > 0)
            size = note(out, size, data, (size_t)got);
        if (got < 0)
            break;
    }
    *result = more < 0 ? more : sley__multipart_next(&multipart);
    sley__multipart_close(&multipart);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char once[4 * MOST], slowly[4 * MOST];
    struct input input = {bytes, size};
    size_t piece = 1 + next_byte(&input), room = 1 + next_byte(&input) % 256;
    size_t whole, parts;
    int first, second;

    if (input.size > MOST)
        return 0;
    whole = read_all(input, MOST, 256, once, &first);
    parts = read_all(input, piece, room, slowly, &second);
    must(first == second);
    /* Before an error more of a part may have been handed out. */
    must(first < 0 || (whole == parts && memcmp(once, slowly, whole) == 0));
    return 0;
}
