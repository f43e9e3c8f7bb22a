/*
 * multipart.h: the parts of a multipart/form-data body. See multipart.c. No I/O of its own; fuzzed
 * by tests/fuzz.
 */
#ifndef SLEY_MULTIPART_H
#define SLEY_MULTIPART_H

#include "base.h"

/* Gives the next bytes of the body: how many, 0 at the end, or a negative error. */
typedef int sley__multipart_source(void *arg, void *data, size_t size);

enum { SLEY__MULTIPART_BOUNDARY = 70 }; /* bytes of a boundary, at most (RFC 2046) */

struct sley__multipart {
    sley__multipart_source *source;
    void *arg;
    char delimiter[4 + SLEY__MULTIPART_BOUNDARY + 1]; /* CR LF - - boundary */
    size_t delimiter_size;

    char *window; /* what came and is not used, from start to end */
    size_t start, end;
    bool drained; /* the source has no more */
    int where;
    int parts;
    int error; /* sticks */

    /* Of the current part; NUL-terminated, in `head`. */
    char *head;
    const char *name, *filename, *type;
};

/* Begins with the value of a Content-Type header. 0, SLEY_EINVAL (it is not multipart/form-data, or
 * has no boundary), SLEY_ENOMEM. */
MUST_USE int sley__multipart_init(struct sley__multipart *multipart, const char *type,
                                  sley__multipart_source *source, void *arg);
void sley__multipart_close(struct sley__multipart *multipart);

/* Goes on to the next part, past what is left of this one: 1, 0 behind the last, SLEY_EPROTO,
 * SLEY_EMSGSIZE, or the source's error. */
MUST_USE int sley__multipart_next(struct sley__multipart *multipart);

/* The next bytes of the current part: how many, 0 at its end, or an error. */
MUST_USE int sley__multipart_read(struct sley__multipart *multipart, void *data, size_t size);

#endif
