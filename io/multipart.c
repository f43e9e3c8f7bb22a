/*
 * multipart.c: taking a multipart/form-data body (RFC 7578) apart while it comes.
 *
 * Parts are separated by a line that begins with a string that none of them contains: the delimiter
 * is CR LF, two dashes and the boundary. A window of 16 KiB slides over the body. What is in it up
 * to the next delimiter is the part's; if there is none, all but the last bytes, which may be the
 * beginning of one, are. So a part of any size is read with the window's memory.
 *
 * The first delimiter may stand at the very beginning, without a line before it: the window begins
 * with a CR LF that nobody has sent. Whatever comes before the first and after the last delimiter
 * is dropped, as the RFC wants it.
 *
 * A part's head must fit in the window; so many parts and no more are accepted.
 */
#define _GNU_SOURCE
#include "multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sley/error.h>

#ifdef SLEY_HOSTILE
enum { WINDOW = 1024, PARTS_MAX = 1000 };
#else
enum { WINDOW = 16 * 1024, PARTS_MAX = 1000 };
#endif

enum { BEFORE, IN_PART, AT_DELIMITER, BEHIND };

/* --- parameters of a header ------------------------------------------------------------------- */

/* Copies the value of the parameter `name` of `text` ("...; name=value; name=\"value\"") to `out`,
 * which has room for all of the text, and ends it with a NUL; where it ends, or NULL. */
static char *copy_parameter(const char *text, const char *name, char *out)
{
    size_t size = strlen(name);
    bool quoted;

    while ((text = strchr(text, ';'))) {
        text += 1 + strspn(text + 1, " \t");
        if (strncasecmp(text, name, size) != 0 || text[size] != '=') {
            /* A quoted value may contain anything. */
            text += strcspn(text, ";\"");
            if (*text == '"')
                for (text++; *text && *text != '"'; text++)
                    text += *text == '\\' && text[1];
            continue;
        }
        text += size + 1;
        quoted = *text == '"';
        for (text += quoted; *text && (quoted ? *text != '"' : !strchr("; \t", *text)); text++) {
            if (quoted && *text == '\\' && (text[1] == '"' || text[1] == '\\'))
                text++;
            *out++ = *text;
        }
        *out = '\0';
        return out + 1;
    }
    return NULL;
}

/* --- the window ------------------------------------------------------------------------------- */

/* Gets more bytes behind those that are there: 1, 0 if there are no more, or an error. */
static int fill(struct sley__multipart *multipart)
{
    size_t size = multipart->end - multipart->start;
    int got;

    if (multipart->drained)
        return 0;
    memmove(multipart->window, multipart->window + multipart->start, size);
    multipart->start = 0;
    multipart->end = size;
    if (size == WINDOW)
        return SLEY_EMSGSIZE;
    got = multipart->source(multipart->arg, multipart->window + size, WINDOW - size);
    if (got < 0)
        return got;
    multipart->drained = got == 0;
    multipart->end += (size_t)got;
    return got > 0;
}

/* How many bytes of the window are the part's; *found: what follows is the delimiter. */
static size_t content(const struct sley__multipart *multipart, bool *found)
{
    const char *start = multipart->window + multipart->start;
    size_t size = multipart->end - multipart->start;
    const char *at = memmem(start, size, multipart->delimiter, multipart->delimiter_size);

    *found = at != NULL;
    if (at)
        return (size_t)(at - start);
    return size < multipart->delimiter_size ? 0 : size - multipart->delimiter_size + 1;
}

/* Waits until there is content or the delimiter: how many bytes, 0 at the delimiter, or an error.
 */
static long await_content(struct sley__multipart *multipart)
{
    bool found;
    size_t size = content(multipart, &found);

    while (!size && !found) {
        int more = fill(multipart);

        if (more <= 0)
            return more ? more : SLEY_EPROTO; /* it ends without its last delimiter */
        size = content(multipart, &found);
    }
    if (!size)
        multipart->where = AT_DELIMITER;
    return (long)size;
}

/* --- heads ------------------------------------------------------------------------------------ */

/* Makes sure that the window has so many bytes. */
static int need(struct sley__multipart *multipart, size_t size)
{
    while (multipart->end - multipart->start < size) {
        int more = fill(multipart);

        if (more <= 0)
            return more ? more : SLEY_EPROTO;
    }
    return 0;
}

/* The size of the line at the window's start, with its CR LF; or an error. */
static long next_line(struct sley__multipart *multipart, size_t from)
{
    for (;;) {
        const char *start = multipart->window + multipart->start;
        size_t size = multipart->end - multipart->start;
        const char *end = size > from ? memmem(start + from, size - from, "\r\n", 2) : NULL;
        int more;

        if (end)
            return end + 2 - start;
        more = fill(multipart);
        if (more <= 0)
            return more ? more : SLEY_EPROTO;
    }
}

