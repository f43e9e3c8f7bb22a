/*
 * unix.c: Unix sockets. The contract is in <sley/unix.h>.
 *
 * Listening on a path is harder than it looks. The file outlives its socket, so a server that was
 * killed leaves one behind, and the next one gets EADDRINUSE. To remove whatever is there is the
 * usual answer and takes the file away from a server that lives. So the file is asked whether a
 * socket belongs to it: by a connect() of the wrong type (datagram), which the kernel refuses for
 * one reason if there is a socket and for another if there is none. A connect() of the right type
 * would be an empty connection to a server that lives, and be refused by one that is still between
 * its bind() and its listen().
 *   Of two who find the same file stale, the second could remove the new file of the first. So all
 * of it (bind, ask, remove, bind again) happens under a lock, that of the directory (flock), which
 * is there anyway and goes with the process. Other programs do not know of it; against them the
 * order of the steps is as good as it gets.
 *
 * The permissions of the file are those of the socket before its bind(), without the umask's: so
 * they are set there, and what the umask took away is added after it. The file never has more than
 * it is to have.
 *
 * The file system may be slow, so this runs on a thread for files; only the wait for the lock does
 * not, since somebody might keep it: it is tried now and then, by the task.
 *
 * connect() does not wait on a Unix socket that is non-blocking: while the listener's queue is full
 * it says EAGAIN, and no event tells when it is worth a try again. It is tried again after a while,
 * which doubles; a blocking connect() on a thread would hold the thread for as long.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sley/blocking.h>
#include <sley/time.h>
#include <sley/unix.h>

#include "listener_impl.h"

#define LOCK_PAUSE SLEY_MILLISECONDS(2)
#define PAUSE_MIN  SLEY_MICROSECONDS(200)
#define PAUSE_MAX  SLEY_MILLISECONDS(20)

/* --- addresses -------------------------------------------------------------------------------- */

struct address {
    struct sockaddr_un un;
    socklen_t size;
};

static bool is_abstract(const struct address *address)
{
    return address->un.sun_path[0] == '\0';
}

static bool read_address(const char *text, struct address *address)
{
    size_t length = text ? strlen(text) : 0;

    if (length < 1 || length >= sizeof(address->un.sun_path))
        return false;
    *address = (struct address){.un = {.sun_family = AF_UNIX}};
    memcpy(address->un.sun_path, text, length);
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    if (*text == '@') {
        address->un.sun_path[0] = '\0';
        address->size--; /* here every byte counts, the last NUL too */
    }
    return true;
}

/* An abstract name may have any bytes; NULs are shown as '@', as other programs do. */
int sley__unix_name(int fd, bool peer, char *buffer, size_t size)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t total = sizeof(un);
    size_t length;

    if ((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&un, &total) < 0)
        return -errno;
    length = total - offsetof(struct sockaddr_un, sun_path);
    if (total <= offsetof(struct sockaddr_un, sun_path))
        length = 0; /* it has no name */
    else if (un.sun_path[0])
        length = strnlen(un.sun_path, length);
    if (length >= size)
        return SLEY_EMSGSIZE;
    for (size_t i = 0; i < length; i++)
        buffer[i] = un.sun_path[i] ? un.sun_path[i] : '@';
    buffer[length] = '\0';
    return 0;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int connect_now(int fd, const struct address *address)
{
    return connect(fd, (const struct sockaddr *)&address->un, address->size) < 0 ? -errno : 0;
}

/* --- listening: on a thread for files --------------------------------------------------------- */

struct opening {
    struct address address;
    int backlog;
    unsigned mode;
    int fd; /* the socket, if it went well */
    struct stat file;
};

