/*
 * test_parallel.c: loops, reductions and lists of calls: each index once, errors, order, nesting.
 */
#include "task_test.h"

#include <sley/fork.h>

#include <stdlib.h>
#include <string.h>

enum { COUNT = 20000 };

struct marks {
    unsigned char *times;
    size_t longest;
};

static int mark(size_t begin, size_t end, void *arg)
{
    struct marks *marks = arg;
    size_t longest = __atomic_load_n(&marks->longest, __ATOMIC_RELAXED);

    while (end - begin > longest &&
           !__atomic_compare_exchange_n(&marks->longest, &longest, end - begin, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    for (; begin < end; begin++)
        marks->times[begin]++;
    return 0;
}

static void check_loop(size_t begin, size_t end, size_t grain)
{
    struct marks marks = {.times = calloc(COUNT + 1, 1)};

    assert_ok(sley_parallel_for(begin, end, grain, mark, &marks));
    for (size_t i = 0; i <= COUNT; i++)
        cr_assert_eq(marks.times[i], i >= begin && i < end, "%zu of [%zu, %zu): %u times", i, begin,
                     end, marks.times[i]);
    if (grain)
        cr_assert_leq(marks.longest, grain);
    free(marks.times);
}

TASK_TEST(parallel, each_index_has_its_turn)
{
    check_loop(0, COUNT, 0);
    check_loop(0, COUNT, 1);
    check_loop(17, COUNT - 1, 100);
    check_loop(0, COUNT, SIZE_MAX);
    check_loop(5, 6, 0);
    check_loop(5, 5, 0);
    check_loop(6, 5, 3);
    return 0;
}

ONE_WORKER_TEST(parallel, each_index_has_its_turn_alone)
{
    check_loop(0, COUNT, 0);
    check_loop(0, COUNT, 3);
    return 0;
}

Test(parallel, each_index_has_its_turn_on_a_foreign_thread)
{
    check_loop(0, COUNT, 0);
    check_loop(0, COUNT, 7);
}

static int fail_at(size_t begin, size_t end, void *arg)
{
    return *(size_t *)arg >= begin && *(size_t *)arg < end ? SLEY_EIO : 0;
}

TASK_TEST(parallel, an_error_ends_a_loop)
{
    size_t at = 5000;

    assert_code(sley_parallel_for(0, COUNT, 1, fail_at, &at), SLEY_EIO);
    assert_code(sley_parallel_for(0, COUNT, 0, fail_at, &at), SLEY_EIO);
    assert_code(sley_parallel_for(0, COUNT, 0, NULL, &at), SLEY_EINVAL);
    return 0;
}

static int cancel_self(size_t begin, UNUSED_ARG size_t end, void *arg)
{
    if (begin == 0)
        sley_cancel(arg, "test");
    return 0;
}

ONE_WORKER_TEST(parallel, a_cancel_ends_a_loop)
{
    assert_code(sley_parallel_for(0, COUNT, 10, cancel_self, sley_self()), SLEY_ECANCELED);
    return 0;
}

static int inner(size_t begin, size_t end, void *arg)
{
    unsigned *sum = arg;

    __atomic_add_fetch(sum, (unsigned)(end - begin), __ATOMIC_RELAXED);
    return begin % 64 ? 0 : sley_yield();
}

static int outer(size_t begin, size_t end, void *arg)
{
    for (; begin < end; begin++)
        assert_ok(sley_parallel_for(0, 100, begin % 10, inner, arg));
    return 0;
}

TASK_TEST(parallel, loops_nest_and_may_park)
{
    unsigned sum = 0;

    assert_ok(sley_parallel_for(0, 300, 0, outer, &sum));
    cr_assert_eq(sum, 30000);
    return 0;
}

static int add(size_t begin, size_t end, void *value, UNUSED_ARG void *arg)
{
    for (; begin < end; begin++)
        *(uint64_t *)value += begin;
    return 0;
}

static void add_up(void *value, const void *next, UNUSED_ARG void *arg)
{
    *(uint64_t *)value += *(const uint64_t *)next;
}

TASK_TEST(parallel, reduces_to_a_sum)
{
    const struct sley_reduction sum = {.size = sizeof(uint64_t), .add = add, .merge = add_up};

    for (size_t grain = 0; grain < 5; grain++) {
        uint64_t value = 0;

        assert_ok(sley_parallel_reduce(0, COUNT, grain, &sum, &value, NULL));
        cr_assert_eq(value, (uint64_t)COUNT * (COUNT - 1) / 2);
        assert_ok(sley_parallel_reduce(9, 9, grain, &sum, &value, NULL));
        cr_assert_eq(value, (uint64_t)COUNT * (COUNT - 1) / 2);
    }
    return 0;
}

/* The range that it has seen, which must be without gaps. */
struct span {
    size_t begin, end;
    char room[200];
};

static int extend(size_t begin, size_t end, void *value, UNUSED_ARG void *arg)
{
    struct span *span = value;

    if (span->begin == span->end)
        *span = (struct span){.begin = begin, .end = begin};
    cr_assert_eq(span->end, begin);
    span->end = end;
    return 0;
}

static void append(void *value, const void *next, UNUSED_ARG void *arg)
{
    struct span *span = value;
    const struct span *after = next;

    cr_assert_eq(span->end, after->begin);
    span->end = after->end;
}

TASK_TEST(parallel, reductions_keep_the_order)
{
    const struct sley_reduction reduction = {
        .size = sizeof(struct span), .add = extend, .merge = append};

    for (size_t grain = 0; grain < 20; grain++) {
        struct span span = {0};

        assert_ok(sley_parallel_reduce(3, 3000, grain, &reduction, &span, NULL));
        cr_assert_eq(span.begin, 3);
        cr_assert_eq(span.end, 3000);
    }
    return 0;
}

static int fail_to_add(UNUSED_ARG size_t begin, UNUSED_ARG size_t end, UNUSED_ARG void *value,
                       UNUSED_ARG void *arg)
{
    return SLEY_EIO;
}

TASK_TEST(parallel, bad_reductions_are_refused)
{
    struct sley_reduction reduction = {.size = 8, .add = fail_to_add, .merge = add_up};
    uint64_t value = 0;

    assert_code(sley_parallel_reduce(0, 9, 0, &reduction, &value, NULL), SLEY_EIO);
    assert_code(sley_parallel_reduce(0, 9, 0, NULL, &value, NULL), SLEY_EINVAL);
    assert_code(sley_parallel_reduce(0, 9, 0, &reduction, NULL, NULL), SLEY_EINVAL);
    reduction.size = 0;
    assert_code(sley_parallel_reduce(0, 9, 0, &reduction, &value, NULL), SLEY_EINVAL);
    reduction.size = 1025;
    assert_code(sley_parallel_reduce(0, 9, 0, &reduction, &value, NULL), SLEY_EINVAL);
    reduction.size = 8;
    reduction.merge = NULL;
    assert_code(sley_parallel_reduce(0, 9, 0, &reduction, &value, NULL), SLEY_EINVAL);
    return 0;
}

static int count_up(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int refuse(UNUSED_ARG void *arg)
{
    return SLEY_EPERM;
}

TASK_TEST(parallel, invokes_each_call)
{
    int a = 0, b = 0, c = 0;

    for (int i = 0; i < 100; i++)
        assert_ok(sley_parallel_invoke({count_up, &a}, {count_up, &b}, {count_up, &c}));
    cr_assert_eq(a, 100);
    cr_assert_eq(b, 100);
    cr_assert_eq(c, 100);
    assert_code(sley_parallel_invoke({count_up, &a}, {refuse, NULL}), SLEY_EPERM);
    assert_code(sley_parallel_invoke({NULL, &a}), SLEY_EINVAL);
    assert_ok(sley_parallel_invoke_all(NULL, 0));
    assert_code(sley_parallel_invoke_all(NULL, 1), SLEY_EINVAL);
    return 0;
}
