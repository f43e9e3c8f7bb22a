/*
 * memory.c: the memory model: which stores a load may read.
 *
 * Atomics. Each location keeps the stores to it in modification order, newest first; that order is
 * the order of execution. A load may read any store, newest to oldest, up to the first one that
 * its thread knows of: then the older ones are forbidden by coherence. "Knows of" is a comparison
 * of clocks. Each store notes at which time of its own each thread first touched it (wrote or read
 * it); thread T knows it if for some thread u that time is within what T has seen of u. A release
 * store carries what its thread knows, an acquire load that reads it takes it over; a
 * read-modify-write reads the newest store and passes on what that carried (release sequence).
 *
 * Two clocks per thread, because coherence and happens-before are not the same. `ordered` is
 * happens-before and judges races of plain accesses. `seen` judges which stores are too old; it
 * grows with `ordered` and also with fences, which order atomics but synchronise nothing.
 *
 * Fences. A seq_cst fence joins what its thread has seen with what all seq_cst fences before it
 * had seen, both ways. This is C++20's rule (a cycle among fences through reads-from, coherence and
 * happens-before is forbidden), operationally. By the rule of atomic.h a fence publishes no plain
 * data: here, fences do not touch `ordered`, and code that relies on it is reported as a race.
 *
 * seq_cst read-modify-writes. Among themselves they are in the order of execution, since each reads
 * the newest. Towards fences: a store by one is seen by whoever passes a seq_cst fence later; what
 * else its thread did before is not (it is no fence, as on aarch64, though it is on x86). So such a
 * store has a time of the pretended thread CLOCK_SC, and fences join that.
 *
 * litmus.c shows each of these by itself; axioms.py compares the outcomes of random programs with
 * those that the axioms of the memory model (RC11) allow.
 *
 * A plain write to a shared word that is properly ordered begins its history anew (initialisation);
 * one that is not is a race with it (races.c).
 *
 * What is not modelled, that is, what a bug could hide behind:
 *
 *     Stores happen in program order, and modification order is execution order. So load buffering
 *     (a load that reads from the future) and 2+2W's weak outcome are not produced; nothing is out
 *     of thin air. What store buffers and the reordering of loads do is there, as stale reads.
 *
 *     The total order of seq_cst operations is the order of execution too. The axioms allow a
 *     little more (one in 200 random programs has an outcome more for it): a seq_cst fence that
 *     comes, in that order, before a read-modify-write that was executed earlier.
 *
 *     A read-modify-write reads the newest store, also a compare-and-swap that fails. Compare and
 *     swap does not fail spuriously (sley uses the strong one).
 *
 *     Accesses of different sizes to one shared word; consume; seq_cst loads and stores, which sley
 *     does not have.
 *
 *     The compiler: it could move relaxed accesses of the same thread over each other in ways that
 *     no stale read imitates.
 */
#include "memory.h"

#include "explore.h"
#include "pool.h"
#include "races.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>

struct store {
    struct store *older;
    uint64_t value;
    const char *where;
    bool carries;                     /* the two below are valid */
    struct clock seen;                /* when each thread first touched it; 0: not yet */
    struct clock ordered_of, seen_of; /* what it hands over to who acquires it */
};

struct knowledge known[CLOCKS]; /* of each thread; CLOCK_SC's: of the seq_cst fences */
static uint32_t execution;

void memory_reset(void)
{
    execution++;
    races_reset();
    memset(known, 0, sizeof known);
    known[CLOCK_MAIN].ordered.at[CLOCK_MAIN] = known[CLOCK_MAIN].seen.at[CLOCK_MAIN] = 1;
    pool_reset();
}

/* --- threads --- */

void memory_thread_start(unsigned thread, unsigned parent)
{
    known[thread].ordered = known[parent].ordered;
    known[thread].seen = known[parent].seen;
    known[thread].fenced = (struct clock){{0}};
    known[thread].pending = (struct clock){{0}};
    advance(thread);
    advance(parent);
}

void memory_thread_join(unsigned thread, unsigned ended)
{
    join(&known[thread].ordered, &known[ended].ordered);
    join(&known[thread].seen, &known[ended].seen);
}

/* --- locations --- */

uint64_t memory_get(const void *address, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, address, size);
    return value;
}

void memory_put(void *address, size_t size, uint64_t value)
{
    memcpy(address, &value, size);
}

/* The history begins with what is in memory, which everybody knows who may be here at all. */
static void begin_history(struct location *location)
{
    struct store *store = pool_take(sizeof *store);

    store->older = NULL;
    store->value = memory_get((const void *)location->address, location->size);
    store->where = "initial value";
    store->carries = false;
    store->seen = (struct clock){{0}};
    store->seen.at[CLOCK_MAIN] = 1;
    location->newest = store;
    location->begin_anew = false;
}

static struct location *find_location(struct cell *cell, uintptr_t address, size_t size)
{
    struct location *location;

    for (location = cell->locations; location; location = location->next)
        if (location->address == address && location->size == size)
            return location;
    location = pool_take(sizeof *location);
    memset(location, 0, sizeof *location);
    location->address = address;
    location->size = (uint8_t)size;
    location->next = cell->locations;
    cell->locations = location;
    begin_history(location);
    return location;
}

