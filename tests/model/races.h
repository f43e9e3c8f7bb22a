/*
 * races.h: which accesses race. Inside the model checker.
 */
#ifndef SLEY_MODEL_RACES_H
#define SLEY_MODEL_RACES_H

#include "clocks.h"

struct store;

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

/* Eight bytes of memory. */
struct cell {
    uintptr_t granule; /* address / 8; 0: empty */
    uint32_t execution;
    uint8_t mask; /* which bytes `whole` is about; 0: split, `bytes` counts */
    struct location *locations;
    struct record *whole;
    struct record **bytes; /* 8, each may be NULL */
};

/* A new execution. */
void races_reset(void);

/* The cell of an address; good until the next call. */
struct cell *races_cell(uintptr_t address);

/* An atomic access of the running thread against the plain ones of the same bytes. */
void races_check_atomic(unsigned thread, const struct cell *cell, uintptr_t address, size_t size,
                        bool write, const char *where);

#endif
