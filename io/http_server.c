/*
 * http_server.c: the HTTP server: its beginning, its end, and the task that accepts. The contract
 * is in <sley/httpd.h>.
 *
 * A connection is a task that reads a request, calls the handler, writes the answer, and begins
 * again (_connection.c): sequential code on sley's own streams, like any server that a program
 * would write with them. So a request costs what an echo costs, one read, one write and one park on
 * the worker that found the event, and what its head takes to be read (http1.c). Limits in time are
 * deadlines, back-pressure is a write that parks, and a client that is gone is an error of a write.
 *
 *     accepting task     one per connection
 *     accept             read a head             http1.c, _connection.c
 *     spawn -----------> find the route          _routes.c
 *                        read the body           _body.c, _form.c
 *                        call the handler        _request.c: what it asks
 *                        write the answer        _response.c: what it says
 *
 * Before, libmicrohttpd did HTTP on the I/O thread and every request crossed over to a task and
 * back. It also had no absolute limit on the time that a head may take, and no back-pressure.
 * Rejected with it: a second task per request, for what the handler is called on; it would only
 * wait for the first.
 *
 * Stopping. Each connection has a word that says whether it is between two requests. Its task
 * changes it to BUSY and back to IDLE by compare-and-swap; stopping exchanges it for LAST: who was
 * idle is closed from outside, who was busy finds out when it tries to be idle. Over TLS the end
 * must be said, which only the connection's own task can do, so there it is cancelled instead. All
 * else about the end is a count of tasks under the server's lock.
 *
 * A server that is not freed goes with its runtime: a service keeps a list of them.
 */
#include "http_server_impl.h"

#include <stdlib.h>

#include <sley/runtime.h>
#include <sley/tcp.h>

#include "address.h"

#define ACCEPT_REST SLEY_MILLISECONDS(10)

/* --- servers of a runtime --------------------------------------------------------------------- */

struct servers {
    struct sley__service service;
    struct sley__lock lock;
    struct list list;
};

static void destroy(struct sley_httpd *server)
{
    sley_listener_free(server->listener);
    sley__httpd_router_free(server->router);
    sley__httpd_options_drop(server);
    free(server);
}

/* All tasks have ended. */
static void close_servers(struct sley__service *service)
{
    struct servers *servers = container_of(service, struct servers, service);
    struct list *link;

    while ((link = list_pop_front(&servers->list)))
        destroy(container_of(link, struct sley_httpd, unfreed));
    free(servers);
}

static int create_servers(struct sley_runtime *runtime UNUSED, struct sley__service **out)
{
    struct servers *servers = calloc(1, sizeof(*servers));

    if (!servers)
        return SLEY_ENOMEM;
    servers->service.close = close_servers;
    list_init(&servers->list);
    *out = &servers->service;
    return 0;
}

static int servers_of(struct sley_runtime *runtime, struct servers **out)
{
    struct sley__service *service;
    int error = sley__runtime_service(runtime, SLEY__SERVICE_HTTP, create_servers, &service);

    if (!error)
        *out = container_of(service, struct servers, service);
    return error;
}

static int enlist(struct sley_httpd *server)
{
    struct servers *servers;
    int error = servers_of(server->runtime, &servers);

    if (error)
        return error;
    sley__lock_acquire(&servers->lock);
    list_push_back(&servers->list, &server->unfreed);
    sley__lock_release(&servers->lock);
    return 0;
}

static void delist(struct sley_httpd *server)
{
    struct servers *servers;

    ensure(servers_of(server->runtime, &servers) == 0); /* it is there */
    sley__lock_acquire(&servers->lock);
    list_remove(&server->unfreed);
    sley__lock_release(&servers->lock);
}

/* --- the tasks of a server -------------------------------------------------------------------- */

/* A task ends; under the lock. */
static void one_less(struct sley_httpd *server)
{
    if (--server->tasks)
        return;
    list_for_each (link, &server->waiters)
        sley__wake(container_of(link, struct sley__httpd_waiter, link)->waker, 0);
}

void sley__httpd_unlist(struct sley__httpd_connection *connection)
{
    struct sley_httpd *server = connection->server;

    /* Whoever closes the stream because we were idle does so under this lock. */
    sley__lock_acquire(&server->lock);
    list_remove(&connection->link);
    server->requests += load_relaxed(&connection->requests);
    server->rejected += load_relaxed(&connection->rejected);
    sley__lock_release(&server->lock);
}

