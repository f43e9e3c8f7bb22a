/*
 * jobs.h: several models at once. Inside the model checker.
 */
#ifndef SLEY_MODEL_JOBS_H
#define SLEY_MODEL_JOBS_H

#include <stddef.h>

/* Calls work(i, arg) for i below `count`, at most `jobs` at a time, each in a process of its own
 * (in this one if jobs is 1). What they print comes out in the order of i. `executions`: what each
 * returns by its last parameter, summed up. The worst exit code: 0 good, 1 bad, 2 broken. */
int jobs_run(size_t count, unsigned jobs,
             int (*work)(size_t i, const void *arg, unsigned long *executions), const void *arg,
             unsigned long *executions);

#endif
