/*
 * http_client_sockets.c: which of libcurl's descriptors the kernel watches, and for what.
 *
 * libcurl says through a callback what it wants to hear of each socket. For one small file over a
 * connection that is kept it says "in" when the request is sent and "nothing" when the answer is
 * there, and sometimes "out" in between; with a uv_poll_t per socket that is 5.3 epoll_ctl per file
 * (measured), which is most of what the file costs.
 *
 * So the sockets have an epoll set of their own, which the loop watches by one uv_poll_t, and the
 * set is lazy in both directions. What curl wants is written into a table by descriptor, and the
 * kernel is told at the end of the round, when most changes have cancelled each other out. And it
 * is told only of what is missing: a socket that curl has lost interest in stays registered for
 * input, because the next transfer wants just that. If something does come for it meanwhile (the
 * server closes an idle connection, or sends more to a transfer that is held up), that one event is
 * the signal to take it out. A kept connection costs no epoll_ctl at all.
 *
 * Level-triggered: curl does not always read until there is nothing left, and counts on being told
 * again. Output interest is therefore taken back at the end of the round, never kept.
 *
 * Descriptors come and go under the same number. Those of connections are opened and closed through
 * our callbacks, so the table knows. Others (the socket pair by which a resolver thread reports)
 * are curl's secret: for these "nothing" is carried out at once, since it may precede their close.
 */
#define _GNU_SOURCE
#include "http_client_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifdef SLEY_HOSTILE
enum { BATCH = 2, TABLE_START = 1 };
#else
enum { BATCH = 128, TABLE_START = 64 };
#endif

struct sley__http_socket {
    uint8_t wanted;     /* CURL_POLL_IN | CURL_POLL_OUT */
    uint8_t registered; /* what the kernel knows, in the same bits */
    bool ours;          /* opened and closed through our callbacks */
    bool changed;       /* in the list */
};

_Static_assert(CURL_POLL_IN == 1 && CURL_POLL_OUT == 2, "bits of interest");

int sley__http_sockets_open(struct sley__http_sockets *sockets)
{
    *sockets = (struct sley__http_sockets){.set = epoll_create1(EPOLL_CLOEXEC)};
    return sockets->set < 0 ? -errno : 0;
}

void sley__http_sockets_close(struct sley__http_sockets *sockets)
{
    close(sockets->set);
    free(sockets->table);
    free(sockets->changed);
    *sockets = (struct sley__http_sockets){.set = -1};
}

/* Makes the table reach as far as `fd`. The list of changes has a place for each descriptor. */
static bool cover(struct sley__http_sockets *sockets, int fd)
{
    struct sley__http_socket *table;
    int *changed, size = sockets->size ? sockets->size : TABLE_START;

    if (fd < sockets->size)
        return true;
    while (size <= fd)
        size *= 2;
    changed = realloc(sockets->changed, (size_t)size * sizeof(*changed));
    if (!changed)
        return false;
    sockets->changed = changed;
    table = realloc(sockets->table, (size_t)size * sizeof(*table));
    if (!table)
        return false;
    memset(table + sockets->size, 0, (size_t)(size - sockets->size) * sizeof(*table));
    sockets->table = table;
    sockets->size = size;
    return true;
}

/* True if the kernel has done it. A socket that it is to change may be another one by now, of which
 * curl has not told us. */
static bool control(int set, int op, int fd, struct epoll_event *event)
{
    if (epoll_ctl(set, op, fd, event) == 0)
        return true;
    return op == EPOLL_CTL_MOD && errno == ENOENT && epoll_ctl(set, EPOLL_CTL_ADD, fd, event) == 0;
}

static void tell_kernel(struct sley__http_sockets *sockets, int fd, uint8_t interest)
{
    struct sley__http_socket *socket = &sockets->table[fd];
    struct epoll_event event = {.data.fd = fd};
    int op = !interest ? EPOLL_CTL_DEL : socket->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (interest == socket->registered)
        return;
    event.events = (interest & CURL_POLL_IN ? EPOLLIN | EPOLLRDHUP : 0u) |
                   (interest & CURL_POLL_OUT ? EPOLLOUT : 0u);
    /* A failure (no memory, no watches left) leaves the transfer to its timeouts. */
    if (control(sockets->set, op, fd, &event) || op == EPOLL_CTL_DEL)
        socket->registered = interest;
}

bool sley__http_sockets_add(struct sley__http_sockets *sockets, int fd)
{
    if (!cover(sockets, fd))
        return false;
    sockets->table[fd].wanted = sockets->table[fd].registered = 0;
    sockets->table[fd].ours = true;
    return true;
}

void sley__http_sockets_remove(struct sley__http_sockets *sockets, int fd)
{
    if (fd >= sockets->size)
        return;
    /* The kernel forgets it by the close. It may still be in the list of changes: harmless. */
    sockets->table[fd].wanted = sockets->table[fd].registered = 0;
    sockets->table[fd].ours = false;
}

bool sley__http_sockets_want(struct sley__http_sockets *sockets, int fd, int what)
{
    struct sley__http_socket *socket;

    if (!cover(sockets, fd))
        return false;
    socket = &sockets->table[fd];
    socket->wanted = what == CURL_POLL_REMOVE ? 0 : (uint8_t)what;
    if (!socket->ours && !socket->wanted)
        tell_kernel(sockets, fd, 0);
    if (!socket->changed) {
        socket->changed = true;
        sockets->changed[sockets->changed_count++] = fd;
    }
    return true;
}

void sley__http_sockets_sync(struct sley__http_sockets *sockets)
{
    for (int i = 0; i < sockets->changed_count; i++) {
        int fd = sockets->changed[i];
        struct sley__http_socket *socket = &sockets->table[fd];
        uint8_t kept = socket->registered & CURL_POLL_IN;

        socket->changed = false;
        /* What curl has done with may be closed, without a word to us: curl 7.88 does so when a
         * connection fails; and the number may be another's. If it is open and has an event, that
         * is the time to tell the kernel. */
        if (socket->wanted || !socket->ours)
            tell_kernel(sockets, fd, socket->wanted | kept);
    }
    sockets->changed_count = 0;
}

/* What of the kernel's event curl has asked for. */
static int bits_of(uint32_t events, uint8_t wanted)
{
    bool broken = events & (EPOLLERR | EPOLLHUP);
    int bits = 0;

    if ((wanted & CURL_POLL_IN) && (broken || (events & (EPOLLIN | EPOLLRDHUP))))
        bits |= CURL_CSELECT_IN;
    if ((wanted & CURL_POLL_OUT) && (broken || (events & EPOLLOUT)))
        bits |= CURL_CSELECT_OUT;
    return bits && (events & EPOLLERR) ? bits | CURL_CSELECT_ERR : bits;
}

int sley__http_sockets_events(struct sley__http_sockets *sockets, struct sley__http_event *events,
                              bool *more)
{
    struct epoll_event ready[BATCH];
    int count = epoll_wait(sockets->set, ready, BATCH, 0), kept = 0;

    *more = count == BATCH;
    for (int i = 0; i < count; i++) {
        int fd = ready[i].data.fd;
        int bits = bits_of(ready[i].events, sockets->table[fd].wanted);

        if (bits)
            events[kept++] = (struct sley__http_event){fd, bits};
        else
            tell_kernel(sockets, fd, sockets->table[fd].wanted);
    }
    return kept;
}
