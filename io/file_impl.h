/*
 * file_impl.h: what the files of file.h have in common. See file.c.
 */
#ifndef SLEY_FILE_IMPL_H
#define SLEY_FILE_IMPL_H

#include <fcntl.h>

#include <sley/blocking.h>
#include <sley/file.h>

#include "atomic.h"
#include "wait.h"

struct sley_file {
    int fd;         /* constant, as the next one */
    unsigned flags; /* enum sley_file_flags */
    /* Reading without blocking is tried first. Cleared, by any task, when the file system has said
     * that it cannot; relaxed, a hint. */
    atomic(bool) try_first;
};

/* Runs fn(arg) on a thread for files; its result, or why it did not run. From a task. Parks. */
MUST_USE int sley__on_files(sley_blocking_fn *fn, void *arg);

/* What `at` is for the system. */
static inline int sley__at(const struct sley_file *at)
{
    return at ? at->fd : AT_FDCWD;
}

/* --- below: on a thread that may block ------------------------------------------------------- */

/* As open(2): close-on-exec, never a controlling terminal; the descriptor or -errno. */
MUST_USE int sley__sys_open(int at, const char *path, int flags, unsigned mode);

/* 0 for a regular file, a directory, a disk or the like; SLEY_EINVAL for what makes its reader
 * wait; or -errno. */
MUST_USE int sley__sys_check_file(int fd);

/* All of it, at `offset`, or where the descriptor stands if that is negative. 0 or -errno; *done
 * grows by what was written. */
MUST_USE int sley__sys_write_all(int fd, const char *data, size_t size, int64_t offset,
                                 size_t *done);

/* Up to `size` bytes, fewer only at the end of the file. 0 or -errno; *done grows. */
MUST_USE int sley__sys_read_all(int fd, char *buffer, size_t size, int64_t offset, size_t *done);

#endif
