/*
 * tls_context.c: certificates, and what is asked of the peer's. The contract is in <sley/tls.h>.
 *
 * Files are read and parsed on a thread for files, with all that OpenSSL has to say about it. The
 * context of those who bring none, a client's with all defaults, is made once for the runtime by
 * the first of them: it is a service (wait.h), because there is no state outside of a runtime.
 *
 * Neither renegotiation nor compression; nothing below TLS 1.2. The ciphers are left to OpenSSL and
 * the system's administrator, who know better than a library that is not changed every year.
 */
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/blocking.h>

#include "tls_impl.h"

struct opening {
    const struct sley_tls_options *options;
    struct sley_tls_context *context;
    char error[SLEY_TLS_ERROR_SIZE];
};

static void destroy(struct sley_tls_context *context)
{
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->method);
    free(context->protocols);
    free(context);
}

void sley__tls_context_ref(struct sley_tls_context *context)
{
    fetch_add_relaxed(&context->refs, 1);
}

void sley_tls_context_free(struct sley_tls_context *context)
{
    /* Release for those who have used it, acquire for the one who destroys it. */
    if (context && fetch_sub_acq_rel(&context->refs, 1) == 1)
        destroy(context);
}

/* --- protocols -------------------------------------------------------------------------------- */

/* Turns the names into the form of the wire. 0, SLEY_EINVAL or SLEY_ENOMEM. */
static int set_protocols(struct sley_tls_context *context, const char *const *names)
{
    size_t size = 0, at = 0;

    for (const char *const *name = names; *name; name++) {
        size_t length = strlen(*name);

        if (length < 1 || length > UCHAR_MAX || (size += length + 1) > UINT16_MAX)
            return SLEY_EINVAL;
    }
    if (!size)
        return 0;
    context->protocols = malloc(size);
    if (!context->protocols)
        return SLEY_ENOMEM;
    for (const char *const *name = names; *name; name++) {
        size_t length = strlen(*name);

        context->protocols[at++] = (unsigned char)length;
        memcpy(context->protocols + at, *name, length);
        at += length;
    }
    context->protocols_size = (unsigned)size;
    return 0;
}

