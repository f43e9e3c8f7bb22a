/*
 * countries.c: codes, names and flags from the packages iso-codes and famfamfam-flag-gif.
 *
 * Nothing is built in. A table in the source would be out of date with the next change of a name
 * (Turkey became Türkiye in 2022), and the distribution keeps both packages right already; what
 * costs is that they may be missing, which is an error of one line that names the package.
 *
 * All flags are read at the start: 239 files of some 370 bytes are 90 KB, and a server that holds
 * them never touches the disk for a request. Codes are two letters, so the index is an array of 676
 * pointers; a hash would be slower and longer.
 */
#define _GNU_SOURCE
#include "countries.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#define NAMES_FILE "iso-codes/json/iso_3166-1.json"
#define NAMES_KEY  "3166-1"
#define FLAGS_DIR  "flags/countries/16x11"
#define DATA_DIRS  "/usr/local/share:/usr/share"
#define FLAG_LIMIT (1 << 20) /* a larger "flag" is some other file */

bool country_code_valid(const char *code)
{
    return strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 2 && !code[2];
}

static int position(const char *code)
{
    return (toupper((unsigned char)code[0]) - 'A') * 26 + toupper((unsigned char)code[1]) - 'A';
}

const struct country *countries_find(const struct countries *countries, const char *code)
{
    return country_code_valid(code) ? countries->index[position(code)] : NULL;
}

/* The first of the data directories that has `name`, as a path to be freed; NULL if none. */
static char *find_data(const char *name)
{
    const char *dirs = getenv("XDG_DATA_DIRS");

    if (!dirs || !*dirs)
        dirs = DATA_DIRS;
    while (*dirs) {
        size_t length = strcspn(dirs, ":");
        char *path;
        if (length > 0 && asprintf(&path, "%.*s/%s", (int)length, dirs, name) >= 0) {
            if (access(path, R_OK) == 0)
                return path;
            free(path);
        }
        dirs += length + (dirs[length] == ':');
    }
    return NULL;
}

/* One entry of the JSON list. Entries that are no country (none exist today) are passed over. */
static bool take_entry(struct countries *c, json_t *entry)
{
    const char *code = json_string_value(json_object_get(entry, "alpha_2"));
    const char *name = json_string_value(json_object_get(entry, "common_name"));

    if (!name)
        name = json_string_value(json_object_get(entry, "name"));
    if (!code || !name || !*name || !country_code_valid(code))
        return true;
    struct country *country = &c->list[c->count];
    snprintf(country->code, sizeof country->code, "%s", code);
    country->name = strdup(name);
    if (!country->name)
        return false;
    c->count++;
    return true;
}

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct country *)a)->code, ((const struct country *)b)->code);
}

static bool take_list(struct countries *c, json_t *list)
{
    c->list = calloc(json_array_size(list) + 1, sizeof *c->list);
    if (!c->list)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!take_entry(c, json_array_get(list, i)))
            return false;
    qsort(c->list, c->count, sizeof *c->list, by_code);
    for (size_t i = 0; i < c->count; i++)
        c->index[position(c->list[i].code)] = &c->list[i];
    return true;
}

static bool load_names(struct countries *c, char *error, size_t size)
{
    json_error_t why;
    char *path = find_data(NAMES_FILE);

    if (!path) {
        snprintf(error, size, "no country names: %s is not there; install the package iso-codes",
                 NAMES_FILE);
        return false;
    }
    json_t *root = json_load_file(path, 0, &why);
    json_t *list = json_object_get(root, NAMES_KEY);
    bool loaded = json_is_array(list) && take_list(c, list) && c->count > 0;
    if (!root)
        snprintf(error, size, "%s: %s", path, why.text);
    else if (!loaded)
        snprintf(error, size, "%s: no list of countries in it; install the package iso-codes again",
                 path);
    json_decref(root);
    free(path);
    return loaded;
}

/* Reads a file of at most FLAG_LIMIT bytes that begins as a GIF does. */
static bool read_gif(const char *path, struct country *country)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    unsigned char *bytes = malloc(FLAG_LIMIT);
    size_t length = bytes ? fread(bytes, 1, FLAG_LIMIT, file) : 0;
    bool good = length > 6 && length < FLAG_LIMIT && memcmp(bytes, "GIF8", 4) == 0;
    fclose(file);
    unsigned char *fitted = good ? realloc(bytes, length) : NULL;
    if (!fitted) {
        free(bytes);
        return false;
    }
    country->gif = fitted;
    country->gif_size = length;
    return true;
}

static bool load_flags(struct countries *c, char *error, size_t size)
{
    char *directory = find_data(FLAGS_DIR);

    for (size_t i = 0; directory && i < c->count; i++) {
        struct country *country = &c->list[i];
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%c%c.gif", directory,
                              tolower((unsigned char)country->code[0]),
                              tolower((unsigned char)country->code[1]));
        if (length < (int)sizeof path && read_gif(path, country))
            c->with_flag++;
    }
    free(directory);
    if (c->with_flag == 0)
        snprintf(error, size, "no flags: %s has no GIFs; install the package famfamfam-flag-gif",
                 FLAGS_DIR);
    return c->with_flag > 0;
}

bool countries_load(struct countries **out, char *error, size_t size)
{
    struct countries *c = calloc(1, sizeof *c);

    if (!c) {
        snprintf(error, size, "%s", strerror(ENOMEM));
        return false;
    }
    if (!load_names(c, error, size) || !load_flags(c, error, size)) {
        countries_free(c);
        return false;
    }
    *out = c;
    return true;
}

void countries_free(struct countries *countries)
{
    if (!countries)
        return;
    for (size_t i = 0; i < countries->count; i++) {
        free(countries->list[i].name);
        free(countries->list[i].gif);
    }
    free(countries->list);
    free(countries);
}
