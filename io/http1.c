/*
 * http1.c: reading HTTP/1.1 requests (RFC 9112), as strictly as clients that mean no harm allow.
 *
 * A head is looked for line by line, each byte once, however it comes in; when it is complete it is
 * read in one pass, in place: names and values are pieces of the buffer, ended by NULs that are put
 * where a colon or a line's end was. Nothing is allocated, and what costs is one look at each byte.
 *
 * Two servers that read the same bytes differently are how requests are smuggled past the first of
 * them. So nothing is guessed: a line ends with CR LF, a header name is a token that its colon
 * follows at once, no line continues the one before, a length is digits and stands there once, and
 * not beside chunks; a NUL or another control character is an error wherever it stands. Each is
 * answered by 400 and the end of the connection.
 *
 * Chunks are read by a machine of one state per place in the grammar, a byte at a time but for the
 * data itself, so that it does not matter where the network has cut them. Extensions and trailers
 * are dropped, and their bytes counted: a body may not consist of them.
 *
 * Rejected: a parser from a library. Debian's are no longer maintained or part of another program;
 * and libmicrohttpd, which this server was built on before, wants to own the connection: handing
 * each request from its thread to a task and back was more than all the rest together.
 */
#include "http1.h"

#include <string.h>
#include <strings.h>

#ifdef SLEY_HOSTILE
enum { OVERHEAD_MAX = 512 };
#else
enum { OVERHEAD_MAX = 8192 }; /* bytes of extensions and trailers in a body */
#endif

/* --- characters ------------------------------------------------------------------------------- */

enum { TOKEN = 1, TARGET = 2, TEXT = 4 };

#define T  (TOKEN | TARGET | TEXT)
#define G  (TARGET | TEXT)
#define V  TEXT
#define T8 T, T, T, T, T, T, T, T
#define G8 G, G, G, G, G, G, G, G
#define N  (TOKEN | TEXT)
#define Z8 0, 0, 0, 0, 0, 0, 0, 0

/* What each byte may be part of: a name or method, a target, a header's value. */
static const uint8_t kinds[256] = {
    Z8, 0,  V,  0,  0,  0,  0,  0,  0,  Z8, Z8, /* control characters, of which only the tab */
    V,  T,  G,  N,  T,  T,  T,  T,  G,  G,  T,  T,  G,  T,  T,  G,        /*  !"#$%&'()*+,-./ */
    T8, T,  T,  G,  G,  G,  G,  G,  G,                                    /* 0-9:;<=>? */
    G,  T,  T,  T,  T,  T,  T,  T,  T8, T8, T,  T,  T,  G,  G,  G,  T, T, /* @A-Z[\]^_ */
    T,  T,  T,  T,  T,  T,  T,  T,  T8, T8, T,  T,  T,  G,  T,  G,  T, 0, /* `a-z{|}~ */
    G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8, G8,       /* not ASCII */
};

static const char *skip(const char *text, int kind)
{
    while (kinds[(unsigned char)*text] & kind)
        text++;
    return text;
}

bool sley__http1_is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!(kinds[(unsigned char)text[i]] & TOKEN))
            return false;
    return size > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* --- the end of a head ------------------------------------------------------------------------ */

long sley__http1_find_end(struct sley__http1_scan *scan, const char *data, size_t size)
{
    while (scan->looked < size) {
        const char *end = memchr(data + scan->looked, '\n', size - scan->looked);
        size_t at;

        if (!end) {
            scan->looked = size;
            return 0;
        }
        at = (size_t)(end - data);
        if (at == scan->line || end[-1] != '\r')
            return -400;
        if (at == scan->line + 1 && scan->has_line)
            return (long)at + 1;
        scan->has_line |= at > scan->line + 1;
        scan->looked = scan->line = at + 1;
    }
    return 0;
}

/* --- the request line ------------------------------------------------------------------------- */

#define REFUSED " \t,@" /* in a host; and a "/" ends it */

