/*
 * test_savefile.c: directories to save in, and names. Saving itself is tested in test_file_save.c;
 * that a kill leaves no half file also from outside, in tests/apps/test_kill.sh.
 */
#include "savefile.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/runtime.h>

static int in_task(void *path)
{
    struct sley_file *directory;
    int error = savefile_directory(path, &directory);

    return error ? error : sley_file_close(directory);
}

static int open_and_close(char *path)
{
    return sley_run(in_task, path, NULL);
}

Test(savefile, directories)
{
    char path[] = "/tmp/sley-savefile-XXXXXX", deep[128];

    cr_assert(mkdtemp(path));
    snprintf(deep, sizeof deep, "%s/a//b/c/", path);
    cr_expect_eq(open_and_close(deep), 0);
    cr_expect_eq(open_and_close(deep), 0, "a second time");
    snprintf(deep, sizeof deep, "touch %s/file", path);
    cr_assert_eq(system(deep), 0);
    snprintf(deep, sizeof deep, "%s/file", path);
    cr_expect_eq(open_and_close(deep), -ENOTDIR);
    snprintf(deep, sizeof deep, "%s/file/under", path);
    cr_expect_eq(open_and_close(deep), -ENOTDIR);
    deep[0] = '\0';
    cr_expect_eq(open_and_close(deep), -ENOENT);
    strcpy(deep, "/proc/no/such");
    cr_expect_lt(open_and_close(deep), 0);
    snprintf(deep, sizeof deep, "rm -r %s", path);
    cr_expect_eq(system(deep), 0);
}

static void expect_name(const char *text, const char *expected)
{
    char name[64];

    cr_expect_eq(savefile_name(text, ".gif", name, sizeof name), 0);
    cr_expect_str_eq(name, expected);
}

Test(savefile, names)
{
    expect_name("Brazil", "Brazil.gif");
    expect_name("United States", "United_States.gif");
    expect_name("  Côte d'Ivoire", "Côte_d'Ivoire.gif");
    expect_name("a/b\\c", "a_b\\c.gif");
    expect_name("..", "_..gif");
    expect_name("../../etc/passwd", "_._.._etc_passwd.gif");
    expect_name("-rf -x", "_rf_-x.gif");
    expect_name("\001\t\n\177x\302\205\302\237\302\240", "____x__\302\240.gif");
}

Test(savefile, names_of_bad_bytes)
{
    expect_name("a\xffz\xc3", "a_z_.gif");
    expect_name("\xc0\xaf\xe2\x82", "____.gif");
    expect_name("\xf5\x80\x80\x80", "____.gif");
}

Test(savefile, name_that_is_cut)
{
    char name[16], long_text[600] = "", longest[600];

    for (int i = 0; i < 250; i++)
        strcat(long_text, "ü");
    cr_expect_eq(savefile_name("abcdefghijklmnop", ".gif", name, sizeof name), 0);
    cr_expect_str_eq(name, "abcdefghijk.gif");
    cr_expect_eq(savefile_name(long_text, ".gif", name, sizeof name), 0);
    cr_expect_str_eq(name, "üüüüü.gif", "cut between two characters: %s", name);
    cr_expect_eq(savefile_name(long_text, ".gif", longest, sizeof longest), 0);
    cr_expect_eq(strlen(longest), 254, "no file system takes more than 255 bytes");
    cr_expect_eq(savefile_name("", ".gif", name, sizeof name), -EINVAL);
    cr_expect_eq(savefile_name(" \t\n", ".gif", name, sizeof name), -EINVAL);
}
