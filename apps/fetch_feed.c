/*
 * fetch_feed.c: the lines of the files with URLs, one after the other, as they come.
 *
 * A file is read by a task of its own, for the one who takes the lines has other things to wait
 * for. Between them is one buffer, which belongs to one of the two: filled by the reading task, cut
 * into lines by the other, given back when the last of them has been taken. So no more is read than
 * that and what is in the pipe: whoever writes the list is held up by whoever fetches.
 *
 * What was read is not lost by an interrupt. The reading task ends, and the lines that are in the
 * buffer can be taken all the same.
 *
 * A FIFO is opened without waiting for its writer, who may want to fill the one before it first.
 * Before it is read somebody must have opened it, since until then it looks as if it had ended;
 * poll() knows the difference, and is asked on another thread, a moment at a time so that a cancel
 * is noticed.
 *
 *   Rejected: a channel of lines. It needs an allocation for each, and a second rule for those that
 *   are in it when the run is interrupted.
 */
#define _GNU_SOURCE
#include "fetch_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/sley.h>

enum { WRITER_WAIT_MS = 100 }; /* after which a cancel is looked for */

/* --- the inputs ------------------------------------------------------------------------------- */

static bool is_standard(const struct fetch_input *input)
{
    return strcmp(input->path, "-") == 0;
}

/* 0, or -errno of what cannot be a list. */
static int look_at(struct fetch_input *input)
{
    struct stat status;

    if (fstat(input->fd, &status) < 0)
        return -errno;
    input->fifo = S_ISFIFO(status.st_mode);
    return S_ISDIR(status.st_mode) ? -EISDIR : 0;
}

int fetch_input_open(struct fetch_input *input, const char *path)
{
    int error;

    *input = (struct fetch_input){.path = path, .fd = -1};
    if (is_standard(input))
        return 0;
    input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (input->fd < 0)
        return -errno;
    error = look_at(input);
    if (error)
        fetch_input_close(input);
    return error;
}

void fetch_input_close(struct fetch_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
}

/* --- the reading task ------------------------------------------------------------------------- */

/* On a thread that may block: whether there is something to read, or an end, after a moment. */
static int has_writer(void *arg)
{
    const struct fetch_input *input = arg;
    struct pollfd poll_for = {.fd = input->fd, .events = POLLIN};
    int ready = poll(&poll_for, 1, WRITER_WAIT_MS);

    return ready < 0 && errno != EINTR ? -errno : ready > 0;
}

static int wait_for_writer(struct fetch_input *input)
{
    int error = 0, ready = 0;

    while (input->fifo && !error && ready == 0)
        error = sley_to_thread(has_writer, input, &ready);
    return error ? error : ready < 0 ? ready : 0;
}

static int open_stream(struct fetch_input *input, struct sley_stream **stream)
{
    int error;

    if (is_standard(input))
        return sley_stdin_open(stream);
    error = wait_for_writer(input);
    if (!error)
        error = sley_stream_adopt(input->fd, stream);
    if (!error)
        input->fd = -1;
    return error;
}

/* Hands over what it has got. */
static void post(struct fetch_feed *feed, int got)
{
    pthread_mutex_lock(&feed->lock);
    feed->got = got;
    feed->filled = true;
    sley_unpark(feed->owner);
    pthread_mutex_unlock(&feed->lock);
}

/* All of one input. 0, also when it cannot be read, or SLEY_ECANCELED. */
static int read_input(struct fetch_feed *feed, struct fetch_input *input)
{
    struct sley_stream *stream = NULL;
    int failed = open_stream(input, &stream), got = failed, error;

    do {
        error = failed == SLEY_ECANCELED ? failed : sley_semaphore_acquire(&feed->room);
        if (!error && !failed)
            got = sley_stream_read(stream, feed->chunk, sizeof feed->chunk);
        if (got == SLEY_ECANCELED)
            error = got;
        if (!error)
            post(feed, got == SLEY_EOF ? 0 : got);
    } while (!error && got > 0);
    sley_stream_free(stream);
    return error;
}

