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
    size_t done;
    char label[16];   /* of the last step */
    int error;        /* -errno of the first write that failed, or 0; nothing is written after it */
    struct text text; /* not yet written */
};

/* No bar is drawn before progress_begin(). The locale must have been set (LC_CTYPE). */
void progress_init(struct progress *progress, int fd);

/* The work has so many steps from here on. */
void progress_begin(struct progress *progress, size_t total);

/* Adds a line of text, without its newline; it stands above the bar. */
void progress_line(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A step is done; `label` is shown behind the bar. */
void progress_step(struct progress *progress, const char *label);

/* Brings all of that to the output, and the bar to where it stands now. Parks. */
void progress_flush(struct progress *progress);

/* The bar stays as it is and the lines go on below. Parks. */
void progress_end(struct progress *progress);

void progress_close(struct progress *progress);

#endif
