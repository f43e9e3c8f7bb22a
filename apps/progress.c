/*
 * progress.c: telling on the standard output how far the work has come.
 *
 *      118/239 ━━━━━━━━━━━━━━━━━━━━━━━━━━━╸                            49 % IS
 *
 * If there is something to tell of what is under way, it has lines of its own above the bar:
 *
 *       52 %    131.4 MiB  images/first.iso
 *        7 %     18.0 MiB  images/second.iso
 *        1/4 ━━━━━━━━━━━━━━━━━━━╸                                    39 % 405.4 MiB
 *
 * Lines and bar go to the same descriptor, the standard output, so that they cannot overtake each
 * other and so that redirecting it takes both away together. (Programs that write data to their
 * output must draw elsewhere; ours writes its data to files.)
 *
 * The bar is the last line on the screen and is drawn over: before a line is written it is erased,
 * with the lines of its own above it, afterwards it is drawn anew. No line reaches the last column:
 * one that the terminal breaks in two could not be erased any more. Everything between two flushes
 * is one write, so there is no flicker, and when many steps end at once they cost one write and not
 * many. The width is asked for at every drawing: nothing has to be done when a window changes its
 * size.
 */
#define _GNU_SOURCE
#include "progress.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ERASE       "\r\033[K"
#define ERASE_LINES "\r\033[%uA\033[J"
#define NARROWEST   30 /* columns below which there is only the count */
#define AROUND      24 /* columns of all that is not bar, at least */
#define SHORTEST    4  /* columns of a bar */
#define WIDEST      100
#define DETAILS     5

void progress_init(struct progress *progress, int fd)
{
    const char *terminal = getenv("TERM");

    memset(progress, 0, sizeof *progress);
    progress->fd = fd;
    progress->bar = isatty(fd) && terminal && strcmp(terminal, "dumb") != 0;
    progress->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void progress_begin(struct progress *progress, size_t total)
{
    progress->total = total;
    progress->done = 0;
    progress->more = false;
}

void progress_total(struct progress *progress, size_t total, bool more)
{
    progress->total = total;
    progress->more = more;
}

static bool is_drawing(const struct progress *progress)
{
    return progress->bar && (progress->total > 0 || progress->more);
}

/* The bar is erased once, before the first text since the last flush. */
static void erase_before_text(struct progress *progress)
{
    if (!is_drawing(progress) || progress->text.length > 0)
        return;
    if (progress->shown)
        text_add(&progress->text, ERASE_LINES, progress->shown);
    else
        text_add(&progress->text, "%s", ERASE);
    progress->shown = 0;
}

void progress_line(struct progress *progress, const char *format, ...)
{
    char line[1024];
    va_list values;

    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    erase_before_text(progress);
    text_add(&progress->text, "%s\n", line);
}

void progress_text(struct progress *progress, const char *lines, size_t length)
{
    if (length == 0)
        return;
    erase_before_text(progress);
    text_put(&progress->text, lines, length);
}

void progress_step(struct progress *progress, const char *label)
{
    progress->done++;
    snprintf(progress->label, sizeof progress->label, "%s", label);
    if (strlen(progress->label) > progress->label_room)
        progress->label_room = strlen(progress->label);
}

static size_t columns(const struct progress *progress)
{
    struct winsize size;

    if (ioctl(progress->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < WIDEST ? size.ws_col : WIDEST;
}

/* --- what is under way ------------------------------------------------------------------------ */

void progress_under_way(struct progress *progress, double steps)
{
    progress->under_way = steps;
}

unsigned progress_details(struct progress *progress)
{
    struct winsize size;
    unsigned rows = 24;

    progress->details.length = 0;
    progress->detail_count = 0;
    if (!is_drawing(progress) || columns(progress) < NARROWEST)
        return 0;
    if (ioctl(progress->fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        rows = size.ws_row;
    return rows < 3 ? 0 : rows - 2 < DETAILS ? rows - 2 : DETAILS; /* the bar, and a line above */
}

/* As much of the line as fits into so many columns; what cannot be shown is a question mark. */
static void put_cut(struct text *text, const char *line, size_t room)
{
    mbstate_t state = {0};
    size_t left = strlen(line), used;
    wchar_t c;

    for (; left > 0; line += used, left -= used) {
        used = mbrtowc(&c, line, left, &state);
        int width = used > 0 && used <= left ? wcwidth(c) : -1;
        if (width < 0) {
            memset(&state, 0, sizeof state);
            used = 1;
        }
        if ((size_t)(width < 0 ? 1 : width) > room)
            return;
        room -= (size_t)(width < 0 ? 1 : width);
        text_put(text, width < 0 ? "?" : line, used);
    }
}

void progress_detail(struct progress *progress, const char *line)
{
    put_cut(&progress->details, line, columns(progress) - 1);
    text_add(&progress->details, "\n");
    progress->detail_count++;
}

/* --- drawing ---------------------------------------------------------------------------------- */

static double fraction(const struct progress *progress)
{
    if (progress->more)
        return 0;
    double all = ((double)progress->done + progress->under_way) / (double)progress->total;

    return all < 1 ? all : 1;
}

static void draw_bar(struct progress *progress, size_t width)
{
    size_t full = (size_t)((double)width * fraction(progress));

    for (size_t i = 0; i < width; i++)
        if (progress->unicode)
            text_add(&progress->text, "%s", i < full ? "\u2501" : i == full ? "\u2578" : " ");
        else
            text_add(&progress->text, "%s", i < full ? "#" : ".");
}

static void draw(struct progress *progress)
{
    char count[64];
    size_t width = columns(progress), percent = (size_t)(fraction(progress) * 100);
    int length = snprintf(count, sizeof count, "%4zu/%zu%s ", progress->done, progress->total,
                          progress->more ? "+" : "");
    size_t around = (size_t)length + sizeof " 100 % " - 1 + progress->label_room;
    const char *label = progress->label;

    erase_before_text(progress);
    if (progress->details.length > 0)
        text_put(&progress->text, progress->details.bytes, progress->details.length);
    progress->shown = progress->detail_count;
    if (around + SHORTEST >= width) {
        around -= progress->label_room;
        label = "";
    }
    if (around < AROUND)
        around = AROUND - 1;
    if (width < NARROWEST || around + SHORTEST >= width) {
        text_put(&progress->text, count, (size_t)length < width ? (size_t)length : width - 1);
        return;
    }
    text_add(&progress->text, "%s", count);
    draw_bar(progress, width - 1 - around);
    if (progress->more)
        text_add(&progress->text, "   - %% %s", label);
    else
        text_add(&progress->text, " %3zu %% %s", percent, label);
}

static void write_text(struct progress *progress)
{
    if (progress->error)
        progress->text.length = 0;
    else
        progress->error = console_write(progress->fd, &progress->text);
}

void progress_flush(struct progress *progress)
{
    if (is_drawing(progress))
        draw(progress);
    write_text(progress);
}

void progress_end(struct progress *progress)
{
    progress_details(progress);
    progress_under_way(progress, 0);
    progress_flush(progress);
    if (is_drawing(progress))
        text_add(&progress->text, "\n");
    progress->total = 0;
    progress->more = false;
    write_text(progress);
}

void progress_close(struct progress *progress)
{
    text_free(&progress->text);
    text_free(&progress->details);
}
