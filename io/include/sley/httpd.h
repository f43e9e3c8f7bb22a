/*
 * sley/httpd.h: an HTTP/1.1 server.
 *
 * Each request is handed to a handler, which runs as a task of its own and may park: sleep, read
 * files, make requests itself. The answer is sent when the handler returns.
 *
 *     static int hello(struct sley_httpd_request *request, struct sley_httpd_response *response,
 *                      void *arg)
 *     {
 *         if (strcmp(sley_httpd_request_path(request), "/") != 0)
 *             return sley_httpd_response_status(response, 404);
 *         sley_httpd_response_header(response, "Content-Type", "text/plain");
 *         return sley_httpd_response_body_static(response, "hello\n", 6);
 *     }
 *     ...
 *     sley_httpd_start(hello, NULL, &(struct sley_httpd_options){.port = 8000}, &server);
 */
#ifndef SLEY_HTTPD_H
#define SLEY_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A running server. Owned by whoever called sley_httpd_start(), until sley_httpd_free(). */
struct sley_httpd;

/* A request and its answer. They belong to the server and live until the handler returns. */
struct sley_httpd_request;
struct sley_httpd_response;

/* Answers one request. Returns 0 to have the response sent; a negative value sends a 500 with no
 * body instead. Runs as a task, concurrently with itself. When the server is freed while it runs,
 * the task is cancelled: calls that park return SLEY_ECANCELED. */
typedef int sley_httpd_handler(struct sley_httpd_request *request,
                               struct sley_httpd_response *response, void *arg);

/* Zero in a field means its default. Copied by the call. */
struct sley_httpd_options {
    const char *address;        /* numeric IPv4 or IPv6 address. Default "127.0.0.1" */
    uint16_t port;              /* default 0: a free one, which sley_httpd_port() tells */
    unsigned backlog;           /* connections that the kernel queues. Default 1024 */
    unsigned max_connections;   /* open at once; more wait in the kernel's queue. Default 10,000,
                                   but at most what the limit on open files leaves */
    size_t max_body;            /* bytes of a request's body; a larger one is answered with 413.
                                   Default 1 MiB */
    int64_t connection_timeout; /* ns without any byte from or to a client, handler's time not
                                   counted; rounded up to seconds. Default 30 s */
    const char *name;           /* the handlers' task name. Default "httpd" */
};

/* Starts a server on the runtime of the calling task.
 *   handler, arg  answers the requests; arg stays the caller's, until sley_httpd_free() returned
 *   options       NULL for all defaults
 *   out           receives the server; untouched on failure
 * Returns 0, or SLEY_EINVAL (no handler, or the address is not numeric), SLEY_EADDRINUSE,
 * SLEY_EADDRNOTAVAIL, SLEY_EACCES, SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN (the I/O
 * thread could not be started), SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK. From a task. May
 * park. Since 0.1. */
SLEY_EXPORT int sley_httpd_start(sley_httpd_handler *handler, void *arg,
                                 const struct sley_httpd_options *options, struct sley_httpd **out);

/* The port it listens on. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT uint16_t sley_httpd_port(const struct sley_httpd *server);

/* Stops it gently: no new connections from here on, idle ones are closed, running handlers may
 * finish. Waits until the last has, or until the calling task is late or cancelled.
 * 0 when all have finished and their answers are sent, or SLEY_ECANCELED, SLEY_ETIMEDOUT,
 * SLEY_ENOMEM, SLEY_ENOTASK; sley_httpd_free() is needed after any of them. From a task. Parks.
 * Since 0.1. */
SLEY_EXPORT int sley_httpd_stop(struct sley_httpd *server);

/* Stops it at once: handlers that still run are cancelled and waited for, also when the calling
 * task is itself cancelled; connections are closed, everything is freed. NULL is fine. From a task
 * that is not one of its handlers, while the runtime lives. Parks. Since 0.1. */
SLEY_EXPORT void sley_httpd_free(struct sley_httpd *server);

/* Counters since the start. */
struct sley_httpd_stats {
    uint64_t requests;    /* handed to the handler */
    uint64_t rejected;    /* answered without it: body too large, no task for it */
    uint64_t connections; /* open now */
    uint64_t running;     /* handlers running now */
};

/* Copies the counters. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_httpd_stats(const struct sley_httpd *server, struct sley_httpd_stats *stats);

/* --- the request: everything is borrowed from it. From the handler. Never parks. Since 0.1. ----
 */

/* "GET", "POST", as sent. */
SLEY_EXPORT const char *sley_httpd_request_method(const struct sley_httpd_request *request);

/* The path without the query, percent-decoded: "/flags/br/br.gif". Beware of ".." in it. */
SLEY_EXPORT const char *sley_httpd_request_path(const struct sley_httpd_request *request);

/* The first query argument called `name`, decoded: "" if it has no value, NULL if there is none. */
SLEY_EXPORT const char *sley_httpd_request_query(const struct sley_httpd_request *request,
                                                 const char *name);

/* The first header called `name`, in any case; NULL if there is none. */
SLEY_EXPORT const char *sley_httpd_request_header(const struct sley_httpd_request *request,
                                                  const char *name);

/* The body and, in *size, its length; never NULL. */
SLEY_EXPORT const void *sley_httpd_request_body(const struct sley_httpd_request *request,
                                                size_t *size);

/* The client's address, "127.0.0.1:50123". */
SLEY_EXPORT const char *sley_httpd_request_peer(const struct sley_httpd_request *request);

/* --- the response: status 200, no headers, empty body unless said. From the handler. Never parks.
 *     Since 0.1. --------------------------------------------------------------------------------*/

/* Sets the status. 0, or SLEY_EINVAL if it is not 200 .. 599. */
SLEY_EXPORT int sley_httpd_response_status(struct sley_httpd_response *response, int status);

/* Adds a header; name and value are copied. 0, SLEY_ENOMEM, or SLEY_EINVAL (malformed, or one that
 * the server sets itself: Content-Length, Transfer-Encoding). */
SLEY_EXPORT int sley_httpd_response_header(struct sley_httpd_response *response, const char *name,
                                           const char *value);

/* Sets the body: a copy; or borrowed, to stay as it is until the server is freed; or handed over,
 * to be released with release(data) when it has been sent, also if the call fails. A later call
 * replaces the body. 0 or SLEY_ENOMEM. */
SLEY_EXPORT int sley_httpd_response_body_copy(struct sley_httpd_response *response,
                                              const void *data, size_t size);
SLEY_EXPORT int sley_httpd_response_body_static(struct sley_httpd_response *response,
                                                const void *data, size_t size);
SLEY_EXPORT int sley_httpd_response_body_owned(struct sley_httpd_response *response, void *data,
                                               size_t size, void (*release)(void *data));

/* For servers that fail on purpose. Abort: the connection is closed without any answer. Truncate:
 * the headers announce the whole body, but the connection is closed after its first `size` bytes.
 */
SLEY_EXPORT void sley_httpd_response_abort(struct sley_httpd_response *response);
SLEY_EXPORT void sley_httpd_response_truncate(struct sley_httpd_response *response, size_t size);

#ifdef __cplusplus
}
#endif
#endif
