/*
 * resolve.h: names to addresses. See resolve.c.
 */
#ifndef SLEY_RESOLVE_H
#define SLEY_RESOLVE_H

#include "address.h"
#include "io.h"

/* The addresses of `host`, numeric or not, with `port` in each, in the order in which they should
 * be tried. On success *addresses is for free() and *count >= 1. 0, or SLEY_ENAME, SLEY_ENOMEM,
 * SLEY_ECANCELED, SLEY_ETIMEDOUT. From a task. Parks unless the host is numeric. */
MUST_USE int sley__resolve(struct sley__io *io, const char *host, int port,
                           struct sley__address **addresses, size_t *count);

#endif
