/*
 * fetch_jobs.h: the attempts that are under way, and what their tasks tell the main one.
 */
#ifndef SLEY_APPS_FETCH_JOBS_H
#define SLEY_APPS_FETCH_JOBS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fetch_list.h"
#include "fetch_transfer.h"
#include "progress.h"

struct fetch_jobs;

/* An attempt; from its start until the main task has dealt with its end. */
struct fetch_job {
    void *run; /* the main task's, for the task of the attempt; constant */
    struct fetch_item *item;
    struct fetch_outcome outcome; /* the attempt's until its end */

    /* Private to fetch_jobs.c */
    struct fetch_jobs *jobs;
    struct fetch_job *next_answered, *next_ended; /* under the lock until collected */
    bool told;                                    /* under the lock: it is or was among answered */
    uint64_t have, total;                         /* under the lock: bytes */
    bool counted;                                 /* the main task's: collected as answered */
    struct fetch_job *before, *after;             /* the main task's: the counted ones */
};

/* Jobs in the order in which something became of them. */
struct fetch_job_list {
    struct fetch_job *first, **last;
};

/* A value; from fetch_jobs_init() to fetch_jobs_close(). */
struct fetch_jobs {
    struct sley_task *owner; /* the main task */
    pthread_mutex_t lock;    /* held for a few instructions */
    struct fetch_job_list answered, ended;
    struct fetch_job *oldest, *youngest; /* the main task's: those that are counted */
};

/* --- the main task's ---------------------------------------------------------------------------
 */

void fetch_jobs_init(struct fetch_jobs *jobs);
void fetch_jobs_close(struct fetch_jobs *jobs);

/* NULL: no memory. Freed by fetch_job_free(), once its task has ended or if there was none. */
struct fetch_job *fetch_job_new(struct fetch_jobs *jobs, void *run, struct fetch_item *item);
void fetch_job_free(struct fetch_job *job);

/* What has happened since the last call: jobs with a good answer and much to come, linked by
 * next_answered, and jobs that have ended, by next_ended. The former first: one may be in both. */
void fetch_jobs_collect(struct fetch_jobs *jobs, struct fetch_job **answered,
                        struct fetch_job **ended);

/* Whether something is under way that fetch_jobs_show() would have to tell of. */
bool fetch_jobs_to_show(const struct fetch_jobs *jobs);

/* Tells the bar how far those are that have been at it for longest. */
void fetch_jobs_show(struct fetch_jobs *jobs, struct progress *progress);

/* --- the attempt's -----------------------------------------------------------------------------
 */

/* For struct fetch_setup: more of the file is there. */
void fetch_job_came(struct fetch_outcome *outcome, uint64_t bytes, uint64_t total);

/* The last thing that its task does with it. */
void fetch_job_end(struct fetch_job *job);

#endif
