/*
 * loop.c: the I/O thread: one libuv loop, and the way in and out of it.
 *
 * Whatever must be driven by callbacks (name resolution, HTTP transfers, the HTTP server, and the
 * epoll set of the sockets while all workers sleep) lives on this thread and is touched by no
 * other. libuv is not thread-safe but for uv_async_send, so there is exactly one door: the inbox.
 * Any thread pushes a node whose run() the I/O thread then calls. A wake-up of a thread costs 8-11
 * us on a virtual machine, more than most of the work it brings, so it is sent only by the push
 * that finds the inbox empty: a loop that is behind is not told again.
 *
 * The way out is the same price in the other direction, so wakes are collected in a batch and
 * flushed once per round. libuv runs its phases in the order timers, prepare, poll (callbacks of
 * descriptors and of the inbox), check, closing; the prepare handle is therefore the last thing
 * before the thread may sleep, and the round ends there: first the deferred work (a client's
 * sockets that changed, a server that has answers to send), each item once however often it was
 * asked for, then the wakes. Nothing waits for longer than one round, and a round of 64 completions
 * wakes workers once.
 *
 * Requests belong to the task that made them and to the loop. The obvious alternative is a struct
 * on the caller's stack, and a cancelled caller that posts a cancel and waits until the loop has
 * let go. It was rejected: a name lookup cannot be recalled once a resolver thread works on it and
 * may take half a minute, and a cancelled task must not wait that long. So a request is on the
 * heap, has a state that both sides swap, and is freed by whoever comes second. One malloc, against
 * a thread wake-up.
 *
 * Stopping. By then all tasks have ended, so nobody submits; what is still in the inbox is run, the
 * residents (clients and servers that were not freed) are closed, and the loop runs until its last
 * handle is gone. A name lookup that a resolver thread is busy with holds that up.
 */
#include "loop.h"

#include <signal.h>
#include <pthread.h>

#include "platform.h"

enum { PENDING, DONE, LEFT };

/* I/O thread only, except in sley__loop_discard. */
static void run_inbox(struct sley__loop *loop)
{
    struct sley__inbox_node *node = sley__inbox_take(&loop->inbox), *next;

    for (; node; node = next) {
        next = node->next;
        node->run(node);
    }
}

static void on_wakeup(uv_async_t *handle)
{
    run_inbox(handle->data);
}

static void run_deferred(struct sley__loop *loop)
{
    struct list *link;

    while ((link = list_pop_front(&loop->deferred))) {
        struct sley__deferred *deferred = container_of(link, struct sley__deferred, link);

        deferred->run(deferred);
    }
}

static void on_round_end(uv_prepare_t *handle)
{
    struct sley__loop *loop = handle->data;

    run_deferred(loop);
    if (!loop->batch.count)
        return;
    sley__wake_batch_flush(&loop->batch);
    sley__wake_batch_begin(&loop->batch);
}

int sley__loop_init(struct sley__loop *loop)
{
    int error = uv_loop_init(&loop->uv);

    if (error)
        return error;
    error = uv_async_init(&loop->uv, &loop->wakeup, on_wakeup);
    if (error) {
        ensure(uv_loop_close(&loop->uv) == 0);
        return error;
    }
    uv_prepare_init(&loop->uv, &loop->round_end);
    uv_prepare_start(&loop->round_end, on_round_end);
    loop->wakeup.data = loop->round_end.data = loop;
    store_relaxed(&loop->inbox.head, NULL);
    list_init(&loop->deferred);
    list_init(&loop->residents);
    loop->stopping = false;
    return 0;
}

static void close_handle(uv_handle_t *handle, void *unused UNUSED)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Residents close their own handles and may take rounds for it; ours go when they have left. */
static void close_residents(struct sley__loop *loop)
{
    while (!list_empty(&loop->residents)) {
        struct list all, *link;

        list_move(&loop->residents, &all);
        while ((link = list_pop_front(&all))) {
            struct sley__resident *resident = container_of(link, struct sley__resident, link);

            resident->close(resident);
        }
        run_inbox(loop);
        run_deferred(loop);
    }
}

