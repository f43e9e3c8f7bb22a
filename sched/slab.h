/*
 * slab.h: address space for stacks, cut into places. Level 1, for stack.c only.
 *
 * A slab is one mapping that holds `count` places of one class. A place is known by its number; its
 * low end is the guard, its high end the header (struct sley__stack). It is uncut (nothing there),
 * live (its header is written) or bare (cut once, its pages given back).
 */
#ifndef SLEY_SLAB_H
#define SLEY_SLAB_H

#include "stack.h"

#ifdef SLEY_HOSTILE
enum { SLEY__BATCH_MAX = 2 };
#else
/* Places cut or given back at once: their ranges are 512 bytes on the caller's stack, which is
 * often one page. */
enum { SLEY__BATCH_MAX = 32 };
#endif

struct sley__stack_slab {
    struct sley__stack_slab *next;       /* in the pool's list; constant once published */
    struct sley__stack_slab *next_ready; /* in its level's list. Pool's lock */
    char *base;                          /* constant, as are the next three */
    size_t stride;                       /* bytes of a place */
    uint32_t count;                      /* places */
    uint8_t class;
    bool in_ready;        /* it is on its level's list. Pool's lock */
    atomic(uint32_t) cut; /* places below this number are live or bare. Written with the lock;
                             read relaxed by the look-ups: the headers tell them the rest */
    atomic(uint32_t)
        mprotected;      /* guards made by mprotect, to be forgotten with the slab. Relaxed */
    uint32_t bare_count; /* in bare[]. Pool's lock */
    uint32_t bare[];     /* numbers of the bare places, marked as in a cut. Pool's lock */
};

/* Places of one slab on their way: out of it by number, with the lock; then, without it, the system
 * calls. */
struct sley__cut {
    struct sley__stack_slab *slab;
    unsigned count;
    bool fresh;                       /* they have never had guards */
    uint32_t number[SLEY__BATCH_MAX]; /* SLEY__CANARY_BIT in those that have no guard */
};

#define SLEY__CANARY_BIT (UINT32_C(1) << 31)

/* A slab of `count` places, NULL without memory. Its caller publishes it. */
struct sley__stack_slab *sley__slab_new(int class, uint32_t count);
void sley__slab_free(struct sley__stack_slab *slab);

/* Takes up to `wanted` places out of the slab: bare ones, else uncut ones. Pool's lock. */
void sley__slab_take(struct sley__stack_slab *slab, unsigned wanted, struct sley__cut *cut);

/* True if there is none left to take. Pool's lock. */
bool sley__slab_spent(const struct sley__stack_slab *slab);

/* Puts bare places back. Pool's lock. */
void sley__slab_put(const struct sley__cut *cut);

/* Gives the places of a cut what a stack needs: guards if they are fresh, pages, headers. False if
 * there are no guards. Without the lock, as are the rest: the places are the caller's. */
bool sley__slab_furnish(struct sley__cut *cut);

/* The opposite: takes the pages of places out of the chain of stacks, as many of its first ones as
 * are of one slab and fit into *cut. Returns the rest of the chain. */
struct sley__stack *sley__slab_strip(const struct sley__stack_pool *pool, struct sley__stack *chain,
                                     struct sley__cut *cut);

/* The header of the i-th place of a cut. */
struct sley__stack *sley__slab_header(const struct sley__cut *cut, unsigned i);

#endif
