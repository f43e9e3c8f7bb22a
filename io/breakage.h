/*
 * breakage.h: what has broken a connection, for the direction that the kernel does not tell.
 *
 * The kernel tells a socket's error once, to whichever call comes first; from then on a read finds
 * nothing but the end of the stream. So where the writer is told of a reset, its reader would take
 * what has come so far for all there is, and so would a second read after a failed one: half a file
 * would look whole. Therefore the stream remembers the error, and a read that finds the end asks
 * here first.
 *
 * That read may be faster than the writer's note of what it was told: then it finds the mark that
 * the writer made before its system call, and is to look again. Both calls take the socket's lock
 * in the kernel, the writer's (which took the error) before the reader's (which found none), so the
 * mark is seen. Nothing is paid for it on the way: two stores to the cache line that a write has at
 * hand, and nothing at all in a read that finds data.
 *
 * EPIPE is not remembered: it is also what a writer is told of a peer that has sent its end in
 * order and reads no more. Rejected: asking for the state of the connection (TCP_INFO), which is
 * "closed" in both cases.
 *
 * No system calls here, and no atomics but those of atomic.h.
 */
#ifndef SLEY_BREAKAGE_H
#define SLEY_BREAKAGE_H

#include <errno.h>

#include <sley/error.h>

#include "atomic.h"
#include "base.h"

/* Any number of readers, one writer at a time. Both words are 0 in one that is made. */
struct sley__breakage {
    atomic(uint8_t) writing; /* the writer is in a system call, or notes what that said */
    atomic(uint8_t) error;   /* errno of what has broken it; 0: nothing that we know of */
};

static inline void sley__breakage_init(struct sley__breakage *breakage)
{
    store_relaxed(&breakage->writing, 0);
    store_relaxed(&breakage->error, 0);
}

/* `result` is what a system call said: a negative errno, or anything else. Either direction. */
static inline void sley__breakage_note(struct sley__breakage *breakage, int result)
{
    switch (result) {
    case -ECONNRESET:
    case -ECONNABORTED:
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
        store_relaxed(&breakage->error, (uint8_t)-result);
        break;
    default:
        break;
    }
}

/* Around the writer's system call. */
static inline void sley__breakage_write_begins(struct sley__breakage *breakage)
{
    store_relaxed(&breakage->writing, 1);
}

static inline void sley__breakage_write_ends(struct sley__breakage *breakage, int result)
{
    if (unlikely(result < 0))
        sley__breakage_note(breakage, result);
    store_release(&breakage->writing, 0);
}

/* After a read that found the end of the stream: what it is to say instead, a negative errno; 0 if
 * it was the end; or SLEY_EAGAIN: the writer has just been told something, read again. */
static inline int sley__breakage_at_end(const struct sley__breakage *breakage)
{
    if (load_acquire(&breakage->writing))
        return SLEY_EAGAIN;
    return -(int)load_relaxed(&breakage->error);
}

#endif
