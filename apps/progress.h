/*
 * progress.h: telling on the standard output how far the work has come.
 *
 * On a terminal a bar that grows; else, or where the terminal cannot (TERM=dumb), plain lines only.
 * For one task at a time.
 */
#ifndef SLEY_APPS_PROGRESS_H
#define SLEY_APPS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "console.h"

/* A value; from progress_init() to progress_close(). Read-only for others. */
struct progress {
    int fd;
    bool bar;     /* a bar is to be drawn */
    bool unicode; /* with box-drawing lines instead of ASCII */
    size_t total; /* steps */
    bool more;    /* at least: nobody knows where the end is */
    size_t done;
    double under_way;    /* of steps that are not done: how much of them is, in steps */
    char label[16];      /* of the last step */
    size_t label_room;   /* columns of the longest one so far, lest the bar jumps */
    struct text details; /* lines for above the bar */
    unsigned detail_count;
    unsigned shown;   /* of them are on the screen */
    int error;        /* -errno of the first write that failed, or 0; nothing is written after it */
    struct text text; /* not yet written */
};

/* No bar is drawn before progress_begin(). The locale must have been set (LC_CTYPE). */
void progress_init(struct progress *progress, int fd);

/* The work has so many steps from here on. */
void progress_begin(struct progress *progress, size_t total);

/* It has so many in all, as far as is known now; `more`: there may be others, so that a part of
 * them is a part of nothing known: the bar stays empty, and the count has a plus behind it. */
void progress_total(struct progress *progress, size_t total, bool more);

/* Adds a line of text, without its newline; it stands above the bar. */
void progress_line(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds lines of text of any length, each with its newline. */
void progress_text(struct progress *progress, const char *lines, size_t length);

/* A step is done; `label` is shown behind the bar. */
void progress_step(struct progress *progress, const char *label);

/* So many steps are done of those that are under way, fractions mostly. */
void progress_under_way(struct progress *progress, double steps);

/* Lines about what is under way stand above the bar: forgets those that there are; adds one, cut to
 * the width of the screen. Returned is for how many there is room; 0 without a bar. */
unsigned progress_details(struct progress *progress);
void progress_detail(struct progress *progress, const char *line);

/* Brings all of that to the output, and the bar to where it stands now. Parks. */
void progress_flush(struct progress *progress);

/* The bar stays as it is, without details, and the lines go on below. Parks. */
void progress_end(struct progress *progress);

void progress_close(struct progress *progress);

#endif
