/*
 * sley/time.h: time is an int64_t of nanoseconds. A duration is relative; a deadline is absolute,
 * on the monotonic clock, so that it can be handed down through calls without being recomputed.
 */
#ifndef SLEY_TIME_H
#define SLEY_TIME_H

#include <stdint.h>

#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEY_NANOSECONDS(n)  ((int64_t)(n))
#define SLEY_MICROSECONDS(n) ((int64_t)(n)*1000)
#define SLEY_MILLISECONDS(n) ((int64_t)(n)*1000000)
#define SLEY_SECONDS(n)      ((int64_t)(n)*1000000000)

/* No deadline: later than any other. */
#define SLEY_FOREVER INT64_MAX

/* Nanoseconds on the monotonic clock (CLOCK_MONOTONIC). Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int64_t sley_now(void);

/* The deadline `duration` nanoseconds from now; saturates at SLEY_FOREVER, a negative duration is
 * now. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int64_t sley_after(int64_t duration);

/* Parks the calling task for `duration` nanoseconds: never less, and as little more as the machine
 * allows. 0 or less only yields.
 *   0               the time has passed
 *   SLEY_ECANCELED  the task was cancelled before
 *   SLEY_ETIMEDOUT  the task's ambient deadline came first
 * On a foreign thread it simply sleeps. May park. Since 0.1. */
SLEY_EXPORT int sley_sleep(int64_t duration);

/* As sley_sleep, until `deadline` on the clock of sley_now(). May park. Since 0.1. */
SLEY_EXPORT int sley_sleep_until(int64_t deadline);

#ifdef __cplusplus
}
#endif
#endif
