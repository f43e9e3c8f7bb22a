/*
 * test_hostile.c: the hostile build's choices, and that a seed repeats them.
 *
 * What depends on the environment is read once per process, so those tests run in children.
 */
#include "hostile.h"

#include "platform.h"
#include "worker.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/runtime.h>

#ifndef SLEY_HOSTILE

Test(hostile, has_no_choice_in_this_build)
{
    cr_assert_eq(SLEY__SHUFFLE, 0);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(sley__hostile_ith(i, 5, 12345), i);
    cr_assert(!sley__hostile_fails("this"));
}

#else

/* --- orders ---------------------------------------------------------------------------------- */

Test(hostile, an_order_has_each_once)
{
    for (unsigned n = 1; n <= 40; n++)
        for (uint64_t dice = 0; dice < 200; dice++) {
            uint64_t seen = 0;

            for (unsigned i = 0; i < n; i++)
                seen |= UINT64_C(1) << sley__hostile_ith(i, n, sley__hash64(dice));
            cr_assert_eq(seen, (UINT64_C(1) << n) - 1, "%u things, dice %d", n, (int)dice);
        }
}

Test(hostile, everybody_is_first_in_some_order)
{
    unsigned first[7] = {0};

    for (uint64_t dice = 0; dice < 700; dice++)
        first[sley__hostile_ith(0, 7, sley__hash64(dice))]++;
    for (unsigned i = 0; i < 7; i++)
        cr_assert_gt(first[i], 0, "%u", i);
}

/* --- seeds ----------------------------------------------------------------------------------- */

enum { TASKS = 40 };

static struct {
    int order[TASKS], count;
} ran;

static int note(void *arg)
{
    ran.order[ran.count++] = *(int *)arg;
    sley_yield();
    return 0;
}

/* Without the look at clocks that comes every 61 ticks. */
static int run_many(UNUSED void *arg)
{
    struct sley_task *tasks[TASKS];
    int numbers[TASKS];

    sley__worker_current()->ticks_left = 1000000;
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        cr_assert_eq(sley_spawn(note, &numbers[i], NULL, &tasks[i]), 0);
    }
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(sley_join(tasks[i], NULL), 0);
    return 0;
}

static void write_order(void)
{
    struct sley_options options = {.workers = 1, .unpinned = true};

    if (sley_run(run_many, NULL, &options) == 0 && ran.count == TASKS)
        if (write(STDERR_FILENO, ran.order, sizeof ran.order) < 0)
            _exit(1);
}

static void panic(void)
{
    ensure_msg(false, "the end");
}

/* What `act` wrote to stderr in a process of its own, after what was said there of the seed.
 * Returns its wait status. */
static int in_child(void (*act)(void), const char *variable, const char *value, char *text,
                    size_t size)
{
    int ends[2], status;
    size_t length = 0;
    ssize_t n;
    pid_t child;

    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        setenv(variable, value, 1);
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    close(ends[0]);
    text[length] = '\0';
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void order_of(const char *seed, int order[TASKS])
{
    char text[4096], announced[80];
    int length = snprintf(announced, sizeof announced, "sley: hostile build, SLEY_SEED=%s\n", seed);

    memset(text, 0, sizeof text);
    cr_assert_eq(in_child(write_order, "SLEY_SEED", seed, text, sizeof text), 0);
    cr_assert_eq(strncmp(text, announced, (size_t)length), 0, "%s", text);
    memcpy(order, text + length, TASKS * sizeof order[0]);
}

Test(hostile, a_seed_repeats_the_order_of_tasks)
{
    int first[TASKS], again[TASKS];

    for (int i = 0; i < 5; i++) {
        order_of("4711", i ? again : first);
        cr_assert(!i || memcmp(first, again, sizeof first) == 0, "run %d", i);
    }
}

Test(hostile, another_seed_changes_it)
{
    int first[TASKS], other[TASKS], same = 0;
    char seed[12];

    order_of("1", first);
    for (int i = 2; i < 7; i++) {
        snprintf(seed, sizeof seed, "%d", i);
        order_of(seed, other);
        same += memcmp(first, other, sizeof first) == 0;
    }
    cr_assert_lt(same, 5);
}

Test(hostile, a_panic_says_the_seed)
{
    char text[1000];
    int status = in_child(panic, "SLEY_SEED", "815", text, sizeof text);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_assert_not_null(strstr(text, ": the end\nsley: hostile build, SLEY_SEED=815\n"), "%s", text);
}

/* --- allocations ----------------------------------------------------------------------------- */

/* Writes a digit for each of nine allocations: 1 if it is to fail. */
static void allocate(void)
{
    char fails[10] = {0};

    for (int i = 0; i < 9; i++)
        fails[i] = sley__hostile_fails("this") ? '1' : '0';
    if (write(STDERR_FILENO, fails, 9) < 0)
        _exit(1);
}

static void expect_failures(const char *wish, const char *expected)
{
    char text[1000];

    cr_assert_eq(in_child(allocate, "SLEY_FAIL_ALLOC", wish, text, sizeof text), 0);
    cr_assert_not_null(strstr(text, expected), "%s: %s", wish, text);
}

Test(hostile, the_allocation_that_is_asked_for_fails)
{
    expect_failures("3", "sley: hostile build, allocation 3 fails: this\n001000000");
    expect_failures("3+", "sley: hostile build, allocation 3 fails: this\n001111111");
    expect_failures("0", "000000000");
}

static void start(void)
{
    struct sley_runtime *runtime;

    _exit(sley_runtime_new(NULL, &runtime) == SLEY_ENOMEM ? 0 : 1);
}

Test(hostile, malloc_of_the_library_is_among_them)
{
    char text[1000];

    cr_assert_eq(in_child(start, "SLEY_FAIL_ALLOC", "1", text, sizeof text), 0);
    cr_assert_not_null(strstr(text, "allocation 1 fails: aligned_alloc\n"), "%s", text);
}

Test(hostile, a_wish_that_is_no_number_is_refused)
{
    char text[1000];
    int status = in_child(allocate, "SLEY_FAIL_ALLOC", "many", text, sizeof text);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_assert_not_null(strstr(text, "SLEY_FAIL_ALLOC is \"many\""), "%s", text);
}

#endif
