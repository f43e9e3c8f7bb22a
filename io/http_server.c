/*
 * http_server.c: the HTTP server, seen from the tasks. The contract is in <sley/httpd.h>.
 *
 * libmicrohttpd does HTTP: it accepts, parses and sends, on the I/O thread, driven from outside
 * (_daemon.c). It never runs a handler: a request that is complete suspends its connection and
 * becomes a task (_request.c), which may park as long as it likes, on any worker, while the I/O
 * thread serves the others. What the handler says (_response.c) is sent when it returns.
 *
 * Rejected: libmicrohttpd's own threads, one per connection or a pool; handlers would block them.
 * Rejected for now: a parser of our own on sley's TCP, one task per connection. It would save the
 * two crossings between worker and I/O thread per request; it must then also be as robust.
 *
 * Who frees it: the I/O thread takes the server down when the last handler has returned, and the
 * owner waits for that in sley_httpd_free(), because the handlers use what the owner frees next.
 * That wait must not be cut short, so a cancelled owner, who may not park any more, yields until
 * the server is gone; its handlers have been cancelled too and are on their way out.
 */
#define _GNU_SOURCE
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"

enum { MAX_CONNECTIONS = 10000, MAX_BODY = 1 << 20 };

#define CONNECTION_TIMEOUT SLEY_SECONDS(30)

void sley__httpd_destroy(struct sley_httpd *server)
{
    if (server->listener >= 0)
        close(server->listener);
    free((char *)(uintptr_t)server->options.name);
    free(server);
}

static int fill_in(struct sley_httpd *server, const struct sley_httpd_options *options)
{
    server->options = *options;
    if (!options->address)
        server->options.address = "127.0.0.1";
    if (!options->max_connections)
        server->options.max_connections = MAX_CONNECTIONS;
    if (!options->max_body)
        server->options.max_body = MAX_BODY;
    if (options->connection_timeout <= 0)
        server->options.connection_timeout = CONNECTION_TIMEOUT;
    server->options.name = strdup(options->name ? options->name : "httpd");
    return server->options.name ? 0 : SLEY_ENOMEM;
}

static int listen_on(struct sley_httpd *server)
{
    struct sley__address address;
    int error, fd;

    if (!sley__address_numeric(&address, server->options.address, server->options.port))
        return SLEY_EINVAL;
    fd = sley__listen_tcp(&address, (int)server->options.backlog, false);
    if (fd < 0)
        return fd;
    server->listener = fd;
    error = sley__sys_name(fd, false, &address);
    server->port = (uint16_t)(error ? 0 : sley__address_port(&address));
    server->options.address = NULL; /* the caller's; not needed any more */
    return error;
}

static struct sley__httpd_opening *opening_of(struct sley__request *request)
{
    return container_of(request, struct sley__httpd_opening, request);
}

/* The task has left before its server was there: nobody else will end it. */
static void abandoned_opening(struct sley__request *request)
{
    struct sley_httpd *server = opening_of(request)->server;

    if (server->daemon)
        server->resident.close(&server->resident);
    else
        sley__httpd_destroy(server);
    free(opening_of(request));
}

/* Has the I/O thread do its part. On failure the server is gone. From a task. Parks. */
static int open_on_loop(struct sley_httpd *server)
{
    struct sley__httpd_opening *opening = calloc(1, sizeof(*opening));
    int error;

    if (!opening) {
        sley__httpd_destroy(server);
        return SLEY_ENOMEM;
    }
    opening->server = server;
    opening->request.node.run = sley__httpd_loop_open;
    opening->request.release = abandoned_opening;
    if (!sley__request_call(server->loop, &opening->request, "httpd start", &error))
        return error;
    free(opening);
    if (error)
        sley__httpd_destroy(server);
    return error;
}

int sley_httpd_start(sley_httpd_handler *handler, void *arg,
                     const struct sley_httpd_options *options, struct sley_httpd **out)
{
    static const struct sley_httpd_options defaults;
    struct sley_httpd *server;
    struct sley__io *io;
    int error = sley__io_get(&io);

    if (!error && !handler)
        error = SLEY_EINVAL;
    if (error)
        return error;
    server = calloc(1, sizeof(*server));
    if (!server)
        return SLEY_ENOMEM;
    server->loop = &io->loop;
    server->runtime = io->runtime;
    server->handler = handler;
    server->arg = arg;
    server->listener = -1;
    server->free_node.run = sley__httpd_loop_free;
    error = fill_in(server, options ? options : &defaults);
    if (!error)
        error = listen_on(server);
    if (error) {
        sley__httpd_destroy(server);
        return error;
    }
    error = open_on_loop(server);
    if (!error)
        *out = server;
    return error;
}

uint16_t sley_httpd_port(const struct sley_httpd *server)
{
    return server->port;
}

static void release_stopper(struct sley__request *request)
{
    free(container_of(request, struct sley__httpd_stopper, request));
}

int sley_httpd_stop(struct sley_httpd *server)
{
    struct sley__httpd_stopper *stopper;
    int error = sley__wait_check();

    if (error)
        return error;
    stopper = calloc(1, sizeof(*stopper));
    if (!stopper)
        return SLEY_ENOMEM;
    stopper->server = server;
    stopper->request.node.run = sley__httpd_loop_stop;
    stopper->request.release = release_stopper;
    if (sley__request_call(server->loop, &stopper->request, "httpd stop", &error))
        release_stopper(&stopper->request);
    return error;
}

/* Parks until the server is gone, cancelled or not. */
static void await_gone(struct sley_httpd *server)
{
    struct sley__waker waker;
    bool gone;

    sley__wait_begin_shielded(&waker, "httpd free");
    sley__lock_acquire(&server->lock);
    gone = server->gone;
    server->waiter = waker;
    server->has_waiter = true;
    sley__lock_release(&server->lock);
    if (gone)
        sley__wait_abandon(NULL);
    else
        (void)sley__wait_park_shielded();
}

void sley_httpd_free(struct sley_httpd *server)
{
    if (!server)
        return;
    sley__loop_submit(server->loop, &server->free_node);
    await_gone(server);
    /* The I/O thread may still hold the lock under which it sent the wake. */
    sley__lock_acquire(&server->lock);
    sley__lock_release(&server->lock);
    sley__httpd_destroy(server);
}

void sley_httpd_stats(const struct sley_httpd *server, struct sley_httpd_stats *stats)
{
    struct sley_httpd *own = (struct sley_httpd *)(uintptr_t)server;

    stats->requests = load_relaxed(&own->requests);
    stats->rejected = load_relaxed(&own->rejected);
    stats->connections = load_relaxed(&own->connections);
    stats->running = load_relaxed(&own->running);
}
