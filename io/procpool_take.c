/*
 * procpool_take.c: a channel to a child, seen from the child: the other end of procpool_ring.c.
 *
 * The child walks along the ring of its channel. At position p it looks at the word of the slot: an
 * older position means that nothing is there yet, its own with QUEUED that there is a job, its own
 * with REVOKED or a *newer* position that this one was taken back (and the slot perhaps used again
 * since): go on to p + 1.
 *
 * A job costs no system call while there are more: the result is a store, and the program is told
 * only if it has armed the channel, which it does when it goes to sleep. Before the child sleeps it
 * spins, for as long as a wake-up would cost (27-58 us on a virtual machine), because the program
 * that has just got a result often has the next job. A spin that found nothing halves the next one,
 * down to nothing, and a sleep that was short makes it whole again; so a pool that is idle, or
 * whose jobs are long, does not burn a processor that somebody else could use.
 *
 * Nothing here is trusted by the other side, and nothing needs to be right for its sake.
 */
#include "platform.h"
#include "procpool_wire.h"

/* What a wake-up costs on a slow machine; the longest that is spun. The clock of a model stands
 * still, so there nobody spins. */
#ifdef SLEY_MODEL
#define SPIN_MAX INT64_C(0)
#else
#define SPIN_MAX INT64_C(50000)
#endif
#define SPIN_MIN INT64_C(1000)

void sley__ring_end_init(struct sley__ring_end *end, struct sley__channel *channel)
{
    *end = (struct sley__ring_end){.channel = channel, .spin = SPIN_MAX};
}

/* The slot with the next job, which is ours now; NULL: there is none yet. */
static struct sley__slot *take(struct sley__ring_end *end)
{
    for (;;) {
        struct sley__slot *slot = sley__slot_at(end->channel, end->position);
        uint64_t queued = sley__slot_word(end->position, SLEY__SLOT_QUEUED);
        uint64_t word = load_acquire(&slot->word); /* partner: the release in publish */

        if (word < queued)
            return NULL;
        /* Against the program's swap to REVOKED. */
        if (word == queued &&
            cas_acq_rel(&slot->word, &word, queued + SLEY__SLOT_TAKEN - SLEY__SLOT_QUEUED))
            return slot;
        end->position++; /* revoked, then or now */
    }
}

/* Looks for a job for as long as it pays. */
static struct sley__slot *spin(struct sley__ring_end *end)
{
    int64_t until = sley__clock_now() + end->spin;
    struct sley__slot *slot;

    do {
        for (int i = 0; i < 64; i++) {
            if ((slot = take(end))) {
                end->spin = SPIN_MAX;
                return slot;
            }
            cpu_relax();
        }
    } while (sley__clock_now() < until);
    end->spin = end->spin > SPIN_MIN ? end->spin / 2 : 0;
    return NULL;
}

/* Sleeps until the bell rings, unless there is a job after all. */
static void rest(struct sley__ring_end *end)
{
    struct sley__channel *channel = end->channel;
    uint32_t bell = load_acquire(&channel->bell);
    int64_t since = sley__clock_now();

    store_relaxed(&channel->sleeping, 1);
    fence_seq_cst(); /* partner: the one in ring_bell */
    if (load_relaxed(&sley__slot_at(channel, end->position)->word) <
            sley__slot_word(end->position, SLEY__SLOT_QUEUED) &&
        !load_relaxed(&channel->quit))
        sley__shared_wait(&channel->bell, bell);
    store_relaxed(&channel->sleeping, 0);
    if (sley__clock_now() - since < 4 * SPIN_MAX)
        end->spin = SPIN_MAX;
}

struct sley__slot *sley__ring_next(struct sley__ring_end *end)
{
    struct sley__slot *slot;

    for (;;) {
        bool quit = load_acquire(&end->channel->quit); /* partner: release in sley__ring_quit */

        /* After the look at `quit`: a job that came before it must be seen. */
        if ((slot = take(end)) || (!quit && end->spin && (slot = spin(end))))
            return slot;
        if (quit)
            return NULL;
        rest(end);
    }
}

bool sley__ring_done(struct sley__ring_end *end)
{
    struct sley__slot *slot = sley__slot_at(end->channel, end->position);

    /* The result. Partner: acquire in sley__ring_look. */
    store_release(&slot->word, sley__slot_word(end->position, SLEY__SLOT_DONE));
    end->position++;
    fence_seq_cst(); /* partner: the one in sley__ring_arm. A release could pass the load below */
    return load_relaxed(&end->channel->armed) && exchange_acq_rel(&end->channel->armed, 0);
}