/* Behind the delimiter: two dashes, or the end of its line. 1 if a part follows, 0 or an error. */
static int pass_delimiter(struct sley__multipart *multipart)
{
    const char *text;
    long size;
    int error;

    multipart->start += multipart->delimiter_size;
    error = need(multipart, 2);
    if (error)
        return error;
    text = multipart->window + multipart->start;
    if (memcmp(text, "--", 2) == 0) {
        multipart->where = BEHIND;
        return 0;
    }
    size = next_line(multipart, 0);
    if (size < 0)
        return (int)size;
    text = multipart->window + multipart->start;
    for (long i = 0; i < size - 2; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return SLEY_EPROTO;
    multipart->start += (size_t)size;
    return 1;
}

static bool is_header(const char *line, const char *name)
{
    size_t size = strlen(name);

    return strncasecmp(line, name, size) == 0 && line[size] == ':';
}

/* One line of a part's head, NUL-terminated; `out` has room for twice the line. */
static char *read_header(struct sley__multipart *multipart, const char *line, char *out)
{
    char *end;

    if (is_header(line, "Content-Disposition")) {
        end = copy_parameter(line, "name", out);
        multipart->name = end ? out : NULL;
        out = end ? end : out;
        end = copy_parameter(line, "filename", out);
        multipart->filename = end ? out : NULL;
        return end ? end : out;
    }
    if (!is_header(line, "Content-Type"))
        return out;
    line += strlen("Content-Type:");
    line += strspn(line, " \t");
    multipart->type = strcpy(out, line);
    return out + strlen(line) + 1;
}

/* The head's lines to the empty one. */
static int read_head(struct sley__multipart *multipart)
{
    char *out = multipart->head;
    size_t used = 0;

    multipart->name = multipart->filename = multipart->type = NULL;
    for (;;) {
        long size = next_line(multipart, 0);
        char *line;

        if (size < 0)
            return (int)size;
        line = multipart->window + multipart->start;
        multipart->start += (size_t)size;
        used += (size_t)size;
        if (size == 2)
            break;
        if (memchr(line, '\0', (size_t)size))
            return SLEY_EPROTO;
        if (used > WINDOW)
            return SLEY_EMSGSIZE;
        line[size - 2] = '\0';
        out = read_header(multipart, line, out);
    }
    if (!multipart->name)
        return SLEY_EPROTO;
    if (++multipart->parts > PARTS_MAX)
        return SLEY_EMSGSIZE;
    multipart->where = IN_PART;
    return 1;
}

/* --- the calls -------------------------------------------------------------------------------- */

int sley__multipart_init(struct sley__multipart *multipart, const char *type,
                         sley__multipart_source *source, void *arg)
{
    static const char form[] = "multipart/form-data";
    char boundary[1024];
    size_t size;

    *multipart = (struct sley__multipart){.source = source, .arg = arg};
    if (!type || strncasecmp(type, form, sizeof(form) - 1) != 0 || strlen(type) >= sizeof(boundary))
        return SLEY_EINVAL;
    if (!copy_parameter(type, "boundary", boundary))
        return SLEY_EINVAL;
    size = strlen(boundary);
    if (!size || size > SLEY__MULTIPART_BOUNDARY)
        return SLEY_EINVAL;
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary, size + 1);
    multipart->delimiter_size = size + 4;
    multipart->window = malloc(WINDOW);
    multipart->head = malloc(2 * WINDOW);
    if (!multipart->window || !multipart->head) {
        sley__multipart_close(multipart);
        return SLEY_ENOMEM;
    }
    memcpy(multipart->window, "\r\n", 2);
    multipart->end = 2;
    return 0;
}

void sley__multipart_close(struct sley__multipart *multipart)
{
    free(multipart->window);
    free(multipart->head);
    multipart->window = multipart->head = NULL;
}

static int next(struct sley__multipart *multipart)
{
    long size;
    int more;

    if (multipart->where == BEHIND)
        return 0;
    while (multipart->where != AT_DELIMITER) {
        size = await_content(multipart);
        if (size < 0)
            return (int)size;
        multipart->start += (size_t)size;
    }
    more = pass_delimiter(multipart);
    return more > 0 ? read_head(multipart) : more;
}

int sley__multipart_next(struct sley__multipart *multipart)
{
    int more = multipart->error ? multipart->error : next(multipart);

    if (more < 0)
        multipart->error = more;
    return more;
}

int sley__multipart_read(struct sley__multipart *multipart, void *data, size_t size)
{
    long there;

    if (multipart->error)
        return multipart->error;
    if (multipart->where != IN_PART || !size)
        return 0;
    there = await_content(multipart);
    if (there < 0) {
        multipart->error = (int)there;
        return multipart->error;
    }
    if ((size_t)there < size)
        size = (size_t)there;
    memcpy(data, multipart->window + multipart->start, size);
    multipart->start += size;
    return (int)size;
}
