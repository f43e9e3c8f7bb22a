/*
 * http_server_response.c: the answer, as the handler describes it, and in libmicrohttpd's form.
 *
 * The handler may call in any order and change its mind, so its calls only fill in a struct. When
 * it has returned, still on its worker, the daemon's response is built from it: that costs a few
 * allocations which the I/O thread need not do.
 */
#include "http_server_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void release_body(struct sley_httpd_response *response)
{
    if (response->kind == SLEY__HTTPD_OWNED)
        response->release(response->data);
    response->kind = SLEY__HTTPD_STATIC;
    response->data = NULL;
    response->size = 0;
}

void sley__httpd_response_clear(struct sley_httpd_response *response)
{
    release_body(response);
    free(response->headers);
    response->headers = NULL;
    response->headers_size = 0;
    response->truncated = false;
}

int sley_httpd_response_status(struct sley_httpd_response *response, int status)
{
    if (status < 200 || status > 599)
        return SLEY_EINVAL;
    response->status = status;
    return 0;
}

static bool is_header_name(const char *name)
{
    static const char *const reserved[] = {"Content-Length", "Transfer-Encoding"};

    if (!*name || strpbrk(name, " \t\r\n:"))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(reserved); i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return false;
    return true;
}

int sley_httpd_response_header(struct sley_httpd_response *response, const char *name,
                               const char *value)
{
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    char *headers;

    if (!is_header_name(name) || strpbrk(value, "\r\n"))
        return SLEY_EINVAL;
    headers = realloc(response->headers, response->headers_size + name_size + value_size);
    if (!headers)
        return SLEY_ENOMEM;
    memcpy(headers + response->headers_size, name, name_size);
    memcpy(headers + response->headers_size + name_size, value, value_size);
    response->headers = headers;
    response->headers_size += name_size + value_size;
    return 0;
}

int sley_httpd_response_body_copy(struct sley_httpd_response *response, const void *data,
                                  size_t size)
{
    void *copy = malloc(size ? size : 1);

    if (!copy)
        return SLEY_ENOMEM;
    if (size)
        memcpy(copy, data, size);
    return sley_httpd_response_body_owned(response, copy, size, free);
}

int sley_httpd_response_body_static(struct sley_httpd_response *response, const void *data,
                                    size_t size)
{
    release_body(response);
    response->data = (void *)(uintptr_t)data;
    response->size = size;
    return 0;
}

int sley_httpd_response_body_owned(struct sley_httpd_response *response, void *data, size_t size,
                                   void (*release)(void *data))
{
    release_body(response);
    response->kind = SLEY__HTTPD_OWNED;
    response->data = data;
    response->size = size;
    response->release = release;
    return 0;
}

void sley_httpd_response_abort(struct sley_httpd_response *response)
{
    response->abort = true;
}

void sley_httpd_response_truncate(struct sley_httpd_response *response, size_t size)
{
    response->truncated = true;
    response->truncate_at = size;
}

/* --- in the daemon's form -------------------------------------------------------------------- */

/* A body that ends too early: it outlives the request, so it has its own memory. */
struct stump {
    size_t size;
    char data[];
};

static ssize_t read_stump(void *cls, uint64_t position, char *buffer, size_t room)
{
    struct stump *stump = cls;
    size_t left = stump->size - (size_t)position;

    if (!left)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left > room)
        left = room;
    memcpy(buffer, stump->data + position, left);
    return (ssize_t)left;
}

static struct MHD_Response *build_truncated(struct sley_httpd_response *response)
{
    size_t size = response->truncate_at < response->size ? response->truncate_at : response->size;
    struct stump *stump = malloc(sizeof(*stump) + size);
    struct MHD_Response *built;

    if (!stump)
        return NULL;
    stump->size = size;
    if (size)
        memcpy(stump->data, response->data, size);
    built = MHD_create_response_from_callback(response->size, 16 * 1024, read_stump, stump, free);
    if (!built)
        free(stump);
    return built;
}

static struct MHD_Response *build_body(struct sley_httpd_response *response)
{
    struct MHD_Response *built;

    if (response->truncated && response->size)
        return build_truncated(response);
    if (response->kind != SLEY__HTTPD_OWNED)
        return MHD_create_response_from_buffer(
            response->size, response->data ? response->data : (void *)(uintptr_t) "",
            MHD_RESPMEM_PERSISTENT);
    built = MHD_create_response_from_buffer_with_free_callback(response->size, response->data,
                                                               response->release);
    if (built) /* the body is the daemon's now */
        response->kind = SLEY__HTTPD_STATIC;
    return built;
}

struct MHD_Response *sley__httpd_response_build(struct sley_httpd_response *response)
{
    struct MHD_Response *built = build_body(response);
    const char *name = response->headers, *end = name + response->headers_size;

    while (built && name < end) {
        const char *value = name + strlen(name) + 1;

        if (MHD_add_response_header(built, name, value) != MHD_YES) {
            MHD_destroy_response(built);
            return NULL;
        }
        name = value + strlen(value) + 1;
    }
    return built;
}
