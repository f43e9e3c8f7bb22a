/*
 * trace.h: what happened, for people. Inside the model checker. Only failing executions are traced,
 * by running them again.
 */
#ifndef SLEY_MODEL_TRACE_H
#define SLEY_MODEL_TRACE_H

#include "engine.h"

/* From here on steps are kept, until trace_off(). */
void trace_on(void);
void trace_off(void);
bool trace_is_on(void);

void trace_step(unsigned thread, const char *where, const void *address, size_t size,
                uint64_t value);
void trace_note(unsigned thread, const char *format, ...) PRINTF(2, 3);

/* Prints the steps in order, of each thread at most the last `per_thread`. */
void trace_print(unsigned per_thread);

/* "function (file:line)" of a code address; static buffer of one of two calls. */
const char *trace_place(const void *pc);

#endif
