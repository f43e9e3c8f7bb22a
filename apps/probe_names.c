/*
 * probe_names.c: the names that are to be probed, one after the other.
 *
 * Nothing is collected: the next name is read when there is a place for it, so a list may be longer
 * than memory, and names that another program finds ("tail -f") are probed as they come.
 *
 * A file may be anything. Whether a line is a name is not judged here: it is handed on, and comes
 * back as one that is none, so that one bad line among 100,000 costs one line. Only what could not
 * be handed on as a string is changed such that it still is no name: a NUL becomes another control
 * character, and of a line that is longer than any name the beginning is left, and "..." behind.
 */
#include "probe_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/error.h>
#include <sley/pipe.h>

#include "lines.h"

enum { SHOWN = 64 }; /* bytes that are left of a line that is too long */

/* --- one name --------------------------------------------------------------------------------- */

/* Makes it the current name, with the top-level domain behind it unless it ends with a dot. */
static void set_name(struct probe_names *names, const char *text, size_t size)
{
    bool complete = !names->tld || (size > 0 && text[size - 1] == '.');
    size_t tld = complete ? 0 : 1 + strlen(names->tld);

    if (size + tld >= sizeof names->name) {
        snprintf(names->name, sizeof names->name, "%.*s...", SHOWN, text);
        return;
    }
    for (size_t i = 0; i < size; i++)
        names->name[i] = text[i] ? text[i] : '\1';
    names->name[size] = '\0';
    if (!complete)
        snprintf(names->name + size, sizeof names->name - size, ".%s", names->tld);
}

/* The next keyword that is short enough. */
static bool next_keyword(struct probe_names *names)
{
    while (names->keywords && *names->keywords) {
        const char *keyword = *names->keywords++;

        if (strlen(keyword) <= names->keyword_max) {
            set_name(names, keyword, strlen(keyword));
            return true;
        }
    }
    return false;
}

/* --- files ------------------------------------------------------------------------------------ */

static int fail(const struct probe_names *names, int code, char *error)
{
    snprintf(error, PROBE_NAMES_ERROR, "cannot read the names from %.100s: %s", names->reading,
             code == SLEY_EINVAL ? "it is nothing that can be read" : sley_strerror(code));
    return code;
}

static int open_stream(struct probe_names *names, bool is_input)
{
    names->reading = is_input ? "the standard input" : names->file;
    if (is_input)
        return sley_stdin_open(&names->stream);
    int code = sley_stream_adopt(names->fd, &names->stream);
    if (!code)
        names->fd = -1;
    return code;
}

static int open_lines(struct probe_names *names, bool is_input, char *error)
{
    struct sley_reader_options options = {.limit = PROBE_NAME, .buffer = 65536};
    int code = open_stream(names, is_input);

    if (!code)
        code = sley_reader_new(names->stream, &options, &names->reader);
    return code ? fail(names, code, error) : 0;
}

static void close_stream(struct probe_names *names)
{
    sley_reader_free(names->reader);
    sley_stream_free(names->stream);
    names->reader = NULL;
    names->stream = NULL;
}

void probe_names_close(struct probe_names *names)
{
    close_stream(names);
    if (names->file && names->fd > STDERR_FILENO)
        close(names->fd);
    names->fd = -1;
}

/* A line that is too long: its beginning is the name, the rest is dropped. */
static int cut_line(struct probe_names *names)
{
    const void *data;
    size_t available;
    int code = sley_reader_peek(names->reader, SHOWN, &data, &available);

    if (code)
        return code;
    snprintf(names->name, sizeof names->name, "%.*s...", SHOWN, (const char *)data);
    for (;;) {
        const char *end;

        code = sley_reader_peek(names->reader, 1, &data, &available);
        if (code)
            return code == SLEY_EOF ? 0 : code;
        end = memchr(data, '\n', available);
        code = sley_reader_skip(names->reader,
                                end ? (size_t)(end - (const char *)data) + 1 : available);
        if (code || end)
            return code;
    }
}

/* The name that a line has. False: none. */
static bool take_line(struct probe_names *names, const char *line, size_t size)
{
    while (size > 0 && lines_blank(line[0])) {
        line++;
        size--;
    }
    while (size > 0 && lines_blank(line[size - 1]))
        size--;
    if (size == 0 || line[0] == '#')
        return false;
    set_name(names, line, size);
    return true;
}

/* 1, 0 at the end of the file, or what went wrong. */
static int next_line(struct probe_names *names, char *error)
{
    char *line;
    size_t size;

    for (;;) {
        int code = sley_reader_line(names->reader, &line, &size);

        if (code == SLEY_ETOOLONG) {
            code = cut_line(names);
            return code ? fail(names, code, error) : 1;
        }
        if (code == SLEY_EOF)
            return 0;
        if (code < 0)
            return fail(names, code, error);
        if (take_line(names, line, size))
            return 1;
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

enum word { NOTHING, NAME, INPUT, FILE_OF_NAMES };

/* What is next, once the keywords are used up; a name is set. */
static enum word next_word(struct probe_names *names)
{
    if (names->next_word < names->word_count) {
        const char *word = names->words[names->next_word++];

        if (strcmp(word, "-") == 0)
            return INPUT;
        set_name(names, word, strlen(word));
        return NAME;
    }
    if (!names->file || names->file_done)
        return NOTHING;
    names->file_done = true;
    return strcmp(names->file, "-") == 0 ? INPUT : FILE_OF_NAMES;
}

int probe_names_next(struct probe_names *names, char error[PROBE_NAMES_ERROR])
{
    if (next_keyword(names))
        return 1;
    for (;;) {
        if (names->reader) {
            int code = next_line(names, error);
            if (code)
                return code;
            close_stream(names);
        }
        enum word word = next_word(names);
        if (word == NOTHING || word == NAME)
            return word == NAME;
        int code = open_lines(names, word == INPUT, error);
        if (code) {
            close_stream(names);
            return code;
        }
    }
}

/* --- counting --------------------------------------------------------------------------------- */

size_t probe_names_count(const struct probe_names *names)
{
    size_t count = 0;
    long lines = 0;

    for (const char *const *k = names->keywords; k && *k; k++)
        count += strlen(*k) <= names->keyword_max;
    for (size_t i = 0; i < names->word_count && lines >= 0; i++) {
        lines = strcmp(names->words[i], "-") == 0 ? lines_count(STDIN_FILENO) : 1;
        count += (size_t)lines;
    }
    if (names->file && lines >= 0) {
        lines = lines_count(strcmp(names->file, "-") == 0 ? STDIN_FILENO : names->fd);
        count += (size_t)lines;
    }
    return lines < 0 ? 0 : count;
}
