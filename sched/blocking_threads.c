/*
 * blocking_threads.c: the threads of a class of blocking calls. Level 3.
 *
 * Two wishes pull in opposite directions. A call may block for ever, and wait for one that is
 * queued behind it: so every call must get a thread of its own, at once, up to the limit. But most
 * calls are short, and to wake a thread for each costs several microseconds here and a switch
 * there, and ends with dozens of threads that fight with the workers for the cores, where one
 * thread that is awake already would have done it all.
 *
 * So nobody is woken while somebody looks after the queue. That is either
 *
 *   a thread that looks: it has run out of calls and looks on for a moment before it sleeps. The
 *       moment is about what a wake-up costs, and it is earned: only while calls have lately come
 *       that soon.
 *   the thread on duty: one that was woken, or started, for a call, from then until it has taken
 *       one. If more calls are queued then, it has the next one woken first; so calls that block
 *       get thread after thread, one wake-up apart.
 *
 * and the rule is: while the queue is not empty, somebody looks or is on duty, or all threads that
 * there may be are running calls. A thread that has ended a call takes the next one itself.
 *
 * With short calls the thread on duty comes too late each time: the one that runs has emptied the
 * queue. That is noticed (`patience`), and then the one on duty does not take a call at sight. It
 * dozes, DOZE at a time by the kernel's timer, which costs nobody a wake-up, and steps in only when
 * calls wait and none was taken in between. If that happens patience is lost, because the calls
 * block; when nothing happens at all, it goes back to bed. So a stream of short calls is served by
 * one or two threads without a wake-up per call, and the price is that a call behind one that
 * suddenly blocks is late by up to two dozes. Patience is learnt from what happened and not from
 * measured times, because reading the clock twice per call would cost more than the queue does.
 *
 * Threads that sleep are a stack: the last to fall asleep has the warmest cache, and the coldest
 * get their timeout and end.
 *
 *   Rejected: a wake-up per call (a futex call each, and half of them in vain); one list of calls
 *   per thread (a call that blocks holds up those behind it); libuv's pool (four threads for names,
 *   files and everybody's own; one slow name server blocks all files).
 *
 * "Under the lock" below is the class's. A thread is started under it, too: 50 us, at most as often
 * as there are threads, and it spares us a thread that runs and is not known of yet.
 */
#include "blocking_impl.h"

#include <stdlib.h>

/* What the one on duty sleeps at a time. With the kernel's timer slack of 50 us, that is thirty to
 * a hundred short calls, and little beside what a call does that is worth a thread. */
#define DOZE SLEY_MICROSECONDS(100)

/* For how long one looks: what it costs to put a thread to sleep and wake it again (27-58 us). */
#define LOOK SLEY_MICROSECONDS(50)

/* Marks of experience: so many are kept, and so many are lost with a disappointment. */
enum { PATIENCE_MAX = 8, PATIENCE_LOST = 4, LOOK_CREDIT_MAX = 4 };

/* How often it looks between two readings of the clock. */
#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
enum { LOOKS = 1 };
#else
enum { LOOKS = 16 };
#endif

static void *helper_main(void *arg);

/* --- looking after the queue ---------------------------------------------------------------- */

/* Joins threads that have ended: they are past their last use of the lock. Under the lock. */
static void reap(struct sley__class *class)
{
    struct list *link;

    while ((link = list_pop_front(&class->ended))) {
        struct sley__helper *helper = container_of(link, struct sley__helper, link);

        sley__thread_join(&helper->thread);
        free(helper);
    }
}

/* Starts a thread, on duty. 0 or SLEY_E*. Under the lock. */
static int start_helper(struct sley__class *class)
{
    struct sley__helper *helper;
    int error;

    reap(class);
    if (!(helper = calloc(1, sizeof *helper)))
        return SLEY_ENOMEM;
    helper->class = class;
    if ((error = sley__thread_start(&helper->thread, class->thread_name, helper_main, helper))) {
        free(helper);
        return error;
    }
    class->duty = helper;
    class->started++;
    if (++class->threads > class->threads_peak)
        class->threads_peak = class->threads;
    return 0;
}

