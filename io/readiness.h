/*
 * readiness.h: one direction of a descriptor, and the task that waits for it. See readiness.c.
 *
 * A read or write looks like this:
 *
 *     seen = sley__readiness_look(r);
 *     try the system call, unless sley__readiness_empty(seen)
 *     if it moved less than asked: sley__readiness_clear(r, seen)
 *     if there was nothing: sley__wait_begin, sley__readiness_publish(r, seen, ...),
 * sley__wait_park
 *
 * No system calls here, and no atomics but those of atomic.h.
 */
#ifndef SLEY_READINESS_H
#define SLEY_READINESS_H

#include "atomic.h"
#include "wait.h"

/* Type-stable: events may still name it after its descriptor is gone. {0} is a valid one. */
struct sley__readiness {
    atomic(uint64_t) word; /* state, flag and count of changes; everybody */

    /* The waiter. Written by the one who has brought the word to ARMING, before the release to
     * WAITING; read by those who find WAITING, and believed only if their swap of that very word
     * succeeds. */
    atomic(struct sley_task *) task;
    atomic(uint64_t) ticket;
};

enum sley__readiness_published {
    SLEY__PUBLISHED,     /* park now; the word is in *armed */
    SLEY__PUBLISH_RETRY, /* something happened since the look: try the system call again */
    SLEY__PUBLISH_CLOSED,
    SLEY__PUBLISH_BUSY, /* another task waits */
};

/* Makes it ready and open, whatever it was; the count of changes goes on. Owner of the descriptor,
 * before anybody else knows of it (stale events apart). */
void sley__readiness_open(struct sley__readiness *r);

/* The word to hand back below. Any thread. */
uint64_t sley__readiness_look(const struct sley__readiness *r);

/* The states that a reader looks at on its way to the system call; readiness.c has the others. */
enum { SLEY__READINESS_EMPTY = 0, SLEY__READINESS_CLOSED = 5, SLEY__READINESS_STATE = 7 };

/* Whether a look says that a system call would find nothing; that it is closed. */
static inline bool sley__readiness_empty(uint64_t seen)
{
    return (seen & SLEY__READINESS_STATE) == SLEY__READINESS_EMPTY;
}

static inline bool sley__readiness_closed(uint64_t seen)
{
    return (seen & SLEY__READINESS_STATE) == SLEY__READINESS_CLOSED;
}

/* The system call has found the end of what there is. Nothing happens if an event came after the
 * look, or the peer has hung up. The task that looked. */
void sley__readiness_clear(struct sley__readiness *r, uint64_t seen);

/* Makes the task of `waker` the waiter, if nothing has happened since the look. From a task,
 * between sley__wait_begin and sley__wait_park. */
MUST_USE enum sley__readiness_published sley__readiness_publish(struct sley__readiness *r,
                                                                uint64_t seen,
                                                                struct sley__waker waker,
                                                                uint64_t *armed);

/* Takes the waiter back out after a park that the event did not end. The task that published. */
void sley__readiness_withdraw(struct sley__readiness *r, uint64_t armed);

/* An event: ready from now on; `hangup`: and never again without (reading finds the end of the
 * stream or an error). True if somebody waited: the caller must wake *waker. Any thread. */
MUST_USE bool sley__readiness_event(struct sley__readiness *r, bool hangup,
                                    struct sley__waker *waker);

/* Closed from now on. True if somebody waited: the caller must wake *waker with SLEY_ECLOSED. Any
 * thread, any number of times. */
MUST_USE bool sley__readiness_close(struct sley__readiness *r, struct sley__waker *waker);

#endif
