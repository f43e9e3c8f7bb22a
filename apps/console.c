/*
 * console.c: writing to the standard output and error of a program whose tasks must not block.
 *
 * A write to a terminal that was stopped with Ctrl-S, or into a pipe whose reader sleeps, blocks
 * until somebody wakes up, and there is no non-blocking mode that would be ours alone: the flag
 * belongs to the open file, which other processes share. So text is gathered in memory and handed
 * to a thread of the blocking pool, as much at once as has come together.
 */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/blocking.h>

void console_take_places(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return; /* cannot be helped */
}

/* Makes room for `more` bytes and a NUL. Returns 0 if there is no memory. */
static int reserve(struct text *text, size_t more)
{
    size_t needed = text->length + more + 1;

    if (needed <= text->size)
        return 1;
    size_t size = needed < 256 ? 256 : needed * 2;
    char *bytes = realloc(text->bytes, size);
    if (!bytes)
        return 0;
    text->bytes = bytes;
    text->size = size;
    return 1;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    int length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    if (length <= 0 || !reserve(text, (size_t)length))
        return;
    va_start(values, format);
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, values);
    va_end(values);
    text->length += (size_t)length;
}

void text_put(struct text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length))
        return;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

void text_free(struct text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

struct job {
    int fd;
    const char *bytes;
    size_t length;
};

/* On a thread that may block. */
static int write_job(void *arg)
{
    struct job *job = arg;

    while (job->length > 0) {
        ssize_t written = write(job->fd, job->bytes, job->length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        job->bytes += written;
        job->length -= (size_t)written;
    }
    return 0;
}

int console_write(int fd, struct text *text)
{
    struct job job = {.fd = fd, .bytes = text->bytes, .length = text->length};
    int result = 0;

    /* Without a thread (none could be started, or the caller is one itself) there is still here. */
    if (job.length > 0 && sley_to_thread(write_job, &job, &result) != 0)
        result = write_job(&job);
    text->length = 0;
    return result;
}
