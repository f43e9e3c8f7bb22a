/*
 * readiness.c: the word that stands between a task and the events of its descriptor.
 *
 * The epoll set reports edges: "something came", once. The reading task, the worker or thread that
 * takes the edge out of the set, the one that closes, and the one that cancels run at the same
 * time, and an edge that none of them remembers is a task that sleeps forever. So everything that
 * is known about one direction of a descriptor is one 64-bit word, changed by compare-and-swap
 * only:
 *
 *     count of changes | hangup | state
 *
 *     EMPTY    a system call found nothing, and nothing has happened since
 *     READY    a system call is worth a try (the first state)
 *     ARMING   a task writes itself down as the waiter
 *     NOTED    the same, and an event has come meanwhile
 *     WAITING  it has written itself down, and parks
 *     CLOSED   for good
 *
 *              event                    look; system call finds nothing
 *     EMPTY ----------> READY  --------------------------------------> ARMING --> WAITING
 *        ^  short read    | ^ ^                                           |           |
 *        +----------------+ | +---- by the armer ---- NOTED <---- event ----+           |
 *                           +------------------------ event (and wake) --------------+
 *     any -- close --> CLOSED
 *
 * Every change counts up, an event on READY too. That is what makes "try first, park second" safe:
 * the task looks at the word *before* its system call, and may leave READY only from that very
 * word. If an event came between the look and the swap, the swap fails and the call is tried again.
 * An event is never consumed by a wake either: WAITING becomes READY, and whether the waiter was
 * woken by it or by a cancel in the same instant, the next look sees it.
 *
 * Only the task that has brought the word to ARMING leads it out of there (or a close, which is the
 * end): an event turns it into NOTED and no more, lest a second task arm over the first one's
 * half-written name.
 *
 * The waiter is a task and a ticket, two words more than a swap can hold. A pointer to a record on
 * the waiter's stack was rejected: whoever has swapped it out reads it while a cancel lets the
 * waiter leave that stack, so one of the two must spin for the other. A lock bit was rejected for
 * the same spin. Here the two words stand in the (type-stable) object and are read *before* the
 * swap from WAITING to READY. Because of the count that swap succeeds only if this wait is still
 * the published one, and then the words read belong to it: the next waiter writes them only after
 * the word has left this WAITING, which the swap would have noticed. So nobody ever waits for
 * anybody.
 *
 * hangup: once the peer has finished sending, no edge need ever come again; so a short read may not
 * clear READY any more. (The edge for the hangup itself may come before or after that short read:
 * if before, the flag is seen here; if after, it makes the word READY again.)
 *
 * The count has 60 bits: at an event per nanosecond it lasts 36 years.
 */
#include "readiness.h"

enum {
    EMPTY = SLEY__READINESS_EMPTY,
    READY,
    ARMING,
    NOTED,
    WAITING,
    CLOSED = SLEY__READINESS_CLOSED,
    STATE = SLEY__READINESS_STATE,
    HANGUP = 8,
    CHANGE = 16,
};

static uint64_t state_of(uint64_t word)
{
    return word & STATE;
}

/* The word that follows `word`: another state, one change more, the flag as it was. */
static uint64_t next_word(uint64_t word, uint64_t state)
{
    return (word & ~(uint64_t)STATE) + CHANGE + state;
}

void sley__readiness_open(struct sley__readiness *r)
{
    uint64_t word = load_relaxed(&r->word);

    /* Release: partner is the look of whoever the descriptor is handed to. */
    while (!cas_acq_rel(&r->word, &word, next_word(word & ~(uint64_t)HANGUP, READY)))
        continue;
}

uint64_t sley__readiness_look(const struct sley__readiness *r)
{
    /* Acquire: partner is the release in event, so that the system call that follows comes after
     * the event that made it worth while. */
    return load_acquire(&((struct sley__readiness *)(uintptr_t)r)->word);
}