int fetch_feed_read(void *arg)
{
    struct fetch_feed *feed = arg;
    int error = 0;

    for (size_t i = 0; i < feed->input_count && !error; i++)
        error = read_input(feed, &feed->inputs[i]);
    return 0;
}

/* --- the owner -------------------------------------------------------------------------------- */

void fetch_feed_init(struct fetch_feed *feed, struct fetch_input *inputs, size_t count)
{
    feed->owner = sley_self();
    feed->inputs = inputs;
    feed->input_count = count;
    feed->room = (struct sley_semaphore)SLEY_SEMAPHORE_BOUNDED_INIT(1, 1);
    pthread_mutex_init(&feed->lock, NULL);
    feed->filled = feed->taken = false;
    feed->got = 0;
    feed->size = feed->used = feed->length = feed->number = feed->current = 0;
    feed->begun = feed->too_long = false;
}

void fetch_feed_close(struct fetch_feed *feed)
{
    pthread_mutex_destroy(&feed->lock);
}

bool fetch_feed_ended(const struct fetch_feed *feed)
{
    return feed->current == feed->input_count;
}

/* The line as far as it has come is the next one. */
static void end_line(struct fetch_feed *feed, struct fetch_line *line)
{
    feed->line[feed->length] = '\0';
    *line = (struct fetch_line){
        .text = feed->line,
        .path = feed->inputs[feed->current].path,
        .number = ++feed->number,
        .fault = feed->too_long                           ? "the line is too long"
                 : memchr(feed->line, '\0', feed->length) ? "the line has a NUL"
                                                          : NULL,
    };
    feed->length = 0;
    feed->begun = feed->too_long = false;
}

/* Takes bytes up to the end of a line. True: the line is complete. */
static bool cut(struct fetch_feed *feed, struct fetch_line *line)
{
    const char *from = feed->chunk + feed->used;
    size_t rest = feed->size - feed->used, room = FETCH_LINE_MAX - feed->length;
    const char *end = memchr(from, '\n', rest);
    size_t piece = end ? (size_t)(end - from) : rest;

    feed->used += piece + (end ? 1 : 0);
    feed->begun = true;
    if (piece > room) {
        feed->too_long = true;
        piece = room;
    }
    memcpy(feed->line + feed->length, from, piece);
    feed->length += piece;
    if (end)
        end_line(feed, line);
    return end;
}

/* Whether the reading task has something; *got is what. It stays until it is given back. */
static bool take(struct fetch_feed *feed, int *got)
{
    if (feed->taken) {
        *got = feed->got;
        return true;
    }
    pthread_mutex_lock(&feed->lock);
    feed->taken = feed->filled;
    feed->filled = false;
    *got = feed->got;
    pthread_mutex_unlock(&feed->lock);
    return feed->taken;
}

static void give_back(struct fetch_feed *feed)
{
    feed->size = feed->used = 0;
    feed->taken = false;
    sley_semaphore_release(&feed->room);
}

/* An input has ended, for which `got` is the reason. True: *line says so. */
static bool end_input(struct fetch_feed *feed, int got, struct fetch_line *line)
{
    const char *path = feed->inputs[feed->current].path;

    give_back(feed);
    feed->number = 0;
    feed->current++;
    if (got == 0)
        return false;
    *line = (struct fetch_line){.path = path,
                                .fault = got == SLEY_EINVAL ? "it is nothing that can be read"
                                                            : sley_strerror(got)};
    return true;
}

bool fetch_feed_next(struct fetch_feed *feed, struct fetch_line *line)
{
    int got;

    while (!fetch_feed_ended(feed) && take(feed, &got)) {
        if (got > 0) {
            feed->size = (size_t)got;
            if (feed->used < feed->size && cut(feed, line))
                return true;
            give_back(feed);
        } else if (feed->begun) { /* without a line feed behind it */
            end_line(feed, line);
            return true;
        } else if (end_input(feed, got, line)) {
            return true;
        }
    }
    return false;
}
