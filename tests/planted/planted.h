/*
 * planted.h: what the programs with a planted bug share.
 *
 * Each program has one bug, which it shows when it is called without arguments; called with
 * "healthy" it does the same without the bug. So a tool has to report the first and to say nothing
 * of the second. planted.sh tells what the lines of a program's first comment mean.
 */
#ifndef SLEY_PLANTED_H
#define SLEY_PLANTED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/error.h>
#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

/* Nothing lies beside it: see race.c. */
static _Alignas(64) bool healthy;

/* Ends the program with a status that no test expects. */
static inline void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "could not %s\n", what);
    _Exit(99);
}

static inline struct sley_task *spawned(sley_task_fn *fn, void *arg)
{
    struct sley_task *task;

    must(sley_spawn(fn, arg, NULL, &task) == 0, "spawn");
    return task;
}

static inline void joined(struct sley_task *task)
{
    must(sley_join(task, NULL) == 0, "join");
}

/* main: runs fn as the main task on that many workers. */
static inline int run_planted(int argc, char **argv, unsigned workers, sley_task_fn *fn)
{
    struct sley_options options = {.workers = workers};

    healthy = argc > 1 && strcmp(argv[1], "healthy") == 0;
    return sley_run(fn, NULL, &options);
}

#endif
