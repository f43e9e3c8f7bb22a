/*
 * procpool_ring.c: a channel to a child, seen from the program.
 *
 * A ring of slots that are used in turn, each with one word that says whose it is and for which
 * round (procpool_wire.h). Position by position the program fills a slot and stores QUEUED, the
 * child swaps that for TAKEN, and stores DONE with the result. There is no head and no tail in
 * shared memory, so there is none to be wrong. Two things come for nothing that a plain queue of
 * jobs does not have:
 *
 *  - a job that was given can be taken back, by a swap of QUEUED for REVOKED. So jobs may be given
 *    ahead, and short ones then cost no wake-up at all, without being bound to stay behind one that
 *    turns out to be long;
 *  - when a child dies the word says whether its oldest job had begun. That one has failed. The
 *    others have not begun, and run elsewhere.
 *
 * The child is hostile: not because a job is meant to attack us (a process of the same user could
 * do that more directly) but because one with a stray pointer writes anywhere. So
 *
 *  - what the program needs to know is in its own memory: which job is in which slot, how far it
 *    is. The channel is only ever compared with that;
 *  - what the child says (word, sizes, offsets) is read once, checked, and used from the copy;
 *  - a word that can only be nonsense ends the child, not the program. One that is nonsense but
 *    possible (DONE for a job that was never run, a wrong result) cannot be told from the truth;
 *    it hurts that child's own jobs only, because nobody else has the channel;
 *  - the file cannot be made shorter, and our mapping is of its fixed part, so no access faults.
 *
 * A slot whose job was taken back may be used again, and more than once, before the child has
 * passed it. The child finds a newer position there than its own and goes on, until it finds its
 * own: the program uses a slot again only when nothing older than it is left in the ring.
 *
 * All functions: with the pool's lock.
 */
#define _GNU_SOURCE
#include "procpool_impl.h"

#include <string.h>
#include <sys/mman.h>

int sley__ring_open(struct sley__procchild *child)
{
    child->channel = sley__file_map(child->file->fd, 0, SLEY__FILE_DATA, true);
    if (!child->channel)
        return SLEY_ENOMEM;
    store_relaxed(&child->channel->armed, 1);
    return 0;
}

void sley__ring_close(struct sley__procchild *child)
{
    munmap(child->channel, SLEY__FILE_DATA);
}

bool sley__ring_has_room(const struct sley__procchild *child)
{
    return child->published - child->collected < SLEY__SLOTS;
}

/* Wakes the child if it sleeps. */
static void ring_bell(struct sley__channel *channel)
{
    fence_seq_cst(); /* partner: the one in rest(). A release could pass the load below */
    if (!load_relaxed(&channel->sleeping) || !exchange_acq_rel(&channel->sleeping, 0))
        return;
    fetch_add_acq_rel(&channel->bell, 1);
    sley__shared_wake(&channel->bell);
}

void sley__ring_publish(struct sley__procchild *child, struct sley_job *job)
{
    uint64_t position = child->published++;
    struct sley__slot *slot = sley__slot_at(child->channel, position);

    check(!child->jobs[position % SLEY__SLOTS]);
    slot->fn = job->fn;
    slot->work = job->private_.work;
    slot->in_size = job->in_size;
    slot->in_offset = job->private_.in_offset;
    if (!slot->in_offset && job->in_size)
        memcpy(slot->in, job->in, job->in_size);
    child->jobs[position % SLEY__SLOTS] = job;
    child->load++;
    child->pool->in_rings++;
    child->given++;
    job->private_.child = child;
    job->private_.position = position;
    job->private_.state = SLEY__JOB_GIVEN;
    if (child->pool->collector_armed)
        store_relaxed(&child->channel->armed, 1);
    /* The job. Partner: acquire in take(). */
    store_release(&slot->word, sley__slot_word(position, SLEY__SLOT_QUEUED));
    ring_bell(child->channel);
}

struct sley_job *sley__ring_head(struct sley__procchild *child)
{
    return child->collected < child->published ? child->jobs[child->collected % SLEY__SLOTS] : NULL;
}

/* What is at the old end of the ring has a job, always: room is counted from there. */
static void pass_empty(struct sley__procchild *child)
{
    while (child->collected < child->published && !child->jobs[child->collected % SLEY__SLOTS])
        child->collected++;
}

void sley__ring_forget(struct sley__procchild *child, uint64_t position)
{
    check(child->jobs[position % SLEY__SLOTS] && child->load);
    child->jobs[position % SLEY__SLOTS] = NULL;
    child->load--;
    child->pool->in_rings--;
    pass_empty(child);
}

void sley__ring_advance(struct sley__procchild *child)
{
    sley__ring_forget(child, child->collected);
}

/* What the child says of a result. False: it cannot be. */
static bool read_result(struct sley__slot *slot, struct sley__ring_result *result)
{
    uint64_t size = load_relaxed(&slot->out_size);
    uint64_t offset = load_relaxed(&slot->out_offset);
    int32_t error = load_relaxed(&slot->error);

    *result =
        (struct sley__ring_result){load_relaxed(&slot->value), error, size, offset, slot->out};
    if (error != 0 && error != SLEY_ENOMEM)
        return false;
    if (offset == 0)
        return size <= SLEY__INLINE;
    return offset >= SLEY__FILE_DATA && offset % SLEY__FILE_PAGE == 0 &&
           offset <= SLEY__FILE_SIZE && size <= SLEY__FILE_SIZE - offset;
}

enum sley__ring_news sley__ring_look(struct sley__procchild *child,
                                     struct sley__ring_result *result)
{
    struct sley__slot *slot;
    uint64_t word, queued;

    if (!sley__ring_head(child))
        return SLEY__RING_EMPTY;
    slot = sley__slot_at(child->channel, child->collected);
    queued = sley__slot_word(child->collected, SLEY__SLOT_QUEUED);
    word = load_acquire(&slot->word); /* partner: the release of DONE in run() */
    if (word == queued)
        return SLEY__RING_WAITS;
    if (word == queued + SLEY__SLOT_TAKEN - SLEY__SLOT_QUEUED)
        return SLEY__RING_RUNS;
    if (word == queued + SLEY__SLOT_DONE - SLEY__SLOT_QUEUED && read_result(slot, result))
        return SLEY__RING_RESULT;
    return SLEY__RING_NONSENSE;
}

bool sley__ring_revoke(struct sley__procchild *child, uint64_t position)
{
    struct sley__slot *slot = sley__slot_at(child->channel, position);
    uint64_t word = sley__slot_word(position, SLEY__SLOT_QUEUED);

    /* Against the child's swap to TAKEN. */
    if (!cas_acq_rel(&slot->word, &word, sley__slot_word(position, SLEY__SLOT_REVOKED)))
        return false;
    sley__ring_forget(child, position);
    child->given--;
    return true;
}

void sley__ring_arm(struct sley__procchild *child)
{
    store_relaxed(&child->channel->armed, 1);
    fence_seq_cst(); /* partner: the one in sley__ring_done(). A release would let the look come
                        first */
}

void sley__ring_wake(struct sley__procchild *child)
{
    fetch_add_acq_rel(&child->channel->bell, 1);
    sley__shared_wake(&child->channel->bell);
}

void sley__ring_quit(struct sley__procchild *child)
{
    store_release(&child->channel->quit, 1); /* partner: acquire in sley__child_main */
    ring_bell(child->channel);
}
