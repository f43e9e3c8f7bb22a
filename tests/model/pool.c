/*
 * pool.c: memory that lives for one execution: a pointer that goes up, and is set back.
 *
 * Chunks are kept, so after the first few executions nothing is asked of the C library.
 */
#include "pool.h"

#include <stdlib.h>

enum { CHUNK = 1 << 20, ALIGN = 16, CHUNKS_MAX = 1024 };

static char *chunks[CHUNKS_MAX];
static unsigned current;
static size_t used;

void *pool_take(size_t size)
{
    void *memory;

    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (used + size > CHUNK) {
        current++;
        used = 0;
    }
    if (size > CHUNK || current == CHUNKS_MAX)
        abort();
    if (!chunks[current] && !(chunks[current] = malloc(CHUNK)))
        abort();
    memory = chunks[current] + used;
    used += size;
    return memory;
}

void pool_reset(void)
{
    current = 0;
    used = 0;
}
