/*
 * tls.c: TLS as a stream. The contract is in <sley/tls.h>.
 *
 *     the program                      a task
 *         |  sley_stream_read()            |
 *     struct sley__tls                     |  SSL_read() takes from `in`, never waits (tls_bio.c)
 *         |                                |  nothing there: read below into `in`, and again
 *     the stream below                     |  what OpenSSL has written to `out` is sent
 *
 * OpenSSL is a machine that turns bytes into bytes; all waiting is done outside of it, by the calls
 * of the stream below. So cancel, deadline and close end a TLS call exactly as they end one below.
 *
 * Two tasks may use a stream, one in each direction, and OpenSSL's object bears only one at a time:
 * every call of it is made under the lock, for the few microseconds that a record takes. What it
 * writes, on behalf of the writer or of the reader (who must answer some messages), goes into `out`
 * in the order in which it must be sent. Whoever sends holds `sender`, a mutex that may be held
 * over a park, and takes all of `out` into `sending`. A send that is cancelled in the middle leaves
 * the rest in `sending`, because half a record can be neither taken back nor forgotten; the next
 * call goes on with it.
 *
 * A reader never waits for sending. Two ends that write much to each other, whose readers wait for
 * the other one to read, would wait for ever.
 *
 * An idle connection has no buffers of ours, and OpenSSL is told to give back its own.
 *
 * Rejected: a BIO that reads and writes the stream below. Its calls would park inside of OpenSSL,
 * with its locks held and its thread-locals in use. Rejected: the handshake on a thread of the
 * pool: it computes for a millisecond or two, and its deepest frame is far from the end of a task's
 * stack (tests/api/test_tls.c measures it).
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls_impl.h"

enum {
    RECORD = 16384,    /* bytes in a record, at most */
    PIECE = 17 * 1024, /* read from below at once: a record as it is sent */
    /* What may wait in `out`: the writer's record, and answers to a peer that asks for new keys and
     * does not read them. One that has let so many wait is up to no good. */
    OUTPUT_MAX = 64 * 1024,
};

static struct sley__tls *tls_of(const struct sley_stream *stream)
{
    return container_of(sley__layer_of(stream), struct sley__tls, layer);
}

static bool is_closed(struct sley__tls *tls)
{
    return load_relaxed(&tls->layer.closed); /* it is only asked whether */
}

/* --- sending ---------------------------------------------------------------------------------- */

static void take_output(struct sley__tls *tls)
{
    sley__lock_acquire(&tls->lock);
    tls->sending = tls->out;
    tls->out = (struct sley__tls_bytes){0};
    sley__lock_release(&tls->lock);
}

/* Sends what is there, while others may add to it. */
static int send_all(struct sley__tls *tls)
{
    int error = 0;

    while (!error) {
        size_t done = 0;

        if (!sley__tls_count(&tls->sending))
            take_output(tls);
        if (!sley__tls_count(&tls->sending))
            break;
        error = sley_stream_write(tls->layer.below, tls->sending.data + tls->sending.start,
                                  sley__tls_count(&tls->sending), &done);
        sley__tls_drop(&tls->sending, done);
    }
    return error;
}

static int flush(struct sley__tls *tls)
{
    int error = sley_mutex_lock(&tls->sender);

    if (error)
        return error;
    error = send_all(tls);
    sley_mutex_unlock(&tls->sender);
    return error;
}

/* Sends what can be sent without waiting: for a reader, who has something to say now and then (that
 * it has changed its keys, or why it gives up) but must not wait until the peer takes it, because
 * the peer may be waiting in the same way. What is left goes with the next write, which is when the
 * protocol needs it. Also without a task, when nobody else is there. */
static void send_now(struct sley__tls *tls)
{
    const struct sley__fd *fd = &tls->layer.below->fd;
    int count = 1;

    if (!(fd->traits & SLEY__IS_SOCKET) || sley__fd_closed(fd) || !sley_mutex_try(&tls->sender))
        return;
    while (count > 0) {
        if (!sley__tls_count(&tls->sending))
            take_output(tls);
        if (!sley__tls_count(&tls->sending))
            break;
        count = sley__sys_send(fd->fd, tls->sending.data + tls->sending.start,
                               sley__tls_count(&tls->sending));
        sley__tls_drop(&tls->sending, count > 0 ? (size_t)count : 0);
    }
    sley_mutex_unlock(&tls->sender);
}

