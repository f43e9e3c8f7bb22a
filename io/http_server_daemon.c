/*
 * http_server_daemon.c: the half of the HTTP server that drives libmicrohttpd on the I/O thread.
 *
 * The daemon has an epoll set of its own, in which it keeps its sockets registered; the loop
 * watches the set by one uv_poll_t and lets the daemon run when there is something in it, when its
 * timeout has come, and at the end of every round in which handlers have returned, once for all of
 * them.
 *
 * Stopping has three depths. stop: no new connections, requests on those that exist are turned
 * away, and the stopper is told when the last answer is out. free: the handlers are cancelled as
 * well, and the daemon is taken down when the last has returned; libmicrohttpd insists that no
 * connection is suspended by then. And the end of the runtime, when all tasks have ended anyway.
 */
#define _GNU_SOURCE
#include "http_server_impl.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    RUNS = 8,               /* turns of the daemon in one round */
    SPARE_DESCRIPTORS = 64, /* that the limit on connections leaves to others */
};

/* --- the round ------------------------------------------------------------------------------- */

void sley__httpd_turn_soon(struct sley_httpd *server)
{
    sley__loop_defer(server->loop, &server->round);
}

static void on_readable(uv_poll_t *handle, int status UNUSED, int events UNUSED)
{
    sley__httpd_turn_soon(handle->data);
}

static void on_timer(uv_timer_t *handle)
{
    sley__httpd_turn_soon(handle->data);
}

static void take_turn(struct sley__deferred *deferred)
{
    struct sley_httpd *server = container_of(deferred, struct sley_httpd, round);
    MHD_UNSIGNED_LONG_LONG timeout = 0;

    for (int i = 0; i < RUNS && timeout == 0; i++) {
        MHD_run(server->daemon);
        if (MHD_get_timeout(server->daemon, &timeout) != MHD_YES) {
            uv_timer_stop(&server->timer);
            return;
        }
    }
    uv_timer_start(&server->timer, on_timer, timeout, 0);
}

/* --- the end --------------------------------------------------------------------------------- */

static void quiesce(struct sley_httpd *server)
{
    server->stopping = true;
    if (server->listener < 0)
        return;
    /* Gives the listening socket back to us, if the daemon can let go of it now. */
    MHD_quiesce_daemon(server->daemon);
    close(server->listener);
    server->listener = -1;
}

static void on_closed(uv_handle_t *handle)
{
    struct sley_httpd *server = handle->data;

    if (--server->handles)
        return;
    if (!server->owned) {
        sley__httpd_destroy(server);
        return;
    }
    /* The owner frees the server as soon as it can take the lock after us. */
    sley__lock_acquire(&server->lock);
    server->gone = true;
    if (server->has_waiter)
        sley__loop_wake(server->loop, server->waiter, 0);
    sley__lock_release(&server->lock);
}

static void take_down(struct sley_httpd *server)
{
    sley__loop_leave(&server->resident);
    /* Before the daemon closes the set, whose number may then be somebody else's. */
    uv_close((uv_handle_t *)&server->poll, on_closed);
    uv_close((uv_handle_t *)&server->timer, on_closed);
    MHD_stop_daemon(server->daemon);
    list_remove(&server->round.link);
}

static void release_stoppers(struct sley_httpd *server)
{
    struct list *link;

    while ((link = list_pop_front(&server->stoppers)))
        sley__request_finish(&container_of(link, struct sley__httpd_stopper, link)->request, 0);
}

void sley__httpd_settle(struct sley_httpd *server)
{
    if (server->stopping && list_empty(&server->active))
        release_stoppers(server);
}

/* Takes it down when no handler runs; run again when one has returned. */
static void close_if_quiet(struct sley__deferred *deferred)
{
    struct sley_httpd *server = container_of(deferred, struct sley_httpd, round);

    if (load_relaxed(&server->running) == 0)
        take_down(server);
}

