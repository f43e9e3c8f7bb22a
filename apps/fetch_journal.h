/*
 * fetch_journal.h: a file that remembers which files are complete.
 */
#ifndef SLEY_APPS_FETCH_JOURNAL_H
#define SLEY_APPS_FETCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console.h"
#include "fetch_list.h"

/* What a line says: the key is "URL TAB NAME", in the line. */
struct fetch_journal_entry {
    char *line;
    const char *key;
    uint64_t size;
};

/* What a journal says. A value; {0} is empty. */
struct fetch_journal {
    struct fetch_journal_entry *entries;
    size_t count;
    struct fetch_table table;
    int directory; /* 0: none */
};

/* Reads the journal `path` of files in `directory`. One that is not there is empty; lines that are
 * torn or damaged are passed over. 0 or -errno, and it is empty. Before the runtime starts:
 * blocks. */
int fetch_journal_read(struct fetch_journal *journal, const char *path, const char *directory);

/* Whether the item is told to be complete, and is in the directory with the size that is told,
 * which *size receives. Blocks for as long as fstat() does. */
bool fetch_journal_has(const struct fetch_journal *journal, const struct fetch_item *item,
                       uint64_t *size);

/* Frees it; it is empty then. */
void fetch_journal_forget(struct fetch_journal *journal);

/* Adds the line of a file that is complete. Never parks. */
void fetch_journal_line(struct text *text, const struct fetch_item *item);

#endif
