/*
 * sley/file.h: files and directories.
 *
 * The kernel has no way to wait for a disk but to block a thread, so these calls run on threads of
 * their own (class sley_blocking_files of <sley/blocking.h>) while the calling task is parked. What
 * is in the page cache already is read at once, without a thread.
 *
 * A call either happens or does not. A caller that is cancelled, or late, while its call still
 * waits for a thread returns at once and nothing has been done. A call that a thread has begun is
 * waited for and returns what came of it, whatever happens to the caller: it works on the caller's
 * memory, and a descriptor that was opened or a name that was changed must not be lost. So after
 * SLEY_ECANCELED and SLEY_ETIMEDOUT nothing has changed, and memory is the caller's when a call
 * returns.
 *
 * All of this is for regular files and directories. Pipes, sockets and terminals, where a call can
 * wait for ever, are streams and are refused by the open.
 *
 * All calls may also return SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK (not on a task),
 * SLEY_ENOMEM, SLEY_EAGAIN (no thread could be started) and SLEY_EIO. Any error of the system not
 * named below is returned as -errno.
 */
#ifndef SLEY_FILE_H
#define SLEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/iterator.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open file, or an open directory that other paths start from. Owned by whoever opened it, until
 * sley_file_close(). Several tasks may use it at once. */
struct sley_file;

enum sley_file_flags {
    SLEY_FILE_READ = 1,      /* may be read */
    SLEY_FILE_WRITE = 2,     /* may be written at any offset */
    SLEY_FILE_APPEND = 4,    /* may be written at its end: sley_file_append() */
    SLEY_FILE_CREATE = 8,    /* made if it is not there */
    SLEY_FILE_NEW = 16,      /* made; SLEY_EEXIST if it is there */
    SLEY_FILE_TRUNCATE = 32, /* emptied */
    SLEY_FILE_DIRECTORY = 64 /* a directory, to be `at` in other calls; stands alone */
};

/* Zero in a field means its default. Read during the call only. */
struct sley_file_options {
    unsigned flags;             /* enum sley_file_flags. Default: SLEY_FILE_READ */
    unsigned mode;              /* of a file that is made, less the umask. Default 0666 */
    const struct sley_file *at; /* a directory, where a relative path starts. Default: the process's
                                   working directory */
};

/* Opens the file `path`. Descriptors are closed in programs that are executed.
 *   options  NULL for all defaults
 *   out      receives the file; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL   flags that do not go together, it is a pipe, a socket or a terminal, or the
 *                 path is NULL
 *   SLEY_ENOENT, SLEY_EEXIST, SLEY_EACCES, SLEY_EPERM, SLEY_EROFS, SLEY_EISDIR, SLEY_ENOTDIR,
 *   SLEY_ENAMETOOLONG, SLEY_ELOOP, SLEY_ENOSPC, SLEY_EMFILE, SLEY_ENFILE
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_open(const char *path, const struct sley_file_options *options,
                               struct sley_file **out);

/* Closes and frees it. No other task may be in a call on it or make one later. NULL is fine. A
 * caller that is cancelled, or that is no task, closes it in place: that blocks its thread for an
 * instant, and on a network file system for as long as that takes. Returns 0, or what the system
 * says of writes that it had put off, which only network file systems do; the file is closed in any
 * case. Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_file_close(struct sley_file *file);

/* Its descriptor, which stays the file's. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_file_descriptor(const struct sley_file *file);

/* Fills the buffer with what the file has from `offset` (bytes) on.
 *   count  receives the bytes read, also on failure; may be NULL
 * Returns 0 when all `size` bytes were read, or
 *   SLEY_EOF     the file ends before; *count says how many there were
 *   SLEY_EINVAL  a negative offset
 *   SLEY_EPERM   it was not opened for reading
 *   SLEY_EISDIR
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_file_read(struct sley_file *file, void *buffer, size_t size, int64_t offset,
                               size_t *count);

/* Writes all of it from `offset` (bytes) on; the file grows as needed.
 *   count  receives the bytes written, also on failure; may be NULL
 * Returns 0, or
 *   SLEY_ENOSPC, SLEY_EFBIG, SLEY_EDQUOT   no room, or a limit; *count says how many found it
 *   SLEY_EINVAL  a negative offset
 *   SLEY_EPERM   it was not opened with SLEY_FILE_WRITE
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_write(struct sley_file *file, const void *data, size_t size,
                                int64_t offset, size_t *count);

/* Writes all of it at the end of the file, wherever that is then: pieces that several tasks and
 * processes append do not overlap, and stay whole as long as the disk has room. Parameters and
 * errors as sley_file_write(); SLEY_EPERM: not opened with SLEY_FILE_APPEND. From a task. Parks.
 * Since 0.1. */
