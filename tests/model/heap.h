/*
 * heap.h: the memory that the code under test allocates. Inside the model checker.
 *
 * The same addresses in each execution, filled with garbage (malloc) or zeroes (map), and nothing
 * is handed out twice within an execution: so whoever uses what has been given back is found out.
 */
#ifndef SLEY_MODEL_HEAP_H
#define SLEY_MODEL_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* A new execution: everything is free again. */
void heap_reset(void);

/* Zeroed pages; NULL: there are no more. */
void *heap_map(size_t size, size_t align);
void heap_unmap(void *address, size_t size);

bool heap_is_freed(const void *address, size_t size);

#endif