void sley__readiness_clear(struct sley__readiness *r, uint64_t seen)
{
    if (state_of(seen) == READY && !(seen & HANGUP))
        (void)cas_acq_rel(&r->word, &seen, next_word(seen, EMPTY));
}

static enum sley__readiness_published why_not(uint64_t word)
{
    switch (state_of(word)) {
    case CLOSED:
        return SLEY__PUBLISH_CLOSED;
    case ARMING:
    case NOTED:
    case WAITING:
        return SLEY__PUBLISH_BUSY;
    default:
        return SLEY__PUBLISH_RETRY;
    }
}

/* The armer finds that its swap to WAITING failed, `word` being there: NOTED, which it leads on to
 * READY, or CLOSED. */
static enum sley__readiness_published disarm(struct sley__readiness *r, uint64_t word)
{
    while (state_of(word) == NOTED)
        if (cas_acq_rel(&r->word, &word, next_word(word, READY)))
            return SLEY__PUBLISH_RETRY;
    ensure(state_of(word) == CLOSED);
    return SLEY__PUBLISH_CLOSED;
}

enum sley__readiness_published sley__readiness_publish(struct sley__readiness *r, uint64_t seen,
                                                       struct sley__waker waker, uint64_t *armed)
{
    uint64_t word = seen;
    uint64_t arming = next_word(seen, ARMING);

    if (state_of(seen) != EMPTY && state_of(seen) != READY)
        return why_not(sley__readiness_look(r));
    /* Acquire: partner is the swap out of the previous WAITING (event, withdraw); the words below
     * are written after it. */
    if (!cas_acq_rel(&r->word, &word, arming))
        return why_not(word);

    store_relaxed(&r->task, waker.task);
    store_relaxed(&r->ticket, waker.ticket);
    *armed = next_word(arming, WAITING);
    /* Release: publishes the two words to the look in end_wait. */
    if (!cas_acq_rel(&r->word, &arming, *armed))
        return disarm(r, arming);
    return SLEY__PUBLISHED;
}

void sley__readiness_withdraw(struct sley__readiness *r, uint64_t armed)
{
    /* Fails if an event or a close was there first; the word remembers it. Acquire and release:
     * partner of the next publish and of end_wait, see there. */
    (void)cas_acq_rel(&r->word, &armed, next_word(armed, EMPTY));
}

/* One try to bring the word to `next`. True when it is there; *had tells whether there was a
 * waiter. On false *word is what is there now. Any thread. */
static bool end_wait(struct sley__readiness *r, uint64_t *word, uint64_t next,
                     struct sley__waker *waker, bool *had)
{
    *had = state_of(*word) == WAITING;
    if (*had) {
        /* Relaxed is enough: the look that found WAITING was an acquire of their publication, and
         * if they belong to a later wait the swap fails. */
        waker->task = load_relaxed(&r->task);
        waker->ticket = load_relaxed(&r->ticket);
    }
    /* Release: the reads above come before the swap; partner is the acquire of the next publish,
     * which overwrites what was read. */
    return cas_acq_rel(&r->word, word, next);
}

/* What an event makes of a word that is not CLOSED. */
static uint64_t after_event(uint64_t word, bool hangup)
{
    bool arming = state_of(word) == ARMING || state_of(word) == NOTED;

    return next_word(hangup ? word | HANGUP : word, arming ? NOTED : READY);
}

bool sley__readiness_event(struct sley__readiness *r, bool hangup, struct sley__waker *waker)
{
    uint64_t word = sley__readiness_look(r);
    bool had;

    do {
        if (state_of(word) == CLOSED)
            return false;
    } while (!end_wait(r, &word, after_event(word, hangup), waker, &had));
    return had;
}

bool sley__readiness_close(struct sley__readiness *r, struct sley__waker *waker)
{
    uint64_t word = sley__readiness_look(r);
    bool had;

    do {
        if (state_of(word) == CLOSED)
            return false;
    } while (!end_wait(r, &word, next_word(word, CLOSED), waker, &had));
    return had;
}
