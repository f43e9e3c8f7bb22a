/*
 * operations.c: what model_atomic.h turns atomic operations into.
 *
 * Each is a decision point, then the operation on the memory model, then a step for the trace; no
 * other thread runs between the last two. Outside of the threads (setup, verify) it is the plain
 * operation on memory.
 */
#include "engine.h"
#include "heap.h"
#include "memory.h"
#include "trace.h"

#include <stdlib.h>

static void check_alive(const void *address, size_t size, const char *where)
{
    if (unlikely(heap_is_freed(address, size)))
        engine_fail("%s: %p has been given back", where, address);
}

uint64_t model_load(const void *address, size_t size, enum model_order order, const char *where)
{
    uint64_t value;

    check_alive(address, size, where);
    if (!engine_watching())
        return memory_get(address, size);
    engine_point(where, STEP_LOAD, address);
    value = memory_load(engine_thread(), address, size, order, where);
    engine_stepped(where, address, size, value, false);
    return value;
}

void model_store(void *address, size_t size, uint64_t value, enum model_order order,
                 const char *where)
{
    check_alive(address, size, where);
    if (!engine_watching()) {
        memory_put(address, size, value);
        return;
    }
    engine_point(where, STEP_STORE, address);
    memory_store(engine_thread(), address, size, value, order, where);
    engine_stepped(where, address, size, value, true);
}

static uint64_t apply(enum model_operation operation, uint64_t old, uint64_t value)
{
    switch (operation) {
    case MODEL_EXCHANGE:
        return value;
    case MODEL_ADD:
        return old + value;
    case MODEL_SUB:
        return old - value;
    case MODEL_OR:
        return old | value;
    case MODEL_AND:
        return old & value;
    }
    abort();
}

static enum step_kind step_of(enum model_order order)
{
    return order == MODEL_SEQ_CST ? STEP_STORE_SEQ_CST : STEP_STORE;
}

uint64_t model_modify(void *address, size_t size, enum model_operation operation, uint64_t value,
                      enum model_order order, const char *where)
{
    uint64_t old;

    check_alive(address, size, where);
    if (!engine_watching()) {
        old = memory_get(address, size);
        memory_put(address, size, apply(operation, old, value));
        return old;
    }
    engine_point(where, step_of(order), address);
    old = memory_newest(engine_thread(), address, size, where);
    value = apply(operation, old, value);
    memory_modify(engine_thread(), address, size, value, order, where);
    engine_stepped(where, address, size, value, true);
    return old;
}

bool model_cas(void *address, size_t size, void *expected, uint64_t desired, enum model_order order,
               const char *where)
{
    uint64_t old, wanted = memory_get(expected, size);

    check_alive(address, size, where);
    engine_point(where, step_of(order), address);
    old = engine_watching() ? memory_newest(engine_thread(), address, size, where)
                            : memory_get(address, size);
    if (old != wanted) {
        if (engine_watching())
            memory_load_newest(engine_thread(), address, size, order, where);
        memory_put(expected, size, old);
        engine_stepped(where, address, size, old, false);
        trace_note(engine_thread(), "(fails)");
        return false;
    }
    if (engine_watching())
        memory_modify(engine_thread(), address, size, desired, order, where);
    else
        memory_put(address, size, desired);
    engine_stepped(where, address, size, desired, true);
    return true;
}

void model_fence(enum model_order order, const char *where)
{
    if (!engine_watching())
        return;
    engine_point(where, order == MODEL_SEQ_CST ? STEP_FENCE_SEQ_CST : STEP_LOCAL, NULL);
    memory_fence(engine_thread(), order);
    engine_stepped(where, NULL, 0, 0, false);
}

void model_fence_light(const char *where)
{
    engine_note_fences();
    if (!engine_subject()->asymmetric)
        model_fence(MODEL_SEQ_CST, where);
}

/* The caller's fence, one of every other thread at some point of it before this returns, and the
 * caller's again. That of a thread which cannot run meanwhile needs no point of its own. */
void model_fence_heavy(const char *where)
{
    engine_note_fences();
    model_fence(MODEL_SEQ_CST, where);
    if (!engine_subject()->asymmetric || !engine_watching())
        return;
    for (unsigned t = 0; t < engine_threads(); t++) {
        if (t == engine_thread())
            continue;
        if (engine_can_run(t))
            engine_point(where, STEP_ANY, NULL);
        engine_disturb();
        memory_fence(t, MODEL_SEQ_CST);
        trace_note(engine_thread(), "(membarrier: fence of T%u)", t);
    }
    model_fence(MODEL_SEQ_CST, where);
}

void model_relax(const char *where)
{
    engine_yield(where);
}