/* Under the lock. What is to be woken without it, by wake(). */
static void call_up(struct sley__helper *helper, struct sley__helper **wake)
{
    store_relaxed(&helper->signal, 1);
    helper->class->wakes++;
    *wake = helper;
}

/* The helper may have noticed by itself and be gone: then nobody sleeps at that address, or
 * somebody who looks again. Without the lock. NULL: nobody. */
static void wake(struct sley__helper *helper)
{
    if (helper)
        sley__futex_wake(&helper->signal, 1);
}

/* Sees to it that the calls in the queue will be taken. 0, or SLEY_E*: a thread was needed and
 * could not be started. Under the lock; the caller wakes *waken after it. */
static int attend(struct sley__class *class, struct sley__helper **waken)
{
    struct list *link;

    if (class->looking)
        return 0;
    if (class->duty) {
        if (class->dozing && !class->running && !load_relaxed(&class->duty->signal))
            call_up(class->duty, waken);
        return 0;
    }
    if ((link = list_pop_front(&class->idle))) {
        class->duty = container_of(link, struct sley__helper, link);
        call_up(class->duty, waken);
        return 0;
    }
    return class->threads < class->threads_max ? start_helper(class) : 0;
}

/* --- a thread waits ------------------------------------------------------------------------- */

/* The next call, now this thread's, or NULL. Under the lock. */
static struct sley__call *take(struct sley__class *class)
{
    struct list *link = list_pop_front(&class->queue), *next;
    struct sley__call *call;

    if (!link)
        return NULL;
    call = container_of(link, struct sley__call, link);
    if ((next = list_pop_front(&class->waiting))) {
        store_relaxed(&container_of(next, struct sley__call, link)->state, SLEY__CALL_QUEUED);
        list_push_back(&class->queue, next);
        class->held--;
    } else {
        store_relaxed(&class->queued, load_relaxed(&class->queued) - 1);
    }
    store_relaxed(&call->state, SLEY__CALL_TAKEN);
    class->taken++;
    class->running++;
    return call;
}

/* Looks at the queue until there is something in it, or for LOOK. A yield in between, so that on a
 * machine with one core the callers come to run. */
static void look_on(struct sley__class *class)
{
    int64_t until = sley__clock_now() + LOOK;

    do
        for (int i = 0; i < LOOKS; i++) {
            if (load_relaxed(&class->queued))
                return;
            cpu_relax();
            if (i % 8 == 0)
                sley__thread_yield();
        }
    while (sley__clock_now() < until);
}

/* Looks for calls if nobody else does and it is worth it. True: there are some. Under the lock,
 * which it gives up meanwhile. */
static bool look(struct sley__class *class)
{
    if (class->looking || !class->look_credit)
        return false;
    class->looking = true;
    sley__lock_release(&class->lock);
    look_on(class);
    sley__lock_acquire(&class->lock);
    class->looking = false;
    if (!load_relaxed(&class->queued)) {
        class->look_credit--;
        return false;
    }
    if (class->look_credit < LOOK_CREDIT_MAX)
        class->look_credit++;
    return true;
}

/* Sleeps until it is on duty, or all are to end: true. False: it has had nothing to do for too
 * long, and is to end. Under the lock, which it gives up meanwhile. */
static bool rest(struct sley__class *class, struct sley__helper *helper)
{
    int64_t begin = sley__clock_now(), deadline = begin + class->idle_ns;

    if (class->closing)
        return true;
    store_relaxed(&helper->signal, 0);
    list_push_front(&class->idle, &helper->link);
    sley__lock_release(&class->lock);
    do
        sley__futex_wait(&helper->signal, 0, deadline);
    while (!load_relaxed(&helper->signal) && sley__clock_now() < deadline);
    sley__lock_acquire(&class->lock);
    if (!load_relaxed(&helper->signal)) {
        list_remove(&helper->link);
        return false;
    }
    if (class->look_credit < LOOK_CREDIT_MAX && sley__clock_now() - begin < 2 * LOOK)
        class->look_credit++; /* it would have been worth it */
    return true;
}

