/*
 * tcp_impl.h: what the files of TCP share.
 */
#ifndef SLEY_TCP_IMPL_H
#define SLEY_TCP_IMPL_H

#include "io.h"
#include "stream_impl.h"

/* tcp.c: connects to one address; `from` with size 0: from whichever. From a task. Parks. */
MUST_USE int sley__tcp_connect_to(struct sley__io *io, const struct sley__address *address,
                                  const struct sley__address *from, struct sley_stream **out);

struct sley__tcp_name {
    const char *host;
    int port;
};

/* tcp_race.c: connects to the one of `count` addresses that answers first; they are in the order of
 * preference, and are put in another. With a name they are those of one family, or none, and those
 * of the other are still to be found. An attempt is given `delay` ns before the next one begins
 * beside it. 0, or the error of the attempt that has failed last. From a task. Parks. */
MUST_USE int sley__tcp_race(struct sley__io *io, const struct sley__tcp_name *name,
                            struct sley__address *addresses, size_t count,
                            const struct sley__address *from, int64_t delay,
                            struct sley_stream **out);

#endif
