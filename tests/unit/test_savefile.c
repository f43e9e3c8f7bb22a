/*
 * Saving: the bytes, the name, what is left behind when it fails. That a kill leaves no half file
 * is tested from outside, in tests/apps/test_kill.sh.
 */
#define _GNU_SOURCE
#include "savefile.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int write_fn(int directory, const char *name, const void *data, size_t size);

static write_fn *const ways[] = {savefile_write, savefile_write_named};

/* A new empty directory, opened. */
static int new_directory(char path[64])
{
    strcpy(path, "/tmp/sley-savefile-XXXXXX");
    cr_assert(mkdtemp(path));
    int directory = savefile_directory(path);
    cr_assert_geq(directory, 0);
    return directory;
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void remove_directory(int directory, const char *path, const char *name)
{
    unlinkat(directory, name, 0);
    close(directory);
    cr_expect_eq(rmdir(path), 0, "something was left in %s", path);
}

static void expect_content(int directory, const char *name, const void *data, size_t size)
{
    char *content = malloc(size + 1);
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_expect_eq(read(fd, content, size + 1), (ssize_t)size);
    cr_expect_eq(memcmp(content, data, size), 0);
    close(fd);
    free(content);
}

Test(savefile, new_and_replaced)
{
    for (size_t i = 0; i < 2; i++) {
        char path[64], *large = calloc(1, 1 << 20);
        int directory = new_directory(path);
        memset(large, 'x', 1 << 20);
        cr_expect_eq(ways[i](directory, "file", "first", 5), 0);
        expect_content(directory, "file", "first", 5);
        cr_expect_eq(ways[i](directory, "file", large, 1 << 20), 0);
        expect_content(directory, "file", large, 1 << 20);
        cr_expect_eq(ways[i](directory, "file", "", 0), 0);
        expect_content(directory, "file", "", 0);
        cr_expect_eq(count_entries(path), 1);
        remove_directory(directory, path, "file");
        free(large);
    }
}

/* Who has the old file open goes on seeing all of it. */
Test(savefile, old_content_stays_for_readers)
{
    for (size_t i = 0; i < 2; i++) {
        char path[64], content[8] = "";
        int directory = new_directory(path);
        cr_expect_eq(ways[i](directory, "file", "old", 3), 0);
        int reader = openat(directory, "file", O_RDONLY | O_CLOEXEC);
        cr_expect_eq(ways[i](directory, "file", "newer", 5), 0);
        cr_expect_eq(read(reader, content, sizeof content), 3);
        cr_expect_str_eq(content, "old");
        close(reader);
        remove_directory(directory, path, "file");
    }
}

Test(savefile, mode_follows_umask)
{
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        struct stat status;
        int directory = new_directory(path);
        umask(027);
        cr_expect_eq(ways[i](directory, "file", "x", 1), 0);
        cr_expect_eq(fstatat(directory, "file", &status, 0), 0);
        cr_expect_eq(status.st_mode & 0777, 0640);
        remove_directory(directory, path, "file");
    }
}

/* The write fails in the middle: the old file is untouched and nothing else is there. */
Test(savefile, failed_write)
{
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        char path[64], large[5000] = "";
        int directory = new_directory(path);
        cr_expect_eq(ways[i](directory, "file", "old", 3), 0);
        limit.rlim_cur = 1000;
        setrlimit(RLIMIT_FSIZE, &limit);
        int error = ways[i](directory, "file", large, sizeof large);
        limit.rlim_cur = RLIM_INFINITY;
        setrlimit(RLIMIT_FSIZE, &limit);
        cr_expect_eq(error, -EFBIG);
        expect_content(directory, "file", "old", 3);
        cr_expect_eq(count_entries(path), 1);
        remove_directory(directory, path, "file");
    }
}

Test(savefile, directory_in_the_way)
{
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        int directory = new_directory(path);
        mkdirat(directory, "file", 0777);
        cr_expect_lt(ways[i](directory, "file", "x", 1), 0);
        cr_expect_eq(count_entries(path), 1);
        unlinkat(directory, "file", AT_REMOVEDIR);
        cr_expect_lt(ways[i](directory, "no/such", "x", 1), 0);
        cr_expect_eq(count_entries(path), 0);
        remove_directory(directory, path, "file");
    }
}

Test(savefile, directories)
{
    char path[64], deep[128];
    int directory = new_directory(path);

    snprintf(deep, sizeof deep, "%s/a//b/c/", path);
    int fd = savefile_directory(deep);
    cr_expect_geq(fd, 0);
    close(fd);
    cr_expect_geq(fd = savefile_directory(deep), 0, "a second time");
    close(fd);
    cr_expect_eq(savefile_write(directory, "file", "x", 1), 0);
    snprintf(deep, sizeof deep, "%s/file", path);
    cr_expect_eq(savefile_directory(deep), -ENOTDIR);
    snprintf(deep, sizeof deep, "%s/file/under", path);
    cr_expect_eq(savefile_directory(deep), -ENOTDIR);
    cr_expect_eq(savefile_directory(""), -ENOENT);
    cr_expect_lt(savefile_directory("/proc/no/such"), 0);
    snprintf(deep, sizeof deep, "rm -r %s", path);
    close(directory);
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
