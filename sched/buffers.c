/*
 * buffers.c: memory for bytes on their way. Level 2.
 *
 * A connection that waits shall hold no buffer, so a buffer is taken when something has come and
 * given back before the next wait: twice per message. The C library's malloc() and free() of 16 KiB
 * are 320 instructions together, more than a park and a wake; from here it is 70.
 *
 * Each carrier keeps the last few that its tasks have given back, the youngest on top, whose lines
 * are still in its cache. A task that moves to another worker takes its buffer along and gives it
 * back there; nobody owns them, so nothing has to find its way home. Few are enough: between two
 * parks a task runs alone on its worker, and what it took it mostly gives back before the next one.
 * Only those whose write had to wait keep theirs meanwhile. What is above the bound goes to the C
 * library, so a worker keeps at most four of each class, 240 KiB in all, however many connections
 * there were.
 *
 * Sizes: four classes, each twice the one before it, with a little on top, because who asks for
 * 4 KiB wants a NUL behind them. Smaller pieces the C library hands out as fast; larger ones cost
 * more to fill than to allocate. Who gives back says how large it was, so a buffer has no header.
 *
 * The tools are told that what is kept belongs to nobody, so a use after the give is found as a use
 * after free would be.
 *
 * Rejected: a pool of the runtime, which is a lock and another core's cache lines; one list for all
 * sizes, which hands the large ones to those who need little; giving back after a time without use,
 * a timer for 240 KiB.
 */
#include "buffers.h"

#include <stdlib.h>

#include "worker.h"

#ifdef SLEY_HOSTILE
enum { SHIFT = 1, EXTRA = 2, SMALL = 2 };
#else
enum {
    SHIFT = 12, /* the first class has 1 << SHIFT bytes, and EXTRA */
    EXTRA = 16,
    SMALL = 1024, /* the C library's own cache ends here */
};
#endif

static size_t class_size(unsigned class)
{
    return ((size_t)1 << (SHIFT + class)) + EXTRA;
}

/* The class for `size` bytes; SLEY__BUFFER_CLASSES or more: none. */
static inline unsigned class_of(size_t size)
{
    size_t units;

    if (size <= SMALL)
        return SLEY__BUFFER_CLASSES;
    if (size <= ((size_t)1 << SHIFT) + EXTRA)
        return 0;
    units = (size - EXTRA - 1) >> SHIFT;
    return 64 - (unsigned)__builtin_clzll(units);
}

void *sley__buffer_take(size_t size)
{
    unsigned class = class_of(size);
    struct sley__worker *worker;
    struct sley__buffers *own;
    void *buffer;

    if (class >= SLEY__BUFFER_CLASSES)
        return malloc(size);
    worker = sley__worker_current();
    own = worker ? &worker->buffers : NULL;
    if (unlikely(!own || !own->count[class]))
        return malloc(class_size(class));
    buffer = own->kept[class][--own->count[class]];
    sley__memory_show(buffer, class_size(class));
    return buffer;
}

void sley__buffer_give(void *buffer, size_t size)
{
    unsigned class = class_of(size);
    struct sley__worker *worker;
    struct sley__buffers *own;

    if (!buffer)
        return;
    worker = class < SLEY__BUFFER_CLASSES ? sley__worker_current() : NULL;
    own = worker ? &worker->buffers : NULL;
    if (unlikely(!own || own->count[class] == SLEY__BUFFERS_KEPT)) {
        free(buffer);
        return;
    }
    sley__memory_hide(buffer, class_size(class));
    own->kept[class][own->count[class]++] = buffer;
}

void sley__buffers_close(struct sley__buffers *buffers)
{
    for (unsigned class = 0; class < SLEY__BUFFER_CLASSES; class ++) {
        while (buffers->count[class]) {
            void *buffer = buffers->kept[class][--buffers->count[class]];

            sley__memory_show(buffer, class_size(class));
            free(buffer);
        }
    }
}
