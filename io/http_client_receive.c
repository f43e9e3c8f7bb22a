/*
 * http_client_receive.c: what libcurl calls back with: bytes, and sockets to open and close.
 * I/O thread only, all of it.
 *
 * Without a sink the body grows in memory, without the lock: the task sleeps until the end. With a
 * sink there is a bounded buffer between the I/O thread and the task. When it is full curl is told
 * to pause, which stops reading from the socket, so that in the end the server waits; the task
 * takes the whole buffer out at once and asks for more.
 */
#define _GNU_SOURCE
#include "http_client_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef SLEY_HOSTILE
enum { SINK_BUFFER = 20 * 1024, HEADERS_MAX = 256 * 1024, BUFFER_START = 2 };
#else
enum {
    SINK_BUFFER = 256 * 1024, /* bytes between the I/O thread and a sink */
    HEADERS_MAX = 256 * 1024, /* bytes of all headers of one answer */
    BUFFER_START = 4096,
};
#endif

bool sley__http_buffer_reserve(struct sley__http_buffer *buffer, size_t more)
{
    size_t needed = buffer->size + more + 1;
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_START;
    char *data;

    if (needed <= buffer->capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;
    data = realloc(buffer->data, capacity);
    if (!data)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool sley__http_buffer_add(struct sley__http_buffer *buffer, const void *data, size_t size)
{
    if (!sley__http_buffer_reserve(buffer, size))
        return false;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

/* Makes curl end the transfer: it takes any count but the right one for a failure. */
static size_t fail(struct sley_http_response *response, enum sley__http_end why)
{
    response->end = why;
    return 0;
}

static void heard(struct sley_http_response *response)
{
    response->last_heard = uv_now(&response->client->loop->uv);
}

size_t sley__http_on_header(char *data, size_t one UNUSED, size_t size, void *arg)
{
    struct sley_http_response *response = arg;

    heard(response);
    /* A status line begins another answer: after a redirect, or a 100 Continue. */
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        response->headers.size = 0;
    if (response->headers.size + size > HEADERS_MAX)
        return fail(response, SLEY__HTTP_HEADER_TOO_LARGE);
    if (!sley__http_buffer_add(&response->headers, data, size))
        return fail(response, SLEY__HTTP_NO_MEMORY);
    return size;
}

/* The length that the answer announces, the first time that a byte of it comes: one allocation
 * instead of many. Lies are bounded by max_body. */
static bool reserve_whole(struct sley_http_response *response)
{
    curl_off_t length = -1;

    if (response->body.size)
        return true;
    curl_easy_getinfo(response->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length <= 0 || (uint64_t)length > response->max_body || length > (1 << 20))
        return true;
    return sley__http_buffer_reserve(&response->body, (size_t)length);
}

static size_t keep(struct sley_http_response *response, const char *data, size_t size)
{
    if (!reserve_whole(response) || !sley__http_buffer_add(&response->body, data, size))
        return fail(response, SLEY__HTTP_NO_MEMORY);
    return size;
}

static size_t pass_on(struct sley_http_response *response, const char *data, size_t size)
{
    struct sley__http_buffer *body = &response->body;
    bool full, added = true;

    sley__lock_acquire(&response->lock);
    full = body->size && body->size + size > SINK_BUFFER;
    response->paused = full;
    if (!full)
        added = sley__http_buffer_add(body, data, size);
    sley__lock_release(&response->lock);
    if (!added)
        return fail(response, SLEY__HTTP_NO_MEMORY);
    sley__http_loop_tell(response);
    return full ? CURL_WRITEFUNC_PAUSE : size;
}

size_t sley__http_on_body(char *data, size_t one UNUSED, size_t size, void *arg)
{
    struct sley_http_response *response = arg;
    size_t taken;

    heard(response);
    if (response->bytes + size > response->max_body)
        return fail(response, SLEY__HTTP_TOO_LARGE);
    taken = (response->sink ? pass_on : keep)(response, data, size);
    if (taken == size)
        response->bytes += size;
    return taken;
}

int sley__http_on_request(void *response, char *peer_ip UNUSED, char *own_ip UNUSED,
                          int peer_port UNUSED, int own_port UNUSED)
{
    sley__http_loop_started(response);
    return CURL_PREREQFUNC_OK;
}

curl_socket_t sley__http_on_open(void *arg, curlsocktype purpose UNUSED,
                                 struct curl_sockaddr *address)
{
    struct sley_http_client *client = arg;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);

    if (fd >= 0 && !sley__http_sockets_add(&client->sockets, fd)) {
        close(fd);
        errno = ENOMEM;
        return CURL_SOCKET_BAD;
    }
    return fd;
}

int sley__http_on_close(void *arg, curl_socket_t fd)
{
    struct sley_http_client *client = arg;

    sley__http_sockets_remove(&client->sockets, fd);
    return close(fd);
}
