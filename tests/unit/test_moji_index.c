/*
 * The index of characters: what it finds is what reading all names would find.
 */
#include "moji_index.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uniname.h>

static struct moji_index *moji;

static void set_up(void)
{
    moji = moji_index_new();
    cr_assert_not_null(moji);
}

static void tear_down(void)
{
    moji_index_free(moji);
}

TestSuite(moji_index, .init = set_up, .fini = tear_down);

static struct moji_found search(const char *query)
{
    struct moji_found found;

    cr_assert_eq(moji_search(moji, query, &found), 0);
    return found;
}

static size_t count(const char *query)
{
    struct moji_found found = search(query);
    size_t result = found.count;

    moji_found_free(&found);
    return result;
}

/* Whether `word` is one of the name's. */
static bool has_word(const char *name, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = name; (at = strstr(at, word)); at++)
        if ((at == name || strchr(" -", at[-1])) && strchr(" -", at[length]))
            return true;
    return false;
}

/* The next code point from `code` on whose name has both words. */
static uint32_t next_by_reading(uint32_t code, const char *one, const char *other)
{
    char name[UNINAME_MAX];

    for (; code <= 0x10FFFF; code++)
        if (unicode_character_name(code, name) && has_word(name, one) && has_word(name, other))
            return code;
    return code;
}

static void compare(const char *one, const char *other)
{
    char query[64];
    struct moji_found found;
    uint32_t code = ' ';

    snprintf(query, sizeof query, "%s %s", one, other);
    found = search(query);
    cr_assert_gt(found.count, 0, "%s", query);
    for (size_t i = 0; i < found.count; i++, code++) {
        code = next_by_reading(code, one, other);
        cr_assert_eq(moji_code(moji, found.characters[i]), code, "%s: %zu", query, i);
    }
    cr_expect_gt(next_by_reading(code, one, other), 0x10FFFF, "%s", query);
    moji_found_free(&found);
}

Test(moji_index, finds_what_reading_finds)
{
    compare("CAT", "FACE");
    compare("A", "LETTER");
    compare("SMALL", "GREEK");
    compare("EIGHT", "EIGHT");
}

Test(moji_index, names_and_characters)
{
    struct moji_found found = search("registered");
    char text[5];

    cr_assert_geq(found.count, 1);
    cr_expect_eq(moji_code(moji, found.characters[0]), 0xAE);
    cr_expect_str_eq(moji_name(moji, found.characters[0]), "REGISTERED SIGN");
    cr_expect_eq(moji_utf8(0xAE, text), 2);
    cr_expect_str_eq(text, "\xc2\xae");
    cr_expect_eq(moji_utf8(0x1F63A, text), 4);
    cr_expect_str_eq(text, "\xf0\x9f\x98\xba");
    moji_found_free(&found);
    cr_expect_gt(moji_index_characters(moji), 30000);
    cr_expect_gt(moji_index_words(moji), 10000);
}

Test(moji_index, words_in_any_case_order_and_separation)
{
    size_t cats = count("CAT FACE");

    cr_expect_gt(cats, 5);
    cr_expect_eq(count("face cat"), cats);
    cr_expect_eq(count("  Cat-fAcE - "), cats);
    cr_expect_eq(count("cat cat face"), cats);
    cr_expect_eq(count("HYPHEN-MINUS"), count("minus hyphen"));
}

Test(moji_index, nothing_to_find)
{
    static const char *const queries[] = {"",       " ",       "-", "CATT", "CAT FACEXYZ",
                                          "catfac", "\xc3\xa4"};

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        cr_expect_eq(count(queries[i]), 0, "'%s'", queries[i]);
}

Test(moji_index, many_words)
{
    char query[MOJI_QUERY_MAX + 1] = "";

    while (strlen(query) + 2 <= MOJI_QUERY_MAX)
        strcat(query, "A ");
    cr_expect_eq(count(query), count("A"));
}

Test(moji_index, what_can_be_a_query)
{
    char longest[MOJI_QUERY_MAX + 2];

    memset(longest, 'x', sizeof longest);
    cr_expect_eq(moji_query_check(longest, MOJI_QUERY_MAX), 0);
    cr_expect_eq(moji_query_check(longest, MOJI_QUERY_MAX + 1), -EMSGSIZE);
    cr_expect_eq(moji_query_check("\xc3\xa4", 2), 0);
    cr_expect_eq(moji_query_check("\xc3", 1), -EILSEQ);
    cr_expect_eq(moji_query_check("a\x1b", 2), -EILSEQ);
    cr_expect_eq(moji_query_check("a\0b", 3), -EILSEQ);
    cr_expect_eq(moji_query_check("\x7f", 1), -EILSEQ);
    cr_expect_eq(moji_query_check("\xc2\x9b", 2), -EILSEQ, "C1 controls steer terminals too");
    cr_expect_eq(moji_query_check("\xc2\xa0", 2), 0);
}
