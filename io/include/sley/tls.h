/*
 * sley/tls.h: TLS over any stream (stream.h), as a stream of the same type.
 *
 *     struct sley_stream *tcp, *tls;
 *     char why[SLEY_TLS_ERROR_SIZE];
 *     error = sley_tcp_connect("example.org", 443, NULL, &tcp);
 *     if (!error && (error = sley_tls_connect(NULL, tcp, "example.org", why, &tls)))
 *         fprintf(stderr, "%s\n", why);
 *
 * TLS 1.2 and 1.3, by OpenSSL. Who is talked to is verified unless one says otherwise.
 *
 * What is different from a stream without it: sley_stream_shutdown() tells the peer by TLS's own
 * message, so it may park; a stream that ends without that message, which somebody in between could
 * bring about, reads as SLEY_EPROTO, not as SLEY_EOF; so does one whose bytes were tampered with.
 * What a write that was cancelled counts as written may still be on its way: the next call sends
 * it. sley_stream_free() sends the message too, if that can be done at once.
 */
#ifndef SLEY_TLS_H
#define SLEY_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a sentence about a failure needs, with the NUL. */
#define SLEY_TLS_ERROR_SIZE 256

/* Certificates and what is to be asked of the peer's; for any number of streams at once. Owned by
 * whoever made it; streams keep it alive, so it may be freed when the last one has been made. */
struct sley_tls_context;

/* Zero in a field means its default. Copied by the call. */
struct sley_tls_options {
    /* PEM files: a certificate, with those between it and the root behind it, and its key, which
     * must not be encrypted: nobody is asked for a password. A server must have them; a client with
     * them shows who it is. */
    const char *certificate_file, *key_file;

    /* A PEM file with the certificates to be trusted. Default: a client trusts those of the system;
     * a server does not ask its clients for a certificate, with the file it insists on one. */
    const char *ca_file;

    /* A client that does not verify whom it talks to: anybody can be in between. */
    bool insecure;

    /* Names of protocols (ALPN), the preferred one first, then NULL: "h2", "http/1.1". A server
     * takes the first one of its own that the client has, and refuses clients that offer names of
     * which it has none. Default: none are offered, what is offered is ignored. */
    const char *const *protocols;
};

/* Makes a context for clients, or for servers.
 *   options  NULL for all defaults (clients only)
 *   error    receives a sentence when something is wrong, SLEY_TLS_ERROR_SIZE bytes; may be NULL
 *   out      receives the context; untouched on failure
 * Returns 0, or
 *   SLEY_ETLS     a file cannot be read or is not what it should be, or the key is encrypted or
 *                 another certificate's
 *   SLEY_EINVAL   a server without certificate or key, a certificate without its key, a name of a
 *                 protocol that is empty or longer than 255 bytes, or more than 64 KiB of them
 *   SLEY_ENOMEM, SLEY_EAGAIN (no thread), SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Parks (files are read). Since 0.1. */
SLEY_EXPORT int sley_tls_client_new(const struct sley_tls_options *options, char *error,
                                    struct sley_tls_context **out);
SLEY_EXPORT int sley_tls_server_new(const struct sley_tls_options *options, char *error,
                                    struct sley_tls_context **out);

/* NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_tls_context_free(struct sley_tls_context *context);

/* Makes the stream `below`, which is connected, one over TLS: shakes hands with the peer and
 * verifies it.
 *   context  NULL for a client: all defaults
 *   below    belongs to the new stream, and is freed with it; on failure it is still the caller's,
 *            of no more use but to be freed
 *   host     what the peer's certificate must be for: a name or a numeric address; the name is also
 *            told to the server (SNI). Must not be NULL, unless the context is an insecure one
 *   error    receives a sentence about why it failed, SLEY_TLS_ERROR_SIZE bytes; may be NULL
 *   out      receives the stream; untouched on failure
 * Returns 0, or
 *   SLEY_ETLS     no agreement, or the certificate was refused, by one side or the other
 *   SLEY_EPROTO   the peer has ended the stream in the middle, or does not speak TLS
 *   SLEY_EINVAL   the context is for the other side, or host is missing or no host
 *   SLEY_ENOMEM, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK, and the errors of
 *   sley_stream_read() and sley_stream_write()
 * From a task with a stack of at least 64 KiB, the default. Parks. Since 0.1. */
SLEY_EXPORT int sley_tls_connect(struct sley_tls_context *context, struct sley_stream *below,
                                 const char *host, char *error, struct sley_stream **out);
SLEY_EXPORT int sley_tls_accept(struct sley_tls_context *context, struct sley_stream *below,
                                char *error, struct sley_stream **out);

/* What was agreed on. All are "" for a stream of another kind, and live as long as the stream. Any
 * thread. Never park. Since 0.1. */
SLEY_EXPORT const char *sley_tls_version(const struct sley_stream *stream);  /* "TLSv1.3" */
SLEY_EXPORT const char *sley_tls_protocol(const struct sley_stream *stream); /* ALPN; "": none */
SLEY_EXPORT const char *sley_tls_host(const struct sley_stream *stream);     /* SNI; "": none */

#ifdef __cplusplus
}
#endif
#endif
