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
 * A large body need not be in memory: a source gives what is sent, a sink takes what comes, both in
 * the task. Or the answer is pulled, piece by piece or line by line:
 *
 *     error = sley_http_open(client, url, NULL, &response);
 *     if (!error)
 *         SLEY_FOREACH (struct sley_http_piece, line, sley_http_lines(response))
 *             puts(line.data);
 *     sley_http_response_free(response);
 *
 * Only http and https are spoken, redirects included. Certificates are verified unless the client
 * was told otherwise. Proxies are taken from the environment (http_proxy, https_proxy, all_proxy,
 * no_proxy) as it is when the client is made, and it must not change while there is one; unless the
 * client has a proxy of its own or is told to use none. Names, those of proxies too, are resolved
 * by the runtime's resolver (dns.h), but for those that are not ASCII. HTTP/2 is spoken where a TLS
 * server offers it; then the transfers to one host share one connection.
 */
#ifndef SLEY_HTTP_H
#define SLEY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/iterator.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of connections and its settings. Owned by whoever called sley_http_client_new(), until
 * sley_http_client_free(); shared by any number of tasks of one runtime. */
struct sley_http_client;

/* An answer: complete, or from sley_http_open() with its body still to come. Owned by the caller
 * that received it, until sley_http_response_free(). */
struct sley_http_response;

/* What is big enough for every message in sley_http_options.error. */
#define SLEY_HTTP_ERROR_SIZE 256

enum sley_http_version {
    SLEY_HTTP_ANY = 0, /* HTTP/2 where the server offers it in the TLS handshake, else HTTP/1.1 */
    SLEY_HTTP_1_1,     /* HTTP/1.1 only */
    SLEY_HTTP_2_PRIOR  /* HTTP/2 without asking, also on connections without TLS. With libcurl 7.88,
                          which breaks otherwise, each request makes a connection of its own */
};

/* Zero in a field means its default. Copied by the call. */
struct sley_http_client_options {
    unsigned max_host_connections; /* open at once to one host and port; more transfers wait for
                                      one. Default: no limit */
    unsigned max_connections;      /* open at once in all. Default: no limit */
    unsigned max_idle_connections; /* kept open for later transfers. Default 256 */
    unsigned max_streams;          /* at once on one HTTP/2 connection. Default 100 */
    const char *user_agent;        /* default "sley/VERSION" */
    bool no_proxy;                 /* ignore the proxies of the environment */
    bool cookies;                  /* keep the cookies that servers set, as long as the client
                                      lives, and send them back */
    bool insecure;                 /* accept any certificate: only for tests */
    enum sley_http_version version;
    const char *proxy;           /* URL of a proxy for all requests: "http://127.0.0.1:3128",
                                    "https://...", "socks5h://...". Default: the environment's */
    const char *ca_file;         /* PEM file of the authorities that are trusted, instead of the
                                    system's */
    const char *certificate;     /* PEM file of a client certificate, and */
    const char *certificate_key; /* of its key; default: in the same file */
};

/* Receives a piece of the body. Runs in the task that made the request, may park and take its time:
 * the transfer is held up when its buffer is full (256 KiB; less if more than 16 transfers run), so
 * a slow sink slows the server down.
 * `size` is at least 1. Returns 0 to go on; a negative value ends the transfer, and is what the
 * request returns. */
typedef int sley_http_sink(const void *data, size_t size, void *arg);

/* Gives the next piece of a request's body: stores at most `size` bytes at `data` and returns how
 * many; 0 at the end; a negative value ends the transfer, and is what the request returns. Runs in
 * the task that made the request, may park and take its time. */
typedef int sley_http_source(void *data, size_t size, void *arg);

/* Has the source begin again. 0, or a negative value, which ends the transfer and is what the
 * request returns. As a source. */
typedef int sley_http_rewind(void *arg);

/* Zero in a field means its default. Everything pointed to is only used during the call;
 * sley_http_open() says what is used longer. */
struct sley_http_options {
    const char *method;         /* "HEAD", "POST", ...: default "GET", with a body "POST" */
    const char *const *headers; /* further header lines, "Name: value", NULL-terminated. "Name:"
                                   alone takes out a header that would be sent by default */
    const void *body;           /* what is sent with the request, and */
    size_t body_size;           /* its length. A body of length 0 is sent if `body` is not NULL */

