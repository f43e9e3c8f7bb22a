/*
 * moji_log.h: who has asked what, a line each, on the standard output.
 *
 * Lines are collected and a task writes them, so that no request waits for a slow terminal: as many
 * as come while a write is under way go into the next one.
 */
#ifndef SLEY_APPS_MOJI_LOG_H
#define SLEY_APPS_MOJI_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <sley/task.h>

#include "console.h"

/* A value; from moji_log_start() to moji_log_stop(). */
struct moji_log {
    pthread_mutex_t lock; /* over the fields below; never held over a park */
    struct text lines;
    size_t lost; /* lines that came when too many were waiting */
    bool stopping;
    struct sley_task *writer; /* NULL: quiet. Constant */
};

/* `quiet`: nothing is written. 0 or a sley error. From a task. */
int moji_log_start(struct moji_log *log, bool quiet);

/* Writes what there is and ends. From the same task. Parks. */
void moji_log_stop(struct moji_log *log);

/* "PEER  query  N found". The query is shown as it is but for control characters. Any task. */
void moji_log_query(struct moji_log *log, const char *peer, const char *query, size_t found);

#endif
