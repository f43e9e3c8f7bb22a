/*
 * slab.c: address space for stacks. Level 1.
 *
 * One NORESERVE mapping per slab, huge pages forbidden: with them the one page that most stacks
 * touch would be 2 MiB. The guards are regions inside the mapping where the kernel has those, so a
 * slab stays one mapping however many stacks it has.
 *
 * A place without stack is only a number: uncut places are those from `cut` on, bare ones are in an
 * array beside the slab (four bytes per place, touched when used). Rejected: chaining bare places
 * through their own memory; then the header's page, the only one that most stacks ever touch, could
 * never be given back.
 *
 * Furnishing is system calls in batches. What it costs per place of 64 KiB, in CPU time, with one
 * thread or two at it: guard 0.87 us (1.3 by a call each; a smaller guard costs the same), page 2.7
 * us (2.85 by the fault of the first touch, which is why it is asked for ahead), header 0.05 us.
 * The list of places is made with the lock, everything else without.
 *
 * When the guards of a batch cannot be made (an old kernel whose budget of mappings is spent, or no
 * kernel memory), its places are marked with SLEY__CANARY_BIT for good. A place has a guard or has
 * not: the check of canaries reads what would be the guard, and would fault on a real one.
 *
 * The look-ups serve the handler of a fault on any thread. They take no lock: the list of slabs
 * only grows while tasks run, geometry is constant, and the header of a place that is not live
 * reads as zeroes.
 */
#include "slab.h"

#include "platform.h"

#include <stdlib.h>

enum {
    PAGE = 4096,
    HEADER = 128, /* at the top of each place; two lines */
    COLOURS = 14, /* header and colour take 960 bytes at most of the top page */
    CANARY = 512, /* bytes below `low` that are looked at */
};

_Static_assert(sizeof(struct sley__stack) <= HEADER, "the header grew out of its place");

/* --- geometry: pure functions --- */

static const size_t class_sizes[SLEY__STACK_CLASSES] = {
    [SLEY__STACK_16K] = 16 * 1024,
    [SLEY__STACK_64K] = 64 * 1024,
    [SLEY__STACK_256K] = 256 * 1024,
    [SLEY__STACK_1M] = 1024 * 1024,
};

int sley__stack_class(size_t size)
{
    if (size == 0)
        return SLEY__STACK_64K;
    for (int i = 0; i < SLEY__STACK_CLASSES; i++)
        if (size <= class_sizes[i])
            return i;
    return -1;
}

size_t sley__stack_class_size(int class)
{
    return class_sizes[class];
}

/* 16 KiB stops a frame of 20,000 bytes even where it was not compiled with
 * -fstack-clash-protection; the smallest class cannot afford it. */
static size_t guard_size(int class)
{
    return class == SLEY__STACK_16K ? PAGE : 4 * PAGE;
}

static size_t slab_bytes(const struct sley__stack_slab *slab)
{
    return slab->count * slab->stride;
}

static char *place(const struct sley__stack_slab *slab, uint32_t number)
{
    return slab->base + (number & ~SLEY__CANARY_BIT) * slab->stride;
}

static struct sley__stack *header(const struct sley__stack_slab *slab, uint32_t number)
{
    return (struct sley__stack *)(void *)(place(slab, number) + slab->stride - HEADER);
}

struct sley__stack *sley__slab_header(const struct sley__cut *cut, unsigned i)
{
    return header(cut->slab, cut->number[i]);
}

static uint32_t number_of(const struct sley__stack_slab *slab, const void *address)
{
    return (uint32_t)((size_t)((const char *)address - slab->base) / slab->stride);
}

/* --- slabs --- */

struct sley__stack_slab *sley__slab_new(int class, uint32_t count)
{
    struct sley__stack_slab *slab = malloc(sizeof *slab + count * sizeof slab->bare[0]);

    if (!slab)
        return NULL;
    *slab = (struct sley__stack_slab){.stride = class_sizes[class], .count = count};
    slab->class = (uint8_t) class;
    slab->base = sley__map(slab_bytes(slab), slab->stride, false);
    if (!slab->base) {
        free(slab);
        return NULL;
    }
    return slab;
}

#ifdef SLEY_TOOLS
/* Tells the tools that the slab's stacks go. */
static void forget_fibers(const struct sley__stack_slab *slab)
{
    for (uint32_t i = load_relaxed(&slab->cut); i-- > 0;)
        if (header(slab, i)->low)
            sley__fiber_destroy(&header(slab, i)->fiber);
}
#else
/* There is nobody to tell, and looking at the headers costs. */
static void forget_fibers(UNUSED const struct sley__stack_slab *slab)
{
}
#endif

void sley__slab_free(struct sley__stack_slab *slab)
{
    forget_fibers(slab);
    sley__unmap(slab->base, slab_bytes(slab));
    sley__guard_forget(load_relaxed(&slab->mprotected));
    free(slab);
}

bool sley__slab_spent(const struct sley__stack_slab *slab)
{
    return !slab->bare_count && load_relaxed(&slab->cut) == slab->count;
}

void sley__slab_take(struct sley__stack_slab *slab, unsigned wanted, struct sley__cut *cut)
{
    uint32_t first = load_relaxed(&slab->cut);

    cut->slab = slab;
    cut->count = 0;
    cut->fresh = !slab->bare_count;
    while (cut->count < wanted && slab->bare_count)
        cut->number[cut->count++] = slab->bare[--slab->bare_count];
    if (!cut->fresh)
        return;
    while (cut->count < wanted && first < slab->count)
        cut->number[cut->count++] = first++;
    store_relaxed(&slab->cut, first);
}

