/*
 * fetch_table.h: finds, among many things with a number each, the one with a given text. Any
 * thread; nothing parks.
 */
#ifndef SLEY_APPS_FETCH_TABLE_H
#define SLEY_APPS_FETCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of the thing with that number; `things` is whatever was given to the calls below. */
typedef const char *fetch_table_key(const void *things, size_t number);

/* A value; {0} is empty. */
struct fetch_table {
    uint32_t *slots; /* number + 1, or 0 */
    size_t size;     /* a power of two, or 0 */
};

/* The number of the thing with that text, plus one; or 0. */
size_t fetch_table_find(const struct fetch_table *table, fetch_table_key *key, const void *things,
                        const char *text);

/* Makes room for the thing `number`, those below being in it. False: no memory. */
bool fetch_table_reserve(struct fetch_table *table, fetch_table_key *key, const void *things,
                         size_t number);

/* Adds it, once there is room. Of two with one text the later one is found. */
void fetch_table_add(struct fetch_table *table, fetch_table_key *key, const void *things,
                     size_t number);

void fetch_table_free(struct fetch_table *table);

#endif
