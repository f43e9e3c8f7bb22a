/*
 * http1.h: what an HTTP/1.1 request looks like on the wire. See http1.c. No I/O, no allocation:
 * bytes in, structs out; fuzzed by tests/fuzz.
 */
#ifndef SLEY_HTTP1_H
#define SLEY_HTTP1_H

#include "base.h"

enum { SLEY__HTTP1_HEADERS = 100 }; /* header lines that are accepted */

/* Looks for the end of a head, however few bytes come at a time. {0} before the first byte. */
struct sley__http1_scan {
    size_t looked; /* bytes that were looked at */
    size_t line;   /* where the current line begins */
    bool has_line; /* the request line is complete */
};

/* The head's size, with the empty line, once it is complete; 0 before that; -400 as soon as a line
 * ends without "\r". */
MUST_USE long sley__http1_find_end(struct sley__http1_scan *scan, const char *data, size_t size);

struct sley__http1_header {
    const char *name, *value; /* NUL-terminated, without surrounding blanks */
};

struct sley__http1_head {
    const char *method;
    const char *target; /* as it was sent, but see sley__http1_restore() */
    char *path;       /* of it: from its "/" to before "?", still encoded; "/" for an empty one, "*"
                         for OPTIONS */
    char *query;      /* after "?", or NULL */
    char *authority;  /* of a target "http://authority/path", or NULL */
    const char *host; /* that, or else what the header says; or NULL */
    int minor;        /* HTTP/1.minor */
    bool keep_alive, chunked, has_length, expects;
    uint64_t length; /* of the body, if has_length */
    unsigned count;
    struct sley__http1_header headers[SLEY__HTTP1_HEADERS];
};

/* Reads a complete head of `size` bytes, in place: *head points into `data`, which it changes. 0,
 * or the status to answer with: 400, 417, 431, 501, 505. */
MUST_USE int sley__http1_parse(char *data, size_t size, struct sley__http1_head *head);

/* Makes the target whole again, where path, query and authority were cut out of it. They and the
 * host are not to be used any more. Any head, once. */
void sley__http1_restore(struct sley__http1_head *head);

/* Decodes %XX in place, and "+" to a blank if `form`: the new length, or -1 for a "%" without two
 * digits, or an encoded NUL. The result is NUL-terminated. */
MUST_USE long sley__http1_decode(char *text, size_t size, bool form);

/* A body in chunks. {0} before the first byte. */
struct sley__http1_chunks {
    int state;
    uint64_t left;   /* of this chunk */
    unsigned digits; /* of its size, so far */
    size_t overhead; /* bytes of extensions and trailers, which are dropped */
    bool done;       /* the last byte of the body was seen; nothing more is taken */
};

/* Takes bytes of `in`, stores what is body at `out`, at most `room`; *used: how many were taken.
 * The bytes stored, or -400. Takes all of `in` unless it is done or the room is used up. in == out
 * is fine. */
MUST_USE long sley__http1_unchunk(struct sley__http1_chunks *chunks, const char *in, size_t size,
                                  size_t *used, char *out, size_t room);

/* A method or header name (RFC 9110, 5.6.2: a token). */
bool sley__http1_is_token(const char *text, size_t size);

#endif
