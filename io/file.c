/*
 * file.c: open files.
 *
 * Each call is a record on the caller's stack and a function that runs on a thread of the pool's
 * file class. The pool's plain form is used, in which a function that has begun is waited for
 * (blocking.c): the record and the buffer are the caller's, and what the call did is known when it
 * returns.
 *   Rejected: callers that leave at once when they are cancelled. It needs a copy of every buffer
 *   and path, or a rule that a buffer may not be freed after an error, which nobody keeps; an open
 *   whose descriptor arrives too late, a rename that has happened or has not; and it only matters
 *   on a network file system whose server is gone. A disk answers.
 *
 * Reading is tried first (design.md: "I/O is tried first"): preadv2(RWF_NOWAIT) copies what is in
 * the page cache and says EAGAIN where a disk would be waited for, so reading what was read before
 * costs a system call and no thread. The copy itself keeps the worker busy, so only pieces up to
 * TRY_MAX are tried. File systems that do not know the flag are asked once per file.
 *   Rejected: the same for writing. ext4 and tmpfs refuse it for anything but direct I/O, and then
 *   it is a system call more for each write.
 *   Rejected: io_uring; docs/design.md has what was measured.
 *
 * Opening is with O_NONBLOCK, which changes nothing for files and keeps an open of a pipe from
 * waiting for the other end; what then turns out to be a pipe, a socket or a terminal is closed
 * again.
 */
#define _GNU_SOURCE
#include "file_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TRY_MAX = 64 * 1024 }; /* bytes: some 5 us of copying */

int sley__on_files(sley_blocking_fn *fn, void *arg)
{
    static const struct sley_blocking_options options = {.blocking_class = &sley_blocking_files};
    int result = 0;
    int error = sley_to_thread_with(fn, arg, &options, &result);

    return error ? error : result;
}

/* --- system calls; where they may block, on a thread of the pool ------------------------------ */

