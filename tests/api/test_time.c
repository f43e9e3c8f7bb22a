/*
 * test_time.c: the clock, and sleeping: never too short, in order, ended by cancel and deadline.
 */
#include "task_test.h"

#include <time.h>

Test(units, are_nanoseconds)
{
    cr_assert_eq(SLEY_NANOSECONDS(7), 7);
    cr_assert_eq(SLEY_MICROSECONDS(7), 7000);
    cr_assert_eq(SLEY_MILLISECONDS(7), 7000000);
    cr_assert_eq(SLEY_SECONDS(7), INT64_C(7000000000));
    cr_assert_eq(SLEY_SECONDS(1000000000), INT64_C(1000000000000000000), "no int in between");
    cr_assert_eq(SLEY_MILLISECONDS(1 + 1), 2000000, "arguments are expressions");
}

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return SLEY_SECONDS(now.tv_sec) + now.tv_nsec;
}

Test(now, is_the_monotonic_clock)
{
    for (int i = 0; i < 1000; i++) {
        int64_t before = monotonic(), now = sley_now(), after = monotonic();

        cr_assert(before <= now && now <= after);
    }
}

Test(after, is_so_much_later)
{
    int64_t before = sley_now(), deadline = sley_after(SLEY_SECONDS(5)), after = sley_now();

    cr_assert(before + SLEY_SECONDS(5) <= deadline && deadline <= after + SLEY_SECONDS(5));
}

Test(after, saturates)
{
    cr_assert_eq(sley_after(SLEY_FOREVER), SLEY_FOREVER);
    cr_assert_eq(sley_after(SLEY_FOREVER - 1), SLEY_FOREVER);
    cr_assert_lt(sley_after(SLEY_FOREVER / 2), SLEY_FOREVER);
}

Test(after, of_a_negative_duration_is_now)
{
    static const int64_t durations[] = {0, -1, -SLEY_SECONDS(10), INT64_MIN};

    for (int i = 0; i < 4; i++) {
        int64_t before = sley_now(), deadline = sley_after(durations[i]), after = sley_now();

        cr_assert(before <= deadline && deadline <= after);
    }
}

static void sleep_and_expect_no_less(int64_t duration)
{
    int64_t before = sley_now();

    assert_ok(sley_sleep(duration));
    cr_assert_geq(sley_now() - before, duration, "early");
}

TASK_TEST(sleep, is_never_too_short)
{
    static const int64_t durations[] = {1,       100,     1000,    10000,   130000,
                                        131072,  131073,  200000,  262143,  500000,
                                        1000000, 3000000, 5000001, 40000000};

    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        sleep_and_expect_no_less(durations[i]);
    return 0;
}

TASK_TEST(sleep, until_a_deadline_is_never_too_short)
{
    for (int i = 0; i < 20; i++) {
        int64_t deadline = sley_after(i * SLEY_MICROSECONDS(70));

        assert_ok(sley_sleep_until(deadline));
        cr_assert_geq(sley_now(), deadline);
    }
    return 0;
}

static int set_flag(void *arg)
{
    set(arg);
    return 0;
}

ONE_WORKER_TEST(sleep, for_nothing_or_less_only_yields)
{
    static const int64_t durations[] = {0, -1, INT64_MIN};

    for (int i = 0; i < 3; i++) {
        bool ran = false;

        assert_ok(sley_spawn(set_flag, &ran, NULL, NULL));
        while (!ran)
            assert_ok(sley_sleep(durations[i]));
    }
    return 0;
}

ONE_WORKER_TEST(sleep, until_what_has_passed_comes_back)
{
    static const int64_t deadlines[] = {0, 1, -1, INT64_MIN};

    for (int i = 0; i < 4; i++)
        assert_ok(sley_sleep_until(deadlines[i]));
    assert_ok(sley_sleep_until(sley_now()));
    return 0;
}

static int sleep_so_long(void *arg)
{
    return sley_sleep(*(int64_t *)arg);
}

TASK_TEST(sleep, for_ever_ends_by_a_cancel)
{
    int64_t durations[] = {SLEY_FOREVER, SLEY_FOREVER - 1, SLEY_SECONDS(1) * 86400 * 365 * 100};
    struct sley_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = spawned(sleep_so_long, &durations[i]);
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    for (int i = 0; i < 3; i++) {
        sley_cancel(tasks[i], NULL);
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    }
    return 0;
}

TASK_TEST(sleep, ends_at_the_ambient_deadline)
{
    int64_t deadline = sley_after(SLEY_MILLISECONDS(3));

    sley_deadline_narrow(deadline);
    assert_code(sley_sleep(SLEY_SECONDS(1000)), SLEY_ETIMEDOUT);
    cr_assert_geq(sley_now(), deadline);
    return 0;
}

TASK_TEST(sleep, that_ends_before_the_ambient_deadline_is_a_success)
{
    sley_deadline_narrow(sley_after(SLEY_SECONDS(1000)));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    return 0;
}

static int sleep_at_random(void *arg)
{
    unsigned *dice = arg;

    for (int i = 0; i < 20; i++) {
        *dice = *dice * 1103515245 + 12345;
        sleep_and_expect_no_less((int64_t)(*dice >> 8) % SLEY_MILLISECONDS(3));
    }
    return 0;
}

TASK_TEST(sleep, many_sleepers_all_get_up_and_none_is_early)
{
    enum { MANY = 500 };
    static struct sley_task *tasks[MANY];
    static unsigned dice[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        dice[i] = i;
        tasks[i] = spawned(sleep_at_random, &dice[i]);
    }
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

/* A worker that does not come back to its timers has them fired by another. */
static int sleep_and_set(void *arg)
{
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    set(arg);
    return 0;
}

static int hog_until_set(void *arg)
{
    struct sley_task *tasks[8];
    bool *flags = arg;

    /* Whoever sleeps does so on this worker, unless another steals it before. */
    for (int i = 0; i < 8; i++)
        tasks[i] = spawned(sleep_and_set, &flags[i]);
    sley_yield();
    for (int i = 0; i < 8; i++)
        while (!is_set(&flags[i]))
            ; /* keeps the worker */
    for (int i = 0; i < 8; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    return 0;
}

TASK_TEST(sleep, a_hogged_workers_timers_are_fired_by_others)
{
    static bool flags[8];

    cr_assert_eq(joined(spawned(hog_until_set, flags)), 0);
    return 0;
}

static void *sleep_there(void *arg)
{
    int64_t before = sley_now();

    (void)arg;
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    cr_assert_geq(sley_now() - before, SLEY_MILLISECONDS(2));
    assert_ok(sley_sleep(0));
    assert_ok(sley_sleep(-5));
    assert_ok(sley_sleep_until(0));
    before = sley_after(SLEY_MILLISECONDS(2));
    assert_ok(sley_sleep_until(before));
    cr_assert_geq(sley_now(), before);
    return NULL;
}

TASK_TEST(sleep, works_on_a_foreign_thread)
{
    sley_deadline_narrow(sley_after(SLEY_SECONDS(1000)));
    on_foreign_thread(sleep_there, NULL);
    return 0;
}

Test(sleep, works_without_a_runtime)
{
    sleep_there(NULL);
}
