/*
 * atomic.h: the one door to atomic operations. Level 0.
 *
 * Every shared word of sley is declared with atomic(T) and touched only through these names, for
 * three reasons. The order is part of the name, so nobody gets seq_cst by writing nothing. The
 * model checker replaces this file with one that explores interleavings, and can do so only if no
 * atomic bypasses it. And a hostile build can put a random yield before each of them.
 *
 * Orders. x86-64 gives load_acquire and store_release for nothing; every read-modify-write costs
 * about 5 ns whatever its order, a full fence as much. aarch64 pays a little for each. So the
 * rules of thumb in sley are: publish with store_release, read with load_acquire, count with
 * *_relaxed, and keep read-modify-writes off the paths that run per task.
 *
 * Asymmetric fences. A Dekker duel (I write A then read B, you write B then read A, and at least
 * one of us must see the other) needs a full fence on both sides. Where one side is hot and the
 * other rare, the hot side calls fence_light(), which is only a compiler barrier, and the rare
 * side calls fence_heavy(), which makes the kernel run a full fence on every core that runs a
 * thread of this process (membarrier(2), PRIVATE_EXPEDITED; see also the paper "Asymmetric Dekker
 * Synchronization", Dice, Huang, Yang, 2001). Where the kernel has no membarrier, both are
 * seq_cst fences. fence_light() orders nothing against another fence_light().
 *
 * ThreadSanitizer does not understand fences: nothing in sley relies on a fence to publish plain
 * data; that is always a release store and an acquire load. Fences here only order atomics.
 */
#ifndef SLEY_ATOMIC_H
#define SLEY_ATOMIC_H

#include "base.h"

#ifdef SLEY_MODEL
#include "model_atomic.h"
#else

#include <stdatomic.h>

#define atomic(T) _Atomic(T)

#ifdef SLEY_HOSTILE
void sley__hostile_pause(void); /* now and then yields the processor, from a printed seed */
#define SLEY__ATOMIC_POINT() sley__hostile_pause()
#else
#define SLEY__ATOMIC_POINT() ((void)0)
#endif

#define load_relaxed(p) (SLEY__ATOMIC_POINT(), atomic_load_explicit((p), memory_order_relaxed))
#define load_acquire(p) (SLEY__ATOMIC_POINT(), atomic_load_explicit((p), memory_order_acquire))
#define store_relaxed(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_store_explicit((p), (v), memory_order_relaxed))
#define store_release(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_store_explicit((p), (v), memory_order_release))

#define exchange_acquire(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_exchange_explicit((p), (v), memory_order_acquire))
#define exchange_acq_rel(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_exchange_explicit((p), (v), memory_order_acq_rel))

/* Strong compare and swap: true and *p = desired if *p was *expected, else false and *expected is
 * what was there. The failure order is the load half of the name. */
#define cas_relaxed(p, expected, desired)                                                      \
    (SLEY__ATOMIC_POINT(),                                                                     \
     atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_relaxed, \
                                             memory_order_relaxed))
#define cas_acquire(p, expected, desired)                                                      \
    (SLEY__ATOMIC_POINT(),                                                                     \
     atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_acquire, \
                                             memory_order_relaxed))
#define cas_acq_rel(p, expected, desired)                                                      \
    (SLEY__ATOMIC_POINT(),                                                                     \
     atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_acq_rel, \
                                             memory_order_acquire))
#define cas_seq_cst(p, expected, desired)                                                      \
    (SLEY__ATOMIC_POINT(),                                                                     \
     atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_seq_cst, \
                                             memory_order_seq_cst))

#define fetch_add_relaxed(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define fetch_add_acq_rel(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))
#define fetch_add_seq_cst(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define fetch_sub_relaxed(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_sub_explicit((p), (v), memory_order_relaxed))
#define fetch_sub_acq_rel(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define fetch_or_acq_rel(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_or_explicit((p), (v), memory_order_acq_rel))
#define fetch_or_seq_cst(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_or_explicit((p), (v), memory_order_seq_cst))
#define fetch_and_acq_rel(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_and_explicit((p), (v), memory_order_acq_rel))
#define fetch_and_seq_cst(p, v) \
    (SLEY__ATOMIC_POINT(), atomic_fetch_and_explicit((p), (v), memory_order_seq_cst))

#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)

/* True once the kernel has promised expedited membarriers for this process. Written once, before
 * the first worker starts (sley__platform_init); read by everybody, also by threads that use a
 * lock while the first runtime starts. Whoever sees it set sees what was done before a heavy side
 * that has not seen it: so acquire here, and after the fence there. A constant of the machine, not
 * state of a runtime. */
extern HIDDEN atomic(bool) sley__asymmetric_fences;
void sley__membarrier(void);

/* Hot side of a Dekker duel. Partner: a fence_heavy(). */
static inline void fence_light(void)
{
    if (likely(atomic_load_explicit(&sley__asymmetric_fences, memory_order_acquire)))
        atomic_signal_fence(memory_order_seq_cst);
    else
        atomic_thread_fence(memory_order_seq_cst);
}

/* Rare side. 0.4 us when no other core runs us, 1-4 us when one does. Partner: fence_light(). */
static inline void fence_heavy(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (likely(atomic_load_explicit(&sley__asymmetric_fences, memory_order_acquire)))
        sley__membarrier();
}

/* Tells the core that this is a spin loop. */
#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#else
#define cpu_relax() __asm__ volatile("yield" ::: "memory")
#endif

#endif /* SLEY_MODEL */
#endif
