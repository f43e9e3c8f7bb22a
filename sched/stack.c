/*
 * stack.c: moving stacks between the worker caches, the shared list and the slabs. Level 1.
 *
 * What a stack costs is system calls and the one page it touches, 3.6 us together (slab.c); what is
 * done here is a few ns. So the pages are kept as long as they may be useful, and nothing else is:
 * a stack that is reused costs a pop.
 *
 * Life of a stack. A slab is reserved (growing geometrically, so that a small program reserves
 * little and a million stacks take few calls). Stacks are cut from it in batches of 4 to 32 that
 * grow with demand, and go to the cache that asked. A cache that is full spills half of itself to
 * the shared list as one bundle, which the next cache in need takes with one look under the lock:
 * chains are walked outside of it. Above a watermark, bundles are trimmed by workers that are
 * idle anyhow: the pages go back to the kernel and the stack is only a number in its slab until it
 * is needed again. Not in the release: there it would make the end of a million tasks take seconds.
 *
 * Promises are counted, not kept as stacks: capacity >= promised + what caches may hoard. Then a
 * stack is always found in the shared list, bare, or not cut yet. The one thing that can still go
 * wrong, no kernel memory for a guard, degrades to a canary.
 *
 *   Rejected: one mapping per stack (5.5 us to unmap each, and the limit of mappings); a shared
 *   list of single stacks (64 cache misses under the lock per refill); a lock-free shared list (one
 *   visit per 64 releases does not need it, and ABA would).
 */
#include "slab.h"

#include <sley/error.h>

/* Sizes that the hostile build shrinks, so that every path runs often. */
#ifdef SLEY_HOSTILE
enum { SLAB_MIN = 2, BATCH_MIN = 1, WATERMARK = 2 };
#else
enum {
    SLAB_MIN = 16,    /* stacks in a first slab: 1 MiB of address space for the 64 KiB class */
    BATCH_MIN = 4,    /* stacks cut at first: a program with three tasks touches four pages */
    WATERMARK = 4096, /* stacks in the shared list that keep their pages: 16 MiB if one page each */
};
#endif

/* A slab's size: 1,000,000 stacks of 64 KiB in 250 mappings, which the kernel merges. */
static const size_t SLAB_BYTES_MAX = (size_t)256 * 1024 * 1024;

/* --- slabs --- */

/* How many stacks the next slab gets: as many as there are, at least `missing`, within limits. */
static uint32_t slab_count(const struct sley__stack_level *level, int class, size_t missing)
{
    size_t most = SLAB_BYTES_MAX / sley__stack_class_size(class);
    size_t count = level->capacity > SLAB_MIN ? level->capacity : SLAB_MIN;

    if (count < missing)
        count = missing;
    return (uint32_t)(count < most ? count : most);
}

/* The slab has places to take. With the lock. */
static void make_ready(struct sley__stack_level *level, struct sley__stack_slab *slab)
{
    if (slab->in_ready)
        return;
    slab->in_ready = true;
    slab->next_ready = level->ready;
    level->ready = slab;
}

/* Adds slabs until the level holds `wanted` stacks. 0 or SLEY_ENOMEM. With the lock: growing is
 * geometric, so the mmap under it is rare. */
static int grow(struct sley__stack_pool *pool, int class, size_t wanted)
{
    struct sley__stack_level *level = &pool->levels[class];

    while (level->capacity < wanted) {
        size_t missing = wanted - level->capacity;
        uint32_t count = slab_count(level, class, missing);
        struct sley__stack_slab *slab = sley__slab_new(class, count);

        if (!slab && missing < count) /* then only what is needed */
            slab = sley__slab_new(class, (uint32_t)missing);
        if (!slab)
            return SLEY_ENOMEM;
        level->capacity += slab->count;
        make_ready(level, slab);
        slab->next = load_relaxed(&pool->slabs);
        store_release(&pool->slabs, slab); /* partner: slab_of() in slab.c */
    }
    return 0;
}

/* --- promises --- */

/* What workers may hold that no promise covers and nobody else can get at: each the fill of its
 * cache, the stack that its loop stands on, one more before it spills, and a bundle that it trims.
 */
static size_t hoarded(const struct sley__stack_pool *pool, int class)
{
    size_t fill = sley__stack_cache_max(class);

    return pool->caches * (fill + 2 + (fill + 1) / 2);
}

int sley__stack_reserve(struct sley__stack_pool *pool, int class, size_t count)
{
    struct sley__stack_level *level = &pool->levels[class];
    int error;

    sley__lock_acquire(&pool->lock);
    error = grow(pool, class, level->promised + count + hoarded(pool, class));
    if (!error)
        level->promised += count;
    sley__lock_release(&pool->lock);
    return error;
}

void sley__stack_unreserve(struct sley__stack_pool *pool, int class, size_t count)
{
    struct sley__stack_level *level = &pool->levels[class];

    sley__lock_acquire(&pool->lock);
    ensure_msg(level->promised >= count, "%zu promises given back of %zu", count, level->promised);
    level->promised -= count;
    sley__lock_release(&pool->lock);
}

/* --- between the levels --- */

/* With the lock. */
static struct sley__stack *pop_bundle(struct sley__stack_level *level)
{
    struct sley__stack *bundle = level->shared;

    if (!bundle)
        return NULL;
    level->shared = bundle->bundle;
    level->shared_count -= bundle->bundled;
    return bundle;
}

/* Takes a batch of places; the batches grow, but never beyond what a cache may keep. With the lock.
 */
