/*
 * test_park.c: how a worker's kernel thread sleeps.
 */
#include "park.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include <sley/time.h>

static struct sley__parker parker;

static void setup(void)
{
    sley__parker_init(&parker);
}

TestSuite(park, .init = setup);

Test(park, a_wake_before_the_sleep_is_not_lost)
{
    sley__parker_wake(&parker);
    cr_assert(sley__parker_sleep(&parker, SLEY_FOREVER));
}

Test(park, wakes_do_not_add_up)
{
    sley__parker_wake(&parker);
    sley__parker_wake(&parker);
    cr_assert(sley__parker_sleep(&parker, SLEY_FOREVER));
    cr_assert(!sley__parker_sleep(&parker, 0));
}

Test(park, a_deadline_ends_the_sleep_and_not_before_it_has_come)
{
    int64_t deadline = sley__clock_now() + SLEY_MILLISECONDS(5);

    cr_assert(!sley__parker_sleep(&parker, deadline));
    cr_assert_geq(sley__clock_now(), deadline);
}

Test(park, a_deadline_that_has_passed_does_not_sleep)
{
    cr_assert(!sley__parker_sleep(&parker, 0));
    cr_assert(!sley__parker_sleep(&parker, sley__clock_now()));
    cr_assert(!sley__parker_sleep(&parker, INT64_MIN));
}

Test(park, a_token_counts_more_than_a_deadline_that_has_passed)
{
    sley__parker_wake(&parker);
    cr_assert(sley__parker_sleep(&parker, 0));
}

Test(park, the_time_of_a_wake_is_noted)
{
    int64_t before = sley__clock_now(), sent;

    sley__parker_wake(&parker);
    sent = load_relaxed(&parker.sent);
    cr_assert_geq(sent, before);
    cr_assert_leq(sent, sley__clock_now());
}

static atomic(int) woken;
static int work; /* plain: the wake publishes it */

static void *sleeper(void *arg)
{
    (void)arg;
    cr_assert(sley__parker_sleep(&parker, SLEY_FOREVER));
    cr_assert_eq(work, 42);
    store_release(&woken, 1);
    return NULL;
}

Test(park, a_wake_ends_the_sleep_and_publishes_what_came_before)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleeper, NULL);
    work = 42;
    sley__parker_wake(&parker);
    pthread_join(thread, NULL);
    cr_assert_eq(load_acquire(&woken), 1);
}

/* Each wake of the bare futex that hits somebody is a spurious one; the second shows that the
 * sleeper went back to sleep after the first. */
Test(park, a_spurious_wake_up_does_not_end_the_sleep)
{
    pthread_t thread;
    int hits = 0;

    pthread_create(&thread, NULL, sleeper, NULL);
    while (hits < 3) {
        hits += sley__futex_wake(&parker.token, 1);
        sley__thread_yield();
    }
    work = 42;
    sley__parker_wake(&parker);
    pthread_join(thread, NULL);
    cr_assert_eq(load_acquire(&woken), 1);
}

enum { ROUNDS = 2000 };
static struct sley__parker other;

static void *echo(void *arg)
{
    int i;

    (void)arg;
    for (i = 0; i < ROUNDS; i++) {
        cr_assert(sley__parker_sleep(&other, SLEY_FOREVER));
        sley__parker_wake(&parker);
    }
    return NULL;
}

Test(park, two_that_wake_each_other_never_miss_a_wake)
{
    pthread_t thread;
    int i;

    sley__parker_init(&other);
    pthread_create(&thread, NULL, echo, NULL);
    for (i = 0; i < ROUNDS; i++) {
        sley__parker_wake(&other);
        cr_assert(sley__parker_sleep(&parker, SLEY_FOREVER));
    }
    pthread_join(thread, NULL);
}
