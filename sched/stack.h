/*
 * stack.h: stacks for tasks. Level 1.
 *
 * Address space is cut from slabs (one NORESERVE mapping each, huge pages forbidden), so that a
 * million stacks are a few hundred mappings, which the kernel merges. A stack of class C occupies C
 * bytes: the guard lowest (16 KiB; 4 KiB in the 16 KiB class), then the usable part, and its header
 * at the very top, inside the page that a running task touches anyway: a parked task costs one
 * page. Tops are coloured by a few cache lines so that the hot frames of many tasks do not fight
 * for the same cache set.
 *
 * Three levels: a LIFO cache per worker without locks (the hottest stack comes first), a shared
 * list per class that caches refill from and spill to in bundles, and the slabs, where a stack is
 * a number: not yet cut, or bare (its pages, header included, given back to the kernel, its guard
 * still there). Guards are installed in batches, when stacks are first cut.
 *
 * Promises. Whoever will need a stack later reserves it first, when failure can still be reported;
 * as long as no more stacks are in use than were reserved, an acquire does not fail.
 *
 * Where guards cannot be had (platform.h, SLEY__GUARD_NONE) the guard is plain memory that nobody
 * may touch: if its uppermost 512 bytes are not zero any more when the task parks or its stack is
 * released, the stack has overflowed. Reading untouched memory costs no page.
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
    struct sley__stack *next;   /* in a cache or a bundle */
    struct sley__stack *bundle; /* in a bundle's first stack: the next bundle of the shared list */
    char *low;                  /* lowest usable address; the guard lies below. Never NULL */
    void *top;                  /* highest usable address, coloured, 16-byte aligned */
    uint32_t bundled;           /* in a bundle's first stack: how many stacks it has */
    uint8_t class;              /* enum sley__stack_class */
    bool canary;                /* the guard may be plain memory: see sley__stack_check */
    struct sley__fiber fiber;   /* for the tools */
};

/* A worker's own stacks; {0} is an empty one. Owner worker only, except `count`s, which others read
 * for statistics (relaxed). */
struct sley__stack_cache {
    struct sley__stack *free[SLEY__STACK_CLASSES];
    atomic(unsigned) count[SLEY__STACK_CLASSES];
    bool known; /* to the pool */
};

/* What the pool has of one class. Protected by the pool's lock. */
struct sley__stack_level {
    struct sley__stack *shared;     /* bundles of stacks with their pages, newest first */
    size_t shared_count;            /* stacks in them */
    struct sley__stack_slab *ready; /* slabs that have uncut or bare stacks */
    size_t capacity;                /* stacks in all slabs, cut or not */
    size_t promised;                /* stacks reserved */
    unsigned batch;                 /* how many stacks to cut next time: grows with demand */
};

/* One per runtime. */
struct sley__stack_pool {
    struct sley__lock lock; /* protects all below but the atomics */
    struct sley__stack_level levels[SLEY__STACK_CLASSES];
    size_t caches;                           /* worker caches that may take stacks */
    size_t caches_seen;                      /* worker caches that have */
    atomic(struct sley__stack_slab *) slabs; /* every slab, newest first. Written with the lock,
                                                release; partner: acquire in the look-ups */
    atomic(bool) canaries; /* some stack has no guard. Set once; read relaxed by anybody, who then
                              calls sley__stack_check at parks: it publishes nothing */
};

void sley__stack_pool_init(struct sley__stack_pool *pool);

/* Tells how many caches will take stacks, so that the first promises reckon with what they may
 * hoard. Before the first promise. A cache more than that is taken in when it comes, but then a
 * promise made before may fail for want of memory. */
void sley__stack_expect(struct sley__stack_pool *pool, size_t caches);

/* Unmaps everything. All stacks must be back in the pool or in caches that are forgotten. */
void sley__stack_pool_close(struct sley__stack_pool *pool);

/* The class for a requested size in bytes (0: 64 KiB), or -1 above 1 MiB. */
int sley__stack_class(size_t size);

