/*
 * sley/future.h: a value that is not there yet.
 *
 * A future is completed once, with a value or an error, by any task or thread; before and after any
 * number of tasks and threads may wait for it. A value type: zeroed memory is one that is not
 * completed. It must stay where it is while somebody waits for it or may complete it.
 */
#ifndef SLEY_FUTURE_H
#define SLEY_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sley_future {
    struct sley__waiters waiters;
    uint32_t done; /* 1: the two below are valid, for good */
    int error;
    void *value;
};

#define SLEY_FUTURE_INIT SLEY__ZERO

/* Completes it with a value; with an error, a negative code. True if it was this call that did,
 * false if it was completed before: that stays. What the caller did before is visible to whoever
 * has seen the completion. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_future_complete(struct sley_future *future, void *value);
SLEY_EXPORT bool sley_future_fail(struct sley_future *future, int error);

/* Whether it is completed. Who completes it may still be at work on it: before the future goes away
 * wait for it, which does not take long then. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_future_is_done(const struct sley_future *future);

/* Waits until it is completed; one that is already answers at once, to a cancelled or late caller
 * too. When this has returned its result, nobody else touches the future on behalf of the
 * completion: it may go away. 0 and *value (unless value is NULL); the error it was completed
 * with; or SLEY_ECANCELED / SLEY_ETIMEDOUT of the caller, which says nothing of the future: ask
 * sley_future_is_done() where it may have failed with these itself. Any thread. May park. Since
 * 0.1. */
SLEY_EXPORT int sley_future_wait(struct sley_future *future, void **value);

#define SLEY_FUTURES_MAX 64

/* Waits until at least one of `count` futures is completed; the index of the first such one. NULLs
 * are never completed. SLEY_EINVAL for more than SLEY_FUTURES_MAX; SLEY_ECANCELED, SLEY_ETIMEDOUT.
 * Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_future_wait_any(struct sley_future *const *futures, size_t count);

/* Waits until all of them are. 0, SLEY_ECANCELED, SLEY_ETIMEDOUT; what each was completed with says
 * sley_future_wait(), which does not wait then. Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_future_wait_all(struct sley_future *const *futures, size_t count);

#ifdef __cplusplus
}
#endif
#endif