void sley__httpd_leave(struct sley__httpd_connection *connection)
{
    struct sley_httpd *server = connection->server;

    sley__lock_acquire(&server->lock);
    server->open--;
    if (server->full)
        sley__wake(server->acceptor, 0);
    server->full = false;
    sley_detach(connection->task);
    one_less(server);
    sley__lock_release(&server->lock);
    free(connection->input);
    free(connection);
}

static struct sley__httpd_connection *connection_new(struct sley_httpd *server,
                                                     struct sley_stream *stream)
{
    struct sley__httpd_connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->server = server;
    connection->stream = stream;
    list_init(&connection->link);
    return connection;
}

/* Gives the stream a task, or closes it. The task cannot leave before its handle is stored, because
 * that takes the lock. From the accepting task. */
static int take_in(struct sley_httpd *server, struct sley_stream *stream)
{
    struct sley_task_options options = {.name = server->options.name};
    struct sley__httpd_connection *connection = connection_new(server, stream);
    int error = connection ? 0 : SLEY_ENOMEM;

    if (!error) {
        sley__lock_acquire(&server->lock);
        store_relaxed(&connection->turn, server->stopping ? SLEY__HTTPD_LAST : SLEY__HTTPD_BUSY);
        error = sley_runtime_spawn(server->runtime, sley__httpd_serve, connection, &options,
                                   &connection->task);
        if (!error) {
            list_push_back(&server->connections, &connection->link);
            server->tasks++;
            server->open++;
        }
        sley__lock_release(&server->lock);
    }
    if (error) {
        free(connection);
        sley_stream_free(stream);
    }
    return error;
}

/* Waits until there may be one more connection. */
static int await_place(struct sley_httpd *server)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "httpd full");
    bool full;

    if (error)
        return error;
    sley__lock_acquire(&server->lock);
    full = server->open >= server->options.max_connections;
    server->full = full;
    server->acceptor = waker;
    sley__lock_release(&server->lock);
    if (full)
        error = sley__wait_park(SLEY_FOREVER);
    else
        sley__wait_abandon(NULL);
    sley__lock_acquire(&server->lock);
    server->full = false;
    sley__lock_release(&server->lock);
    return error;
}

static bool is_full(struct sley_httpd *server)
{
    bool full;

    sley__lock_acquire(&server->lock);
    full = server->open >= server->options.max_connections && !server->stopping;
    sley__lock_release(&server->lock);
    return full;
}

static int accept_one(struct sley_httpd *server)
{
    struct sley_stream *stream;
    int error = 0;

    while (!error && is_full(server))
        error = await_place(server);
    if (!error)
        error = sley_listener_accept(server->listener, &stream);
    if (!error)
        error = take_in(server, stream);
    if (!sley_accept_error_passes(error))
        return error;
    return sley_sleep(ACCEPT_REST);
}

static int accept_all(void *arg)
{
    struct sley_httpd *server = arg;
    struct sley_task *own;
    int error = 0;

    while (!error)
        error = accept_one(server);
    sley_listener_close(server->listener);
    sley__lock_acquire(&server->lock);
    own = server->accepting;
    server->accepting = NULL;
    sley_detach(own);
    one_less(server);
    sley__lock_release(&server->lock);
    return 0;
}

static int spawn_acceptor(struct sley_httpd *server)
{
    struct sley_task_options options = {.name = "httpd accept"};
    int error;

    sley__lock_acquire(&server->lock);
    error = sley_runtime_spawn(server->runtime, accept_all, server, &options, &server->accepting);
    server->tasks = !error;
    sley__lock_release(&server->lock);
    return error;
}

/* --- the start -------------------------------------------------------------------------------- */

static int listen_on(struct sley_httpd *server)
{
    const char *host = server->options.address ? server->options.address : "127.0.0.1";
    struct sley_tcp_listen_options options = {.backlog = (int)server->options.backlog};
    struct sley__address address;
    char text[SLEY__ADDRESS_TEXT];
    int error;

    if (!sley__address_numeric(&address, host, server->options.port) ||
        !sley__address_format(&address, text, sizeof(text)))
        return SLEY_EINVAL;
    server->options.address = NULL; /* the caller's; not needed any more */
    error = sley_tcp_listen(text, &options, &server->listener);
    if (!error)
        server->port = (uint16_t)sley_listener_port(server->listener);
    return error;
}

static int set_up(struct sley_httpd *server, const struct sley_httpd_options *options)
{
    int error = options->routes ? sley__httpd_router_new(options->routes, &server->router) : 0;

    if (!error)
        error = sley__httpd_options_take(server, options);
    if (!error)
        error = listen_on(server);
    if (error)
        return error;
    error = enlist(server);
    if (error)
        return error;
    error = spawn_acceptor(server);
    if (error)
        delist(server);
    return error;
}