SLEY_EXPORT int sley_file_append(struct sley_file *file, const void *data, size_t size,
                                 size_t *count);

/* Waits until the disk has what was written; sync_data: without times and the like that are not
 * needed to read it back. 0; SLEY_EIO, SLEY_ENOSPC, SLEY_EDQUOT: something was lost, and a second
 * call would not tell again. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_sync(struct sley_file *file);
SLEY_EXPORT int sley_file_sync_data(struct sley_file *file);

/* Cuts or extends the file, with zeros, to `size` bytes. 0; SLEY_EINVAL: negative, or not opened
 * for writing; SLEY_EFBIG, SLEY_ENOSPC. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_truncate(struct sley_file *file, int64_t size);

enum sley_file_type {
    SLEY_FILE_TYPE_UNKNOWN, /* a file system that does not tell in listings: ask sley_path_stat() */
    SLEY_FILE_TYPE_REGULAR,
    SLEY_FILE_TYPE_DIRECTORY,
    SLEY_FILE_TYPE_LINK, /* symbolic */
    SLEY_FILE_TYPE_OTHER
};

struct sley_file_stat {
    enum sley_file_type type;
    unsigned mode;            /* permissions, 07777 */
    uint64_t size, allocated; /* bytes; on the disk */
    uint64_t device, inode, links;
    uint32_t user, group;
    int64_t modified, changed, accessed; /* ns since 1970 */
};

/* What is known of it. 0. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_stat(struct sley_file *file, struct sley_file_stat *out);

/* --- paths ------------------------------------------------------------------------------------
 *
 * `at`: an open directory where relative paths start; NULL: the working directory. All of these
 * return 0 or SLEY_ENOENT, SLEY_EACCES, SLEY_EPERM, SLEY_EROFS, SLEY_ENOTDIR, SLEY_ENAMETOOLONG,
 * SLEY_ELOOP, SLEY_EINVAL (a path is NULL), and what is named. From a task. Parks. Since 0.1. */

/* Of what the path leads to. `follow` false: of a symbolic link itself. */
SLEY_EXPORT int sley_path_stat(const struct sley_file *at, const char *path, bool follow,
                               struct sley_file_stat *out);

/* Gives it another name in the same file system, replacing what had that name, at one instant.
 * SLEY_EXDEV: another file system; SLEY_EISDIR, SLEY_ENOTEMPTY, SLEY_EINVAL (into itself). */
SLEY_EXPORT int sley_path_rename(const struct sley_file *at, const char *from, const char *to);

/* Removes the name of a file; SLEY_EISDIR: it is a directory's. */
SLEY_EXPORT int sley_path_unlink(const struct sley_file *at, const char *path);

/* Makes a directory; mode: less the umask, 0777 for all. SLEY_EEXIST, SLEY_ENOSPC. */
SLEY_EXPORT int sley_path_mkdir(const struct sley_file *at, const char *path, unsigned mode);

/* The same with all its parents; no error if the directory is there already. SLEY_ENOTDIR also if
 * the path leads to something else. */
SLEY_EXPORT int sley_path_mkdirs(const struct sley_file *at, const char *path, unsigned mode);

/* Removes an empty directory; SLEY_ENOTEMPTY. */
SLEY_EXPORT int sley_path_rmdir(const struct sley_file *at, const char *path);

/* --- whole files ------------------------------------------------------------------------------ */

