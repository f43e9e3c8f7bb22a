/*
 * wait.h: the one way to suspend a task and to make it run again. Level 2, and the only internal
 * header of sched that io may include; level 3 sees flow.h beside it, which does not wait.
 *
 * Everything that can wait (join, sleep, locks, channels, sockets, DNS, processes) is written on
 * the five calls below and touches no queue, no worker and no stack. A wait goes like this:
 *
 *     struct sley__waker waker;
 *     int error = sley__wait_begin(&waker, "read");     1. from now on `waker` can end the wait
 *     if (error)
 *         return error;                                    cancelled or late: nothing was begun
 *     publish `waker` where the event will find it       2. under that object's own lock
 *     result = sley__wait_park(deadline);                3. another task runs until somebody wakes
 *     take `waker` back out if result says it was not the event
 *
 * and on the other side sley__wake(waker, result), from any thread, as often as one likes.
 *
 * Why it cannot go wrong:
 *  - A waker is a task and the number of one wait of that task (its ticket). Of all the wakes for
 *    one wait (event, cancel, deadline, close) exactly one wins: a compare-and-swap of the task's
 *    word from (ticket, WAITING) to (ticket, WOKEN). A waker that is used too late has an old
 *    ticket and does nothing. Task memory is type-stable for the life of the runtime, so even a
 *    waker whose task has ended may be used.
 *  - The wait begins before the waker is published, so a wake between 2 and 3 is not lost: it wins
 *    the word, puts the task in a queue, and the park then returns at once. Whoever takes the task
 *    out of the queue waits the few instructions until its context has been saved (its saved stack
 *    pointer is the flag); nobody needs a lock over the switch.
 *  - Between begin and park the task must do nothing that blocks or takes long.
 *
 * The object's lock is never held over sley__wait_park. A wake may be sent with the lock held; it
 * takes only leaf locks of the scheduler.
 */
#ifndef SLEY_WAIT_H
#define SLEY_WAIT_H

#include "base.h"

#include <sley/error.h>
#include <sley/task.h>
#include <sley/time.h>

struct sley_runtime;

/* What a task is woken with by its own timer; sley__wait_park turns it into SLEY_ETIMEDOUT. */
#define SLEY__TIMER_FIRED (-0x7fffffff)

/* The right to end one wait of one task. A value: copy it freely. */
struct sley__waker {
    struct sley_task *task;
    uint64_t ticket;
};

/* Starts a wait of the current task. `what` is for the task dump (static storage).
 *   0               *waker may be published; sley__wait_park or sley__wait_abandon must follow
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   the task is cancelled, or late, already: nothing was begun
 *   SLEY_ENOTASK    not on a task
 * From a task. Never parks, so it may be called under the object's lock. */
MUST_USE int sley__wait_begin(struct sley__waker *waker, const char *what);

/* The same, without a look at cancel and deadline, for a call that has just made it and need not
 * do it twice: the park looks again in any case. False: not on a task. */
MUST_USE bool sley__wait_begin_entered(struct sley__waker *waker, const char *what);

/* Parks until the wait that was begun is ended by a wake; returns the waker's result, or
 * SLEY_ECANCELED / SLEY_ETIMEDOUT. `deadline`: absolute ns, SLEY_FOREVER for none beside the
 * task's ambient one. After any result other than the event's, the caller takes its waker back
 * out of wherever it was published (a late use would be harmless but the memory is the caller's).
 * The running kernel thread may be another one afterwards. From a task. */
int sley__wait_park(int64_t deadline);

/* The same two for a wait that neither cancellation nor a deadline can end, because somebody else
 * still uses the caller's memory and is sure to be done soon. */
void sley__wait_begin_shielded(struct sley__waker *waker, const char *what);
int sley__wait_park_shielded(void);

/* Ends a begun wait without parking, because what it was for is already there. Returns false if a
 * wake came first; its result is in *result then (result may be NULL). From a task. May park for
 * an instant, to be taken out of the queue where the wake has put it. */
bool sley__wait_abandon(int *result);

/* Ends the wait, so that its sley__wait_park returns `result`. True if it was this call that did.
 * Any thread, any number of times, also long after the wait. Never parks. */
bool sley__wake(struct sley__waker waker, int result);

/* The same in two steps, for an object that the woken task may free as soon as it runs. The first,
 * under the object's lock, ends the wait; the second, when that lock has been released, lets the
 * task run, and must follow if the first says true. Any thread. Never park. */
MUST_USE bool sley__wake_begin(struct sley__waker waker, int result);
void sley__wake_finish(struct sley_task *task);

/* Many wakes for the price of one: tasks woken between begin and flush are put in a queue together
 * and idle workers are told once. For the I/O thread and other foreign threads; on a worker the
 * wakes simply go to its own queue. Value on the caller's stack; flush must follow. */
struct sley__wake_batch {
    struct sley_task *first, *last;
    size_t count;
    struct sley_runtime *runtime;
};
void sley__wake_batch_begin(struct sley__wake_batch *batch);
bool sley__wake_batch_add(struct sley__wake_batch *batch, struct sley__waker waker, int result);
void sley__wake_batch_flush(struct sley__wake_batch *batch);

/* 0, SLEY_ECANCELED or SLEY_ETIMEDOUT for the current task: what every call that may park checks
 * before it starts. SLEY_ENOTASK off a task. Never parks. */
