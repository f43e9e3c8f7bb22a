/*
 * races.c: which accesses race: happens-before, by vector clocks.
 *
 * Per 8 bytes of memory there is a cell; in it, per access size, who wrote last and when each
 * thread read last. An access races if one of these is not within what its thread knows by
 * happens-before
 * (`ordered`). An access that is not of the cell's first size splits it into bytes. Atomic accesses
 * are checked against plain ones to the same bytes and the other way round; among themselves they
 * do not race. Idea and name of the per-variable clocks: FastTrack (Flanagan, Freund, 2009).
 *
 * Cells are found by hashing the address and keep the number of the execution they are of, so that
 * a new one forgets everything by counting up.
 */
#include "races.h"

#include "engine.h"
#include "memory.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

/* Plain accesses to some bytes. */
struct record {
    struct clock read;
    uint32_t write_at;
    uint8_t writer; /* CLOCKS: nobody */
    const void *write_pc, *read_pc;
};

static uint32_t execution;

/* The cells, open addressing; those of older executions count as empty. */
static struct cell *cells;
static size_t cell_count, cells_used;

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

struct cell *races_cell(uintptr_t address)
{
    uintptr_t granule = address >> 3;
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

void races_reset(void)
{
    execution++;
    if (!cells)
        rebuild_cells();
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
void races_check_atomic(unsigned thread, const struct cell *cell, uintptr_t address, size_t size,
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
    struct cell *cell = races_cell(address);
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
