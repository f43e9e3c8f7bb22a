/*
 * stack.h: stacks for tasks. Level 1.
 *
 * Address space is cut from slabs (one NORESERVE mapping each, huge pages forbidden), so that a
 * million stacks are a few dozen mappings. A stack of class C occupies C bytes: the guard lowest
 * (16 KiB; 4 KiB in the 16 KiB class), then the usable part, and its header at the very top, inside the page that
 * a running task touches anyway: a parked task costs one page. Tops are coloured by a few cache
 * lines so that the hot frames of many tasks do not fight for the same cache set.
 *
 * Three levels: a LIFO cache per worker without locks (the hottest stack comes first), a shared
 * list per class that caches refill from and spill to in batches, and above a watermark the pages
 * go back to the kernel while the address space and its guard stay. Guards are installed in
 * batches, when a batch is first cut from its slab.
 *
 * Where guards cannot be had (platform.h, SLEY__GUARD_NONE) a canary at the low end is checked
 * when the stack is released and when its task parks.
 */
#ifndef SLEY_STACK_H
#define SLEY_STACK_H

#include "context.h"
#include "lock.h"

enum sley__stack_class {
    SLEY__STACK_16K,
    SLEY__STACK_64K,
    SLEY__STACK_256K,
    SLEY__STACK_1M,
    SLEY__STACK_CLASSES,
};

/* The header at the top of each stack. Written by whoever holds the stack. */
struct sley__stack {
    struct sley__stack *next;     /* in a cache or the shared list */
    char *low;                    /* lowest usable address; the guard lies below */
    void *top;                    /* highest usable address, coloured, 16-byte aligned */
    uint8_t class;                /* enum sley__stack_class */
    bool canary;                  /* no guard: *(uint64_t *)low is a canary */
    struct sley__fiber fiber;     /* for the tools */
};

/* A worker's own stacks. Owner worker only, except `count`s, which others read for statistics. */
struct sley__stack_cache {
    struct sley__stack *free[SLEY__STACK_CLASSES];
    unsigned count[SLEY__STACK_CLASSES];
};

/* One per runtime. */
struct sley__stack_pool {
    struct sley__lock lock;                              /* protects all below */
    struct sley__stack *shared[SLEY__STACK_CLASSES];     /* stacks with their pages */
    unsigned shared_count[SLEY__STACK_CLASSES];
    struct sley__stack_slab *slabs;                      /* every slab, newest first */
};

void sley__stack_pool_init(struct sley__stack_pool *pool);

/* Unmaps everything. All stacks must be back in the pool or in caches that are forgotten. */
void sley__stack_pool_close(struct sley__stack_pool *pool);

/* The class for a requested size in bytes (0: 64 KiB), or -1 above 1 MiB. */
int sley__stack_class(size_t size);

/* Bytes of a class, guard included. */
size_t sley__stack_class_size(int class);

/* A stack of `class`, or NULL when the system has no memory for one. The inline part of the common
 * case is a pop. Owner worker of the cache. May make system calls. */
struct sley__stack *sley__stack_refill(struct sley__stack_pool *pool,
                                       struct sley__stack_cache *cache, int class);

static inline struct sley__stack *sley__stack_acquire(struct sley__stack_pool *pool,
                                                      struct sley__stack_cache *cache, int class)
{
    struct sley__stack *stack = cache->free[class];

    if (unlikely(!stack))
        return sley__stack_refill(pool, cache, class);
    cache->free[class] = stack->next;
    cache->count[class]--;
    return stack;
}

/* How many stacks a worker keeps per class before it spills half of them. */
#ifdef SLEY_HOSTILE
#define SLEY__STACK_CACHE_MAX 1
#else
#define SLEY__STACK_CACHE_MAX 128
#endif

/* Moves half of the cache (never the newest stack, which the caller may still be standing on) to
 * the shared list, and pages above the watermark to the kernel. */
void sley__stack_spill(struct sley__stack_pool *pool, struct sley__stack_cache *cache, int class);

/* Gives a stack back to the worker's cache. The caller may still be running on it, until its next
 * switch: only the same worker takes from this cache. */
static inline void sley__stack_release(struct sley__stack_pool *pool,
                                       struct sley__stack_cache *cache, struct sley__stack *stack)
{
    int class = stack->class;

    stack->next = cache->free[class];
    cache->free[class] = stack;
    if (unlikely(++cache->count[class] > SLEY__STACK_CACHE_MAX))
        sley__stack_spill(pool, cache, class);
}

/* Aborts with a message if the canary of an unguarded stack is gone. */
void sley__stack_check(const struct sley__stack *stack);

/* Which stack's guard `address` lies in, or NULL. Async-signal-safe: takes no lock, walks the slabs
 * (they are only ever added while tasks run). */
struct sley__stack *sley__stack_of_guard(const struct sley__stack_pool *pool, const void *address);

/* Likewise: which stack's usable part holds `address`. */
struct sley__stack *sley__stack_of_address(const struct sley__stack_pool *pool,
                                           const void *address);

#endif
