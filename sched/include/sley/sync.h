/*
 * sley/sync.h: locks and the other things by which tasks wait for each other.
 *
 * All are values: zeroed memory is a valid one (semaphores, barriers and limiters of both kinds
 * need their macro, because they begin with a number), nothing is allocated and nothing must be
 * freed; an object must not go away or be moved while somebody waits for it, which lasts until the
 * call has returned. All can be used by foreign threads too: where a task parks, a thread blocks.
 *
 * Every call that may wait checks first, and while it waits, whether the caller has been cancelled
 * or is late (task.h). It then answers SLEY_ECANCELED or SLEY_ETIMEDOUT and has acquired nothing;
 * whoever was given something in the very same moment keeps it, gets 0, and learns of the cancel
 * from its next call. Foreign threads have neither cancel nor deadline and wait as long as it
 * takes.
 *
 * Fair in the long run: waiters are served in the order in which they came, but somebody who runs
 * may overtake those who sleep (waking each in turn costs a context switch per operation, 5 to 20
 * times as much). That is so for the mutex only, and bounded: a waiter that has been woken in vain
 * SLEY_BARGING_MAX times is handed the mutex directly.
 */
#ifndef SLEY_SYNC_H
#define SLEY_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEY_BARGING_MAX 8

/* Who waits, in the order of arrival. Opaque. */
struct sley__waiters {
    uint32_t lock;
    uint32_t unused;
    struct sley__waiter *first, *last;
};

/* --- mutex ------------------------------------------------------------------------------------ */

/* Mutual exclusion that may be held over a park. Not recursive. */
struct sley_mutex {
    uint32_t word;
    uint32_t unused;
    struct sley__waiters waiters;
    const void *owner; /* debug builds */
};

#define SLEY_MUTEX_INIT SLEY__ZERO

/* Not for use: zero as an initialiser, without a warning of either language. */
#ifdef __cplusplus
#define SLEY__ZERO \
    {              \
    }
#else
#define SLEY__ZERO \
    {              \
        0          \
    }
#endif

/* Acquires the mutex. 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT and it was not acquired. Any thread.
 * May park. Algorithm: Go's sync.Mutex, with a count of bypasses in place of its millisecond. It is
 * a mistake to acquire it twice, to release it without having it, or to end a task that has it. A
 * debug build ends the program with a message then; others wait for ever, or go on with wrong data.
 * Since 0.1. */
SLEY_EXPORT int sley_mutex_lock(struct sley_mutex *mutex);

/* Acquires it if it is free: true. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_mutex_try(struct sley_mutex *mutex);

/* Releases it. From the task or thread that has it. Never parks. Since 0.1. */
SLEY_EXPORT void sley_mutex_unlock(struct sley_mutex *mutex);

/* --- semaphore -------------------------------------------------------------------------------- */

/* A number of permits. */
struct sley_semaphore {
    uint32_t word; /* free permits, and a flag */
    uint32_t limit;
    struct sley__waiters waiters;
};

#define SLEY_SEMAPHORE_MAX ((uint32_t)1 << 29)

/* A semaphore with `count` permits, 0 to SLEY_SEMAPHORE_MAX; a bounded one never has more than
 * `limit`: releasing above that is an error, as it is a bug. */
#define SLEY_SEMAPHORE_INIT(count) SLEY_SEMAPHORE_BOUNDED_INIT(count, SLEY_SEMAPHORE_MAX)
#define SLEY_SEMAPHORE_BOUNDED_INIT(count, limit) \
    {                                             \
        (uint32_t)(count), (uint32_t)(limit),     \
        {                                         \
            0, 0, NULL, NULL                      \
        }                                         \
    }

/* Takes a permit. 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT and none was taken. Any thread. May park.
 * Since 0.1. */
SLEY_EXPORT int sley_semaphore_acquire(struct sley_semaphore *semaphore);

/* Takes a permit if there is one: true. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_semaphore_try(struct sley_semaphore *semaphore);

/* Gives a permit back. 0, or SLEY_EINVAL if that would be more than the limit: nothing was done.
 * Any thread, it need not have taken one. Never parks. Since 0.1. */
SLEY_EXPORT int sley_semaphore_release(struct sley_semaphore *semaphore);

/* --- reader-writer lock ----------------------------------------------------------------------- */

/* Many readers or one writer. A reader waits behind writers that came before it, so neither kind
 * starves. Not recursive, not even for reading. */
struct sley_rwlock {
    struct sley__waiters waiters;
    uint32_t readers; /* who have it */
    uint32_t writer;  /* 1: has it */
};

#define SLEY_RWLOCK_INIT SLEY__ZERO

