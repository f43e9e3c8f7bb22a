/*
 * task.c: the join word and the memory of tasks.
 *
 * The idea of the join word: a task has at most one joiner, so the end of the task and the joiner
 * can settle everything with one compare-and-swap each on one word. Which wait of the joiner the
 * end has to end is the one that the joiner is in: it cannot begin another before it has taken
 * itself out of the word. So the end first makes the word ENDING, which holds the joiner there,
 * then reads the ticket from the joiner, and then publishes DONE, after which the joiner may free
 * the task at any moment.
 *   Rejected: a ticket stored beside the word by the joiner. A second joiner that is about to be
 *   told BUSY overwrites it; and a joiner that gives up and comes again, between the end's reading
 *   of the ticket and its compare-and-swap, leaves the end with the ticket of the wait before.
 *
 * The idea of the memory: tasks are cut from slabs that double in size up to 1 MiB. From 4 MiB in
 * all, which is 16,000 tasks, slabs are huge pages: a million tasks are 256 MB, and faulting them
 * in 4 KiB at a time costs more than spawning them (2.7 us per fault and 16 tasks per page). A huge
 * page is there as a whole when its first task is, so before it comes there is twice as much
 * without: ten thousand tasks that needed a quarter of one had 150 bytes each for nothing. Each
 * worker has a free list of its own and a batch of 64 in reserve; whole batches go to
 * and from the shared pool, so that a producer on one worker and a consumer on another exchange
 * memory with one lock per batch, and nobody walks a list (the "magazines" of Bonwick and Adams,
 * 2001; a list cut at the 64th task cost 64 dependent misses under the lock).
 */
#define _GNU_SOURCE 1 /* dladdr */

#include "task_impl.h"

#include "platform.h"

#include <dlfcn.h>
#include <string.h>

enum sley__finish_duty sley__task_finish_told(struct sley_task *task, uintptr_t seen,
                                              struct sley__finish *out)
{
    enum sley__wake_duty duty;

    for (;;) {
        bool by_task = seen && !(seen & SLEY__JOIN_FOREIGN);

        if (seen == SLEY__JOIN_DETACHED)
            return SLEY__FINISH_FREE;
        /* Release: the result. Partner: acquire in join, retract, detach. */
        if (cas_acq_rel(&task->join, &seen, by_task ? SLEY__JOIN_ENDING : SLEY__JOIN_DONE))
            break;
    }
    if (!seen)
        return SLEY__FINISH_NOTHING;
    if (seen & SLEY__JOIN_FOREIGN) {
        out->foreign = (void *)(seen & ~SLEY__JOIN_FOREIGN);
        return SLEY__FINISH_WAKE_FOREIGN;
    }
    out->joiner = (struct sley_task *)seen;
    /* Held by ENDING, so it cannot leave, nor can its runtime, until we have won or lost. */
    duty = sley__task_wake(out->joiner, sley__task_ticket(load_relaxed(&out->joiner->word)), 0, 0);
    store_release(&task->join, SLEY__JOIN_DONE); /* partner: acquire in retract */
    return duty == SLEY__WAKE_QUEUE ? SLEY__FINISH_WAKE_TASK : SLEY__FINISH_NOTHING;
}

static enum sley__join_duty join_as(struct sley_task *task, uintptr_t who)
{
    uintptr_t seen = 0;

    if (cas_acq_rel(&task->join, &seen, who))
        return SLEY__JOIN_WAIT;
    return seen == SLEY__JOIN_DONE ? SLEY__JOIN_TAKE : SLEY__JOIN_BUSY;
}

enum sley__join_duty sley__task_join_task(struct sley_task *task, struct sley_task *joiner)
{
    return join_as(task, (uintptr_t)joiner);
}

enum sley__join_duty sley__task_join_foreign(struct sley_task *task, atomic(uint32_t) * futex)
{
    return join_as(task, (uintptr_t)futex | SLEY__JOIN_FOREIGN);
}