static void start_closing(struct sley_httpd *server)
{
    if (server->closing)
        return;
    quiesce(server);
    server->closing = true;
    server->round.run = close_if_quiet;
    sley__httpd_cancel_all(server);
    sley__httpd_turn_soon(server);
}

/* The runtime ends. */
static void close_resident(struct sley__resident *resident)
{
    struct sley_httpd *server = container_of(resident, struct sley_httpd, resident);

    start_closing(server);
    sley__httpd_abort_all(server);
}

void sley__httpd_loop_free(struct sley__inbox_node *node)
{
    struct sley_httpd *server = container_of(node, struct sley_httpd, free_node);

    server->owned = true;
    start_closing(server);
}

void sley__httpd_loop_stop(struct sley__inbox_node *node)
{
    struct sley__request *request = container_of(node, struct sley__request, node);
    struct sley__httpd_stopper *stopper =
        container_of(request, struct sley__httpd_stopper, request);

    list_push_back(&stopper->server->stoppers, &stopper->link);
    quiesce(stopper->server);
    sley__httpd_turn_soon(stopper->server);
    sley__httpd_settle(stopper->server);
}

/* --- the start ------------------------------------------------------------------------------- */

static void on_connection(void *arg, struct MHD_Connection *connection UNUSED,
                          void **context UNUSED, enum MHD_ConnectionNotificationCode what)
{
    struct sley_httpd *server = arg;
    uint64_t now = load_relaxed(&server->connections);

    store_relaxed(&server->connections, what == MHD_CONNECTION_NOTIFY_STARTED ? now + 1 : now - 1);
}

/* A server that may open more connections than the process has descriptors would stop to accept
 * only after everybody else has none left. */
static unsigned connection_limit(unsigned wanted)
{
    struct rlimit files;
    rlim_t most;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
        return wanted;
    most = files.rlim_cur > 2 * SPARE_DESCRIPTORS ? files.rlim_cur - SPARE_DESCRIPTORS
                                                  : files.rlim_cur / 2 + 1;
    return most < wanted ? (unsigned)most : wanted;
}

static struct MHD_Daemon *start_daemon(struct sley_httpd *server)
{
    const struct sley_httpd_options *options = &server->options;
    int64_t timeout = (options->connection_timeout + 999999999) / 1000000000;

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, server->port,
                            NULL, NULL, sley__httpd_on_request, server, MHD_OPTION_LISTEN_SOCKET,
                            server->listener, MHD_OPTION_CONNECTION_LIMIT,
                            connection_limit(options->max_connections),
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)min_i64(timeout, 1 << 20),
                            MHD_OPTION_NOTIFY_COMPLETED, sley__httpd_on_completed, server,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
}

static int open_handles(struct sley_httpd *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_loop_t *uv = &server->loop->uv;
    int error = info ? uv_poll_init(uv, &server->poll, info->epoll_fd) : SLEY_ENOSYS;

    if (error)
        return error;
    uv_timer_init(uv, &server->timer);
    server->poll.data = server->timer.data = server;
    server->handles = 2;
    uv_poll_start(&server->poll, UV_READABLE, on_readable);
    return 0;
}

static int open_server(struct sley_httpd *server)
{
    int error;

    list_init(&server->active);
    list_init(&server->stoppers);
    list_init(&server->round.link);
    server->round.run = take_turn;
    server->resident.close = close_resident;
    server->daemon = start_daemon(server);
    if (!server->daemon)
        return SLEY_ENOMEM;
    error = open_handles(server);
    if (error) {
        MHD_stop_daemon(server->daemon);
        server->listener = -1; /* went with the daemon */
        server->daemon = NULL;
        return error;
    }
    sley__loop_enter(server->loop, &server->resident);
    sley__httpd_turn_soon(server);
    return 0;
}

void sley__httpd_loop_open(struct sley__inbox_node *node)
{
    struct sley__request *request = container_of(node, struct sley__request, node);
    struct sley__httpd_opening *opening =
        container_of(request, struct sley__httpd_opening, request);

    sley__request_finish(request, open_server(opening->server));
}