/* Acquire for reading, for writing: 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT and it was not acquired.
 * The try calls: true if acquired at once. Any thread. The first two may park. Since 0.1. */
SLEY_EXPORT int sley_rwlock_read(struct sley_rwlock *rwlock);
SLEY_EXPORT int sley_rwlock_write(struct sley_rwlock *rwlock);
SLEY_EXPORT bool sley_rwlock_try_read(struct sley_rwlock *rwlock);
SLEY_EXPORT bool sley_rwlock_try_write(struct sley_rwlock *rwlock);

/* Releases what the caller has, of either kind. From the task or thread that has it: the same
 * mistakes as with the mutex, and the same messages, but for foreign threads. Never parks. Since
 * 0.1. */
SLEY_EXPORT void sley_rwlock_unlock(struct sley_rwlock *rwlock);

/* --- condition -------------------------------------------------------------------------------- */

/* Waiting, with a mutex given up meanwhile, until somebody signals. */
struct sley_cond {
    struct sley__waiters waiters;
};

#define SLEY_COND_INIT SLEY__ZERO

/* Gives `mutex` up, waits for a signal, and has `mutex` again when it returns, whatever it returns:
 *   0               there was a signal for this caller; look at the condition again, in a loop
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   the caller was cancelled, or late; it has taken no signal away from others
 * Getting the mutex back waits without regard to cancel and deadline. Any thread that has the
 * mutex. May park. Since 0.1. */
SLEY_EXPORT int sley_cond_wait(struct sley_cond *cond, struct sley_mutex *mutex);

/* Wakes the one that has waited longest, or all. Any thread, with or without the mutex. Never
 * parks. Since 0.1. */
SLEY_EXPORT void sley_cond_signal(struct sley_cond *cond);
SLEY_EXPORT void sley_cond_broadcast(struct sley_cond *cond);

/* --- event ------------------------------------------------------------------------------------ */

/* A flag that can be waited for. */
struct sley_event {
    uint32_t set;
    uint32_t unused;
    struct sley__waiters waiters;
};

#define SLEY_EVENT_INIT SLEY__ZERO

/* Sets the flag and wakes all who wait; clears it; whether it is set. Any thread. Never park. What
 * was done before the set is visible to whoever has seen it. An event may go away once a wait for
 * it has returned 0; that it looks set is not enough: who sets it may still be at it. Since 0.1. */
SLEY_EXPORT void sley_event_set(struct sley_event *event);
SLEY_EXPORT void sley_event_clear(struct sley_event *event);
SLEY_EXPORT bool sley_event_is_set(const struct sley_event *event);

/* Waits until the flag is, or was for an instant, set. 0, SLEY_ECANCELED, SLEY_ETIMEDOUT. Any
 * thread. May park. Since 0.1. */
SLEY_EXPORT int sley_event_wait(struct sley_event *event);

/* --- wait group ------------------------------------------------------------------------------- */

/* Waits until a number of things are done: Go's WaitGroup. */
struct sley_wait_group {
    struct sley__waiters waiters;
    uint64_t count;
};

#define SLEY_WAIT_GROUP_INIT SLEY__ZERO

/* `n` more are to be done. 0, or SLEY_EINVAL if that would be more than UINT64_MAX in all, which is
 * a difference that went below zero rather than a number of things: nothing was done. Any thread.
 * Never parks. Since 0.1. */
SLEY_EXPORT int sley_wait_group_add(struct sley_wait_group *group, uint64_t n);

/* One is done. 0, or SLEY_EINVAL if none was left to be done. Any thread. Never parks. Since 0.1.
 */
SLEY_EXPORT int sley_wait_group_done(struct sley_wait_group *group);

/* Waits until none is left. 0, SLEY_ECANCELED, SLEY_ETIMEDOUT. Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_wait_group_wait(struct sley_wait_group *group);

/* --- barrier ---------------------------------------------------------------------------------- */

/* Lets parties through when all have come, again and again. */
struct sley_barrier {
    struct sley__waiters waiters;
    uint32_t parties, waiting;
};

/* A barrier for `parties`, at least 1. */
#define SLEY_BARRIER_INIT(parties)                 \
    {                                              \
        {0, 0, NULL, NULL}, (uint32_t)(parties), 0 \
    }

/* Waits for the others. 1 for the last one to come, 0 for the others; SLEY_ECANCELED,
 * SLEY_ETIMEDOUT: the caller has left, and its place is free again. Any thread. May park. Since
 * 0.1. */
SLEY_EXPORT int sley_barrier_wait(struct sley_barrier *barrier);

/* --- once ------------------------------------------------------------------------------------- */

