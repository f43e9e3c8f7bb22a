/*
 * gaps_readiness.c: an event that comes about when a descriptor is closed (io/readiness.c): closed
 * stays closed.
 */
#include "model.h"
#include "../io/readiness.h"

static struct sley__readiness word;

static void setup(void)
{
    word = (struct sley__readiness){0};
    sley__readiness_open(&word);
}

static void close_it(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    model_assert(!sley__readiness_close(&word, &waker), "nobody waits");
}

static void event(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    model_assert(!sley__readiness_event(&word, false, &waker), "nobody waits");
}

static void verify(void)
{
    model_assert(sley__readiness_closed(sley__readiness_look(&word)), "open again");
}

MODEL(gaps_readiness, .about = "an event and a close", .threads = 2, .setup = setup,
      .body = {close_it, event}, .verify = verify);
