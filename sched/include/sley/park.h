/*
 * sley/park.h: the primitive to build one's own things to wait for.
 *
 * Each task has one permit. sley_unpark() makes the permit available; sley_park() takes it, waiting
 * until there is one. Permits do not add up. So the order of the two calls does not matter, and the
 * pattern is always: publish what you wait for, then park in a loop until it is there.
 */
#ifndef SLEY_PARK_H
#define SLEY_PARK_H

#include <sley/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Parks the calling task until its permit is there, and takes it.
 *   what  one or two words for the task dump, "my queue"; static storage, or NULL
 * Returns 0, or, without having taken a permit, SLEY_ECANCELED / SLEY_ETIMEDOUT; SLEY_ENOTASK on a
 * foreign thread. May park. Since 0.1. */
SLEY_EXPORT int sley_park(const char *what);

/* Makes the permit of `task` available; wakes it if it is in sley_park(). The task must not have
 * ended: hold its handle, or synchronise with it. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_unpark(struct sley_task *task);

#ifdef __cplusplus
}
#endif
#endif
