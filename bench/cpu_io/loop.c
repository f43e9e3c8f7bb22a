/*
 * loop.c: one event loop on one thread, plain libuv, as single-threaded servers are written.
 *
 * A client is a timer: it fires when its request has waited, the callback computes, and everybody
 * else waits meanwhile. libuv counts in milliseconds; shorter waits are rounded to the nearest one
 * that is not 0, as a program on it would have to.
 */
#include <stdlib.h>
#include <uv.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

struct client {
    uv_timer_t timer;
    const struct cpu_io_load *load;
    struct cpu_io_result *result;
    size_t index; /* its request */
    int64_t begin;
};

static void begin_request(struct client *client);

static void answer(uv_timer_t *timer)
{
    struct client *client = timer->data;
    cpu_io_compute(client->load->cpu);
    cpu_io_answered(client->result, client->index, client->begin);
    client->index += client->load->concurrency;
    if (client->index < client->load->requests)
        begin_request(client);
    else
        uv_close((uv_handle_t *)timer, NULL);
}

static void begin_request(struct client *client)
{
    int64_t wait = cpu_io_wait(client->load, client->index);
    uint64_t ms = (uint64_t)(wait + 500000) / 1000000;
    client->begin = cpu_io_now();
    uv_update_time(client->timer.loop);
    uv_timer_start(&client->timer, answer, wait > 0 && ms == 0 ? 1 : ms, 0);
}

static int run_loop(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    struct client *clients = bench_alloc(load->concurrency, sizeof *clients);
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        return bench_error("no event loop");
    int64_t begin = cpu_io_now();
    for (size_t i = 0; i < load->concurrency && i < load->requests; i++) {
        clients[i] = (struct client){.load = load, .result = result, .index = i};
        uv_timer_init(&loop, &clients[i].timer);
        clients[i].timer.data = &clients[i];
        begin_request(&clients[i]);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    result->elapsed = cpu_io_now() - begin;
    uv_loop_close(&loop);
    free(clients);
    return 0;
}

const struct cpu_io_design cpu_io_loop = {"loop", "one event loop on one thread (libuv)", run_loop};
