/*
 * fetch_name.c: under which names files are saved.
 *
 * A URL comes from somebody else, and so may a list of URLs. What is derived from a URL is
 * therefore always a plain name of one component: percent signs are decoded first, so that
 * "%2e%2e%2f" is seen as what it means, and then everything that a file name should not have
 * becomes '_' (savefile_name() says what that is). A name that was given is taken as it is or
 * refused, never mended: whoever wrote "../x" wanted something, and would look in vain for "_._x".
 *
 * Two URLs may come to one name, by their paths or by the cutting of long ones. Cut names end in a
 * hash of the URL, so that this does not happen for that reason alone; who finds two equal names
 * all the same is the list (fetch_list.c).
 *
 * Names that are given may lead below the directory. A symbolic link that stands there is followed:
 * it was put there by somebody who may write into the directory, not by a server.
 */
#include "fetch_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch_url.h"
#include "savefile.h"

#define INDEX "index.html"

uint64_t fetch_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes [from, to) and ends it with a NUL; returns where that is, or `end` if it did not fit. */
static char *decode(const char *from, const char *to, char *out, const char *end)
{
    while (from < to && out < end) {
        int high = *from == '%' && to - from > 2 ? hex_value(from[1]) : -1;
        int low = high >= 0 ? hex_value(from[2]) : -1;
        *out = (char)(low >= 0 ? high << 4 | low : *from);
        if (!*out)
            *out = '_';
        out++;
        from += low >= 0 ? 3 : 1;
    }
    return out;
}

/* Without a password: a hash in a name that anybody may read can be used to try passwords. */
static uint64_t hash_shown(const char *url)
{
    char *shown = fetch_url_shown(url);
    uint64_t hash = shown ? fetch_hash(shown) : 0;

    free(shown);
    return hash;
}

void fetch_name_of_url(const char *url, char name[FETCH_NAME_SIZE])
{
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    const char *path = host + strcspn(host, "/?#");
    const char *path_end = path + strcspn(path, "?#");
    const char *query = *path_end == '?' ? path_end + 1 : path_end;
    const char *query_end = query + strcspn(query, "#");
    const char *last = path;
    char text[4 * FETCH_NAME_SIZE], *end = text + sizeof text - 1, *out;

    for (const char *c = path; c < path_end; c++)
        if (*c == '/')
            last = c + 1;
    out = decode(last, path_end, text, end);
    if (out == text)
        out += snprintf(text, sizeof text, INDEX);
    if (query < query_end && out < end)
        *out++ = '@';
    out = decode(query, query_end, out, end);
    *out = '\0';
    if (savefile_name(text, "", name, FETCH_NAME_SIZE) != 0)
        memcpy(name, INDEX, sizeof INDEX);
    else if (strlen(text) >= FETCH_NAME_SIZE)
        snprintf(name + FETCH_NAME_SIZE - 32, 32, "-%016llx", (unsigned long long)hash_shown(url));
}

static bool ends_in(const char *text, size_t length, const char *suffix)
{
    size_t size = strlen(suffix);

    return length >= size && memcmp(text + length - size, suffix, size) == 0;
}

static const char *component_fault(const char *text, size_t length)
{
    if (length == 0)
        return "has an empty component";
    if ((length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.'))
        return "has a component . or ..";
    if (length >= FETCH_NAME_SIZE)
        return "is too long";
    if (ends_in(text, length, FETCH_PART) || ends_in(text, length, FETCH_INFO))
        return "is one of those that partial files have";
    return NULL;
}

const char *fetch_name_fault(const char *name)
{
    if (strlen(name) >= FETCH_PATH_SIZE - 32)
        return "is too long";
    if (*name == '/')
        return "does not lead into the directory";
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            return "has a control character";
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");
        const char *fault = component_fault(part, length);
        if (fault)
            return fault;
        part += length;
        if (!*part)
            return NULL;
    }
}

/* Where the last component begins. */
static size_t directory_length(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? (size_t)(slash - name) + 1 : 0;
}

char *fetch_name_beside(const char *name, const char *suffix)
{
    size_t length = directory_length(name);
    char *path = malloc(strlen(name) + strlen(suffix) + 2);

    /* Without printf(), which alone takes half a page of a stack that is otherwise one page. */
    if (path) {
        memcpy(path, name, length);
        path[length] = '.';
        strcpy(stpcpy(path + length + 1, name + length), suffix);
    }
    return path;
}

void fetch_name_number(const char *name, unsigned number, char path[FETCH_PATH_SIZE])
{
    size_t directory = directory_length(name);
    const char *dot = strrchr(name + directory, '.');
    size_t stem = dot && dot > name + directory ? (size_t)(dot - name) : strlen(name);

    /* A component that is as long as may be has no room for the number: its end is given up. */
    if (strlen(name + directory) > FETCH_NAME_SIZE - 12 && stem > directory + 12)
        stem -= 12;
    snprintf(path, FETCH_PATH_SIZE, "%.*s-%u%s", (int)stem, name, number, dot ? dot : "");
}
