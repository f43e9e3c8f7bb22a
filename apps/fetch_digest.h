/*
 * fetch_digest.h: checksums, as lists of files name them: "sha256:HEX".
 */
#ifndef SLEY_APPS_FETCH_DIGEST_H
#define SLEY_APPS_FETCH_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { FETCH_DIGEST_MAX = 64 };

/* What a file must have. A value. */
struct fetch_digest {
    const char *kind; /* "md5", "sha1", "sha256" or "sha512"; static storage */
    unsigned size;    /* bytes */
    unsigned char bytes[FETCH_DIGEST_MAX];
};

/* Reads "sha256:HEX" and its like, in any case. False: it is none. Any thread. */
bool fetch_digest_parse(const char *text, struct fetch_digest *digest);

/* Whether the text begins like one: "sha256:", "crc32:". Any thread. */
bool fetch_digest_looks_like(const char *text);

/* One that is being computed. fetch_digest_end() or fetch_digest_drop() frees it. No two threads at
 * once; none of these parks. */
struct fetch_digesting;

/* NULL: no memory, or the administrator of this machine has switched that kind off. */
struct fetch_digesting *fetch_digest_begin(const struct fetch_digest *digest);
bool fetch_digest_add(struct fetch_digesting *digesting, const void *data, size_t size);
/* True: it is the one. */
bool fetch_digest_end(struct fetch_digesting *digesting, const struct fetch_digest *digest);
void fetch_digest_drop(struct fetch_digesting *digesting);

#endif
