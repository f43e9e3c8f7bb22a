/*
 * test_timer.c: the timing wheel, against its promises one by one and against a plain list.
 *
 * The clock is the test's own, so nothing here waits. The last test makes random moves from a seed;
 * SLEY_SEED=n in the environment repeats them.
 */
#include "timer_impl.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include <sley/time.h>

#define TICK         ((int64_t)1 << SLEY__WHEEL_TICK_BITS)
#define LEVEL(level) (TICK << SLEY__WHEEL_SHIFT(level)) /* ns that one slot of it spans */
#define SPAN         LEVEL(SLEY__WHEEL_LEVELS)

enum { TIMERS = 300 };

static struct sley__wheel wheel;
static struct sley__timer timers[TIMERS];
static struct sley__timer_due due[TIMERS];

/* A timer is known by its ticket. */
static void arm(uint64_t number, int64_t deadline)
{
    timers[number].ticket = number;
    timers[number].task = (void *)&timers[number];
    sley__timer_arm(&wheel, &timers[number], deadline);
}

static size_t advance(int64_t now)
{
    return sley__wheel_advance(&wheel, now, due, TIMERS);
}

/* The next time at which the wheel wants to be looked at is not after the tick of `deadline`. */
static void expect_next_by(int64_t deadline)
{
    cr_assert_leq(sley__wheel_next(&wheel), (deadline + TICK - 1) & -TICK);
}

Test(timer, an_empty_wheel_has_no_next)
{
    sley__wheel_init(&wheel, 0);
    cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
    cr_assert_eq(advance(SLEY_FOREVER - 1), 0);
}

Test(timer, fires_at_its_tick_and_not_before)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 10 * TICK);
    expect_next_by(10 * TICK);
    cr_assert_eq(advance(10 * TICK - 1), 0);
    cr_assert_eq(advance(10 * TICK), 1);
    cr_assert_eq(due[0].ticket, 1);
    cr_assert_eq((void *)due[0].task, (void *)&timers[1]);
    cr_assert_eq(advance(20 * TICK), 0);
    cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
}

Test(timer, a_deadline_within_a_tick_waits_for_its_end)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 10 * TICK + 1);
    cr_assert_eq(advance(10 * TICK + 1), 0);
    cr_assert_eq(advance(11 * TICK - 1), 0);
    cr_assert_eq(advance(11 * TICK), 1);
}

Test(timer, a_deadline_that_has_passed_fires_at_the_next_tick)
{
    sley__wheel_init(&wheel, 1000 * TICK);
    arm(1, 0);
    arm(2, INT64_MIN);
    arm(3, 1000 * TICK);
    expect_next_by(1001 * TICK);
    cr_assert_eq(advance(1001 * TICK), 3);
}

Test(timer, deadlines_beyond_all_time_never_fire)
{
    sley__wheel_init(&wheel, 0);
    arm(1, SLEY_FOREVER);
    arm(2, SLEY_FOREVER - 1);
    cr_assert_eq(advance(SLEY_FOREVER - 2), 0);
    sley__timer_disarm(&timers[1]);
    sley__timer_disarm(&timers[2]);
    cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
}

/* One timer per level and neighbourhood of its edges, from several nows. */
Test(timer, falls_through_all_levels_to_its_own_tick)
{
    static const int64_t starts[] = {0,
                                     1,
                                     255 * TICK,
                                     LEVEL(1) - TICK,
                                     LEVEL(2) - TICK,
                                     LEVEL(2) + LEVEL(1),
                                     LEVEL(3) * 3 - TICK};

    for (size_t s = 0; s < ARRAY_LENGTH(starts); s++)
        for (int level = 0; level < SLEY__WHEEL_LEVELS; level++)
            for (int64_t slots = 1; slots < SLEY__WHEEL_SLOTS(level);
                 slots += SLEY__WHEEL_SLOTS(level) / 2 - 1)
                for (int64_t off = -1; off <= 1; off++) {
                    int64_t deadline = starts[s] + slots * LEVEL(level) + off * TICK;

                    if (deadline <= starts[s] + TICK)
                        continue;
                    sley__wheel_init(&wheel, starts[s]);
                    arm(7, deadline);
                    expect_next_by(deadline);
                    cr_assert_eq(advance(deadline - 1), 0, "early");
                    expect_next_by(deadline);
                    cr_assert_eq(advance(deadline + TICK - 1), 1, "level %d, %d slots", level,
                                 (int)slots);
                }
}

