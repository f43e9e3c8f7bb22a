/*
 * sley/http.h: an HTTP client.
 *
 * A client holds connections that its transfers share; any number of tasks may use it at once. A
 * call sends one request, follows redirects, and parks the task until the response is complete (or,
 * with a sink, hands the body over piece by piece while it arrives).
 *
 * An answer with an error status (404, 500) is a success of the call: look at the status. The call
 * fails when there was no complete answer.
 *
 *     struct sley_http_client *client;
 *     struct sley_http_response *response;
 *     char why[SLEY_HTTP_ERROR_SIZE];
 *
 *     sley_http_client_new(NULL, &client);
 *     error = sley_http_get(client, "http://127.0.0.1:8000/flags/br/br.gif",
 *                           &(struct sley_http_options){.error = why}, &response);
 *     if (error)
 *         fprintf(stderr, "%s\n", why);
 *     else if (sley_http_response_status(response) == 200)
 *         save(sley_http_response_body(response), sley_http_response_size(response));
 *     sley_http_response_free(response);
 *     sley_http_client_free(client);
 *
 * Only http and https are spoken, redirects included. Certificates are verified. Proxies are taken
 * from the environment (http_proxy, https_proxy, no_proxy) unless the client's option says no.
 */
#ifndef SLEY_HTTP_H
#define SLEY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of connections and its settings. Owned by whoever called sley_http_client_new(), until
 * sley_http_client_free(); shared by any number of tasks of one runtime. */
struct sley_http_client;

/* A complete answer. Owned by the caller that received it, until sley_http_response_free(). */
struct sley_http_response;

/* What is big enough for every message in sley_http_options.error. */
#define SLEY_HTTP_ERROR_SIZE 256

/* Zero in a field means its default. Copied by the call. */
struct sley_http_client_options {
    unsigned max_host_connections; /* open at once to one host and port; more transfers wait for
                                      one. Default: no limit */
    unsigned max_connections;      /* open at once in all. Default: no limit */
    unsigned max_idle_connections; /* kept open for later transfers. Default 256 */
    const char *user_agent;        /* default "sley/VERSION" */
    bool no_proxy;                 /* ignore the proxies of the environment */
};

/* Receives a piece of the body. Runs in the task that made the request, may park and take its time:
 * the transfer is held up when its buffer (256 KiB) is full, so a slow sink slows the server down.
 * `size` is at least 1. Returns 0 to go on; a negative value ends the transfer, and is what the
 * request returns. */
typedef int sley_http_sink(const void *data, size_t size, void *arg);

/* Zero in a field means its default. Everything pointed to is only used during the call. */
struct sley_http_options {
    const char *method;         /* "HEAD", "POST", ...: default "GET", with a body "POST" */
    const char *const *headers; /* further header lines, "Name: value", NULL-terminated. "Name:"
                                   alone takes out a header that would be sent by default */
    const void *body;           /* what is sent with the request, and */
    size_t body_size;           /* its length. A body of length 0 is sent if `body` is not NULL */

    int max_redirects;       /* how many are followed: default 10, negative none (the 3xx answer
                                itself is then the response) */
    int64_t connect_timeout; /* ns for resolving and connecting. Default 30 s */
    int64_t idle_timeout;    /* ns without any byte of the answer, once the request was sent.
                                Default 60 s, negative: no limit */
    int64_t timeout;         /* ns for everything. Default: no limit but the task's deadline */

    sley_http_sink *sink; /* receives the body of the final answer, whatever its status. NULL:
                             it is kept in memory */
    void *sink_arg;
    size_t max_body; /* bytes of body, after decompression, that are accepted; more fails
                        with SLEY_EMSGSIZE. Default 64 MiB in memory, none for a sink */
    bool compressed; /* offer gzip, deflate and what else there is; unpacked on arrival */

    char *error; /* receives a sentence without a full stop if the call fails, such
                    as "connection to 127.0.0.1:8000 refused"; an empty string if it
                    succeeds. SLEY_HTTP_ERROR_SIZE bytes, or NULL */
};

/* Makes a client. No connection is opened yet.
 *   options  NULL for all defaults
 *   out      receives it; untouched on failure
 * Returns 0, or SLEY_EINVAL (a line break in the user agent), SLEY_ENOMEM, SLEY_EMFILE,
 * SLEY_ENFILE, SLEY_EAGAIN (the I/O thread could not be started), SLEY_ECANCELED, SLEY_ETIMEDOUT,
 * SLEY_ENOTASK. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_http_client_new(const struct sley_http_client_options *options,
                                     struct sley_http_client **out);

/* Closes its connections. No request may be running on it and none may follow; responses stay
 * valid. NULL is fine. It must happen before the runtime ends. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_http_client_free(struct sley_http_client *client);

/* Makes one request and waits for the complete answer.
 *   options  NULL for all defaults: a GET of a body up to 64 MiB
 *   out      receives the answer, to be freed; untouched on failure; NULL if only success counts
 * Returns 0 when an answer is there, whatever its status, or
 *   SLEY_EINVAL        not an http or https URL, or a malformed header, method or timeout
 *   SLEY_ENAME         the host name could not be resolved
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH, SLEY_EADDRNOTAVAIL
 *                      there was no connection
 *   SLEY_ECONNRESET    the connection broke before the answer was complete
 *   SLEY_EPROTO        the server closed without an answer or in the middle of it, did not speak
 *                      HTTP, redirected too often or to another protocol
 *   SLEY_ETLS          the handshake or the certificate check failed
 *   SLEY_EMSGSIZE      the body is larger than max_body, or a header is larger than 100 KiB
 *   SLEY_ETIMEDOUT     one of the timeouts, or the task's deadline
 *   SLEY_ECANCELED     the task was cancelled
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOTASK
 *   what the sink returned
 * A cancelled or late transfer is broken off at once. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_http_get(struct sley_http_client *client, const char *url,
                              const struct sley_http_options *options,
                              struct sley_http_response **out);

/* The status, 100 .. 999. */
SLEY_EXPORT int sley_http_response_status(const struct sley_http_response *response);

/* The value of the first header called `name` (in any case), without surrounding blanks; NULL if
 * there is none. Of the final answer, after redirects. Borrowed from the response. */
SLEY_EXPORT const char *sley_http_response_header(const struct sley_http_response *response,
                                                  const char *name);

/* Its headers in the order in which they came: the name and value number `index` from 0 on; false
 * past the last. Borrowed from the response. */
SLEY_EXPORT bool sley_http_response_header_at(const struct sley_http_response *response,
                                              size_t index, const char **name, const char **value);

/* The Content-Type as it was sent, or NULL; the URL that answered, after redirects. Borrowed. */
SLEY_EXPORT const char *sley_http_response_type(const struct sley_http_response *response);
SLEY_EXPORT const char *sley_http_response_url(const struct sley_http_response *response);

/* The body: never NULL, and a NUL byte follows it that does not count; empty if a sink took it.
 * Borrowed. The size is what is in memory; the byte count is that of the whole body, sink or not.
 */
SLEY_EXPORT const char *sley_http_response_body(const struct sley_http_response *response);
SLEY_EXPORT size_t sley_http_response_size(const struct sley_http_response *response);
SLEY_EXPORT uint64_t sley_http_response_bytes(const struct sley_http_response *response);

/* All of the above on a response: any thread, never park. Since 0.1. */

/* NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_http_response_free(struct sley_http_response *response);

#ifdef __cplusplus
}
#endif
#endif