/* Under the lock, which it gives up meanwhile. */
static void doze(struct sley__class *class, struct sley__helper *helper)
{
    store_relaxed(&helper->signal, 0);
    class->dozing = true;
    sley__lock_release(&class->lock);
    sley__futex_wait(&helper->signal, 0, sley__clock_now() + DOZE);
    sley__lock_acquire(&class->lock);
    class->dozing = false;
}

/* On duty, with patience, while others run: returns true when calls wait and nobody gets on with
 * them, false when there is nothing to be looked after. Under the lock, given up meanwhile. */
static bool watch(struct sley__class *class, struct sley__helper *helper)
{
    unsigned quiet = 0;

    while (class->running && !class->closing) {
        uint64_t taken = class->taken;

        doze(class, helper);
        if (class->taken != taken) {
            quiet = 0;
        } else if (load_relaxed(&class->queued)) {
            class->patience -= class->patience < PATIENCE_LOST ? class->patience : PATIENCE_LOST;
            return true;
        } else if (++quiet == 2) {
            return false;
        }
    }
    return load_relaxed(&class->queued) > 0;
}

/* The first thing of a thread that was woken or started; it is off duty afterwards. A call, or NULL
 * if others were faster. Under the lock, which it may give up meanwhile. */
static struct sley__call *do_duty(struct sley__class *class, struct sley__helper *helper)
{
    if (!load_relaxed(&class->queued) && class->patience < PATIENCE_MAX)
        class->patience++;
    if (class->patience)
        watch(class, helper);
    class->duty = NULL;
    return take(class);
}

/* The next call, or NULL: the thread is to end. Under the lock, which it may give up meanwhile. */
static struct sley__call *next_call(struct sley__class *class, struct sley__helper *helper)
{
    struct sley__call *call;

    for (;;) {
        if ((call = class->duty == helper ? do_duty(class, helper) : take(class)))
            return call;
        if (class->closing)
            return NULL;
        if (!look(class) && !rest(class, helper))
            return NULL;
    }
}

/* --- a thread works ------------------------------------------------------------------------- */

/* Says that the call is done. From the exchange on the record is the caller's, who may have been
 * woken by a cancel and look by itself. Without the lock. */
static void finish(struct sley__call *call)
{
    struct sley__waker waker = call->waiter.waker;

    /* Release: result. Acquire: `second`, or that nobody waits. Partners: the caller's compare-and-
     * swaps in blocking.c. */
    switch (exchange_acq_rel(&call->state, SLEY__CALL_DONE)) {
    case SLEY__CALL_TAKEN:
        if (waker.task)
            sley__wake(waker, 0);
        else
            sley__waiter_wake(&call->waiter); /* a thread: nothing else can have woken it */
        break;
    case SLEY__CALL_AWAITED:
        sley__waiter_wake(&call->second);
        break;
    default:
        call->discard(call->arg, call->result);
        free(call);
    }
}

/* Under the lock, which it gives up meanwhile. */
static void run_call(struct sley__class *class, struct sley__call *call)
{
    struct sley__helper *waken = NULL;

    /* If no thread can be started for the next one, those that run will come to it. */
    if (load_relaxed(&class->queued))
        (void)attend(class, &waken);
    sley__lock_release(&class->lock);
    wake(waken);
    call->result = call->fn(call->arg);
    finish(call);
    sley__lock_acquire(&class->lock);
    class->running--;
}

