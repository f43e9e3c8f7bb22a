/*
 * base.h: what every file of sley may rely on. Level 0, includes nothing of ours.
 *
 * Two kinds of failure exist and they never mix. What a user can cause (no memory, a closed
 * channel, a wrong argument) is a negative SLEY_E* return value. What cannot happen unless sley
 * itself is wrong is an ensure(): it stays on in release builds, prints the values that broke the
 * rule, and aborts, because a scheduler that runs on with a broken invariant loses work silently.
 * check() is for invariants too dear to test in release builds; debug and hostile builds keep it.
 */
#ifndef SLEY_BASE_H
#define SLEY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watched.h"

/* 64 bytes is the line of every x86-64 and of nearly every aarch64 core; fields written by
 * different threads are kept this far apart. */
#define SLEY_CACHE_LINE 64

#define likely(x)       __builtin_expect(!!(x), 1)
#define unlikely(x)     __builtin_expect(!!(x), 0)

#define NOINLINE        __attribute__((noinline))
#define MUST_USE        __attribute__((warn_unused_result))
#define UNUSED          __attribute__((unused))
#define HIDDEN          __attribute__((visibility("hidden")))
#define ALWAYS_INLINE   inline __attribute__((always_inline))
#define PRINTF(f, a)    __attribute__((format(printf, f, a)))
#define ALIGN_LINE      _Alignas(SLEY_CACHE_LINE)

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at address `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Prints one line "sley: FILE:LINE: message" to stderr and aborts. Any thread, async-signal-safe
 * enough for a crash: formats into a stack buffer and writes it with one write(2). */
_Noreturn void sley__panic(const char *file, int line, const char *format, ...) PRINTF(3, 4);

/* An invariant of sley's own code. Always on. */
#define ensure(cond) \
    (likely(cond) ? (void)0 : sley__panic(__FILE__, __LINE__, "broken invariant: %s", #cond))

/* The same with the values that broke it. */
#define ensure_msg(cond, ...) \
    (likely(cond) ? (void)0 : sley__panic(__FILE__, __LINE__, __VA_ARGS__))

#ifdef SLEY_DEBUG
#define check(cond) ensure(cond)
#else
#define check(cond) ((void)0)
#endif

/* Debug and hostile builds make every task go on with another worker after a park whenever there is
 * one to take it, so that code which keeps a thread-local's address over a park fails at once. */
#if defined(SLEY_DEBUG) || defined(SLEY_HOSTILE)
#define SLEY_MIGRATE 1
#else
#define SLEY_MIGRATE 0
#endif

static inline size_t round_up(size_t value, size_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
