/*
 * moji_index.c: an inverted index from the words of characters' names to the characters.
 *
 * The names are libunistring's. A character is a number, counted in the order of code points; a
 * word has the sorted list of the characters that have it in their names. A query of several words
 * is the intersection of their lists: each of the shortest one is looked up in the others by binary
 * search, so CAT FACE costs what the rarer word costs, and the result comes out sorted.
 *
 * The same word is met in runs (LATIN SMALL LETTER A, ... B, ... C), and a list that grows by
 * doubling is all that building needs. Names and words live in chunks of memory that are given
 * back as a whole; a hundred thousand words ("4E00") would otherwise be as many allocations.
 *
 *   Rejected: bitmaps of characters (140,000 bits for each of 100,000 words, nearly all of which
 * have one character); a sorted array of words with binary search instead of uthash (building
 * looks up 600,000 words, and 17 comparisons each are what it would then be made of).
 */
#include "moji_index.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uniname.h>
#include <unistr.h>

#define HASH_NONFATAL_OOM          1
#define uthash_nonfatal_oom(added) ((added)->lost = true)
#include <uthash.h>

#define FIRST_CODE ' '
#define LAST_CODE  0x10FFFF
#define CHUNK_SIZE ((size_t)256 << 10)
#define WORDS_MAX  (MOJI_QUERY_MAX / 2 + 1)

struct chunk {
    struct chunk *next;
    size_t used;
    char bytes[CHUNK_SIZE];
};

struct word {
    UT_hash_handle hh; /* by text */
    uint32_t *characters;
    uint32_t count, room;
    uint32_t one; /* where the list is while it has one: most words never have more */
    bool lost;    /* the table had no memory for it */
    char text[];
};

struct character {
    uint32_t code;
    const char *name; /* in a chunk */
};

struct moji_index {
    struct character *characters;
    size_t count, room;
    struct word *words;
    struct chunk *chunks;
};

/* --- memory --------------------------------------------------------------------------------- */

/* `size` bytes that live as long as the index; NULL: no memory. */
static void *take(struct moji_index *index, size_t size)
{
    struct chunk *chunk = index->chunks;
    void *bytes;

    size = (size + _Alignof(struct word) - 1) & ~(_Alignof(struct word) - 1);
    if (!chunk || CHUNK_SIZE - chunk->used < size) {
        if (!(chunk = malloc(sizeof *chunk)))
            return NULL;
        chunk->next = index->chunks;
        chunk->used = 0;
        index->chunks = chunk;
    }
    bytes = chunk->bytes + chunk->used;
    chunk->used += size;
    return bytes;
}