/* Something that is to be done once. */
struct sley_once {
    uint32_t done;
    uint32_t unused;
    struct sley_mutex mutex;
};

#define SLEY_ONCE_INIT SLEY__ZERO

/* Calls fn(arg) unless a call before it has succeeded; others wait meanwhile. Returns 0 when it has
 * been done, by whomever; fn's own result if that is negative, and then the next caller tries; or
 * SLEY_ECANCELED / SLEY_ETIMEDOUT while waiting for another one. Any thread. May park. Since 0.1.
 */
SLEY_EXPORT int sley_once_do(struct sley_once *once, int (*fn)(void *arg), void *arg);

/* --- capacity limiter ------------------------------------------------------------------------- */

/* So many at a time, and who they are: a semaphore whose permits have owners, so that one that is
 * taken twice or given back by somebody else is an error and not a miscount. */
struct sley_limiter {
    struct sley__waiters waiters;
    uint32_t capacity, taken;
    struct sley_token *tokens;
};

/* One permit, in its owner's memory for as long as it is held; of one limiter at a time. Opaque. */
struct sley_token {
    struct sley_token *next, *previous;
    struct sley_limiter *limiter;
    const void *owner;
};

#define SLEY_LIMITER_INIT(capacity)                       \
    {                                                     \
        {0, 0, NULL, NULL}, (uint32_t)(capacity), 0, NULL \
    }

/* Takes one permit, in `token`, in the order of arrival. 0, or
 *   SLEY_EBUSY      the caller (task or thread) has one already, or `token` is in use with this
 *                   limiter
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 * and none was taken. Costs a walk over the permits that are out, not over those who wait. Any
 * thread. May park. Since 0.1. */
SLEY_EXPORT int sley_limiter_acquire(struct sley_limiter *limiter, struct sley_token *token);

/* Gives it back. 0, or SLEY_EPERM: the caller has not taken it. Never parks. Since 0.1. */
SLEY_EXPORT int sley_limiter_release(struct sley_limiter *limiter, struct sley_token *token);

/* Changes how many there may be, at least 1; if more are taken already, the next ones wait until
 * there are fewer. 0, or SLEY_EINVAL. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_limiter_resize(struct sley_limiter *limiter, uint32_t capacity);

/* How many are taken now. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT uint32_t sley_limiter_taken(struct sley_limiter *limiter);

/* --- rate limiter ----------------------------------------------------------------------------- */

/* So many per second, with bursts: a token bucket. */
struct sley_rate_limiter {
    struct sley__waiters waiters; /* in the order of their calls */
    uint32_t burst;
    uint32_t waiting; /* in the list */
    bool kept;        /* one more sleeps until the turn that it has been given */
    int64_t interval; /* ns between two */
    int64_t next;     /* when the bucket would be full again; 0: it is */
};

/* `rate` per second on the long run (it may be a fraction; at most 1e9, and what is not above 1e-9
 * is one turn in 31 years), at most `burst` (at least 1) at once. */
#define SLEY_RATE_LIMITER_INIT(rate, burst)                                         \
    {                                                                               \
        {0, 0, NULL, NULL}, (uint32_t)(burst), 0, false,                            \
            (rate) >= 1e9 ? 1 : (int64_t)(1e9 / ((rate) > 1e-9 ? (rate) : 1e-9)), 0 \
    }

/* Waits for its turn; turns are in the order of the calls. 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT
 * (the latter at once if the turn would come too late) and no turn was used: those behind move up.
 * Any thread. May park. Since 0.1. */
SLEY_EXPORT int sley_rate_limiter_wait(struct sley_rate_limiter *limiter);

/* Takes a turn if it is there now: true. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_rate_limiter_try(struct sley_rate_limiter *limiter);

/* --- scoped ----------------------------------------------------------------------------------- */

/* A block that runs with something held, and gives it back on every way out of it: its end, break,
 * return, goto, and in C++ an exception. The block is skipped if it could not be acquired;
 * `status`, an int that is declared before, says so with the error of the call:
 *
 *     SLEY_WITH_MUTEX(&mutex, status)
 *         balance += amount;
 *     if (status)
 *         return status;
 *
 * break and continue end the block, not a loop around it. The object is evaluated once and must
 * outlive the block. From where, and whether they may park: as the call. Since 0.1.
 *
 *     SLEY_WITH_MUTEX(mutex, status)            sley_mutex_lock()
 *     SLEY_WITH_SEMAPHORE(semaphore, status)    sley_semaphore_acquire()
 *     SLEY_WITH_READ_LOCK(rwlock, status)       sley_rwlock_read()
 *     SLEY_WITH_WRITE_LOCK(rwlock, status)      sley_rwlock_write()
 *     SLEY_WITH_LIMITER(limiter, status)        sley_limiter_acquire(), with a token of its own
 */
