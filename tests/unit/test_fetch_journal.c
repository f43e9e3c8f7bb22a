#define _GNU_SOURCE
#include "fetch_journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 4 };

/* Files a, b, c, d of 1 to 4 bytes in a directory of their own, and their list. */
static struct fetch_list list;
static char directory[] = "/tmp/test-journal-XXXXXX";
static struct text lines;

static void put(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    fwrite(bytes, 1, size, file);
    fclose(file);
}

static void set_up(void)
{
    char url[32] = "http://h/a";

    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(mkdir("d", 0777), 0);
    for (int i = 0; i < FILES; i++) {
        char path[] = "d/a";
        path[2] = url[9] = (char)('a' + i);
        put(path, "1234", (size_t)i + 1);
        cr_assert(fetch_list_add(&list, url, NULL, NULL));
        fetch_list_at(&list, (size_t)i)->size = (uint64_t)i + 1;
        fetch_journal_line(&lines, fetch_list_at(&list, (size_t)i));
    }
}

static void tear_down(void)
{
    text_free(&lines);
    fetch_list_free(&list);
    cr_expect_eq(chdir("/"), 0);
    char *command;
    cr_assert_geq(asprintf(&command, "rm -r %s", directory), 0);
    cr_expect_eq(system(command), 0);
    free(command);
}

/* How many of the list the journal has, with their sizes. */
static long count_kept(const struct fetch_journal *journal)
{
    long kept = 0;

    for (size_t i = 0; i < FILES; i++) {
        uint64_t size = 0;
        if (!fetch_journal_has(journal, fetch_list_at(&list, i), &size))
            continue;
        cr_expect_eq(size, i + 1);
        kept++;
    }
    return kept;
}

/* The same of a file, or the error. */
static long read_file(const char *path, const char *files)
{
    struct fetch_journal journal;
    long kept = fetch_journal_read(&journal, path, files);

    if (!kept)
        kept = count_kept(&journal);
    fetch_journal_forget(&journal);
    cr_expect_eq(count_kept(&journal), 0, "it is not forgotten");
    return kept;
}

static long read_journal(const char *bytes, size_t size)
{
    put("journal", bytes, size);
    return read_file("journal", "d");
}

Test(fetch_journal, remembers, .init = set_up, .fini = tear_down)
{
    cr_expect_eq(read_journal(lines.bytes, lines.length), FILES);
    cr_expect_eq(read_file("none", "d"), 0);
    cr_expect_eq(read_file("d", "d"), 0, "nothing can be read of a directory");
    cr_expect_eq(read_file("journal", "none"), 0);
    cr_expect_eq(read_file("journal/x", "d"), -ENOTDIR);
}

/* Of two lines for one file the later one counts; another name is another file. */
Test(fetch_journal, the_last_line_counts, .init = set_up, .fini = tear_down)
{
    struct fetch_item item = {.shown = (char *)"http://h/a", .name = (char *)"a", .size = 77};

    fetch_journal_line(&lines, &item);
    cr_expect_eq(read_journal(lines.bytes, lines.length), FILES - 1);
    item.size = 1;
    fetch_journal_line(&lines, &item);
    item.name = (char *)"e";
    item.size = 2;
    fetch_journal_line(&lines, &item);
    cr_expect_eq(read_journal(lines.bytes, lines.length), FILES);
}

/* A journal that ends anywhere tells of the lines that are whole, and of no others. */
Test(fetch_journal, torn, .init = set_up, .fini = tear_down)
{
    for (size_t size = 0; size <= lines.length; size++) {
        long whole = 0;
        for (size_t i = 0; i < size; i++)
            whole += lines.bytes[i] == '\n';
        cr_assert_eq(read_journal(lines.bytes, size), whole, "%zu bytes", size);
    }
}

/* What follows a torn line, after an empty one, is read. */
Test(fetch_journal, goes_on_after_a_torn_line, .init = set_up, .fini = tear_down)
{
    char *twice;

    for (size_t size = 0; size <= lines.length; size += 7) {
        int length = asprintf(&twice, "%.*s\n%s", (int)size, lines.bytes, lines.bytes);
        cr_assert_eq(read_journal(twice, (size_t)length), FILES, "%zu bytes", size);
        free(twice);
    }
}

/* A byte that has changed costs the line that it is in; the last byte of the line, two of them. */
Test(fetch_journal, damaged, .init = set_up, .fini = tear_down)
{
    for (size_t i = 0; i < lines.length; i++) {
        char before = lines.bytes[i];
        lines.bytes[i] = (char)(before ^ 1);
        long kept = read_journal(lines.bytes, lines.length);
        cr_assert(kept >= FILES - 2 && kept < FILES, "byte %zu: %ld", i, kept);
        lines.bytes[i] = before;
    }
}

Test(fetch_journal, believes_files_only, .init = set_up, .fini = tear_down)
{
    unlink("d/a");
    put("d/b", "123", 3);
    unlink("d/c");
    cr_assert_eq(symlink("d", "d/c"), 0);
    cr_expect_eq(read_journal(lines.bytes, lines.length), 1);
}