enum sley__join_duty sley__task_join_retract(struct sley_task *task, struct sley_task *joiner)
{
    uintptr_t seen = (uintptr_t)joiner;
    unsigned spins = 0;

    if (cas_acq_rel(&task->join, &seen, 0))
        return SLEY__JOIN_WAIT;
    /* A few instructions of the end, unless its thread has lost its core. */
    while (seen == SLEY__JOIN_ENDING) {
        cpu_relax();
        if (++spins % 256 == 0)
            sley__thread_yield();
        seen = load_acquire(&task->join); /* partner: release in sley__task_finish */
    }
    ensure(seen == SLEY__JOIN_DONE);
    return SLEY__JOIN_TAKE;
}

bool sley__task_detach(struct sley_task *task)
{
    uintptr_t seen = 0;

    if (cas_acq_rel(&task->join, &seen, SLEY__JOIN_DETACHED))
        return false;
    ensure_msg(seen == SLEY__JOIN_DONE, "sley_detach: task %llu is being joined, or was detached",
               (unsigned long long)load_relaxed(&task->id));
    return true;
}

/* --- memory --------------------------------------------------------------------------------- */

#define SLAB_FIRST  ((size_t)64 << 10)
#define SLAB_MOST   ((size_t)1 << 20)
#define SLAB_HUGE   ((size_t)2 << 20)
#define BEFORE_HUGE ((size_t)4 << 20) /* bytes of slabs of the other kind */

void sley__task_pool_init(struct sley__task_pool *pool)
{
    *pool = (struct sley__task_pool){0};
}

void sley__task_pool_close(struct sley__task_pool *pool)
{
    struct sley__task_slab *slab = load_relaxed(&pool->slabs);

    while (slab) {
        struct sley__task_slab *older = slab->older;

        sley__unmap(slab, slab->size);
        slab = older;
    }
}

/* Of the next slab: twice the last, then as much as that, then a huge page. Under the lock. */
static size_t next_size(const struct sley__task_pool *pool, const struct sley__task_slab *newest)
{
    if (!newest)
        return SLAB_FIRST;
    if (pool->mapped >= BEFORE_HUGE)
        return SLAB_HUGE;
    return newest->size < SLAB_MOST ? newest->size * 2 : SLAB_MOST;
}

/* Maps the next slab. Under the lock. */
static bool add_slab(struct sley__task_pool *pool)
{
    struct sley__task_slab *newest = load_relaxed(&pool->slabs), *slab;
    size_t size = next_size(pool, newest);
    size_t head = round_up(sizeof *slab, SLEY_CACHE_LINE);

    slab = sley__map(size, size == SLAB_HUGE ? SLAB_HUGE : 4096, size == SLAB_HUGE);
    if (!slab)
        return false;
    slab->older = newest;
    slab->size = size;
    slab->tasks = (struct sley_task *)(void *)((char *)slab + head);
    slab->count = (size - head) / sizeof(struct sley_task);
    pool->carved = 0;
    pool->mapped += size;
    store_release(&pool->slabs, slab); /* partner: sley__task_each */
    return true;
}

/* A chain of up to SLEY__TASK_BATCH tasks never used before. Under the lock. */
static struct sley_task *carve(struct sley__task_pool *pool, unsigned *count)
{
    struct sley__task_slab *slab = load_relaxed(&pool->slabs);
    struct sley_task *first = NULL;
    size_t i, n;

    if (!slab || pool->carved == slab->count) {
        if (!add_slab(pool))
            return NULL;
        slab = load_relaxed(&pool->slabs);
    }
    n = slab->count - pool->carved;
    if (n > SLEY__TASK_BATCH)
        n = SLEY__TASK_BATCH;
    for (i = n; i-- > 0;) {
        struct sley_task *task = &slab->tasks[pool->carved + i];

        task->next = first;
        first = task;
    }
    pool->carved += n;
    *count = (unsigned)n;
    return first;
}

