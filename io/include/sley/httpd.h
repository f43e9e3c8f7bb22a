/*
 * sley/httpd.h: an HTTP/1.1 server.
 *
 * Each connection is a task. It reads a request, calls a handler, which may park (sleep, read
 * files, make requests itself), and sends the answer when that returns; or the handler writes the
 * body itself, piece by piece. Requests on one connection are answered one after the other.
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
 *
 * Or a table says which handler answers what:
 *
 *     static const struct sley_httpd_route routes[] = {
 *         {.method = "GET", .path = "/users/{id}", .handler = show_user},
 *         {.method = "PUT", .path = "/pictures/{id}", .handler = take_picture, .stream = true},
 *         {.method = "GET", .path = "/files/{path...}", .handler = send_file},
 *         {.handler = NULL},
 *     };
 *     sley_httpd_start(NULL, NULL, &(struct sley_httpd_options){.routes = routes}, &server);
 *
 * Requests are read strictly (RFC 9112): a malformed one is answered with 400 and the end of the
 * connection, one whose head or body is too large with 431, 414 or 413, one that is too slow with
 * 408.
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

struct sley_tls_context; /* tls.h */

/* Answers one request. Returns 0 to have the response sent; a negative value sends a 500 with no
 * body instead, or breaks the connection off if the handler has begun to write the body. Runs in
 * its connection's task, concurrently with itself on others; a deadline that it narrows is put
 * back. When the server is freed while it runs, the task is cancelled: calls that park return
 * SLEY_ECANCELED. */
typedef int sley_httpd_handler(struct sley_httpd_request *request,
                               struct sley_httpd_response *response, void *arg);

/* What a handler is for. A pattern (names are of letters, digits and "_") is a path of literal
 * segments, {name}, which takes one segment that is not empty, and at its end {name...}, which
 * takes the rest, also an empty one. The most exact pattern wins: in each segment a literal before
 * a name before a rest. Where the path fits and the method does not the answer is 405 with the
 * methods that there are in "Allow" (to an OPTIONS, 204); where nothing fits it is the server's
 * handler, or 404. A HEAD is answered by GET's handler if it has none of its own. */
struct sley_httpd_route {
    const char *method; /* "GET", ...: NULL for any */
    const char *path;   /* "/users/{id}" */
    sley_httpd_handler *handler;
    void *arg;
    bool stream;     /* the handler reads the body itself: sley_httpd_request_read() */
    size_t max_body; /* as in the options; default: what is there */
};

/* A line for an access log. Borrowed during the call. */
struct sley_httpd_entry {
    const char *method, *target; /* as sent; "" if the request could not be read */
    const char *peer;            /* "127.0.0.1:50123"; "unknown" if it was gone at once */
    int status;                  /* 0: aborted */
    int error;                   /* 0, or why the answer did not get through whole */
    uint64_t bytes;              /* sent, heads included */
    int64_t duration;            /* ns from the complete head to the last byte of the answer */
};

/* Called after each answer. In the connection's task, concurrently with itself; may park, which
 * delays the next request of that connection. */
typedef void sley_httpd_log(const struct sley_httpd_entry *entry, void *arg);

/* Zero in a field means its default. Copied by the call, the routes' texts included; their
 * handlers' args stay the caller's until sley_httpd_free() returned. */
struct sley_httpd_options {
    const char *address;        /* numeric IPv4 or IPv6 address. Default "127.0.0.1" */
    uint16_t port;              /* default 0: a free one, which sley_httpd_port() tells */
    unsigned backlog;           /* connections that the kernel queues. Default 1024 */
    unsigned max_connections;   /* open at once; more wait in the kernel's queue. Default 10,000,
                                   but at most what the limit on open files leaves */
    size_t max_header;          /* bytes of a request's head, at least 256. Default 16 KiB; also at
                                   most 100 header lines */
    size_t max_body;            /* bytes of a request's body; a larger one is answered with 413.
                                   Default 1 MiB */
    int64_t header_timeout;     /* ns from the first byte of a head to its last, however many come
                                   in between. Default 20 s */
    int64_t connection_timeout; /* ns without any byte from or to a client, handler's time not
                                   counted; the empty lines that a client may send before a
                                   request are none. Default 30 s */
    int64_t min_rate;           /* bytes/s that a body, in either direction, must move at on the
                                   average, over the time that was waited for it; the first
                                   connection_timeout is allowed in addition.
                                   Default 240, negative: none */
    bool stream;                /* handlers read the bodies themselves; with routes, those without
                                   a route */
    const struct sley_httpd_route *routes; /* ended by one without a handler; or NULL */
    sley_httpd_log *log;
    void *log_arg;