MUST_USE int sley__wait_check(void);

/* The same for a call that may well succeed without parking: it spends one unit of the running
 * task's budget for such calls (128 per slice), and yields first when that is used up, so that a
 * channel that is never empty cannot starve the worker's other tasks. From a task, or any thread.
 * May yield. */
MUST_USE int sley__wait_enter(void);

/* The runtime of the current task; NULL on foreign threads. */
struct sley_runtime *sley__wait_runtime(void);

/* True on a thread that drives a worker, inside or outside of a task. */
bool sley__on_worker(void);

/* Spends one unit of the running task's budget of operations that succeeded without parking (128
 * per slice), and yields when it is used up, so that a socket that is always ready cannot starve
 * the worker's other tasks. Call it after such an operation. From a task. May yield. */
void sley__wait_spend(void);

/* Sets what bounds the deadline of a generator's body from outside, its consumer's, and returns
 * what did: SLEY_FOREVER while a shield is open in the body, which cannot be left meanwhile. Takes
 * effect with the next change of the deadline. Elsewhere it does nothing. */
int64_t sley__wait_bound(int64_t bound);

/* --- values of a task ---------------------------------------------------------------------------
 *
 * What local.c keeps for a task: the task has a pointer to it, and sched calls back when the task
 * ends and when another is spawned that is to inherit. Embedded in its owner's struct.
 */
struct sley__locals {
    const struct sley__locals_functions *functions;
};

struct sley__locals_functions {
    /* The task's function has returned: ends what sley__wait_locals says, until that is NULL. On
     * the task; may park. */
    void (*end)(void);

    /* Ends what no task has taken over. On any task or thread; may park. */
    void (*drop)(struct sley__locals *locals);

    /* What a task that the calling one spawns gets, in *out (untouched: nothing). 0 or a negative
     * SLEY_E*. On the spawning task. */
    int (*inherit)(struct sley__locals *locals, struct sley__locals **out);
};

/* Those of the current task, NULL for none and off a task; and replacing them. */
struct sley__locals *sley__wait_locals(void);
void sley__wait_set_locals(struct sley__locals *locals);
/* --- what fork.c needs of the scheduler; see forkers.c ---------------------------------------- */

struct sley_forks;

/* The current task begins its outermost region of forked calls: workers without work may ask it for
 * some from now on. From a task. Never parks. */
void sley__fork_enter(struct sley_forks *region);

/* Ends what the enter began. The same task, perhaps on another worker. */
void sley__fork_leave(struct sley_forks *region);

/* How many workers of the current task's runtime have no work. From a task. */
unsigned sley__fork_idle(void);

/* --- what io plugs into a runtime --------------------------------------------------------------
 *
 * sched knows no descriptors. A poller is a set of event sources that workers drain while they
 * run (when their queue is empty, and every 61 ticks), and that somebody else (io's libuv thread)
 * watches while all of them sleep.
 */
struct sley__poller {
    /* Wakes the tasks whose events are there, at most a bounded number; how many. Zero timeout.
     * Any worker, outside of tasks, several at once. */
    int (*drain)(struct sley__poller *poller);

    /* The last worker is about to sleep: from now until disarm the watcher drains and wakes. Events
     * that came before must be noticed too (level semantics). Called by at most one worker at a
     * time, alternating with disarm. */
    void (*arm)(struct sley__poller *poller);

    /* A worker is awake again and drains by itself. */
    void (*disarm)(struct sley__poller *poller);

    /* The runtime is going away: all its tasks have ended, its workers have stopped or will not
     * call again. Stops the watcher, frees everything including the poller. From the thread that
     * frees the runtime. */
    void (*close)(struct sley__poller *poller);
};

/* Something that belongs to a runtime and ends with it, as the blocking pool. Embedded in its
 * owner's struct, which `close` frees. Closed in the reverse order of creation and before the
 * poller, when all tasks have ended and the workers have stopped. From the thread that frees the
 * runtime. */
struct sley__service {
    void (*close)(struct sley__service *service);
};

enum sley__service_kind {
    SLEY__SERVICE_BLOCKING,
    SLEY__SERVICE_DNS,
    SLEY__SERVICE_HTTP,
    SLEY__SERVICE_PROCESSES,
    SLEY__SERVICE_TLS,
    SLEY__SERVICES,
};

/* The runtime's service of that kind; made by `create` on the first call (once, under a lock;
 * others wait). `create` may itself ask for a service of a lower kind. 0 or create's negative
 * error, which is not remembered. From a task or any thread while the runtime lives. */
int sley__runtime_service(struct sley_runtime *runtime, enum sley__service_kind kind,
                          int (*create)(struct sley_runtime *runtime, struct sley__service **out),
                          struct sley__service **out);

/* First thing on every thread that a service starts: it was perhaps started by a pinned worker and
 * has inherited that one core; this gives it all cores of the runtime. On that thread. */
void sley__runtime_thread_begin(struct sley_runtime *runtime);

/* The poller of the runtime; made by `create` on the first call (once, under a lock; others wait
 * for it). 0 or create's negative error, which is not remembered. From a task or any thread while
 * the runtime lives. */
int sley__runtime_poller(struct sley_runtime *runtime,
                         int (*create)(struct sley_runtime *runtime, struct sley__poller **out),
                         struct sley__poller **out);

#endif
