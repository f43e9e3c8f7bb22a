/*
 * listener_impl.h: what the makers of listeners share. See listener.c.
 */
#ifndef SLEY_LISTENER_IMPL_H
#define SLEY_LISTENER_IMPL_H

#include <sys/stat.h>

#include <sley/listener.h>
#include <sley/sync.h>

#include "io.h"
#include "stream_impl.h"

struct sley_listener {
    struct sley__fd *fd; /* its kind: what is accepted */
    int port;            /* TCP only */

    /* Unix only: the socket file, to be removed at the end; NULL: none. Constant. */
    char *path;
    dev_t device;
    ino_t inode;

    struct sley_event closed; /* set by whoever closes it */

    struct sley__lock lock; /* protects the reserve */
    int reserve;            /* an open descriptor for when there are no others, or -1 */
};

/* Makes a listener of a socket that listens; what it accepts is of that kind. On failure the socket
 * is closed. 0, or SLEY_ENOMEM, SLEY_ENOSPC. Any thread. Never parks. */
MUST_USE int sley__listener_new(struct sley__io *io, int fd, enum sley_stream_kind kind,
                                struct sley_listener **out);

/* From now on the socket file `path`, from malloc(), is the listener's. Before anybody knows of the
 * listener. */
void sley__listener_own_file(struct sley_listener *listener, char *path, const struct stat *file);

/* unix.c: removes a socket file, if it is still this one; the name of a Unix socket. Any thread. */
void sley__unix_remove(const char *path, dev_t device, ino_t inode);

#endif
