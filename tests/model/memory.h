/*
 * memory.h: which stores a load may read, and which accesses race. Inside the model checker.
 *
 * Knows locations, clocks and orders; nothing of scheduling, which is engine.c's. The one thing it
 * asks for is a decision which of several stores a load reads (explore.h).
 */
#ifndef SLEY_MODEL_MEMORY_H
#define SLEY_MODEL_MEMORY_H

#include "clocks.h"

/* A new execution: all history is forgotten, in no time. */
void memory_reset(void);

void memory_thread_start(unsigned thread, unsigned parent);
void memory_thread_join(unsigned thread, unsigned ended);

/* What `ended` has done is known to CLOCK_MAIN. */
#define memory_thread_end(ended) memory_thread_join(CLOCK_MAIN, (ended))

uint64_t memory_load(unsigned thread, const void *address, size_t size, enum model_order order,
                     const char *where);
void memory_store(unsigned thread, void *address, size_t size, uint64_t value,
                  enum model_order order, const char *where);

/* The newest value, and with it the right to modify it: between this and memory_modify nothing
 * else may happen. A failed compare-and-swap ends with memory_load_newest instead. */
uint64_t memory_newest(unsigned thread, const void *address, size_t size, const char *where);
void memory_modify(unsigned thread, void *address, size_t size, uint64_t value,
                   enum model_order order, const char *where);
void memory_load_newest(unsigned thread, const void *address, size_t size, enum model_order order,
                        const char *where);

void memory_fence(unsigned thread, enum model_order order);

/* Every location of which the thread has read a stale value is read fresh from now on. */
void memory_relax(unsigned thread);

/* A plain access of `size` bytes; `pc`: where in the code. */
void memory_plain(unsigned thread, const void *address, size_t size, bool write, const void *pc);

/* The values as they are in memory. */
uint64_t memory_get(const void *address, size_t size);
void memory_put(void *address, size_t size, uint64_t value);

#endif
