#include "fetch_name.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const char *url)
{
    static char name[FETCH_NAME_SIZE];

    fetch_name_of_url(url, name);
    return name;
}

Test(fetch_name, of_urls)
{
    static const char *const names[][2] = {
        {"http://h/a/b.txt", "b.txt"},
        {"http://h/a/", "index.html"},
        {"http://h", "index.html"},
        {"http://h?x=1", "index.html@x=1"},
        {"http://h/a?b=c/d#e", "a@b=c_d"},
        {"http://h/a?", "a"},
        {"http://h/..", "_."},
        {"http://h/.profile", "_profile"},
        {"http://h/-rf", "_rf"},
        {"http://h/%2e%2e%2fetc%2Fpasswd", "_._etc_passwd"},
        {"http://h/a%00b%0ac%7f", "a_b_c_"},
        {"http://h/100%", "100%"},
        {"http://h/%zz%4", "%zz%4"},
        {"http://h/%20", "index.html"},
        {"http://h/%C3%BC", "\xC3\xBC"},
        {"http://h/a%5cb", "a\\b"},
        {"http://u:p@h/x#/y", "x"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_str_eq(name_of(names[i][0]), names[i][1], "%s: %s", names[i][0],
                         name_of(names[i][0]));
}

/* Whatever the URL is, the name is one of a file in that directory. */
Test(fetch_name, no_byte_escapes)
{
    char url[64];

    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            snprintf(url, sizeof url, "http://h/%%%02x%%%02x", first, second);
            const char *name = name_of(url);
            cr_assert(*name && *name != '.' && *name != '-' && !strchr(name, '/'), "%s", url);
            cr_assert_null(fetch_name_fault(name), "%s: %s", url, fetch_name_fault(name));
        }
}

Test(fetch_name, long_ones_differ)
{
    char url[2000] = "http://h/", first[FETCH_NAME_SIZE], path[FETCH_PATH_SIZE], *beside;

    memset(url + 9, 'x', 1500);
    strcpy(first, name_of(url));
    url[1500] = 'y';
    cr_expect_str_neq(first, name_of(url));
    cr_expect_lt(strlen(first), (size_t)FETCH_NAME_SIZE);
    beside = fetch_name_beside(first, FETCH_PART);
    cr_expect_leq(strlen(beside), (size_t)255, "%zu", strlen(beside));
    free(beside);
    fetch_name_number(first, 4000000000U, path);
    cr_expect_null(fetch_name_fault(path), "%s", fetch_name_fault(path));
}

Test(fetch_name, faults)
{
    static const char *const bad[] = {"",      "/a",   ".",           "..",
                                      "a/..",  "../a", "a//b",        "a/",
                                      "a/./b", "a\nb", "x.sley-part", "d/x.sley-info"};
    static const char *const good[] = {"a", "a/b", ".hidden", "..a", "a..", "a b", "-x"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not_null(fetch_name_fault(bad[i]), "%s", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect_null(fetch_name_fault(good[i]), "%s", good[i]);
}

Test(fetch_name, beside_and_numbers)
{
    char path[FETCH_PATH_SIZE], *beside;

    beside = fetch_name_beside("d/e/x.txt", FETCH_INFO);
    cr_expect_str_eq(beside, "d/e/.x.txt.sley-info");
    free(beside);
    beside = fetch_name_beside("x", FETCH_PART);
    cr_expect_str_eq(beside, ".x.sley-part");
    free(beside);
    fetch_name_number("d.e/x", 2, path);
    cr_expect_str_eq(path, "d.e/x-2");
    fetch_name_number("d.e/x.tar.gz", 3, path);
    cr_expect_str_eq(path, "d.e/x.tar-3.gz");
}
