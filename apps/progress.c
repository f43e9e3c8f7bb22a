/*
 * progress.c: telling on the standard output how far the work has come.
 *
 *      118/239 ━━━━━━━━━━━━━━━━━━━━━━━━━━━╸                            49 % IS
 *
 * Lines and bar go to the same descriptor, the standard output, so that they cannot overtake each
 * other and so that redirecting it takes both away together. (Programs that write data to their
 * output must draw elsewhere; ours writes its data to files.)
 *
 * The bar is the last line on the screen and is drawn over: before a line is written it is erased,
 * afterwards it is drawn anew. Everything between two flushes is one write, so there is no flicker,
 * and when many steps end at once they cost one write and not many. The width is asked for at every
 * drawing: nothing has to be done when a window changes its size.
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

#define ERASE     "\r\033[K"
#define NARROWEST 30 /* columns below which there is only the count */
#define AROUND    24 /* columns of all that is not bar */
#define WIDEST    100

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
}

static bool is_drawing(const struct progress *progress)
{
    return progress->bar && progress->total > 0;
}

/* The bar is erased once, before the first text since the last flush. */
static void erase_before_text(struct progress *progress)
{
    if (is_drawing(progress) && progress->text.length == 0)
        text_add(&progress->text, "%s", ERASE);
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

void progress_step(struct progress *progress, const char *label)
{
    progress->done++;
    snprintf(progress->label, sizeof progress->label, "%s", label);
}

static size_t columns(const struct progress *progress)
{
    struct winsize size;

    if (ioctl(progress->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < WIDEST ? size.ws_col : WIDEST;
}

static void draw_bar(struct progress *progress, size_t width)
{
    size_t full = width * progress->done / progress->total;

    for (size_t i = 0; i < width; i++)
        if (progress->unicode)
            text_add(&progress->text, "%s", i < full ? "\u2501" : i == full ? "\u2578" : " ");
        else
            text_add(&progress->text, "%s", i < full ? "#" : ".");
}

static void draw(struct progress *progress)
{
    size_t width = columns(progress);

    erase_before_text(progress);
    text_add(&progress->text, "%4zu/%zu ", progress->done, progress->total);
    if (width < NARROWEST)
        return;
    draw_bar(progress, width - AROUND);
    text_add(&progress->text, " %3zu %% %s", progress->done * 100 / progress->total,
             progress->label);
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
    progress_flush(progress);
    if (is_drawing(progress))
        text_add(&progress->text, "\n");
    progress->total = 0;
    write_text(progress);
}

void progress_close(struct progress *progress)
{
    text_free(&progress->text);
}