void sley__slab_put(const struct sley__cut *cut)
{
    struct sley__stack_slab *slab = cut->slab;

    ensure_msg(slab->bare_count + cut->count <= load_relaxed(&slab->cut), "%u bare places of %u",
               slab->bare_count + cut->count, load_relaxed(&slab->cut));
    for (unsigned i = 0; i < cut->count; i++)
        slab->bare[slab->bare_count++] = cut->number[i];
}

/* --- from a place to a stack and back --- */

/* False: the places have no guards, and are marked. */
static bool install_guards(struct sley__cut *cut)
{
    struct sley__range guards[SLEY__BATCH_MAX];
    int kind;

    for (unsigned i = 0; i < cut->count; i++) {
        guards[i].address = place(cut->slab, cut->number[i]);
        guards[i].size = guard_size(cut->slab->class);
    }
    kind = sley__guard_install(guards, cut->count);
    if (kind == SLEY__GUARD_REGION)
        return true;
    if (kind == SLEY__GUARD_PROTECT) {
        fetch_add_relaxed(&cut->slab->mprotected, cut->count);
        return true;
    }
    for (unsigned i = 0; i < cut->count; i++)
        cut->number[i] |= SLEY__CANARY_BIT;
    return false;
}

static void populate_tops(const struct sley__cut *cut)
{
    struct sley__range tops[SLEY__BATCH_MAX];

    for (unsigned i = 0; i < cut->count; i++) {
        tops[i].address = place(cut->slab, cut->number[i]) + cut->slab->stride - PAGE;
        tops[i].size = PAGE;
    }
    sley__populate(tops, cut->count);
}

static void write_header(const struct sley__stack_slab *slab, uint32_t number)
{
    struct sley__stack *stack = header(slab, number);
    size_t colour = (size_t)place(slab, number) / slab->stride % COLOURS * SLEY_CACHE_LINE;

    stack->class = slab->class;
    stack->canary = number & SLEY__CANARY_BIT;
    stack->top = (char *)stack - colour;
    stack->low = place(slab, number) + guard_size(slab->class);
    sley__fiber_create(&stack->fiber, stack->low, (size_t)((char *)stack - stack->low));
}

bool sley__slab_furnish(struct sley__cut *cut)
{
    bool guarded = !cut->fresh || install_guards(cut);

    populate_tops(cut);
    for (unsigned i = 0; i < cut->count; i++)
        write_header(cut->slab, cut->number[i]);
    return guarded;
}

static struct sley__stack_slab *slab_of(const struct sley__stack_pool *pool, const void *address)
{
    struct sley__stack_slab *slab = load_acquire(&pool->slabs); /* partner: grow() in stack.c */

    while (slab && (uintptr_t)address - (uintptr_t)slab->base >= slab_bytes(slab))
        slab = slab->next;
    return slab;
}

/* Everything above the guard goes, the header with it. */
static struct sley__range pages_of(const struct sley__stack *stack)
{
    return (struct sley__range){stack->low, (size_t)((const char *)stack + HEADER - stack->low)};
}

struct sley__stack *sley__slab_strip(const struct sley__stack_pool *pool, struct sley__stack *chain,
                                     struct sley__cut *cut)
{
    struct sley__range pages[SLEY__BATCH_MAX];
    unsigned n = 0;

    cut->slab = slab_of(pool, chain);
    while (chain && n < SLEY__BATCH_MAX && slab_of(pool, chain) == cut->slab) {
        pages[n] = pages_of(chain);
        cut->number[n] = number_of(cut->slab, chain) | (chain->canary ? SLEY__CANARY_BIT : 0);
        sley__fiber_destroy(&chain->fiber);
        chain = chain->next;
        n++;
    }
    cut->count = n;
    sley__discard(pages, n);
    return chain;
}

/* --- looking at stacks --- */

void sley__stack_check(const struct sley__stack *stack)
{
    const uint64_t *word = (const uint64_t *)(const void *)(stack->low - CANARY);

    if (likely(!stack->canary))
        return;
    for (size_t i = 0; i < CANARY / sizeof *word; i++)
        ensure_msg(word[i] == 0, "stack overflow: the memory below the stack at %p was written",
                   (const void *)stack->low);
}

/* The stack whose place holds `address`, or NULL; *offset counts from the place's low end.
 * Async-signal-safe. */
static struct sley__stack *stack_at(const struct sley__stack_pool *pool, const void *address,
                                    size_t *offset)
{
    struct sley__stack_slab *slab = slab_of(pool, address);
    struct sley__stack *stack;
    uint32_t number;

    if (!slab)
        return NULL;
    number = number_of(slab, address);
    if (number >= load_relaxed(&slab->cut))
        return NULL;
    *offset = (size_t)((const char *)address - place(slab, number));
    stack = header(slab, number);
    return stack->low ? stack : NULL;
}

struct sley__stack *sley__stack_of_guard(const struct sley__stack_pool *pool, const void *address)
{
    size_t offset;
    struct sley__stack *stack = stack_at(pool, address, &offset);

    return stack && offset < guard_size(stack->class) ? stack : NULL;
}

struct sley__stack *sley__stack_of_address(const struct sley__stack_pool *pool, const void *address)
{
    size_t offset;
    struct sley__stack *stack = stack_at(pool, address, &offset);

    return stack && offset >= guard_size(stack->class) ? stack : NULL;
}
