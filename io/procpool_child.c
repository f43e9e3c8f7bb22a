/*
 * procpool_child.c: the life of a child: take a job, run it, say what came of it. How it takes one,
 * and waits for it, is in procpool_take.c.
 *
 * The result is written where it stays: up to a size in the slot, beyond that in a mapping of the
 * channel's file, at an offset that was not used before. It may grow on the way: the file has room,
 * so the mapping is made longer, and only from the slot to the file bytes are copied.
 *
 * Nothing here is trusted by the other side, and nothing needs to be right for its sake.
 */
#define _GNU_SOURCE
#include "platform.h"
#include "procpool_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct sley_job_result {
    struct sley__slot *slot;
    unsigned char *place; /* of the slot, or a mapping at `offset` */
    size_t size, room;
    int file;
    uint64_t offset; /* where the next large result goes */
};

struct child {
    const struct sley__nest *nest;
    struct sley__ring_end ring;
    struct sley_job_result result;
};

/* --- the result ----------------------------------------------------------------------------- */

static bool in_slot(const struct sley_job_result *result)
{
    return result->place == result->slot->out;
}

/* Gives the result room for at least `size` bytes. */
static bool grow(struct sley_job_result *result, size_t size)
{
    void *place;
    size_t room;

    if (size > SLEY__FILE_SIZE / 4)
        return false;
    room = round_up(size > 2 * result->room ? size : 2 * result->room, SLEY__FILE_PAGE);
    if (in_slot(result)) {
        place = sley__file_map(result->file, result->offset, room, true);
        if (place)
            memcpy(place, result->place, result->size);
    } else {
        place = mremap(result->place, result->room, room, MREMAP_MAYMOVE);
        if (place == MAP_FAILED)
            place = NULL;
    }
    if (!place)
        return false;
    result->place = place;
    result->room = room;
    return true;
}

void *sley_job_reserve(struct sley_job_result *result, size_t size)
{
    if (size > result->room && !grow(result, size))
        return NULL;
    result->size = size;
    return result->place;
}

int sley_job_write(struct sley_job_result *result, const void *data, size_t size)
{
    size_t before = result->size;

    if (size > SIZE_MAX - before || !sley_job_reserve(result, before + size))
        return SLEY_ENOMEM;
    if (size)
        memcpy(result->place + before, data, size);
    return 0;
}

static void begin_result(struct sley_job_result *result, struct sley__slot *slot)
{
    result->slot = slot;
    result->place = slot->out;
    result->size = 0;
    result->room = SLEY__INLINE;
}

static void end_result(struct sley_job_result *result)
{
    struct sley__slot *slot = result->slot;

    store_relaxed(&slot->out_size, result->size);
    store_relaxed(&slot->out_offset, in_slot(result) ? 0 : result->offset);
    if (in_slot(result))
        return;
    result->offset += round_up(result->size, SLEY__FILE_PAGE);
    munmap(result->place, result->room);
}

/* --- a job ---------------------------------------------------------------------------------- */

/* The limit counts what the process has used since it began: it is moved for each job. */
static void limit_cpu(unsigned seconds)
{
    struct rlimit limits;
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    if (getrlimit(RLIMIT_CPU, &limits) < 0)
        return;
    limits.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1) + seconds;
    setrlimit(RLIMIT_CPU, &limits);
}

/* Work changes its bytes in place: where its result will be. */
static int call_work(struct sley_job_result *result, struct sley__slot *slot, const void *in,
                     size_t size)
{
    void *data = sley_job_reserve(result, size);

    if (!data) {
        store_relaxed(&slot->error, SLEY_ENOMEM);
        return 0;
    }
    memcpy(data, in, size);
    return slot->work(data, size);
}

static void call(struct child *child, struct sley__slot *slot)
{
    uint64_t size = slot->in_size;
    const void *in = slot->in;
    void *mapped = NULL;

    if (slot->in_offset) {
        mapped = sley__file_map(child->nest->inputs, slot->in_offset, size, false);
        if (!mapped) {
            store_relaxed(&slot->error, SLEY_ENOMEM);
            return;
        }
        in = mapped;
    }
    store_relaxed(&slot->error, 0);
    store_relaxed(&slot->value, slot->fn ? slot->fn(in, size, &child->result)
                                         : call_work(&child->result, slot, in, size));
    if (mapped)
        munmap(mapped, size);
}

static void run(struct child *child, struct sley__slot *slot)
{
    static const uint64_t one = 1;

    if (child->nest->limits.cpu_seconds)
        limit_cpu(child->nest->limits.cpu_seconds);
    begin_result(&child->result, slot);
    call(child, slot);
    end_result(&child->result);
    if (sley__ring_done(&child->ring) && write(child->nest->eventfd, &one, sizeof(one)) < 0)
        return; /* it is full, so the program has been told */
}

_Noreturn void sley__child_main(const struct sley__nest *nest, int file)
{
    static struct child child; /* not on the stack, which is the job's */
    struct sley__channel *channel = sley__file_map(file, 0, SLEY__FILE_DATA, true);
    struct sley__slot *slot;

    if (!channel)
        _exit(1);
    child.nest = nest;
    child.result.file = file;
    child.result.offset = SLEY__FILE_DATA;
    sley__ring_end_init(&child.ring, channel);
    while ((slot = sley__ring_next(&child.ring)))
        run(&child, slot);
    _exit(0);
}