/* --- OpenSSL, with the lock held -------------------------------------------------------------- */

/* What a call of OpenSSL has come to. */
enum outcome {
    DONE,
    NEEDS_INPUT,
    ENDED, /* the peer has said so */
    BROKEN,
    NO_MEMORY,
};

static enum outcome outcome_of(struct sley__tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
        return DONE;
    case SSL_ERROR_WANT_READ:
        return NEEDS_INPUT;
    case SSL_ERROR_ZERO_RETURN:
        return ENDED;
    default:
        tls->broken = true;
        return tls->no_memory ? NO_MEMORY : BROKEN;
    }
}

static enum outcome decrypt(struct sley__tls *tls, void *buffer, size_t size, size_t *count)
{
    int result;

    ERR_clear_error();
    if (tls->broken)
        return BROKEN;
    result = SSL_read_ex(tls->ssl, buffer, size, count);
    return outcome_of(tls, result);
}

static enum outcome encrypt(struct sley__tls *tls, const void *data, size_t size, size_t *count)
{
    int result;

    ERR_clear_error();
    if (tls->broken)
        return BROKEN;
    result = SSL_write_ex(tls->ssl, data, size < RECORD ? size : RECORD, count);
    return outcome_of(tls, result);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The one reader, and there was nothing in `in`: its memory is given back before a wait. */
static int fill(struct sley__tls *tls)
{
    bool room;
    int count, error = 0;

    if (sley__stream_must_wait(tls->layer.below)) {
        sley__lock_acquire(&tls->lock);
        if (!sley__tls_count(&tls->in))
            sley__tls_drop(&tls->in, 0);
        sley__lock_release(&tls->lock);
        error = sley__stream_await(tls->layer.below);
        if (error)
            return error;
    }
    sley__lock_acquire(&tls->lock);
    room = sley__tls_reserve(&tls->in, PIECE);
    sley__lock_release(&tls->lock);
    if (!room)
        return SLEY_ENOMEM;
    count = sley_stream_read(tls->layer.below, tls->in.data + tls->in.end, PIECE);
    if (count < 0)
        return count;
    sley__lock_acquire(&tls->lock);
    tls->in.end += (size_t)count;
    sley__lock_release(&tls->lock);
    return 0;
}

/* One look, and if there is nothing one read from below. 0: look again. */
static int read_some(struct sley__tls *tls, void *buffer, size_t size)
{
    enum outcome outcome;
    size_t count = 0, output;
    int error;

    sley__lock_acquire(&tls->lock);
    outcome = decrypt(tls, buffer, size, &count);
    output = sley__tls_count(&tls->out);
    sley__lock_release(&tls->lock);
    if (output)
        send_now(tls);
    if (output > OUTPUT_MAX)
        return SLEY_EPROTO;
    switch (outcome) {
    case DONE:
        return (int)count;
    case ENDED:
        return SLEY_EOF;
    case NO_MEMORY:
        return SLEY_ENOMEM;
    case BROKEN:
        return SLEY_EPROTO;
    default:
        error = fill(tls);
        return error == SLEY_EOF ? SLEY_EPROTO : error;
    }
}

/* True if no other task reads. */
static bool begin_reading(struct sley__tls *tls)
{
    bool free;

    sley__lock_acquire(&tls->lock);
    free = !tls->reading;
    tls->reading = true;
    sley__lock_release(&tls->lock);
    return free;
}

static void end_reading(struct sley__tls *tls)
{
    sley__lock_acquire(&tls->lock);
    tls->reading = false;
    sley__lock_release(&tls->lock);
}

static int tls_read(struct sley_stream *stream, void *buffer, size_t size)
{
    struct sley__tls *tls = tls_of(stream);
    int result = 0;

    if (is_closed(tls))
        return SLEY_ECLOSED;
    if (!begin_reading(tls))
        return SLEY_EBUSY;
    while (!result)
        result = read_some(tls, buffer, size < RECORD ? size : RECORD);
    end_reading(tls);
    if (result > 0)
        sley__wait_spend();
    return is_closed(tls) && result < 0 ? SLEY_ECLOSED : result;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_some(struct sley__tls *tls, const void *data, size_t size, size_t *count)
{
    enum outcome outcome;

    sley__lock_acquire(&tls->lock);
    outcome = encrypt(tls, data, size, count);
    sley__lock_release(&tls->lock);
    switch (outcome) {
    case DONE:
        return flush(tls);
    case NO_MEMORY:
        return SLEY_ENOMEM;
    case ENDED:
        return SLEY_EPIPE;
    default: /* input is never needed: there is no renegotiation */
        return SLEY_EPROTO;
    }
}

static int tls_write(struct sley_stream *stream, const void *data, size_t size, size_t *written)
{
    struct sley__tls *tls = tls_of(stream);
    int error = is_closed(tls) ? SLEY_ECLOSED : 0;

    /* What an earlier call could not send goes first, and nothing is added to it until then. */
    if (!error)
        error = flush(tls);
    while (!error && *written < size) {
        size_t count = 0;

        error = write_some(tls, (const char *)data + *written, size - *written, &count);
        *written += count;
    }
    return is_closed(tls) && error ? SLEY_ECLOSED : error;
}

/* --- ending ----------------------------------------------------------------------------------- */

static bool is_broken(struct sley__tls *tls)
{
    bool broken;

    sley__lock_acquire(&tls->lock);
    broken = tls->broken;
    sley__lock_release(&tls->lock);
    return broken;
}

/* The message that nothing more will come. True if it, or something else, waits to be sent. */
static bool say_goodbye(struct sley__tls *tls)
{
    bool output;

    sley__lock_acquire(&tls->lock);
    ERR_clear_error();
    if (!tls->broken && !(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) &&
        SSL_shutdown(tls->ssl) < 0)
        (void)outcome_of(tls, -1);
    ERR_clear_error();
    output = sley__tls_count(&tls->out) > 0;
    sley__lock_release(&tls->lock);
    return output;
}

static int tls_shutdown(struct sley_stream *stream)
{
    struct sley__tls *tls = tls_of(stream);
    int error = is_closed(tls) ? SLEY_ECLOSED : flush(tls);

    if (error)
        return error;
    if (is_broken(tls))
        return SLEY_EPROTO;
    (void)say_goodbye(tls);
    error = flush(tls);
    return is_closed(tls) && error ? SLEY_ECLOSED : error;
}

static void tls_close(struct sley_stream *stream)
{
    struct sley__tls *tls = tls_of(stream);

    store_relaxed(&tls->layer.closed, true);
    sley_stream_close(tls->layer.below);
}

static void destroy(struct sley__tls *tls)
{
    SSL_free(tls->ssl); /* and its BIO */
    ERR_clear_error();
    free(tls->in.data);
    free(tls->out.data);
    free(tls->sending.data);
    sley_tls_context_free(tls->context);
    free(tls);
}

/* The last word, if it can be said at once: nobody is there to wait. */
static void tls_free(struct sley_stream *stream)
{
    struct sley__tls *tls = tls_of(stream);
    struct sley_stream *below = tls->layer.below;

    if (!is_closed(tls) && say_goodbye(tls))
        send_now(tls);
    destroy(tls);
    sley_stream_free(below);
}

/* --- beginning -------------------------------------------------------------------------------- */

static struct sley__tls *tls_new(struct sley_tls_context *context, struct sley_stream *below)
{
    static const struct sley__layer_calls calls = {tls_read, tls_write, tls_shutdown, tls_close,
                                                   tls_free};
    struct sley__tls *tls = calloc(1, sizeof(*tls));
    BIO *bio;

    if (!tls)
        return NULL;
    sley__layer_init(&tls->layer, SLEY_STREAM_TLS, &calls, below);
    sley__tls_context_ref(context);
    tls->context = context;
    tls->ssl = SSL_new(context->ctx);
    bio = tls->ssl ? sley__tls_bio_new(tls) : NULL;
    if (!bio) {
        destroy(tls);
        return NULL;
    }
    SSL_set_bio(tls->ssl, bio, bio);
    return tls;
}

/* Whom the certificate must be for. 0, SLEY_EINVAL or SLEY_ENOMEM. */
static int set_host(struct sley__tls *tls, const char *host)
{
    struct sley__address numeric;
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);

    if (!host || !*host)
        return tls->context->insecure && !host ? 0 : SLEY_EINVAL;
    if (strlen(host) > 255)
        return SLEY_EINVAL;
    if (sley__address_numeric(&numeric, host, 0))
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? 0 : SLEY_EINVAL;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(tls->ssl, host) == 1 && SSL_set_tlsext_host_name(tls->ssl, host) == 1
               ? 0
               : SLEY_ENOMEM;
}

/* One step, which may compute for a millisecond. 1: it is done. */
static int step(struct sley__tls *tls, char *error)
{
    enum outcome outcome;

    ERR_clear_error();
    outcome = outcome_of(tls, SSL_do_handshake(tls->ssl));
    switch (outcome) {
    case DONE:
        return 1;
    case NEEDS_INPUT:
        return 0;
    case NO_MEMORY:
        return SLEY_ENOMEM;
    default:
        sley__tls_describe_handshake(error, tls->ssl);
        return SLEY_ETLS;
    }
}

static int handshake(struct sley__tls *tls, char *error)
{
    int sent, result = 0;

    while (!result) {
        result = step(tls, error);
        sent = flush(tls); /* also what tells the peer why it failed */
        if (sent && result >= 0)
            result = sent;
        if (!result)
            result = fill(tls);
        if (result == SLEY_EOF)
            result = SLEY_EPROTO;
        if (result < 0 && result != SLEY_ETLS)
            sley__tls_say(error,
                          result == SLEY_EPROTO
                              ? "the peer has ended the stream in the middle of the handshake"
                              : sley_strerror(result));
    }
    return result < 0 ? result : 0;
}

/* A stream that is about to shake hands; as long as that has not succeeded, `below` is not its. */
static int begin(struct sley_tls_context *context, struct sley_stream *below, char *error,
                 struct sley__tls **out)
{
    int status = sley__wait_check();

