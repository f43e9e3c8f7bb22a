/*
 * options.c: the command lines of the programs.
 *
 * getopt_long() was the obvious choice and is not used for three reasons: it takes any unambiguous
 * beginning of a name (--lim), so that adding an option breaks a script that used the short form;
 * its help text has to be kept beside its table by hand; and its state is global. What is left when
 * those are gone is the small loop below: one word of the command line at a time, a table that is
 * also the help, and values that are checked to their last character.
 *
 * A word is one of: "--" (the rest are arguments), --name[=VALUE], -letters, or an argument; "-"
 * alone is an argument, as everywhere.
 */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sley/address.h>
#include <sley/error.h>

int opt_error(const char *program, const char *format, ...)
{
    va_list values;
    char message[512];

    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    fprintf(stderr, "%s: %s (try %s --help)\n", program, message, program);
    return EXIT_USAGE;
}

static int find_name(const struct opt *table, const char *name, size_t length)
{
    for (int i = 0; table[i].name; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return i;
    return -1;
}

static int find_letter(const struct opt *table, char letter)
{
    for (int i = 0; table[i].name; i++)
        if (table[i].letter == letter)
            return i;
    return -1;
}

/* The word after the option is its value, even if it begins with a dash. */
static bool take_word(struct opt_scan *scan, char **value)
{
    if (scan->index >= scan->argc)
        return false;
    *value = scan->argv[scan->index++];
    return true;
}

static int next_long(struct opt_scan *scan, char *word, char **value)
{
    size_t length = strcspn(word, "=");
    char *given = word[length] == '=' ? word + length + 1 : NULL;
    int found = find_name(scan->table, word, length);

    if (found < 0) {
        opt_error(scan->program, "unknown option --%.*s", (int)length, word);
        return OPT_BAD;
    }
    *value = given;
    if (!scan->table[found].value && given) {
        opt_error(scan->program, "--%.*s takes no value", (int)length, word);
        return OPT_BAD;
    }
    if (scan->table[found].value && !given && !take_word(scan, value)) {
        opt_error(scan->program, "--%s needs a value: %s", word, scan->table[found].value);
        return OPT_BAD;
    }
    return found;
}

static int next_letter(struct opt_scan *scan, char **value)
{
    char letter = *scan->flags++;
    int found = find_letter(scan->table, letter);

    if (found < 0) {
        opt_error(scan->program, "unknown option -%c", letter);
        return OPT_BAD;
    }
    *value = NULL;
    if (!scan->table[found].value)
        return found;
    if (*scan->flags) {
        *value = scan->flags;
        scan->flags = NULL;
    } else if (!take_word(scan, value)) {
        opt_error(scan->program, "-%c needs a value: %s", letter, scan->table[found].value);
        return OPT_BAD;
    }
    return found;
}

int opt_next(struct opt_scan *scan, char **value)
{
    char *word;

    if (scan->flags && *scan->flags)
        return next_letter(scan, value);
    if (!take_word(scan, &word))
        return OPT_END;
    if (!scan->only_arguments && strcmp(word, "--") == 0) {
        scan->only_arguments = true;
        return opt_next(scan, value);
    }
    if (!scan->only_arguments && strncmp(word, "--", 2) == 0)
        return next_long(scan, word + 2, value);
    if (!scan->only_arguments && word[0] == '-' && word[1]) {
        scan->flags = word + 1;
        return next_letter(scan, value);
    }
    *value = word;
    return OPT_ARGUMENT;
}

bool opt_integer(const struct opt_scan *scan, const char *option, const char *text, long min,
                 long max, long *out)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    /* strtol() alone would take " 5" and "+5". */
    if (errno || end == text || *end || !strchr("-0123456789", text[0]) || value < min ||
        value > max) {
        opt_error(scan->program, "--%s: '%s' is not a number from %ld to %ld", option, text, min,
                  max);
        return false;
    }
    *out = value;
    return true;
}

/* A plain decimal number from 0 up; *rest is what follows it. No sign, exponent, hex or "inf". */
static bool parse_decimal(const char *text, double *value, const char **rest)
{
    size_t length = strspn(text, "0123456789.");
    char digits[64], *end;

    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    *value = strtod(digits, &end);
    *rest = text + length;
    return *end == '\0';
}

bool opt_duration(const struct opt_scan *scan, const char *option, const char *text, int64_t *out)
{
    const char *unit;
    double value, scale = 1e9;

    bool good = parse_decimal(text, &value, &unit);
    if (good && strcmp(unit, "ms") == 0)
        scale = 1e6;
    else if (good && *unit && strcmp(unit, "s") != 0)
        good = false;
    if (!good || value * scale > 86400e9) {
        opt_error(scan->program, "--%s: '%s' is not a time such as 2, 0.5 or 500ms, up to a day",
                  option, text);
        return false;
    }
    *out = (int64_t)(value * scale + 0.5);
    return true;
}

bool opt_fraction(const struct opt_scan *scan, const char *option, const char *text, double *out)
{
    const char *unit;
    double value;

    bool good = parse_decimal(text, &value, &unit);
    if (good && strcmp(unit, "%") == 0)
        value /= 100;
    else if (good && *unit)
        good = false;
    if (!good || value > 1) {
        opt_error(scan->program, "--%s: '%s' is not a part of all, such as 0.25 or 25%%", option,
                  text);
        return false;
    }
    *out = value;
    return true;
}

/* Names are for those who connect: one may have several addresses, and to listen on the first that
 * comes is what nobody wants. */
bool opt_address(const struct opt_scan *scan, const char *option, const char *text)
{
    struct sley_address address;

    if (sley_address_numeric(text, 0, &address) == 0)
        return true;
    opt_error(scan->program, "--%s: '%s' is not a numeric address, such as 127.0.0.1 or ::1",
              option, text);
    return false;
}

/* "  -o, --output DIR" in a column, then the help, its further lines indented alike. */
void opt_help(const struct opt *table, FILE *out)
{
    enum { COLUMN = 28 };

    for (const struct opt *o = table; o->name; o++) {
        char left[64];
        if (o->letter)
            snprintf(left, sizeof left, "  -%c, --%s%s%s", o->letter, o->name, o->value ? " " : "",
                     o->value ? o->value : "");
        else
            snprintf(left, sizeof left, "      --%s%s%s", o->name, o->value ? " " : "",
                     o->value ? o->value : "");
        if (strlen(left) + 2 > COLUMN) /* on a line of its own */
            fprintf(out, "%s\n%*s", left, COLUMN, "");
        else
            fprintf(out, "%-*s", COLUMN, left);
        for (const char *line = o->help; line;) {
            size_t length = strcspn(line, "\n");
            fprintf(out, "%.*s\n", (int)length, line);
            line = line[length] ? line + length + 1 : NULL;
            if (line)
                fprintf(out, "%*s", COLUMN, "");
        }
    }
}

void opt_start_error(const char *program, int error)
{
    const char *workers = getenv("SLEY_WORKERS");

    if (error == SLEY_EINVAL && workers)
        fprintf(stderr, "%s: SLEY_WORKERS must be a number from 1 to 1024, not '%s'\n", program,
                workers);
    else
        fprintf(stderr, "%s: cannot start: %s\n", program, sley_strerror(error));
}