int sley__sys_open(int at, const char *path, int flags, unsigned mode)
{
    int fd;

    do
        fd = openat(at, path, flags | O_CLOEXEC | O_NOCTTY, mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int sley__sys_write_all(int fd, const char *data, size_t size, int64_t offset, size_t *done)
{
    while (size > 0) {
        size_t piece = size < INT_MAX ? size : INT_MAX;
        ssize_t count = offset < 0 ? write(fd, data, piece) : pwrite(fd, data, piece, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        data += count;
        size -= (size_t)count;
        *done += (size_t)count;
        if (offset >= 0)
            offset += count;
    }
    return 0;
}

int sley__sys_read_all(int fd, char *buffer, size_t size, int64_t offset, size_t *done)
{
    while (size > 0) {
        ssize_t count = pread(fd, buffer, size < INT_MAX ? size : INT_MAX, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : 0;
        buffer += count;
        size -= (size_t)count;
        offset += count;
        *done += (size_t)count;
    }
    return 0;
}

/* Bytes that are in the page cache, 0 at the end of the file, or -errno. On a worker. */
static NOINLINE int read_cached(int fd, void *buffer, size_t size, int64_t offset)
{
    struct iovec piece = {buffer, size};
    ssize_t count = preadv2(fd, &piece, 1, offset, RWF_NOWAIT);

    return count < 0 ? -errno : (int)count;
}

int sley__sys_check_file(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))
        return SLEY_EINVAL;
    return S_ISCHR(status.st_mode) && isatty(fd) ? SLEY_EINVAL : 0;
}

/* On a worker only if its task is cancelled. */
static NOINLINE int close_descriptor(int fd)
{
    return close(fd) < 0 && errno != EINTR ? -errno : 0; /* Linux has closed it after EINTR too */
}

/* --- open and close --------------------------------------------------------------------------- */

struct open_call {
    int at, flags;
    unsigned mode;
    const char *path;
};

static int run_open(void *arg)
{
    struct open_call *call = arg;
    int fd = sley__sys_open(call->at, call->path, call->flags | O_NONBLOCK, call->mode), error;

    if (fd < 0)
        return fd == -ENXIO ? SLEY_EINVAL : fd; /* a pipe that nobody reads, or a socket */
    if (!(error = sley__sys_check_file(fd)))
        return fd;
    close(fd);
    return error;
}

/* The flags of open(2), or SLEY_EINVAL. */
static int system_flags(unsigned flags)
{
    unsigned writing = flags & (SLEY_FILE_WRITE | SLEY_FILE_APPEND);
    unsigned making = flags & (SLEY_FILE_CREATE | SLEY_FILE_NEW | SLEY_FILE_TRUNCATE);
    int result = 0;

    if (flags == SLEY_FILE_DIRECTORY)
        return O_RDONLY | O_DIRECTORY;
    if (flags >= SLEY_FILE_DIRECTORY || writing == (SLEY_FILE_WRITE | SLEY_FILE_APPEND))
        return SLEY_EINVAL;
    if (!writing && (making || !(flags & SLEY_FILE_READ)))
        return SLEY_EINVAL;
    if (writing)
        result = flags & SLEY_FILE_READ ? O_RDWR : O_WRONLY;
    if (flags & SLEY_FILE_APPEND)
        result |= O_APPEND;
    if (flags & (SLEY_FILE_CREATE | SLEY_FILE_NEW))
        result |= O_CREAT;
    if (flags & SLEY_FILE_NEW)
        result |= O_EXCL;
    if (flags & SLEY_FILE_TRUNCATE)
        result |= O_TRUNC;
    return result;
}

int sley_file_open(const char *path, const struct sley_file_options *options,
                   struct sley_file **out)
{
    static const struct sley_file_options defaults;
    struct open_call call = {.path = path};
    struct sley_file *file;
    unsigned flags;

    if (!options)
        options = &defaults;
    if (!path)
        return SLEY_EINVAL;
    flags = options->flags ? options->flags : SLEY_FILE_READ;
    if ((call.flags = system_flags(flags)) < 0)
        return call.flags;
    call.at = sley__at(options->at);
    call.mode = options->mode ? options->mode : 0666;
    if (!(file = malloc(sizeof *file)))
        return SLEY_ENOMEM;
    file->flags = flags;
    store_relaxed(&file->try_first, true);
    if ((file->fd = sley__on_files(run_open, &call)) < 0) {
        int error = file->fd;

        free(file);
        return error;
    }
    *out = file;
    return 0;
}

static int run_close(void *arg)
{
    return close_descriptor(((struct sley_file *)arg)->fd);
}

int sley_file_close(struct sley_file *file)
{
    static const struct sley_blocking_options options = {.blocking_class = &sley_blocking_files};
    int result = 0;

    if (!file)
        return 0;
    if (sley_to_thread_with(run_close, file, &options, &result) < 0)
        result = run_close(file); /* it did not run */
    free(file);
    return result;
}

int sley_file_descriptor(const struct sley_file *file)
{
    return file->fd;
}

/* --- reading and writing ---------------------------------------------------------------------- */

struct transfer {
    int fd;
    void *buffer;
    const void *data;
    size_t size, done;
    int64_t offset;
};

static int run_read(void *arg)
{
    struct transfer *t = arg;

    return sley__sys_read_all(t->fd, (char *)t->buffer + t->done, t->size - t->done,
                              t->offset + (int64_t)t->done, &t->done);
}

static int run_write(void *arg)
{
    struct transfer *t = arg;

    return sley__sys_write_all(t->fd, t->data, t->size, t->offset, &t->done);
}

/* Reads what is in the cache. True: that is all there is to read. On the calling task. */
static bool read_at_once(struct sley_file *file, struct transfer *t)
{
    int count;

    if (t->size > TRY_MAX || !load_relaxed(&file->try_first))
        return false;
    do {
        count = read_cached(t->fd, (char *)t->buffer + t->done, t->size - t->done,
                            t->offset + (int64_t)t->done);
        if (count > 0)
            t->done += (size_t)count;
    } while (count > 0 && t->done < t->size); /* short: the end of the file, or of the cache */
    if (count < 0 && count != -EAGAIN)
        store_relaxed(&file->try_first, false); /* the thread will say what is wrong, if anything */
    return count >= 0;
}

/* Whether it fits what the system calls take. */
static int check_range(size_t size, int64_t offset)
{
    return offset < 0 || size > (size_t)(INT64_MAX - offset) ? SLEY_EINVAL : 0;
}

int sley_file_read(struct sley_file *file, void *buffer, size_t size, int64_t offset, size_t *count)
{
    struct transfer t = {.fd = file->fd, .buffer = buffer, .size = size, .offset = offset};
    int error = sley__wait_check();

    if (count)
        *count = 0;
    if (!error)
        error = check_range(size, offset);
    if (!error && !(file->flags & (SLEY_FILE_READ | SLEY_FILE_DIRECTORY)))
        error = SLEY_EPERM;
    if (error || !size)
        return error;
    if (read_at_once(file, &t))
        sley__wait_spend();
    else
        error = sley__on_files(run_read, &t);
    if (count)
        *count = t.done;
    if (error)
        return error;
    return t.done == size ? 0 : SLEY_EOF;
}

static int write_to(struct sley_file *file, struct transfer *t, unsigned needed, size_t *count)
{
    int error = sley__wait_check();

    if (!error && !(file->flags & needed))
        error = SLEY_EPERM;
    if (!error && t->size)
        error = sley__on_files(run_write, t);
    if (count)
        *count = t->done;
    return error;
}

int sley_file_write(struct sley_file *file, const void *data, size_t size, int64_t offset,
                    size_t *count)
{
    struct transfer t = {.fd = file->fd, .data = data, .size = size, .offset = offset};
    int error = check_range(size, offset);

    if (error && count)
        *count = 0;
    return error ? error : write_to(file, &t, SLEY_FILE_WRITE, count);
}

int sley_file_append(struct sley_file *file, const void *data, size_t size, size_t *count)
{
    struct transfer t = {.fd = file->fd, .data = data, .size = size, .offset = -1};

    return write_to(file, &t, SLEY_FILE_APPEND, count);
}

/* --- the rest --------------------------------------------------------------------------------- */

static int run_sync(void *arg)
{
    return fsync(((struct sley_file *)arg)->fd) < 0 ? -errno : 0;
}

static int run_sync_data(void *arg)
{
    return fdatasync(((struct sley_file *)arg)->fd) < 0 ? -errno : 0;
}

int sley_file_sync(struct sley_file *file)
{
    return sley__on_files(run_sync, file);
}

int sley_file_sync_data(struct sley_file *file)
{
    return sley__on_files(run_sync_data, file);
}

static int run_truncate(void *arg)
{
    struct transfer *t = arg;
    int result;

    do
        result = ftruncate(t->fd, t->offset);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int sley_file_truncate(struct sley_file *file, int64_t size)
{
    struct transfer t = {.fd = file->fd, .offset = size};

    return sley__on_files(run_truncate, &t);
}
