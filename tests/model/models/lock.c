/*
 * lock.c: the scheduler's leaf lock (sched/lock.h, lock.c): exclusion, and no sleeper forgotten.
 *
 * What is counted is plain memory, so a release or an acquire too weak shows as a data race, and
 * two holders at once show as a wrong count. A sleeper that nobody wakes ends the execution as a
 * deadlock. Three threads are needed: one sleeper is woken while another one still sleeps, and has
 * to be seen by the release after that.
 */
#include "lock.h"
#include "model.h"

static struct sley__lock lock;
static unsigned count;
static bool slept;

static void setup(void)
{
    lock = (struct sley__lock){0};
    *sley__lock_sleepers_of(&lock) = 0;
    count = 0;
    slept = false;
}

/* Whether the count has said that somebody may sleep. */
static MODEL_GHOST void look(void)
{
    slept |= *sley__lock_sleepers_of(&lock) != 0;
}

static void once(unsigned thread)
{
    (void)thread;
    sley__lock_acquire(&lock);
    count++;
    look();
    sley__lock_release(&lock);
}

static void twice(unsigned thread)
{
    once(thread);
    once(thread);
}

/* A holder that does something others can come between. */
static void slowly(unsigned thread)
{
    (void)thread;
    sley__lock_acquire(&lock);
    count++;
    model_yield();
    look();
    sley__lock_release(&lock);
}

static void tries(unsigned thread)
{
    (void)thread;
    if (sley__lock_try(&lock)) {
        count++;
        look();
        sley__lock_release(&lock);
        model_outcome("try succeeded");
    } else {
        model_outcome("try failed");
    }
}

static void verify(void)
{
    unsigned expected = *(const unsigned *)model_argument();

    model_assert(lock.word == 0, "the lock is still held: %u", lock.word);
    model_assert(count == expected, "%u times instead of %u", count, expected);
    model_outcome(slept ? "somebody slept" : "nobody slept");
}

static void verify_try(void)
{
    model_assert(lock.word == 0, "the lock is still held: %u", lock.word);
    model_assert(count == 2 || count == 3, "%u times", count);
}

MODEL(lock_two, .about = "two threads, twice each", .threads = 2, .setup = setup, .body = {twice},
      .verify = verify, .argument = &(const unsigned){4},
      .must_see = {"somebody slept", "nobody slept"});
MODEL(lock_three, .about = "three threads: a sleeper is seen after another's wake-up", .threads = 3,
      .setup = setup, .body = {once}, .verify = verify, .argument = &(const unsigned){3},
      .must_see = {"somebody slept", "nobody slept"});
MODEL(lock_slow_holder, .about = "the holder is away for long, the others sleep", .threads = 3,
      .setup = setup, .body = {slowly, once, once}, .verify = verify,
      .argument = &(const unsigned){3}, .must_see = {"somebody slept"});
MODEL(lock_spurious, .about = "futex waits that return for no reason", .threads = 3, .setup = setup,
      .body = {slowly, once, once}, .verify = verify, .spurious = true,
      .argument = &(const unsigned){3});
MODEL(lock_try, .about = "a try never waits and never breaks in", .threads = 3, .setup = setup,
      .body = {once, once, tries}, .verify = verify_try,
      .must_see = {"try succeeded", "try failed"});
