/*
 * test_platform.c: the door to the system, call by call. (Guards and pages in test_stack.c.)
 */
#define _GNU_SOURCE 1

#include "platform.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/error.h>

TestSuite(platform, .init = sley__platform_init);

/* --- clock and random --- */

Test(platform, the_clock_goes_forward)
{
    int64_t before = sley__clock_now();

    for (int i = 0; i < 1000; i++) {
        int64_t now = sley__clock_now();

        cr_assert_geq(now, before);
        before = now;
    }
    cr_assert_gt(before, 0);
}

Test(platform, seeds_differ_from_call_to_call)
{
    uint64_t seeds[100];

    for (size_t i = 0; i < ARRAY_LENGTH(seeds); i++) {
        seeds[i] = sley__random_seed();
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(seeds[i], seeds[j]);
    }
    cr_assert_eq(sley__random_base(), sley__random_base());
}

/* Not in a hostile build, in which this process has read its seed long ago. */
#ifndef SLEY_HOSTILE
/* The base and the first seed that a new process gets, in which SLEY_SEED is `text`. */
static void seeds_with(const char *text, uint64_t *base, uint64_t *seed)
{
    int ends[2];
    uint64_t both[2];
    pid_t child;

    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        setenv("SLEY_SEED", text, 1);
        both[0] = sley__random_base();
        both[1] = sley__random_seed();
        _exit(write(ends[1], both, sizeof both) != (ssize_t)sizeof both);
    }
    cr_assert_eq(read(ends[0], both, sizeof both), (ssize_t)sizeof both);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    *base = both[0];
    *seed = both[1];
}

Test(platform, the_environment_gives_the_seed)
{
    uint64_t base[3], seed[3];

    seeds_with("12345", &base[0], &seed[0]);
    seeds_with("0x3039", &base[1], &seed[1]);
    seeds_with("12346", &base[2], &seed[2]);
    cr_assert_eq(base[0], 12345);
    cr_assert_eq(base[1], 12345);
    cr_assert_eq(seed[0], seed[1]);
    cr_assert_neq(seed[0], seed[2]);
}

Test(platform, a_seed_that_is_no_number_is_ignored)
{
    uint64_t base[2], seed[2];

    seeds_with("12345x", &base[0], &seed[0]);
    seeds_with("12345x", &base[1], &seed[1]);
    cr_assert_neq(base[0], base[1]);
}
#endif

/* --- futex --- */

static atomic(uint32_t) word;
static atomic(uint32_t) woken;

Test(platform, a_changed_word_does_not_sleep)
{
    store_relaxed(&word, 1);
    sley__futex_wait(&word, 0, INT64_MAX); /* would hang */
}

Test(platform, a_wait_ends_at_its_deadline)
{
    int64_t deadline = sley__clock_now() + 2000000;

    while (sley__clock_now() < deadline)
        sley__futex_wait(&word, 0, deadline);
}

Test(platform, a_deadline_long_past_does_not_sleep)
{
    sley__futex_wait(&word, 0, 1);
    sley__futex_wait(&word, 0, 0);
    sley__futex_wait(&word, 0, INT64_MIN);
}

static void *sleeper(void *arg)
{
    while (load_acquire(&word) == 0)
        sley__futex_wait(&word, 0, INT64_MAX);
    fetch_add_relaxed(&woken, 1);
    return arg;
}

Test(platform, a_wake_wakes_all_that_it_is_asked_to)
{
    struct sley__thread threads[4];
    int count = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        cr_assert_eq(sley__thread_start(&threads[i], "sleeper", sleeper, NULL), 0);
    while (count <
           4) /* one wakes for no reason and goes to sleep again: the word has not changed */
        count += sley__futex_wake(&word, 1);
    store_release(&word, 1);
    sley__futex_wake(&word, 100);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        sley__thread_join(&threads[i]);
    cr_assert_eq(load_relaxed(&woken), 4);
    cr_assert_eq(sley__futex_wake(&word, 100), 0);
}

/* --- threads --- */

struct report {
    char name[16];
    sigset_t blocked;
    size_t stack_size;
    void *arg;
};

static void *look_around(void *arg)
{
    struct report *report = arg;
    pthread_attr_t attr;

    /* The name is set by the starter, perhaps after we have begun. */
    do
        pthread_getname_np(pthread_self(), report->name, sizeof report->name);
    while (strncmp(report->name, "sley-test", 9) != 0);
    pthread_sigmask(SIG_SETMASK, NULL, &report->blocked);
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &report->stack_size);
    pthread_attr_destroy(&attr);
    report->arg = arg;
    return NULL;
}

