/*
 * fetch_list.c: what is to be fetched.
 *
 * The list grows while the first files come (fetch_feed.c), so nothing here may depend on a line
 * that has not been read. What comes first is right: of two URLs that are to be saved under one
 * name the later one is refused and never replaces the other; what a later line says of a URL that
 * is known is taken over only if it is not too late for that.
 *
 * Whoever fetches has pointers to the items, so they stay where they are: in blocks. An item has
 * no handles of a hash table in it (fetch_table.h); the tables are given back when the list is
 * complete, while a hundred thousand files may still be to come.
 *
 * Equal means equal letter by letter, but for the fragment, which no server ever sees. Two ways of
 * writing the same URL are two URLs; then they mostly have one name, and that is found.
 *
 *   Rejected: to read all of the list before anything starts. The error in line 90,000 was found
 *   at once then, not after an hour; but a list that another program finds line by line did not
 *   begin until it was complete.
 */
#define _GNU_SOURCE
#include "fetch_list.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fetch_url.h"

__attribute__((format(printf, 2, 3))) static bool refuse(struct fetch_list *list,
                                                         const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vsnprintf(list->error, sizeof list->error, format, values);
    va_end(values);
    return false;
}

static bool no_memory(struct fetch_list *list)
{
    return refuse(list, "out of memory");
}

/* --- the tables ------------------------------------------------------------------------------- */

struct fetch_item *fetch_list_at(const struct fetch_list *list, size_t number)
{
    return &list->blocks[number / FETCH_BLOCK][number % FETCH_BLOCK];
}

static const char *url_at(const void *list, size_t number)
{
    return fetch_list_at(list, number)->url;
}

static const char *name_at(const void *list, size_t number)
{
    return fetch_list_at(list, number)->name;
}

static const char *part_at(const void *list, size_t number)
{
    return ((const struct fetch_list *)list)->part_names[number];
}

static struct fetch_item *find(const struct fetch_list *list, const struct fetch_table *table,
                               fetch_table_key *key, const char *text)
{
    size_t found = fetch_table_find(table, key, list, text);

    return found ? fetch_list_at(list, found - 1) : NULL;
}

/* Room for one more. */
static bool grow(struct fetch_list *list)
{
    size_t full = list->count / FETCH_BLOCK;
    struct fetch_item **blocks;

    if (!fetch_table_reserve(&list->by_url, url_at, list, list->count) ||
        !fetch_table_reserve(&list->by_name, name_at, list, list->count))
        return false;
    if (full < list->block_count)
        return true;
    blocks = reallocarray(list->blocks, full + 1, sizeof *blocks);
    if (!blocks)
        return false;
    list->blocks = blocks;
    blocks[full] = calloc(FETCH_BLOCK, sizeof **blocks);
    list->block_count += blocks[full] ? 1 : 0;
    return blocks[full];
}

/* --- adding ----------------------------------------------------------------------------------- */

static bool is_url(const char *text)
{
    size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
                    : strncasecmp(text, "https://", 8) == 0 ? 8
                                                            : 0;

    if (scheme == 0 || strcspn(text + scheme, "/?#") == 0)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7F)
            return false;
    return true;
}

/* A name for it that nobody has. NULL: refused. */
static char *choose_name(struct fetch_list *list, const char *url, const char *given)
{
    char name[FETCH_PATH_SIZE], numbered[FETCH_PATH_SIZE], shown[FETCH_SHOWN_SIZE];
    const char *fault = given ? fetch_name_fault(given) : NULL;
    struct fetch_item *other;

    if (fault) {
        refuse(list, "the name '%.300s' %s", given, fault);
        return NULL;
    }
    if (given)
        snprintf(name, sizeof name, "%s", given);
    else
        fetch_name_of_url(url, name);
    memcpy(numbered, name, sizeof name);
    other = find(list, &list->by_name, name_at, name);
    if (other && !list->unique) {
        fetch_url_show(url, shown, sizeof shown);
        refuse(list, "%.200s and %.200s have the same name, %.200s", other->shown, shown, name);
        return NULL;
    }
    while (other && find(list, &list->by_name, name_at, numbered))
        fetch_name_number(name, ++other->copies + 1, numbered);
    char *copy = strdup(numbered);
    if (!copy)
        no_memory(list);
    return copy;
}

static bool same_digest(const struct fetch_digest *one, const struct fetch_digest *other)
{
    return one->kind == other->kind && memcmp(one->bytes, other->bytes, one->size) == 0;
}

/* Whether a checksum that comes now is looked at: it will be begun, again or for the first time, or
 * was complete before, which counts whatever is said. */
static bool can_verify(const struct fetch_item *item)
{
    return item->state != FETCH_ACTIVE && item->state != FETCH_DONE;
}

/* The URL is there already: whatever this says must go with that. */
static bool add_again(struct fetch_list *list, struct fetch_item *item, const char *name,
                      struct fetch_digest **digest)
{
    if (name && strcmp(name, item->name) != 0)
        return refuse(list, "%.300s has two names, %.100s and %.100s", item->shown, item->name,
                      name);
    if (*digest && item->digest && !same_digest(*digest, item->digest))
        return refuse(list, "%.300s has two checksums", item->shown);
    if (*digest && !item->digest && !can_verify(item))
        return refuse(list, "the checksum of %.300s comes after it was begun", item->shown);
    if (!item->digest) {
        item->digest = *digest;
        *digest = NULL;
    }
    list->duplicates++;
    return true;
}

