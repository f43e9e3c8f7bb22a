/*
 * tls_bio.c: where OpenSSL reads and writes.
 *
 * OpenSSL never touches the stream below: what it reads has come before, what it writes waits to be
 * sent. So no call of it ever parks, and that matters: it keeps its errors, its random numbers and
 * more in thread-locals, and a task that parks inside of it would come back on another thread. Its
 * own memory BIO would do, but keeps its memory for ever; these bytes have none while there are
 * none, so that an idle connection has no buffer.
 *
 * All of it runs with the stream's lock held, as every call of OpenSSL on it does.
 */
#include <stdlib.h>
#include <string.h>

#include "tls_impl.h"

enum { SMALLEST = 512 };

bool sley__tls_reserve(struct sley__tls_bytes *bytes, size_t more)
{
    size_t count = sley__tls_count(bytes), wanted = bytes->capacity ? bytes->capacity : SMALLEST;
    char *grown;

    if (bytes->capacity - bytes->end >= more)
        return true;
    if (bytes->start) {
        memmove(bytes->data, bytes->data + bytes->start, count);
        bytes->start = 0;
        bytes->end = count;
    }
    if (bytes->capacity - count >= more)
        return true;
    while (wanted - count < more)
        wanted *= 2;
    grown = realloc(bytes->data, wanted);
    if (!grown)
        return false;
    bytes->data = grown;
    bytes->capacity = wanted;
    return true;
}

void sley__tls_drop(struct sley__tls_bytes *bytes, size_t count)
{
    bytes->start += count;
    if (bytes->start < bytes->end)
        return;
    free(bytes->data);
    *bytes = (struct sley__tls_bytes){0};
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct sley__tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (!sley__tls_reserve(&tls->out, (size_t)size)) {
        tls->no_memory = true;
        return -1;
    }
    memcpy(tls->out.data + tls->out.end, data, (size_t)size);
    tls->out.end += (size_t)size;
    return size;
}

/* The reader may be filling the end of `in` at this moment; only its start is moved here, and the
 * memory is the reader's to give back. */
static int bio_read(BIO *bio, char *buffer, int size)
{
    struct sley__tls *tls = BIO_get_data(bio);
    size_t count = sley__tls_count(&tls->in);

    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (!count) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (count > (size_t)size)
        count = (size_t)size;
    memcpy(buffer, tls->in.data + tls->in.start, count);
    tls->in.start += count;
    return (int)count;
}

static long bio_control(BIO *bio UNUSED, int command, long number UNUSED, void *pointer UNUSED)
{
    return command == BIO_CTRL_FLUSH; /* all others: not known, or 0 */
}

BIO *sley__tls_bio_new(struct sley__tls *tls)
{
    BIO *bio = BIO_new(tls->context->method);

    if (!bio)
        return NULL;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

BIO_METHOD *sley__tls_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sley");

    if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
        BIO_meth_set_ctrl(method, bio_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}
