/*
 * blocking.c: a pool of kernel threads for functions that block. Level 3.
 *
 * A call is a record on the caller's stack, put in a queue; a thread takes it, runs the function
 * and wakes the task. Threads are started when a call finds none idle, up to a limit, and end after
 * ten seconds without work, so a program that blocks rarely keeps no threads.
 *
 * A caller that is cancelled while its call is queued takes the record back out and leaves. Once a
 * thread has taken it, the record and the function's argument are in use, so the caller waits for
 * the end: the wait is begun again, without regard to cancellation, until the thread is done.
 *
 * A thread that finds more work after a call does not sleep in between, and the completion of one
 * call is handed over by one wake. Rejected: libuv's pool (four threads, shared with DNS and file
 * system requests of everybody in the process; one slow name blocks all files).
 */
#include "wait.h"

#include "list.h"
#include "lock.h"
#include "platform.h"

#include <sley/blocking.h>

#include <stdlib.h>

#define THREADS_MAX  64
#define IDLE_TIMEOUT SLEY_SECONDS(10)

/* Where a call is. Protected by the pool's lock, except that the caller reads `finished`. */
struct call {
    struct list link; /* in the queue */
    int (*fn)(void *arg);
    void *arg;
    int result;                /* by the thread, before it sets finished */
    bool taken;                /* a thread has it */
    bool finished;             /* lock */
    struct sley__waker waker;  /* lock */
    struct sley__waker second; /* of a caller that waits on after a cancel; lock */
};

/* One kernel thread. Ended threads are joined by the next start or by close. */
struct helper {
    struct list link; /* in the pool's `ended`, once it has */
    struct sley__thread thread;
    struct pool *pool;
};

struct pool {
    struct sley__service service;
    struct sley_runtime *runtime;
    struct sley__lock lock; /* protects all below */
    struct list queue;
    struct list ended;
    unsigned threads, idle, queued;
    bool closing;
    atomic(uint32_t) signal; /* futex: counts calls queued and the closing; written under lock */
};

/* --- threads -------------------------------------------------------------------------------- */

/* Waits for a call. NULL: the thread is to end. Called and returns with the lock held. */
static struct call *next_call(struct pool *pool)
{
    int64_t deadline = sley_after(IDLE_TIMEOUT);
    struct list *link;

    while (!(link = list_pop_front(&pool->queue))) {
        uint32_t seen = load_relaxed(&pool->signal);

        if (pool->closing || sley_now() >= deadline)
            return NULL;
        pool->idle++;
        sley__lock_release(&pool->lock);
        sley__futex_wait(&pool->signal, seen, deadline);
        sley__lock_acquire(&pool->lock);
        pool->idle--;
    }
    pool->queued--;
    return container_of(link, struct call, link);
}

/* Runs a call without the lock and hands it back. The record may be gone after the wake. */
static void run_call(struct pool *pool, struct call *call)
{
    struct sley__waker waker, second;

    call->taken = true;
    sley__lock_release(&pool->lock);
    call->result = call->fn(call->arg);
    sley__lock_acquire(&pool->lock);
    call->finished = true;
    waker = call->waker;
    second = call->second;
    sley__lock_release(&pool->lock);
    if (!sley__wake(waker, 0) && second.task)
        sley__wake(second, 0);
    sley__lock_acquire(&pool->lock);
}

static void *helper_main(void *arg)
{
    struct helper *helper = arg;
    struct pool *pool = helper->pool;
    struct call *call;

    sley__runtime_thread_begin(pool->runtime);
    sley__lock_acquire(&pool->lock);
    while ((call = next_call(pool)))
        run_call(pool, call);
    pool->threads--;
    list_push_back(&pool->ended, &helper->link);
    if (pool->closing) {
        store_relaxed(&pool->signal, load_relaxed(&pool->signal) + 1);
        sley__futex_wake(&pool->signal, 1 << 30);
    }
    sley__lock_release(&pool->lock);
    return NULL;
}

/* Joins threads that have ended. Under the lock; they hold it no more once they are listed. */
static void reap(struct pool *pool)
{
    struct list *link;

    while ((link = list_pop_front(&pool->ended))) {
        struct helper *helper = container_of(link, struct helper, link);

        sley__lock_release(&pool->lock);
        sley__thread_join(&helper->thread);
        free(helper);
        sley__lock_acquire(&pool->lock);
    }
}

