/*
 * savefile.c: writing a file so that its name never stands for half of it.
 *
 * The bytes go to a file that has no name (O_TMPFILE); only when it is complete is it linked under
 * its final one. So a program that is killed leaves nothing behind at all: the kernel gives a
 * nameless file back together with its last descriptor. A link cannot replace a file that exists,
 * a rename can; so in that case the complete file gets a temporary name first, and is renamed.
 *
 * Some file systems have no nameless files (NFS, overlays of old kernels), and the link goes
 * through /proc, which may not be mounted. Then the file is written under a temporary name and
 * renamed when it is complete: a kill can leave ".sley-*.part" behind, which nobody reads and no
 * later run trips over, since the names are random.
 *
 * Rejected: the second way alone, for those leftovers; one fixed temporary name per file (two
 * programs saving the same file would write into each other); fsync(), which costs milliseconds a
 * file and guards against power loss, which we do not promise.
 */
#define _GNU_SOURCE
#include "savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_SIZE 32
#define NAME_LIMIT     255 /* NAME_MAX of every file system that matters */

static void temporary_name(char name[TEMPORARY_SIZE])
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) < 0)
        random = (uint64_t)getpid(); /* O_EXCL and linkat() still catch a name that is taken */
    snprintf(name, TEMPORARY_SIZE, ".sley-%016llx.part", (unsigned long long)random);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int rename_or_remove(int directory, const char *temporary, const char *name)
{
    if (renameat(directory, temporary, directory, name) == 0)
        return 0;
    int error = -errno;
    unlinkat(directory, temporary, 0);
    return error;
}

/* Gives the nameless file `fd` its name; *unable means that links cannot be made in this way. */
static int link_as(int fd, int directory, const char *name, bool *unable)
{
    char self[32], temporary[TEMPORARY_SIZE];

    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, directory, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    *unable = errno == ENOENT || errno == EPERM || errno == EXDEV;
    if (errno != EEXIST)
        return -errno;
    temporary_name(temporary);
    if (linkat(AT_FDCWD, self, directory, temporary, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return rename_or_remove(directory, temporary, name);
}

int savefile_write_named(int directory, const char *name, const void *data, size_t size)
{
    char temporary[TEMPORARY_SIZE];

    temporary_name(temporary);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, data, size);
    if (close(fd) < 0 && !error) /* where a network file system reports a full disk */
        error = -errno;
    if (!error)
        return rename_or_remove(directory, temporary, name);
    unlinkat(directory, temporary, 0);
    return error;
}

int savefile_write(int directory, const char *name, const void *data, size_t size)
{
    bool unable = false;
    int fd = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        return savefile_write_named(directory, name, data, size);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, data, size);
    if (!error)
        error = link_as(fd, directory, name, &unable);
    close(fd);
    return unable ? savefile_write_named(directory, name, data, size) : error;
}

/* mkdir -p. What stands in the way is found by the open that follows. */
static void make_directories(const char *path)
{
    char part[4096];

    for (size_t i = 1; path[i - 1] && i < sizeof part; i++)
        if (path[i] == '/' || !path[i]) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            mkdir(part, 0777);
        }
}

int savefile_directory(const char *path)
{
    if (!*path)
        return -ENOENT;
    make_directories(path);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) < 0) {
        int error = -errno;
        close(directory);
        return error;
    }
    return directory;
}

/* How long the UTF-8 character at `text` is; 1 for a byte that begins none. */
static size_t character_length(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1;

    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return 1;
    return length;
}

/* Is the character of `length` bytes one that a file name had better not have at this place? */
static bool is_unfit(const char *text, size_t length, bool first)
{
    unsigned char c = (unsigned char)text[0];

    if (length == 1)
        return c <= ' ' || c == '/' || c >= 0x7F || (first && (c == '.' || c == '-'));
    return length == 2 && c == 0xC2 && (unsigned char)text[1] < 0xA0; /* C1 controls */
}

int savefile_name(const char *text, const char *suffix, char *name, size_t size)
{
    size_t used = 0, limit = (size > NAME_LIMIT ? NAME_LIMIT + 1 : size) - 1 - strlen(suffix);

    text += strspn(text, " \t\r\n");
    if (!*text)
        return -EINVAL;
    while (*text) {
        size_t length = character_length(text);
        bool unfit = is_unfit(text, length, used == 0);
        size_t needed = unfit ? 1 : length;
        if (used + needed > limit)
            break;
        memcpy(name + used, unfit ? "_" : text, needed);
        used += needed;
        text += length;
    }
    memcpy(name + used, suffix, strlen(suffix) + 1);
    return 0;
}