    sley_http_source *source; /* or what gives the body piece by piece; not together with `body` */
    sley_http_rewind *rewind; /* begins it again: needed when a redirect asks for the body once
                                 more, or a kept connection turns out to be dead. NULL: it cannot,
                                 and such a request fails with SLEY_EPROTO */
    void *source_arg;         /* for both */
    uint64_t source_size;     /* the bytes that it will give: the request fails with SLEY_EINVAL if
                                 it gives fewer or more. 0: not known, sent in chunks */
    bool expect;              /* ask the server first whether it wants the body ("Expect:
                                 100-continue"), and wait up to a second for the answer */

    int max_redirects;       /* how many are followed: default 10, negative none (the 3xx answer
                                itself is then the response) */
    int64_t connect_timeout; /* ns for resolving a name and connecting, together; again for each
                                host that a redirect leads to. Default 30 s */
    int64_t idle_timeout;    /* ns without any byte of the answer, once the request was sent.
                                Default 60 s, negative: no limit */
    int64_t timeout;         /* ns for everything. Default: no limit but the task's deadline */

    sley_http_sink *sink; /* receives the body of the final answer, whatever its status. NULL:
                             it is kept in memory */
    void *sink_arg;
    size_t max_body; /* bytes of body, after decompression, that are accepted; more fails
                        with SLEY_EMSGSIZE. Default 64 MiB in memory, none for a sink and for
                        sley_http_open() */
    size_t max_line; /* bytes of a line that sley_http_next_line() hands out. Default 64 KiB */
    bool compressed; /* offer gzip, deflate and what else there is; unpacked on arrival */

    char *error; /* receives a sentence without a full stop if the call fails, such
                    as "connection to 127.0.0.1:8000 refused"; an empty string if it
                    succeeds. SLEY_HTTP_ERROR_SIZE bytes, or NULL */
};

/* Makes a client. No connection is opened yet.
 *   options  NULL for all defaults
 *   out      receives it; untouched on failure
 * Returns 0, or SLEY_EINVAL (a line break in the user agent, or no such version), SLEY_ENOMEM,
 * SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN (the I/O thread could not be started), SLEY_ENOSYS (this
 * libcurl cannot do what is asked for), SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK. Files are
 * looked at when the first connection is made. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_http_client_new(const struct sley_http_client_options *options,
                                     struct sley_http_client **out);

/* Closes its connections. No request may be running on it and none may follow; responses stay
 * valid. NULL is fine. It must happen before the runtime ends. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_http_client_free(struct sley_http_client *client);

/* Counters since the client was made. */
struct sley_http_stats {
    uint64_t transfers;      /* begun */
    uint64_t failed;         /* ended without a complete answer, cancelled ones included */
    uint64_t active;         /* running now */
    uint64_t connections;    /* opened */
    uint64_t open;           /* connections that are open now, idle ones included */
    uint64_t reused;         /* answers that came over a connection that was there already */
    uint64_t bytes_received; /* of bodies, before decompression */
    uint64_t bytes_sent;     /* of bodies */
};

/* Copies the counters; those of a transfer that has just ended may come a moment later. Any thread.
 * Never parks. Since 0.1. */
SLEY_EXPORT void sley_http_client_stats(const struct sley_http_client *client,
                                        struct sley_http_stats *stats);

