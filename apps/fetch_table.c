/*
 * fetch_table.c: finds, among many things with a number each, the one with a given text.
 *
 * An array of numbers with open addressing, at most half full: eight bytes for each thing, where
 * the handle of a table that is linked through the things takes 56. There may be a million URLs,
 * each in two tables. The texts stay where they are, and are asked for by number, so that the
 * things may be moved by who owns them.
 */
#define _GNU_SOURCE
#include "fetch_table.h"

#include <stdlib.h>
#include <string.h>

#include "fetch_name.h"

enum { FIRST_SIZE = 128 };

/* The slot of that text, or the free one where it would be. The table is never full. */
static uint32_t *slot_of(const struct fetch_table *table, fetch_table_key *key, const void *things,
                         const char *text)
{
    size_t at = (size_t)fetch_hash(text) & (table->size - 1);

    while (table->slots[at] && strcmp(key(things, table->slots[at] - 1), text) != 0)
        at = (at + 1) & (table->size - 1);
    return &table->slots[at];
}

size_t fetch_table_find(const struct fetch_table *table, fetch_table_key *key, const void *things,
                        const char *text)
{
    return table->size ? *slot_of(table, key, things, text) : 0;
}

bool fetch_table_reserve(struct fetch_table *table, fetch_table_key *key, const void *things,
                         size_t number)
{
    struct fetch_table larger = {.size = table->size ? table->size * 2 : FIRST_SIZE};

    if (number < table->size / 2)
        return true;
    if (number >= UINT32_MAX / 4 || !(larger.slots = calloc(larger.size, sizeof *larger.slots)))
        return false;
    for (size_t i = 0; i < number; i++)
        fetch_table_add(&larger, key, things, i);
    free(table->slots);
    *table = larger;
    return true;
}

void fetch_table_add(struct fetch_table *table, fetch_table_key *key, const void *things,
                     size_t number)
{
    *slot_of(table, key, things, key(things, number)) = (uint32_t)number + 1;
}

void fetch_table_free(struct fetch_table *table)
{
    free(table->slots);
    *table = (struct fetch_table){0};
}