/* Behind the "//" of "http://host/path?query", which is what proxies are sent; or NULL. */
static char *authority_of(char *target)
{
    if (strncasecmp(target, "http://", 7) != 0 && strncasecmp(target, "https://", 8) != 0)
        return NULL;
    return strchr(target, '/') + 2;
}

/* Where the path begins, or the query of one without a path; NULL: it is malformed. */
static char *path_of(char *target)
{
    char *authority, *end;

    if (*target == '/' || strcmp(target, "*") == 0)
        return target;
    authority = authority_of(target);
    if (!authority)
        return NULL;
    end = authority + strcspn(authority, "/?#");
    return end > authority && authority + strcspn(authority, REFUSED) >= end ? end : NULL;
}

/* The authority of the target is what counts as the host, whatever the header says (RFC 9112,
 * 3.2.2). It is moved a byte to the front, over a slash, so that there is room for its end. */
static void take_authority(struct sley__http1_head *head)
{
    char *authority = authority_of((char *)(uintptr_t)head->target);
    size_t size;

    if (!authority)
        return;
    size = (size_t)(head->path - authority);
    memmove(authority - 1, authority, size);
    authority[size - 1] = '\0';
    head->authority = authority - 1;
    head->host = head->authority;
    for (unsigned i = 0; i < head->count; i++)
        if (strcasecmp(head->headers[i].name, "Host") == 0)
            head->headers[i].value = head->host;
}

void sley__http1_restore(struct sley__http1_head *head)
{
    if (head->query)
        head->query[-1] = '?';
    if (head->authority) {
        size_t size = strlen(head->authority);

        memmove(head->authority + 1, head->authority, size);
        *head->authority = '/';
        head->authority = NULL;
    }
}

static int parse_target(char *target, struct sley__http1_head *head)
{
    head->target = target;
    head->path = path_of(target);
    if (!head->path)
        return strcmp(head->method, "CONNECT") == 0 ? 501 : 400;
    if (*head->path == '*' && strcmp(head->method, "OPTIONS") != 0)
        return 400;
    return 0;
}

static int parse_version(const char *text, size_t size, struct sley__http1_head *head)
{
    if (size != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' || text[5] < '0' ||
        text[5] > '9' || text[7] < '0' || text[7] > '9')
        return 400;
    if (text[5] != '1')
        return 505;
    head->minor = text[7] - '0';
    head->keep_alive = head->minor > 0;
    return 0;
}

/* METHOD SP TARGET SP VERSION; `end` is at its "\r". */
static int parse_line(char *line, char *end, struct sley__http1_head *head)
{
    char *method_end = (char *)(uintptr_t)skip(line, TOKEN);
    char *target = method_end + 1, *target_end;
    int status;

    if (method_end == line || *method_end != ' ')
        return 400;
    target_end = (char *)(uintptr_t)skip(target, TARGET);
    if (target_end == target || *target_end != ' ')
        return 400;
    status = parse_version(target_end + 1, (size_t)(end - target_end - 1), head);
    if (status)
        return status;
    *method_end = *target_end = '\0';
    head->method = line;
    return parse_target(target, head);
}

/* --- headers ---------------------------------------------------------------------------------- */

static bool next_word(const char **list, const char **word, size_t *size)
{
    const char *text = *list;

    while (is_blank(*text) || *text == ',')
        text++;
    *word = text;
    while (*text && *text != ',')
        text++;
    *list = text;
    *size = (size_t)(text - *word);
    while (*size && is_blank((*word)[*size - 1]))
        (*size)--;
    return *size > 0;
}

static bool is_word(const char *word, size_t size, const char *expected)
{
    return size == strlen(expected) && strncasecmp(word, expected, size) == 0;
}

