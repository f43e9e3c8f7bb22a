/*
 * swap.h: the barest stack swap that a calling convention allows, the limit that a scheduler's
 * switch is read against. Not the library's own: a limit that shared its code would move with it.
 */
#ifndef BENCH_SWAP_H
#define BENCH_SWAP_H

#include <stddef.h>

/* Makes a context that will run entry(), which must not return, on the given stack. The context
 * lies in the stack and lives as long as it. NULL: this system cannot. */
void *bench_swap_new(void *stack, size_t size, void (*entry)(void));

/* Saves the caller's context to *save and continues `load`. Only the registers that a called
 * function must preserve are kept. */
void bench_swap(void **save, void *load);

#endif
