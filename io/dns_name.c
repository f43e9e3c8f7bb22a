/*
 * dns_name.c: names of the name system.
 *
 * Inside, a name is what the protocol makes of it: labels of 1 to 63 bytes, each behind its length,
 * and an empty one at the end, 255 bytes at most, ASCII letters in lower case. So two names are the
 * same if their bytes are, a cache can hash them, and a query copies them. Text is made of them for
 * people only, with the escapes of master files (RFC 1035, 5.1): any byte can be in a label, and a
 * name that came in an answer and is asked for again must be the same name.
 *
 * In a message a name may end with a pointer to an earlier one. A hostile message points in circles
 * or forwards. Each pointer must point before the place where the run of labels that it ends has
 * begun: every jump then goes down, so that no counter of jumps is needed, and no honest sender is
 * refused, since what it can point to has been written before.
 */
#include "dns_name.h"

#include <string.h>

enum { LABEL_MAX = 63, POINTER = 0xc0 };

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads \X or \DDD behind the backslash; how many characters, 0 if it is neither. */
static size_t read_escape(const char *text, uint8_t *byte)
{
    int value;

    if (!is_digit(text[0])) {
        *byte = (uint8_t)text[0];
        return text[0] ? 1 : 0;
    }
    if (!is_digit(text[1]) || !is_digit(text[2]))
        return 0;
    value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    *byte = (uint8_t)value;
    return value <= UINT8_MAX ? 3 : 0;
}

/* Reads one label and the dot behind it, if there is one; how many characters, 0 if it is none. */
static size_t read_label(struct sley__dns_name *name, const char *text, bool *dot)
{
    size_t at = name->size, length = 0, used = 0;

    while (text[used] && text[used] != '.') {
        uint8_t byte = (uint8_t)text[used++];

        if (byte <= ' ' || byte == 0x7f)
            return 0; /* a slip, not a name; whoever means it writes \DDD */
        if (byte == '\\') {
            size_t escape = read_escape(text + used, &byte);

            if (!escape)
                return 0;
            used += escape;
        }
        /* The last place is the empty label's. */
        if (++length > LABEL_MAX || at + length >= sizeof(name->wire) - 1)
            return 0;
        name->wire[at + length] = lower(byte);
    }
    if (!length)
        return 0;
    name->wire[at] = (uint8_t)length;
    name->size = at + 1 + length;
    *dot = text[used] == '.';
    return used + *dot;
}

bool sley__dns_name_read(struct sley__dns_name *name, const char *text, bool *complete)
{
    bool root = text[0] == '.' && !text[1];

    name->size = 0;
    *complete = root;
    if (!*text)
        return false;
    for (text += root; *text;) {
        size_t used = read_label(name, text, complete);

        if (!used)
            return false;
        text += used;
    }
    name->wire[name->size++] = 0;
    return true;
}

bool sley__dns_name_join(struct sley__dns_name *name, const struct sley__dns_name *suffix)
{
    if (name->size - 1 + suffix->size > sizeof(name->wire))
        return false;
    memcpy(name->wire + name->size - 1, suffix->wire, suffix->size);
    name->size += suffix->size - 1;
    return true;
}

int sley__dns_name_dots(const struct sley__dns_name *name)
{
    int labels = 0;

    for (size_t at = 0; name->wire[at]; at += name->wire[at] + (size_t)1)
        labels++;
    return labels > 1 ? labels - 1 : 0;
}

/* One byte of a label as text; how many characters. */
static size_t write_byte(uint8_t byte, char *text)
{
    bool plain = byte > ' ' && byte < 0x7f, special = byte == '.' || byte == '\\';
    size_t length = plain ? (special ? 2 : 1) : 4;

    if (!text)
        return length;
    if (!plain) {
        text[0] = '\\';
        text[1] = (char)('0' + byte / 100);
        text[2] = (char)('0' + byte / 10 % 10);
        text[3] = (char)('0' + byte % 10);
        return length;
    }
    if (special)
        *text++ = '\\';
    *text = (char)byte;
    return length;
}

size_t sley__dns_name_write(const struct sley__dns_name *name, char *text)
{
    size_t length = 0;

    for (size_t at = 0; name->wire[at]; at += name->wire[at] + (size_t)1) {
        if (at && text)
            text[length] = '.';
        length += at ? 1 : 0;
        for (size_t i = 1; i <= name->wire[at]; i++)
            length += write_byte(name->wire[at + i], text ? text + length : NULL);
    }
    if (!length) {
        if (text)
            text[0] = '.';
        length = 1;
    }
    if (text)
        text[length] = '\0';
    return length;
}

size_t sley__dns_name_skip(const uint8_t *message, size_t size, size_t at)
{
    while (at < size) {
        uint8_t length = message[at];

        if (length >= POINTER)
            return at + 2 <= size ? at + 2 : 0;
        if (length > LABEL_MAX)
            return 0;
        at += (size_t)1 + length;
        if (!length)
            return at;
    }
    return 0;
}

/* Follows pointers from `at` to a label that stands there in full, the empty one included. `run` is
 * where the labels before it have begun, and is brought down. False if there is none. */
static bool find_label(const uint8_t *message, size_t size, size_t *at, size_t *run)
{
    while (*at < size && message[*at] >= POINTER) {
        size_t target;

        if (*at + 2 > size)
            return false;
        target = (size_t)(message[*at] & ~POINTER) << 8 | message[*at + 1];
        if (target >= *run)
            return false;
        *run = *at = target;
    }
    return *at < size && message[*at] <= LABEL_MAX && *at + 1 + message[*at] <= size;
}

bool sley__dns_name_expand(const uint8_t *message, size_t size, size_t at,
                           struct sley__dns_name *name)
{
    size_t run = at;

    for (name->size = 0; find_label(message, size, &at, &run);) {
        size_t whole = (size_t)1 + message[at];

        if (name->size + whole > sizeof(name->wire))
            return false;
        memcpy(name->wire + name->size, message + at, whole);
        name->size += whole;
        at += whole;
        if (whole == 1)
            return true;
    }
    return false;
}

static bool same_label(const uint8_t *a, const uint8_t *lower_case)
{
    if (*a != *lower_case)
        return false;
    for (size_t i = 1; i <= *a; i++)
        if (lower(a[i]) != lower_case[i])
            return false;
    return true;
}

bool sley__dns_name_equal(const uint8_t *message, size_t size, size_t at,
                          const struct sley__dns_name *name)
{
    size_t run = at, here = 0;

    while (find_label(message, size, &at, &run)) {
        if (!same_label(message + at, name->wire + here))
            return false;
        if (!message[at])
            return true;
        here += (size_t)1 + message[at];
        at += (size_t)1 + message[at];
    }
    return false;
}

int sley__dns_name_compare(const struct sley__dns_name *a, const struct sley__dns_name *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(a->wire, b->wire, a->size);
}
