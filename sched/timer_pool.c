/*
 * timer_pool.c: the slow half of the timers' memory. See timer_pool.h.
 *
 * Nodes are cut from slabs: small ones first, huge pages from 4 MiB on (65,000 timers), where a
 * fault for each 64 nodes would cost as much as what the packing saves. A huge page is there as a
 * whole when its first node is, so before it comes there is twice as much without, as with tasks.
 */
#include "timer_pool.h"

#include "platform.h"

#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
enum { SLAB = 4 << 10, BEFORE_HUGE = 8 << 10 };
#else
enum {
    SLAB = 64 << 10,       /* bytes of a small slab */
    BEFORE_HUGE = 4 << 20, /* bytes of small slabs before the first huge one */
};
#endif

static const size_t SLAB_HUGE = (size_t)2 << 20;

struct sley__timer_slab {
    struct sley__timer_slab *older;
    size_t size;  /* bytes mapped */
    size_t count; /* nodes in it */
    union sley__timer_node nodes[];
};

void sley__timer_pool_close(struct sley__timer_pool *pool)
{
    struct sley__timer_slab *slab = pool->slabs;

    while (slab) {
        struct sley__timer_slab *older = slab->older;
        size_t size = slab->size;

        sley__memory_show(slab->nodes, size - sizeof *slab);
        sley__unmap(slab, size);
        slab = older;
    }
    *pool = (struct sley__timer_pool){0};
}

/* Under the lock. */
static bool add_slab(struct sley__timer_pool *pool)
{
    struct sley__timer_slab *slab = NULL;
    size_t size = SLAB_HUGE;

    if (pool->mapped >= BEFORE_HUGE)
        slab = sley__map(size, SLAB_HUGE, true);
    if (!slab)
        slab = sley__map(size = SLAB, 4096, false);
    if (!slab)
        return false;
    slab->older = pool->slabs;
    slab->size = size;
    slab->count = (size - sizeof *slab) / sizeof slab->nodes[0];
    pool->slabs = slab;
    pool->carved = 0;
    pool->mapped += size;
    return true;
}

/* A list of up to SLEY__TIMER_BATCH nodes never used before. The first of a slab is one node short,
 * which its header takes: then each is a page. Under the lock. */
static union sley__timer_node *carve(struct sley__timer_pool *pool, unsigned *count)
{
    union sley__timer_node *first = NULL, *nodes;
    size_t n;

    if ((!pool->slabs || pool->carved == pool->slabs->count) && !add_slab(pool))
        return NULL;
    nodes = pool->slabs->nodes + pool->carved;
    n = SLEY__TIMER_BATCH - (pool->carved == 0);
    if (n > pool->slabs->count - pool->carved)
        n = pool->slabs->count - pool->carved;
    for (size_t i = n; i-- > 0;) {
        nodes[i].free.next = first;
        first = &nodes[i];
    }
    pool->carved += n;
    *count = (unsigned)n;
    return first;
}

NOINLINE bool sley__timer_refill(struct sley__timer_pool *pool, struct sley__timer_cache *cache)
{
    cache->count = SLEY__TIMER_BATCH;
    if ((cache->list = cache->full)) {
        cache->full = NULL;
        return true;
    }
    sley__lock_acquire(&pool->lock);
    if ((cache->list = pool->batches))
        pool->batches = cache->list->free.next_batch;
    else if (!(cache->list = carve(pool, &cache->count)))
        cache->count = 0;
    sley__lock_release(&pool->lock);
    return cache->list != NULL;
}

NOINLINE void sley__timer_spill(struct sley__timer_pool *pool, struct sley__timer_cache *cache)
{
    union sley__timer_node *full = cache->full;

    cache->full = cache->list;
    cache->list = NULL;
    cache->count = 0;
    if (!full)
        return;
    sley__lock_acquire(&pool->lock);
    full->free.next_batch = pool->batches;
    pool->batches = full;
    sley__lock_release(&pool->lock);
}
