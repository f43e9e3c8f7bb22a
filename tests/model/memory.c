/*
 * memory.c: the memory model. Which stores a load may read, and which accesses race.
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
 * Plain memory. Per 8 bytes a cell; in it, per access size, who wrote last and when each thread
 * read last. An access races if one of these is not within `ordered`. An access that is not of the
 * cell's first size splits it into bytes. A plain write to a shared word that is properly ordered
 * begins its history anew (initialisation); one that is not is a race with it.
 *
 * What is not modelled, that is, what a bug could hide behind:
 *  - Stores happen in program order, and modification order is execution order. So load buffering
 *    (a load that reads from the future) and 2+2W's weak outcome are not produced; nothing is out
 * of thin air. What store buffers and the reordering of loads do is there, as stale reads.
 *  - A read-modify-write reads the newest store, also a compare-and-swap that fails. Compare and
 *    swap does not fail spuriously (sley uses the strong one).
 *  - Accesses of different sizes to one shared word; consume; seq_cst loads and stores, which sley
 *    does not have.
 *  - The compiler: it could move relaxed accesses of the same thread over each other in ways that
 * no stale read imitates.
 */
#include "memory.h"

#include "engine.h"
#include "explore.h"
#include "pool.h"
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

/* A shared word. */
struct location {
    struct location *next; /* in the cell */
    struct store *newest;
    uintptr_t address;
    const char *where;             /* of the last access */
    struct clock accessed, stored; /* when each thread last did: for races with plain accesses */
    uint8_t size;
    bool begin_anew; /* written plainly since */
};

/* Plain accesses to some bytes. */
struct record {
    struct clock read;
    uint32_t write_at;
    uint8_t writer; /* CLOCKS: nobody */
    const void *write_pc, *read_pc;
};

/* Eight bytes of memory. */
struct cell {
    uintptr_t granule; /* address / 8; 0: empty */
    uint32_t execution;
    uint8_t mask; /* which bytes `whole` is about; 0: split, `bytes` counts */
    struct location *locations;
    struct record *whole;
    struct record **bytes; /* 8, each may be NULL */
};

static struct knowledge known[CLOCKS]; /* of each thread; CLOCK_SC's: of the seq_cst fences */
static uint32_t execution;

/* The cells, open addressing; those of older executions count as empty. */
static struct cell *cells;
static size_t cell_count, cells_used;

/* --- clocks --- */

static inline void join(struct clock *into, const struct clock *other)
{
    for (unsigned i = 0; i < CLOCKS; i++)
        into->at[i] = into->at[i] > other->at[i] ? into->at[i] : other->at[i];
}

/* The thread's time goes on: what it does now is not covered by what it has handed over. */
static inline void advance(unsigned thread)
{
    uint32_t now = ++known[thread].ordered.at[thread];

    known[thread].seen.at[thread] = now;
}

static inline uint32_t now_of(unsigned thread)
{
    return known[thread].ordered.at[thread];
}

/* --- cells --- */

static size_t hash(uintptr_t granule)
{
    return (size_t)(granule * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cell_count - 1);
}

static struct cell *find_cell(uintptr_t granule)
{
    size_t i = hash(granule);

    while (cells[i].granule && cells[i].granule != granule)
        i = (i + 1) & (cell_count - 1);
    return &cells[i];
}

/* Makes room: drops what is of older executions, and doubles if that does not help. */
static void rebuild_cells(void)
{
    struct cell *old = cells;
    size_t old_count = cell_count, live = 0;

    for (size_t i = 0; i < old_count; i++)
        live += old[i].granule && old[i].execution == execution;
    cell_count = live * 4 > old_count ? old_count * 2 : old_count ? old_count : 1 << 14;
    cells = calloc(cell_count, sizeof *cells);
    cells_used = live;
    if (!cells)
        abort();
    for (size_t i = 0; i < old_count; i++)
        if (old[i].granule && old[i].execution == execution)
            *find_cell(old[i].granule) = old[i];
    free(old);
}

static struct cell *cell_at(uintptr_t granule)
{
    struct cell *cell = find_cell(granule);

    if (cell->granule && cell->execution == execution)
        return cell;
    if (!cell->granule) {
        if (++cells_used * 2 > cell_count) {
            rebuild_cells();
            cells_used++;
            cell = find_cell(granule);
        }
    }
    *cell = (struct cell){.granule = granule, .execution = execution};
    return cell;
}

