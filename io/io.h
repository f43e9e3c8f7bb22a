/*
 * io.h: what io adds to a runtime, in one struct. See io.c.
 */
#ifndef SLEY_IO_H
#define SLEY_IO_H

#include "loop.h"
#include "reactor.h"

struct sley__io {
    struct sley__poller poller; /* what sched sees of us */
    struct sley_runtime *runtime;
    struct sley__reactor reactor;
    struct sley__loop loop;
};

/* The I/O side of the calling task's runtime, started on the first call. 0, or SLEY_ENOTASK,
 * SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN (no thread). From a task. May block for an
 * instant, never parks. */
MUST_USE int sley__io_get(struct sley__io **out);

#endif
