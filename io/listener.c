/*
 * listener.c: accepting connections. The contract is in <sley/listener.h>.
 *
 * Without descriptors. The kernel takes a descriptor before it looks at the queue, so EMFILE
 * says nothing about the queue, the queue stays full, and a loop around accept spins (135,000 times
 * in 100 ms, as measured). So a listener holds one descriptor in reserve: it gives it up, accepts
 * the connection with it, closes that, and takes the reserve back. The queue moves on, the client
 * sees the connection end, and the caller is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <sley/iterator.h>
#include <sley/time.h>

#include "listener_impl.h"

int sley__listener_new(struct sley__io *io, int fd, enum sley_stream_kind kind,
                       struct sley_listener **out)
{
    struct sley_listener *listener = calloc(1, sizeof(*listener));
    struct sley__address bound;
    int error = listener ? 0 : SLEY_ENOMEM;

    if (!error && kind == SLEY_STREAM_TCP)
        error = sley__sys_name(fd, false, &bound);
    if (!error)
        error = sley__fd_add(&io->reactor, fd, &listener->fd);
    if (error) {
        close(fd);
        free(listener);
        return error;
    }
    listener->fd->kind = (uint8_t)kind;
    listener->fd->traits = 0;
    listener->port = kind == SLEY_STREAM_TCP ? sley__address_port(&bound) : SLEY_EINVAL;
    listener->reserve = sley__sys_spare(); /* without one, accept can still report EMFILE */
    *out = listener;
    return 0;
}

void sley__listener_own_file(struct sley_listener *listener, char *path, const struct stat *file)
{
    listener->path = path;
    if (!path)
        return;
    listener->device = file->st_dev;
    listener->inode = file->st_ino;
}

int sley_listener_port(const struct sley_listener *listener)
{
    return listener->port;
}

int sley_listener_name(const struct sley_listener *listener, char *buffer, size_t size)
{
    struct sley__address address;
    int error;

    if (sley__fd_closed(listener->fd))
        return SLEY_ECLOSED;
    if (listener->fd->kind == SLEY_STREAM_UNIX)
        return sley__unix_name(listener->fd->fd, false, buffer, size);
    error = sley__sys_name(listener->fd->fd, false, &address);
    if (error)
        return error;
    return sley__address_format(&address, buffer, size) ? 0 : SLEY_EMSGSIZE;
}

/* The descriptors are used up: closes the connection at the head of the queue with the help of the
 * reserve. False if the queue turned out to be empty. */
static bool refuse_one(struct sley_listener *listener)
{
    int refused;

    sley__lock_acquire(&listener->lock);
    if (listener->reserve >= 0)
        close(listener->reserve);
    refused = sley__sys_accept(listener->fd->fd);
    if (refused >= 0)
        close(refused);
    listener->reserve = sley__sys_spare();
    sley__lock_release(&listener->lock);
    return !sley__would_block(refused);
}

/* Errors of accept that belong to a connection that died in the queue (accept(2) lists them): the
 * next one may be fine. */
static bool died_in_queue(int error)
{
    switch (error) {
    case -ECONNABORTED:
    case -EINTR:
    case -EPROTO:
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -EOPNOTSUPP:
    case -ENETUNREACH:
    case -EPERM: /* a firewall's word */
        return true;
    default:
        return false;
    }
}

/* One try: 0 and *accepted, which is -1 if it must be tried again, or an error. */
static int accept_some(struct sley_listener *listener, int *accepted)
{
    struct sley__fd *fd = listener->fd;
    uint64_t seen = sley__readiness_look(&fd->read);
    int result;

    *accepted = -1;
    if (sley__readiness_closed(seen))
        return SLEY_ECLOSED;
    result = sley__sys_accept(fd->fd);
    if (result >= 0) {
        *accepted = result;
        return 0;
    }
    if ((result == -EMFILE || result == -ENFILE) && !refuse_one(listener))
        result = -EAGAIN;
    if (sley__would_block(result))
        return sley__fd_wait(&fd->read, seen, "accept");
    return died_in_queue(result) ? sley__fd_error(fd, 0) : sley__fd_error(fd, result);
}

int sley_listener_accept(struct sley_listener *listener, struct sley_stream **out)
{
    int accepted = -1, error = sley__wait_check();

    while (!error && accepted < 0)
        error = accept_some(listener, &accepted);
    if (error)
        return error == -ENOBUFS ? SLEY_ENOMEM : error;
    error = sley__stream_adopt(listener->fd->reactor, accepted,
                               (enum sley_stream_kind)listener->fd->kind, out);
    if (!error)
        sley__wait_spend();
    return error;
}

bool sley_accept_error_passes(int error)
{
    return error == SLEY_EMFILE || error == SLEY_ENFILE || error == SLEY_ENOMEM ||
           error == SLEY_ENOSPC;
}

void sley_listener_close(struct sley_listener *listener)
{
    if (!listener || sley__fd_closed(listener->fd))
        return;
    sley__fd_close(listener->fd);
    (void)sley__sys_shutdown(listener->fd->fd, SHUT_RDWR);
    sley_event_set(&listener->closed);
}

void sley_listener_free(struct sley_listener *listener)
{
    if (!listener)
        return;
    if (listener->path)
        sley__unix_remove(listener->path, listener->device, listener->inode);
    sley__fd_leave(listener->fd); /* or its address might be in use a little longer */
    sley__fd_remove(listener->fd);
    if (listener->reserve >= 0)
        close(listener->reserve);
    free(listener->path);
    free(listener);
}

/* --- iteration -------------------------------------------------------------------------------- */

static int next_connection(void *self, void *item)
{
    int error;

    while (sley_accept_error_passes(error = sley_listener_accept(self, item)))
        if ((error = sley_sleep(SLEY_MILLISECONDS(10))))
            break;
    if (!error)
        return 1;
    return error == SLEY_ECLOSED ? 0 : error;
}

struct sley_iterator sley_listener_iterator(struct sley_listener *listener)
{
    return (struct sley_iterator){next_connection, listener, sizeof(struct sley_stream *)};
}
