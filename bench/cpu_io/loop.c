/*
 * loop.c: one event loop on one thread, plain libuv, as single-threaded servers are written.
 *
 * A client's request falls due when it has waited; the callback computes, and everybody else waits
 * meanwhile. libuv's own timers count in whole milliseconds, which is no clock for waits of one:
 * half of the requests would be answered before their time. Who needs finer ones on libuv gives it
 * a timerfd to watch. There is one for the loop, armed for the request that is due first, and a
 * heap of the waiting clients, as libuv itself has for its timers: a descriptor per client would
 * cost a system call to arm and another to read for each request, this one costs them for each
 * turn, however many are due.
 *
 * A turn serves those that were due when it began, so that a client whose requests wait for
 * nothing has its next one after the others'.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

struct waiting {
    int64_t due;
    struct cpu_io_client client;
};

struct loop {
    uv_poll_t poll;
    const struct cpu_io_load *load;
    struct cpu_io_result *result;
    int timer;
    int error; /* of the timer */
    size_t count;
    struct waiting *heap; /* the one that is due first at 0, its children at 2i + 1 and 2i + 2 */
};

/* --- the heap ------------------------------------------------------------------------------- */

static void put(struct loop *loop, struct waiting item)
{
    size_t i = loop->count++;
    for (; i > 0 && loop->heap[(i - 1) / 2].due > item.due; i = (i - 1) / 2)
        loop->heap[i] = loop->heap[(i - 1) / 2];
    loop->heap[i] = item;
}

/* The child of i that is due first; loop->count or more: it has none. */
static size_t first_child(const struct loop *loop, size_t i)
{
    size_t left = 2 * i + 1;
    bool right = left + 1 < loop->count && loop->heap[left + 1].due < loop->heap[left].due;
    return left + right;
}

static struct waiting take_first(struct loop *loop)
{
    struct waiting first = loop->heap[0], last = loop->heap[--loop->count];
    size_t i = 0, child;
    while ((child = first_child(loop, i)) < loop->count && loop->heap[child].due < last.due) {
        loop->heap[i] = loop->heap[child];
        i = child;
    }
    loop->heap[i] = last;
    return first;
}

/* --- the clients ---------------------------------------------------------------------------- */

static void begin_request(struct loop *loop, const struct cpu_io_client *client)
{
    put(loop, (struct waiting){client->begin + cpu_io_wait(loop->load, client->index), *client});
}

static void serve_due(struct loop *loop)
{
    int64_t now = cpu_io_now();
    while (loop->count > 0 && loop->heap[0].due <= now) {
        struct cpu_io_client client = take_first(loop).client;
        cpu_io_compute(loop->load->cpu);
        if (cpu_io_next(loop->load, loop->result, &client))
            begin_request(loop, &client);
    }
}

/* A time that is over makes the descriptor readable at once. */
static void arm(struct loop *loop)
{
    struct itimerspec when = {.it_value = {.tv_sec = loop->heap[0].due / 1000000000,
                                           .tv_nsec = loop->heap[0].due % 1000000000}};
    if (timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        loop->error = errno;
}

static void turn(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    uint64_t expirations;
    (void)events;
    if (status < 0)
        loop->error = -status;
    else if (read(loop->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        loop->error = errno;
    serve_due(loop);
    if (loop->count > 0 && !loop->error)
        arm(loop);
    else
        uv_close((uv_handle_t *)poll, NULL);
}

/* --- the run -------------------------------------------------------------------------------- */

static void start_clients(struct loop *loop)
{
    cpu_io_start(loop->load, loop->result);
    for (size_t i = 0; i < loop->load->concurrency; i++) {
        struct cpu_io_client client;
        cpu_io_first(loop->result, &client);
        begin_request(loop, &client);
    }
    arm(loop);
}

/* 0 or an errno. */
static int run_on(uv_loop_t *uv, struct loop *loop)
{
    int status = uv_poll_init(uv, &loop->poll, loop->timer);
    if (status < 0)
        return -status;
    loop->poll.data = loop;
    status = uv_poll_start(&loop->poll, UV_READABLE, turn);
    if (status < 0) {
        uv_close((uv_handle_t *)&loop->poll, NULL);
        loop->error = -status;
    } else {
        start_clients(loop);
    }
    uv_run(uv, UV_RUN_DEFAULT);
    return loop->error;
}

static int run_loop(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    struct loop loop = {.load = load,
                        .result = result,
                        .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    uv_loop_t uv;
    if (loop.timer < 0)
        return bench_error("no timer: %s", strerror(errno));
    if (uv_loop_init(&uv) != 0)
        return bench_error("no event loop");
    loop.heap = bench_alloc(load->concurrency, sizeof *loop.heap);
    int error = run_on(&uv, &loop);
    uv_loop_close(&uv);
    close(loop.timer);
    free(loop.heap);
    return error ? bench_error("the loop's timer: %s", strerror(error)) : 0;
}

const struct cpu_io_design cpu_io_loop = {"loop", "one event loop on one thread (libuv)", run_loop};
