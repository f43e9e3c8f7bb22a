/*
 * reactor.h: the epoll set of a runtime: all its sockets, and who looks after it. See reactor.c.
 */
#ifndef SLEY_REACTOR_H
#define SLEY_REACTOR_H

#include "breakage.h"
#include "lock.h"
#include "loop.h"
#include "readiness.h"

struct sley__reactor;

/* A registered descriptor. Type-stable until the reactor is closed: a stale event may still name it
 * after it was removed, or given to another descriptor, which is then told of an event that was not
 * there; so an event is only ever a reason to try a system call. */
struct sley__fd {
    struct sley__readiness read, write; /* 24 bytes each */
    union {
        struct sley__reactor *reactor; /* while in use; constant */
        struct sley__fd *next_free;    /* else, under the reactor's lock */
    };
    int fd;       /* constant while in use; -1 when free */
    uint8_t kind; /* the owner's; the reactor does not look at these three */
    uint8_t traits;
    struct sley__breakage breakage; /* two bytes; both fill the cache line */
};

struct sley__fd_chunk;

struct sley__reactor {
    int set;                 /* the epoll descriptor; constant */
    struct sley__loop *loop; /* constant */

    struct sley__lock lock; /* protects the next three */
    struct sley__fd *free;
    struct sley__fd_chunk *chunks;
    bool watched_now; /* what the loop's interest was last set to */

    /* Who drains: the workers, or the loop. Written under the lock. Read by every drain. */
    ALIGN_LINE atomic(bool) watched;
    /* A worker has found events since the last tick. Any worker sets it, the I/O thread clears it.
     */
    atomic(bool) fruitful;

    /* I/O thread only */
    uv_poll_t poll;
    uv_timer_t tick;
};

/* Makes the set and its handles on the loop, which must not run yet. 0 or a negative SLEY_E*. */
MUST_USE int sley__reactor_init(struct sley__reactor *reactor, struct sley__loop *loop);

/* Closes the descriptors that are left and frees all, after the loop has ended. */
void sley__reactor_close(struct sley__reactor *reactor);

/* Wakes the tasks of at most 64 events; how many tasks. Any worker. */
int sley__reactor_drain(struct sley__reactor *reactor);

/* From now on the I/O thread sees to the events. Any thread. */
void sley__reactor_watch(struct sley__reactor *reactor);

/* Registers a non-blocking descriptor for life. On success it is the reactor's to close. 0, or
 * SLEY_ENOMEM, SLEY_ENOSPC (the system's limit on watches), SLEY_EPERM (cannot be watched). Any
 * thread. Never parks. */
MUST_USE int sley__fd_add(struct sley__reactor *reactor, int descriptor, struct sley__fd **out);

/* From now on no events come for it, and nobody looks at it; only for a descriptor that is about to
 * be closed, or replaced, and of which this process may have copies, or whose close must have taken
 * effect when it returns: else the close does it. Any thread, any number of times. */
void sley__fd_leave(struct sley__fd *fd);

/* Closes the descriptor and frees the record. No one may be in a call on it. Any thread. */
void sley__fd_remove(struct sley__fd *fd);

/* From now on all waits end with SLEY_ECLOSED. The descriptor stays open, so that a system call
 * that another thread is in cannot hit a stranger with the same number. Any thread. */
void sley__fd_close(struct sley__fd *fd);
bool sley__fd_closed(const struct sley__fd *fd);

/* After a system call found nothing: waits until it is worth a try again. 0 then, or SLEY_ECLOSED,
 * SLEY_EBUSY, SLEY_ECANCELED, SLEY_ETIMEDOUT. From a task. Parks. */
MUST_USE int sley__fd_wait(struct sley__readiness *direction, uint64_t seen, const char *what);

#endif
