/*
 * dns_hosts.c: the file of hosts: an address and its names on each line.
 *
 * c-ares would read the file again for every name that is looked up. Here it is read once, and
 * again when it has changed (dns_lookup.c), and kept as one array of (name, address) in the order
 * of names, so that a lookup is a binary search, and one of indices in the order of addresses for
 * the way back. Files of a hundred thousand lines exist, made to block advertisements.
 *
 * Lines that cannot be read are skipped, as every system does.
 */
#define _GNU_SOURCE
#include "dns_hosts.h"

#include <stdlib.h>
#include <string.h>

struct pair {
    struct sley__dns_name name;
    struct sley_address address; /* port 0 */
    uint32_t line;               /* its place in the file */
};

struct sley__dns_hosts {
    struct pair **by_name, **by_address;
    struct pair *pairs;
    size_t count, room;
};

static int compare_addresses(const struct sley_address *a, const struct sley_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int by_line(const struct pair *a, const struct pair *b)
{
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_name(const void *left, const void *right)
{
    const struct pair *a = *(struct pair *const *)left, *b = *(struct pair *const *)right;
    int order = sley__dns_name_compare(&a->name, &b->name);

    return order ? order : by_line(a, b);
}

static int by_address(const void *left, const void *right)
{
    const struct pair *a = *(struct pair *const *)left, *b = *(struct pair *const *)right;
    int order = compare_addresses(&a->address, &b->address);

    return order ? order : by_line(a, b);
}

static bool add_pair(struct sley__dns_hosts *hosts, const struct sley_address *address,
                     const struct sley__dns_name *name)
{
    if (hosts->count == hosts->room) {
        size_t room = hosts->room ? hosts->room * 2 : 16;
        struct pair *pairs = realloc(hosts->pairs, room * sizeof(*pairs));

        if (!pairs)
            return false;
        hosts->pairs = pairs;
        hosts->room = room;
    }
    hosts->pairs[hosts->count] = (struct pair){*name, *address, (uint32_t)hosts->count};
    hosts->count++;
    return true;
}

/* The next word of a line, NUL-terminated in place, or NULL. */
static char *next_word(char **line)
{
    char *word;

    *line += strspn(*line, " \t\r\f\v");
    word = *line;
    *line += strcspn(*line, " \t\r\f\v");
    if (**line)
        *(*line)++ = '\0';
    return *word ? word : NULL;
}

static bool read_line(struct sley__dns_hosts *hosts, char *line)
{
    struct sley_address address;
    struct sley__dns_name name;
    char *word = next_word(&line);
    bool complete;

    if (!word || sley_address_numeric(word, 0, &address))
        return true;
    while ((word = next_word(&line)))
        if (sley__dns_name_read(&name, word, &complete) && name.size > 1 &&
            !add_pair(hosts, &address, &name))
            return false;
    return true;
}

static bool make_indices(struct sley__dns_hosts *hosts)
{
    size_t size = hosts->count * sizeof(*hosts->by_name);

    hosts->by_name = malloc(size ? size : 1);
    hosts->by_address = malloc(size ? size : 1);
    if (!hosts->by_name || !hosts->by_address)
        return false;
    for (size_t i = 0; i < hosts->count; i++)
        hosts->by_name[i] = hosts->by_address[i] = &hosts->pairs[i];
    qsort(hosts->by_name, hosts->count, sizeof(*hosts->by_name), by_name);
    qsort(hosts->by_address, hosts->count, sizeof(*hosts->by_address), by_address);
    return true;
}

static bool read_lines(struct sley__dns_hosts *hosts, char *text)
{
    char *next;

    for (; text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        text[strcspn(text, "#")] = '\0';
        if (!read_line(hosts, text))
            return false;
    }
    return true;
}

struct sley__dns_hosts *sley__dns_hosts_read(const char *text, size_t size)
{
    struct sley__dns_hosts *hosts = calloc(1, sizeof(*hosts));
    char *copy = malloc(size + 1);
    bool done = hosts && copy;

    if (done) {
        for (size_t i = 0; i < size; i++) /* a NUL would hide what is behind it */
            copy[i] = (char)(text[i] ? text[i] : ' ');
        copy[size] = '\0';
        done = read_lines(hosts, copy) && make_indices(hosts);
    }
    free(copy);
    if (done)
        return hosts;
    sley__dns_hosts_free(hosts);
    return NULL;
}

void sley__dns_hosts_free(struct sley__dns_hosts *hosts)
{
    if (!hosts)
        return;
    free(hosts->by_name);
    free(hosts->by_address);
    free(hosts->pairs);
    free(hosts);
}

/* The first place whose name is not before `name`. */
static size_t lower_bound(const struct sley__dns_hosts *hosts, const struct sley__dns_name *name)
{
    size_t low = 0, high = hosts->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sley__dns_name_compare(&hosts->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t sley__dns_hosts_find(const struct sley__dns_hosts *hosts, const struct sley__dns_name *name,
                            int family, struct sley_address *out, size_t room, bool *known)
{
    size_t count = 0;

    *known = false;
    for (size_t i = lower_bound(hosts, name);
         i < hosts->count && !sley__dns_name_compare(&hosts->by_name[i]->name, name); i++) {
        const struct sley_address *address = &hosts->by_name[i]->address;

        *known = true;
        if (family && family != address->family)
            continue;
        if (count < room)
            out[count] = *address;
        count++;
    }
    return count;
}

const struct sley__dns_name *sley__dns_hosts_name(const struct sley__dns_hosts *hosts,
                                                  const struct sley_address *address)
{
    size_t low = 0, high = hosts->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_addresses(&hosts->by_address[middle]->address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == hosts->count || compare_addresses(&hosts->by_address[low]->address, address))
        return NULL;
    return &hosts->by_address[low]->name;
}
