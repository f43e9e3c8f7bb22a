/*
 * test_runtime.c: a start for which something is missing: the n-th thread, mapping or piece of
 * memory, for every n.
 *
 * Each failure must be an error code, after which nothing is left of the runtime (the next one
 * starts as if there had been none) and the function has not run.
 *
 * link: -Wl,--wrap=sley__thread_start,--wrap=sley__thread_join,--wrap=sley__map
 * link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc
 */
#include "platform.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include <sley/blocking.h>
#include <sley/runtime.h>

/* How many threads may still be started; -1: any number. */
static atomic(int) threads_left = -1;
static atomic(int) threads; /* started and not yet joined */

/* How many allocations succeed before one fails; -1: it has, or none is to. */
static atomic(int) memory_left = -1;

static bool no_thread(void)
{
    int n = load_acquire(&threads_left);

    while (n > 0)
        if (cas_acq_rel(&threads_left, &n, n - 1))
            return false;
    return n == 0;
}

static bool no_memory(void)
{
    int n = load_acquire(&memory_left);

    while (n >= 0)
        if (cas_acq_rel(&memory_left, &n, n - 1))
            return n == 0;
    return false;
}

int __real_sley__thread_start(struct sley__thread *thread, const char *name, void *(*fn)(void *),
                              void *arg);
int __wrap_sley__thread_start(struct sley__thread *thread, const char *name, void *(*fn)(void *),
                              void *arg);
void __real_sley__thread_join(struct sley__thread *thread);
void __wrap_sley__thread_join(struct sley__thread *thread);
void *__real_sley__map(size_t size, size_t align, bool huge);
void *__wrap_sley__map(size_t size, size_t align, bool huge);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

int __wrap_sley__thread_start(struct sley__thread *thread, const char *name, void *(*fn)(void *),
                              void *arg)
{
    int error = no_thread() ? SLEY_EAGAIN : 0;

    if (!error)
        error = __real_sley__thread_start(thread, name, fn, arg);
    if (!error)
        fetch_add_acq_rel(&threads, 1);
    return error;
}

void __wrap_sley__thread_join(struct sley__thread *thread)
{
    __real_sley__thread_join(thread);
    fetch_sub_acq_rel(&threads, 1);
}

void *__wrap_sley__map(size_t size, size_t align, bool huge)
{
    return no_memory() ? NULL : __real_sley__map(size, align, huge);
}

void *__wrap_malloc(size_t size)
{
    return no_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return no_memory() ? NULL : __real_aligned_alloc(align, size);
}

enum { ANSWER = 42 };
static bool ran;

static int answer(UNUSED void *arg)
{
    ran = true;
    return ANSWER;
}

/* One start with what is left. */
static int start(unsigned workers)
{
    struct sley_options options = {.workers = workers, .unpinned = true};
    int result;

    ran = false;
    result = sley_run(answer, NULL, &options);
    cr_assert_eq(load_acquire(&threads), 0, "%d threads were left behind", load_acquire(&threads));
    return result;
}

Test(start, needs_all_its_threads_and_stops_those_it_has)
{
    for (unsigned workers = 1; workers <= 5; workers++)
        for (int n = 0; n < (int)workers; n++) {
            store_release(&threads_left, n);
            cr_assert_eq(start(workers), SLEY_EAGAIN, "thread %d of %u", n, workers);
            cr_assert(!ran);
            store_release(&threads_left, -1);
            cr_assert_eq(start(workers), ANSWER);
        }
}

Test(start, without_memory_is_an_error_wherever_it_is_missing)
{
    int failures = 0, successes = 0;

    for (int n = 0; successes < 3; n++) {
        int result, left;

        store_release(&memory_left, n);
        result = start(2);
        left = load_acquire(&memory_left);
        store_release(&memory_left, -1);
        successes = left >= 0 ? successes + 1 : 0; /* it did not get that far any more */
        if (result == ANSWER)
            continue; /* it could do without, as the signal stack */
        cr_assert_eq(result, SLEY_ENOMEM, "allocation %d: %s", n, sley_error_name(result));
        cr_assert(!ran);
        failures++;
        cr_assert_eq(start(2), ANSWER);
    }
    cr_assert_gt(failures, 3);
}

/* --- the blocking pool's threads ------------------------------------------------------------- */

static int call_without_a_thread(UNUSED void *arg)
{
    int result = 7;

    store_release(&threads_left, 0);
    cr_assert_eq(sley_to_thread(answer, NULL, &result), SLEY_EAGAIN);
    cr_assert(!ran);
    cr_assert_eq(result, 7);
    store_release(&threads_left, -1);
    cr_assert_eq(sley_to_thread(answer, NULL, &result), 0);
    cr_assert_eq(result, ANSWER);
    return 0;
}

Test(blocking, no_thread_at_all_is_an_error)
{
    struct sley_options options = {.workers = 1};

    cr_assert_eq(sley_run(call_without_a_thread, NULL, &options), 0);
}

static int call_it(void *arg)
{
    int result = 0;

    cr_assert_eq(sley_to_thread(answer, NULL, &result), 0);
    cr_assert_eq(result, ANSWER);
    *(bool *)arg = true;
    return 0;
}

/* One thread there is, and it serves them all, one after another. */
static int call_with_one_thread(UNUSED void *arg)
{
    struct sley_task *tasks[50];
    bool done[50] = {false};

    for (int i = 0; i < 50; i++)
        cr_assert_eq(sley_spawn(call_it, &done[i], NULL, &tasks[i]), 0);
    store_release(&threads_left, 1);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(sley_join(tasks[i], NULL), 0);
        cr_assert(done[i]);
    }
    store_release(&threads_left, -1);
    return 0;
}

Test(blocking, fewer_threads_than_wanted_are_enough)
{
    struct sley_options options = {.workers = 1};

    cr_assert_eq(sley_run(call_with_one_thread, NULL, &options), 0);
}

static int call_without_memory(UNUSED void *arg)
{
    int result = 7;

    for (int n = 0;; n++) {
        int error;

        ran = false;
        store_release(&memory_left, n);
        error = sley_to_thread(answer, NULL, &result);
        store_release(&memory_left, -1);
        if (!error)
            break;
        cr_assert_eq(error, SLEY_ENOMEM);
        cr_assert(!ran);
        cr_assert_eq(result, 7);
    }
    cr_assert_eq(result, ANSWER);
    return 0;
}

Test(blocking, no_memory_is_an_error)
{
    struct sley_options options = {.workers = 1};

    cr_assert_eq(sley_run(call_without_memory, NULL, &options), 0);
}
