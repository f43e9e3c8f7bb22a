/*
 * http_client_buffer.c: the memory that bytes of an answer lie in on their way to a task.
 *
 * A transfer that waits for its server needs none, and of a thousand transfers nearly all wait. If
 * each kept the two buffers between which its bytes go to and fro, they would be most of what a
 * downloader needs: with pieces of 8 KiB some 24 MiB of 80 (measured with 1,000 transfers). So a
 * task that is about to wait gives the buffer that it has used up back to the client, and the I/O
 * thread takes one when bytes have come. The last that was given back is taken first: its pages are
 * in the cache.
 *
 * What lies on this shelf is limited, and above the limit it is free()d. The allocator alone would
 * do, but it returns large pieces to the kernel at once, so that each piece of a fast transfer
 * would begin with page faults.
 *
 * How much may lie in the buffers is divided among the transfers that run: a few may have the most
 * that is of use to them, a thousand have little each. So are the bytes that libcurl reads at once,
 * whose buffer is its own and there for as long as the transfer; it can be chosen when one begins,
 * so those that are about to begin count. A crowd shares less than what a few had, since each of a
 * thousand needs 12 KiB for curl alone, and has one buffer instead of two: its bytes go on when the
 * task waits for more, not while it is busy with what it has; meanwhile others do. (1,000 transfers
 * of 100 KiB a second each: 45 MiB, of which 13 are there without a transfer. With 16 MiB for all
 * and two buffers 60, for a quarter less processor time.)
 *   Rejected: a limit over all buffers together, at which everybody is held up: who is told to go
 *   on then, and when, would be a scheduler of its own.
 */
#include "http_client_impl.h"

#include <stdlib.h>
#include <string.h>

#ifdef SLEY_HOSTILE
enum {
    BUFFER_START = 2,
    BUFFER_UNIT = 2,
    SHELF_BYTES = 32 * 1024,
    READ_MIN = 4 * 1024,
    READ_ALL = 480 * 1024,
    HELD_MOST = 20 * 1024,
    HELD_ALL = 640 * 1024,
};
#else
enum {
    BUFFER_START = 1024, /* the headers of most answers */
    BUFFER_UNIT = 1024,
    SHELF_BYTES = 2 << 20, /* eight of the largest, or what 64 small files lie in */
    READ_MIN = 4 * 1024,
    READ_ALL = 2 << 20,     /* read at once by all: from 17 transfers on each reads less */
    HELD_MOST = 256 * 1024, /* between the I/O thread and a task */
    HELD_ALL = 4 << 20,     /* of all: from 17 transfers on each has less */
};
#endif

enum { CROWD = 64 }; /* above it less than a share, so that all together need less */

/* What an empty one begins with is mostly all that it will have to hold; a fuller one is doubled,
 * so that a body that comes in many pieces is not copied for each. */
static size_t capacity_for(const struct sley__http_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity;

    if (!buffer->size)
        return needed < BUFFER_START ? BUFFER_START
                                     : (needed + BUFFER_UNIT - 1) / BUFFER_UNIT * BUFFER_UNIT;
    while (capacity < needed)
        capacity *= 2;
    return capacity;
}

bool sley__http_buffer_reserve(struct sley__http_buffer *buffer, size_t more)
{
    size_t needed = buffer->size + more + 1, capacity;
    char *data;

    if (needed <= buffer->capacity)
        return true;
    capacity = capacity_for(buffer, needed);
    if (!buffer->size) { /* nothing to be kept, so nothing to be copied */
        free(buffer->data);
        *buffer = (struct sley__http_buffer){0};
    }
    data = realloc(buffer->data, capacity);
    if (!data)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool sley__http_buffer_add(struct sley__http_buffer *buffer, const void *data, size_t size)
{
    if (!sley__http_buffer_reserve(buffer, size))
        return false;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

void sley__http_buffer_borrow(struct sley_http_client *client, struct sley__http_buffer *buffer,
                              size_t most)
{
    struct sley__http_shelf *shelf = &client->shelf;

    if (buffer->data)
        return;
    sley__lock_acquire(&shelf->lock);
    if (shelf->count && shelf->buffers[shelf->count - 1].capacity <= most) {
        *buffer = shelf->buffers[--shelf->count];
        shelf->bytes -= buffer->capacity;
    }
    sley__lock_release(&shelf->lock);
}

void sley__http_buffer_return(struct sley_http_client *client, struct sley__http_buffer *buffer)
{
    struct sley__http_shelf *shelf = &client->shelf;
    bool kept;

    if (!buffer->data)
        return;
    buffer->size = 0;
    sley__lock_acquire(&shelf->lock);
    kept = shelf->count < SLEY__HTTP_SHELF && shelf->bytes + buffer->capacity <= SHELF_BYTES;
    if (kept) {
        shelf->buffers[shelf->count++] = *buffer;
        shelf->bytes += buffer->capacity;
    }
    sley__lock_release(&shelf->lock);
    if (!kept)
        free(buffer->data);
    *buffer = (struct sley__http_buffer){0};
}

void sley__http_shelf_clear(struct sley__http_shelf *shelf)
{
    while (shelf->count)
        free(shelf->buffers[--shelf->count].data);
}

bool sley__http_is_crowd(const struct sley_http_client *client)
{
    return sley__http_crowd(client) > CROWD;
}

/* The share of one among so many, within the limits. */
static size_t share(size_t all, uint64_t crowd, size_t least, size_t most)
{
    size_t size = crowd ? (size_t)(all / crowd) : most;

    if (crowd > CROWD)
        size = (size_t)(size * CROWD / crowd);
    return size < least ? least : size < most ? size : most;
}

size_t sley__http_read_size(uint64_t crowd)
{
    return share(READ_ALL, crowd, READ_MIN, SLEY__HTTP_READ_SIZE);
}

size_t sley__http_held_size(uint64_t crowd)
{
    return share(HELD_ALL, crowd, READ_MIN, HELD_MOST);
}
