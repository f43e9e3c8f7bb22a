/*
 * file_save.c: whole files: read in one call, and written so that a name never stands for half of
 * one.
 *
 * The bytes go to a file that has no name (O_TMPFILE); only when it is complete is it linked under
 * its final one. So a process that is killed leaves nothing behind at all: the kernel gives a
 * nameless file back together with its last descriptor. A link cannot replace a file that exists, a
 * rename can; so in that case the complete file gets a temporary name first, and is renamed.
 *
 * A nameless file is linked by its descriptor (AT_EMPTY_PATH), which kernels before 6.10 allow to
 * root only; else through /proc, which may not be mounted. Where neither goes, or the file system
 * has no nameless files (NFS, FAT), the file is written under a temporary name. These names carry a
 * mark and 64 random bits: two programs that save the same file do not meet, and what a kill has
 * left can be told from everything else and swept away.
 *
 * All of it is one job on one thread. Four calls of file.h would be four hand-overs, and for a
 * small file the hand-over is what costs (`sley-bench file`).
 *
 *   Rejected: temporary names alone. They are a third cheaper where a file is replaced and as much
 *   dearer where it is new, but each kill leaves a half file. Taking the mode of the file that is
 *   replaced: it takes a stat for each file, and its owner and its lists of rights cannot be taken.
 *   Locks on temporary files, so that a sweep knows whose writer is alive: on network file systems,
 *   where they would matter most, locks are advice, or missing.
 */
#define _GNU_SOURCE
#include "file_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEMPORARY_SIZE = 32,
    TEMPORARY_TRIES = 16, /* names; one in 2^64 is taken */
    READ_MIN = 16 * 1024, /* room for a file that does not say its size, as in /proc */
};

/* --- loading ---------------------------------------------------------------------------------- */

struct load_call {
    int at;
    const char *path;
    size_t limit;
    char *data;
    size_t size;
};

/* Reads what `fd` has, into memory of `room` bytes and more if that does not do. */
static int read_whole(struct load_call *call, int fd, size_t room)
{
    for (;;) {
        char *data = realloc(call->data, room + 1);
        int error;

        if (!data)
            return SLEY_ENOMEM;
        call->data = data;
        error = sley__sys_read_all(fd, data + call->size, room - call->size, (int64_t)call->size,
                                   &call->size);
        if (error || call->size < room)
            return error;
        if (room > call->limit)
            return SLEY_EMSGSIZE;
        /* Full: one byte more than the limit is enough to know. */
        room = room < call->limit / 2 ? room * 2 : call->limit + 1;
    }
}

/* How much room to begin with: what it says that it has, and a byte that finds its end. */
static size_t first_room(int fd, size_t limit)
{
    struct stat status;
    uint64_t size = fstat(fd, &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;

    if (!size)
        size = READ_MIN;
    return size < limit ? (size_t)size + 1 : limit + 1;
}

static int run_load(void *arg)
{
    struct load_call *call = arg;
    int error, fd = sley__sys_open(call->at, call->path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0)
        return fd;
    if (!(error = sley__sys_check_file(fd)))
        error = read_whole(call, fd, first_room(fd, call->limit));
    close(fd);
    if (!error)
        call->data[call->size] = '\0';
    return error;
}

int sley_file_load(const struct sley_file *at, const char *path, size_t limit, void **data,
                   size_t *size)
{
    struct load_call call = {.at = sley__at(at), .path = path, .limit = limit};
    int error = path && limit < SIZE_MAX / 2 ? 0 : SLEY_EINVAL;

    if (!error)
        error = sley__on_files(run_load, &call);
    if (error) {
        free(call.data);
        return error;
    }
    *data = call.data;
    *size = call.size;
    return 0;
}

/* --- saving ----------------------------------------------------------------------------------- */

struct save_call {
    int at;
    const char *path;
    const void *data;
    size_t size;
    unsigned mode;
    bool fresh, sync;
    const char *directory; /* what the path says before its last name; "." for nothing */
    const char *name;      /* its last name */
};

static int result_of(int returned)
{
    return returned < 0 ? -errno : 0;
}

static int temporary_name(char name[TEMPORARY_SIZE])
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -errno;
    snprintf(name, TEMPORARY_SIZE, ".sley-%016" PRIx64 ".part", random);
    return 0;
}

/* Cuts the path in two. */
static int split_path(struct save_call *call, char directory[PATH_MAX])
{
    const char *slash = strrchr(call->path, '/');
    size_t length = slash ? (size_t)(slash - call->path) + 1 : 0;

    call->name = call->path + length;
    if (!*call->name)
        return SLEY_EINVAL;
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(directory, length ? call->path : ".", length ? length : 1);
    directory[length ? length : 1] = '\0';
    call->directory = directory;
    return 0;
}

