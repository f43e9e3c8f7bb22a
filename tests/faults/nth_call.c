/*
 * nth_call.c: the n-th call to the system fails, for every n: the runtime and its tasks.
 *
 * The scenarios: a runtime starts and runs; tasks are spawned by the hundred, of every class; tasks
 * call into threads; generators of every class. Whatever n is: no crash, no hang, no leak, and an
 * error that the contract allows, where it is reported at all: what only costs speed may be
 * survived in silence. How it is done is told in failing.h.
 */
#include "failing.h"

#include <sley/blocking.h>
#include <sley/generator.h>

/* --- scenario: a runtime starts, runs a little and ends -------------------------------------- */

static int leaf(void *arg)
{
    sley_yield();
    return *(int *)arg;
}

static int run_a_little(void *arg)
{
    enum { LEAVES = 10 };
    struct sley_task *tasks[LEAVES];
    int seven = 7, result, error;

    (void)arg;
    for (int i = 0; i < LEAVES; i++) {
        error = sley_spawn(leaf, &seven, NULL, &tasks[i]);
        ALLOW(error);
        if (error)
            tasks[i] = NULL;
    }
    for (int i = 0; i < LEAVES; i++)
        if (tasks[i])
            CHECK(sley_join(tasks[i], &result) == 0 && result == 7, "join");
    return 42;
}

static void start_and_run(void)
{
    struct sley_options options = {.workers = 3};
    int result;

    arm();
    result = sley_run(run_a_little, NULL, &options);
    disarm();
    if (result != 42)
        ALLOW(result);
    CHECK(result, "sley_run returned 0");
}

/* --- scenario: tasks by the hundred ---------------------------------------------------------- */

enum { GUESTS = 300 };

static atomic_bool doors_open;

static int guest(void *arg)
{
    volatile char frame[2000];

    frame[0] = frame[sizeof frame - 1] = (char)(uintptr_t)arg;
    while (!atomic_load(&doors_open))
        CHECK(sley_park("the doors") == 0, "park");
    CHECK(frame[0] == (char)(uintptr_t)arg, "its stack");
    return (int)(uintptr_t)arg;
}

static int let_in(void *arg)
{
    static const size_t sizes[] = {0, 16384, 262144, 1048576};
    struct sley_task *tasks[GUESTS];
    int result, error;

    (void)arg;
    arm();
    for (int i = 0; i < GUESTS; i++) {
        struct sley_task_options options = {.stack_size = sizes[i % 4]};

        error = sley_spawn(guest, (void *)(uintptr_t)i, &options, &tasks[i]);
        ALLOW(error);
        if (error)
            tasks[i] = NULL;
        if (i % 16 == 0)
            sley_yield();
    }
    for (int i = 0; i < 10; i++)
        sley_yield();
    atomic_store(&doors_open, true);
    for (int i = 0; i < GUESTS; i++)
        if (tasks[i])
            sley_unpark(tasks[i]);
    for (int i = 0; i < GUESTS; i++)
        if (tasks[i])
            CHECK(sley_join(tasks[i], &result) == 0 && result == i, "join");
    disarm();
    return 42;
}

static void crowd(void)
{
    struct sley_runtime *runtime = stress_start(2);

    atomic_store(&doors_open, false);
    CHECK(stress_run_in(runtime, let_in, NULL) == 42, "the crowd");
    stress_stop(runtime);
}

/* --- scenario: calls into threads ------------------------------------------------------------ */

static int in_thread(void *arg)
{
    return *(int *)arg + 1;
}

static int caller(void *arg)
{
    int number = 4, result = 0, error;

    (void)arg;
    for (int i = 0; i < 3; i++) {
        error = sley_to_thread(in_thread, &number, &result);
        ALLOW(error);
        CHECK(error || result == 5, "the result is %d", result);
    }
    return 42;
}

static int call_all(void *arg)
{
    enum { CALLERS = 8 };
    struct sley_task *tasks[CALLERS];

    (void)arg;
    arm();
    for (int i = 0; i < CALLERS; i++) {
        int error = sley_spawn(caller, NULL, NULL, &tasks[i]);

        ALLOW(error);
        if (error)
            tasks[i] = NULL;
    }
    for (int i = 0; i < CALLERS; i++)
        if (tasks[i])
            CHECK(stress_join(tasks[i]) == 42, "a caller failed");
    disarm();
    return 42;
}

static void threads(void)
{
    struct sley_runtime *runtime = stress_start(2);

    CHECK(stress_run_in(runtime, call_all, NULL) == 42, "the callers");
    stress_stop(runtime);
}

/* --- scenario: generators --------------------------------------------------------------------- */

enum { GENERATORS = 100 };

static int count(struct sley_generator *self, void *arg)
{
    int error = 0;

    (void)arg;
    for (int n = 0; !error; n++)
        error = sley_yield_value(self, &n);
    return error;
}

/* Once it has been made, a generator does not fail. */
static int generate(void *arg)
{
    static const size_t sizes[] = {0, 16384, 262144, 1048576};
    struct sley_generator *generators[GENERATORS] = {NULL};
    int n, error;

    (void)arg;
    arm();
    for (int i = 0; i < GENERATORS; i++) {
        struct sley_generator_options options = {.stack_size = sizes[i % 4]};

        error = sley_generator_new(count, NULL, sizeof n, &options, &generators[i]);
        ALLOW(error);
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < GENERATORS; i++)
            if (generators[i] && i % 3 != 0)
                CHECK(sley_generator_next(generators[i], &n) == 1 && n == round, "next");
    for (int i = 0; i < GENERATORS; i++)
        sley_generator_free(generators[i]);
    disarm();
    return 42;
}

static void generators(void)
{
    struct sley_runtime *runtime = stress_start(2);

    CHECK(stress_run_in(runtime, generate, NULL) == 42, "the generators");
    stress_stop(runtime);
}

static const struct scenario scenarios[] = {
    {"start", start_and_run}, {"crowd", crowd}, {"threads", threads}, {"generators", generators}};

int main(int argc, char **argv)
{
    return fail_all(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