    if (!status && !(*out = tls_new(context, below)))
        status = SLEY_ENOMEM;
    if (status)
        sley__tls_say(error, sley_strerror(status));
    return status;
}

/* OpenSSL has the name without a NUL behind it. */
static void note_protocol(struct sley__tls *tls)
{
    const unsigned char *name;
    unsigned size;

    SSL_get0_alpn_selected(tls->ssl, &name, &size);
    if (size)
        memcpy(tls->protocol, name, size); /* at most 255 bytes */
}

static int finish(struct sley__tls *tls, int status, struct sley_stream **out)
{
    if (status) {
        destroy(tls);
        return status;
    }
    note_protocol(tls);
    *out = &tls->layer.stream;
    return 0;
}

int sley_tls_connect(struct sley_tls_context *context, struct sley_stream *below, const char *host,
                     char *error, struct sley_stream **out)
{
    struct sley__tls *tls;
    int status = sley__wait_check();

    if (!status && !context)
        status = sley__tls_default(error, &context);
    else if (!status && context->server)
        status = SLEY_EINVAL;
    if (status) {
        sley__tls_say(error, sley_strerror(status));
        return status;
    }
    status = begin(context, below, error, &tls);
    if (status)
        return status;
    SSL_set_connect_state(tls->ssl);
    status = set_host(tls, host);
    if (status)
        sley__tls_say(error, sley_strerror(status));
    else
        status = handshake(tls, error);
    return finish(tls, status, out);
}

int sley_tls_accept(struct sley_tls_context *context, struct sley_stream *below, char *error,
                    struct sley_stream **out)
{
    struct sley__tls *tls;
    int status;

    if (!context || !context->server) {
        sley__tls_say(error, sley_strerror(SLEY_EINVAL));
        return SLEY_EINVAL;
    }
    status = begin(context, below, error, &tls);
    if (status)
        return status;
    SSL_set_accept_state(tls->ssl);
    return finish(tls, handshake(tls, error), out);
}

/* --- what was agreed on ----------------------------------------------------------------------- */

static SSL *ssl_of(const struct sley_stream *stream)
{
    return stream->fd.kind == SLEY_STREAM_TLS ? tls_of(stream)->ssl : NULL;
}

const char *sley_tls_version(const struct sley_stream *stream)
{
    SSL *ssl = ssl_of(stream);

    return ssl ? SSL_get_version(ssl) : "";
}

const char *sley_tls_protocol(const struct sley_stream *stream)
{
    return ssl_of(stream) ? tls_of(stream)->protocol : "";
}

const char *sley_tls_host(const struct sley_stream *stream)
{
    SSL *ssl = ssl_of(stream);
    const char *host = ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;

    return host ? host : "";
}
