/*
 * fetch_list.h: what is to be fetched. Begun before the runtime starts, then the main task's;
 * nothing parks.
 */
#ifndef SLEY_APPS_FETCH_LIST_H
#define SLEY_APPS_FETCH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch_digest.h"
#include "fetch_name.h"
#include "fetch_table.h"

enum fetch_state {
    FETCH_WAITING, /* not begun, or to be tried again */
    FETCH_ACTIVE,
    FETCH_DONE,
    FETCH_KEPT, /* it was there already */
    FETCH_FAILED,
};

/* A file to be fetched, and what became of it. There may be 100,000 of them. The main task's, but
 * for what the transfer's task has while it is active: it reads url, name, digest and maybe_part
 * and writes maybe_part. */
struct fetch_item {
    char *url;   /* http or https, without a fragment */
    char *shown; /* the same without a password: for all but the request */
    char *name;  /* below the directory */
    struct fetch_digest *digest;
    struct fetch_item *next; /* in the queue that it is in */
    struct fetch_host *host; /* fetch_hosts.c */
    char *reason;            /* of a failure: one line; or NULL */
    uint64_t size;           /* of the complete file */
    int64_t started, took;   /* ns: the last attempt's start; that attempt, or all of them */
    int64_t first_started;
    uint32_t copies;   /* names that were made of its name by a number */
    uint16_t attempts; /* begun */
    uint16_t spared;   /* of them: failed with others, by what one of those was blamed for */
    uint16_t status;   /* of the last answer, or 0 */
    uint8_t state;     /* enum fetch_state */
    bool maybe_part;   /* there may be a partial file of it */
    bool resumed;      /* a part of it was */
    bool again;        /* its checksum was wrong once */
};

enum { FETCH_BLOCK = 256 }; /* items */

/* A value; {0} is empty. */
struct fetch_list {
    struct fetch_item **blocks; /* of FETCH_BLOCK: see fetch_list_at() */
    size_t count, block_count;
    size_t duplicates; /* lines that said nothing new */
    bool unique;       /* set before: names that are taken get a number */
    struct fetch_table by_url, by_name, parts;
    char **part_names; /* of files of which interrupted runs have left something */
    size_t part_count;
    char error[768]; /* what is wrong, after a false */
};

/* Adds a file. `name` and `digest` ("sha256:HEX") may be NULL. The same URL a second time adds
 * nothing. False: see list->error: not a URL, a name that is refused, a name or URL that is taken
 * with another meaning, no memory. */
bool fetch_list_add(struct fetch_list *list, const char *url, const char *name, const char *digest);

/* Adds what a line says: URL [NAME] [KIND:HEX], divided by blanks; an empty line and one that
 * begins with '#' says nothing. It is cut up. */
bool fetch_list_line(struct fetch_list *list, char *line);

/* The items, in the order in which they were added, from 0. They stay where they are. */
struct fetch_item *fetch_list_at(const struct fetch_list *list, size_t number);

/* Looks through `directory` for what interrupted runs have left: items that are added afterwards
 * have maybe_part then. Blocks. */
void fetch_list_find_parts(struct fetch_list *list, const char *directory);

/* Frees what adding needs, when nothing will be added any more. */
void fetch_list_seal(struct fetch_list *list);

void fetch_list_free(struct fetch_list *list);

#endif
