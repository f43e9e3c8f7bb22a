/*
 * The words that options are made of. That wrong ones are refused, with which words, is tested
 * from outside, in tests/apps/test_options.sh.
 */
#include "options.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct opt table[] = {
    {"all", 'a', NULL, "no value"},
    {"limit", 'l', "N", "a value"},
    {"only-long", 0, NULL, "no letter"},
    {0},
};

/* Reads a command line of up to eight words and compares: "0 1=5 *=BR". */
static void expect(const char *expected, char *words[8])
{
    struct opt_scan scan = {.program = "test", .table = table, .argv = words};
    char seen[256] = "";
    char *value;
    int option;

    while (words[scan.argc])
        scan.argc++;
    while ((option = opt_next(&scan, &value)) != OPT_END) {
        size_t used = strlen(seen);
        if (option == OPT_BAD)
            snprintf(seen + used, sizeof seen - used, "bad ");
        else if (option == OPT_ARGUMENT)
            snprintf(seen + used, sizeof seen - used, "*=%s ", value);
        else if (value)
            snprintf(seen + used, sizeof seen - used, "%d=%s ", option, value);
        else
            snprintf(seen + used, sizeof seen - used, "%d ", option);
        if (option == OPT_BAD)
            break;
    }
    cr_expect_str_eq(seen, expected);
}

Test(options, words)
{
    expect("", (char *[8]){NULL});
    expect("0 2 *=BR ", (char *[8]){"--all", "--only-long", "BR"});
    expect("1=5 1=5 1=5 1=5 ", (char *[8]){"--limit", "5", "--limit=5", "-l", "5", "-l5"});
    expect("0 0 1=5 ", (char *[8]){"-aal5"});
    expect("0 1=5 *=x ", (char *[8]){"-al", "5", "x"});
    expect("1=--all ", (char *[8]){"--limit", "--all"});
    expect("1= 1=a=b ", (char *[8]){"--limit=", "--limit=a=b"});
    expect("*=- ", (char *[8]){"-"});
    expect("*= ", (char *[8]){""});
    expect("0 *=--all *=-- *=-a ", (char *[8]){"-a", "--", "--all", "--", "-a"});
    expect("bad ", (char *[8]){"--al"});
    expect("bad ", (char *[8]){"--alle"});
    expect("bad ", (char *[8]){"--all=1"});
    expect("0 bad ", (char *[8]){"-ax"});
    expect("bad ", (char *[8]){"-l"});
    expect("bad ", (char *[8]){"--"
                               "=5"});
}

Test(options, values)
{
    struct opt_scan scan = {.program = "test"};
    long number = 0;
    int64_t time = 0;
    double part = 0;

    cr_expect(opt_integer(&scan, "n", "-5", -5, 5, &number) && number == -5);
    cr_expect(opt_integer(&scan, "n", "007", -5, 7, &number) && number == 7);
    cr_expect(!opt_integer(&scan, "n", "8", -5, 7, &number) && number == 7);
    cr_expect(opt_duration(&scan, "t", "2", &time) && time == 2000000000);
    cr_expect(opt_duration(&scan, "t", "0.5s", &time) && time == 500000000);
    cr_expect(opt_duration(&scan, "t", "1.5ms", &time) && time == 1500000);
    cr_expect(opt_duration(&scan, "t", "86400", &time) && time == 86400000000000);
    cr_expect(!opt_duration(&scan, "t", "86401", &time));
    cr_expect(!opt_duration(&scan, "t", "1.2.3", &time));
    cr_expect(opt_fraction(&scan, "p", "25%", &part) && part == 0.25);
    cr_expect(opt_fraction(&scan, "p", "1", &part) && part == 1);
    cr_expect(!opt_fraction(&scan, "p", "1.01", &part));
}

/* A value is in a column of its own, and so are further lines. */
Test(options, help)
{
    char text[1024] = "";
    const struct opt two[] = {{"all", 'a', NULL, "first\nsecond"}, {"size", 0, "N", "third"}, {0}};
    FILE *file = fmemopen(text, sizeof text, "w");

    opt_help(two, file);
    fclose(file);
    cr_expect_str_eq(text, "  -a, --all                 first\n"
                           "                            second\n"
                           "      --size N              third\n");
}
