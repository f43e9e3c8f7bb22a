/*
 * numbers.h: a list of numbers, from words or from a file.
 */
#ifndef SLEY_APPS_NUMBERS_H
#define SLEY_APPS_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value; {0} is empty; free with numbers_free(). */
struct numbers {
    uint64_t *list;
    size_t count, size;
};

/* What is said in `error` (one line without control characters) when something is wrong. */
enum { NUMBERS_ERROR = 160 };

/* Results. */
enum numbers_status {
    NUMBERS_GOOD,
    NUMBERS_BAD,    /* not a decimal number from 0 to 2^64 - 1 */
    NUMBERS_FAILED, /* no memory, or the file cannot be read */
};

/* Adds the number that the word is, all of it. */
enum numbers_status numbers_add(struct numbers *numbers, const char *word,
                                char error[NUMBERS_ERROR]);

/* Adds all numbers of a file; between them is white space. Blocks. */
enum numbers_status numbers_read(struct numbers *numbers, int fd, char error[NUMBERS_ERROR]);

void numbers_free(struct numbers *numbers);

#endif
