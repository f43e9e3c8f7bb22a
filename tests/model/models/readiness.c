/*
 * readiness.c: the word between a task and the events of its descriptor (io/readiness.c).
 *
 * The kernel is a counter of what can be read and a flag for the end of the stream. The reader is
 * the loop of stream.c and the wait of reactor.c, on the bare wait word; those that take events out
 * of the epoll set, close, or end the wait for another reason are the other threads. A reader that
 * sleeps although there is something for it is a deadlock.
 *
 * The counter is read relaxed: that a look at READY comes with the data behind it is the word's
 * business. The kernel's own locks would hide it.
 *
 * Broken and caught: each change that is a store and not a swap; no count of changes; an event
 * that is not counted on READY, opens what is closed, or leads out of ARMING; a short read that
 * clears in spite of a hangup, a hangup that is forgotten; a second waiter that is not refused; no
 * withdraw; the waiter read after the swap; the look without acquire, the event's swap without
 * acquire or release, the publication without release. Without consequence here: the orders of the
 * other swaps. That of the swap to ARMING keeps the two words from being written before the last
 * reader has read them, which needs a load that reads from the future; memory.c does not make
 * those.
 */
#include "../../../io/readiness.h"

#include "model.h"
#include "task_impl.h"

#include <string.h>

enum { TIMEOUT = SLEY_ETIMEDOUT, END = SLEY_EOF };

/* A task that parks by the engine. */
struct reader {
    struct sley_task task;
    atomic(uint32_t) queued;
    unsigned got;
    int last;
};

static struct sley__readiness word;
static struct reader readers[2];
static atomic(uint32_t) available, finished, shut, opened;
static unsigned waits;

static void setup(void)
{
    memset(&word, 0, sizeof word);
    store_relaxed(&word.word, 0);
    store_relaxed(&word.task, NULL);
    store_relaxed(&word.ticket, 0);
    memset(readers, 0, sizeof readers);
    for (unsigned i = 0; i < ARRAY_LENGTH(readers); i++) {
        store_relaxed(&readers[i].queued, 0);
        store_relaxed(&readers[i].task.word, SLEY__TASK_RUNNING);
    }
    store_relaxed(&available, 0);
    store_relaxed(&finished, 0);
    store_relaxed(&shut, 0);
    store_relaxed(&opened, 0);
    waits = 0;
    sley__readiness_open(&word);
}

/* --- waits ---------------------------------------------------------------------------------- */

static bool wake(struct sley__waker waker, int result)
{
    struct reader *reader = container_of(waker.task, struct reader, task);

    if (sley__task_wake(waker.task, waker.ticket, 0, 0) != SLEY__WAKE_QUEUE)
        return false;
    waker.task->wake_result = result;
    store_release(&reader->queued, 1);
    return true;
}

static MODEL_GHOST bool is_set(void *flag)
{
    return *(const uint32_t *)flag != 0;
}

/* Orders what comes after it behind the store that has set the flag. */
static void await(atomic(uint32_t) * flag)
{
    model_wait_until(is_set, flag);
    while (!load_acquire(flag))
        model_yield();
}

static int park(struct reader *reader)
{
    await(&reader->queued);
    store_relaxed(&reader->queued, 0);
    sley__task_set_state(&reader->task, SLEY__TASK_RUNNING);
    return reader->task.wake_result;
}

static MODEL_GHOST void note_wait(void)
{
    waits++;
}

/* As sley__fd_wait(). */
static int wait_for_event(struct reader *reader, uint64_t seen)
{
    struct sley__waker waker = {&reader->task, sley__task_begin_wait(&reader->task, 0)};
    enum sley__readiness_published published;
    uint64_t armed;
    int result;

    published = sley__readiness_publish(&word, seen, waker, &armed);
    if (published != SLEY__PUBLISHED) {
        if (!sley__task_abandon(&reader->task))
            park(reader);
        return published == SLEY__PUBLISH_CLOSED ? SLEY_ECLOSED
               : published == SLEY__PUBLISH_BUSY ? SLEY_EBUSY
                                                 : 0;
    }
    note_wait();
    result = park(reader);
    if (result && result != SLEY_ECLOSED)
        sley__readiness_withdraw(&word, armed);
    return result;
}

