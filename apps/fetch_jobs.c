/*
 * fetch_jobs.c: the attempts that are under way, and what their tasks tell the main one.
 *
 * The main task decides, those of the attempts work (fetch_run.c), so all that goes from them to it
 * passes through here: that an attempt has ended; before, that it has a good answer of which much
 * is still to come; and how much of it has come, for the bar.
 *
 * A small file comes in one piece with its headers. It would be nothing but noise on a screen, and
 * waking the main task for it twice costs as much as the file; so it is told of at its end only.
 * The others are shown in the order in which they began, which keeps a line where it is until its
 * file is complete.
 *
 * One lock over all: it is taken once for each piece of a large file, for a few instructions, where
 * writing the piece costs thousands.
 */
#define _GNU_SOURCE
#include "fetch_jobs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <sley/sley.h>

#include "fetch_part.h"

enum { LINE_SIZE = FETCH_PATH_SIZE + 64 };

#define MIB 1048576.0

static void empty(struct fetch_job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

void fetch_jobs_init(struct fetch_jobs *jobs)
{
    *jobs = (struct fetch_jobs){.owner = sley_self()};
    pthread_mutex_init(&jobs->lock, NULL);
    empty(&jobs->answered);
    empty(&jobs->ended);
}

void fetch_jobs_close(struct fetch_jobs *jobs)
{
    pthread_mutex_destroy(&jobs->lock);
}

struct fetch_job *fetch_job_new(struct fetch_jobs *jobs, void *run, struct fetch_item *item)
{
    struct fetch_job *job = calloc(1, sizeof *job);

    if (job)
        *job = (struct fetch_job){.jobs = jobs, .run = run, .item = item, .total = FETCH_UNKNOWN};
    return job;
}

/* --- from the attempts ------------------------------------------------------------------------ */

void fetch_job_came(struct fetch_outcome *outcome, uint64_t bytes, uint64_t total)
{
    struct fetch_job *job =
        (struct fetch_job *)(void *)((char *)outcome - offsetof(struct fetch_job, outcome));
    struct fetch_jobs *jobs = job->jobs;

    pthread_mutex_lock(&jobs->lock);
    job->have += bytes;
    job->total = total;
    if (!job->told) {
        job->told = true;
        *jobs->answered.last = job;
        jobs->answered.last = &job->next_answered;
        sley_unpark(jobs->owner);
    }
    pthread_mutex_unlock(&jobs->lock);
}

void fetch_job_end(struct fetch_job *job)
{
    struct fetch_jobs *jobs = job->jobs;

    pthread_mutex_lock(&jobs->lock);
    *jobs->ended.last = job;
    jobs->ended.last = &job->next_ended;
    sley_unpark(jobs->owner);
    pthread_mutex_unlock(&jobs->lock);
}

/* --- to the main task ------------------------------------------------------------------------- */

void fetch_jobs_collect(struct fetch_jobs *jobs, struct fetch_job **answered,
                        struct fetch_job **ended)
{
    pthread_mutex_lock(&jobs->lock);
    *answered = jobs->answered.first;
    *ended = jobs->ended.first;
    empty(&jobs->answered);
    empty(&jobs->ended);
    pthread_mutex_unlock(&jobs->lock);
    for (struct fetch_job *job = *answered; job; job = job->next_answered) {
        job->counted = true;
        job->before = jobs->youngest;
        *(job->before ? &job->before->after : &jobs->oldest) = job;
        jobs->youngest = job;
    }
}

void fetch_job_free(struct fetch_job *job)
{
    struct fetch_jobs *jobs = job->jobs;

    if (job->counted) {
        *(job->before ? &job->before->after : &jobs->oldest) = job->after;
        *(job->after ? &job->after->before : &jobs->youngest) = job->before;
    }
    free(job);
}

/* --- the screen ------------------------------------------------------------------------------- */

bool fetch_jobs_to_show(const struct fetch_jobs *jobs)
{
    return jobs->oldest != NULL;
}

/* How much of a file is there, 0 to 1; 0 if nobody knows. A file that was begun anew meanwhile has
 * more than all. */
static double fraction(uint64_t have, uint64_t total)
{
    if (total == FETCH_UNKNOWN || total == 0)
        return 0;
    return have < total ? (double)have / (double)total : 1;
}

static void show(struct progress *progress, const char *name, uint64_t have, uint64_t total)
{
    char line[LINE_SIZE], percent[8] = "   -  ";

    if (total != FETCH_UNKNOWN)
        snprintf(percent, sizeof percent, "%4d %%", (int)(fraction(have, total) * 100));
    snprintf(line, sizeof line, "%s %8.1f MiB  %s", percent, (double)have / MIB, name);
    progress_detail(progress, line);
}

void fetch_jobs_show(struct fetch_jobs *jobs, struct progress *progress)
{
    unsigned room = progress_details(progress);
    double steps = 0;

    for (struct fetch_job *job = jobs->oldest; job; job = job->after) {
        pthread_mutex_lock(&jobs->lock);
        uint64_t have = job->have, total = job->total;
        pthread_mutex_unlock(&jobs->lock);
        steps += fraction(have, total);
        if (room > 0) {
            room--;
            show(progress, job->item->name, have, total);
        }
    }
    progress_under_way(progress, steps);
}
