/*
 * loop.h: the I/O thread. See loop.c.
 *
 * Everything said to be "I/O thread only" is called from inside the callbacks of this loop.
 */
#ifndef SLEY_LOOP_H
#define SLEY_LOOP_H

#include <uv.h>

#include "inbox.h"
#include "list.h"
#include "wait.h"

struct sley__loop;

/* Work that the I/O thread does once at the end of its round, however often it was asked for. */
struct sley__deferred {
    struct list link;
    void (*run)(struct sley__deferred *deferred);
};

/* Something that lives on the loop (a client's connections, a server) and must go before it.
 * `close` starts the end of it; it is over when the last of its uv handles is closed. */
struct sley__resident {
    struct list link;
    void (*close)(struct sley__resident *resident);
};

struct sley__loop {
    struct sley__inbox inbox; /* any thread pushes */

    /* I/O thread only */
    uv_loop_t uv;
    uv_async_t wakeup; /* sent by whoever makes the inbox non-empty */
    uv_prepare_t round_end;
    struct list deferred;          /* struct sley__deferred */
    struct list residents;         /* struct sley__resident */
    struct sley__wake_batch batch; /* the wakes of this round */
    bool stopping;

    struct sley_runtime *runtime; /* written before the thread starts */
    unsigned long thread;         /* pthread_t of the loop; written before it starts to run */
};

/* Prepares the loop; nothing runs yet, so handles may be set up on &loop->uv. 0 or a negative
 * SLEY_E*; if it fails there is nothing to close. */
MUST_USE int sley__loop_init(struct sley__loop *loop);

/* Starts the thread, on all cores of `runtime`. If it fails, sley__loop_close is still due. */
MUST_USE int sley__loop_start(struct sley__loop *loop, struct sley_runtime *runtime);

/* Runs what is still in the inbox, closes the residents and every handle, ends the thread. No
 * thread may submit any more. Any thread but the I/O thread; blocks. */
void sley__loop_stop(struct sley__loop *loop);

/* Frees a loop that was initialised but never started. */
void sley__loop_discard(struct sley__loop *loop);

/* Has node->run(node) called on the I/O thread, after all that was submitted before by the same
 * thread. Any thread. Never parks. */
void sley__loop_submit(struct sley__loop *loop, struct sley__inbox_node *node);

/* Wakes a task at the end of this round. I/O thread only. */
bool sley__loop_wake(struct sley__loop *loop, struct sley__waker waker, int result);

/* Runs it at the end of this round, once. A deferred that is deferred while the others run is run
 * in the same round end. I/O thread only. */
void sley__loop_defer(struct sley__loop *loop, struct sley__deferred *deferred);

void sley__loop_enter(struct sley__loop *loop, struct sley__resident *resident);
void sley__loop_leave(struct sley__resident *resident);

/* --- requests --------------------------------------------------------------------------------
 *
 * Something a task asks the I/O thread to do, and waits for. It is on the heap and belongs to both:
 * a caller that is cancelled leaves at once, and the side that comes last releases it.
 */
struct sley__request {
    struct sley__inbox_node node;                   /* its run() starts it */
    void (*release)(struct sley__request *request); /* frees it, when the caller has left */
    struct sley__loop *loop;
    struct sley__waker waker;
    atomic(uint32_t) state;
    int result;
};

/* Sends it off and parks. When it returns true the request is over, *result has its result and the
 * memory is the caller's. False: the caller was cancelled or late, *result says which, and the
 * request is no longer the caller's. From a task. Parks. */
MUST_USE bool sley__request_call(struct sley__loop *loop, struct sley__request *request,
                                 const char *what, int *result);

/* The request is over. It may be freed when this returns. I/O thread only. */
void sley__request_finish(struct sley__request *request, int result);

#endif
