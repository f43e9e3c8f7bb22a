/*
 * pool.h: memory that lives for one execution. Inside the model checker, for its own use; what
 * production code allocates is heap.h's.
 */
#ifndef SLEY_MODEL_POOL_H
#define SLEY_MODEL_POOL_H

#include <stddef.h>

/* Not zeroed; aligned for everything. Never NULL. */
void *pool_take(size_t size);

/* Takes everything back. */
void pool_reset(void);

#endif
