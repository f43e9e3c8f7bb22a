#include "fetch_url.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(fetch_url, password)
{
    static const char *const cases[][2] = {
        {"http://h/a", "http://h/a"},
        {"http://me@h:80/a", "http://me@h:80/a"},
        {"http://me:secret@h:80/a?b#c", "http://me@h:80/a?b#c"},
        {"http://:secret@h", "http://@h"},
        {"http://me:@h", "http://me@h"},
        {"http://me:se:cr@et@h/", "http://me@h/"},
        {"http://h:80/@a:b@c", "http://h:80/@a:b@c"},
        {"http://h?me:secret@x", "http://h?me:secret@x"},
        {"http://[::1]:80/", "http://[::1]:80/"},
        {"http://me:secret@[::1]:80/", "http://me@[::1]:80/"},
        {"me:secret@h/a", "me@h/a"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *shown = fetch_url_shown(cases[i][0]);
        cr_expect_str_eq(shown, cases[i][1], "%s", shown);
        free(shown);
    }
}

/* What is cut has no part of it either. */
Test(fetch_url, cut)
{
    char shown[12];

    cr_expect_eq(fetch_url_show("http://me:secret@host/", shown, sizeof shown),
                 strlen("http://me@host/"));
    cr_expect_str_eq(shown, "http://me@h");
}
