/*
 * bench_offload.h: the half of `offload` that is about processes, for bench_offload.c.
 */
#ifndef BENCH_OFFLOAD_H
#define BENCH_OFFLOAD_H

#include "harness.h"

bench_run_fn bench_offload_process_round_trip; /* us */
bench_run_fn bench_offload_process_jobs;       /* ns per job */

#endif
