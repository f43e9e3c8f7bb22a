/*
 * machine.h: the seam between the benches and the system they run on.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a figure must be read with. Strings that could not be found out say "unknown". */
struct machine_record {
    char cpu[128];        /* model name */
    unsigned online;      /* logical processors of the machine */
    unsigned usable;      /* those this process may run on */
    char kernel[200];     /* name, release, architecture */
    char virtualised[16]; /* "yes", "no", "unknown" */
    const char *compiler;
    const char *build; /* "release", or "checked": then the figures mean nothing */
};

void machine_describe(struct machine_record *record);

/* How many logical processors this process may run on, at least 1. */
unsigned machine_usable(void);

/* The first usable processor after `cpu`, going round; `cpu` itself when it is the only one. */
unsigned machine_other_cpu(unsigned cpu);

/* Pins the calling thread. 0 or a negative errno. */
int machine_pin(unsigned cpu);

/* The calling thread and those that it starts keep to the first `count` usable processors. The one
 * after them, or -1 if there is none left, is what *spare receives. 0 or a negative errno. */
int machine_confine(unsigned count, int *spare);

/* Bytes of physical memory and of page tables that this process has now, or -1. */
int64_t machine_memory(void);

/* CPU time in ns of this process with its ended children, of the calling thread alone, and of
 * everybody on the machine since it was started (time taken by the hypervisor included), the last
 * in steps of a clock tick; -1 where the system does not say. */
int64_t machine_cpu_own(void);
int64_t machine_cpu_thread(void);
int64_t machine_cpu_all(void);

/* How often this process, and the calling thread, gave up a CPU of its own accord. */
int64_t machine_switches_own(void);
int64_t machine_switches_thread(void);

/* The bare wait: blocks while *word is `expected`; may return early. Wakes one such thread. */
void machine_futex_wait(uint32_t *word, uint32_t expected);
void machine_futex_wake(uint32_t *word);

/* A system call that does nothing. */
void machine_null_call(void);

/* A mapping of fresh pages, none of them there yet, of 4 KiB or, if the system likes, huge; NULL
 * without memory. */
void *machine_map(size_t bytes, bool huge);
void machine_unmap(void *memory, size_t bytes);

/* Makes the first `size` bytes of each of `count` (at most 64) pieces of `stride` bytes fault, in
 * as few calls as the system has. 0 or a negative errno. */
int machine_guard(void *memory, size_t count, size_t stride, size_t size);

#endif
