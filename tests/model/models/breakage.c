/*
 * breakage.c: the error of a connection, which the kernel tells once (io/breakage.h).
 *
 * The kernel is one word, swapped by whoever makes a system call: the swap stands for the socket's
 * lock. The reader has nothing to read but the end of the stream, which after an error is not to
 * look like one, whoever is told first.
 *
 * Broken and caught: no mark around the writer's call; a mark that goes before the note; a reader
 * that does not look again; either order of the mark's two ends weakened.
 */
#include "../../../io/breakage.h"

#include "model.h"

static struct sley__breakage breakage;
static atomic(uint32_t) kernel; /* the errno that the next call is told */
static int read_first, read_again, wrote;

static void setup(void)
{
    sley__breakage_init(&breakage);
    store_relaxed(&kernel, ECONNRESET);
    read_first = read_again = wrote = 0;
}

static int system_call(void)
{
    return -(int)exchange_acq_rel(&kernel, 0);
}

/* As in stream.c: 0 where it is the end. */
static int read_end(void)
{
    int result;

    for (;;) {
        result = system_call();
        if (result < 0) {
            sley__breakage_note(&breakage, result);
            return result;
        }
        result = sley__breakage_at_end(&breakage);
        if (result != SLEY_EAGAIN)
            return result;
        model_yield();
    }
}

static void read_twice(unsigned thread)
{
    (void)thread;
    read_first = read_end();
    read_again = read_end();
}

static void write_one(unsigned thread)
{
    int result;

    (void)thread;
    sley__breakage_write_begins(&breakage);
    result = system_call();
    wrote = result;
    sley__breakage_write_ends(&breakage, result);
}

static void verify(void)
{
    model_assert(read_first == -ECONNRESET, "the reader was told %d", read_first);
    model_assert(read_again == -ECONNRESET, "and then %d", read_again);
    model_outcome(wrote ? "told to the writer" : "told to the reader");
}

MODEL(breakage_once, .about = "an error is not taken for the end of the stream", .threads = 2,
      .setup = setup, .body = {read_twice, write_one}, .verify = verify,
      .must_see = {"told to the writer", "told to the reader"});