/* Reads all of a file, in one go.
 *   limit  bytes, less than SIZE_MAX / 2; SLEY_EINVAL otherwise
 *   data   receives memory to be freed with free(), with a NUL behind the last byte
 *   size   receives the bytes, without that NUL; both untouched on failure
 * Returns 0, the errors of sley_file_open() and sley_file_read(), or
 *   SLEY_EMSGSIZE  it has more than `limit` bytes
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_load(const struct sley_file *at, const char *path, size_t limit,
                               void **data, size_t *size);

/* Zero in a field means its default. Read during the call only. */
struct sley_file_save_options {
    unsigned mode; /* less the umask. Default 0666. Not taken from a file that is
                      replaced */
    bool fresh;    /* SLEY_EEXIST if the name is taken, instead of replacing it */
    bool sync;     /* returns when file and name are on the disk: they survive a loss of
                      power, too. Milliseconds */
    const struct sley_file *at; /* as above */
};

/* Makes a file of these bytes under that name, or replaces the one there, at one instant: at any
 * time, and after any crash of the process, the name is absent, the old file, or all of the new
 * one. A symbolic link of that name is replaced itself. (After a loss of power that is so with
 * `sync`.) Who has the old file open goes on reading it. One hand-over to a thread.
 *
 * The bytes go to a file without a name, which the kernel takes back if the process dies. Only a
 * file that replaces another has, when it is complete, for an instant another name in the same
 * directory, SLEY_FILE_TEMPORARY with a random number for the *; and so has, while it is written,
 * one on a file system that knows no files without names. A kill -9 in that time leaves it there;
 * sley_directory_sweep() takes it away.
 *
 * Returns 0, or an error; then nothing has changed and nothing was left behind:
 *   SLEY_ENOSPC, SLEY_EDQUOT, SLEY_EFBIG    no room for it
 *   SLEY_EEXIST                             only with `fresh`
 *   SLEY_EISDIR                             the name is a directory's
 *   SLEY_EINVAL                             the path ends in a '/', is empty or NULL
 *   SLEY_ENOENT, SLEY_ENOTDIR, SLEY_EACCES, SLEY_EPERM, SLEY_EROFS, SLEY_ENAMETOOLONG, SLEY_ELOOP,
 *   SLEY_EMFILE, SLEY_ENFILE
 * With `sync`, an error that comes after the name was set (SLEY_EIO of the directory) leaves the
 * new file there. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_file_save(const char *path, const void *data, size_t size,
                               const struct sley_file_save_options *options);

/* What sley_file_save() may leave behind when it is killed. */
#define SLEY_FILE_TEMPORARY ".sley-*.part"

/* Removes files of such names from a directory that were last written `age` ns ago or earlier: long
 * enough that nobody is still writing them. Returns how many, or the errors of
 * sley_directory_open(). A file that cannot be removed is passed over. From a task. Parks. Since
 * 0.1. */
SLEY_EXPORT int sley_directory_sweep(const struct sley_file *at, const char *path, int64_t age);

/* --- listing ---------------------------------------------------------------------------------- */

/* An open listing. Owned by whoever opened it, until sley_directory_close(). One task at a time. */
struct sley_directory;

/* An entry; "." and ".." are left out. A value. */
struct sley_directory_entry {
    uint64_t inode;
    enum sley_file_type type;
    char name[256];
};

/* Opens the directory `path` for listing; errors as sley_file_open(). From a task. Parks.
 * Since 0.1. */
SLEY_EXPORT int sley_directory_open(const struct sley_file *at, const char *path,
                                    struct sley_directory **out);

/* The next entry, in no particular order. They are fetched some hundreds at a time. What is made or
 * removed meanwhile may be listed or not.
 *   1                   *entry is one
 *   0                   there is none left
 *   SLEY_ENAMETOOLONG   a name of more than 255 bytes, which only few file systems have; the next
 *                       call goes on behind it
 * From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_directory_next(struct sley_directory *directory,
                                    struct sley_directory_entry *entry);

/* Closes and frees it; NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_directory_close(struct sley_directory *directory);

/* The entries as an iterator, for SLEY_FOREACH (struct sley_directory_entry, entry, directory). One
 * with a name that is too long ends it. sley_directory_iterator() is in <sley/iterator.h>. */

#ifdef __cplusplus
}
#endif
#endif
