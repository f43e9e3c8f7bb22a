/*
 * test_idle.c: who sleeps, who searches, whom to wake: the accounting, step by step.
 */
#include "idle.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct sley__idle idle;

static void start(unsigned workers)
{
    sley__idle_init(&idle, workers);
}

static void expect(unsigned searching, unsigned sleeping)
{
    uint32_t state = load_relaxed(&idle.state);

    cr_assert_eq(sley__idle_searching(state), searching, "%u search, not %u",
                 sley__idle_searching(state), searching);
    cr_assert_eq(sley__idle_sleeping(state), sleeping, "%u sleep, not %u",
                 sley__idle_sleeping(state), sleeping);
}

/* A worker that was running goes to sleep. */
static bool sleep_from_running(unsigned worker)
{
    return sley__idle_announce(&idle, worker, false, false);
}

Test(idle, begins_with_everybody_running)
{
    start(4);
    expect(0, 0);
    cr_assert(!sley__idle_should_wake(&idle));
    cr_assert_eq(sley__idle_choose(&idle, 0), -1);
}

Test(idle, refuses_no_workers, .signal = SIGABRT)
{
    start(0);
}

Test(idle, refuses_more_workers_than_it_has_bits, .signal = SIGABRT)
{
    start(SLEY__MAX_WORKERS + 1);
}

Test(idle, the_last_one_to_sleep_is_told)
{
    start(3);
    cr_assert(!sleep_from_running(0));
    cr_assert(!sleep_from_running(2));
    expect(0, 2);
    cr_assert(sleep_from_running(1));
    expect(0, 3);
}

Test(idle, a_single_worker_is_always_the_last)
{
    start(1);
    cr_assert(sleep_from_running(0));
    cr_assert(sley__idle_retract(&idle, 0));
    cr_assert(sley__idle_announce(&idle, 0, true, false));
    expect(0, 1);
}

Test(idle, a_searcher_that_goes_to_sleep_searches_no_more)
{
    start(2);
    cr_assert(sley__idle_start_search(&idle));
    expect(1, 0);
    cr_assert(!sley__idle_announce(&idle, 0, true, false));
    expect(0, 1);
}

Test(idle, one_is_woken_when_nobody_searches)
{
    start(2);
    sleep_from_running(1);
    cr_assert(sley__idle_should_wake(&idle));
    cr_assert_eq(sley__idle_choose(&idle, 0), 1);
    expect(1, 0);
}

Test(idle, nobody_is_woken_while_one_searches)
{
    start(4);
    sleep_from_running(1);
    sleep_from_running(2);
    cr_assert_geq(sley__idle_choose(&idle, 0), 0);
    expect(1, 1);
    cr_assert(!sley__idle_should_wake(&idle), "the one that was woken searches already");
    cr_assert_eq(sley__idle_choose(&idle, 0), -1);
    cr_assert(sley__idle_stop_search(&idle));
    cr_assert(sley__idle_should_wake(&idle));
    cr_assert_geq(sley__idle_choose(&idle, 0), 0);
    expect(1, 0);
}

Test(idle, only_the_last_to_stop_searching_is_told_so)
{
    start(4);
    cr_assert(sley__idle_start_search(&idle));
    cr_assert(sley__idle_start_search(&idle));
    cr_assert(!sley__idle_stop_search(&idle));
    cr_assert(sley__idle_stop_search(&idle));
    expect(0, 0);
}

Test(idle, at_most_half_of_those_awake_search)
{
    start(8);
    for (int i = 0; i < 4; i++)
        cr_assert(sley__idle_start_search(&idle), "searcher %d", i);
    cr_assert(!sley__idle_start_search(&idle));
    expect(4, 0);
    for (unsigned i = 0; i < 4; i++)
        sleep_from_running(i); /* 4 awake, 4 of them search */
    cr_assert(!sley__idle_start_search(&idle));
}