/* --- the kernel ------------------------------------------------------------------------------- */

/* Up to `size`; 0: would block; -1: the end, which comes after everything else. */
static int system_read(unsigned size)
{
    bool end = load_acquire(&finished);
    uint32_t there = load_relaxed(&available), take;

    do {
        if (!there)
            return end ? -1 : 0;
        take = there < size ? there : size;
    } while (!cas_relaxed(&available, &there, there - take));
    return (int)take;
}

/* An edge of the set, as drained by anybody. */
static void event(bool hangup)
{
    struct sley__waker waker;

    if (sley__readiness_event(&word, hangup, &waker))
        wake(waker, 0);
}

static void send_one(unsigned thread)
{
    (void)thread;
    fetch_add_relaxed(&available, 1);
    event(false);
}

static void close_word(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    if (sley__readiness_close(&word, &waker))
        wake(waker, SLEY_ECLOSED);
}

/* As sley_stream_read(): how much, 0 at the end of the stream, or an error. */
static int read_some(struct reader *reader, unsigned size)
{
    int result = 0;

    while (!result) {
        uint64_t seen = sley__readiness_look(&word);

        if (sley__readiness_closed(seen))
            return SLEY_ECLOSED;
        result = sley__readiness_empty(seen) ? 0 : system_read(size);
        if (result > 0) {
            if ((unsigned)result < size)
                sley__readiness_clear(&word, seen);
            return result;
        }
        if (result < 0)
            return 0;
        result = wait_for_event(reader, seen);
    }
    return result;
}

/* Until it has got `amount` or is told something else. */
static void read_all(struct reader *reader, unsigned amount)
{
    reader->last = 1;
    while (reader->got < amount && reader->last > 0) {
        reader->last = read_some(reader, 4);
        reader->got += reader->last > 0 ? (unsigned)reader->last : 0;
    }
}

static void read_one(unsigned thread)
{
    read_all(&readers[thread], 1);
}

static void read_two(unsigned thread)
{
    read_all(&readers[thread], 2);
}

static void note_waits(void)
{
    model_outcome(waits == 0 ? "did not wait" : waits == 1 ? "waited" : "waited again");
}

/* --- events ----------------------------------------------------------------------------------- */

static void verify_got(void)
{
    unsigned amount = *(const unsigned *)model_argument();

    model_assert(readers[0].got == amount, "got %u", readers[0].got);
    note_waits();
}

MODEL(readiness_event, .about = "one event against a reader that is about to wait", .threads = 2,
      .setup = setup, .body = {read_one, send_one}, .verify = verify_got,
      .argument = &(const unsigned){1}, .must_see = {"did not wait", "waited"});

MODEL(readiness_two, .about = "two events at once, short reads between", .threads = 3,
      .setup = setup, .body = {read_two, send_one}, .verify = verify_got,
      .argument = &(const unsigned){2}, .every_switch_costs = true,
      .must_see = {"did not wait", "waited", "waited again"});

static void send_two(unsigned thread)
{
    send_one(thread);
    send_one(thread);
}

MODEL(readiness_again, .about = "a second event while the reader begins its second wait",
      .threads = 2, .setup = setup, .body = {read_two, send_two}, .verify = verify_got,
      .argument = &(const unsigned){2}, .must_see = {"waited", "waited again"});

/* --- hangup ----------------------------------------------------------------------------------- */

/* The last data and the end of the stream: two edges, or one for both. Nothing comes afterwards. */
static void send_last(unsigned thread)
{
    (void)thread;
    fetch_add_relaxed(&available, 1);
    if (model_variant())
        event(false);
    store_release(&finished, 1);
    event(true);
}

static void read_to_end(unsigned thread)
{
    read_all(&readers[thread], 100);
}

static void verify_end(void)
{
    model_assert(readers[0].got == 1 && readers[0].last == 0, "got %u, then %d", readers[0].got,
                 readers[0].last);
    note_waits();
}

