/*
 * load_rig.h: has a server of ours kept busy by sley-bench-load. See bench/load/main.c.
 */
#ifndef BENCH_LOAD_RIG_H
#define BENCH_LOAD_RIG_H

#include <sys/types.h>

#include "harness.h"

/* What a server is told that runs under the load. */
struct load_rig {
    const struct bench_case *work; /* whose metrics the load prints */
    const struct bench_setup *setup;
    const char *row; /* of the load */
    double *values;  /* results, one per metric */
    int cpu;         /* the load's; by load_rig_run() */
};

/* Runs serve(rig) as the main task of a new runtime, kept to as many processors as it has workers;
 * the load gets the one after them if there is one. Returns what bench_on_tasks() does. */
int load_rig_run(struct load_rig *rig, sley_task_fn *serve);

/* Loads the server that listens on `port` of 127.0.0.1 and is this process, and reads the figures.
 * 0, or after bench_error() BENCH_FAILED or BENCH_SKIPPED. From a task. Parks. */
int load_rig_load(struct load_rig *rig, int port);

/* A server that the same program is, for clients that are measured. */
struct load_helper {
    pid_t process;
    int input; /* when it ends, so does the server */
    int port;
};

/* Starts `sley-bench-load MODE`; it listens when this returns. 0, or BENCH_FAILED after
 * bench_error(). Before there is a runtime: it forks. */
int load_helper_start(const char *mode, struct load_helper *helper);
void load_helper_stop(struct load_helper *helper);

#endif