/* The location for an operation of `thread`, checked for races with plain accesses. */
static struct location *touch(unsigned thread, const void *address, size_t size, bool write,
                              const char *where)
{
    uintptr_t at = (uintptr_t)address;
    struct cell *cell = races_cell(at);
    struct location *location = find_location(cell, at, size);

    if (cell->whole || cell->bytes)
        races_check_atomic(thread, cell, at, size, write, where);
    /* The second: written by code that we do not see (assembly, the C library). */
    if (location->begin_anew || location->newest->value != memory_get(address, size))
        begin_history(location);
    location->where = where;
    location->accessed.at[thread] = now_of(thread);
    if (write)
        location->stored.at[thread] = now_of(thread);
    return location;
}

static bool knows(unsigned thread, const struct store *store)
{
    const struct clock *seen = &known[thread].seen;

    for (unsigned u = 0; u < CLOCKS; u++)
        if (store->seen.at[u] && store->seen.at[u] <= seen->at[u])
            return true;
    return false;
}

/* The thread has read `store`. */
static void take_over(unsigned thread, struct store *store, enum model_order order)
{
    struct knowledge *mine = &known[thread];

    if (!store->seen.at[thread])
        store->seen.at[thread] = now_of(thread);
    if (!store->carries)
        return;
    if (order & MODEL_ACQUIRE) {
        join(&mine->ordered, &store->ordered_of);
        join(&mine->seen, &store->seen_of);
    } else {
        join(&mine->pending, &store->seen_of);
    }
}

/* --- operations --- */

/* Which locations each thread has read a stale value of since it last relaxed. Few. */
enum { STALE_MAX = 16 };
static struct location *stale[CLOCKS][STALE_MAX];
static uint32_t stale_execution[CLOCKS];
static unsigned stale_count[CLOCKS];

static void note_stale(unsigned thread, struct location *location)
{
    if (stale_execution[thread] != execution)
        stale_count[thread] = 0;
    stale_execution[thread] = execution;
    if (stale_count[thread] < STALE_MAX)
        stale[thread][stale_count[thread]++] = location;
}

void memory_relax(unsigned thread)
{
    if (stale_execution[thread] != execution)
        return;
    for (unsigned i = 0; i < stale_count[thread]; i++) {
        struct store *store = stale[thread][i]->newest;

        if (!store->seen.at[thread])
            store->seen.at[thread] = now_of(thread);
    }
    stale_count[thread] = 0;
    advance(thread);
}

uint64_t memory_load(unsigned thread, const void *address, size_t size, enum model_order order,
                     const char *where)
{
    struct location *location = touch(thread, address, size, false, where);
    struct store *store = location->newest;
    unsigned choices = 1, choice;

    for (; store->older && !knows(thread, store); store = store->older)
        choices++;
    store = location->newest;
    choice = choices > 1 ? explore_stale(choices) : 0;
    if (choice) {
        note_stale(thread, location);
        trace_note(thread, "(the next reads an old value, %u stores behind 0x%llx by %s)", choice,
                   (unsigned long long)store->value, store->where);
    }
    while (choice--)
        store = store->older;
    take_over(thread, store, order);
    advance(thread);
    return store->value;
}

/* Puts a new store on top of the location's history. */
static struct store *add_store(unsigned thread, struct location *location, uint64_t value,
                               enum model_order order, const char *where)
{
    struct knowledge *mine = &known[thread];
    struct store *store = pool_take(sizeof *store);

    store->older = location->newest;
    store->where = where;
    store->seen = (struct clock){{0}};
    store->seen.at[thread] = now_of(thread);
    store->carries = true;
    if (order & MODEL_RELEASE) {
        store->ordered_of = mine->ordered;
        store->seen_of = mine->seen;
    } else {
        store->ordered_of = (struct clock){{0}};
        store->seen_of = mine->fenced;
    }
    location->newest = store;
    memory_put((void *)location->address, location->size, value);
    store->value = memory_get((const void *)location->address, location->size);
    return store;
}

void memory_store(unsigned thread, void *address, size_t size, uint64_t value,
                  enum model_order order, const char *where)
{
    struct location *location = touch(thread, address, size, true, where);

    add_store(thread, location, value, order, where);
    advance(thread);
}

uint64_t memory_newest(unsigned thread, const void *address, size_t size, const char *where)
{
    return touch(thread, address, size, false, where)->newest->value;
}

void memory_modify(unsigned thread, void *address, size_t size, uint64_t value,
                   enum model_order order, const char *where)
{
    struct location *location = touch(thread, address, size, true, where);
    struct store *before = location->newest, *store;

    take_over(thread, before, order);
    store = add_store(thread, location, value, order, where);
    if (before->carries) { /* the release sequence goes on */
        join(&store->ordered_of, &before->ordered_of);
        join(&store->seen_of, &before->seen_of);
    }
    if (order == MODEL_SEQ_CST) {
        uint32_t count = ++known[CLOCK_SC].seen.at[CLOCK_SC];

        store->seen.at[CLOCK_SC] = count;
    }
    advance(thread);
}

void memory_load_newest(unsigned thread, const void *address, size_t size, enum model_order order,
                        const char *where)
{
    struct location *location = touch(thread, address, size, false, where);

    take_over(thread, location->newest, order);
    advance(thread);
}

void memory_fence(unsigned thread, enum model_order order)
{
    struct knowledge *mine = &known[thread];

    if (order & MODEL_ACQUIRE)
        join(&mine->seen, &mine->pending);
    if (order == MODEL_SEQ_CST) {
        join(&mine->seen, &known[CLOCK_SC].seen);
        known[CLOCK_SC].seen = mine->seen;
    }
    if (order & MODEL_RELEASE)
        mine->fenced = mine->seen;
    advance(thread);
}
