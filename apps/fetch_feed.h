/*
 * fetch_feed.h: the lines of the files with URLs, one after the other, as they come.
 */
#ifndef SLEY_APPS_FETCH_FEED_H
#define SLEY_APPS_FETCH_FEED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <sley/sync.h>
#include <sley/task.h>

enum {
    FETCH_LINE_MAX = 16384, /* bytes of a line */
    FETCH_CHUNK = 32768,    /* bytes that are read at once */
};

/* A file with URLs. */
struct fetch_input {
    const char *path; /* "-" is the standard input */
    int fd;           /* of any other; -1: the feed has it, or none */
    bool fifo;        /* whether somebody writes to it is not known yet */
};

/* Opens it; what is not there yet, the writer of a FIFO, is waited for by the task. 0, or -errno.
 * Any thread. Blocks for as long as open() does. */
int fetch_input_open(struct fetch_input *input, const char *path);
void fetch_input_close(struct fetch_input *input);

/* A value; from fetch_feed_init() to fetch_feed_close(). */
struct fetch_feed {
    struct sley_task *owner; /* who takes the lines */
    struct fetch_input *inputs;
    size_t input_count;

    struct sley_semaphore room; /* a permit: the chunk is the reading task's */
    char chunk[FETCH_CHUNK];    /* else the owner's */

    /* Over the two below; held for a few instructions. Not a sley_mutex, which refuses a cancelled
     * task: one of the two must hear of the other's end then too. */
    pthread_mutex_t lock;
    bool filled; /* the reading task has something for the owner */
    int got;     /* bytes in the chunk; 0: the input has ended; else why it cannot be read */

    /* The owner's. */
    bool taken;        /* the chunk is, and must be given back */
    size_t size, used; /* bytes of it, and of them before the next line */
    char line[FETCH_LINE_MAX + 1];
    size_t length; /* of the line so far */
    bool begun, too_long;
    size_t number;  /* of the last line */
    size_t current; /* input */
};

/* The inputs stay the caller's. From the task that takes the lines. */
void fetch_feed_init(struct fetch_feed *feed, struct fetch_input *inputs, size_t count);
void fetch_feed_close(struct fetch_feed *feed);

/* The task that reads; its argument is the feed. It ends when all has been taken, or by a cancel:
 * then what it has read is still there to be taken. */
int fetch_feed_read(void *arg);

/* What comes next. */
struct fetch_line {
    char *text; /* without its end; NULL: there is none, see fault. May be changed */
    const char *path;
    size_t number;     /* from 1; 0: it is about the whole input */
    const char *fault; /* what is wrong with the line, or why the input cannot be read; or NULL */
};

/* The next line: true. False: there is none now; the owner is unparked when there may be. What was
 * returned before is not valid any more. From the owner. Never parks. */
bool fetch_feed_next(struct fetch_feed *feed, struct fetch_line *line);

/* Whether all lines of all inputs have been taken. From the owner. */
bool fetch_feed_ended(const struct fetch_feed *feed);

#endif
