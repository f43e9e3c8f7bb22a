/*
 * numbers.c: a list of numbers, from words or from a file.
 *
 * Read strictly: digits and nothing else, no sign, no blank, no exponent; whoever types 1e16 or a
 * number of thirty digits learns that it was not understood, instead of what becomes of 1, or of
 * the largest number that fits. A file may be anything, also binary, endless or a directory: it is
 * read in pieces, a word is never longer than is needed to see that it is wrong, and what is wrong
 * is named with its line, with nothing that could disturb a terminal.
 */
#include "numbers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD = 40 }; /* bytes of a word that are kept; the longest good one without zeroes has 20 */

static bool parse(const char *word, size_t length, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)(unsigned char)word[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return length > 0;
}

/* "'abc' is not a number from 0 to ...", with `where` in front. */
static enum numbers_status complain(const char *where, const char *word, size_t length, char *error)
{
    char shown[WORD + 1];

    for (size_t i = 0; i < length && i < WORD; i++)
        shown[i] = word[i] >= ' ' && word[i] <= '~' ? word[i] : '?';
    shown[length < WORD ? length : WORD] = '\0';
    snprintf(error, NUMBERS_ERROR, "%s'%s%s' is not a number from 0 to %llu", where, shown,
             length > WORD ? "..." : "", (unsigned long long)UINT64_MAX);
    return NUMBERS_BAD;
}

static enum numbers_status append(struct numbers *numbers, uint64_t number, char *error)
{
    if (numbers->count == numbers->size) {
        size_t size = numbers->size ? numbers->size * 2 : 64;
        uint64_t *list = reallocarray(numbers->list, size, sizeof *list);

        if (!list) {
            snprintf(error, NUMBERS_ERROR, "no memory for more than %zu numbers", numbers->count);
            return NUMBERS_FAILED;
        }
        numbers->list = list;
        numbers->size = size;
    }
    numbers->list[numbers->count++] = number;
    return NUMBERS_GOOD;
}

static enum numbers_status add(struct numbers *numbers, const char *where, const char *word,
                               size_t length, char *error)
{
    uint64_t number;

    if (length > WORD || !parse(word, length, &number))
        return complain(where, word, length, error);
    return append(numbers, number, error);
}

enum numbers_status numbers_add(struct numbers *numbers, const char *word,
                                char error[NUMBERS_ERROR])
{
    return add(numbers, "", word, strlen(word), error);
}

/* A file half read. */
struct reader {
    struct numbers *numbers;
    char *error;
    size_t line;         /* of the word */
    char word[WORD + 2]; /* its beginning */
    size_t length;       /* of it, at most WORD + 1: then it is too long */
};

static enum numbers_status end_word(struct reader *reader)
{
    enum numbers_status status = NUMBERS_GOOD;
    char where[40];

    snprintf(where, sizeof where, "line %zu: ", reader->line);
    if (reader->length)
        status = add(reader->numbers, where, reader->word, reader->length, reader->error);
    reader->length = 0;
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum numbers_status take(struct reader *reader, const char *bytes, size_t size)
{
    enum numbers_status status = NUMBERS_GOOD;

    for (size_t i = 0; i < size && status == NUMBERS_GOOD; i++) {
        if (!is_blank(bytes[i])) {
            reader->word[reader->length++] = bytes[i];
            if (reader->length > WORD)
                status = end_word(reader); /* there is no use in reading on */
            continue;
        }
        status = end_word(reader);
        reader->line += bytes[i] == '\n';
    }
    return status;
}

enum numbers_status numbers_read(struct numbers *numbers, int fd, char error[NUMBERS_ERROR])
{
    struct reader reader = {.numbers = numbers, .error = error, .line = 1};
    enum numbers_status status = NUMBERS_GOOD;
    char bytes[65536];
    ssize_t size;

    while (status == NUMBERS_GOOD && (size = read(fd, bytes, sizeof bytes)) != 0) {
        if (size > 0) {
            status = take(&reader, bytes, (size_t)size);
        } else if (errno != EINTR) {
            snprintf(error, NUMBERS_ERROR, "cannot read the numbers: %s", strerror(errno));
            return NUMBERS_FAILED;
        }
    }
    return status == NUMBERS_GOOD ? end_word(&reader) : status;
}

void numbers_free(struct numbers *numbers)
{
    free(numbers->list);
    memset(numbers, 0, sizeof *numbers);
}