    /* HTTPS, with the first two: PEM files with the certificate, those between it and the root
     * behind it, and with its key; HTTP/1.1 is offered by ALPN. Or with a context of the caller's
     * (sley_tls_server_new()), who may ask clients for certificates with it and is told what is
     * wrong with a file; it stays the caller's, until sley_httpd_free() returned. A client that
     * agrees on another protocol than "http/1.1", or that is not done with the handshake within
     * header_timeout, is hung up on. Tasks need stacks of at least 64 KiB then, which is the
     * default of a runtime. Default: plain HTTP. */
    const char *certificate_file, *key_file;
    struct sley_tls_context *tls;
    const char *name; /* the connections' task name. Default "httpd" */
};

/* Starts a server on the runtime of the calling task.
 *   handler, arg  answers the requests that no route fits; arg stays the caller's, until
 *                 sley_httpd_free() returned. NULL if there are routes
 *   options       NULL for all defaults
 *   out           receives the server; untouched on failure
 * Returns 0, or SLEY_EINVAL (neither handler nor routes, a malformed pattern, two routes for the
 * same, the address is not numeric, a certificate without its key, or both files and a context),
 * SLEY_ETLS (a file cannot be read, is not what it should be, or the key is
 * encrypted or another certificate's), SLEY_EADDRINUSE, SLEY_EADDRNOTAVAIL, SLEY_EACCES,
 * SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN (the I/O thread could not be started),
 * SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_httpd_start(sley_httpd_handler *handler, void *arg,
                                 const struct sley_httpd_options *options, struct sley_httpd **out);

/* The port it listens on. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT uint16_t sley_httpd_port(const struct sley_httpd *server);

/* Stops it gently: no new connections from here on, idle ones are closed, requests that have begun
 * are answered, as the last of their connections. Waits until the last is, or until the calling
 * task is late or cancelled.
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
    uint64_t rejected;    /* answered without it: malformed, too large, too slow, no route */
    uint64_t connections; /* open now */
    uint64_t running;     /* handlers running now */
};

/* Copies the counters. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_httpd_stats(const struct sley_httpd *server, struct sley_httpd_stats *stats);

/* --- the request: everything is borrowed from it. From the handler. Never parks unless it is said.
 *     Since 0.1. --------------------------------------------------------------------------------*/

/* "GET", "POST", as sent. */
SLEY_EXPORT const char *sley_httpd_request_method(const struct sley_httpd_request *request);

/* The path without the query, percent-decoded: "/flags/br/br.gif". Beware of ".." in it. */
SLEY_EXPORT const char *sley_httpd_request_path(const struct sley_httpd_request *request);

/* What the route's pattern calls {name}, decoded, or NULL. Beware of "/" and ".." in it. */
SLEY_EXPORT const char *sley_httpd_request_param(const struct sley_httpd_request *request,
                                                 const char *name);

/* The first query argument called `name`, decoded: "" if it has no value, NULL if there is none.
 * And the argument number `index`, in their order; false past the last. At most 1,000. What cannot
 * be decoded, "100%", is as it was sent; with an encoded NUL in path or query it is never a
 * handler's request: the answer is a 400. */
SLEY_EXPORT const char *sley_httpd_request_query(const struct sley_httpd_request *request,
                                                 const char *name);
SLEY_EXPORT bool sley_httpd_request_query_at(const struct sley_httpd_request *request, size_t index,
                                             const char **name, const char **value);

/* The same of the fields of a form that was sent as the body, as
 * application/x-www-form-urlencoded, and is in memory. */
SLEY_EXPORT const char *sley_httpd_request_field(const struct sley_httpd_request *request,
                                                 const char *name);
SLEY_EXPORT bool sley_httpd_request_field_at(const struct sley_httpd_request *request, size_t index,
                                             const char **name, const char **value);

/* The first header called `name`, in any case; NULL if there is none. And number `index`. The Host
 * of a request for "http://host/path" is the one in that. */
SLEY_EXPORT const char *sley_httpd_request_header(const struct sley_httpd_request *request,
                                                  const char *name);
