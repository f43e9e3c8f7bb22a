/* The lists of keywords: in order, without doubles, nothing that is no label. */
#include "probe_keywords.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t check(const char *language, size_t of_four)
{
    const char *const *list = probe_keywords(language);
    size_t count = 0, brief = 0;

    cr_assert(list);
    for (; list[count]; count++) {
        const char *word = list[count];

        cr_expect_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz"), strlen(word), "%s", word);
        cr_expect(count == 0 || strcmp(list[count - 1], word) < 0, "%s", word);
        brief += strlen(word) <= 4;
    }
    cr_expect_eq(brief, of_four, "%zu", brief);
    return count;
}

static bool has(const char *language, const char *word)
{
    for (const char *const *list = probe_keywords(language); *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

Test(probe_keywords, c)
{
    cr_expect_eq(check("c", 14), 42);
    cr_expect(has("c", "auto") && has("c", "goto") && has("c", "nullptr") && has("c", "volatile"));
    cr_expect(!has("c", "class"));
}

Test(probe_keywords, python)
{
    cr_expect_eq(check("python", 18), 35);
    cr_expect(has("python", "elif") && has("python", "none") && has("python", "nonlocal"));
    cr_expect(!has("python", "print") && !has("python", "match"));
}

Test(probe_keywords, others)
{
    cr_expect_null(probe_keywords("C"));
    cr_expect_null(probe_keywords(""));
    cr_expect_null(probe_keywords("pythons"));
}
