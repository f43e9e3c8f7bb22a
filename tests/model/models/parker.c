/*
 * parker.c: how a worker's thread sleeps (sched/park.h, park.c). Every wake ends one sleep: the one
 * it finds, or the next; two wakes for one sleep end one; and none is lost, whatever it meets.
 *
 * Wakers write something plain before they wake, the sleeper reads it afterwards. Who wakes because
 * there is something to be seen (a flag, an atomic) must find that the sleeper looks again: so a
 * sleeper that looks, sleeps and looks again comes to its end. The deadline may come at any point,
 * also between the look at the clock and the futex.
 *
 * A token that is left would end a later sleep, which park.h does not forbid; that the workers
 * never leave one is for idle.c.
 *
 * Tried on a changed source, and caught: the token taken without acquire or given without release;
 * no futex_wake, or one before the token is there; a token that is stored instead of exchanged, or
 * not set again when it is there already (two wakes are one token then, with one message); a token
 * taken by a load and a store, or not taken at all; a sleep that does not look again; one that ends
 * before its deadline, or knows none; a wait for whatever value the token has. Equivalent: the
 * acquire half of giving the token (the exchange reads it only to know whether somebody sleeps, and
 * being a read-modify-write carries the earlier waker's message on in any case); the look before
 * the exchange (it saves an atomic operation).
 */
#include "park.h"

#include "model.h"
#include "platform.h"

#include <sley/time.h>

#include <string.h>

enum { WAKERS_MAX = 3 };

struct plan {
    unsigned sleeps;    /* of thread 0: until so many have returned true */
    int64_t timeout;    /* 0: none */
    unsigned wakes;     /* of each other thread */
    bool waits_between; /* a waker wakes again only when its wake was noticed */
};

static struct sley__parker parker;
static unsigned message[WAKERS_MAX + 1];
static atomic(uint32_t) said[WAKERS_MAX + 1], heard;
static unsigned slept, timeouts, returned;

static const struct plan *plan(void)
{
    return model_argument();
}

static MODEL_GHOST void note_sleep(bool woken)
{
    slept += woken;
    timeouts += !woken;
}

static MODEL_GHOST void note_return(void)
{
    returned++;
}

/* Sleeps as often as it is told. */
static void sleeper(unsigned thread)
{
    unsigned woken = 0;

    (void)thread;
    while (woken < plan()->sleeps) {
        int64_t now = sley__clock_now(),
                deadline = plan()->timeout ? now + plan()->timeout : SLEY_FOREVER;
        bool ended = sley__parker_sleep(&parker, deadline);

        note_sleep(ended);
        if (!ended) {
            model_assert(sley__clock_now() >= deadline, "too early");
            model_outcome("timeout");
            continue;
        }
        woken++;
        fetch_add_relaxed(&heard, 1);
        model_outcome("woken");
    }
}

static MODEL_GHOST bool was_heard(void *arg)
{
    return heard >= *(const unsigned *)arg;
}

static void waker(unsigned thread)
{
    (void)thread;
    for (unsigned i = 1; i <= plan()->wakes; i++) {
        sley__parker_wake(&parker);
        if (plan()->waits_between)
            model_wait_until(was_heard, &i);
    }
}

/* A consumer of what the others say: it looks, sleeps, looks again. */
static void listener(unsigned thread)
{
    unsigned missing = (1u << model_threads()) - 2; /* all but thread 0 */

    (void)thread;
    for (;;) {
        for (unsigned i = 1; i < model_threads(); i++)
            if (missing >> i & 1 && load_relaxed(&said[i]))
                missing &= ~(1u << i);
        if (!missing)
            return;
        sley__parker_sleep(&parker,
                           plan()->timeout ? sley__clock_now() + plan()->timeout : SLEY_FOREVER);
        model_outcome("slept");
    }
}

static void speaker(unsigned thread)
{
    store_relaxed(&said[thread], 1);
    sley__parker_wake(&parker);
}

/* One wake, and what it carries. */
static void writer(unsigned thread)
{
    message[thread] = 7;
    sley__parker_wake(&parker);
    note_return();
}

static void reader(unsigned thread)
{
    (void)thread;
    sley__parker_sleep(&parker, SLEY_FOREVER);
    model_assert(message[1] == 7, "%u", message[1]);
}

static MODEL_GHOST bool both_have_woken(UNUSED void *arg)
{
    return returned == 2;
}

/* Two wakes that came before the sleep are one token, which carries both messages. */
static void reader_of_both(unsigned thread)
{
    (void)thread;
    model_wait_until(both_have_woken, NULL);
    sley__parker_sleep(&parker, SLEY_FOREVER);
    model_assert(message[1] == 7 && message[2] == 7, "%u %u", message[1], message[2]);
}

static void setup(void)
{
    sley__parker_init(&parker);
    memset(message, 0, sizeof message);
    memset(said, 0, sizeof said);
    heard = slept = timeouts = returned = 0;
}

/* All threads have ended, so nobody sleeps for ever; more than that: */
static void verify(void)
{
    unsigned wakes = plan()->wakes * (model_threads() - 1);

    if (!wakes)
        return;
    model_assert(slept + parker.token <= wakes, "%u sleeps ended by %u wakes", slept, wakes);
    if (plan()->waits_between)
        model_assert(!parker.token, "a token is left");
}

#define PARKER(id, actors, text, ...) \
    MODEL(id, .about = text, .threads = actors, .setup = setup, .verify = verify, __VA_ARGS__)

PARKER(parker_one, 2, "a wake carries what came before it", .body = {reader, writer},
       .argument = &(const struct plan){0})
PARKER(parker_both, 3, "two wakes, one token", .body = {reader_of_both, writer},
       .argument = &(const struct plan){0})
PARKER(parker_two, 3, "two wakers, one sleep", .body = {sleeper, waker},
       .argument = &(const struct plan){.sleeps = 1, .wakes = 1})
PARKER(parker_pairs, 2, "a wake, a sleep, and again", .body = {sleeper, waker},
       .argument = &(const struct plan){.sleeps = 2, .wakes = 2, .waits_between = true})
PARKER(parker_deadline, 2, "a deadline comes first, or a wake", .body = {sleeper, waker},
       .argument = &(const struct plan){.sleeps = 1, .wakes = 1, .timeout = 1000},
       .must_see = {"timeout", "woken"})
PARKER(parker_listener, 3, "look, sleep, look again", .body = {listener, speaker},
       .argument = &(const struct plan){0}, .must_see = {"slept"})
PARKER(parker_listener_late, 3, "... with deadlines", .body = {listener, speaker},
       .argument = &(const struct plan){.timeout = 1000}, .must_see = {"slept"})
PARKER(parker_spurious, 3, "futex waits that return for no reason", .body = {sleeper, waker},
       .argument = &(const struct plan){.sleeps = 1, .wakes = 1}, .spurious = true)