/* A socket file without a socket. */
static bool is_stale(const struct address *address)
{
    struct stat file;
    int error, fd;

    if (lstat(address->un.sun_path, &file) < 0)
        return errno == ENOENT;
    if (!S_ISSOCK(file.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    error = connect_now(fd, address);
    close(fd);
    return error == -ECONNREFUSED || error == -ENOENT;
}

static int bind_once(int fd, const struct address *address)
{
    return bind(fd, (const struct sockaddr *)&address->un, address->size) < 0 ? -errno : 0;
}

static int listen_bound(int fd, struct opening *opening)
{
    const char *path = opening->address.un.sun_path;

    if (listen(fd, opening->backlog) < 0)
        return -errno;
    if (is_abstract(&opening->address))
        return 0;
    if (opening->mode && chmod(path, opening->mode) < 0)
        return -errno;
    return lstat(path, &opening->file) < 0 ? -errno : 0;
}

static int bind_and_listen(int fd, struct opening *opening)
{
    const struct address *address = &opening->address;
    int error = bind_once(fd, address);

    if (error == -EADDRINUSE && !is_abstract(address) && is_stale(address)) {
        if (unlink(address->un.sun_path) < 0 && errno != ENOENT)
            return SLEY_EADDRINUSE;
        error = bind_once(fd, address);
    }
    if (error)
        return error;
    error = listen_bound(fd, opening);
    if (error && !is_abstract(address))
        (void)unlink(address->un.sun_path);
    return error;
}

static int open_socket(struct opening *opening)
{
    int error = 0, fd = new_socket();

    if (fd < 0)
        return fd;
    if (opening->mode && fchmod(fd, opening->mode) < 0)
        error = -errno;
    if (!error)
        error = bind_and_listen(fd, opening);
    if (error)
        close(fd);
    else
        opening->fd = fd;
    return error;
}

/* The directory of the path, open, or -1: then there is no lock to be had. */
static int open_directory(const struct address *address)
{
    char path[sizeof(address->un.sun_path)];
    char *slash;

    memcpy(path, address->un.sun_path, sizeof(path));
    slash = strrchr(path, '/');
    if (!slash)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    slash[slash == path] = '\0';
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* SLEY_EBUSY: somebody else is at it in this directory. On a thread for files. */
static int open_locked(void *arg)
{
    struct opening *opening = arg;
    int result, directory = open_directory(&opening->address);

    if (directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        result = SLEY_EBUSY;
    else
        result = open_socket(opening);
    if (directory >= 0)
        close(directory); /* and the lock goes */
    return result;
}

static int open_path(struct opening *opening)
{
    struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};
    int result = SLEY_EBUSY, error = 0;

    while (!error && result == SLEY_EBUSY) {
        error = sley_to_thread_with(open_locked, opening, &files, &result);
        if (!error && result == SLEY_EBUSY)
            error = sley_sleep(LOCK_PAUSE);
    }
    return error ? error : result;
}

/* --- the calls -------------------------------------------------------------------------------- */

/* What the listener removes when it is freed, if it is still the same file. */
void sley__unix_remove(const char *path, dev_t device, ino_t inode)
{
    struct stat file;

    if (lstat(path, &file) == 0 && file.st_dev == device && file.st_ino == inode)
        (void)unlink(path);
}

static int make_listener(struct sley__io *io, struct opening *opening, struct sley_listener **out)
{
    bool file = !is_abstract(&opening->address);
    char *path = file ? strdup(opening->address.un.sun_path) : NULL;
    int error;

    if (file && !path) {
        close(opening->fd);
        error = SLEY_ENOMEM;
    } else {
        error = sley__listener_new(io, opening->fd, SLEY_STREAM_UNIX, out);
    }
    if (!error)
        sley__listener_own_file(*out, path, &opening->file);
    else if (file) {
        sley__unix_remove(opening->address.un.sun_path, opening->file.st_dev, opening->file.st_ino);
        free(path);
    }
    return error;
}

int sley_unix_listen(const char *address, const struct sley_unix_listen_options *options,
                     struct sley_listener **out)
{
    struct opening opening = {.backlog = 1024};
    struct sley__io *io;
    int error = sley__wait_check();

    if (error)
        return error;
    if (!read_address(address, &opening.address) || (options && options->mode & ~0777U))
        return SLEY_EINVAL;
    if (options && options->backlog > 0)
        opening.backlog = options->backlog;
    if (options)
        opening.mode = options->mode;
    error = sley__io_get(&io);
    if (!error)
        error = is_abstract(&opening.address) ? open_socket(&opening) : open_path(&opening);
    return error ? error : make_listener(io, &opening, out);
}

int sley_unix_connect(const char *text, struct sley_stream **out)
{
    struct address address;
    int64_t pause = PAUSE_MIN;
    int fd, error = sley__wait_check();

    if (error)
        return error;
    if (!read_address(text, &address))
        return SLEY_EINVAL;
    fd = new_socket();
    if (fd < 0)
        return fd;
    while ((error = connect_now(fd, &address)) == -EAGAIN || error == -EINTR) {
        error = sley_sleep(pause);
        if (error)
            break;
        pause = min_i64(pause * 2, PAUSE_MAX);
    }
    if (!error)
        return sley__stream_open(fd, SLEY_STREAM_UNIX, out);
    close(fd);
    return error;
}

int sley_unix_pair(struct sley_stream *out[2])
{
    struct sley_stream *first;
    int fds[2], error;

    if (!sley__wait_runtime())
        return SLEY_ENOTASK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    error = sley__stream_open(fds[0], SLEY_STREAM_UNIX, &first);
    if (error) {
        close(fds[1]);
        return error;
    }
    error = sley__stream_open(fds[1], SLEY_STREAM_UNIX, &out[1]);
    if (error)
        sley_stream_free(first);
    else
        out[0] = first;
    return error;
}

int sley_unix_peer(const struct sley_stream *stream, struct sley_unix_peer *peer)
{
    struct ucred who;
    socklen_t size = sizeof(who);

    if (stream->fd.kind != SLEY_STREAM_UNIX)
        return SLEY_EINVAL;
    if (sley__fd_closed(&stream->fd))
        return SLEY_ECLOSED;
    if (getsockopt(stream->fd.fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
        return -errno;
    *peer = (struct sley_unix_peer){who.pid, who.uid, who.gid};
    return 0;
}