/* Under the lock. 0 or SLEY_E*. */
static int start_helper(struct pool *pool)
{
    struct helper *helper = malloc(sizeof *helper);
    int error;

    if (!helper)
        return SLEY_ENOMEM;
    helper->pool = pool;
    pool->threads++;
    error = sley__thread_start(&helper->thread, "sley-block", helper_main, helper);
    if (error) {
        pool->threads--;
        free(helper);
    }
    return error;
}

/* --- the service ---------------------------------------------------------------------------- */

static void close_pool(struct sley__service *service)
{
    struct pool *pool = container_of(service, struct pool, service);

    sley__lock_acquire(&pool->lock);
    ensure(list_empty(&pool->queue));
    pool->closing = true;
    store_relaxed(&pool->signal, load_relaxed(&pool->signal) + 1);
    sley__futex_wake(&pool->signal, 1 << 30);
    while (pool->threads) {
        uint32_t seen = load_relaxed(&pool->signal);

        sley__lock_release(&pool->lock);
        sley__futex_wait(&pool->signal, seen, SLEY_FOREVER);
        sley__lock_acquire(&pool->lock);
    }
    reap(pool);
    sley__lock_release(&pool->lock);
    free(pool);
}

static int create_pool(struct sley_runtime *runtime, struct sley__service **out)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return SLEY_ENOMEM;
    pool->service.close = close_pool;
    pool->runtime = runtime;
    list_init(&pool->queue);
    list_init(&pool->ended);
    *out = &pool->service;
    return 0;
}

/* --- calls ---------------------------------------------------------------------------------- */

/* Queues the call and sees to it that a thread will take it. 0 or SLEY_E*: nothing was queued. */
static int submit(struct pool *pool, struct call *call)
{
    int error = 0;

    sley__lock_acquire(&pool->lock);
    reap(pool);
    if (pool->queued >= pool->idle && pool->threads < THREADS_MAX)
        error = start_helper(pool);
    if (error && pool->threads)
        error = 0; /* one of the others will come to it */
    if (!error) {
        list_push_back(&pool->queue, &call->link);
        pool->queued++;
        store_relaxed(&pool->signal, load_relaxed(&pool->signal) + 1);
    }
    sley__lock_release(&pool->lock);
    if (!error)
        sley__futex_wake(&pool->signal, 1);
    return error;
}

/* The caller was cancelled. True: the call was still queued and is taken back. */
static bool take_back(struct pool *pool, struct call *call)
{
    bool queued;

    sley__lock_acquire(&pool->lock);
    queued = !call->taken;
    if (queued) {
        list_remove(&call->link);
        pool->queued--;
    }
    sley__lock_release(&pool->lock);
    return queued;
}

/* Waits for the thread that has the call, whatever happens to the caller meanwhile. */
static void await_end(struct pool *pool, struct call *call)
{
    struct sley__waker waker;
    bool finished;

    sley__wait_begin_shielded(&waker, "blocking call");
    sley__lock_acquire(&pool->lock);
    call->second = waker;
    finished = call->finished;
    sley__lock_release(&pool->lock);
    if (finished)
        sley__wait_abandon(NULL);
    else
        sley__wait_park_shielded();
}

int sley_to_thread(int (*fn)(void *arg), void *arg, int *result)
{
    struct call call = {.fn = fn, .arg = arg};
    struct sley__service *service;
    struct pool *pool;
    int error;

    if (!fn)
        return SLEY_EINVAL;
    if ((error = sley__wait_check()) ||
        (error = sley__runtime_service(sley__wait_runtime(), SLEY__SERVICE_BLOCKING, create_pool,
                                       &service)))
        return error;
    pool = container_of(service, struct pool, service);
    if ((error = sley__wait_begin(&call.waker, "blocking call")))
        return error;
    if ((error = submit(pool, &call))) {
        sley__wait_abandon(NULL);
        return error;
    }
    error = sley__wait_park(SLEY_FOREVER);
    if (error && take_back(pool, &call))
        return error;
    if (error)
        await_end(pool, &call);
    if (result)
        *result = call.result;
    return 0;
}
