/*
 * dns_socket.c: c-ares' sockets, made by us, so that a system call carries many datagrams.
 *
 * c-ares sends each query by a send() and reads each answer by a recvfrom(): two system calls a
 * name, which on a busy resolver are most of what a name costs beside the network itself. It lets
 * its user bring the socket calls along, so these stand between: what it sends is collected, and
 * goes out by one sendmmsg at the end of the loop's round or when there are SLEY__DNS_BATCH of it;
 * when it wants to read, as many as are there are fetched by one recvmmsg and handed to it one by
 * one. An answer never waits for a second one, a query at most until the end of the round.
 *
 * A send that fails has been reported as done by then. The error is kept with the socket and
 * reported by the next read, for which c-ares is called; it then gives up all queries of that
 * socket, as it would have. Where the system has no room (EAGAIN) what is left stays, and the loop
 * tells when there is; what c-ares sends meanwhile beyond the batch is lost, as datagrams may be,
 * and sent again when its time is over.
 *
 * A datagram that was longer than we said we take is marked as truncated: c-ares asks again by TCP.
 *
 * c-ares keeps one socket per channel as long as it has queries under way, and closes it then, so
 * the next one has another port, which is half of what makes answers hard to forge; dns_loop.c sees
 * to it that this happens on a busy resolver, too.
 *
 * I/O thread only.
 */
#define _GNU_SOURCE
#include "dns_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sley__dns_socket {
    uv_poll_t poll;
    struct sley__dns_server *server;
    int fd;
    bool tcp;
    bool blocked; /* the system has no room for what is to be sent */
    bool drained; /* the last fetch found the end of the queue */
    int error;    /* an errno to report by the next read */
};

/* Room for a datagram, and a byte to see that it was longer. */
enum { INCOMING_SIZE = SLEY__DNS_UDP_MAX + 1 };

struct sley__dns_outgoing {
    int count;
    uint16_t sizes[SLEY__DNS_BATCH];
    uint8_t bytes[SLEY__DNS_BATCH][SLEY__DNS_QUERY_MAX];
};

struct sley__dns_incoming {
    int next, count;
    unsigned sizes[SLEY__DNS_BATCH];
    uint8_t bytes[SLEY__DNS_BATCH][INCOMING_SIZE];
};

static struct sley__dns_socket *find_socket(struct sley__dns_server *server, ares_socket_t fd)
{
    if (server->udp && server->udp->fd == fd)
        return server->udp;
    ensure(server->tcp && server->tcp->fd == fd);
    return server->tcp;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static void watch(struct sley__dns_socket *socket, bool readable, bool writable);

/* How many datagrams the system has taken; -1: none, for the reason in errno. */
static int send_batch(struct sley__dns_socket *socket, struct sley__dns_outgoing *out, int from)
{
    struct mmsghdr headers[SLEY__DNS_BATCH];
    struct iovec parts[SLEY__DNS_BATCH];
    int count = out->count - from;

    memset(headers, 0, (size_t)count * sizeof(*headers));
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){out->bytes[from + i], out->sizes[from + i]};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    return sendmmsg(socket->fd, headers, (unsigned)count, MSG_NOSIGNAL);
}

static void keep_rest(struct sley__dns_outgoing *out, int from)
{
    for (int i = from; i < out->count; i++) {
        out->sizes[i - from] = out->sizes[i];
        memcpy(out->bytes[i - from], out->bytes[i], out->sizes[i]);
    }
    out->count -= from;
}

/* Sends what it can. An error stays with the socket. */
static void send_collected(struct sley__dns_server *server)
{
    struct sley__dns_outgoing *out = server->outgoing;
    struct sley__dns_socket *socket = server->udp;
    int done = 0;

    while (done < out->count && !socket->error) {
        int sent = send_batch(socket, out, done);

        if (sent > 0) {
            done += sent;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            keep_rest(out, done);
            socket->blocked = true;
            watch(socket, true, true);
            return;
        } else if (errno != EINTR) {
            socket->error = errno;
        }
    }
    out->count = 0;
}

