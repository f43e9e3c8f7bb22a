/*
 * libuv.c: libuv by itself: callbacks in one thread, as its guide has it.
 *
 * The buffer is handed out when there is something to read and is one for all connections, since
 * what was read is written before the next read: uv_try_write() first, which sends at once what the
 * kernel takes, and a write request for the rest only. That is how libuv is used where speed
 * matters; a request with a copy for each write would cost an allocation more.
 *
 * datagram: uv_udp_recv_start(), the thread pinned as a worker of ours is.
 *
 * More than one worker is not offered: a loop has one thread.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "peers/common/server.h"

enum { BUFFER = 65536, BACKLOG = 1024 };

/* What the kernel did not take at once. */
struct rest {
    uv_write_t request;
    char data[];
};

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char memory[BUFFER];

    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(memory, sizeof memory);
}

static void on_written(uv_write_t *request, int status)
{
    if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, on_closed);
    free(request); /* the first member of its struct rest */
}

static void write_rest(uv_stream_t *stream, const char *data, size_t size)
{
    struct rest *rest = peer_alloc(1, sizeof *rest + size);
    uv_buf_t buffer = uv_buf_init(memcpy(rest->data, data, size), (unsigned)size);

    if (uv_write(&rest->request, stream, &buffer, 1, on_written) != 0)
        peer_fail("uv_write failed");
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    uv_buf_t data;
    int sent;

    if (got < 0)
        uv_close((uv_handle_t *)stream, on_closed);
    if (got <= 0)
        return;
    data = uv_buf_init(buffer->base, (unsigned)got);
    sent = uv_try_write(stream, &data, 1);
    if (sent < 0)
        sent = 0;
    if (sent < got)
        write_rest(stream, buffer->base + sent, (size_t)(got - sent));
}

static void on_connection(uv_stream_t *server, int status)
{
    uv_tcp_t *connection = peer_alloc(1, sizeof *connection);

    if (status != 0 || uv_tcp_init(server->loop, connection) != 0 ||
        uv_accept(server, (uv_stream_t *)connection) != 0)
        peer_fail("a connection was not accepted");
    uv_tcp_nodelay(connection, 1);
    if (uv_read_start((uv_stream_t *)connection, on_buffer, on_read) != 0)
        peer_fail("a connection cannot be read");
}

static void serve(const struct peer_setup *setup, int listener)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;

    (void)setup;
    if (uv_tcp_init(loop, &server) != 0 || uv_tcp_open(&server, listener) != 0 ||
        uv_listen((uv_stream_t *)&server, BACKLOG, on_connection) != 0)
        peer_fail("cannot listen");
    uv_run(loop, UV_RUN_DEFAULT);
}

static void run(const struct peer_setup *setup, const char *row)
{
    if (setup->workers != 1)
        peer_decline("a loop has one thread");
    peer_run_server(setup, row, serve);
}

static void run_echo(const struct peer_setup *setup)
{
    run(setup, "echo");
}

static void run_idle(const struct peer_setup *setup)
{
    run(setup, "idle_connections");
}

static size_t samples_left; /* of the row datagram */

static void on_datagram(uv_udp_t *udp, ssize_t got, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    if (got == 0 && !from)
        return; /* nothing more is there */
    if (got != 1 || buffer->base[0] != '!')
        peer_fail("no datagram was received: %zd", got);
    peer_wake_woken();
    if (--samples_left == 0)
        uv_udp_recv_stop(udp);
    else
        peer_wake_sleeping();
}

static void run_datagram(const struct peer_setup *setup)
{
    uv_loop_t *loop = uv_default_loop();
    uv_udp_t udp;

    if (setup->workers != 1)
        peer_decline("a loop has one thread");
    samples_left = setup->samples;
    peer_pin(peer_cpu_number(0));
    if (uv_udp_init(loop, &udp) != 0 || uv_udp_open(&udp, peer_wake_start_datagrams(setup)) != 0 ||
        uv_udp_recv_start(&udp, on_buffer, on_datagram) != 0)
        peer_fail("cannot receive");
    peer_wake_sleeping();
    uv_run(loop, UV_RUN_DEFAULT);
    peer_wake_finish();
}

static const struct peer_row rows[] = {{"echo", run_echo, NULL},
                                       {"idle_connections", run_idle, NULL},
                                       {"datagram", run_datagram, NULL},
                                       {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "libuv", rows);
}