static void take_places(struct sley__stack_level *level, int class, struct sley__cut *cut)
{
    unsigned kept = sley__stack_cache_max(class),
             most = kept < SLEY__BATCH_MAX ? kept : SLEY__BATCH_MAX;
    struct sley__stack_slab *slab = level->ready;

    sley__slab_take(slab, level->batch, cut);
    if (sley__slab_spent(slab)) {
        level->ready = slab->next_ready;
        slab->in_ready = false;
    }
    level->batch = level->batch * 2 < most ? level->batch * 2 : most;
}

/* Stacks for a cache: a bundle, or else places in *cut, or else (count 0) nothing. */
static struct sley__stack *find_stacks(struct sley__stack_pool *pool,
                                       struct sley__stack_cache *cache, int class,
                                       struct sley__cut *cut)
{
    struct sley__stack_level *level = &pool->levels[class];
    struct sley__stack *bundle;

    cut->count = 0;
    sley__lock_acquire(&pool->lock);
    if (!cache->known) {
        cache->known = true;
        if (++pool->caches_seen > pool->caches)
            pool->caches = pool->caches_seen;
    }
    bundle = pop_bundle(level);
    if (!bundle && (level->ready || grow(pool, class, level->capacity + 1) == 0))
        take_places(level, class, cut);
    sley__lock_release(&pool->lock);
    return bundle;
}

/* Puts the stacks of a cut in the cache, lowest number on top. Owner worker. */
static void fill_cache(struct sley__stack_cache *cache, int class, const struct sley__cut *cut)
{
    for (unsigned i = cut->count; i-- > 0;) {
        struct sley__stack *stack = sley__slab_header(cut, i);

        stack->next = cache->free[class];
        cache->free[class] = stack;
    }
    sley__stack_count(cache, class, cut->count);
}

NOINLINE struct sley__stack *sley__stack_refill(struct sley__stack_pool *pool,
                                                struct sley__stack_cache *cache, int class)
{
    struct sley__cut cut;
    struct sley__stack *bundle = find_stacks(pool, cache, class, &cut);

    if (bundle) {
        cache->free[class] = bundle;
        sley__stack_count(cache, class, bundle->bundled);
        return sley__stack_acquire(pool, cache, class);
    }
    if (!cut.count)
        return NULL;
    if (!sley__slab_furnish(&cut))
        store_relaxed(&pool->canaries, true);
    fill_cache(cache, class, &cut);
    return sley__stack_acquire(pool, cache, class);
}

/* Cuts the cache's list after `kept` stacks; returns the rest as a bundle. Owner worker. */
static struct sley__stack *split(struct sley__stack_cache *cache, int class, unsigned kept)
{
    struct sley__stack *last = cache->free[class], *bundle;

    for (unsigned i = 1; i < kept; i++)
        last = last->next;
    bundle = last->next;
    last->next = NULL;
    bundle->bundled = load_relaxed(&cache->count[class]) - kept;
    sley__stack_count(cache, class, kept);
    return bundle;
}

NOINLINE void sley__stack_spill(struct sley__stack_pool *pool, struct sley__stack_cache *cache,
                                int class)
{
    struct sley__stack_level *level = &pool->levels[class];
    unsigned kept = (load_relaxed(&cache->count[class]) + 1) / 2;
    struct sley__stack *bundle = split(cache, class, kept);

    sley__lock_acquire(&pool->lock);
    bundle->bundle = level->shared;
    level->shared = bundle;
    level->shared_count += bundle->bundled;
    sley__lock_release(&pool->lock);
}

/* --- giving pages back --- */

/* A bundle of a list above its watermark, or NULL. */
static struct sley__stack *take_surplus(struct sley__stack_pool *pool)
{
    struct sley__stack *bundle = NULL;

    sley__lock_acquire(&pool->lock);
    for (int i = 0; i < SLEY__STACK_CLASSES && !bundle; i++)
        if (pool->levels[i].shared_count > WATERMARK)
            bundle = pop_bundle(&pool->levels[i]);
    sley__lock_release(&pool->lock);
    return bundle;
}

bool sley__stack_surplus(struct sley__stack_pool *pool)
{
    bool found = false;

    sley__lock_acquire(&pool->lock);
    for (int i = 0; i < SLEY__STACK_CLASSES && !found; i++)
        found = pool->levels[i].shared_count > WATERMARK;
    sley__lock_release(&pool->lock);
    return found;
}

bool sley__stack_trim(struct sley__stack_pool *pool)
{
    struct sley__stack *chain = take_surplus(pool);
    struct sley__cut cut;

    if (!chain)
        return false;
    while (chain) {
        chain = sley__slab_strip(pool, chain, &cut);
        sley__lock_acquire(&pool->lock);
        sley__slab_put(&cut);
        make_ready(&pool->levels[cut.slab->class], cut.slab);
        sley__lock_release(&pool->lock);
    }
    return true;
}

/* --- the pool --- */

void sley__stack_pool_init(struct sley__stack_pool *pool)
{
    *pool = (struct sley__stack_pool){0};
    for (int i = 0; i < SLEY__STACK_CLASSES; i++)
        pool->levels[i].batch = BATCH_MIN;
}

void sley__stack_expect(struct sley__stack_pool *pool, size_t caches)
{
    pool->caches = caches;
}

void sley__stack_pool_close(struct sley__stack_pool *pool)
{
    struct sley__stack_slab *slab = load_acquire(&pool->slabs);

    while (slab) {
        struct sley__stack_slab *next = slab->next;

        sley__slab_free(slab);
        slab = next;
    }
    *pool = (struct sley__stack_pool){0};
}
