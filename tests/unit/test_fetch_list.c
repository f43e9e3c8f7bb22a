#define _GNU_SOURCE
#include "fetch_list.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MD5 "md5:00112233445566778899aabbccddeeff"

/* Adds the lines of the text up to the first that is refused; *number is its number. */
static bool add_lines(struct fetch_list *list, const char *text, size_t *number)
{
    char *copy = strdup(text), *rest = copy, *line;
    bool good = true;

    *number = 0;
    while (good && (line = strsep(&rest, "\n"))) {
        ++*number;
        good = fetch_list_line(list, line);
    }
    free(copy);
    return good;
}

/* The list that the text makes, as "URL>NAME[+digest] ..."; or the error. */
static const char *list_of(const char *text, bool unique)
{
    static char said[4096];
    struct fetch_list list = {.unique = unique};
    size_t number;
    bool good = add_lines(&list, text, &number);

    said[0] = '\0';
    for (size_t i = 0; good && i < list.count; i++) {
        const struct fetch_item *item = fetch_list_at(&list, i);
        strcat(strcat(said, i ? " " : ""), item->url);
        strcat(strcat(said, ">"), item->name);
        strcat(said, item->digest ? "+" : "");
    }
    if (!good)
        snprintf(said, sizeof said, "line %zu: %s", number, list.error);
    fetch_list_seal(&list);
    fetch_list_free(&list);
    return said;
}

Test(fetch_list, lines)
{
    cr_expect_str_eq(list_of("# remark\n\n  \nhttp://h/a\n\thttps://h/b?c x\r\n", false),
                     "http://h/a>a https://h/b?c>x");
    cr_expect_str_eq(list_of("http://h/a " MD5 "\nhttp://h/b b2 " MD5, false),
                     "http://h/a>a+ http://h/b>b2+");
    cr_expect_str_eq(list_of("HTTP://h/a#f\nhttp://h", false), "HTTP://h/a>a http://h>index.html");
}

Test(fetch_list, duplicates)
{
    cr_expect_str_eq(list_of("http://h/a\nhttp://h/a#x\nhttp://h/a a " MD5, false),
                     "http://h/a>a+");
    cr_expect_str_eq(list_of("http://h/a\nhttp://i/a", false),
                     "line 2: http://h/a and http://i/a have the same name, a");
    cr_expect_str_eq(
        list_of("http://h/a.b\nhttp://i/a.b\nhttp://j/a-2.b\nhttp://k/a.b", true),
        "http://h/a.b>a.b http://i/a.b>a-2.b http://j/a-2.b>a-2-2.b http://k/a.b>a-3.b");
    cr_expect_str_eq(list_of("http://h/a\nhttp://h/a b", false),
                     "line 2: http://h/a has two names, a and b");
    cr_expect_str_eq(list_of("http://h/a " MD5
                             "\nhttp://h/a sha1:0123456789012345678901234567890123456789",
                             false),
                     "line 2: http://h/a has two checksums");
}

Test(fetch_list, errors)
{
    static const char *const bad[] = {
        "ftp://h/a",       "http:///a",        "http://",           "a",
        "http://h/a b c",  "http://h/a b c d", "http://h/a md5:12", "http://h/a crc32:12345678",
        "http://h/a ../b", "http://h/\x7f",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(strncmp(list_of(bad[i], false), "line 1: ", 8), 0, "%s", bad[i]);
}

Test(fetch_list, many)
{
    enum { COUNT = 20000 };
    struct fetch_list list = {.unique = true};
    char url[64];

    cr_assert(fetch_list_add(&list, "http://h0/same", NULL, NULL));
    const struct fetch_item *first = fetch_list_at(&list, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(url, sizeof url, "http://h%d/same", i);
        cr_assert(fetch_list_add(&list, url, NULL, NULL));
        cr_assert(fetch_list_add(&list, url, NULL, NULL));
    }
    cr_expect_eq(list.count, COUNT);
    cr_expect_eq(list.duplicates, COUNT + 1);
    cr_expect_eq(fetch_list_at(&list, 0), first, "it was moved");
    cr_expect_str_eq(fetch_list_at(&list, 77)->url, "http://h77/same");
    cr_expect_str_eq(fetch_list_at(&list, COUNT - 1)->name, "same-20000");
    fetch_list_free(&list);
}

/* A password is for the server only. */
Test(fetch_list, passwords)
{
    struct fetch_list list = {0};

    cr_assert(fetch_list_add(&list, "http://me:secret@h/a", NULL, NULL));
    cr_assert(fetch_list_add(&list, "http://h/@b:c@d", "b", NULL));
    cr_expect_str_eq(fetch_list_at(&list, 0)->url, "http://me:secret@h/a");
    cr_expect_str_eq(fetch_list_at(&list, 0)->shown, "http://me@h/a");
    cr_expect_str_eq(fetch_list_at(&list, 1)->shown, "http://h/@b:c@d");
    fetch_list_free(&list);
    static const char *const bad[] = {
        "http://me:secret@h/a\nhttp://me:secret@i/a",
        "http://me:secret@h/a\nhttp://me:secret@h/a b", "ftp://me:secret@h/a", "me:secret@h/a",
        "http://me:secret@h/a " MD5
        "\nhttp://me:secret@h/a sha1:0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *said = list_of(bad[i], false);
        cr_expect_not_null(strstr(said, "line "), "%s", said);
        cr_expect_null(strstr(said, "secret"), "%s", said);
    }
}

/* What a later line says of a URL counts as long as it can be looked at. */
Test(fetch_list, checksum_that_comes_late)
{
    static const struct {
        enum fetch_state state;
        bool good;
    } cases[] = {{FETCH_WAITING, true},
                 {FETCH_ACTIVE, false},
                 {FETCH_DONE, false},
                 {FETCH_KEPT, true},
                 {FETCH_FAILED, true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fetch_list list = {0};
        cr_assert(fetch_list_add(&list, "http://h/a", NULL, NULL));
        fetch_list_at(&list, 0)->state = (uint8_t)cases[i].state;
        cr_expect_eq(fetch_list_add(&list, "http://h/a", NULL, MD5), cases[i].good, "%zu", i);
        cr_expect(fetch_list_add(&list, "http://h/a", "a", NULL), "what is known is no news");
        fetch_list_free(&list);
    }
}

Test(fetch_list, parts)
{
    static char directory[] = "/tmp/test-list-XXXXXX";
    struct fetch_list list = {0};

    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    for (int i = 0; i < 300; i++) {
        char path[64];
        snprintf(path, sizeof path, ".%d" FETCH_PART, i);
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fclose(file);
    }
    fetch_list_find_parts(&list, ".");
    cr_assert(fetch_list_add(&list, "http://h/299", NULL, NULL));
    cr_assert(fetch_list_add(&list, "http://h/300", NULL, NULL));
    cr_assert(fetch_list_add(&list, "http://h/a", "d/a", NULL));
    cr_expect(fetch_list_at(&list, 0)->maybe_part && !fetch_list_at(&list, 1)->maybe_part);
    cr_expect(fetch_list_at(&list, 2)->maybe_part, "nobody has looked");
    fetch_list_free(&list);
    cr_expect_eq(system("rm .*" FETCH_PART), 0);
    cr_expect_eq(chdir("/"), 0);
    cr_expect_eq(rmdir(directory), 0);
}
