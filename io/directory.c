/*
 * directory.c: what is in a directory.
 *
 * The kernel tells the entries as records, as many as fit in a buffer; a thread fetches a buffer of
 * them (file.c says why a thread), and handing them out one by one is then a walk over memory. So a
 * listing costs a hand-over for some hundreds of entries. An entry is copied out, name included,
 * because it is to outlive the next fetch: whoever collects a listing, or hands entries to tasks,
 * would otherwise hold pointers into the buffer.
 *   Rejected: readdir(3), whose answer lives in a hidden buffer and whose end and error differ only
 *   by errno.
 *
 * The sweep of temporary files is here, because it is a listing. It runs as one job.
 */
#define _GNU_SOURCE
#include "file_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 32 * 1024 }; /* as the C library's: 400 to 1,300 entries */

/* A record of the kernel's, as getdents64(2) has it. */
struct record {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

struct sley_directory {
    int fd; /* constant */
    /* Whoever lists it, or fetches for him. */
    size_t used, filled;
    _Alignas(struct record) char buffer[BUFFER];
};

/* --- records; on any thread ------------------------------------------------------------------- */

/* Fetches the next records: 0, or -errno; no records: the end. On a thread that may block. */
static int fetch(struct sley_directory *directory)
{
    long count = syscall(SYS_getdents64, directory->fd, directory->buffer, BUFFER);

    if (count < 0)
        return -errno;
    directory->used = 0;
    directory->filled = (size_t)count;
    return 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The next one that is in the buffer, or NULL. */
static const struct record *next_record(struct sley_directory *directory)
{
    while (directory->used < directory->filled) {
        const void *at = directory->buffer + directory->used;
        const struct record *record = at;

        directory->used += record->length;
        if (!is_dots(record->name))
            return record;
    }
    return NULL;
}

static struct sley_directory *new_directory(int fd)
{
    struct sley_directory *directory = malloc(sizeof *directory);

    if (directory) {
        directory->fd = fd;
        directory->used = directory->filled = 0;
    }
    return directory;
}

/* --- listing ---------------------------------------------------------------------------------- */

struct open_call {
    int at;
    const char *path;
    struct sley_directory *directory;
};

static int run_open(void *arg)
{
    struct open_call *call = arg;
    int fd = sley__sys_open(call->at, call->path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return fd;
    if ((call->directory = new_directory(fd)))
        return 0;
    close(fd);
    return SLEY_ENOMEM;
}

int sley_directory_open(const struct sley_file *at, const char *path, struct sley_directory **out)
{
    struct open_call call = {.at = sley__at(at), .path = path};
    int error = path ? sley__on_files(run_open, &call) : SLEY_EINVAL;

    if (!error)
        *out = call.directory;
    return error;
}

static int run_fetch(void *arg)
{
    return fetch(arg);
}

static enum sley_file_type type_of(unsigned char type)
{
    switch (type) {
    case DT_UNKNOWN:
        return SLEY_FILE_TYPE_UNKNOWN;
    case DT_REG:
        return SLEY_FILE_TYPE_REGULAR;
    case DT_DIR:
        return SLEY_FILE_TYPE_DIRECTORY;
    case DT_LNK:
        return SLEY_FILE_TYPE_LINK;
    default:
        return SLEY_FILE_TYPE_OTHER;
    }
}

int sley_directory_next(struct sley_directory *directory, struct sley_directory_entry *entry)
{
    const struct record *record;
    size_t length;
    int error = sley__wait_check();

    if (error)
        return error;
    while (!(record = next_record(directory))) {
        if ((error = sley__on_files(run_fetch, directory)))
            return error;
        if (!directory->filled)
            return 0;
    }
    length = strlen(record->name);
    if (length >= sizeof entry->name)
        return SLEY_ENAMETOOLONG;
    entry->inode = record->inode;
    entry->type = type_of(record->type);
    memcpy(entry->name, record->name, length + 1);
    sley__wait_spend();
    return 1;
}

void sley_directory_close(struct sley_directory *directory)
{
    if (!directory)
        return;
    close(directory->fd);
    free(directory);
}

static int next_of_directory(void *self, void *item)
{
    return sley_directory_next(self, item);
}

struct sley_iterator sley_directory_iterator(struct sley_directory *directory)
{
    return (struct sley_iterator){next_of_directory, directory,
                                  sizeof(struct sley_directory_entry)};
}

/* --- sweeping --------------------------------------------------------------------------------- */

struct sweep_call {
    int at;
    const char *path;
    int64_t age;
    int removed;
};

static int64_t nanoseconds(struct timespec time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Whether it is a temporary file that nobody has written to for long enough. */
static bool is_stale(int directory, const char *name, int64_t age)
{
    struct timespec now;
    struct stat status;

    if (fnmatch(SLEY_FILE_TEMPORARY, name, 0) != 0)
        return false;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now) - nanoseconds(status.st_mtim) >= age;
}

static int sweep_all(struct sweep_call *call, struct sley_directory *directory)
{
    const struct record *record;
    int error;

    while (!(error = fetch(directory)) && directory->filled)
        while ((record = next_record(directory)))
            if (is_stale(directory->fd, record->name, call->age) &&
                unlinkat(directory->fd, record->name, 0) == 0)
                call->removed++;
    return error;
}

static int run_sweep(void *arg)
{
    struct sweep_call *call = arg;
    struct open_call open = {.at = call->at, .path = call->path};
    int error = run_open(&open);

    if (error)
        return error;
    error = sweep_all(call, open.directory);
    sley_directory_close(open.directory);
    return error ? error : call->removed;
}

int sley_directory_sweep(const struct sley_file *at, const char *path, int64_t age)
{
    struct sweep_call call = {.at = sley__at(at), .path = path, .age = age};

    return path ? sley__on_files(run_sweep, &call) : SLEY_EINVAL;
}
