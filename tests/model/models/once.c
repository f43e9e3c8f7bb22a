/*
 * once.c: what is done once (sched/once.c), and turns (sched/rate.c), both small.
 */
#include "model.h"

#include <sley/sync.h>
#include <sley/time.h>

static struct sley_once once;
static unsigned made, calls; /* plain: the once orders them */
static bool fails;
static unsigned turns; /* ghost */
static struct sley_rate_limiter limiter;

static void setup(void)
{
    once = (struct sley_once)SLEY_ONCE_INIT;
    made = calls = 0;
    fails = model_variant();
}

/* The first call fails in one variant. */
static int make(void *arg)
{
    model_assert(arg == &made, "it is called with what was given");
    calls++;
    if (fails && calls == 1)
        return SLEY_EBUSY;
    made++;
    return 1;
}

static void need(unsigned thread)
{
    int error = sley_once_do(&once, make, &made);

    (void)thread;
    model_assert(error == 0 || (fails && error == SLEY_EBUSY), "%d", error);
    if (error == 0)
        model_assert(made == 1, "it is made %u times", made);
}

static void need_twice(unsigned thread)
{
    need(thread);
    need(thread);
}

static void verify(void)
{
    model_assert(made == 1 && calls == 1u + fails, "made %u times in %u calls", made, calls);
    model_assert(once.mutex.word == 0, "somebody has the mutex still");
}

MODEL(once_two, .about = "one makes it, everybody sees it; after a failure the next one makes it",
      .threads = 3, .setup = setup, .body = {need_twice, need, need}, .verify = verify,
      .variants = 2);

/* --- turns -------------------------------------------------------------------------------------
 */

static MODEL_GHOST void note_turn(void)
{
    turns++;
}

static void setup_rate(void)
{
    limiter = (struct sley_rate_limiter)SLEY_RATE_LIMITER_INIT(1000, 2);
    turns = 0;
}

static void try_turn(unsigned thread)
{
    (void)thread;
    if (sley_rate_limiter_try(&limiter))
        note_turn();
}

static void verify_rate(void)
{
    model_assert(turns == 2, "%u turns were given, of two", turns);
    model_assert(limiter.next == MODEL_EPOCH + 2000000, "the next one is at %lld",
                 (long long)limiter.next);
}

MODEL(once_rate, .about = "three try at once to get one of two turns", .threads = 3,
      .setup = setup_rate, .body = {try_turn}, .verify = verify_rate);