void moji_index_free(struct moji_index *index)
{
    struct chunk *next;

    if (!index)
        return;
    for (struct word *word = index->words; word; word = word->hh.next)
        if (word->characters != &word->one)
            free(word->characters);
    HASH_CLEAR(hh, index->words);
    for (struct chunk *chunk = index->chunks; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(index->characters);
    free(index);
}

/* --- building ------------------------------------------------------------------------------- */

static struct word *find_word(const struct moji_index *index, const char *text, size_t length)
{
    struct word *word;

    HASH_FIND(hh, index->words, text, length, word);
    return word;
}

static struct word *add_word(struct moji_index *index, const char *text, size_t length)
{
    struct word *word = take(index, sizeof *word + length + 1);

    if (!word)
        return NULL;
    memset(word, 0, sizeof *word);
    memcpy(word->text, text, length);
    word->text[length] = '\0';
    word->characters = &word->one;
    word->room = 1;
    HASH_ADD_KEYPTR(hh, index->words, word->text, length, word);
    return word->lost ? NULL : word;
}

static bool grow(struct word *word)
{
    uint32_t room = word->room ? 2 * word->room : 1;
    uint32_t *old = word->characters == &word->one ? NULL : word->characters;
    uint32_t *more = realloc(old, room * sizeof *more);

    if (!more)
        return false;
    if (!old)
        more[0] = word->one;
    word->characters = more;
    word->room = room;
    return true;
}

/* The word is in the name of the newest character; perhaps twice. */
static bool enter(struct moji_index *index, const char *text, size_t length)
{
    uint32_t character = (uint32_t)index->count - 1;
    struct word *word = find_word(index, text, length);

    if (!word && !(word = add_word(index, text, length)))
        return false;
    if (word->count && word->characters[word->count - 1] == character)
        return true;
    if (word->count == word->room && !grow(word))
        return false;
    word->characters[word->count++] = character;
    return true;
}

/* The next word at *rest; its length, 0 if there is none. */
static size_t next_word(const char **rest, const char **text)
{
    *text = *rest + strspn(*rest, " -");
    size_t length = strcspn(*text, " -");
    *rest = *text + length;
    return length;
}

static bool add_character(struct moji_index *index, uint32_t code, const char *name)
{
    size_t size = strlen(name) + 1, length;
    char *kept = take(index, size);
    const char *word;

    if (kept && index->count == index->room) {
        size_t room = index->room ? 2 * index->room : 4096;
        struct character *more = realloc(index->characters, room * sizeof *more);
        if (!more)
            return false;
        index->characters = more;
        index->room = room;
    }
    if (!kept)
        return false;
    memcpy(kept, name, size);
    index->characters[index->count++] = (struct character){code, kept};
    for (const char *rest = kept; (length = next_word(&rest, &word)) > 0;)
        if (!enter(index, word, length))
            return false;
    return true;
}

struct moji_index *moji_index_new(void)
{
    struct moji_index *index = calloc(1, sizeof *index);
    char name[UNINAME_MAX];

    for (uint32_t code = FIRST_CODE; index && code <= LAST_CODE; code++)
        if (unicode_character_name(code, name) && !add_character(index, code, name)) {
            moji_index_free(index);
            return NULL;
        }
    return index;
}

size_t moji_index_characters(const struct moji_index *index)
{
    return index->count;
}

size_t moji_index_words(const struct moji_index *index)
{
    return HASH_COUNT(index->words);
}

/* --- searching ------------------------------------------------------------------------------ */

/* Whether a control character begins here: C0, DEL or C1. */
static bool is_control(const char *text)
{
    unsigned char first = (unsigned char)text[0], second;

    if (first != 0xc2)
        return first < ' ' || first == 0x7f;
    second = (unsigned char)text[1]; /* there is one: the text has been checked */
    return second < 0xa0;
}

int moji_query_check(const char *query, size_t length)
{
    if (length > MOJI_QUERY_MAX)
        return -EMSGSIZE;
    if (u8_check((const uint8_t *)query, length))
        return -EILSEQ;
    for (size_t i = 0; i < length; i++)
        if (is_control(query + i))
            return -EILSEQ;
    return 0;
}

/* Names are in capital letters of ASCII, whatever the locale says. */
static size_t to_upper(const char *query, char *upper, size_t size)
{
    size_t length = strnlen(query, size - 1);

    for (size_t i = 0; i < length; i++)
        upper[i] = (char)(query[i] >= 'a' && query[i] <= 'z' ? query[i] - 'a' + 'A' : query[i]);
    upper[length] = '\0';
    return length;
}

/* The query's words, the rarest first; 0 if there is none or one that no name has. */
static size_t words_of(const struct moji_index *index, const char *upper,
                       const struct word *words[WORDS_MAX])
{
    size_t count = 0, length;
    const char *text;

    for (const char *rest = upper; (length = next_word(&rest, &text)) > 0;) {
        if (!(words[count] = find_word(index, text, length)))
            return 0;
        if (words[count]->count < words[0]->count) {
            const struct word *rarest = words[count];
            words[count] = words[0];
            words[0] = rarest;
        }
        count++;
    }
    return count;
}

static bool has(const struct word *word, uint32_t character)
{
    uint32_t low = 0, high = word->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (word->characters[middle] < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < word->count && word->characters[low] == character;
}

static bool all_have(const struct word *const *words, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++)
        if (!has(words[i], character))
            return false;
    return true;
}

int moji_search(const struct moji_index *index, const char *query, struct moji_found *found)
{
    const struct word *words[WORDS_MAX];
    char upper[MOJI_QUERY_MAX + 1];
    size_t count;

    *found = (struct moji_found){0};
    to_upper(query, upper, sizeof upper);
    if ((count = words_of(index, upper, words)) == 0)
        return 0;
    found->characters = malloc(words[0]->count * sizeof *found->characters);
    if (!found->characters)
        return -ENOMEM;
    for (uint32_t i = 0; i < words[0]->count; i++)
        if (all_have(words + 1, count - 1, words[0]->characters[i]))
            found->characters[found->count++] = words[0]->characters[i];
    return 0;
}

void moji_found_free(struct moji_found *found)
{
    free(found->characters);
    *found = (struct moji_found){0};
}

uint32_t moji_code(const struct moji_index *index, uint32_t character)
{
    return index->characters[character].code;
}

const char *moji_name(const struct moji_index *index, uint32_t character)
{
    return index->characters[character].name;
}

size_t moji_utf8(uint32_t code, char out[5])
{
    int length = u8_uctomb((uint8_t *)out, code, 4);

    if (length < 0)
        length = 0;
    out[length] = '\0';
    return (size_t)length;
}
