/*
 * gate.h: one hot path per program; see gate.c.
 *
 * PATH.c defines gate_operation() and gate_work(); gate.c is the rest of the program.
 */
#ifndef BENCH_GATE_H
#define BENCH_GATE_H

#include <stddef.h>

#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>

/* What one operation is, in words. */
extern const char gate_operation[];

/* Does the operation `count` times. 0 if each went as it should. On a task of a runtime with one
 * worker, the only task there is. */
int gate_work(size_t count);

#endif