/* Bytes of a class, guard included. */
size_t sley__stack_class_size(int class);

/* Promises `count` more stacks of `class` (address space for them, and for what worker caches may
 * hoard). 0 or SLEY_ENOMEM. Any thread. May make system calls. */
MUST_USE int sley__stack_reserve(struct sley__stack_pool *pool, int class, size_t count);

/* Gives promises back. Any thread. */
void sley__stack_unreserve(struct sley__stack_pool *pool, int class, size_t count);

/* A stack of `class`; NULL only when none was promised and the system has no memory for one. The
 * inline part of the common case is a pop. Owner worker of the cache. May make system calls. */
struct sley__stack *sley__stack_refill(struct sley__stack_pool *pool,
                                       struct sley__stack_cache *cache, int class);

static inline void sley__stack_count(struct sley__stack_cache *cache, int class, unsigned count)
{
    store_relaxed(&cache->count[class], count);
}

static inline struct sley__stack *sley__stack_acquire(struct sley__stack_pool *pool,
                                                      struct sley__stack_cache *cache, int class)
{
    struct sley__stack *stack = cache->free[class];

    if (unlikely(!stack))
        return sley__stack_refill(pool, cache, class);
    cache->free[class] = stack->next;
    sley__stack_count(cache, class, load_relaxed(&cache->count[class]) - 1);
    return stack;
}

/* How many stacks a worker keeps of a class before it spills half of them: what 64 KiB stacks that
 * have touched two pages each make of an L2 cache of 1 MiB, and 8 MiB of address space above. */
#ifdef SLEY_HOSTILE
#define SLEY__STACK_CACHE_MAX \
    {                         \
        1, 1, 1, 1            \
    }
#else
#define SLEY__STACK_CACHE_MAX \
    {                         \
        128, 128, 32, 8       \
    }
#endif
static inline unsigned sley__stack_cache_max(int class)
{
    static const uint8_t max[SLEY__STACK_CLASSES] = SLEY__STACK_CACHE_MAX;

    return max[class];
}

/* Moves half of the cache (never the newest stack, which the caller may still be standing on) to
 * the shared list. Owner worker. Takes the pool's lock. */
void sley__stack_spill(struct sley__stack_pool *pool, struct sley__stack_cache *cache, int class);

/* Gives a stack back to the worker's cache. The caller may still be running on it, until its next
 * switch: only the same worker takes from this cache. */
static inline void sley__stack_release(struct sley__stack_pool *pool,
                                       struct sley__stack_cache *cache, struct sley__stack *stack)
{
    int class = stack->class;
    unsigned count = load_relaxed(&cache->count[class]) + 1;

    stack->next = cache->free[class];
    cache->free[class] = stack;
    sley__stack_count(cache, class, count);
    if (unlikely(count > sley__stack_cache_max(class)))
        sley__stack_spill(pool, cache, class);
}

/* Gives the pages of one bundle of the shared list, if the list is above its watermark, back to the
 * kernel. True if there was one: call again. For a worker that has nothing else to do, between two
 * looks for work: 20-40 us a call. Any thread. */
bool sley__stack_trim(struct sley__stack_pool *pool);

/* Whether sley__stack_trim has something to do. Any thread; takes the pool's lock. */
bool sley__stack_surplus(struct sley__stack_pool *pool);

/* Aborts with a message if `stack` has no guard and has overflowed. Whoever holds the stack. */
void sley__stack_check(const struct sley__stack *stack);

/* Which stack's guard `address` lies in, or NULL. Async-signal-safe: takes no lock, walks the slabs
 * (they are only ever added while tasks run). */
struct sley__stack *sley__stack_of_guard(const struct sley__stack_pool *pool, const void *address);

/* Likewise: which stack's usable part holds `address`. */
struct sley__stack *sley__stack_of_address(const struct sley__stack_pool *pool,
                                           const void *address);

#endif