Test(idle, one_may_always_search)
{
    start(1);
    cr_assert(sley__idle_start_search(&idle));
    start(3);
    sleep_from_running(0);
    sleep_from_running(1);
    cr_assert(sley__idle_start_search(&idle));
}

Test(idle, chooses_the_nearest_from_the_one_who_asks_upwards)
{
    static const unsigned sleepers[] = {3, 70, 130, 199};
    static const struct {
        unsigned near;
        int chosen;
    } cases[] = {{0, 3},    {3, 3},     {4, 70},    {69, 70},  {70, 70},
                 {71, 130}, {128, 130}, {131, 199}, {199, 199}};

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        start(200);
        for (size_t j = 0; j < ARRAY_LENGTH(sleepers); j++)
            sleep_from_running(sleepers[j]);
        cr_assert_eq(sley__idle_choose(&idle, cases[i].near), cases[i].chosen, "near %u",
                     cases[i].near);
    }
}

Test(idle, chooses_one_below_when_there_is_none_above)
{
    start(200);
    sleep_from_running(5);
    cr_assert_eq(sley__idle_choose(&idle, 190), 5);
    start(64);
    sleep_from_running(5);
    cr_assert_eq(sley__idle_choose(&idle, 63), 5, "in the same word");
}

Test(idle, finds_every_worker_from_everywhere)
{
    static const unsigned at[] = {0, 1, 63, 64, 65, 511, 512, SLEY__MAX_WORKERS - 1};

    for (size_t i = 0; i < ARRAY_LENGTH(at); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(at); j++) {
            start(SLEY__MAX_WORKERS);
            sleep_from_running(at[i]);
            cr_assert_eq(sley__idle_choose(&idle, at[j]), (int)at[i]);
            expect(1, 0);
        }
}

Test(idle, wakes_each_sleeper_once)
{
    bool woken[100] = {false};

    start(100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(sleep_from_running(i), i == 99);
    for (unsigned i = 0; i < 100; i++) {
        int chosen = sley__idle_choose(&idle, i * 7 % 100);

        cr_assert(chosen >= 0 && chosen < 100 && !woken[chosen]);
        woken[chosen] = true;
        cr_assert(sley__idle_stop_search(&idle));
    }
    cr_assert_eq(sley__idle_choose(&idle, 0), -1);
    expect(0, 0);
}

Test(idle, a_sleeper_that_finds_work_retracts)
{
    start(2);
    sleep_from_running(0);
    cr_assert(sley__idle_retract(&idle, 0));
    expect(1, 0);
    cr_assert_eq(sley__idle_choose(&idle, 0), -1);
}

Test(idle, a_sleeper_that_was_chosen_cannot_retract)
{
    start(2);
    sleep_from_running(0);
    cr_assert_eq(sley__idle_choose(&idle, 0), 0);
    cr_assert(!sley__idle_retract(&idle, 0));
    expect(1, 0); /* counted once, by the chooser */
}

/* The chooser has passed the count and finds no bit: the sleeper is just retracting. */
Test(idle, a_chooser_that_finds_no_bit_gives_its_search_back)
{
    start(2);
    sleep_from_running(1);
    fetch_and_seq_cst(&idle.sleepers[0], ~(uint64_t)2);
    cr_assert_eq(sley__idle_choose(&idle, 0), -1);
    expect(0, 1); /* the sleeper takes itself off the count */
}

Test(idle, this_very_one_is_chosen_only_if_it_sleeps)
{
    start(3);
    sleep_from_running(0);
    sleep_from_running(2);
    cr_assert(!sley__idle_choose_this(&idle, 1));
    cr_assert(sley__idle_choose_this(&idle, 2));
    expect(1, 1);
    cr_assert(!sley__idle_choose_this(&idle, 2), "its wake is under way");
    cr_assert(sley__idle_choose_this(&idle, 0), "stopping does not care who searches");
    expect(2, 0);
}
