/*
 * lock.h: the scheduler's own lock, for critical sections of a few dozen instructions. Level 0.
 *
 * One word: 0 free, 1 held; and, elsewhere, a count of those who sleep. Taking a free one is a
 * compare-and-swap; giving it up is a plain store and a look at the count, no second
 * read-modify-write; see lock.c. Who finds it taken spins a little, because the holder is nearly
 * always running, and then sleeps in a futex, because on a small machine it may have lost its core.
 * {0} is an unlocked lock. Not for tasks: nothing may park while it holds one.
 */
#ifndef SLEY_LOCK_H
#define SLEY_LOCK_H

#include "atomic.h"

struct sley__lock {
    atomic(uint32_t) word;
};

/* How many threads sleep in locks, or are about to; by the lock's address. Not in the lock itself,
 * because a lock may be gone as soon as it is free. Written by sleepers; partner: the release. */
#define SLEY__LOCK_TABLE 64
extern HIDDEN atomic(uint32_t) sley__lock_sleepers[SLEY__LOCK_TABLE];

static inline atomic(uint32_t) * sley__lock_sleepers_of(const struct sley__lock *lock)
{
    return &sley__lock_sleepers[(uintptr_t)lock / SLEY_CACHE_LINE % SLEY__LOCK_TABLE];
}

void sley__lock_slow(struct sley__lock *lock);
void sley__lock_wake(struct sley__lock *lock);

static inline void sley__lock_acquire(struct sley__lock *lock)
{
    uint32_t free = 0;

    if (unlikely(!cas_acquire(&lock->word, &free, 1)))
        sley__lock_slow(lock);
}

static inline bool sley__lock_try(struct sley__lock *lock)
{
    uint32_t free = 0;

    return load_relaxed(&lock->word) == 0 && cas_acquire(&lock->word, &free, 1);
}

static inline void sley__lock_release(struct sley__lock *lock)
{
    atomic(uint32_t) *sleepers = sley__lock_sleepers_of(lock);

    /* From here on the lock may be gone. */
    store_release(&lock->word, 0);
    fence_light(); /* partner: fence_heavy in sley__lock_slow */
    if (unlikely(load_relaxed(sleepers)))
        sley__lock_wake(lock);
}

#endif
