/*
 * manual.h: what a program says of itself, from one description.
 *
 * --help, the manual page and the completions of three shells come from the same tables that the
 * command line is read with, so none of them can fall behind. None of this parks; any thread.
 */
#ifndef SLEY_APPS_MANUAL_H
#define SLEY_APPS_MANUAL_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

/* A program, or one of its commands. Texts are plain; a '\n' begins a new line, an empty line a new
 * paragraph. */
struct manual {
    const char *name;                     /* "sley-fetch"; of a command: "sley-fetch flags" */
    const char *summary;                  /* half a sentence: "download the flags of countries" */
    const char *usage;                    /* what follows the name, a line for each way */
    const char *about;                    /* what it does */
    const struct opt *table;              /* or NULL */
    const char *notes;                    /* exit status and such, or NULL */
    const char *words;                    /* the arguments that are words: "tcp web find" */
    const struct manual *const *commands; /* up to a NULL; or NULL */
};

void manual_help(const struct manual *manual, FILE *out);

/* Answers --help, or --version: EXIT_DONE, or EXIT_SOME_FAILED if it could not be written. */
int manual_answer(const struct manual *manual, bool help);

/* Whether the command line is "--generate man|bash|zsh|fish FILE", by which the build makes the
 * files that are installed; then it has been done and *status is what to exit with. */
bool manual_generate(const struct manual *manual, int argc, char **argv, int *status);

#endif