int sley_httpd_start(sley_httpd_handler *handler, void *arg,
                     const struct sley_httpd_options *options, struct sley_httpd **out)
{
    static const struct sley_httpd_options defaults;
    struct sley_httpd *server;
    int error = sley__wait_check();

    options = options ? options : &defaults;
    if (!error && !handler && !options->routes)
        error = SLEY_EINVAL;
    if (error)
        return error;
    server = calloc(1, sizeof(*server));
    if (!server)
        return SLEY_ENOMEM;
    server->runtime = sley__wait_runtime();
    server->handler = handler;
    server->arg = arg;
    list_init(&server->connections);
    list_init(&server->waiters);
    list_init(&server->unfreed);
    error = set_up(server, options);
    if (error)
        destroy(server);
    else
        *out = server;
    return error;
}

uint16_t sley_httpd_port(const struct sley_httpd *server)
{
    return server->port;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* No new connections, no new requests; `now`: the running ones are cancelled. */
static void stop(struct sley_httpd *server, bool now)
{
    sley_listener_close(server->listener);
    sley__lock_acquire(&server->lock);
    server->stopping = true;
    if (server->full)
        sley__wake(server->acceptor, 0);
    server->full = false;
    if (now && server->accepting)
        sley_cancel(server->accepting, "the server is stopped");
    list_for_each (link, &server->connections) {
        struct sley__httpd_connection *connection =
            container_of(link, struct sley__httpd_connection, link);

        bool idle;

        /* Partner: the compare-and-swaps of its task. */
        idle = exchange_acq_rel(&connection->turn, SLEY__HTTPD_LAST) == SLEY__HTTPD_IDLE;
        if (idle && !server->options.tls)
            sley_stream_close(connection->stream);
        if (now || (idle && server->options.tls)) /* TLS: its task has a last word to say */
            sley_cancel(connection->task, "the server is stopped");
    }
    sley__lock_release(&server->lock);
}

/* Publishes the waiter, unless there is nothing to wait for any more. */
static bool enqueue(struct sley_httpd *server, struct sley__httpd_waiter *waiter)
{
    bool waits;

    sley__lock_acquire(&server->lock);
    waits = server->tasks > 0;
    if (waits)
        list_push_back(&server->waiters, &waiter->link);
    sley__lock_release(&server->lock);
    return waits;
}

/* The lock: who has woken us may still be under it. */
static void dequeue(struct sley_httpd *server, struct sley__httpd_waiter *waiter)
{
    sley__lock_acquire(&server->lock);
    list_remove(&waiter->link);
    sley__lock_release(&server->lock);
}

int sley_httpd_stop(struct sley_httpd *server)
{
    struct sley__httpd_waiter waiter;
    int error = sley__wait_check();

    if (error)
        return error;
    stop(server, false);
    error = sley__wait_begin(&waiter.waker, "httpd stop");
    if (error)
        return error;
    list_init(&waiter.link);
    if (enqueue(server, &waiter))
        error = sley__wait_park(SLEY_FOREVER);
    else
        sley__wait_abandon(NULL);
    dequeue(server, &waiter);
    return error;
}

void sley_httpd_free(struct sley_httpd *server)
{
    struct sley__httpd_waiter waiter;

    if (!server)
        return;
    stop(server, true);
    sley__wait_begin_shielded(&waiter.waker, "httpd free");
    list_init(&waiter.link);
    if (enqueue(server, &waiter))
        (void)sley__wait_park_shielded();
    else
        sley__wait_abandon(NULL);
    dequeue(server, &waiter);
    delist(server);
    destroy(server);
}

void sley_httpd_stats(const struct sley_httpd *server, struct sley_httpd_stats *stats)
{
    struct sley_httpd *own = (struct sley_httpd *)(uintptr_t)server;

    sley__lock_acquire(&own->lock);
    *stats = (struct sley_httpd_stats){
        .requests = own->requests, .rejected = own->rejected, .connections = own->open};
    list_for_each (link, &own->connections) {
        struct sley__httpd_connection *connection =
            container_of(link, struct sley__httpd_connection, link);

        stats->requests += load_relaxed(&connection->requests);
        stats->rejected += load_relaxed(&connection->rejected);
        stats->running += load_relaxed(&connection->running);
    }
    sley__lock_release(&own->lock);
}
