/*
 * error.c: names and texts of the error codes. Level 0.
 *
 * Both come from the one table in <sley/error.h>, as switches: the compiler turns them into a
 * binary search and refuses two codes of one value, which a table of structs would not.
 *
 * A code outside the table is usually the negative errno of a system call that sley passed on. Its
 * text comes from strerrordesc_np(), which returns constant strings, untranslated. Rejected:
 * strerror() (not thread-safe by the standard) and strerror_r() (needs a buffer, which would have
 * to be thread-local: the address of a thread-local does not survive a park).
 */
#define _GNU_SOURCE 1

#include <sley/error.h>

#include <limits.h>
#include <string.h>

/* Any thread. NULL where errno has no such value. */
static const char *system_text(int code)
{
    return code < 0 && code != INT_MIN ? strerrordesc_np(-code) : NULL;
}

const char *sley_strerror(int code)
{
    const char *text;

    switch (code) {
    case SLEY_OK:
        return "success";
#define TEXT(name, value, text) \
    case name:                  \
        return text;
        SLEY_ERRORS(TEXT)
#undef TEXT
    default:
        text = system_text(code);
        return text ? text : "unknown error";
    }
}

const char *sley_error_name(int code)
{
    switch (code) {
    case SLEY_OK:
        return "SLEY_OK";
#define NAME(name, value, text) \
    case name:                  \
        return #name;
        SLEY_ERRORS(NAME)
#undef NAME
    default:
        return "SLEY_EUNKNOWN";
    }
}
