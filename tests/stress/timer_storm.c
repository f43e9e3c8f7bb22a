/*
 * timer_storm.c: thousands of sleeps of random length, some cancelled, some cut by a deadline.
 *
 * Never early: a sleep that returns 0 has lasted, by the same clock. Never for nothing: it is cut
 * short only by a cancel that was sent, or by a deadline that has passed. And never forgotten:
 * every sleeper comes back (how late is a matter for the benchmark; a lost one is for the
 * watchdog). The lengths are spread over all levels of the wheel: from nothing to milliseconds for
 * those that end by themselves, hours and centuries for those that somebody ends.
 */
#include "stress.h"

struct sleeper {
    struct sley_task *task;
    uint64_t stream;
    int64_t deadline; /* ambient, or SLEY_FOREVER */
    atomic_bool cancelled;
    bool long_sleep;
};

static int64_t length_of(struct sleeper *sleeper, struct stress_random *random)
{
    if (sleeper->long_sleep)
        return SLEY_SECONDS(1) << stress_below(random, 33);
    return (int64_t)(stress_next(random) %
                     (uint64_t)(SLEY_MICROSECONDS(1) << stress_below(random, 15)));
}

static int sleep_and_check(struct sleeper *sleeper, int64_t length)
{
    int64_t until = sley_after(length), after;
    int result = sley_sleep_until(until);

    after = sley_now();
    switch (result) {
    case 0:
        CHECK(after >= until, "%" PRId64 " ns early", until - after);
        break;
    case SLEY_ECANCELED:
        CHECK(atomic_load(&sleeper->cancelled), "nobody has cancelled it");
        break;
    case SLEY_ETIMEDOUT:
        CHECK(after >= sleeper->deadline, "its deadline is %" PRId64 " ns away",
              sleeper->deadline - after);
        break;
    default:
        CHECK(false, "sleep: %s", sley_strerror(result));
    }
    return result;
}

static int sleep_some(void *arg)
{
    struct sleeper *sleeper = arg;
    struct stress_random random = stress_random(sleeper->stream);
    int result = 0;

    for (unsigned i = 0; i < 4 && !result; i++)
        result = sleep_and_check(sleeper, length_of(sleeper, &random));
    CHECK(!sleeper->long_sleep || result, "four long sleeps are over");
    return result;
}

static void put_to_bed(struct sleeper *sleeper, struct stress_random *random)
{
    struct sley_task_options options = {0};

    sleeper->stream = stress_next(random);
    sleeper->long_sleep = stress_below(random, 4) == 0;
    sleeper->deadline = SLEY_FOREVER;
    if (stress_below(random, 4) == 0)
        options.deadline = sleeper->deadline =
            sley_after(SLEY_MICROSECONDS(stress_below(random, 20000)));
    CHECK(sley_spawn(sleep_some, sleeper, &options, &sleeper->task) == 0, "spawn");
}

/* Ends by a cancel those that would not end by themselves, and some others. */
static void wake_up(struct sleeper *sleeper, struct stress_random *random)
{
    bool forever = sleeper->long_sleep && sleeper->deadline == SLEY_FOREVER;

    if (!forever && stress_below(random, 4))
        return;
    atomic_store(&sleeper->cancelled, true);
    sley_cancel(sleeper->task, "morning");
}

static int dormitory(void *arg)
{
    unsigned n = stress_count(5000, 800), i;
    struct sleeper *sleepers = calloc(n, sizeof *sleepers);
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);

    CHECK(sleepers, "no memory for %u sleepers", n);
    for (i = 0; i < n; i++) {
        put_to_bed(&sleepers[i], &random);
        if (stress_below(&random, 64) == 0)
            sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 300)));
    }
    for (i = 0; i < n; i++) {
        if (stress_below(&random, 64) == 0)
            sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 300)));
        wake_up(&sleepers[i], &random);
    }
    for (i = 0; i < n; i++) {
        int result = stress_join(sleepers[i].task);

        CHECK(!result || result == SLEY_ECANCELED || result == SLEY_ETIMEDOUT, "%d", result);
    }
    free(sleepers);
    stress_alive();
    return 0;
}

/* Several, so that the wheels of several workers are full. */
static int night(void *arg)
{
    struct sley_task *tasks[3];
    uintptr_t stream = (uintptr_t)arg;

    for (unsigned i = 0; i < 3; i++)
        tasks[i] = stress_spawn(dormitory, (void *)(stream * 3 + i));
    for (unsigned i = 0; i < 3; i++)
        stress_join(tasks[i]);
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        stress_run(stress_workers[i], night, (void *)(uintptr_t)(i + 1));
    return stress_end();
}
