/*
 * tls_impl.h: what the files of TLS share. tls.c has the overview.
 */
#ifndef SLEY_TLS_IMPL_H
#define SLEY_TLS_IMPL_H

#include <openssl/ssl.h>

#include <sley/sync.h>
#include <sley/tls.h>

#include "stream_impl.h"

struct sley_tls_context {
    atomic(uint32_t) refs; /* the owner, each stream */
    SSL_CTX *ctx;
    BIO_METHOD *method; /* of the streams' BIOs */
    bool server, insecure;
    unsigned char *protocols; /* as ALPN writes them: each with its length before it; NULL: none */
    unsigned protocols_size;
};

/* Bytes on their way between OpenSSL and the stream below. {0} is an empty one, without memory. */
struct sley__tls_bytes {
    char *data;
    size_t start, end, capacity;
};

static inline size_t sley__tls_count(const struct sley__tls_bytes *bytes)
{
    return bytes->end - bytes->start;
}

/* Room for `more` bytes behind the end; false: no memory. */
MUST_USE bool sley__tls_reserve(struct sley__tls_bytes *bytes, size_t more);
/* The first `count` are done with; when none is left the memory goes. */
void sley__tls_drop(struct sley__tls_bytes *bytes, size_t count);

/* A stream over TLS. */
struct sley__tls {
    struct sley__layer layer;
    struct sley_tls_context *context;
    char protocol[256]; /* ALPN; constant after the handshake */

    struct sley__lock lock; /* protects the next six */
    SSL *ssl;
    struct sley__tls_bytes in;  /* came from below; the reader fills, OpenSSL takes */
    struct sley__tls_bytes out; /* made by OpenSSL */
    bool reading;               /* a task is at it: it alone touches the end of `in` */
    bool broken;                /* OpenSSL is not to be asked again */
    bool no_memory;             /* why OpenSSL could not write */

    struct sley_mutex sender;       /* protects the next */
    struct sley__tls_bytes sending; /* taken from `out`, in order */
};

/* tls_bio.c: the place where OpenSSL reads and writes: `in` and `out` of a stream. NULL: no memory.
 * Any thread. */
BIO *sley__tls_bio_new(struct sley__tls *tls);
BIO_METHOD *sley__tls_method_new(void);

/* tls_error.c. Each must be called by the one who has called OpenSSL, before the task may park:
 * what OpenSSL knows of an error is the thread's. */

/* A sentence about what has gone wrong, "WHAT: REASON", into `text` (SLEY_TLS_ERROR_SIZE bytes, or
 * NULL), and the reasons forgotten. */
void sley__tls_describe(char *text, const char *what);
/* The same about a handshake: the certificate's reason, if that was it. */
void sley__tls_describe_handshake(char *text, SSL *ssl);
/* A sentence of ours. */
void sley__tls_say(char *text, const char *sentence);

/* tls_context.c */
void sley__tls_context_ref(struct sley_tls_context *context);
/* The runtime's context for clients with all defaults, which is not the caller's. Errors as
 * sley_tls_client_new(). From a task. May park. */
MUST_USE int sley__tls_default(char *error, struct sley_tls_context **out);

#endif
