/*
 * options.h: the command lines of the programs, read strictly.
 *
 * A program lists its options in one table; parsing and the --help text both come from it. Accepted
 * are --name VALUE, --name=VALUE, -n VALUE, -nVALUE and several flags in one word, -vv; "--" ends
 * the options. Nothing is abbreviated, nothing is ignored: what the table does not have is an error
 * of one line, "PROGRAM: ... (try --help)", on stderr. None of this parks; any thread.
 */
#ifndef SLEY_APPS_OPTIONS_H
#define SLEY_APPS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The exit statuses of all programs. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_SOME_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INTERRUPTED = 130, /* 128 + SIGINT, as a shell reports it */
};

/* One option. A table ends with an entry without a name. */
struct opt {
    const char *name;  /* long name, without the dashes */
    char letter;       /* short name, or 0 */
    const char *value; /* what the help calls its value, "DIR"; NULL: it takes none */
    const char *help;  /* one line; a '\n' goes on in the next */
};

/* Results of opt_next() that are not an index into the table. */
enum {
    OPT_ARGUMENT = -1, /* an argument that is no option */
    OPT_END = -2,
    OPT_BAD = -3, /* the error has been printed */
};

/* A command line half read. Set the first four fields, zero the rest. */
struct opt_scan {
    const char *program;
    const struct opt *table;
    int argc;
    char **argv; /* without the program's name */
    int index;
    bool only_arguments;
    char *flags; /* what is left of a word such as -vv */
};

/* The next option's index in the table, or one of the above; its value, or the argument, goes to
 * *value. */
int opt_next(struct opt_scan *scan, char **value);

/* Values. Each prints what is wrong and with which option, and returns false, unless `text` as a
 * whole is such a number within its limits.
 *   duration  seconds, "0.5", with an optional unit: "500ms", "2s"; at most a day; to nanoseconds
 *   fraction  "0.25" or "25%", from 0 to 1 */
bool opt_integer(const struct opt_scan *scan, const char *option, const char *text, long min,
                 long max, long *out);
bool opt_duration(const struct opt_scan *scan, const char *option, const char *text, int64_t *out);
bool opt_fraction(const struct opt_scan *scan, const char *option, const char *text, double *out);

/* Whether `text` is an address to listen on, numeric; prints what is wrong if not. */
bool opt_address(const struct opt_scan *scan, const char *option, const char *text);

/* Prints a usage error, "PROGRAM: message (try PROGRAM --help)". Returns EXIT_USAGE. */
int opt_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the table, aligned, as the lower half of a --help. */
void opt_help(const struct opt *table, FILE *out);

/* Says why the runtime could not be started. */
void opt_start_error(const char *program, int error);

#endif