MODEL(readiness_hangup, .about = "a short read does not hide the end of the stream", .threads = 2,
      .setup = setup, .body = {read_to_end, send_last}, .verify = verify_end, .variants = 2,
      .must_see = {"did not wait", "waited", "waited again"});

/* --- close ------------------------------------------------------------------------------------ */

static void verify_close(void)
{
    int last = readers[0].last;

    model_assert(last == SLEY_ECLOSED || (last == 1 && readers[0].got == 1), "%d", last);
    model_outcome(last == 1 ? "got it" : "closed");
    note_waits();
}

MODEL(readiness_close, .about = "close against an event and a reader", .threads = 3, .setup = setup,
      .body = {read_one, send_one, close_word}, .verify = verify_close, .every_switch_costs = true,
      .must_see = {"got it", "closed", "waited"});

MODEL(readiness_closed, .about = "nobody waits for what is closed", .threads = 2, .setup = setup,
      .body = {read_one, close_word}, .verify = verify_close,
      .must_see = {"closed", "waited", "did not wait"});

/* --- another reason --------------------------------------------------------------------------- */

/* Comes back after its wait was ended by something else: an event that came meanwhile is known. */
static void read_stubbornly(unsigned thread)
{
    do
        read_all(&readers[thread], 1);
    while (readers[thread].last == TIMEOUT);
}

static MODEL_GHOST uint64_t ticket_now(void)
{
    return sley__task_ticket(readers[0].task.word);
}

static void time_out(unsigned thread)
{
    (void)thread;
    if (wake((struct sley__waker){&readers[0].task, ticket_now()}, TIMEOUT))
        model_outcome("timed out");
}

/* An edge with nothing behind it comes first: what the reader waits for next is not for that one.
 */
static void send_after_nothing(unsigned thread)
{
    if (model_variant())
        event(false);
    send_one(thread);
}

MODEL(readiness_withdraw, .about = "a wait that ends for another reason while the event comes",
      .threads = 3, .setup = setup, .body = {read_stubbornly, send_after_nothing, time_out},
      .verify = verify_got, .argument = &(const unsigned){1}, .every_switch_costs = true,
      .variants = 2, .must_see = {"timed out", "waited", "waited again"});

/* --- two readers ------------------------------------------------------------------------------ */

static void verify_busy(void)
{
    unsigned busy = 0, got = 0;

    for (unsigned i = 0; i < 2; i++) {
        busy += readers[i].last == SLEY_EBUSY;
        got += readers[i].got > 0;
        model_assert(readers[i].got || readers[i].last == SLEY_EBUSY, "%d", readers[i].last);
    }
    model_assert(busy < 2 && got >= 1, "both were refused");
    model_outcome(busy ? "refused" : "one after the other");
}

static void read_single(unsigned thread)
{
    readers[thread].last = read_some(&readers[thread], 1);
    readers[thread].got = readers[thread].last > 0;
}

MODEL(readiness_busy,
      .about = "a second reader is refused, or comes later; both know where they are", .threads = 3,
      .setup = setup, .body = {read_single, read_single, send_two}, .verify = verify_busy,
      .every_switch_costs = true, .must_see = {"refused", "one after the other"});

/* --- reuse ------------------------------------------------------------------------------------ */

/* The record is used for another descriptor when the first one is closed; an event of the old one
 * is still in somebody's hands. */
static void read_both(unsigned thread)
{
    read_all(&readers[thread], 1);
    model_assert(readers[thread].last == SLEY_ECLOSED, "%d", readers[thread].last);
    await(&shut);
    sley__readiness_open(&word);
    store_release(&opened, 1);
    read_all(&readers[thread], 1);
}

static void close_and_send(unsigned thread)
{
    close_word(thread);
    store_release(&shut, 1);
    await(&opened);
    send_one(thread);
}

static void stale_event(unsigned thread)
{
    (void)thread;
    event(true);
}

MODEL(readiness_reuse, .about = "an event of the descriptor that the record had before",
      .threads = 3, .setup = setup, .body = {read_both, close_and_send, stale_event},
      .verify = verify_got, .argument = &(const unsigned){1}, .every_switch_costs = true);