static int open_directory(const struct save_call *call)
{
    return sley__sys_open(call->at, call->directory, O_RDONLY | O_DIRECTORY, 0);
}

/* Gives the nameless file `fd` a name. */
static int link_file(int fd, int directory, const char *name)
{
    char self[32];

    if (linkat(fd, "", directory, name, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != ENOENT && errno != EPERM && errno != EINVAL)
        return -errno;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return result_of(linkat(AT_FDCWD, self, directory, name, AT_SYMLINK_FOLLOW));
}

/* Whether links cannot be made in this way, while another one may do. */
static bool is_unable(int error)
{
    return error == -ENOENT || error == -EPERM || error == -EXDEV;
}

/* The complete file `temporary` gets its name, or goes. */
static int settle(const struct save_call *call, int directory, const char *temporary)
{
    int error;

    if (call->fresh) {
        error = result_of(renameat2(directory, temporary, directory, call->name, RENAME_NOREPLACE));
        if (error == -EINVAL || error == -ENOSYS) { /* a file system that does not know the flag */
            error = result_of(linkat(directory, temporary, directory, call->name, 0));
            unlinkat(directory, temporary, 0);
            return error;
        }
    } else {
        error = result_of(renameat(directory, temporary, directory, call->name));
    }
    if (error)
        unlinkat(directory, temporary, 0);
    return error;
}

/* The nameless file `fd` takes the name of another one. */
static int link_over(const struct save_call *call, int fd, int directory)
{
    char temporary[TEMPORARY_SIZE];
    int error = -EEXIST;

    for (int i = 0; error == -EEXIST && i < TEMPORARY_TRIES; i++)
        if (!(error = temporary_name(temporary)))
            error = link_file(fd, directory, temporary);
    return error ? error : settle(call, directory, temporary);
}

/* In a directory that is open, and is written to the disk at the end. */
static int link_in(const struct save_call *call, int fd, bool taken)
{
    int error = 0, directory = open_directory(call);

    if (directory < 0)
        return directory;
    if (!taken)
        error = link_file(fd, directory, call->name);
    if (taken || (error == -EEXIST && !call->fresh))
        error = link_over(call, fd, directory);
    if (!error && call->sync)
        error = result_of(fsync(directory));
    close(directory);
    return error;
}

static int link_complete(const struct save_call *call, int fd)
{
    int error;

    if (call->sync)
        return link_in(call, fd, false);
    error = link_file(fd, call->at, call->path);
    return error == -EEXIST && !call->fresh ? link_in(call, fd, true) : error;
}

static int write_file(const struct save_call *call, int fd)
{
    size_t done = 0;
    int error = sley__sys_write_all(fd, call->data, call->size, -1, &done);

    return !error && call->sync ? result_of(fsync(fd)) : error;
}

/* The second way, under a temporary name from the beginning. */
static int save_named_in(const struct save_call *call, int directory)
{
    char temporary[TEMPORARY_SIZE];
    int error, fd = -EEXIST;

    for (int i = 0; fd == -EEXIST && i < TEMPORARY_TRIES; i++) {
        if ((error = temporary_name(temporary)))
            return error;
        fd = sley__sys_open(directory, temporary, O_WRONLY | O_CREAT | O_EXCL, call->mode);
    }
    if (fd < 0)
        return fd;
    error = write_file(call, fd);
    if (close(fd) < 0 && !error && errno != EINTR) /* where network file systems report */
        error = -errno;
    if (!error)
        return settle(call, directory, temporary);
    unlinkat(directory, temporary, 0);
    return error;
}

static int save_named(const struct save_call *call)
{
    int error, directory = open_directory(call);

    if (directory < 0)
        return directory;
    error = save_named_in(call, directory);
    if (!error && call->sync)
        error = result_of(fsync(directory));
    close(directory);
    return error;
}

static int run_save(void *arg)
{
    struct save_call *call = arg;
    char directory[PATH_MAX];
    int error = split_path(call, directory), fd;

    if (error)
        return error;
    fd = sley__sys_open(call->at, call->directory, O_TMPFILE | O_WRONLY, call->mode);
    if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -EINVAL)
        return save_named(call);
    if (fd < 0)
        return fd;
    if (!(error = write_file(call, fd))) {
        error = link_complete(call, fd);
        if (is_unable(error))
            error = save_named(call);
    }
    close(fd);
    return error;
}

int sley_file_save(const char *path, const void *data, size_t size,
                   const struct sley_file_save_options *options)
{
    static const struct sley_file_save_options defaults;
    struct save_call call = {.path = path, .data = data, .size = size};

    if (!path)
        return SLEY_EINVAL;
    if (!options)
        options = &defaults;
    call.at = sley__at(options->at);
    call.mode = options->mode ? options->mode : 0666;
    call.fresh = options->fresh;
    call.sync = options->sync;
    return sley__on_files(run_save, &call);
}