static int on_connection(struct sley__http1_head *head, const char *value)
{
    const char *word;
    size_t size;
    bool close = false;

    while (next_word(&value, &word, &size)) {
        close |= is_word(word, size, "close");
        head->keep_alive |= is_word(word, size, "keep-alive");
    }
    head->keep_alive &= !close;
    return 0;
}

static int on_length(struct sley__http1_head *head, const char *value)
{
    uint64_t length = 0;

    if (head->has_length || !*value || strlen(value) > 18)
        return 400;
    for (; *value; value++) {
        if (*value < '0' || *value > '9')
            return 400;
        length = length * 10 + (uint64_t)(*value - '0');
    }
    head->length = length;
    head->has_length = true;
    return 0;
}

static int on_coding(struct sley__http1_head *head, const char *value)
{
    if (head->chunked || head->minor == 0)
        return 400;
    head->chunked = true;
    return strcasecmp(value, "chunked") == 0 ? 0 : 501;
}

static int on_host(struct sley__http1_head *head, const char *value)
{
    int status = head->host || strpbrk(value, REFUSED "/") ? 400 : 0;

    head->host = value;
    return status;
}

static int on_expect(struct sley__http1_head *head, const char *value)
{
    head->expects = head->minor > 0;
    return strcasecmp(value, "100-continue") == 0 ? 0 : 417;
}

