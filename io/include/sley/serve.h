/*
 * sley/serve.h: a server: a task per connection.
 *
 *     static int greet(struct sley_stream *stream, void *arg)
 *     {
 *         return sley_stream_write(stream, "hello\n", 6, NULL);
 *     }
 *
 *     error = sley_tcp_listen(":7000", NULL, &listener);
 *     if (!error)
 *         error = sley_serve(listener, greet, NULL, NULL);      until somebody closes the listener
 */
#ifndef SLEY_SERVE_H
#define SLEY_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/listener.h>
#include <sley/stream.h>
#include <sley/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Talks with one peer; runs as a task of its own. The stream is the server's: it is freed when the
 * handler returns. Its result is handed to `ended`, and is nothing to the server. */
typedef int sley_serve_handler(struct sley_stream *stream, void *arg);

/* Zero in a field means its default. Copied. */
struct sley_serve_options {
    size_t max_connections; /* served at once; more wait in the kernel's queue. Default 10,000, but
                               never more than the limit on open files leaves */
    int64_t grace;          /* ns that handlers have to come to an end once the listener is closed;
                               then they are cancelled. sley_scope_asked() is true in them from the
                               close on. Default 10 s; negative: none */
    const char *name;       /* of the tasks. Default "serve" */
    size_t stack_size;      /* of the tasks, as in struct sley_task_options */

    /* With it each connection is one over TLS: its task shakes hands before it calls the handler,
     * which gets the TLS stream and is never called if that fails (then `ended` is, with
     * SLEY_ETLS, SLEY_ETIMEDOUT and the like). Default: none. */
    struct sley_tls_context *tls;
    int64_t handshake_timeout; /* ns for that. Default 10 s */

    /* Called when a handler has returned, in its task, before the stream is freed; also with
     * SLEY_ENOMEM if there was no memory for the task: then in the server's, and the handler has
     * never run. It should not park. Default: nobody is told. */
    void (*ended)(struct sley_stream *stream, int result, void *arg);
};

/* Serves the listener: accepts, and calls handler(stream, arg) in a task for each connection, all
 * of them in one scope. Lacking descriptors or memory it rests for 10 ms and goes on; what had to
 * be refused meanwhile has been closed (see sley_listener_accept()). Ends
 *
 *   when the listener is closed, by any task or thread: no new connections, handlers have `grace`
 *   to end, then they are cancelled and waited for: returns 0;
 *
 *   when the calling task is cancelled or late: so are the handlers, at once, and they are waited
 *   for: returns SLEY_ECANCELED or SLEY_ETIMEDOUT;
 *
 *   when accepting fails for good: as if the listener had been closed, and returns the error.
 *
 * The listener stays the caller's; it is closed when this returns. Other errors: SLEY_EINVAL (no
 * handler), SLEY_ENOMEM, SLEY_ESHUTDOWN, SLEY_ENOTASK: nothing was done. From a task. Parks.
 * Since 0.1. */
SLEY_EXPORT int sley_serve(struct sley_listener *listener, sley_serve_handler *handler, void *arg,
                           const struct sley_serve_options *options);

#ifdef __cplusplus
}
#endif
#endif
