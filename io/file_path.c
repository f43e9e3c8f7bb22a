/*
 * file_path.c: calls on paths, and what is known of a file.
 *
 * Each is one system call on a thread of the pool's file class (file.c says why), so there is
 * little to decide here: errors are the system's, except where two systems say the same thing in
 * two ways. mkdirs() makes the last directory first and its parents only when that fails, because
 * mostly they are there.
 */
#define _GNU_SOURCE
#include "file_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct path_call {
    int at;
    const char *path, *other;
    unsigned mode;
    bool follow;
    struct sley_file_stat *stat;
};

static int result_of(int returned)
{
    return returned < 0 ? -errno : 0;
}

static int on_path(sley_blocking_fn *fn, struct path_call *call)
{
    return call->path ? sley__on_files(fn, call) : SLEY_EINVAL;
}

/* --- stat ------------------------------------------------------------------------------------- */

static enum sley_file_type type_of(mode_t mode)
{
    if (S_ISREG(mode))
        return SLEY_FILE_TYPE_REGULAR;
    if (S_ISDIR(mode))
        return SLEY_FILE_TYPE_DIRECTORY;
    return S_ISLNK(mode) ? SLEY_FILE_TYPE_LINK : SLEY_FILE_TYPE_OTHER;
}

static int64_t nanoseconds(struct timespec time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void translate(const struct stat *status, struct sley_file_stat *out)
{
    *out = (struct sley_file_stat){
        .type = type_of(status->st_mode),
        .mode = status->st_mode & 07777,
        .size = (uint64_t)status->st_size,
        .allocated = (uint64_t)status->st_blocks * 512,
        .device = status->st_dev,
        .inode = status->st_ino,
        .links = status->st_nlink,
        .user = status->st_uid,
        .group = status->st_gid,
        .modified = nanoseconds(status->st_mtim),
        .changed = nanoseconds(status->st_ctim),
        .accessed = nanoseconds(status->st_atim),
    };
}

static int run_stat(void *arg)
{
    struct path_call *call = arg;
    struct stat status;
    int error = call->path ? result_of(fstatat(call->at, call->path, &status,
                                               call->follow ? 0 : AT_SYMLINK_NOFOLLOW))
                           : result_of(fstat(call->at, &status));

    if (!error)
        translate(&status, call->stat);
    return error;
}

int sley_file_stat(struct sley_file *file, struct sley_file_stat *out)
{
    struct path_call call = {.at = file->fd, .stat = out};

    return sley__on_files(run_stat, &call);
}

int sley_path_stat(const struct sley_file *at, const char *path, bool follow,
                   struct sley_file_stat *out)
{
    struct path_call call = {.at = sley__at(at), .path = path, .follow = follow, .stat = out};

    return on_path(run_stat, &call);
}

/* --- names ------------------------------------------------------------------------------------ */

static int run_rename(void *arg)
{
    struct path_call *call = arg;

    return result_of(renameat(call->at, call->path, call->at, call->other));
}

int sley_path_rename(const struct sley_file *at, const char *from, const char *to)
{
    struct path_call call = {.at = sley__at(at), .path = from, .other = to};

    return to ? on_path(run_rename, &call) : SLEY_EINVAL;
}

static int run_unlink(void *arg)
{
    struct path_call *call = arg;

    return result_of(unlinkat(call->at, call->path, 0));
}

int sley_path_unlink(const struct sley_file *at, const char *path)
{
    struct path_call call = {.at = sley__at(at), .path = path};

    return on_path(run_unlink, &call);
}

/* --- directories ------------------------------------------------------------------------------ */

static int run_mkdir(void *arg)
{
    struct path_call *call = arg;

    return result_of(mkdirat(call->at, call->path, call->mode));
}

int sley_path_mkdir(const struct sley_file *at, const char *path, unsigned mode)
{
    struct path_call call = {.at = sley__at(at), .path = path, .mode = mode};

    return on_path(run_mkdir, &call);
}

/* Makes the directory, or finds it there. */
static int make_one(struct path_call *call, const char *path)
{
    struct stat status;
    int error = result_of(mkdirat(call->at, path, call->mode));

    /* A file system may say EROFS or EACCES of a directory that is there. */
    if (error && error != -ENOENT && fstatat(call->at, path, &status, 0) == 0)
        return S_ISDIR(status.st_mode) ? 0 : SLEY_ENOTDIR;
    return error;
}

static int run_mkdirs(void *arg)
{
    struct path_call *call = arg;
    size_t length = strlen(call->path);
    char part[PATH_MAX];
    int error = make_one(call, call->path);

    if (error != -ENOENT || !length)
        return error;
    if (length >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, call->path, length + 1);
    for (size_t i = 1; i < length; i++)
        if (part[i] == '/' && part[i - 1] != '/') {
            part[i] = '\0';
            if ((error = make_one(call, part)))
                return error;
            part[i] = '/';
        }
    return make_one(call, call->path);
}

int sley_path_mkdirs(const struct sley_file *at, const char *path, unsigned mode)
{
    struct path_call call = {.at = sley__at(at), .path = path, .mode = mode};

    return on_path(run_mkdirs, &call);
}

static int run_rmdir(void *arg)
{
    struct path_call *call = arg;

    return result_of(unlinkat(call->at, call->path, AT_REMOVEDIR));
}

int sley_path_rmdir(const struct sley_file *at, const char *path)
{
    struct path_call call = {.at = sley__at(at), .path = path};

    return on_path(run_rmdir, &call);
}