void sley__dns_sockets_flush(struct sley__dns_server *server)
{
    struct sley__dns_socket *socket = server->udp;

    if (socket && !socket->blocked && server->outgoing->count)
        send_collected(server);
    if (socket && socket->error)
        ares_process_fd(server->channel, socket->fd, ARES_SOCKET_BAD);
}

/* --- what c-ares calls -------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
    struct sley__dns_socket *socket = handle->data;
    struct sley_resolver *resolver = socket->server->resolver;

    free(socket);
    sley__dns_handle_closed(resolver);
}

/* Answers wait in the socket's buffer while the loop does other work: as large as it may be. More
 * than the system's limit is for the privileged only, so both are tried. */
static void enlarge(int fd)
{
    int size = 1 << 20;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static struct sley__dns_socket *new_socket(struct sley__dns_server *server, int fd, bool tcp)
{
    struct sley__dns_socket *new = calloc(1, sizeof(*new));

    if (!new || uv_poll_init(&server->resolver->loop->uv, &new->poll, fd)) {
        free(new);
        errno = ENOMEM;
        return NULL;
    }
    server->resolver->handles++;
    new->poll.data = new;
    new->server = server;
    new->fd = fd;
    new->tcp = tcp;
    return new;
}

static ares_socket_t make_socket(int family, int type, int protocol, void *data)
{
    struct sley__dns_server *server = data;
    bool tcp = type == SOCK_STREAM;
    struct sley__dns_socket *new;
    int on = 1, fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    server->open_error = fd < 0 ? -errno : 0;
    server->lost = 0;
    if (fd < 0)
        return ARES_SOCKET_BAD;
    new = new_socket(server, fd, tcp);
    if (!new) {
        server->open_error = SLEY_ENOMEM;
        close(fd);
        return ARES_SOCKET_BAD;
    }
    if (tcp) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        server->tcp = new;
        return fd;
    }
    enlarge(fd);
    server->udp = new;
    server->sent = 0;
    server->outgoing->count = 0;
    server->incoming->next = server->incoming->count = 0;
    return fd;
}

static int close_socket(ares_socket_t fd, void *data)
{
    struct sley__dns_server *server = data;
    struct sley__dns_socket *socket = find_socket(server, fd);

    if (socket->tcp)
        server->tcp = NULL;
    else
        server->udp = NULL;
    uv_close((uv_handle_t *)&socket->poll, on_closed); /* the loop forgets the descriptor at once */
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t size,
                          void *data)
{
    struct sley__dns_server *server = data;
    int result = connect(fd, address, size);

    if (result < 0 && !find_socket(server, fd)->tcp)
        server->lost = errno; /* there is no way to it */
    return result;
}

static ares_ssize_t send_some(ares_socket_t fd, const struct iovec *parts, int count, void *data)
{
    struct sley__dns_server *server = data;
    struct sley__dns_socket *socket = find_socket(server, fd);
    struct sley__dns_outgoing *out = server->outgoing;

    if (socket->tcp) {
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                                 .msg_iovlen = (size_t)count};

        return sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    ensure_msg(count == 1 && parts->iov_len <= SLEY__DNS_QUERY_MAX,
               "a query of %d parts, %zu bytes", count, parts->iov_len);
    server->sent++;
    if (out->count == SLEY__DNS_BATCH && !socket->blocked)
        send_collected(server);
    if (out->count < SLEY__DNS_BATCH) {
        memcpy(out->bytes[out->count], parts->iov_base, parts->iov_len);
        out->sizes[out->count++] = (uint16_t)parts->iov_len;
    }
    sley__loop_defer(server->resolver->loop, &server->resolver->round);
    return (ares_ssize_t)parts->iov_len;
}