/* Makes one request, with any method (options->method), and waits for the complete answer.
 *   options  NULL for all defaults: a GET of a body up to 64 MiB
 *   out      receives the answer, to be freed; untouched on failure; NULL if only success counts
 * Returns 0 when an answer is there, whatever its status, or
 *   SLEY_EINVAL        not an http or https URL, a malformed header, method or timeout, a body and
 *                      a source, or a source that gives more or less than it said
 *   SLEY_ENAME         the host name could not be resolved
 *   SLEY_ECONNREFUSED, SLEY_EHOSTUNREACH, SLEY_ENETUNREACH, SLEY_EADDRNOTAVAIL
 *                      there was no connection
 *   SLEY_ECONNRESET    the connection broke before the answer was complete
 *   SLEY_EPROTO        the server closed without an answer or in the middle of it, did not speak
 *                      HTTP, redirected too often or to another protocol, or asks for a body once
 *                      more that cannot be sent again
 *   SLEY_ETLS          the handshake or the certificate check failed
 *   SLEY_EMSGSIZE      the body is larger than max_body, a header is larger than 100 KiB, or all
 *                      headers together are larger than 256 KiB
 *   SLEY_ETIMEDOUT     one of the timeouts, or the task's deadline
 *   SLEY_ECANCELED     the task was cancelled
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOTASK
 *   what the sink or the source returned
 * A cancelled or late transfer is broken off at once. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_http_get(struct sley_http_client *client, const char *url,
                              const struct sley_http_options *options,
                              struct sley_http_response **out);

/* The same, but it returns as soon as the headers of the final answer are there; the body is then
 * taken with the calls below. A source, its rewind and their argument are used until the body has
 * ended, by those calls, because the request may still be on its way out. `sink` must be NULL.
 * Trailers are dropped. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_http_open(struct sley_http_client *client, const char *url,
                               const struct sley_http_options *options,
                               struct sley_http_response **out);

/* Some bytes of the body. A NUL byte follows that does not count. */
struct sley_http_piece {
    const char *data;
    size_t size;
};

/* Hands out the next bytes of the body of an answer that sley_http_open() gave: what has arrived,
 * at least one byte; or the next line, without its end ("\n" or "\r\n"), the last one also if it
 * has no end. Borrowed from the response until the next call on it. While nobody takes anything the
 * transfer is held up when its buffer is full (256 KiB; less if more than 16 transfers run), so
 * that in the end the server waits, and is not idle in the sense of idle_timeout; `timeout` goes
 * on.
 * 1, or 0 at the end of the body, or SLEY_EMSGSIZE (a longer line than max_line), SLEY_EINVAL (it
 * is not from sley_http_open()), or what sley_http_get() returns for a body that does not come to
 * its end; sley_http_response_error() has the sentence. After an error the same error again. One
 * task at a time. May park. Since 0.1. */
SLEY_EXPORT int sley_http_next(struct sley_http_response *response, struct sley_http_piece *piece);
SLEY_EXPORT int sley_http_next_line(struct sley_http_response *response,
                                    struct sley_http_piece *piece);

/* Copies the next bytes, at most `size`, to `buffer`: how many, at least 1 (0 if size is 0);
 * SLEY_EOF at the end of the body; else as sley_http_next(). From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_http_read(struct sley_http_response *response, void *buffer, size_t size);

/* The pieces or lines up to the end, for SLEY_FOREACH: struct sley_http_piece. Never parks; its
 * next() is one of the above. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_http_pieces(struct sley_http_response *response);
SLEY_EXPORT struct sley_iterator sley_http_lines(struct sley_http_response *response);

/* Why the body did not come to its end, as in sley_http_options.error; an empty string if it did,
 * or may yet. Borrowed. Since 0.1. */
SLEY_EXPORT const char *sley_http_response_error(const struct sley_http_response *response);

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

/* What a transfer took, in ns since it was begun: the moments at which the name was resolved, the
 * connection and the TLS handshake done, the first byte of the answer there, and everything. Of the
 * last request if there were redirects, but `total`. 0: did not happen, as on a connection that was
 * there already. */
struct sley_http_timing {
    int64_t name, connect, tls, first_byte, total;
    uint64_t bytes_received; /* of the body, before decompression */
    uint64_t bytes_sent;     /* of the body */
    int redirects;           /* that were followed */
    int version;             /* 10, 11 or 20 */
    bool reused;             /* all requests went over connections that were there already */
};

/* Of a complete answer; SLEY_EBUSY while its body is still to come. 0 otherwise. */
SLEY_EXPORT int sley_http_response_timing(const struct sley_http_response *response,
                                          struct sley_http_timing *timing);

/* All of the above on a response, from sley_http_response_status() on: any thread, but not while a
 * task is in one of the calls that take the body; never park. Since 0.1. */

/* Breaks the transfer off if its body is still to come. NULL is fine. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_http_response_free(struct sley_http_response *response);

#ifdef __cplusplus
}
#endif
#endif
