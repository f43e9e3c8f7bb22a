/*
 * countries.h: what this machine knows about the countries of ISO 3166-1: their codes, their names
 * (package iso-codes) and pictures of their flags (package famfamfam-flag-gif).
 *
 * Both are found at run time, in the "share" directories that XDG_DATA_DIRS lists, by default
 * /usr/local/share and /usr/share. Loading reads files, so it blocks: call it before the runtime
 * starts, or through sley_to_thread(). What has been loaded is never changed: any thread may read.
 */
#ifndef SLEY_APPS_COUNTRIES_H
#define SLEY_APPS_COUNTRIES_H

#include <stdbool.h>
#include <stddef.h>

/* One country. */
struct country {
    char code[3];       /* "BR" */
    char *name;         /* "Brazil", UTF-8: the common name where ISO has one, else the official */
    unsigned char *gif; /* the flag, or NULL: a few codes have none */
    size_t gif_size;
};

/* Owned by whoever called countries_load(). */
struct countries {
    struct country *list; /* sorted by code */
    size_t count;
    size_t with_flag;
    struct country *index[26 * 26]; /* by the letters of the code */
};

/* Loads all of it. Returns true, or false with one line in `error` that says what is missing and
 * which package has it. */
bool countries_load(struct countries **out, char *error, size_t size);
void countries_free(struct countries *countries); /* NULL is fine */

/* The country with this code, in upper or lower case, or NULL. */
const struct country *countries_find(const struct countries *countries, const char *code);

/* Is it two letters A-Z, in either case? */
bool country_code_valid(const char *code);

#endif
