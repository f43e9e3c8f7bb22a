/*
 * weaken.c: a model program in which one memory order is weaker than the source says; and which
 * notes what operations each model reaches.
 *
 * A mutant of an order differs from the original in one argument of one call of the engine. So it
 * needs no compilation of its own: every such call goes through here (the linker's --wrap), and
 * the one that is meant gets the other order. One program serves hundreds of mutants, and a mutant
 * costs only the time that a model needs to fail. An operation is known by what the engine knows of
 * it: "file:line: operation(expression)".
 *
 * Told by the environment, since the command line is the model checker's:
 *   MODEL_WEAKEN     the operation
 *   MODEL_WEAKEN_TO  relaxed, acquire, release, acq_rel, seq_cst, or nothing: a fence that is not
 *                    there. fence_heavy with seq_cst is a fence_seq_cst.
 *   MODEL_REACHED    a file: for each model a line "model<tab>operation" per operation that it has
 *                    executed in its threads
 *
 * An operation that was to be weakened and is in no source is not noticed here: mutants.py takes
 * its names from this very program.
 */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_BITS = 14,
    TABLE_SIZE = 1 << TABLE_BITS,
    NOTHING = 100, /* the order of a fence that is not there */
    AS_WRITTEN,
};

/* Operations by the addresses of their names; the same name may have several addresses. Those who
 * only weaken know one model, NULL. */
struct entry {
    const char *where;
    const struct model *model;
    bool weakened;
};

static struct entry table[TABLE_SIZE];
static unsigned used;

static const char *target, *reached;
static unsigned target_order;

static unsigned parse_order(const char *name)
{
    static const struct {
        const char *name;
        unsigned order;
    } orders[] = {
        {"relaxed", MODEL_RELAXED}, {"acquire", MODEL_ACQUIRE}, {"release", MODEL_RELEASE},
        {"acq_rel", MODEL_ACQ_REL}, {"seq_cst", MODEL_SEQ_CST}, {"nothing", NOTHING},
    };

    for (unsigned i = 0; name && i < ARRAY_LENGTH(orders); i++)
        if (strcmp(name, orders[i].name) == 0)
            return orders[i].order;
    fprintf(stderr, "weaken: MODEL_WEAKEN_TO is not an order\n");
    exit(2);
}

__attribute__((constructor)) static void read_environment(void)
{
    reached = getenv("MODEL_REACHED");
    target = getenv("MODEL_WEAKEN");
    if (target)
        target_order = parse_order(getenv("MODEL_WEAKEN_TO"));
}

/* Written last: what was reached is known then. */
__attribute__((destructor)) static void write_reached(void)
{
    FILE *file = reached ? fopen(reached, "w") : NULL;

    if (!file)
        return;
    for (unsigned i = 0; i < TABLE_SIZE; i++)
        if (table[i].model)
            fprintf(file, "%s\t%s\n", table[i].model->name, table[i].where);
    if (fclose(file) != 0)
        abort(); /* half a list would look like a whole one */
}

static struct entry *find(const char *where, const struct model *model)
{
    uint64_t key = (uint64_t)(uintptr_t)where * 31 + (uint64_t)(uintptr_t)model;
    unsigned i = (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TABLE_BITS));

    for (; table[i].where; i = (i + 1) % TABLE_SIZE)
        if (table[i].where == where && table[i].model == model)
            return &table[i];
    if (++used > TABLE_SIZE / 2) {
        fprintf(stderr, "weaken: TABLE_BITS is too small\n");
        exit(2);
    }
    table[i].where = where;
    table[i].model = model;
    table[i].weakened = target && strcmp(where, target) == 0;
    return &table[i];
}

/* The order that the operation is to have. */
static unsigned order_of(const char *where, unsigned order)
{
    const struct model *model = NULL;

    if (!engine_watching())
        return order;
    if (reached)
        model = engine_subject()->model;
    return find(where, model)->weakened ? target_order : order;
}

/* --- the engine's calls ---------------------------------------------------------------------- */

#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

uint64_t REAL(model_load)(const void *, size_t, enum model_order, const char *);
uint64_t WRAP(model_load)(const void *, size_t, enum model_order, const char *);
uint64_t WRAP(model_load)(const void *address, size_t size, enum model_order order,
                          const char *where)
{
    return REAL(model_load)(address, size, order_of(where, order), where);
}

void REAL(model_store)(void *, size_t, uint64_t, enum model_order, const char *);
void WRAP(model_store)(void *, size_t, uint64_t, enum model_order, const char *);
void WRAP(model_store)(void *address, size_t size, uint64_t value, enum model_order order,
                       const char *where)
{
    REAL(model_store)(address, size, value, order_of(where, order), where);
}

uint64_t REAL(model_modify)(void *, size_t, enum model_operation, uint64_t, enum model_order,
                            const char *);
uint64_t WRAP(model_modify)(void *, size_t, enum model_operation, uint64_t, enum model_order,
                            const char *);
uint64_t WRAP(model_modify)(void *address, size_t size, enum model_operation operation,
                            uint64_t value, enum model_order order, const char *where)
{
    return REAL(model_modify)(address, size, operation, value, order_of(where, order), where);
}

bool REAL(model_cas)(void *, size_t, void *, uint64_t, enum model_order, const char *);
bool WRAP(model_cas)(void *, size_t, void *, uint64_t, enum model_order, const char *);
bool WRAP(model_cas)(void *address, size_t size, void *expected, uint64_t desired,
                     enum model_order order, const char *where)
{
    return REAL(model_cas)(address, size, expected, desired, order_of(where, order), where);
}

void REAL(model_fence)(enum model_order, const char *);
void WRAP(model_fence)(enum model_order, const char *);
void WRAP(model_fence)(enum model_order order, const char *where)
{
    unsigned wanted = order_of(where, order);

    if (wanted != NOTHING)
        REAL(model_fence)(wanted, where);
}

/* One that is gone is a fence all the same for the question whether a model has any: both ways of
 * fences are explored. */
void REAL(model_fence_light)(const char *);
void WRAP(model_fence_light)(const char *);
void WRAP(model_fence_light)(const char *where)
{
    if (order_of(where, AS_WRITTEN) == AS_WRITTEN)
        REAL(model_fence_light)(where);
    else
        engine_note_fences();
}

void REAL(model_fence_heavy)(const char *);
void WRAP(model_fence_heavy)(const char *);
void WRAP(model_fence_heavy)(const char *where)
{
    unsigned wanted = order_of(where, AS_WRITTEN);

    if (wanted == AS_WRITTEN) {
        REAL(model_fence_heavy)(where);
        return;
    }
    engine_note_fences();
    if (wanted != NOTHING)
        REAL(model_fence)(wanted, where);
}
