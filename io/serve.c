/*
 * serve.c: a task per connection. The contract is in <sley/serve.h>.
 *
 *     sley_serve()                 the calling task: opens the scope, waits for the listener's
 * close
 *       +-- accept_loop            a child: waits for room, accepts, spawns
 *       +-- one child for each connection
 *
 * Two tasks, because there are two things to wait for: the accept loop may be waiting for room when
 * the listener is closed, and the time of grace begins with the close. All are children of one
 * scope, so a cancel of the caller reaches them all, and nothing can be left running.
 *
 * Room is waited for before the accept and not after it: what there is no room for stays in the
 * kernel's queue, where it costs no descriptor, and where another process that listens on the same
 * port may take it.
 *
 * Without descriptors. accept() itself keeps the queue moving (listener.c); the loop rests, because
 * something must end before it makes sense to go on. The number of connections is kept below the
 * limit on open files beforehand, so that what a handler opens itself has a chance.
 *
 * The stop. The scope is asked to end (sley_scope_ask()), with the grace after which it cancels. If
 * there is not even memory for that, it is cancelled at once.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include <sley/scope.h>
#include <sley/serve.h>
#include <sley/time.h>

#include "listener_impl.h"

enum { CONNECTIONS = 10000, SPARED = 64 }; /* descriptors left for others */

#define GRACE     SLEY_SECONDS(10)
#define HANDSHAKE SLEY_SECONDS(10)
#define REST      SLEY_MILLISECONDS(10)

struct server {
    struct sley_listener *listener;
    sley_serve_handler *handler;
    void *arg;
    struct sley_serve_options options; /* with the defaults filled in */
    struct sley_scope scope;
    struct sley_semaphore room;
    int error; /* with which accepting has ended; the accept loop's, then the caller's */
};

/* A connection on its way to its task. */
struct connection {
    struct server *server;
    struct sley_stream *stream;
};

/* Most connections that leave others some descriptors. */
static size_t most_connections(size_t wanted)
{
    struct rlimit limit;
    size_t most = wanted ? wanted : CONNECTIONS;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size_t files = (size_t)limit.rlim_cur;
        size_t left = files > 2 * SPARED ? files - SPARED : files / 2 + 1;

        most = most < left ? most : left;
    }
    return most < SLEY_SEMAPHORE_MAX ? most : SLEY_SEMAPHORE_MAX;
}

static void tell(const struct server *server, struct sley_stream *stream, int result)
{
    if (server->options.ended)
        server->options.ended(stream, result, server->arg);
}

/* Makes *stream one over TLS, if that is asked for. */
static int shake_hands(const struct server *server, struct sley_stream **stream)
{
    int64_t before;
    int error;

    if (!server->options.tls)
        return 0;
    before = sley_deadline_narrow(sley_after(server->options.handshake_timeout));
    error = sley_tls_accept(server->options.tls, *stream, NULL, stream);
    sley_deadline_restore(before);
    return error;
}

/* The task of a connection. */
static int serve_one(void *arg)
{
    struct connection *connection = arg;
    struct server *server = connection->server;
    struct sley_stream *stream = connection->stream;
    int error;

    free(connection);
    error = shake_hands(server, &stream);
    tell(server, stream, error ? error : server->handler(stream, server->arg));
    sley_stream_free(stream);
    (void)sley_semaphore_release(&server->room);
    return 0;
}

/* 0, or why the stream has no task: then it is still ours. */
static int spawn(struct server *server, struct sley_stream *stream)
{
    struct sley_task_options task = {.name = server->options.name,
                                     .stack_size = server->options.stack_size};
    struct connection *connection = malloc(sizeof(*connection));
    int error;

    if (!connection)
        return SLEY_ENOMEM;
    *connection = (struct connection){server, stream};
    error = sley_scope_spawn(&server->scope, serve_one, connection, &task, NULL);
    if (error)
        free(connection);
    return error;
}

/* One connection: 0, or an error with which the loop ends. There is room for it. */
static int accept_one(struct server *server)
{
    struct sley_stream *stream;
    int error = sley_listener_accept(server->listener, &stream);

    if (!error) {
        error = spawn(server, stream);
        if (!error)
            return 0;
        tell(server, stream, error);
        sley_stream_free(stream);
    }
    (void)sley_semaphore_release(&server->room);
    return sley_accept_error_passes(error) ? sley_sleep(REST) : error;
}

/* A task: ends when the listener is closed, or with its scope. */
static int accept_loop(void *arg)
{
    struct server *server = arg;
    int error;

    do {
        error = sley_semaphore_acquire(&server->room);
        if (!error)
            error = accept_one(server);
    } while (!error);
    server->error = error;
    sley_listener_close(server->listener);
    return 0;
}

/* Waits for the close, and sees to the end; in the scope. */
static void oversee(struct server *server)
{
    int error = sley_event_wait(&server->listener->closed);

    if (error) /* all the others are cancelled, or late, as well */
        return;
    /* For the accept loop, if it waits for room: it will find the listener closed. */
    (void)sley_semaphore_release(&server->room);
    if (server->options.grace > 0)
        error = sley_scope_ask(&server->scope, server->options.grace, "the time of grace is over");
    else
        error = SLEY_ECANCELED;
    if (error)
        sley_scope_cancel(&server->scope, "the server stops");
}

static int run(struct server *server)
{
    struct sley_scope_options options = {.policy = SLEY_SCOPE_ALL, .discard = true};
    struct sley_task_options task = {.name = server->options.name};
    int closing, error = sley_scope_open(&server->scope, &options);

    if (error)
        return error;
    error = sley_scope_spawn(&server->scope, accept_loop, server, &task, NULL);
    if (!error)
        oversee(server);
    closing = sley_scope_close(&server->scope);
    if (error)
        return error;
    sley_listener_close(server->listener);
    error = sley__wait_check();
    if (error)
        return error;
    if (closing && closing != SLEY_ECANCELED) /* which is what the end of the grace looks like */
        return closing;
    return server->error == SLEY_ECLOSED || server->error == SLEY_ECANCELED ? 0 : server->error;
}

int sley_serve(struct sley_listener *listener, sley_serve_handler *handler, void *arg,
               const struct sley_serve_options *options)
{
    struct server server = {.listener = listener, .handler = handler, .arg = arg};
    int error = sley__wait_check();

    if (error)
        return error;
    if (!handler)
        return SLEY_EINVAL;
    if (options)
        server.options = *options;
    if (!server.options.grace)
        server.options.grace = GRACE;
    if (server.options.handshake_timeout <= 0)
        server.options.handshake_timeout = HANDSHAKE;
    if (!server.options.name)
        server.options.name = "serve";
    server.room = (struct sley_semaphore)SLEY_SEMAPHORE_INIT(
        most_connections(server.options.max_connections));
    return run(&server);
}