/* A worker looks when the wheel says so, and only then. */
Test(timer, one_who_always_looks_at_next_gets_it_in_time)
{
    for (int64_t distance = 1; distance < SPAN; distance = distance * 3 + 1) {
        int64_t deadline = 12345 * TICK + distance, now = 12345 * TICK;
        int looks = 0;
        size_t n;

        sley__wheel_init(&wheel, now);
        arm(1, deadline);
        do {
            cr_assert_gt(sley__wheel_next(&wheel), now, "no progress");
            now = sley__wheel_next(&wheel);
            cr_assert_lt(now, deadline + TICK, "late");
            n = advance(now);
            looks++;
        } while (!n);
        cr_assert_geq(now, deadline);
        cr_assert_leq(looks, SLEY__WHEEL_LEVELS + 1);
    }
}

Test(timer, waits_beyond_the_span_of_the_wheel)
{
    for (int64_t revolutions = 1; revolutions <= 3; revolutions++) {
        int64_t deadline = revolutions * SPAN + 77 * LEVEL(3) + 5 * TICK;

        sley__wheel_init(&wheel, 0);
        arm(1, deadline);
        expect_next_by(deadline);
        cr_assert_eq(advance(deadline - 1), 0);
        expect_next_by(deadline);
        cr_assert_eq(advance(deadline), 1);
    }
}

/* After 208 days of uptime the last level turns over. */
Test(timer, is_not_late_where_the_last_level_turns_over)
{
    static const int64_t before[] = {TICK, LEVEL(1), LEVEL(2), LEVEL(3), 200 * LEVEL(3)};
    static const int64_t after[] = {0, TICK, LEVEL(1), LEVEL(2), 50 * LEVEL(3)};

    for (size_t i = 0; i < ARRAY_LENGTH(before); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(after); j++) {
            int64_t deadline = SPAN + after[j];

            sley__wheel_init(&wheel, SPAN - before[i]);
            arm(1, deadline);
            expect_next_by(deadline);
            cr_assert_eq(advance(deadline - 1), 0);
            expect_next_by(deadline);
            cr_assert_eq(advance(deadline), 1, "armed %" PRId64 " before, due %" PRId64 " after",
                         before[i], after[j]);
        }
}

Test(timer, a_clock_that_leaps_finds_all_that_was_due)
{
    sley__wheel_init(&wheel, 0);
    for (uint64_t i = 0; i < TIMERS; i++)
        arm(i, (int64_t)(i * i * i) * TICK + 3);
    cr_assert_eq(advance(SPAN), TIMERS);
    cr_assert_eq(advance(2 * SPAN), 0);
}

Test(timer, a_wheel_that_was_idle_for_long_is_as_good_as_new)
{
    int64_t now = 300 * LEVEL(2) + 17;

    sley__wheel_init(&wheel, 0);
    cr_assert_eq(advance(now), 0);
    arm(1, now + 5 * TICK);
    expect_next_by(now + 5 * TICK);
    cr_assert_eq(advance(now + 5 * TICK - 1), 0);
    cr_assert_eq(advance(now + 6 * TICK), 1);
}

Test(timer, those_of_one_tick_fire_in_the_order_they_were_armed_in)
{
    int64_t deadline = LEVEL(2) + 3 * LEVEL(1) + 9 * TICK;

    sley__wheel_init(&wheel, 0);
    for (uint64_t i = 0; i < 50; i++)
        arm(i, deadline);
    cr_assert_eq(advance(deadline), 50);
    for (uint64_t i = 0; i < 50; i++)
        cr_assert_eq(due[i].ticket, i);
}

