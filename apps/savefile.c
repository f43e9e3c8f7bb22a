/*
 * savefile.c: where files are saved, and under which names.
 *
 * Saving itself is sley_file_save(), which never lets a name stand for half of a file. Here is what
 * the programs decide beside that: that a directory is made when it is not there, and refused when
 * no file could be made in it, in one line and not in one per file; and which names texts from
 * outside may become.
 *
 * A kill may leave a complete file under a temporary name, when it was about to replace another.
 * The next program that saves there sweeps it away. It must not be another one's that is at work,
 * so all have a shared lock on the directory (flock, which any death gives back), and who could
 * have it alone when it came sweeps. Nobody waits for it: somebody else may have it, for reasons of
 * his own.
 */
#define _GNU_SOURCE
#include "savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_LIMIT 255 /* NAME_MAX of every file system that matters */

/* On a thread that may block. */
static int check_writable(void *directory)
{
    return faccessat(sley_file_descriptor(directory), ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno
                                                                                        : 0;
}

/* Both on a thread that may block. */
static int lock_alone(void *directory)
{
    return flock(sley_file_descriptor(directory), LOCK_EX | LOCK_NB) == 0;
}

static int lock_with_others(void *directory)
{
    return flock(sley_file_descriptor(directory), LOCK_SH | LOCK_NB) == 0;
}

/* Whatever goes wrong here, files can be saved. */
static void sweep(struct sley_file *directory)
{
    int alone = 0;

    if (sley_to_thread(lock_alone, directory, &alone) == 0 && alone)
        (void)sley_directory_sweep(directory, ".", 0);
    (void)sley_to_thread(lock_with_others, directory, NULL);
}

int savefile_directory(const char *path, struct sley_file **out)
{
    static const struct sley_file_options options = {.flags = SLEY_FILE_DIRECTORY};
    struct sley_file *directory;
    int status = 0;

    int made = sley_path_mkdirs(NULL, path, 0777);
    int error = sley_file_open(path, &options, &directory); /* finds what stands in the way */
    if (error)
        return error == SLEY_ENOENT && made ? made : error;
    error = sley_to_thread(check_writable, directory, &status);
    if (error || status) {
        sley_file_close(directory);
        return error ? error : status;
    }
    sweep(directory);
    *out = directory;
    return 0;
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
