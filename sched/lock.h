/*
 * lock.h: the scheduler's own lock, for critical sections of a few dozen instructions. Level 0.
 *
 * One word: 0 free, 1 held, 2 held with sleepers. It spins a little, because the holder is nearly
 * always running, and then sleeps in a futex, because on a small machine it may have lost its core
 * (Drepper, "Futexes Are Tricky", mutex 2). {0} is an unlocked lock. Not for tasks: nothing may
 * park while it holds one.
 */
#ifndef SLEY_LOCK_H
#define SLEY_LOCK_H

#include "atomic.h"

struct sley__lock {
    atomic(uint32_t) word;
};

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
    if (unlikely(exchange_acq_rel(&lock->word, 0) == 2))
        sley__lock_wake(lock);
}

#endif
