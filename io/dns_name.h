/*
 * dns_name.h: names of the name system, as text and as on the wire. See dns_name.c.
 */
#ifndef SLEY_DNS_NAME_H
#define SLEY_DNS_NAME_H

#include "base.h"

/* Labels with their lengths in front, ending with the empty one. A value. */
struct sley__dns_name {
    size_t size; /* 1 .. 255 */
    uint8_t wire[255];
};

/* Reads text, in lower case. *complete: it ended with a dot. False if it is no name. */
MUST_USE bool sley__dns_name_read(struct sley__dns_name *name, const char *text, bool *complete);

/* `name` with `suffix` behind it. False if that is too long. */
MUST_USE bool sley__dns_name_join(struct sley__dns_name *name, const struct sley__dns_name *suffix);

/* How many dots its text would have. */
int sley__dns_name_dots(const struct sley__dns_name *name);

/* Writes it as text and a NUL, if `text` is not NULL, where SLEY_DNS_NAME_TEXT bytes always
 * suffice; its length without the NUL. */
size_t sley__dns_name_write(const struct sley__dns_name *name, char *text);

/* The name at offset `at` of a message, with the case that it has there. False if it is malformed.
 */
MUST_USE bool sley__dns_name_expand(const uint8_t *message, size_t size, size_t at,
                                    struct sley__dns_name *name);

/* The offset behind the name at `at`; 0 if it reaches beyond the message. What a pointer in it
 * points to is not looked at. */
size_t sley__dns_name_skip(const uint8_t *message, size_t size, size_t at);

/* Whether the name at `at` is `name` (in lower case), whatever its case. */
bool sley__dns_name_equal(const uint8_t *message, size_t size, size_t at,
                          const struct sley__dns_name *name);

/* A total order. */
int sley__dns_name_compare(const struct sley__dns_name *a, const struct sley__dns_name *b);

#endif
