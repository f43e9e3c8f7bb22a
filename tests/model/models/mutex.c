/*
 * mutex.c: the mutex of sync.h among foreign threads: exclusion, no waiter forgotten, the hand-over
 * to one that was woken in vain too often; and a condition on top of it.
 *
 * Foreign threads take the same way through the word and the list as tasks do, and leave out only
 * the cancel: that is the business of the models of whole runtimes.
 */
#include "model.h"

#include <sley/sync.h>

static struct sley_mutex mutex;
static struct sley_cond cond;
static unsigned count, given; /* plain: the mutex orders them */

static void setup(void)
{
    mutex = (struct sley_mutex)SLEY_MUTEX_INIT;
    cond = (struct sley_cond)SLEY_COND_INIT;
    count = given = 0;
}

static void enter(unsigned thread)
{
    (void)thread;
    model_assert(sley_mutex_lock(&mutex) == 0, "lock");
    count++;
    sley_mutex_unlock(&mutex);
}

static void enter_twice(unsigned thread)
{
    enter(thread);
    enter(thread);
}

static void try_enter(unsigned thread)
{
    (void)thread;
    if (!sley_mutex_try(&mutex))
        return;
    count++;
    sley_mutex_unlock(&mutex);
}

static void all_entered(void)
{
    model_assert(count == *(const unsigned *)model_argument(), "%u entered", count);
    model_assert(sley_mutex_try(&mutex), "somebody has it still");
}

static void let_go(void)
{
    model_assert(sley_mutex_try(&mutex), "somebody has it still");
}

static const unsigned two = 2, three = 3, four = 4;

MODEL(mutex_two, .about = "two threads, one mutex", .threads = 2, .setup = setup, .body = {enter},
      .verify = all_entered, .argument = &two)

MODEL(mutex_again, .about = "... twice each: barging, and waking in vain", .threads = 2,
      .setup = setup, .body = {enter_twice}, .verify = all_entered, .argument = &four,
      .max_executions = 300000)

MODEL(mutex_three, .about = "... three threads", .threads = 3, .setup = setup, .body = {enter},
      .verify = all_entered, .argument = &three, .max_executions = 300000)

MODEL(mutex_try, .about = "... one of which only tries", .threads = 3, .setup = setup,
      .body = {enter, enter, try_enter}, .verify = let_go, .max_executions = 300000)

static void consume(unsigned thread)
{
    (void)thread;
    model_assert(sley_mutex_lock(&mutex) == 0, "lock");
    while (!given)
        model_assert(sley_cond_wait(&cond, &mutex) == 0, "wait");
    given--;
    sley_mutex_unlock(&mutex);
}

static void produce(unsigned thread)
{
    (void)thread;
    model_assert(sley_mutex_lock(&mutex) == 0, "lock");
    given++;
    sley_mutex_unlock(&mutex);
    sley_cond_signal(&cond);
}

MODEL(mutex_cond, .about = "a condition: what is signalled is seen", .threads = 2, .setup = setup,
      .body = {consume, produce}, .verify = let_go, .max_executions = 300000)