static void *helper_main(void *arg)
{
    struct sley__helper *helper = arg;
    struct sley__class *class = helper->class;
    struct sley__call *call;
    bool closing;

    sley__runtime_thread_begin(class->runtime);
    sley__lock_acquire(&class->lock);
    while ((call = next_call(class, helper)))
        run_call(class, call);
    if (class->duty == helper)
        class->duty = NULL;
    class->threads--;
    list_push_back(&class->ended, &helper->link);
    store_relaxed(&class->gone, load_relaxed(&class->gone) + 1);
    closing = class->closing;
    sley__lock_release(&class->lock);
    if (closing)
        sley__futex_wake(&class->gone, 1); /* close joins us before it frees the class */
    return NULL;
}

/* --- calls ---------------------------------------------------------------------------------- */

int sley__class_submit(struct sley__class *class, struct sley__call *call, bool refuse)
{
    struct sley__helper *waken = NULL;
    uint32_t queued;
    int error = 0;

    sley__lock_acquire(&class->lock);
    queued = load_relaxed(&class->queued);
    if (queued < class->queue_max) {
        store_relaxed(&call->state, SLEY__CALL_QUEUED);
        list_push_back(&class->queue, &call->link);
        store_relaxed(&class->queued, queued + 1);
        error = attend(class, &waken);
        if (error && class->threads)
            error = 0; /* one of the others will come to it */
        if (error) {
            list_remove(&call->link);
            store_relaxed(&class->queued, queued);
        }
    } else if (refuse) {
        class->refused++;
        error = SLEY_EBUSY;
    } else {
        store_relaxed(&call->state, SLEY__CALL_HELD);
        list_push_back(&class->waiting, &call->link);
        class->held++;
    }
    class->calls += !error;
    sley__lock_release(&class->lock);
    wake(waken);
    return error;
}

bool sley__class_take_back(struct sley__class *class, struct sley__call *call)
{
    uint32_t state;
    struct list *next;

    sley__lock_acquire(&class->lock);
    state = load_relaxed(&call->state);
    if (state == SLEY__CALL_HELD) {
        class->held--;
    } else if (state == SLEY__CALL_QUEUED && (next = list_pop_front(&class->waiting))) {
        store_relaxed(&container_of(next, struct sley__call, link)->state, SLEY__CALL_QUEUED);
        list_push_back(&class->queue, next);
        class->held--;
    } else if (state == SLEY__CALL_QUEUED) {
        store_relaxed(&class->queued, load_relaxed(&class->queued) - 1);
    }
    if (state == SLEY__CALL_HELD || state == SLEY__CALL_QUEUED) {
        list_remove(&call->link);
        class->taken_back++;
    }
    sley__lock_release(&class->lock);
    return state == SLEY__CALL_HELD || state == SLEY__CALL_QUEUED;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Only threads that are no tasks can still wait for anything. Under the lock. */
static void turn_away(struct list *calls)
{
    struct list *link;

    while ((link = list_pop_front(calls))) {
        struct sley__call *call = container_of(link, struct sley__call, link);

        ensure(!call->waiter.waker.task);
        call->error = SLEY_ESHUTDOWN;
        store_relaxed(&call->state, SLEY__CALL_DONE);
        sley__waiter_wake(&call->waiter);
    }
}

/* Under the lock. */
static void send_home(struct sley__class *class)
{
    struct sley__helper *waken = NULL;
    struct list *link;

    while ((link = list_pop_front(&class->idle))) {
        call_up(container_of(link, struct sley__helper, link), &waken);
        wake(waken);
    }
    if (class->duty) {
        call_up(class->duty, &waken);
        wake(waken);
    }
}

void sley__class_close(struct sley__class *class)
{
    sley__lock_acquire(&class->lock);
    class->closing = true;
    turn_away(&class->queue);
    turn_away(&class->waiting);
    store_relaxed(&class->queued, 0);
    class->held = 0;
    send_home(class);
    while (class->threads) {
        uint32_t seen = load_relaxed(&class->gone);

        sley__lock_release(&class->lock);
        sley__futex_wait(&class->gone, seen, SLEY_FOREVER);
        sley__lock_acquire(&class->lock);
    }
    reap(class);
    sley__lock_release(&class->lock);
}