Test(timer, earlier_ticks_fire_first)
{
    sley__wheel_init(&wheel, 0);
    for (uint64_t i = 0; i < 50; i++)
        arm(i, (int64_t)(50 - i) * 40 * TICK);
    cr_assert_eq(advance(SPAN), 50);
    for (uint64_t i = 0; i < 50; i++)
        cr_assert_eq(due[i].ticket, 49 - i);
}

Test(timer, one_disarmed_before_its_time_does_not_fire)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    arm(2, 5 * TICK);
    arm(3, LEVEL(3));
    sley__timer_disarm(&timers[1]);
    sley__timer_disarm(&timers[3]);
    cr_assert_eq(advance(SPAN), 1);
    cr_assert_eq(due[0].ticket, 2);
}

Test(timer, disarming_the_last_one_leaves_no_next)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    arm(2, LEVEL(2));
    sley__timer_disarm(&timers[1]);
    expect_next_by(LEVEL(2));
    sley__timer_disarm(&timers[2]);
    cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
}

Test(timer, disarming_one_that_has_fired_or_was_disarmed_does_nothing)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    arm(2, 9 * TICK);
    cr_assert_eq(advance(5 * TICK), 1);
    sley__timer_disarm(&timers[1]);
    sley__timer_disarm(&timers[1]);
    expect_next_by(9 * TICK);
    cr_assert_eq(advance(9 * TICK), 1);
    sley__timer_disarm(&timers[2]);
    cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
}

Test(timer, a_node_can_be_armed_again)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    sley__timer_disarm(&timers[1]);
    arm(1, 7 * TICK);
    cr_assert_eq(advance(6 * TICK), 0);
    cr_assert_eq(advance(7 * TICK), 1);
    arm(1, 8 * TICK);
    cr_assert_eq(advance(8 * TICK), 1);
}

Test(timer, what_does_not_fit_into_due_comes_with_the_next_call)
{
    bool came[100] = {false};
    size_t n, total = 0;
    int calls = 0;

    sley__wheel_init(&wheel, 0);
    for (uint64_t i = 0; i < 100; i++)
        arm(i, (1 + (int64_t)i / 20) * 7 * TICK);
    do {
        n = sley__wheel_advance(&wheel, LEVEL(1), due + total, 8);
        total += n;
        calls++;
    } while (n == 8);
    cr_assert_eq(total, 100);
    cr_assert_eq(calls, 13);
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert_eq(due[i].ticket / 20, i / 20, "an earlier tick first");
        cr_assert(!came[due[i].ticket], "%llu twice", (unsigned long long)due[i].ticket);
        came[due[i].ticket] = true;
    }
}

Test(timer, a_full_due_leaves_next_where_the_rest_is)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    arm(2, 5 * TICK);
    cr_assert_eq(sley__wheel_advance(&wheel, 9 * TICK, due, 1), 1);
    expect_next_by(9 * TICK);
    arm(3, 30 * TICK);
    expect_next_by(9 * TICK);
    cr_assert_eq(sley__wheel_advance(&wheel, 9 * TICK, due, 1), 1);
    cr_assert_eq(due[0].ticket, 2);
    cr_assert_eq(sley__wheel_advance(&wheel, 9 * TICK, due, 1), 0);
    cr_assert_eq(advance(30 * TICK), 1);
}

Test(timer, one_left_behind_by_a_full_due_can_be_disarmed)
{
    sley__wheel_init(&wheel, 0);
    arm(1, 5 * TICK);
    arm(2, 5 * TICK);
    cr_assert_eq(sley__wheel_advance(&wheel, 9 * TICK, due, 1), 1);
    sley__timer_disarm(&timers[2]);
    cr_assert_eq(advance(SPAN), 0);
}

/* --- against a list ----------------------------------------------------------------------------
 */