void memory_reset(void)
{
    execution++;
    if (!cells)
        rebuild_cells();
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

/* --- races --- */

/* The first thread whose time in `done` is not within what `thread` knows; CLOCKS: none. */
static unsigned unordered(unsigned thread, const struct clock *done)
{
    const struct clock *ordered = &known[thread].ordered;

    for (unsigned u = 0; u < CLOCKS; u++)
        if (done->at[u] > ordered->at[u])
            return u;
    return CLOCKS;
}

static void check_plain(unsigned thread, const struct record *record, bool write, uintptr_t address,
                        const struct access *access)
{
    unsigned other = record->writer;

    if (other != CLOCKS && record->write_at > known[thread].ordered.at[other])
        engine_race(address, access, &(struct access){other, true, NULL, record->write_pc});
    if (!write)
        return;
    other = unordered(thread, &record->read);
    if (other != CLOCKS)
        engine_race(address, access, &(struct access){other, false, NULL, record->read_pc});
}

/* An atomic access against the plain ones of the same bytes. */
static void check_atomic(unsigned thread, struct cell *cell, uintptr_t address, size_t size,
                         bool write, const char *where)
{
    struct access access = {thread, write, where, NULL};
    unsigned from = address & 7;
    unsigned mask = ((1u << size) - 1) << from;

    if (cell->whole && (cell->mask & mask))
        check_plain(thread, cell->whole, write, address, &access);
    if (!cell->bytes)
        return;
    for (unsigned i = from; i < from + size; i++)
        if (cell->bytes[i])
            check_plain(thread, cell->bytes[i], write, address, &access);
}

static struct record *new_record(void)
{
    struct record *record = pool_take(sizeof *record);

    memset(record, 0, sizeof *record);
    record->writer = CLOCKS;
    return record;
}

/* From now on each byte of the cell has a record of its own. */
static void split(struct cell *cell)
{
    cell->bytes = pool_take(8 * sizeof *cell->bytes);
    for (unsigned i = 0; i < 8; i++) {
        cell->bytes[i] = NULL;
        if (cell->whole && (cell->mask >> i & 1)) {
            cell->bytes[i] = new_record();
            *cell->bytes[i] = *cell->whole;
        }
    }
    cell->whole = NULL;
    cell->mask = 0;
}

static void note_plain(unsigned thread, struct record *record, bool write, uintptr_t address,
                       const void *pc)
{
    check_plain(thread, record, write, address, &(struct access){thread, write, NULL, pc});
    if (write) {
        record->writer = (uint8_t)thread;
        record->write_at = now_of(thread);
        record->write_pc = pc;
    } else {
        record->read.at[thread] = now_of(thread);
        record->read_pc = pc;
    }
}

/* A plain access against the atomic ones to the words in the same bytes. */
static void check_locations(unsigned thread, struct cell *cell, uintptr_t address, size_t size,
                            bool write, const void *pc)
{
    struct access access = {thread, write, NULL, pc};
    struct location *location;

    for (location = cell->locations; location; location = location->next) {
        unsigned other;

        if (location->address >= address + size || location->address + location->size <= address)
            continue;
        other = unordered(thread, write ? &location->accessed : &location->stored);
        if (other != CLOCKS)
            engine_race(address, &access, &(struct access){other, true, location->where, NULL});
        if (write)
            location->begin_anew = true;
    }
}

/* Within one cell. */
static void plain_in_cell(unsigned thread, uintptr_t address, size_t size, bool write,
                          const void *pc)
{
    struct cell *cell = cell_at(address >> 3);
    unsigned from = address & 7, mask = ((1u << size) - 1) << from;

    if (unlikely(cell->locations))
        check_locations(thread, cell, address, size, write, pc);
    if (!cell->bytes && !cell->whole) {
        cell->whole = new_record();
        cell->mask = (uint8_t)mask;
    }
    if (cell->whole && cell->mask == mask) {
        note_plain(thread, cell->whole, write, address, pc);
        return;
    }
    if (!cell->bytes)
        split(cell);
    for (unsigned i = from; i < from + size; i++) {
        if (!cell->bytes[i])
            cell->bytes[i] = new_record();
        note_plain(thread, cell->bytes[i], write, address, pc);
    }
}

void memory_plain(unsigned thread, const void *address, size_t size, bool write, const void *pc)
{
    uintptr_t at = (uintptr_t)address, end = at + size;

    while (at < end) {
        uintptr_t next = (at | 7) + 1;
        size_t part = (next < end ? next : end) - at;

        plain_in_cell(thread, at, part, write, pc);
        at += part;
    }
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
    struct cell *cell = cell_at(at >> 3);
    struct location *location = find_location(cell, at, size);

    if (cell->whole || cell->bytes)
        check_atomic(thread, cell, at, size, write, where);
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