Test(platform, a_thread_has_name_mask_and_stack)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    static const int others[] = {SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1, SIGWINCH};
    struct sley__thread thread;
    struct report report;
    sigset_t before, after;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert_eq(sley__thread_start(&thread, "sley-test-long-name", look_around, &report), 0);
    sley__thread_join(&thread);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    cr_assert_eq(report.arg, &report);
    cr_assert_str_eq(report.name, "sley-test-long-");
    cr_assert_geq(report.stack_size, 512 * 1024);
    cr_assert_leq(report.stack_size, 2 * 1024 * 1024);
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++)
        cr_expect_eq(sigismember(&report.blocked, faults[i]), 0, "signal %d", faults[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        cr_expect_eq(sigismember(&report.blocked, others[i]), 1, "signal %d", others[i]);
    for (int i = 1; i <= 31; i++)
        cr_expect_eq(sigismember(&before, i), sigismember(&after, i), "the starter's signal %d", i);
}

/* AddressSanitizer needs memory for each thread that it sees started, and dies without. */
#ifndef __SANITIZE_ADDRESS__
Test(platform, no_more_threads_is_an_error)
{
    struct rlimit limit = {0, 0};
    struct sley__thread thread;
    int error;

    if (setrlimit(RLIMIT_AS, &limit) != 0) /* no stack can be mapped */
        cr_skip("cannot limit myself");
    error = sley__thread_start(&thread, "nobody", sleeper, NULL);
    limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
    cr_assert(error == SLEY_EAGAIN || error == SLEY_ENOMEM, "%s", sley_strerror(error));
}
#endif

/* --- memory --- */

Test(platform, maps_are_aligned_and_empty)
{
    for (size_t align = 4096; align <= 4096 * 1024; align *= 4) {
        char *memory = sley__map(3 * 4096, align, false);

        cr_assert_not_null(memory);
        cr_assert_eq((uintptr_t)memory % align, 0);
        for (size_t i = 0; i < 3 * 4096; i++)
            cr_assert_eq(memory[i], 0);
        memset(memory, 1, 3 * 4096);
        sley__unmap(memory, 3 * 4096);
    }
}

/* A task waits without one then, and its errno is its own. */
Test(platform, what_cannot_be_mapped_is_null)
{
    errno = EXDEV;
    cr_assert_null(sley__map((size_t)1 << 60, 4096, false));
    cr_assert_null(sley__map(SIZE_MAX - 4095, 65536, false));
    cr_assert_eq(errno, EXDEV);
}

Test(platform, only_what_was_asked_for_stays_mapped)
{
    char *memory = sley__map(65536, 1024 * 1024, false);
    unsigned char there;

    cr_assert_eq(mincore(memory + 61440, 4096, &there), 0);
    sley__unmap(memory, 65536);
    cr_assert_neq(mincore(memory, 4096, &there), 0);
}

Test(platform, discarded_pages_are_empty_again)
{
    char *memory = sley__map(64 * 4096, 4096, false);
    struct sley__range ranges[2] = {{memory, 4096}, {memory + 2 * 4096, 4096}};

    memset(memory, 1, 64 * 4096);
    sley__discard(ranges, 2);
    cr_assert_eq(memory[0], 0);
    cr_assert_eq(memory[4096], 1);
    cr_assert_eq(memory[2 * 4096], 0);
    cr_assert_eq(memory[3 * 4096], 1);
    sley__unmap(memory, 64 * 4096);
}

Test(platform, populated_pages_are_there)
{
    char *memory = sley__map(64 * 4096, 4096, false);
    struct sley__range ranges[2] = {{memory, 4096}, {memory + 8 * 4096, 2 * 4096}};
    unsigned char there[16];

    sley__populate(ranges, 2);
    cr_assert_eq(mincore(memory, sizeof there * 4096, there), 0);
    for (size_t i = 0; i < sizeof there; i++)
        cr_expect_eq(there[i] & 1, i == 0 || i == 8 || i == 9, "page %zu", i);
    sley__unmap(memory, 64 * 4096);
}

/* A child of a fork must advise its own memory, not its parent's. */
Test(platform, a_fork_leaves_the_parents_pages_alone)
{
    char *memory = sley__map(4096, 4096, false);
    struct sley__range range = {memory, 4096};
    pid_t child;

    memory[0] = 1;
    child = fork();
    if (child == 0) {
        sley__discard(&range, 1);
        _exit(memory[0]);
    }
    waitpid(child, NULL, 0);
    cr_assert_eq(memory[0], 1);
}

/* --- fences --- */

Test(platform, the_heavy_fence_works_after_a_fork)
{
    pid_t child;
    int status;

    fence_heavy();
    child = fork();
    if (child == 0) {
        fence_heavy();
        _exit(0);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status));
}
