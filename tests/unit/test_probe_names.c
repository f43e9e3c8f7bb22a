/* Where names come from: keywords, words, files; what is made of lines that are no names. */
#define _GNU_SOURCE
#include "probe_names.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sley/sley.h>

static const char *const keywords[] = {"an", "auto", "break", "do", NULL};

/* A file with this text. */
static int file_of(const char *text, size_t size)
{
    int fd = memfd_create("names", MFD_CLOEXEC);

    cr_assert(fd >= 0 && write(fd, text, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

struct reading {
    struct probe_names names;
    char seen[20000];
    int end;
    char error[PROBE_NAMES_ERROR];
};

/* A main task: all names, each behind a bar. */
static int read_all(void *arg)
{
    struct reading *reading = arg;
    FILE *out = fmemopen(reading->seen, sizeof reading->seen, "w");
    int code;

    while ((code = probe_names_next(&reading->names, reading->error)) == 1)
        fprintf(out, "|%s", reading->names.name);
    fclose(out);
    reading->end = code;
    probe_names_close(&reading->names);
    return 0;
}

static void expect(struct probe_names names, const char *seen)
{
    static struct reading reading;

    reading = (struct reading){.names = names};
    cr_assert_eq(sley_run(read_all, &reading, NULL), 0);
    cr_expect_eq(reading.end, 0, "%d: %s", reading.end, reading.error);
    cr_expect_str_eq(reading.seen, seen);
}

static void expect_lines(const char *text, size_t size, const char *seen)
{
    expect((struct probe_names){.file = "names", .fd = file_of(text, size)}, seen);
}

Test(probe_names, keywords_by_length)
{
    expect((struct probe_names){.keywords = keywords, .keyword_max = 4, .tld = "dev"},
           "|an.dev|auto.dev|do.dev");
    expect((struct probe_names){.keywords = keywords, .keyword_max = 1}, "");
}

Test(probe_names, words)
{
    char *words[] = {"a.test", "", "b.", "c d"};

    expect((struct probe_names){.words = words, .word_count = 4}, "|a.test||b.|c d");
    expect((struct probe_names){.words = words, .word_count = 4, .tld = "org"},
           "|a.test.org|.org|b.|c d.org");
}

Test(probe_names, keywords_words_and_a_file)
{
    char *words[] = {"w"};

    expect((struct probe_names){.keywords = keywords,
                                .keyword_max = 2,
                                .tld = "x",
                                .words = words,
                                .word_count = 1,
                                .file = "names",
                                .fd = file_of("f\ng", 3)},
           "|an.x|do.x|w.x|f.x|g.x");
}

#define LINES(text, seen) expect_lines(text, sizeof(text) - 1, seen)

Test(probe_names, lines)
{
    LINES("", "");
    LINES("\n\n", "");
    LINES("a", "|a");
    LINES("a\nb\r\n", "|a|b");
    LINES("  a b\t\n#c\n # d\ne#f\n\v\fg", "|a b|e#f|g");
    LINES("a\0b\n\0\n", "|a\1b|\1");
    LINES("#no end", "");
}

/* Lines around the longest that is a name, with something behind them. */
Test(probe_names, long_lines)
{
    static const size_t sizes[] = {PROBE_NAME - 1, PROBE_NAME,         PROBE_NAME + 1,
                                   65535,          PROBE_NAME + 65536, 1000000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = malloc(sizes[i] + 3), expected[PROBE_NAME + 8];

        memset(text, 'x', sizes[i]);
        memcpy(text + sizes[i], "\ny", 3);
        memset(expected, 'x', sizeof expected);
        expected[0] = '|';
        strcpy(expected + (sizes[i] < PROBE_NAME ? sizes[i] + 1 : 65),
               sizes[i] < PROBE_NAME ? "|y" : "...|y");
        expect_lines(text, sizes[i] + 2, expected);
        text[sizes[i]] = 'x'; /* without an end */
        *strrchr(expected, '|') = '\0';
        if (sizes[i] >= PROBE_NAME)
            expect_lines(text, sizes[i], expected);
        free(text);
    }
}

Test(probe_names, what_cannot_be_read)
{
    static struct reading reading;

    reading = (struct reading){
        .names = {.file = "here", .fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)}};
    cr_assert_eq(sley_run(read_all, &reading, NULL), 0);
    cr_expect_eq(reading.end, SLEY_EINVAL);
    cr_expect(strstr(reading.error, "cannot read the names from here: "), "%s", reading.error);
}

Test(probe_names, the_count_is_that_of_the_names)
{
    static const char text[] = "a\n\n  b\n# c\n #d\ne";
    char *words[] = {"x", "y"};
    struct probe_names names = {.keywords = keywords,
                                .keyword_max = 4,
                                .words = words,
                                .word_count = 2,
                                .file = "names",
                                .fd = file_of(text, sizeof text - 1)};

    cr_expect_eq(probe_names_count(&names), 3 + 2 + 3);
    expect(names, "|an|auto|do|x|y|a|b|e");

    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    names.fd = fds[0];
    cr_expect_eq(probe_names_count(&names), 0, "a pipe");
    close(fds[0]);
    close(fds[1]);
}
