/*
 * sley/unix.h: Unix sockets: where listeners (listener.h) and streams (stream.h) on this machine
 * come from.
 *
 * An address is the path of a socket file, "/run/name.sock", or a name without a file, "@name",
 * which only Linux has (an abstract one): it goes away with its socket, and everybody on the
 * machine may connect to it.
 */
#ifndef SLEY_UNIX_H
#define SLEY_UNIX_H

#include <sley/error.h>
#include <sley/export.h>
#include <sley/listener.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero in a field means its default. Copied by the call. */
struct sley_unix_listen_options {
    int backlog;   /* as in struct sley_tcp_listen_options */
    unsigned mode; /* permission bits of the socket file, whatever the umask: who may write to it
                      may connect. It never has more of them, not for an instant. Default: 0777
                      without what the umask takes away */
};

/* Listens at `address`. A socket file that somebody has left behind is replaced: one that nobody
 * listens on. One that is in use is not, nor is a file of another kind. Of several programs that
 * come at the same moment one succeeds. sley_listener_free() removes the file, if it is still the
 * same.
 *   options  NULL for all defaults
 *   out      receives the listener; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL      the address is empty or longer than 107 bytes, or the mode has other bits than
 *                    permissions
 *   SLEY_EADDRINUSE  somebody listens there, or there is a file
 *   SLEY_EACCES, SLEY_ENOENT, SLEY_EROFS, SLEY_ENOSPC, others of the file system
 *   SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN (no thread could be started)
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_unix_listen(const char *address,
                                 const struct sley_unix_listen_options *options,
                                 struct sley_listener **out);

/* Connects to `address`; waits while the queue of the listener is full.
 *   out  receives the stream; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL        the address is empty or longer than 107 bytes
 *   SLEY_ENOENT        there is no such file
 *   SLEY_ECONNREFUSED  nobody listens there
 *   SLEY_EACCES, SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN (the I/O thread could not be
 *                      started)
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_unix_connect(const char *address, struct sley_stream **out);

/* Two streams that are connected to each other: what is written to one is read from the other.
 *   out  receives both; untouched on failure
 * 0, or SLEY_EMFILE, SLEY_ENFILE, SLEY_ENOMEM, SLEY_EAGAIN, SLEY_ENOTASK. From a task. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_unix_pair(struct sley_stream *out[2]);

/* Who is at the other end, as it was when the connection was made. */
struct sley_unix_peer {
    int pid; /* 0: not in this name space of processes */
    unsigned uid, gid;
};

/* 0, SLEY_ECLOSED, or SLEY_EINVAL if it is no Unix socket. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_unix_peer(const struct sley_stream *stream, struct sley_unix_peer *peer);

#ifdef __cplusplus
}
#endif
#endif
