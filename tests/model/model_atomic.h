/*
 * model_atomic.h: atomic.h for the model checker. Included by sched/atomic.h under SLEY_MODEL.
 *
 * Every operation becomes a call of the engine, with its order and where it stands in the source. A
 * shared word is declared as what it is, without _Atomic: the engine keeps the history of stores
 * beside it and the newest value in it. So a plain access to a shared word compiles here; the
 * engine sees it like any other plain access and reports it as a data race unless it is ordered.
 * (The production build does not let it pass unseen either: there it would be seq_cst.)
 *
 * There are more names than in atomic.h: those that a mutant needs, which weakens one order by one
 * step. They are complete: every read-modify-write in every order.
 */
#ifndef SLEY_MODEL_ATOMIC_H
#define SLEY_MODEL_ATOMIC_H

#include "base.h"

#define atomic(T) T

enum model_order {
    MODEL_RELAXED = 0,
    MODEL_ACQUIRE = 1,
    MODEL_RELEASE = 2,
    MODEL_ACQ_REL = 3, /* MODEL_ACQUIRE | MODEL_RELEASE */
    MODEL_SEQ_CST = 7, /* and more */
};

enum model_operation {
    MODEL_EXCHANGE,
    MODEL_ADD,
    MODEL_SUB,
    MODEL_OR,
    MODEL_AND,
};

/* The engine's side: engine.c. `where`: "file:line: operation(expression)". */
uint64_t model_load(const void *address, size_t size, enum model_order order, const char *where);
void model_store(void *address, size_t size, uint64_t value, enum model_order order,
                 const char *where);
uint64_t model_modify(void *address, size_t size, enum model_operation operation, uint64_t value,
                      enum model_order order, const char *where);
bool model_cas(void *address, size_t size, void *expected, uint64_t desired, enum model_order order,
               const char *where);
void model_fence(enum model_order order, const char *where);
void model_fence_light(const char *where);
void model_fence_heavy(const char *where);
void model_relax(const char *where);

#define MODEL__TEXT_(x) #x
#define MODEL__TEXT(x)  MODEL__TEXT_(x)
#define MODEL__AT(what) __FILE__ ":" MODEL__TEXT(__LINE__) ": " what
#define MODEL__WORD(v)  ((uint64_t)(uintptr_t)(v))
#define MODEL__AS(p, v) ((__typeof__(*(p)))(uintptr_t)(v))

#define MODEL__LOAD(p, order, text) \
    MODEL__AS(p, model_load((p), sizeof *(p), (order), MODEL__AT(text)))
#define load_relaxed(p) MODEL__LOAD(p, MODEL_RELAXED, "load_relaxed(" #p ")")
#define load_acquire(p) MODEL__LOAD(p, MODEL_ACQUIRE, "load_acquire(" #p ")")

#define MODEL__STORE(p, v, order, text) \
    model_store((p), sizeof *(p), MODEL__WORD(v), (order), MODEL__AT(text))
#define store_relaxed(p, v) MODEL__STORE(p, v, MODEL_RELAXED, "store_relaxed(" #p ")")
#define store_release(p, v) MODEL__STORE(p, v, MODEL_RELEASE, "store_release(" #p ")")

/* The braces: its value may be left unused without a warning. */
#define MODEL__MODIFY(p, op, v, order, text)                                                       \
    ({                                                                                             \
        MODEL__AS(p,                                                                               \
                  model_modify((p), sizeof *(p), (op), MODEL__WORD(v), (order), MODEL__AT(text))); \
    })

