/*
 * moji_log.c: who has asked what, a line each, on the standard output.
 *
 * One task writes, everybody else appends to a text in memory and wakes it. When the output cannot
 * keep up the text stops growing at a megabyte; how many lines that has cost is a line of its own
 * as soon as there is room again. When the output is gone (a closed pipe) the log goes on without
 * it: a server does not stop serving because nobody reads its log.
 */
#include "moji_log.h"

#include <stdlib.h>
#include <string.h>

#include <sley/park.h>
#include <sley/scope.h>

#define LINES_MAX ((size_t)1 << 20)

/* Takes what is to be written; false: nothing is there and nothing will be. Under the lock. */
static bool take_lines(struct moji_log *log, struct text *text)
{
    *text = log->lines;
    log->lines = (struct text){0};
    if (log->lost)
        text_add(text, "(%zu more, not shown: the output was too slow)\n", log->lost);
    log->lost = 0;
    return text->length > 0 || !log->stopping;
}

/* The writer. It is told to stop, so a cancel is none of its business. */
static int write_lines(void *arg)
{
    struct moji_log *log = arg;
    struct text text;
    bool more = true;

    while (more) {
        pthread_mutex_lock(&log->lock);
        more = take_lines(log, &text);
        pthread_mutex_unlock(&log->lock);
        if (text.length > 0)
            console_write(1, &text);
        else if (more && sley_park("lines for the log") != 0)
            more = false;
        text_free(&text);
    }
    return 0;
}

int moji_log_start(struct moji_log *log, bool quiet)
{
    static const struct sley_task_options options = {.name = "log"};

    *log = (struct moji_log){.lock = PTHREAD_MUTEX_INITIALIZER};
    return quiet ? 0 : sley_spawn(write_lines, log, &options, &log->writer);
}

void moji_log_stop(struct moji_log *log)
{
    if (!log->writer)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_mutex_unlock(&log->lock);
    sley_unpark(log->writer);
    SLEY_SHIELD()
    {
        sley_join(log->writer, NULL);
    }
    text_free(&log->lines);
}

/* A terminal must not be steered by who asks. */
static void disarm(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void moji_log_query(struct moji_log *log, const char *peer, const char *query, size_t found)
{
    char shown[128];

    if (!log->writer)
        return;
    strncpy(shown, query, sizeof shown - 1);
    shown[sizeof shown - 1] = '\0';
    disarm(shown);
    pthread_mutex_lock(&log->lock);
    if (log->lines.length < LINES_MAX)
        text_add(&log->lines, "%s  %s  %zu found\n", peer, shown, found);
    else
        log->lost++;
    pthread_mutex_unlock(&log->lock);
    sley_unpark(log->writer);
}