/* Fetches what is there; -1 with errno if there is nothing. */
static int fetch(struct sley__dns_socket *socket, struct sley__dns_incoming *in)
{
    struct mmsghdr headers[SLEY__DNS_BATCH];
    struct iovec parts[SLEY__DNS_BATCH];

    if (socket->drained) {
        socket->drained = false;
        errno = EAGAIN;
        return -1;
    }
    memset(headers, 0, sizeof(headers));
    for (int i = 0; i < SLEY__DNS_BATCH; i++) {
        parts[i] = (struct iovec){in->bytes[i], INCOMING_SIZE};
        headers[i].msg_hdr.msg_iov = &parts[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    in->next = 0;
    in->count = recvmmsg(socket->fd, headers, SLEY__DNS_BATCH, 0, NULL);
    for (int i = 0; i < in->count; i++)
        in->sizes[i] = headers[i].msg_len;
    if (in->count <= 0) {
        in->count = 0;
        return -1;
    }
    socket->drained = in->count < SLEY__DNS_BATCH;
    return 0;
}

/* As far as c-ares tells, any failure is a refusal: dns_loop.c wants to know of this one. */
static ares_ssize_t fail_datagrams(struct sley__dns_server *server, int error)
{
    if (error != EAGAIN)
        server->lost = error;
    errno = error;
    return -1;
}

static ares_ssize_t receive_datagram(struct sley__dns_server *server, uint8_t *buffer, size_t size)
{
    struct sley__dns_socket *socket = server->udp;
    struct sley__dns_incoming *in = server->incoming;
    size_t length;

    if (socket->error)
        return fail_datagrams(server, socket->error);
    do {
        if (in->next == in->count && fetch(socket, in) < 0)
            return fail_datagrams(server, errno);
        length = in->sizes[in->next++];
    } while (length == 0); /* c-ares would take it for the end of a stream */
    if (length > size)
        length = size;
    memcpy(buffer, in->bytes[in->next - 1], length);
    if (length == INCOMING_SIZE)
        buffer[2] |= 0x02; /* truncated */
    return (ares_ssize_t)length;
}

/* The kernel lets only the server's datagrams through, for the socket is connected; c-ares compares
 * the address all the same. */
static ares_ssize_t receive_some(ares_socket_t fd, void *buffer, size_t size, int flags,
                                 struct sockaddr *from, ares_socklen_t *from_size, void *data)
{
    struct sley__dns_server *server = data;

    if (find_socket(server, fd)->tcp)
        return recv(fd, buffer, size, flags);
    if (from && from_size)
        *from_size = (ares_socklen_t)sley_address_sockaddr(&server->address, from, *from_size);
    return receive_datagram(server, buffer, size);
}

/* --- what the loop calls -----------------------------------------------------------------------
 */

static void on_event(uv_poll_t *handle, int status, int events)
{
    struct sley__dns_socket *socket = handle->data;
    struct sley__dns_server *server = socket->server;
    ares_socket_t fd = socket->fd;
    bool readable = status < 0 || (events & UV_READABLE), writable = events & UV_WRITABLE;

    if (writable && !socket->tcp) {
        socket->blocked = false;
        watch(socket, true, false);
        writable = false;
    }
    ares_process_fd(server->channel, readable ? fd : ARES_SOCKET_BAD,
                    writable ? fd : ARES_SOCKET_BAD);
    sley__loop_defer(server->resolver->loop, &server->resolver->round);
}

static void watch(struct sley__dns_socket *socket, bool readable, bool writable)
{
    int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);

    if (events)
        uv_poll_start(&socket->poll, events, on_event);
    else
        uv_poll_stop(&socket->poll);
}

void sley__dns_sockets_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct sley__dns_socket *socket = find_socket(data, fd);

    watch(socket, readable, writable && socket->tcp);
}

int sley__dns_sockets_make(struct sley__dns_server *server)
{
    static const struct ares_socket_functions functions = {make_socket, close_socket,
                                                           connect_socket, receive_some, send_some};

    server->outgoing = calloc(1, sizeof(*server->outgoing));
    server->incoming = malloc(sizeof(*server->incoming));
    if (!server->outgoing || !server->incoming) {
        sley__dns_sockets_close(server);
        return SLEY_ENOMEM;
    }
    server->incoming->next = server->incoming->count = 0;
    ares_set_socket_functions(server->channel, &functions, server);
    return 0;
}

void sley__dns_sockets_close(struct sley__dns_server *server)
{
    free(server->outgoing);
    free(server->incoming);
    server->outgoing = NULL;
    server->incoming = NULL;
}