/* Brings the loop to its end and frees it. I/O thread, or the only thread if there was none. */
static void finish_loop(struct sley__loop *loop)
{
    run_inbox(loop);
    close_residents(loop);
    run_deferred(loop);
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    run_inbox(loop);
    sley__wake_batch_flush(&loop->batch);
    ensure(uv_loop_close(&loop->uv) == 0);
}

static void *thread_main(void *arg)
{
    struct sley__loop *loop = arg;

    sley__runtime_thread_begin(loop->runtime);
    sley__wake_batch_begin(&loop->batch);
    while (!loop->stopping)
        uv_run(&loop->uv, UV_RUN_ONCE);
    finish_loop(loop);
    return NULL;
}

int sley__loop_start(struct sley__loop *loop, struct sley_runtime *runtime)
{
    struct sley__thread thread;
    int error;

    loop->runtime = runtime;
    error = sley__thread_start(&thread, "sley-io", thread_main, loop);
    if (!error)
        loop->thread = thread.handle;
    return error;
}

struct stop {
    struct sley__inbox_node node;
    struct sley__loop *loop;
};

static void stop_run(struct sley__inbox_node *node)
{
    struct stop *stop = container_of(node, struct stop, node);

    stop->loop->stopping = true;
}

void sley__loop_stop(struct sley__loop *loop)
{
    struct sley__thread thread = {loop->thread};
    struct stop stop = {{NULL, stop_run}, loop};

    sley__loop_submit(loop, &stop.node);
    sley__thread_join(&thread);
}

void sley__loop_discard(struct sley__loop *loop)
{
    sley__wake_batch_begin(&loop->batch);
    finish_loop(loop);
}

void sley__loop_submit(struct sley__loop *loop, struct sley__inbox_node *node)
{
    if (sley__inbox_push(&loop->inbox, node))
        ensure(uv_async_send(&loop->wakeup) == 0);
}

bool sley__loop_wake(struct sley__loop *loop, struct sley__waker waker, int result)
{
    return sley__wake_batch_add(&loop->batch, waker, result);
}

void sley__loop_defer(struct sley__loop *loop, struct sley__deferred *deferred)
{
    if (!list_linked(&deferred->link))
        list_push_back(&loop->deferred, &deferred->link);
}

void sley__loop_enter(struct sley__loop *loop, struct sley__resident *resident)
{
    list_push_back(&loop->residents, &resident->link);
}

void sley__loop_leave(struct sley__resident *resident)
{
    list_remove(&resident->link);
}

bool sley__request_call(struct sley__loop *loop, struct sley__request *request, const char *what,
                        int *result)
{
    int error = sley__wait_begin(&request->waker, what);

    if (error) {
        *result = error;
        request->release(request);
        return false;
    }
    request->loop = loop;
    store_relaxed(&request->state, PENDING);
    sley__loop_submit(loop, &request->node);
    error = sley__wait_park(SLEY_FOREVER);

    /* Acquire: the result, written before the other side's exchange. Release: all that we have
     * written in the request, for the side that frees it. */
    if (exchange_acq_rel(&request->state, LEFT) == DONE) {
        *result = request->result;
        return true;
    }
    ensure_msg(error < 0, "a request was woken with %d before its end", error);
    *result = error;
    return false;
}

void sley__request_finish(struct sley__request *request, int result)
{
    struct sley__loop *loop = request->loop;
    struct sley__waker waker = request->waker; /* the request may be freed after the exchange */

    request->result = result;
    /* Partner: the exchange in sley__request_call. */
    if (exchange_acq_rel(&request->state, DONE) == LEFT)
        request->release(request);
    else
        sley__loop_wake(loop, waker, 0);
}