bool sley__task_refill(struct sley__task_pool *pool, struct sley__task_cache *cache)
{
    cache->count = SLEY__TASK_BATCH;
    if ((cache->free = cache->full)) {
        cache->full = NULL;
        return true;
    }
    sley__lock_acquire(&pool->lock);
    if ((cache->free = pool->batches))
        pool->batches = cache->free->next_batch;
    else if (!(cache->free = carve(pool, &cache->count)))
        cache->count = 0;
    sley__lock_release(&pool->lock);
    return cache->free != NULL;
}

void sley__task_spill(struct sley__task_pool *pool, struct sley__task_cache *cache)
{
    struct sley_task *full = cache->full;

    cache->full = cache->free;
    cache->free = NULL;
    cache->count = 0;
    if (!full)
        return;
    sley__lock_acquire(&pool->lock);
    full->next_batch = pool->batches;
    pool->batches = full;
    sley__lock_release(&pool->lock);
}

const char *sley__task_name(const struct sley_task *task)
{
    return load_relaxed(&task->labelled) ? (const char *)task->label : load_relaxed(&task->site);
}

const char *sley__task_site(const struct sley_task *task)
{
    const char *site = load_relaxed(&task->site);

    return site + strlen(site) + 1;
}

int sley__task_each(struct sley__task_pool *pool, int (*visit)(struct sley_task *task, void *arg),
                    void *arg)
{
    struct sley__task_slab *slab = load_acquire(&pool->slabs);
    size_t i;
    int stop;

    for (; slab; slab = slab->older)
        for (i = 0; i < slab->count; i++)
            if ((stop = visit(&slab->tasks[i], arg)))
                return stop;
    return 0;
}

void sley__task_panic_scope(const struct sley_task *task)
{
    sley__panic(__FILE__, __LINE__,
                "task %llu \"%s\", spawned at %s, has ended inside of a scope that it has opened: "
                "close it on every way out, as SLEY_SCOPE does",
                (unsigned long long)load_relaxed(&task->id), sley__task_name(task),
                sley__task_site(task));
}

#ifdef SLEY_DEBUG
/* --- locks ---------------------------------------------------------------------------------- */

void sley__task_panic_pthread(const struct sley_task *task)
{
    Dl_info place = {0};
    const char *file = "?";
    size_t offset = 0;

    if (dladdr(task->debug.pthread_site, &place) && place.dli_fname) {
        file = strrchr(place.dli_fname, '/') ? strrchr(place.dli_fname, '/') + 1 : place.dli_fname;
        offset =
            (size_t)((const char *)task->debug.pthread_site - (const char *)place.dli_fbase) - 1;
    }
    sley__panic(
        __FILE__, __LINE__,
        "task %llu \"%s\", spawned at %s, has %u pthread mutex(es) over a park; the first, %p, "
        "was locked at\n  #0 (%s+%#zx)",
        (unsigned long long)load_relaxed(&task->id), sley__task_name(task), sley__task_site(task),
        task->debug.pthread_mutexes, task->debug.pthread_mutex, file, offset);
}

void sley__task_check_end(const struct sley_task *task)
{
    sley__task_may_leave(task);
    ensure_msg(
        !task->debug.more_locks, "task %llu \"%s\", spawned at %s, has ended and still has locks",
        (unsigned long long)load_relaxed(&task->id), sley__task_name(task), sley__task_site(task));
    for (unsigned i = 0; i < SLEY__HELD_MAX; i++) {
        const struct sley__held *held = &task->debug.lock[i];

        ensure_msg(!held->address,
                   "task %llu \"%s\", spawned at %s, has ended and still has the %s %p",
                   (unsigned long long)load_relaxed(&task->id), sley__task_name(task),
                   sley__task_site(task), held->kind, held->address);
    }
}
#endif
