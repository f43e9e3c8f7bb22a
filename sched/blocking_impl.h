/*
 * blocking_impl.h: what a call on another thread is, and the threads of a class. Level 3.
 *
 * blocking.c is the callers' side, blocking_threads.c the threads'. A call is a record that goes
 * from one to the other and back, and whose state says whose it is:
 *
 *     HELD -> QUEUED -> TAKEN -> DONE
 *                         |-> AWAITED -> DONE      the caller was cancelled, and waits on
 *                         '-> ABANDONED -> DONE    the caller was cancelled, and has left
 *
 * Up to TAKEN everything happens under the class's lock, and a cancelled caller takes its call back
 * out. From TAKEN on there are two parties, the thread and a caller that may be cancelled: the
 * caller leaves TAKEN by compare-and-swap, the thread goes to DONE by exchange and learns from what
 * was there whom to wake, or that the record is its own now.
 */
#ifndef SLEY_BLOCKING_IMPL_H
#define SLEY_BLOCKING_IMPL_H

#include "list.h"
#include "lock.h"
#include "platform.h"
#include "waiters.h"

#include <sley/blocking.h>

enum sley__call_state {
    SLEY__CALL_HELD,      /* the queue was full */
    SLEY__CALL_QUEUED,    /* waits for a thread */
    SLEY__CALL_TAKEN,     /* a thread has it; the caller waits with `waiter` */
    SLEY__CALL_AWAITED,   /* and now with `second` */
    SLEY__CALL_ABANDONED, /* nobody waits: the thread ends it */
    SLEY__CALL_DONE,      /* `error` and `result` are valid; the thread does not touch it again */
};

struct sley__call {
    struct list link; /* class lock */
    sley_blocking_fn *fn;
    void *arg;
    void (*discard)(void *arg, int result);
    int result; /* the thread, before DONE */
    int error;  /* not 0: it did not run. Before DONE */
    atomic(uint32_t) state;
    struct sley__waiter waiter;
    struct sley__waiter second; /* the caller, before AWAITED */
};

/* One kernel thread. */
struct sley__helper {
    struct list link; /* in `idle`, or in `ended`; class lock */
    struct sley__thread thread;
    struct sley__class *class;
    atomic(uint32_t) signal; /* futex: somebody wants it. Set under the class lock */
};

/* A class in a runtime. All below `lock` is protected by it. */
struct sley__class {
    const struct sley_blocking_class *key; /* constant, as the next ones */
    struct sley__class *next;
    struct sley_runtime *runtime;
    char thread_name[16];
    unsigned threads_max, queue_max;
    int64_t idle_ns;

    struct sley__lock lock;
    bool looking; /* a thread looks at `queued` without having to be woken */
    bool dozing;  /* the one on duty does */
    bool closing;
    atomic(uint32_t) queued;   /* calls in the queue; the one who looks reads it without the lock */
    unsigned held;             /* calls that wait for a place in it */
    unsigned running;          /* threads that run a function */
    struct sley__helper *duty; /* see blocking_threads.c; NULL: nobody */
    struct list queue, waiting;
    struct list idle; /* threads that sleep, the last to fall asleep first */
    unsigned patience;
    unsigned look_credit;
    unsigned threads, threads_peak;
    uint64_t taken; /* calls, ever */
    uint64_t calls, taken_back, abandoned, refused, started, wakes;
    struct list ended;     /* threads to be joined by the next start or by close */
    atomic(uint32_t) gone; /* futex of close: counts threads that ended meanwhile */
};

/* Queues a call whose wait has begun. 0: it will be DONE, unless it is taken back. SLEY_EBUSY if
 * `refuse` and the queue is full, SLEY_EAGAIN, SLEY_ENOMEM: nothing was queued. Any thread. */
MUST_USE int sley__class_submit(struct sley__class *class, struct sley__call *call, bool refuse);

/* Takes a call back out. False: too late, a thread has it or has had it. Any thread. */
MUST_USE bool sley__class_take_back(struct sley__class *class, struct sley__call *call);

/* Waits for the functions that run, ends the threads. The thread that frees the runtime. */
void sley__class_close(struct sley__class *class);

#endif
