/*
 * timer_pool.h: memory for the timers of tasks that wait. Level 1.
 *
 * A timer's node belongs to the task that waits, and its stack would be the obvious place. But
 * where a million tasks wait, each of them has a page of its own there, and whoever links a node to
 * its neighbours, or takes the due ones out one after another, waits for a miss in the cache and
 * one in the TLB for each. Packed in pages of their own, the nodes share both with their
 * neighbours; and while they are taken out, the stacks that will run next can be fetched all at
 * once (poll.c).
 *
 * A node that cannot be had is no error: the task then uses one on its stack after all.
 *
 * Each worker has a list of its own and one whole batch in reserve; batches go to and from a
 * shared list, as the tasks' do (task.c), because nodes are taken where a task falls asleep and
 * given back where it goes on. What the pool has once had it keeps: 64 bytes for each task that
 * ever waited with a deadline at the same time. The tools are told that a free one is nobody's.
 *   Rejected: the node in the task (a million sleeps as fast, but 64 bytes more to clear in each
 *   task that never sleeps: a million spawns at once took a seventh longer).
 */
#ifndef SLEY_TIMER_POOL_H
#define SLEY_TIMER_POOL_H

#include "context.h"
#include "timer_impl.h"

#if defined(SLEY_HOSTILE) || defined(SLEY_MODEL)
#define SLEY__TIMER_BATCH 2
#else
#define SLEY__TIMER_BATCH 64
#endif

/* A node that may be free. A cache line, so that no two tasks' share one. */
union sley__timer_node {
    ALIGN_LINE struct sley__timer timer;
    struct {
        union sley__timer_node *next;       /* in a cache or a batch */
        union sley__timer_node *next_batch; /* of the first of a batch: in the pool */
    } free;
};

/* A worker's own; {0} is an empty one. Owner worker only. */
struct sley__timer_cache {
    union sley__timer_node *list;
    unsigned count;               /* in `list` */
    union sley__timer_node *full; /* SLEY__TIMER_BATCH of them, or NULL */
};

struct sley__timer_slab;

/* One per runtime; {0} is an empty one. Protected by its lock. */
struct sley__timer_pool {
    struct sley__lock lock;
    union sley__timer_node *batches; /* whole ones, through next_batch */
    struct sley__timer_slab *slabs;  /* newest first */
    size_t carved;                   /* nodes of the newest slab handed out */
    size_t mapped;                   /* bytes of all slabs */
};

/* Unmaps everything. No node is in use. */
void sley__timer_pool_close(struct sley__timer_pool *pool);

/* A list into a cache whose list is empty. False: no memory. Owner worker of the cache. */
MUST_USE bool sley__timer_refill(struct sley__timer_pool *pool, struct sley__timer_cache *cache);

/* The list has grown to a batch: it becomes the full one, which goes to the pool if there is one
 * already. Owner worker of the cache. */
void sley__timer_spill(struct sley__timer_pool *pool, struct sley__timer_cache *cache);

/* A node, or NULL: no memory. Owner worker of the cache. May make a system call, rarely. */
static inline union sley__timer_node *sley__timer_take(struct sley__timer_pool *pool,
                                                       struct sley__timer_cache *cache)
{
    union sley__timer_node *node;

    if (unlikely(!cache->list) && !sley__timer_refill(pool, cache))
        return NULL;
    node = cache->list;
    cache->list = node->free.next;
    cache->count--;
    sley__memory_show(node, sizeof *node);
    return node;
}

/* Gives it back; it is in no wheel. Owner worker of the cache, which may be another one than it was
 * taken from. */
static inline void sley__timer_give(struct sley__timer_pool *pool, struct sley__timer_cache *cache,
                                    union sley__timer_node *node)
{
    sley__memory_hide((char *)node + sizeof node->free, sizeof *node - sizeof node->free);
    node->free.next = cache->list;
    cache->list = node;
    if (unlikely(++cache->count == SLEY__TIMER_BATCH))
        sley__timer_spill(pool, cache);
}

#endif
