/*
 * bench_file.h: the work of `file` without the runtime. See bench_file.c.
 */
#ifndef BENCH_FILE_H
#define BENCH_FILE_H

#include "harness.h"

/* A bench_run_fn: a plain loop on one thread. us per file. */
int bench_file_plain(const struct bench_setup *setup, double *values);

#endif
