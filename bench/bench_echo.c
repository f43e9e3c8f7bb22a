/*
 * bench_echo.c: connections that say something, and connections that wait.
 *
 * `echo`: whatever comes is sent back, on 64 and on 1,000 connections, in messages of 64 and of
 * 4,096 bytes. There is nothing in it but the way of a message through kernel and runtime and back:
 * what a server costs before it has done anything. The processor time per request is the figure to
 * trust: the load takes a processor of its own, and the rest depends on who is faster. Requests per
 * second and the time of a request, half and 99 of 100 of them, are beside it.
 *
 * `connections`: the same with 64 bytes and as many connections as --size says: what a request
 * costs when there are more of them should not change much.
 *
 * `idle_connections`: what each of 10,000 connections costs in memory that has spoken and now
 * waits: a task on its stack, and no buffer.
 *
 * The handler is what a user would write: a task per connection, a reader that looks at what there
 * is. The reader has no memory while it waits. A message that fills its buffer would be asked after
 * in vain, so the buffer is larger than the messages.
 */
#include <sys/resource.h>

#include <sley/buffered.h>
#include <sley/serve.h>
#include <sley/tcp.h>

#include "harness.h"
#include "load_rig.h"

enum { BUFFER = 16384, MOST = 12000 };

extern const struct bench bench_echo, bench_connections, bench_idle_connections;

static int echo(struct sley_stream *stream, void *unused)
{
    struct sley_reader_options options = {.buffer = BUFFER};
    struct sley_reader *reader;
    const void *data;
    size_t size;
    int error = sley_reader_new(stream, &options, &reader);
    (void)unused;
    if (error)
        return error;
    while ((error = sley_reader_peek(reader, 1, &data, &size)) == 0) {
        error = sley_stream_write(stream, data, size, NULL);
        if (error)
            break;
        sley_reader_skip(reader, size);
    }
    sley_reader_free(reader);
    return error;
}

static int serve(void *arg)
{
    struct sley_listener *listener = arg;
    return sley_serve(listener, echo, NULL,
                      &(struct sley_serve_options){.max_connections = MOST, .grace = -1});
}

static int serve_load(void *arg)
{
    struct sley_listener *listener;
    struct sley_task *server;
    int result = 0, status, error = sley_tcp_listen("127.0.0.1:0", NULL, &listener);
    if (error)
        return bench_error("cannot listen: %s", sley_strerror(error));
    error = sley_spawn(serve, listener, NULL, &server);
    if (error)
        return bench_error("no server: %s", sley_strerror(error));
    status = load_rig_load(arg, sley_listener_port(listener));
    sley_listener_close(listener);
    error = sley_join(server, &result);
    sley_listener_free(listener);
    if (!status && (error || result))
        status = bench_error("the server has failed: %s", sley_strerror(error ? error : result));
    return status;
}

/* As many descriptors as there may be: the load says if they are too few. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_echo(const struct bench_setup *setup, double *values)
{
    struct load_rig rig = {bench_echo.cases, setup, "echo", values, -1};
    raise_limit();
    return load_rig_run(&rig, serve_load);
}

static int run_connections(const struct bench_setup *setup, double *values)
{
    struct load_rig rig = {bench_connections.cases, setup, "connections", values, -1};
    raise_limit();
    return load_rig_run(&rig, serve_load);
}

static int run_idle(const struct bench_setup *setup, double *values)
{
    struct load_rig rig = {bench_idle_connections.cases, setup, "idle_connections", values, -1};
    raise_limit();
    return load_rig_run(&rig, serve_load);
}

#define SHAPE(shape)                                                           \
    {"us_cpu_" shape, "us"}, {"per_s_" shape, "1/s"}, {"us_p50_" shape, "us"}, \
    {                                                                          \
        "us_p99_" shape, "us"                                                  \
    }

const struct bench bench_echo = {
    .name = "echo",
    .why = "what comes is sent back, on 64 and 1,000 connections: what a server costs for a "
           "request before it has done anything for it",
    .cases = {{.run = run_echo,
               .metrics = {SHAPE("64x64"), SHAPE("64x4096"), SHAPE("1000x64"),
                           SHAPE("1000x4096")}}},
};

const struct bench bench_connections = {
    .name = "connections",
    .why = "what comes is sent back, 64 bytes on 1,000 connections or as many as one asks for: how "
           "the cost of a request grows with the number of those who ask",
    .size = {"connections", 1, 12000, 4832},
    .cases = {{.run = run_connections,
               .metrics = {{"us_cpu", "us"}, {"per_s", "1/s"}, {"us_p50", "us"}, {"us_p99", "us"}},
               .sized = true}},
};

const struct bench bench_idle_connections = {
    .name = "idle_connections",
    .why = "10,000 connections that have spoken and now wait: how much memory a server needs for "
           "each of them",
    .size = {"connections", 1, 11999, 4832},
    .cases = {{.run = run_idle, .metrics = {{"bytes_per_connection", "B"}}, .sized = true}},
};
