/*
 * place.h: the place that --executor names: tasks, threads or processes.
 */
#ifndef SLEY_APPS_PLACE_H
#define SLEY_APPS_PLACE_H

#include <stdbool.h>

#include <sley/blocking.h>
#include <sley/executor.h>
#include <sley/procpool.h>

enum place_kind { PLACE_TASKS, PLACE_THREADS, PLACE_PROCESSES };

#define PLACE_JOBS_MAX SLEY_PROCPOOL_MAX

/* A value; where it is opened it stays until it is closed. */
struct place {
    struct sley_executor executor; /* for the reader */
    struct sley_blocking_class threads;
    struct sley_procpool *pool;
};

/* "tasks", "threads" or "processes"; false: something else. */
bool place_parse(const char *text, enum place_kind *kind);
const char *place_name(enum place_kind kind, unsigned jobs); /* "task" if there is one job, ... */

/* What must be called before there are threads. 0 or SLEY_E*. */
int place_prepare(enum place_kind kind);

/* A place for `jobs` at once (1 .. PLACE_JOBS_MAX). 0 or SLEY_E*. From a task; so is the end, which
 * may park; nothing may run there. */
int place_open(struct place *place, enum place_kind kind, unsigned jobs);
void place_close(struct place *place);

#endif
