/*
 * heap.c: the memory that the code under test allocates.
 *
 * Two areas at fixed addresses, so that a choice string means the same in every process: one for
 * what renames.h takes from the C library, one for what platform.h maps. In both a pointer goes up
 * and is set back at the next execution; a bit per 16 bytes, or per page, says what was given back.
 */
#define _GNU_SOURCE 1

#include "heap.h"

#include "engine.h"
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What renames.h calls them. */
void *model_malloc(size_t size);
void *model_calloc(size_t count, size_t size);
void *model_realloc(void *block, size_t size);
void *model_aligned_alloc(size_t align, size_t size);
void model_free(void *block);

struct area {
    char *base;
    size_t size, used;
    unsigned unit_bits; /* what a bit of `freed` stands for */
    uint8_t *freed;
};

static struct area small = {.base = (char *)0x100000000000, .size = 256 << 20, .unit_bits = 4};
static struct area pages = {.base = (char *)0x200000000000, .size = 1 << 30, .unit_bits = 12};

/* In front of each block. */
struct header {
    size_t size;
    size_t magic;
};
static const size_t MAGIC = 0x5313c0de;

static size_t reset_after; /* bytes of `pages` that the last execution has used */

static void open_area(struct area *area)
{
    void *at = mmap(area->base, area->size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    size_t bits = (area->size >> area->unit_bits) / 8;

    area->freed = mmap(NULL, bits, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != area->base || area->freed == MAP_FAILED)
        abort();
}

static void reset_area(struct area *area)
{
    if (!area->freed)
        open_area(area);
    memset(area->freed, 0, (area->used >> area->unit_bits) / 8 + 1);
    area->used = 0;
}

void heap_reset(void)
{
    reset_after = pages.used;
    reset_area(&small);
    reset_area(&pages);
    if (reset_after)
        madvise(pages.base, reset_after, MADV_DONTNEED);
}

static char *take(struct area *area, size_t size, size_t align, size_t before)
{
    size_t at = (area->used + before + align - 1) & ~(align - 1);

    if (at + size > area->size)
        return NULL;
    area->used = at + size;
    return area->base + at;
}

static void mark_freed(struct area *area, const char *address, size_t size)
{
    size_t unit = (size_t)(address - area->base) >> area->unit_bits;
    size_t end = unit + ((size + ((size_t)1 << area->unit_bits) - 1) >> area->unit_bits);

    for (; unit < end; unit++)
        area->freed[unit / 8] |= (uint8_t)(1 << unit % 8);
}

static inline bool freed_in(const struct area *area, const char *address, size_t size)
{
    size_t offset = (size_t)(address - area->base), unit = offset >> area->unit_bits;
    size_t last = (offset + size - 1) >> area->unit_bits;

    if (offset >= area->used || !area->freed)
        return false;
    return (area->freed[unit / 8] >> unit % 8 & 1) || (area->freed[last / 8] >> last % 8 & 1);
}

bool heap_is_freed(const void *address, size_t size)
{
    return freed_in(&small, address, size) || freed_in(&pages, address, size);
}

void *heap_map(size_t size, size_t align)
{
    return take(&pages, size, align, 0);
}

void heap_unmap(void *address, size_t size)
{
    if (heap_is_freed(address, size))
        engine_fail("munmap(%p): not mapped", address);
    mark_freed(&pages, address, size);
}

/* --- in the place of the C library's --- */

void *model_aligned_alloc(size_t align, size_t size)
{
    char *block =
        take(&small, round_up(size ? size : 1, 16), align < 16 ? 16 : align, sizeof(struct header));

    if (!block)
        return NULL;
    *(struct header *)(void *)(block - sizeof(struct header)) = (struct header){size, MAGIC};
    memset(block, 0xa5, size);
    return block;
}

void *model_malloc(size_t size)
{
    return model_aligned_alloc(16, size);
}

void *model_calloc(size_t count, size_t size)
{
    void *block = model_malloc(count * size);

    if (block)
        memset(block, 0, count * size);
    return block;
}

static struct header *header_of(void *block)
{
    return (struct header *)(void *)((char *)block - sizeof(struct header));
}

void model_free(void *block)
{
    if (!block)
        return;
    if (header_of(block)->magic != MAGIC)
        engine_fail("free(%p): not from malloc", block);
    if (heap_is_freed(block, 1))
        engine_fail("free(%p): twice", block);
    engine_disturb();
    if (engine_checks_plain)
        memory_plain(engine_thread(), block, header_of(block)->size, true,
                     __builtin_return_address(0));
    mark_freed(&small, block, header_of(block)->size);
}

void *model_realloc(void *block, size_t size)
{
    void *larger = model_malloc(size);

    if (block && larger) {
        size_t old = header_of(block)->size;

        memcpy(larger, block, old < size ? old : size);
        model_free(block);
    }
    return larger;
}
