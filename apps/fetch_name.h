/*
 * fetch_name.h: under which names files are saved. Any thread; none of these parks.
 */
#ifndef SLEY_APPS_FETCH_NAME_H
#define SLEY_APPS_FETCH_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a file has while it is not complete: ".NAME" and one of these, in the same directory. */
#define FETCH_PART ".sley-part"
#define FETCH_INFO ".sley-info"

enum {
    FETCH_NAME_SIZE = 241, /* of a buffer for a name: the above fit in the 255 of a file system */
    FETCH_PATH_SIZE = 1024 /* of one for a name with directories */
};

/* Makes a file name of an http URL: what follows the last '/' of its path, and the query behind an
 * '@'; "index.html" if that is nothing. Percent signs are decoded. Whatever the URL says, the name
 * leads to no other directory, is not hidden, has no control character, and fits: of a name that is
 * too long the end is replaced by a number that depends on the whole. */
void fetch_name_of_url(const char *url, char name[FETCH_NAME_SIZE]);

/* What is wrong with a name that was given, as "has a component .."; NULL: nothing. It may have
 * directories, "a/b.txt". */
const char *fetch_name_fault(const char *name);

/* The name of what is beside `name`: "a/.b.txt.sley-part"; to be freed. NULL: no memory. */
char *fetch_name_beside(const char *name, const char *suffix);

/* "a-2.txt" of "a.txt" and 2. */
void fetch_name_number(const char *name, unsigned number, char path[FETCH_PATH_SIZE]);

/* A hash of a text (FNV-1a). */
uint64_t fetch_hash(const char *text);

#endif
