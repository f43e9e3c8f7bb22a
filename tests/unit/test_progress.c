#include "progress.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdint.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int master, slave;
static struct progress progress;
static char shown[65536];

static void set_size(unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};

    cr_assert_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
}

static void set_up(void)
{
    setenv("TERM", "xterm", 1);
    cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
    cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
    progress_init(&progress, slave);
}

static void tear_down(void)
{
    progress_close(&progress);
    close(master);
    close(slave);
}

/* What one flush has written. */
static const char *flush(void)
{
    progress_flush(&progress);
    cr_assert_eq(progress.error, 0);
    ssize_t size = read(master, shown, sizeof shown - 1);
    cr_assert_gt(size, 0);
    shown[size] = '\0';
    return shown;
}

static size_t columns_of(const char *line, size_t length)
{
    size_t columns = 0;

    for (size_t i = 0; i < length; i++)
        if (line[i] == '\033')
            i += strspn(line + i + 1, "[0123456789") + 1;
        else if (((unsigned char)line[i] & 0xC0) != 0x80)
            columns++;
    return columns;
}

/* Of the widest line. */
static size_t widest(const char *text)
{
    size_t most = 0;

    while (*text) {
        size_t length = strcspn(text, "\r\n"), columns = columns_of(text, length);
        most = columns > most ? columns : most;
        text += length + strspn(text + length, "\r\n");
    }
    return most;
}

static unsigned lines(const char *text)
{
    unsigned count = 0;

    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

/* However large the numbers and however long the label, nothing reaches the last column. */
Test(progress, fits_every_width, .init = set_up, .fini = tear_down)
{
    static const char *const labels[] = {"", "IS", "fifteen columns"};
    static const size_t totals[] = {1, 239, 100000, SIZE_MAX};

    for (unsigned short width = 2; width < 130; width++)
        for (size_t i = 0; i < 12; i++) {
            set_size(24, width);
            progress_begin(&progress, totals[i % 4]);
            progress.done = totals[i % 4] - 1;
            progress_step(&progress, labels[i / 4]);
            cr_expect_lt(widest(flush()), width, "%u columns: %s", width, shown);
        }
}

Test(progress, a_bar_does_not_jump, .init = set_up, .fini = tear_down)
{
    set_size(24, 80);
    progress_begin(&progress, 100);
    progress_step(&progress, "a long label");
    flush();
    size_t bar = columns_of(shown, strcspn(shown, "%"));
    progress_step(&progress, "");
    flush();
    cr_expect_eq(columns_of(shown, strcspn(shown, "%")), bar);
    cr_expect_not_null(strstr(shown, "2/100 "));
}

Test(progress, details_stand_above_and_go, .init = set_up, .fini = tear_down)
{
    set_size(24, 40);
    cr_expect_eq(progress_details(&progress), 0, "no bar, no details");
    progress_begin(&progress, 4);
    cr_expect_eq(progress_details(&progress), 5);
    progress_detail(&progress, "one");
    progress_detail(&progress,
                    "t\u00fco, which is longer than what a line of this screen can hold");
    progress_under_way(&progress, 1.5);
    flush();
    cr_expect_eq(lines(shown), 2);
    cr_expect_not_null(strstr(shown, "one\r\nt\u00fco, which"));
    cr_expect_not_null(strstr(shown, " 37 % "), "what is under way counts: %s", shown);
    cr_expect_eq(widest(shown), 39);
    flush();
    cr_expect_eq(strncmp(shown, "\r\033[2A\033[J", 8), 0, "both are erased, and drawn again");
    cr_expect_eq(lines(shown), 2);
    progress_line(&progress, "said");
    flush();
    cr_expect_eq(strncmp(shown, "\r\033[2A\033[Jsaid\r\n", 14), 0);
    progress_details(&progress);
    flush();
    cr_expect_eq(lines(shown), 0, "forgotten");
    flush();
    cr_expect_eq(strncmp(shown, "\r\033[K", 4), 0);
}

Test(progress, details_have_room, .init = set_up, .fini = tear_down)
{
    progress_begin(&progress, 4);
    for (unsigned short rows = 1; rows < 30; rows++) {
        set_size(rows, 80);
        unsigned room = progress_details(&progress);
        cr_expect_eq(room, rows < 3 ? 0u : rows < 7 ? rows - 2u : 5u, "%u rows: %u", rows, room);
    }
    set_size(24, 20);
    cr_expect_eq(progress_details(&progress), 0);
}

/* What the terminal cannot show is no reason to spoil the lines. */
Test(progress, strange_bytes, .init = set_up, .fini = tear_down)
{
    set_size(24, 40);
    progress_begin(&progress, 4);
    progress_details(&progress);
    progress_detail(&progress, "\xFF\xC3 and \x01 and \u8a9e\u8a9e");
    cr_expect_not_null(strstr(flush(), "?? and ? and \u8a9e\u8a9e\r\n"), "%s", shown);
    set_size(24, 30);
    progress_details(&progress);
    progress_detail(&progress, "28 columns, and then a wide \u8a9e");
    cr_expect_not_null(strstr(flush(), "28 columns, and then a wide \r\n"), "%s", shown);
}

/* No part is told of something whose end is not known. */
Test(progress, open_end, .init = set_up, .fini = tear_down)
{
    set_size(24, 60);
    progress_total(&progress, 0, true);
    cr_expect_not_null(strstr(flush(), " 0/0+ "), "%s", shown);
    progress_step(&progress, "");
    progress_total(&progress, 2, true);
    flush();
    cr_expect_not_null(strstr(shown, " 1/2+ "), "%s", shown);
    cr_expect_not_null(strstr(shown, " - % "), "%s", shown);
    cr_expect_lt(widest(shown), 60, "%s", shown);
    progress_total(&progress, 4, false);
    flush();
    cr_expect_not_null(strstr(shown, " 1/4 "), "%s", shown);
    cr_expect_not_null(strstr(shown, " 25 % "), "%s", shown);
}
