/*
 * resolve.h: names to addresses. See resolve.c.
 */
#ifndef SLEY_RESOLVE_H
#define SLEY_RESOLVE_H

#include "address.h"
#include "io.h"

/* The addresses of `host`, numeric or not, with `port` in each, in the order in which they should
 * be tried. On success *addresses is for free() and *count >= 1. 0, or SLEY_ENAME, SLEY_ENOMEM,
 * SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN, SLEY_ECANCELED, SLEY_ETIMEDOUT. From a task. Parks, unless
 * the answer is known. */
MUST_USE int sley__resolve(struct sley__io *io, const char *host, int port,
                           struct sley__address **addresses, size_t *count);

/* The same, but with `partial` it does not wait long for the addresses of one family when it has
 * those of the other, and says there that some may be missing. */
MUST_USE int sley__resolve_some(struct sley__io *io, const char *host, int port, bool *partial,
                                struct sley__address **addresses, size_t *count);

#endif
