/*
 * What is read of the packages; and data that is missing, broken or strange, made in a directory of
 * our own.
 */
#define _GNU_SOURCE
#include "countries.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char error[256];
static char share[64];

static void run(const char *format, const char *a, const char *b)
{
    char command[1024];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(command, sizeof command, format, share, a, b);
#pragma GCC diagnostic pop
    cr_assert_eq(system(command), 0, "%s", command);
}

static void make_share(void)
{
    strcpy(share, "/tmp/sley-countries-XXXXXX");
    cr_assert(mkdtemp(share));
    run("cd %s && mkdir -p iso-codes/json flags/countries/16x11", "", "");
    setenv("XDG_DATA_DIRS", share, 1);
}

static void write_names(const char *json)
{
    run("printf '%%s' '%2$s' >%1$s/iso-codes/json/iso_3166-1.json", json, "");
}

static void write_flag(const char *code, const char *bytes)
{
    run("printf '%%s' '%3$s' >%1$s/flags/countries/16x11/%2$s.gif", code, bytes);
}

static struct countries *load(void)
{
    struct countries *countries = NULL;

    error[0] = '\0';
    return countries_load(&countries, error, sizeof error) ? countries : NULL;
}

static void remove_share(void)
{
    run("rm -r %s", "", "");
}

Test(countries, of_the_packages)
{
    unsetenv("XDG_DATA_DIRS");
    struct countries *countries = load();

    cr_assert(countries, "%s", error);
    cr_expect_geq(countries->count, 249);
    cr_expect_geq(countries->with_flag, 239);
    for (size_t i = 1; i < countries->count; i++)
        cr_expect_lt(strcmp(countries->list[i - 1].code, countries->list[i].code), 0, "not sorted");
    const struct country *brazil = countries_find(countries, "bR");
    cr_assert(brazil);
    cr_expect_str_eq(brazil->name, "Brazil");
    cr_expect_eq(memcmp(brazil->gif, "GIF8", 4), 0);
    cr_expect_str_eq(countries_find(countries, "BO")->name, "Bolivia", "the common name");
    cr_expect_str_eq(countries_find(countries, "AX")->name, "Åland Islands");
    cr_expect_null(countries_find(countries, "AQ")->gif, "Antarctica has no flag");
    cr_expect_null(countries_find(countries, "ZZ"));
    cr_expect_null(countries_find(countries, ""));
    cr_expect_null(countries_find(countries, "BRA"));
    cr_expect_null(countries_find(countries, "1B"));
    countries_free(countries);
    countries_free(NULL);
}

Test(countries, missing, .init = make_share, .fini = remove_share)
{
    cr_expect_null(load());
    cr_expect(strstr(error, "install the package iso-codes"), "%s", error);
    write_names("{\"3166-1\": [{\"alpha_2\": \"BR\", \"name\": \"Brazil\"}]}");
    cr_expect_null(load());
    cr_expect(strstr(error, "install the package famfamfam-flag-gif"), "%s", error);
    write_flag("br", "GIF89a and more");
    struct countries *countries = load();
    cr_assert(countries, "%s", error);
    cr_expect_eq(countries->list[0].gif_size, 15);
    countries_free(countries);
}

Test(countries, broken_names, .init = make_share, .fini = remove_share)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"3166-1\": 7}",
                                        "null",
                                        "{\"3166-1\": []}",
                                        "{\"3166-1\": [7, {}, {\"alpha_2\": \"B\"}]}"};

    write_flag("br", "GIF89a and more");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_names(wrong[i]);
        cr_expect_null(load(), "%s", wrong[i]);
        cr_expect(strstr(error, "iso_3166-1.json"), "%s: %s", wrong[i], error);
    }
}

/* What is no country and what is no GIF is left out, the rest is taken. */
Test(countries, odd_entries, .init = make_share, .fini = remove_share)
{
    write_names("{\"3166-1\": [{\"alpha_2\": \"FR\", \"name\": \"France\"}, 7, {\"name\": \"x\"},"
                "{\"alpha_2\": \"B1\", \"name\": \"x\"}, {\"alpha_2\": \"DE\", \"name\": \"\"},"
                "{\"alpha_2\": \"BR\", \"name\": \"x\", \"common_name\": \"Brazil\"}]}");
    write_flag("fr", "GIF89a and more");
    write_flag("br", "<html>");
    struct countries *countries = load();
    cr_assert(countries, "%s", error);
    cr_expect_eq(countries->count, 2);
    cr_expect_eq(countries->with_flag, 1);
    cr_expect_str_eq(countries_find(countries, "BR")->name, "Brazil");
    cr_expect_null(countries_find(countries, "BR")->gif);
    countries_free(countries);
}