#define exchange_relaxed(p, v) \
    MODEL__MODIFY(p, MODEL_EXCHANGE, v, MODEL_RELAXED, "exchange_relaxed(" #p ")")
#define exchange_acquire(p, v) \
    MODEL__MODIFY(p, MODEL_EXCHANGE, v, MODEL_ACQUIRE, "exchange_acquire(" #p ")")
#define exchange_release(p, v) \
    MODEL__MODIFY(p, MODEL_EXCHANGE, v, MODEL_RELEASE, "exchange_release(" #p ")")
#define exchange_acq_rel(p, v) \
    MODEL__MODIFY(p, MODEL_EXCHANGE, v, MODEL_ACQ_REL, "exchange_acq_rel(" #p ")")
#define exchange_seq_cst(p, v) \
    MODEL__MODIFY(p, MODEL_EXCHANGE, v, MODEL_SEQ_CST, "exchange_seq_cst(" #p ")")

#define fetch_add_relaxed(p, v) \
    MODEL__MODIFY(p, MODEL_ADD, v, MODEL_RELAXED, "fetch_add_relaxed(" #p ")")
#define fetch_add_acquire(p, v) \
    MODEL__MODIFY(p, MODEL_ADD, v, MODEL_ACQUIRE, "fetch_add_acquire(" #p ")")
#define fetch_add_release(p, v) \
    MODEL__MODIFY(p, MODEL_ADD, v, MODEL_RELEASE, "fetch_add_release(" #p ")")
#define fetch_add_acq_rel(p, v) \
    MODEL__MODIFY(p, MODEL_ADD, v, MODEL_ACQ_REL, "fetch_add_acq_rel(" #p ")")
#define fetch_add_seq_cst(p, v) \
    MODEL__MODIFY(p, MODEL_ADD, v, MODEL_SEQ_CST, "fetch_add_seq_cst(" #p ")")

#define fetch_sub_relaxed(p, v) \
    MODEL__MODIFY(p, MODEL_SUB, v, MODEL_RELAXED, "fetch_sub_relaxed(" #p ")")
#define fetch_sub_acquire(p, v) \
    MODEL__MODIFY(p, MODEL_SUB, v, MODEL_ACQUIRE, "fetch_sub_acquire(" #p ")")
#define fetch_sub_release(p, v) \
    MODEL__MODIFY(p, MODEL_SUB, v, MODEL_RELEASE, "fetch_sub_release(" #p ")")
#define fetch_sub_acq_rel(p, v) \
    MODEL__MODIFY(p, MODEL_SUB, v, MODEL_ACQ_REL, "fetch_sub_acq_rel(" #p ")")
#define fetch_sub_seq_cst(p, v) \
    MODEL__MODIFY(p, MODEL_SUB, v, MODEL_SEQ_CST, "fetch_sub_seq_cst(" #p ")")

#define fetch_or_relaxed(p, v) \
    MODEL__MODIFY(p, MODEL_OR, v, MODEL_RELAXED, "fetch_or_relaxed(" #p ")")
#define fetch_or_acquire(p, v) \
    MODEL__MODIFY(p, MODEL_OR, v, MODEL_ACQUIRE, "fetch_or_acquire(" #p ")")
#define fetch_or_release(p, v) \
    MODEL__MODIFY(p, MODEL_OR, v, MODEL_RELEASE, "fetch_or_release(" #p ")")
#define fetch_or_acq_rel(p, v) \
    MODEL__MODIFY(p, MODEL_OR, v, MODEL_ACQ_REL, "fetch_or_acq_rel(" #p ")")
#define fetch_or_seq_cst(p, v) \
    MODEL__MODIFY(p, MODEL_OR, v, MODEL_SEQ_CST, "fetch_or_seq_cst(" #p ")")

#define fetch_and_relaxed(p, v) \
    MODEL__MODIFY(p, MODEL_AND, v, MODEL_RELAXED, "fetch_and_relaxed(" #p ")")
#define fetch_and_acquire(p, v) \
    MODEL__MODIFY(p, MODEL_AND, v, MODEL_ACQUIRE, "fetch_and_acquire(" #p ")")
#define fetch_and_release(p, v) \
    MODEL__MODIFY(p, MODEL_AND, v, MODEL_RELEASE, "fetch_and_release(" #p ")")
#define fetch_and_acq_rel(p, v) \
    MODEL__MODIFY(p, MODEL_AND, v, MODEL_ACQ_REL, "fetch_and_acq_rel(" #p ")")
#define fetch_and_seq_cst(p, v) \
    MODEL__MODIFY(p, MODEL_AND, v, MODEL_SEQ_CST, "fetch_and_seq_cst(" #p ")")

/* A failed one is a load in the load half of the order. */
#define MODEL__CAS(p, expected, desired, order, text) \
    model_cas((p), sizeof *(p), (expected), MODEL__WORD(desired), (order), MODEL__AT(text))
#define cas_relaxed(p, e, d) MODEL__CAS(p, e, d, MODEL_RELAXED, "cas_relaxed(" #p ")")
#define cas_acquire(p, e, d) MODEL__CAS(p, e, d, MODEL_ACQUIRE, "cas_acquire(" #p ")")
#define cas_release(p, e, d) MODEL__CAS(p, e, d, MODEL_RELEASE, "cas_release(" #p ")")
#define cas_acq_rel(p, e, d) MODEL__CAS(p, e, d, MODEL_ACQ_REL, "cas_acq_rel(" #p ")")
#define cas_seq_cst(p, e, d) MODEL__CAS(p, e, d, MODEL_SEQ_CST, "cas_seq_cst(" #p ")")

#define fence_acquire()      model_fence(MODEL_ACQUIRE, MODEL__AT("fence_acquire()"))
#define fence_release()      model_fence(MODEL_RELEASE, MODEL__AT("fence_release()"))
#define fence_acq_rel()      model_fence(MODEL_ACQ_REL, MODEL__AT("fence_acq_rel()"))
#define fence_seq_cst()      model_fence(MODEL_SEQ_CST, MODEL__AT("fence_seq_cst()"))
#define fence_light()        model_fence_light(MODEL__AT("fence_light()"))
#define fence_heavy()        model_fence_heavy(MODEL__AT("fence_heavy()"))
#define cpu_relax()          model_relax(MODEL__AT("cpu_relax()"))

#endif
