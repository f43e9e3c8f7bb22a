/*
 * buffers.h: memory for bytes on their way. Level 2, beside the waist.
 *
 * For whoever needs a few kilobytes from one wait of a task to the next and nothing in between: a
 * reader's and a writer's buffer. See buffers.c.
 */
#ifndef SLEY_BUFFERS_H
#define SLEY_BUFFERS_H

#include "base.h"

enum {
    SLEY__BUFFER_CLASSES = 4,
    SLEY__BUFFERS_KEPT = 4, /* of each class, by each carrier */
};

/* What a carrier keeps. {0} is an empty one. Its thread only. */
struct sley__buffers {
    uint8_t count[SLEY__BUFFER_CLASSES];
    void *kept[SLEY__BUFFER_CLASSES][SLEY__BUFFERS_KEPT];
};

/* At least `size` > 0 bytes, not cleared, or NULL without memory. Whoever has them may take them
 * along to another worker, and through a park. Any thread. Never parks. */
void *sley__buffer_take(size_t size);

/* Gives them back; `size` is what they were taken with. NULL is fine. Any thread. Never parks. */
void sley__buffer_give(void *buffer, size_t size);

/* Frees what is kept. The carrier's thread. */
void sley__buffers_close(struct sley__buffers *buffers);

#endif