/* The URL without a password, which mostly is the URL. NULL: no memory. */
static char *show(char *url)
{
    return strchr(url, '@') ? fetch_url_shown(url) : url;
}

/* Takes the three over, if it returns true. */
static bool append(struct fetch_list *list, char *url, char *name, struct fetch_digest *digest)
{
    size_t number = list->count;
    char *shown;

    if (!grow(list) || !(shown = show(url)))
        return no_memory(list);
    *fetch_list_at(list, number) = (struct fetch_item){
        .url = url,
        .shown = shown,
        .name = name,
        .digest = digest,
        .maybe_part = strchr(name, '/') || fetch_table_find(&list->parts, part_at, list, name),
    };
    fetch_table_add(&list->by_url, url_at, list, number);
    fetch_table_add(&list->by_name, name_at, list, number);
    list->count++;
    return true;
}

/* Takes `url` and, unless it is set to NULL, the digest over, if it returns true. */
static bool add_parsed(struct fetch_list *list, char **url, const char *name,
                       struct fetch_digest **digest)
{
    struct fetch_item *known = find(list, &list->by_url, url_at, *url);
    char *chosen;

    if (known)
        return add_again(list, known, name, digest);
    chosen = choose_name(list, *url, name);
    if (!chosen)
        return false;
    if (!append(list, *url, chosen, *digest)) {
        free(chosen);
        return false;
    }
    /* The list has them; the analyser does not follow them into the array.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    *url = NULL;
    *digest = NULL;
    return true;
}

bool fetch_list_add(struct fetch_list *list, const char *url, const char *name, const char *digest)
{
    struct fetch_digest *parsed = NULL;
    char *copy;
    bool added;

    if (!is_url(url)) {
        char shown[FETCH_SHOWN_SIZE];
        fetch_url_show(url, shown, sizeof shown);
        return refuse(list, "'%s' is not an http or https URL", shown);
    }
    if (digest && (!(parsed = calloc(1, sizeof *parsed)) || !fetch_digest_parse(digest, parsed))) {
        free(parsed);
        return refuse(list, "'%.200s' is not a checksum: md5:, sha1:, sha256: or sha512: and hex",
                      digest);
    }
    copy = strndup(url, strcspn(url, "#"));
    /* Both are NULL afterwards if the list has them. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    added = copy ? add_parsed(list, &copy, name, &parsed) : no_memory(list);
    free(copy);
    free(parsed);
    return added;
}

bool fetch_list_line(struct fetch_list *list, char *line)
{
    char *rest = line, *words[4], *name = NULL, *digest = NULL;
    size_t count = 0;

    while (count < 4 && (words[count] = strsep(&rest, " \t\r\n")))
        count += *words[count] ? 1 : 0;
    if (count == 0 || words[0][0] == '#')
        return true;
    if (count == 4)
        return refuse(list, "more than a URL, a name and a checksum");
    for (size_t i = 1; i < count; i++)
        if (fetch_digest_looks_like(words[i]) && i == count - 1)
            digest = words[i];
        else if (i == 1)
            name = words[i];
        else
            return refuse(list, "'%.200s' is not a checksum", words[i]);
    return fetch_list_add(list, words[0], name, digest);
}

/* --- what was left ---------------------------------------------------------------------------- */

/* Remembers the name. Without memory it is forgotten: the file is fetched from its beginning. */
static void add_part(struct fetch_list *list, const char *name)
{
    char **names = reallocarray(list->part_names, list->part_count + 1, sizeof *names);

    if (!names)
        return;
    list->part_names = names;
    names[list->part_count] = strdup(name);
    if (!names[list->part_count])
        return;
    if (fetch_table_reserve(&list->parts, part_at, list, list->part_count))
        fetch_table_add(&list->parts, part_at, list, list->part_count++);
    else
        free(names[list->part_count]);
}

void fetch_list_find_parts(struct fetch_list *list, const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        size_t length = strlen(entry->d_name), suffix = strlen(FETCH_PART);
        if (entry->d_name[0] != '.' || length <= suffix + 1)
            continue;
        char *end = entry->d_name + length - suffix;
        if (strcmp(end, FETCH_PART) != 0 && strcmp(end, FETCH_INFO) != 0)
            continue;
        *end = '\0';
        if (!fetch_table_find(&list->parts, part_at, list, entry->d_name + 1))
            add_part(list, entry->d_name + 1);
    }
    closedir(dir);
}

void fetch_list_seal(struct fetch_list *list)
{
    fetch_table_free(&list->by_url);
    fetch_table_free(&list->by_name);
    fetch_table_free(&list->parts);
    for (size_t i = 0; i < list->part_count; i++)
        free(list->part_names[i]);
    free(list->part_names);
    list->part_names = NULL;
    list->part_count = 0;
}

void fetch_list_free(struct fetch_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct fetch_item *item = fetch_list_at(list, i);
        if (item->shown != item->url)
            free(item->shown);
        free(item->url);
        free(item->name);
        free(item->digest);
        free(item->reason);
    }
    for (size_t i = 0; i < list->block_count; i++)
        free(list->blocks[i]);
    free(list->blocks);
    fetch_list_seal(list);
}
