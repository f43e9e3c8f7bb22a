/*
 * http_client_receive.c: what libcurl calls back with: bytes, and sockets to open and close.
 * I/O thread only, all of it.
 *
 * Without a sink the body grows in memory, without the lock: the task sleeps until the end. With a
 * sink there is a bounded buffer between the I/O thread and the task. When it is full curl is told
 * to pause, which stops reading from the socket, so that in the end the server waits; the task
 * takes the whole buffer out at once and asks for more. (Told in the midst of a read it would copy
 * the rest of it, for half of all bytes: measured.)
 *
 * An answer that is pulled is shown to its task when its headers are complete, which curl does not
 * say: it is after the empty line, unless what they are headers of is not the answer (a 100
 * Continue, or a redirect that curl follows).
 */
#define _GNU_SOURCE
#include "http_client_impl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef SLEY_HOSTILE
enum { HEADERS_MAX = 256 * 1024, KEPT_MOST = 1024 };
#else
enum {
    HEADERS_MAX = 256 * 1024, /* bytes of all headers of one answer */
    KEPT_MOST = 64 * 1024,    /* bytes of room for a body that its reader keeps, whatever it has */
};
#endif

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

/* One without a value leads nowhere, and curl does not follow it. */
static bool has_location(const struct sley__http_buffer *headers)
{
    const char *line = headers->data;

    while (line && strncasecmp(line, "Location:", 9) != 0)
        if ((line = strchr(line, '\n')))
            line++;
    if (line)
        line += 9 + strspn(line + 9, " \t");
    return line && *line && *line != '\r' && *line != '\n';
}

/* Whether the headers that have just ended are those of the answer. */
static bool is_answer(const struct sley_http_response *response)
{
    int status = response->status;

    if (status < 200 || (status == 417 && response->expect))
        return false;
    return status < 300 || status > 399 || response->redirects <= 0 ||
           !has_location(&response->headers);
}

static size_t headers_end(struct sley_http_response *response, size_t size)
{
    char *url = NULL;
    long status = 0;

    curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    if (!is_answer(response))
        return size;
    curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_URL, &url);
    response->url = strdup(url ? url : "");
    if (!response->url)
        return fail(response, SLEY__HTTP_NO_MEMORY);
    sley__lock_acquire(&response->lock);
    response->headers_there = true;
    sley__lock_release(&response->lock);
    sley__http_loop_tell(response);
    return size;
}

/* After 303 whatever it was, and after 301 and 302 if it was a POST, curl goes on with a GET. It
 * would keep a method that it does not know itself, and the header that announced chunks. */
static void becomes_get(struct sley_http_response *response)
{
    curl_easy_setopt(response->easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (response->chunks)
        curl_easy_setopt(response->easy, CURLOPT_HTTPHEADER, response->headers_out->next);
}

/* It begins another answer: after a redirect, or a 100 Continue. */
static void status_line(struct sley_http_response *response, const char *line, size_t size)
{
    const char *code = memchr(line, ' ', size);

    response->headers.size = 0;
    response->headers_whole = false;
    if (response->redirects <= 0 || !code || line + size - code < 5 || memcmp(code, " 30", 3) != 0)
        return;
    if (code[3] == '3' || (response->post && (code[3] == '1' || code[3] == '2')))
        becomes_get(response);
}

size_t sley__http_on_header(char *data, size_t one UNUSED, size_t size, void *arg)
{
    struct sley_http_response *response = arg;

    heard(response);
    if (response->headers_there) /* a trailer; only this thread writes the flag */
        return size;
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        status_line(response, data, size);
    if (response->headers.size + size > HEADERS_MAX)
        return fail(response, SLEY__HTTP_HEADER_TOO_LARGE);
    if (!sley__http_buffer_add(&response->headers, data, size))
        return fail(response, SLEY__HTTP_NO_MEMORY);
    if (size > 2 || (*data != '\r' && *data != '\n'))
        return size;
    response->headers_whole = true;
    return response->pulled ? headers_end(response, size) : size;
}

/* The length that the answer announces, the first time that a byte of it comes: one allocation
 * instead of many. Lies are bounded by max_body. */
static bool reserve_whole(struct sley_http_response *response)
{
    curl_off_t length = -1;

    if (response->body.size)
        return true;
    sley__http_buffer_borrow(response->client, &response->body, KEPT_MOST);
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

/* What curl has read it hands over in pieces of 16 KiB, and what it may not hand over it keeps, in
 * a copy. So a transfer is to be held up as soon as the next read might not fit, but curl is told
 * when it has handed over all of this one (http_client_loop.c). Only what one read has made more
 * of, by unpacking, or by TLS, which reads again, may find no room.
 */
static size_t pass_on(struct sley_http_response *response, const char *data, size_t size)
{
    struct sley_http_client *client = response->client;
    struct sley__http_buffer *body = &response->body;
    size_t limit = sley__http_held_size(sley__http_crowd(client));
    size_t most = limit > response->read_size ? limit : response->read_size;
    bool full, hold, added = true;

    sley__lock_acquire(&response->lock);
    full = body->size && body->size + size > most;
    if (!full) {
        sley__http_buffer_borrow(client, body, SIZE_MAX);
        added = sley__http_buffer_add(body, data, size);
    }
    hold = full || body->size + response->read_size > limit;
    response->paused = hold;
    sley__lock_release(&response->lock);
    if (!added)
        return fail(response, SLEY__HTTP_NO_MEMORY);
    sley__http_loop_tell(response);
    if (full)
        return CURL_WRITEFUNC_PAUSE;
    if (hold && !list_linked(&response->full_link))
        list_push_back(&client->full, &response->full_link);
    return size;
}

size_t sley__http_on_body(char *data, size_t one UNUSED, size_t size, void *arg)
{
    struct sley_http_response *response = arg;
    size_t taken;

    heard(response);
    if (response->bytes + size > response->max_body)
        return fail(response, SLEY__HTTP_TOO_LARGE);
    taken = (response->bounded ? pass_on : keep)(response, data, size);
    if (taken == size)
        response->bytes += size;
    return taken;
}

/* It is connected. A redirect may lead to another connection, whose time lookups have not used. */
int sley__http_on_request(void *arg, char *peer_ip UNUSED, char *own_ip UNUSED,
                          int peer_port UNUSED, int own_port UNUSED)
{
    struct sley_http_response *response = arg;

    if (response->connect_left < response->connect_timeout) {
        response->connect_left = response->connect_timeout;
        curl_easy_setopt(response->easy, CURLOPT_CONNECTTIMEOUT_MS,
                         sley__http_milliseconds(response->connect_timeout));
    }
    sley__http_idle_begin(response);
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
        fd = CURL_SOCKET_BAD;
        errno = ENOMEM;
    }
    client->socket_error = fd >= 0 ? 0 : errno;
    if (fd >= 0) {
        sley__http_count(&client->stats.connections, 1);
        sley__http_count(&client->stats.open, 1);
    }
    return fd;
}

int sley__http_on_close(void *arg, curl_socket_t fd)
{
    struct sley_http_client *client = arg;

    sley__http_sockets_remove(&client->sockets, fd);
    sley__http_count(&client->stats.open, -1);
    return close(fd);
}
