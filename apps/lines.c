/*
 * lines.c: files with a thing per line.
 *
 * A list is worked off while it is read, so how much is still to come is found out by looking
 * through it once beforehand, where that is possible. Only a bar needs that, and where nobody
 * looks at one it is not done.
 */
#define _GNU_SOURCE
#include "lines.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool lines_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool lines_say(const char *line, size_t size)
{
    while (size > 0 && lines_blank(*line)) {
        line++;
        size--;
    }
    return size > 0 && *line != '#';
}

long lines_count(int fd)
{
    static const size_t size = 65536;
    struct stat status;
    long lines = 0;
    bool begun = false, counts = false;
    ssize_t got;
    off_t at;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (at = lseek(fd, 0, SEEK_CUR)) < 0)
        return -1;
    char *bytes = malloc(size);
    if (!bytes)
        return -1;
    while ((got = pread(fd, bytes, size, at)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n') {
                lines += counts;
                begun = counts = false;
            } else if (!begun && !lines_blank(bytes[i])) {
                begun = true;
                counts = bytes[i] != '#';
            }
        }
        at += got;
    }
    free(bytes);
    return got < 0 ? -1 : lines + counts;
}
