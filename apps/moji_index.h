/*
 * moji_index.h: finding Unicode characters by the words of their names.
 *
 * Built once, then never changed: any number of tasks may search it. None of this parks.
 */
#ifndef SLEY_APPS_MOJI_INDEX_H
#define SLEY_APPS_MOJI_INDEX_H

#include <stddef.h>
#include <stdint.h>

/* The longest query in bytes; what is longer is answered like one that finds nothing would be, by
 * whoever reads queries: see moji_query_check(). */
#define MOJI_QUERY_MAX 255

/* Owned by whoever called moji_index_new(). */
struct moji_index;

/* Those that a query has found, in the order of their code points. */
struct moji_found {
    uint32_t *characters; /* for moji_code() and moji_name(); freed by moji_found_free() */
    size_t count;
};

/* Reads the names of all characters: some hundred milliseconds of computing. NULL: no memory. */
struct moji_index *moji_index_new(void);
void moji_index_free(struct moji_index *index);

/* How many characters and how many different words it has. */
size_t moji_index_characters(const struct moji_index *index);
size_t moji_index_words(const struct moji_index *index);

/* 0, or -EMSGSIZE if the query is longer than MOJI_QUERY_MAX, or -EILSEQ if it has a control
 * character in it or is not UTF-8. */
int moji_query_check(const char *query, size_t length);

/* The characters whose names have all words of `query`, in any case and order; words are what
 * stands between blanks and hyphens. No word finds nothing. 0 or -ENOMEM. */
int moji_search(const struct moji_index *index, const char *query, struct moji_found *found);
void moji_found_free(struct moji_found *found);

/* Of a character that was found: its code point; its name, borrowed from the index. */
uint32_t moji_code(const struct moji_index *index, uint32_t character);
const char *moji_name(const struct moji_index *index, uint32_t character);

/* Writes a code point as UTF-8, at most 4 bytes and a NUL. Returns the length. */
size_t moji_utf8(uint32_t code, char out[5]);

#endif
