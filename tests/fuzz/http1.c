/*
 * http1.c: HTTP requests, however they are cut: what is found and read with all bytes at once must
 * be the same with a few at a time, every text that comes out must lie in the input and end there,
 * and what was read and written anew must be read the same.
 *
 * floor: 200
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "http1.h"

enum { MOST = 4096 };

static void check_text(const char *data, size_t size, const char *text)
{
    must(text >= data && text < data + size);
    must(memchr(text, '\0', size - (size_t)(text - data)));
    must(!strpbrk(text, "\r\n"));
}

static void check_head(const char *data, size_t size, const struct sley__http1_head *head)
{
    check_text(data, size, head->method);
    check_text(data, size, head->target);
    if (!head->authority || strcmp(head->path, "/") != 0) /* one that is not there is a constant */
        check_text(data, size, head->path);
    if (head->authority)
        check_text(data, size, head->authority);
    if (head->query)
        check_text(data, size, head->query);
    must(sley__http1_is_token(head->method, strlen(head->method)));
    must(!(head->chunked && head->has_length));
    must(head->count <= SLEY__HTTP1_HEADERS);
    for (unsigned i = 0; i < head->count; i++) {
        check_text(data, size, head->headers[i].name);
        check_text(data, size, head->headers[i].value);
    }
}

/* The head, written as it was understood. */
static size_t write_head(char *out, const struct sley__http1_head *head)
{
    char *at = out;

    at += sprintf(at, "%s %s%s%s HTTP/1.%d\r\n", head->method, head->path, head->query ? "?" : "",
                  head->query ? head->query : "", head->minor);
    for (unsigned i = 0; i < head->count; i++)
        at += sprintf(at, "%s: %s\r\n", head->headers[i].name, head->headers[i].value);
    at += sprintf(at, "\r\n");
    return (size_t)(at - out);
}

static void read_twice(const struct sley__http1_head *head)
{
    static char again[3 * MOST];
    static struct sley__http1_head second;
    size_t size = write_head(again, head);

    if (*head->path != '/')
        return;
    must(sley__http1_parse(again, size, &second) == 0);
    must(strcmp(second.method, head->method) == 0 && strcmp(second.path, head->path) == 0);
    must(second.count == head->count && second.length == head->length);
    must(second.chunked == head->chunked && second.keep_alive == head->keep_alive);
    for (unsigned i = 0; i < head->count; i++)
        must(strcmp(second.headers[i].value, head->headers[i].value) == 0);
}

static void fuzz_head(const char *data, size_t size, unsigned piece)
{
    static struct sley__http1_head head;
    static char copy[MOST + 1];
    struct sley__http1_scan once = {0}, slowly = {0};
    long end = sley__http1_find_end(&once, data, size), found = 0;

    for (size_t there = 0; there < size && !found;) {
        there = there + piece < size ? there + piece : size;
        found = sley__http1_find_end(&slowly, data, there);
    }
    must(found == end);
    if (end <= 0)
        return;
    must((size_t)end <= size);
    memcpy(copy, data, (size_t)end);
    if (sley__http1_parse(copy, (size_t)end, &head))
        return;
    check_head(copy, (size_t)end, &head);
    read_twice(&head);
    sley__http1_restore(&head);
    must(memcmp(head.target, data + (head.target - copy), strlen(head.target)) == 0);
}

/* The body, `piece` bytes at a time with room for `room`: its size, or an error. */
static long unchunk(const char *data, size_t size, unsigned piece, size_t room, char *out)
{
    struct sley__http1_chunks chunks = {0};
    size_t at = 0, stored = 0;

    while (at < size && !chunks.done) {
        size_t used = 0, give = size - at < piece ? size - at : piece;
        long got = sley__http1_unchunk(&chunks, data + at, give, &used, out + stored, room);

        if (got < 0)
            return got;
        must(used <= give && (size_t)got <= room && (used || got));
        at += used;
        stored += (size_t)got;
    }
    return (long)stored;
}

static void fuzz_body(const char *data, size_t size, unsigned piece)
{
    static char once[MOST], slowly[MOST + 16];
    long whole = unchunk(data, size, MOST, MOST, once);
    long parts = unchunk(data, size, piece, piece % 7 + 1, slowly);

    must(whole == parts);
    must(whole < 0 || memcmp(once, slowly, (size_t)whole) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    unsigned what = next_byte(&input), piece = 1 + next_byte(&input);
    static char copy[MOST + 1];

    if (input.size > MOST)
        return 0;
    if (what % 3 == 0) {
        fuzz_body((const char *)input.data, input.size, piece);
    } else if (what % 3 == 1) {
        memcpy(copy, input.data, input.size);
        must(sley__http1_decode(copy, input.size, piece % 2) <= (long)input.size);
    } else {
        fuzz_head((const char *)input.data, input.size, piece);
    }
    return 0;
}
