/*
 * platform.h: the one door to the operating system for sched. Level 0.
 *
 * Clock, random seed, futex, threads, memory: everything the scheduler asks of the kernel goes
 * through these functions and nothing else does. A seeded, single-threaded simulation with
 * virtual time replaces platform_linux.c at link time and needs no change above; a test wraps any
 * of them (-Wl,--wrap=) to make the n-th call fail. Readiness of descriptors is io's business and
 * comes in through the poller in wait.h.
 *
 * Unless a line says otherwise: any thread, never parks, returns 0 or a negative SLEY_E*.
 */
#ifndef SLEY_PLATFORM_H
#define SLEY_PLATFORM_H

#include "atomic.h"

/* Once per process, before the first worker: asks for membarrier, probes guard regions. Idempotent
 * and thread-safe. */
void sley__platform_init(void);

/* Nanoseconds on the monotonic clock. 24 ns. */
int64_t sley__clock_now(void);

/* The seed of the process: SLEY_SEED in the environment (a number, as strtoull reads it), else
 * random. The same on every call. */
uint64_t sley__random_base(void);

/* 64 bits to seed a generator with; other ones on each call, but derived from the base, so that the
 * n-th call of two processes with the same SLEY_SEED returns the same. */
uint64_t sley__random_seed(void);

/* Mixes all bits of `value` into all bits of the result (the finish of splitmix64). */
static inline uint64_t sley__hash64(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* --- futex -------------------------------------------------------------------------------- */

/* Sleeps while *word == expected, at most until `deadline` (monotonic ns, INT64_MAX: forever).
 * Returns on a wake, on a changed word, at the deadline, or for no reason at all: the caller
 * re-checks. */
void sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline);

/* Wakes up to `count` sleepers on word; the number woken. */
int sley__futex_wake(atomic(uint32_t) * word, int count);

/* Gives the rest of the time slice away (sched_yield). */
void sley__thread_yield(void);

/* --- threads ------------------------------------------------------------------------------ */

struct sley__thread {
    unsigned long handle; /* pthread_t; an unsigned long on Linux */
};

/* Starts fn(arg) on a new kernel thread called `name` (at most 15 bytes are kept) with a stack of
 * 1 MiB. All signals are blocked in it except the synchronous faults. SLEY_EAGAIN when the system
 * has no more threads, SLEY_ENOMEM when it has no memory for the stack. */
int sley__thread_start(struct sley__thread *thread, const char *name, void *(*fn)(void *),
                       void *arg);
void sley__thread_join(struct sley__thread *thread);

/* The calling thread's number in the system. A thread that has ended has none, and its number may
 * be another one's later: then the answers are of that one. */
int sley__thread_number(void);

/* ns of processor time that the thread has had; -1: there is no such thread. */
int64_t sley__thread_busy(int number);

/* Sends a signal to the thread. False: there is no such thread. */
bool sley__thread_signal(int number, int signal_number);

/* Whether the thread waits in the kernel for anything but a processor. */
bool sley__thread_blocks(int number);

/* --- memory ------------------------------------------------------------------------------- */

/* Reserves `size` bytes (a multiple of 4096) of zeroed, private, NORESERVE address space aligned
 * to `align` (a power of two >= 4096), or NULL. With `huge`, transparent huge pages are asked for,
 * without it they are forbidden for the range. errno stays as it is. */
void *sley__map(size_t size, size_t align, bool huge);
void sley__unmap(void *address, size_t size);

/* How guards can be made here. */
enum sley__guard_kind {
    SLEY__GUARD_REGION,  /* MADV_GUARD_INSTALL, Linux 6.13: no extra VMA */
    SLEY__GUARD_PROTECT, /* mprotect: two VMAs each, limited by vm.max_map_count */
    SLEY__GUARD_NONE,    /* the budget of VMAs is spent: canaries only */
};
enum sley__guard_kind sley__guard_support(void);

/* A range of address space for the vectored calls. */
struct sley__range {
    void *address;
    size_t size;
};

/* Makes every access to the ranges fault. Returns how guards were made (SLEY__GUARD_*), or a
 * negative SLEY_E*; on failure, and with SLEY__GUARD_NONE, none is there. */
int sley__guard_install(const struct sley__range *ranges, size_t count);

/* Tells that `count` guards made by mprotect went away with their mapping, so that the budget of
 * VMAs can be used again. */
void sley__guard_forget(size_t count);

/* Gives the ranges' pages back to the kernel; they read as zeroes afterwards, except where the
 * program has locked its memory: there they stay as they are. Guards inside them survive. */
void sley__discard(const struct sley__range *ranges, size_t count);

/* Touches the ranges' pages ahead of use, in as few system calls as the kernel allows. A hint. */
void sley__populate(const struct sley__range *ranges, size_t count);

#endif