/* Those that say how to go on. */
static int understand(struct sley__http1_head *head, const char *name, size_t size,
                      const char *value)
{
    static const struct {
        const char *name;
        size_t size;
        int (*read)(struct sley__http1_head *head, const char *value);
    } known[] = {
        {"Host", 4, on_host},
        {"Connection", 10, on_connection},
        {"Content-Length", 14, on_length},
        {"Transfer-Encoding", 17, on_coding},
        {"Expect", 6, on_expect},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (known[i].size == size && strncasecmp(known[i].name, name, size) == 0)
            return known[i].read(head, value);
    return 0;
}

/* NAME ":" VALUE; `end` is at its "\r". */
static int parse_header(char *line, char *end, struct sley__http1_head *head)
{
    char *colon = (char *)(uintptr_t)skip(line, TOKEN), *value = colon + 1;

    if (colon == line || *colon != ':')
        return 400;
    if (skip(value, TEXT) != end)
        return 400;
    if (head->count == SLEY__HTTP1_HEADERS)
        return 431;
    while (is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    *colon = *end = '\0';
    head->headers[head->count++] = (struct sley__http1_header){line, value};
    return understand(head, line, (size_t)(colon - line), value);
}

static int parse_headers(char *line, const char *limit, struct sley__http1_head *head)
{
    int status = 0;

    while (!status && *line != '\r') {
        char *end = memchr(line, '\n', (size_t)(limit - line));

        status = parse_header(line, end - 1, head);
        line = end + 1;
    }
    if (status)
        return status;
    if ((head->chunked && head->has_length) || (head->minor > 0 && !head->host))
        return 400;
    return 0;
}

int sley__http1_parse(char *data, size_t size, struct sley__http1_head *head)
{
    char *end = memchr(data, '\n', size);
    int status;

    head->method = head->target = head->host = NULL;
    head->path = head->query = head->authority = NULL;
    head->minor = 1; /* until the version was read */
    head->keep_alive = false;
    head->chunked = head->has_length = head->expects = false;
    head->length = 0;
    head->count = 0;
    if (memchr(data, '\0', size)) /* what follows looks for the end of things by their NUL */
        return 400;
    status = parse_line(data, end - 1, head);
    if (!status)
        status = parse_headers(end + 1, data + size, head);
    if (status)
        return status;
    take_authority(head);
    head->query = strchr(head->path, '?');
    if (head->query)
        *head->query++ = '\0';
    if (!*head->path)
        head->path = (char *)(uintptr_t) "/";
    return 0;
}

/* --- decoding --------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long sley__http1_decode(char *text, size_t size, bool form)
{
    char *out = text;

    for (const char *at = text; (at = memchr(at, '%', size - (size_t)(at - text))); at += 3)
        if (size - (size_t)(at - text) < 3 || hex(at[1]) < 0 || hex(at[2]) < 0 ||
            hex(at[1]) + hex(at[2]) == 0)
            return -1;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (c == '%') {
            c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        *out++ = c;
    }
    *out = '\0';
    return out - text;
}

/* --- chunks ----------------------------------------------------------------------------------- */

enum {
    SIZE,
    SIZE_BLANK, /* behind it: an extension or the end may follow, no other size */
    EXTENSION,
    SIZE_END,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    IN_TRAILER,
    TRAILER_LF,
    LAST_LF
};

/* The first byte that is none of a chunk's size, or one behind it. */
static int end_size(struct sley__http1_chunks *chunks, char c)
{
    chunks->state = c == '\r' ? SIZE_END : c == ';' ? EXTENSION : SIZE_BLANK;
    return c == '\r' || c == ';' || is_blank(c) ? 0 : -400;
}

/* A byte outside of the data: 0 or -400. */
static int step(struct sley__http1_chunks *chunks, char c)
{
    switch (chunks->state) {
    case SIZE:
        if (hex(c) >= 0 && chunks->digits < 15) {
            chunks->left = chunks->left * 16 + (uint64_t)hex(c);
            chunks->digits++;
            return 0;
        }
        return chunks->digits ? end_size(chunks, c) : -400;
    case SIZE_BLANK:
        return end_size(chunks, c);
    case EXTENSION:
        if (c == '\r')
            chunks->state = SIZE_END;
        return c == '\r' || kinds[(unsigned char)c] & TEXT ? 0 : -400;
    case SIZE_END:
        chunks->state = chunks->left ? DATA : TRAILER;
        return c == '\n' ? 0 : -400;
    case DATA_CR:
        chunks->state = DATA_LF;
        return c == '\r' ? 0 : -400;
    case DATA_LF:
        chunks->state = SIZE;
        chunks->digits = 0;
        return c == '\n' ? 0 : -400;
    case TRAILER:
        chunks->state = c == '\r' ? LAST_LF : IN_TRAILER;
        return c == '\r' || kinds[(unsigned char)c] & TOKEN ? 0 : -400;
    case IN_TRAILER:
        if (c == '\r')
            chunks->state = TRAILER_LF;
        return c == '\r' || kinds[(unsigned char)c] & TEXT ? 0 : -400;
    case TRAILER_LF:
        chunks->state = TRAILER;
        return c == '\n' ? 0 : -400;
    default: /* LAST_LF */
        chunks->done = c == '\n';
        return chunks->done ? 0 : -400;
    }
}

static bool is_overhead(const struct sley__http1_chunks *chunks)
{
    return chunks->state == SIZE_BLANK || chunks->state == EXTENSION || chunks->state >= TRAILER;
}

/* As much of the chunk's data as there is and fits. */
static size_t copy_data(struct sley__http1_chunks *chunks, const char *in, size_t size, char *out,
                        size_t room)
{
    size_t count = size < room ? size : room;

    if (count > chunks->left)
        count = (size_t)chunks->left;
    memmove(out, in, count);
    chunks->left -= count;
    if (!chunks->left)
        chunks->state = DATA_CR;
    return count;
}

long sley__http1_unchunk(struct sley__http1_chunks *chunks, const char *in, size_t size,
                         size_t *used, char *out, size_t room)
{
    size_t at = 0, stored = 0;

    while (at < size && !chunks->done) {
        if (chunks->state == DATA) {
            size_t count = copy_data(chunks, in + at, size - at, out + stored, room - stored);

            if (!count)
                break;
            at += count;
            stored += count;
            continue;
        }
        if (step(chunks, in[at++]) || (is_overhead(chunks) && ++chunks->overhead > OVERHEAD_MAX))
            return -400;
    }
    *used = at;
    return (long)stored;
}