#define SLEY_WITH_MUTEX(mutex, status) \
    SLEY__WITH(sley_mutex, sley__mutex_leave, sley__mutex_enter((mutex), &(status)))
#define SLEY_WITH_SEMAPHORE(semaphore, status) \
    SLEY__WITH(sley_semaphore, sley__semaphore_leave, sley__semaphore_enter((semaphore), &(status)))
#define SLEY_WITH_READ_LOCK(rwlock, status) \
    SLEY__WITH(sley_rwlock, sley__rwlock_leave, sley__rwlock_enter_read((rwlock), &(status)))
#define SLEY_WITH_WRITE_LOCK(rwlock, status) \
    SLEY__WITH(sley_rwlock, sley__rwlock_leave, sley__rwlock_enter_write((rwlock), &(status)))
#define SLEY_WITH_LIMITER(limiter, status)                                             \
    for (struct sley__borrowed SLEY__NAME(sley__held_)                                 \
             SLEY__ON_EXIT(sley__borrowed_leave) = sley__borrowed_none(),              \
             *SLEY__NAME(sley__turn_) =                                                \
                 sley__borrowed_enter(&SLEY__NAME(sley__held_), (limiter), &(status)); \
         SLEY__NAME(sley__turn_); SLEY__NAME(sley__turn_) = NULL)

/* The rest is not for use. The names carry the line, so that blocks may stand in each other. */
#define SLEY__PASTE(a, b)  a##b
#define SLEY__PASTE2(a, b) SLEY__PASTE(a, b)
#define SLEY__NAME(prefix) SLEY__PASTE2(prefix, __LINE__)
#define SLEY__ON_EXIT(fn)  __attribute__((cleanup(fn)))
#define SLEY__WITH(type, leave, enter)                                                             \
    for (struct type * SLEY__NAME(sley__held_) SLEY__ON_EXIT(leave) = (enter),                     \
                                               *SLEY__NAME(sley__turn_) = SLEY__NAME(sley__held_); \
         SLEY__NAME(sley__turn_); SLEY__NAME(sley__turn_) = NULL)

static inline struct sley_mutex *sley__mutex_enter(struct sley_mutex *mutex, int *status)
{
    *status = sley_mutex_lock(mutex);
    return *status ? NULL : mutex;
}

static inline void sley__mutex_leave(struct sley_mutex **held)
{
    if (*held)
        sley_mutex_unlock(*held);
}

static inline struct sley_semaphore *sley__semaphore_enter(struct sley_semaphore *semaphore,
                                                           int *status)
{
    *status = sley_semaphore_acquire(semaphore);
    return *status ? NULL : semaphore;
}

static inline void sley__semaphore_leave(struct sley_semaphore **held)
{
    if (*held)
        (void)sley_semaphore_release(*held);
}

static inline struct sley_rwlock *sley__rwlock_enter_read(struct sley_rwlock *rwlock, int *status)
{
    *status = sley_rwlock_read(rwlock);
    return *status ? NULL : rwlock;
}

static inline struct sley_rwlock *sley__rwlock_enter_write(struct sley_rwlock *rwlock, int *status)
{
    *status = sley_rwlock_write(rwlock);
    return *status ? NULL : rwlock;
}

static inline void sley__rwlock_leave(struct sley_rwlock **held)
{
    if (*held)
        sley_rwlock_unlock(*held);
}

struct sley__borrowed {
    struct sley_limiter *limiter; /* NULL: nothing */
    struct sley_token token;
};

/* The end of such a block: gives the token back whoever the caller is, which may be another task
 * than the one that has entered if the block is in a generator. Never parks. Since 0.1. */
SLEY_EXPORT void sley_limiter_leave(struct sley_limiter *limiter, struct sley_token *token);

static inline struct sley__borrowed sley__borrowed_none(void)
{
    struct sley__borrowed none = {NULL, {NULL, NULL, NULL, NULL}};

    return none;
}

static inline struct sley__borrowed *sley__borrowed_enter(struct sley__borrowed *held,
                                                          struct sley_limiter *limiter, int *status)
{
    *status = sley_limiter_acquire(limiter, &held->token);
    if (*status)
        return NULL;
    held->limiter = limiter;
    return held;
}

static inline void sley__borrowed_leave(struct sley__borrowed *held)
{
    if (held->limiter)
        sley_limiter_leave(held->limiter, &held->token);
}

#ifdef __cplusplus
}
#endif
#endif