/* What the list knows of a timer. */
static struct known {
    bool armed;
    int64_t deadline, armed_at;
} known[TIMERS];

static int64_t clock_ns;
static uint64_t seed, rolls;

static uint64_t roll(uint64_t below)
{
    return sley__hash64(seed + ++rolls * UINT64_C(0x9e3779b97f4a7c15)) % below;
}

/* A span of time of any order of magnitude up to 2^bits ns. */
static int64_t some_time(unsigned bits)
{
    return (int64_t)roll((uint64_t)1 << roll(bits + 1));
}

/* When it must have fired: at the first tick after its deadline and after it was armed. */
static int64_t latest(const struct known *k)
{
    int64_t base = k->deadline > k->armed_at ? k->deadline : k->armed_at + 1;

    return base > SLEY_FOREVER - TICK ? SLEY_FOREVER : (base + TICK - 1) & -TICK;
}

static void random_arm(uint64_t i)
{
    if (known[i].armed)
        return;
    known[i].armed = true;
    known[i].armed_at = clock_ns;
    known[i].deadline = roll(20) ? clock_ns + some_time(roll(4) ? 36 : 61) : some_time(62);
    if (known[i].deadline < 0)
        known[i].deadline = SLEY_FOREVER;
    arm(i, known[i].deadline);
}

static void random_disarm(uint64_t i)
{
    sley__timer_disarm(&timers[i]);
    known[i].armed = false;
}

static void check_next(void)
{
    size_t armed = 0;

    for (uint64_t i = 0; i < TIMERS; i++)
        if (known[i].armed) {
            armed++;
            cr_assert_leq(sley__wheel_next(&wheel), latest(&known[i]), "next is too late");
        }
    cr_assert_eq(wheel.count, armed);
    if (!armed)
        cr_assert_eq(sley__wheel_next(&wheel), SLEY_FOREVER);
}

static void random_advance(void)
{
    size_t max = 1 + roll(9), n, i;

    if (roll(3) && sley__wheel_next(&wheel) < SLEY_FOREVER && sley__wheel_next(&wheel) > clock_ns)
        clock_ns = sley__wheel_next(&wheel); /* as a worker does */
    else
        clock_ns += some_time(roll(8) ? 34 : 57);
    if (clock_ns < 0)
        clock_ns = 0;
    do {
        n = sley__wheel_advance(&wheel, clock_ns, due, max);
        cr_assert_leq(n, max);
        for (i = 0; i < n; i++) {
            struct known *k = &known[due[i].ticket];

            cr_assert(k->armed, "fired twice, or after it was disarmed");
            cr_assert_leq(k->deadline, clock_ns, "early");
            k->armed = false;
        }
    } while (n == max);
    for (i = 0; i < TIMERS; i++)
        cr_assert(!known[i].armed || latest(&known[i]) > clock_ns,
                  "late: armed at %" PRId64 " for %" PRId64 ", now %" PRId64, known[i].armed_at,
                  known[i].deadline, clock_ns);
    check_next();
}

static void random_life(void)
{
    int move;
    size_t i;

    rolls = 0;
    for (i = 0; i < TIMERS; i++) {
        known[i].armed = false;
        timers[i].wheel = &wheel;
        list_init(&timers[i].link); /* as if it had fired */
    }
    clock_ns = some_time(60);
    sley__wheel_init(&wheel, clock_ns);
    for (move = 0; move < 3000 && clock_ns < INT64_MAX / 2; move++)
        switch (roll(8)) {
        case 0:
        case 1:
            random_advance();
            break;
        case 2:
        case 3:
            random_disarm(roll(TIMERS));
            break;
        default:
            random_arm(roll(TIMERS));
        }
}

Test(timer, does_what_a_list_would_do)
{
    uint64_t base = sley__random_base();

    fprintf(stderr, "test_timer: SLEY_SEED=%" PRIu64 "\n", base);
    for (uint64_t life = 0; life < 60; life++) {
        seed = sley__hash64(base + life);
        random_life();
    }
}