SLEY_EXPORT bool sley_httpd_request_header_at(const struct sley_httpd_request *request,
                                              size_t index, const char **name, const char **value);

/* The body and, in *size, its length; never NULL. Empty if the handler reads it itself. */
SLEY_EXPORT const void *sley_httpd_request_body(const struct sley_httpd_request *request,
                                                size_t *size);

/* The client's address, "127.0.0.1:50123"; "unknown" if it is gone and nobody has asked before. */
SLEY_EXPORT const char *sley_httpd_request_peer(const struct sley_httpd_request *request);

/* Reads the body, where the route or the server says that the handler does: what is there, at least
 * one byte, at most `size`: how many (0 if size is 0), SLEY_EOF at its end, SLEY_EMSGSIZE (larger
 * than max_body), SLEY_EPROTO (malformed), SLEY_ECONNRESET (the client is gone), SLEY_ETIMEDOUT
 * (too slow, or the task's deadline), SLEY_ECANCELED, SLEY_EINVAL (not such a route), SLEY_ENOMEM.
 * What is left when the handler returns is dropped, or if it is much the connection is closed.
 * Parks. */
SLEY_EXPORT int sley_httpd_request_read(struct sley_httpd_request *request, void *data,
                                        size_t size);

/* A part of a multipart/form-data body; the texts are borrowed until the next one is asked for. */
struct sley_httpd_part {
    const char *name;
    const char *filename; /* as the client calls it, or NULL. Beware of it */
    const char *type;     /* Content-Type, or NULL */
};

/* Goes on to the next part of such a body, in memory or read as it comes: 1, 0 behind the last, or
 * SLEY_EINVAL (it is none), SLEY_EPROTO (malformed), SLEY_EMSGSIZE (a part's head is larger than 16
 * KiB, or more than 1,000 parts), SLEY_ENOMEM, or as sley_httpd_request_read(). May park. */
SLEY_EXPORT int sley_httpd_request_part(struct sley_httpd_request *request,
                                        struct sley_httpd_part *part);

/* Reads the part that the call above has come to: how many bytes, SLEY_EOF at its end, or an error
 * as above. May park. */
SLEY_EXPORT int sley_httpd_request_part_read(struct sley_httpd_request *request, void *data,
                                             size_t size);

/* --- the response: status 200, no headers, empty body unless said. From the handler. Never parks.
 *     Since 0.1. --------------------------------------------------------------------------------*/

/* Sets the status. 0, or SLEY_EINVAL if it is not 200 .. 599. */
SLEY_EXPORT int sley_httpd_response_status(struct sley_httpd_response *response, int status);

/* Adds a header; name and value are copied. 0, SLEY_ENOMEM, or SLEY_EINVAL (malformed, or one that
 * the server sets itself: Content-Length, Transfer-Encoding, Connection). */
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

/* Says how many bytes the handler will write, before its first write; then they are not sent in
 * chunks. One that writes fewer has its connection broken off; one that writes nothing, and has set
 * no body instead, is answered for with 500, but that to a HEAD the length is the answer. 0, or
 * SLEY_EINVAL (too late). */
SLEY_EXPORT int sley_httpd_response_length(struct sley_httpd_response *response, uint64_t size);

/* Sends the next piece of the body; the first one sends the status and the headers, too, and a body
 * that was set is dropped. Parks while the client does not take what was sent before. Each call is
 * at least one packet: gather small pieces. 0 (also where nothing may be sent, as the answer to a
 * HEAD), or SLEY_EPIPE, SLEY_ECONNRESET (the client is gone), SLEY_ETIMEDOUT (too slow, or the
 * task's deadline), SLEY_ECANCELED, SLEY_EMSGSIZE (more than was announced), SLEY_ECLOSED
 * (aborted), SLEY_ENOMEM. After an error the same again, and the handler may as well return: the
 * connection is broken off, or, if nothing was sent yet, the answer is a 500. Parks. */
SLEY_EXPORT int sley_httpd_response_write(struct sley_httpd_response *response, const void *data,
                                          size_t size);

/* For servers that fail on purpose. Abort: the connection is closed without any answer. Truncate:
 * the headers announce the whole body, but the connection is closed after its first `size` bytes.
 */
SLEY_EXPORT void sley_httpd_response_abort(struct sley_httpd_response *response);
SLEY_EXPORT void sley_httpd_response_truncate(struct sley_httpd_response *response, size_t size);

#ifdef __cplusplus
}
#endif
#endif