/* The server's choice of what the client offers. */
static int select_protocol(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *offered, unsigned offered_size, void *arg)
{
    const struct sley_tls_context *context = arg;
    unsigned char *chosen;

    if (SSL_select_next_proto(&chosen, out_size, context->protocols, context->protocols_size,
                              offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int use_protocols(struct sley_tls_context *context)
{
    if (!context->protocols)
        return 0;
    if (context->server)
        SSL_CTX_set_alpn_select_cb(context->ctx, select_protocol, context);
    else if (SSL_CTX_set_alpn_protos(context->ctx, context->protocols, context->protocols_size))
        return SLEY_ENOMEM;
    return 0;
}

/* --- files: on a thread ----------------------------------------------------------------------- */

static int failed(struct opening *opening, const char *what, const char *path)
{
    char sentence[SLEY_TLS_ERROR_SIZE];

    snprintf(sentence, sizeof(sentence), "%s %s", what, path);
    sley__tls_describe(opening->error, sentence);
    return SLEY_ETLS;
}

/* Without this OpenSSL asks on the terminal, and a thread waits for somebody who is not there. */
static int have_no_password(char *buffer UNUSED, int size UNUSED, int writes UNUSED, void *asked)
{
    *(bool *)asked = true;
    return 0;
}

static int failed_key(struct opening *opening, const char *path, bool asked)
{
    char sentence[SLEY_TLS_ERROR_SIZE];

    if (!asked)
        return failed(opening, "cannot use the key", path);
    snprintf(sentence, sizeof(sentence), "cannot use the key %s: the key is encrypted", path);
    sley__tls_say(opening->error, sentence);
    return SLEY_ETLS;
}

static int load_certificate(struct opening *opening)
{
    const struct sley_tls_options *options = opening->options;
    SSL_CTX *ctx = opening->context->ctx;
    bool asked = false;
    int done;

    if (!options->certificate_file)
        return 0;
    SSL_CTX_set_default_passwd_cb(ctx, have_no_password);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
    if (SSL_CTX_use_certificate_chain_file(ctx, options->certificate_file) != 1)
        return failed(opening, "cannot use the certificate", options->certificate_file);
    done = SSL_CTX_use_PrivateKey_file(ctx, options->key_file, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    return done == 1 ? 0 : failed_key(opening, options->key_file, asked);
}

static int load_trusted(struct opening *opening)
{
    const char *file = opening->options->ca_file;
    struct sley_tls_context *context = opening->context;

    if (file) {
        if (SSL_CTX_load_verify_file(context->ctx, file) != 1)
            return failed(opening, "cannot use the trusted certificates", file);
        if (context->server)
            SSL_CTX_set_client_CA_list(context->ctx, SSL_load_client_CA_file(file));
    } else if (!context->server && !context->insecure &&
               SSL_CTX_set_default_verify_paths(context->ctx) != 1) {
        return failed(opening, "cannot use", "the system's trusted certificates");
    }
    return 0;
}

static int verify_mode(const struct opening *opening)
{
    if (opening->context->server)
        return opening->options->ca_file ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                         : SSL_VERIFY_NONE;
    return opening->context->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
}

static int make_ctx(struct opening *opening)
{
    struct sley_tls_context *context = opening->context;
    SSL_CTX *ctx = SSL_CTX_new(context->server ? TLS_server_method() : TLS_client_method());

    if (!ctx)
        return SLEY_ENOMEM;
    context->ctx = ctx;
    context->method = sley__tls_method_new();
    if (!context->method || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"sley", 4) != 1)
        return SLEY_ENOMEM;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, verify_mode(opening), NULL);
    return use_protocols(context);
}

static int open_context(void *arg)
{
    struct opening *opening = arg;
    int error;

    ERR_clear_error();
    error = make_ctx(opening);
    if (!error)
        error = load_certificate(opening);
    if (!error)
        error = load_trusted(opening);
    ERR_clear_error();
    return error;
}

/* --- the calls -------------------------------------------------------------------------------- */

static int context_new(const struct sley_tls_options *options, bool server, char *error,
                       struct sley_tls_context **out)
{
    static const struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};
    struct opening opening = {.options = options};
    int result = 0, status;

    sley__tls_say(opening.error, "");
    opening.context = calloc(1, sizeof(*opening.context));
    if (!opening.context)
        return SLEY_ENOMEM;
    store_relaxed(&opening.context->refs, 1);
    opening.context->server = server;
    opening.context->insecure = options->insecure;
    status = options->protocols ? set_protocols(opening.context, options->protocols) : 0;
    if (!status)
        status = sley_to_thread_with(open_context, &opening, &files, &result);
    if (!status)
        status = result;
    if (status) {
        sley__tls_say(error, *opening.error ? opening.error : sley_strerror(status));
        destroy(opening.context);
    } else {
        *out = opening.context;
    }
    return status;
}

int sley_tls_client_new(const struct sley_tls_options *options, char *error,
                        struct sley_tls_context **out)
{
    static const struct sley_tls_options defaults;
    int status = sley__wait_check();

    if (!options)
        options = &defaults;
    if (!status && !options->certificate_file != !options->key_file)
        status = SLEY_EINVAL;
    if (!status)
        return context_new(options, false, error, out);
    sley__tls_say(error, sley_strerror(status));
    return status;
}

int sley_tls_server_new(const struct sley_tls_options *options, char *error,
                        struct sley_tls_context **out)
{
    int status = sley__wait_check();

    if (!status && (!options || !options->certificate_file || !options->key_file))
        status = SLEY_EINVAL;
    if (!status)
        return context_new(options, true, error, out);
    sley__tls_say(error, sley_strerror(status));
    return status;
}

/* --- the runtime's own ------------------------------------------------------------------------ */

struct service {
    struct sley__service service;
    struct sley_mutex mutex; /* protects the making of the next */
    struct sley_tls_context *context;
};

static void close_service(struct sley__service *service)
{
    struct service *own = container_of(service, struct service, service);

    sley_tls_context_free(own->context);
    free(own);
}

static int create_service(struct sley_runtime *runtime UNUSED, struct sley__service **out)
{
    struct service *own = calloc(1, sizeof(*own));

    if (!own)
        return SLEY_ENOMEM;
    own->service.close = close_service;
    *out = &own->service;
    return 0;
}

int sley__tls_default(char *error, struct sley_tls_context **out)
{
    struct sley__service *service;
    struct service *own;
    int status =
        sley__runtime_service(sley__wait_runtime(), SLEY__SERVICE_TLS, create_service, &service);

    if (status)
        return status;
    own = container_of(service, struct service, service);
    status = sley_mutex_lock(&own->mutex);
    if (status)
        return status;
    if (!own->context)
        status = sley_tls_client_new(NULL, error, &own->context);
    if (!status)
        *out = own->context;
    sley_mutex_unlock(&own->mutex);
    return status;
}
