/*
 * test_iterator.c: loops over generators, channels, broadcasts and scopes, what is made of
 * iterators, and generators with a type.
 */
#include "task_test.h"

#include <stdlib.h>
#include <string.h>

#include <sley/broadcast.h>
#include <sley/chan.h>
#include <sley/generator.h>
#include <sley/scope.h>

/* --- generators to go through ------------------------------------------------------------------
 */

/* 0, 1, 2 ... up to *arg, which it returns. */
static int count(struct sley_generator *self, void *arg)
{
    int end = *(int *)arg, error;

    for (int n = 0; n < end; n++)
        if ((error = sley_yield_value(self, &n)) != 0)
            return error;
    return end;
}

/* The same, going through the run queue before each. */
static int count_parking(struct sley_generator *self, void *arg)
{
    int end = *(int *)arg, error;

    for (int n = 0; n < end; n++)
        if ((error = sley_sleep(1)) != 0 || (error = sley_yield_value(self, &n)) != 0)
            return error;
    return 0;
}

static struct sley_generator *made(sley_generator_fn *fn, void *arg)
{
    struct sley_generator *generator = NULL;

    assert_ok(sley_generator_new(fn, arg, sizeof(int), NULL, &generator));
    return generator;
}

static int ten = 10;

/* --- iterators -------------------------------------------------------------------------------- */

TASK_TEST(iterator, goes_through_generators)
{
    SLEY_GENERATOR_SCOPED(numbers) = made(count, &ten);
    int i = 0, status = -1;

    SLEY_FOREACH (int, n, numbers) {
        cr_assert_eq(n, i++);
        if (n == 3)
            break;
    }
    cr_assert_eq(i, 4);
    SLEY_FOREACH_STATUS (int, n, numbers, status) {
        if (n % 2)
            continue;
        cr_assert_eq(n, i);
        i += 2;
    }
    assert_ok(status);
    cr_assert_eq(i, 10);
    return 0;
}

TASK_TEST(iterator, goes_through_channels)
{
    struct sley_chan *chan;
    int sum = 0, status = -1;

    assert_ok(sley_chan_new(sizeof(int), 10, &chan));
    for (int i = 1; i <= 10; i++)
        assert_ok(sley_chan_send(chan, &i));
    sley_chan_close(chan, 0);
    SLEY_FOREACH_STATUS (int, n, chan, status)
        sum += n;
    assert_ok(status);
    cr_assert_eq(sum, 55);
    sley_chan_free(chan);

    assert_ok(sley_chan_new(sizeof(int), 10, &chan));
    sley_chan_close(chan, SLEY_EIO);
    SLEY_FOREACH_STATUS (int, n, chan, status)
        cr_assert_fail("%d", n);
    assert_code(status, SLEY_EIO);
    sley_chan_free(chan);
    return 0;
}

static struct sley_broadcast *broadcast_of(enum sley_broadcast_slow slow,
                                           struct sley_subscription **subscription)
{
    struct sley_broadcast *broadcast;

    assert_ok(sley_broadcast_new(sizeof(int), 10, slow, &broadcast));
    assert_ok(sley_broadcast_subscribe(broadcast, subscription));
    return broadcast;
}

TASK_TEST(iterator, goes_through_broadcasts)
{
    struct sley_subscription *subscription;
    struct sley_broadcast *broadcast = broadcast_of(SLEY_BROADCAST_DROP, &subscription);
    int sum = 0, status = -1;

    for (int i = 1; i <= 12; i++) /* of which the first two are lost */
        assert_ok(sley_broadcast_send(broadcast, &i));
    sley_broadcast_close(broadcast, 0);
    SLEY_FOREACH_STATUS (int, n, subscription, status)
        sum += n;
    assert_ok(status);
    cr_assert_eq(sum, 75);
    sley_broadcast_unsubscribe(subscription);
    sley_broadcast_free(broadcast);

    broadcast = broadcast_of(SLEY_BROADCAST_WAIT, &subscription);
    sley_broadcast_close(broadcast, SLEY_EIO);
    SLEY_FOREACH_STATUS (int, n, subscription, status)
        cr_assert_fail("%d", n);
    assert_code(status, SLEY_EIO);
    sley_broadcast_unsubscribe(subscription);
    sley_broadcast_free(broadcast);
    return 0;
}

TASK_TEST(iterator, the_variable_must_have_the_items_size)
{
    SLEY_GENERATOR_SCOPED(numbers) = made(count, &ten);
    int status = 0;

    SLEY_FOREACH_STATUS (long, n, numbers, status)
        cr_assert_fail("%ld", n);
    assert_code(status, SLEY_EINVAL);
    return 0;
}

static int square(const void *in, void *out, void *arg)
{
    int n = *(const int *)in;
    long result = (long)n * n;

    if (arg && n == *(int *)arg)
        return SLEY_EPROTO;
    memcpy(out, &result, sizeof result);
    return 0;
}

static int is_odd(const void *item, void *arg)
{
    (void)arg;
    return *(const int *)item % 2;
}

TASK_TEST(iterator, map_filter_take)
{
    int hundred = 100, five = 5, status, i = 1;
    SLEY_GENERATOR_SCOPED(numbers) = made(count_parking, &hundred);

    SLEY_FOREACH (long, n,
                  SLEY_MAP(SLEY_TAKE(SLEY_FILTER(numbers, is_odd, NULL), 5), long, square, NULL)) {
        cr_assert_eq(n, i * i);
        i += 2;
    }
    cr_assert_eq(i, 11);
    SLEY_FOREACH (int, n, SLEY_TAKE(numbers, 1))
        cr_assert_eq(n, 10, "take has not fetched one more");
    SLEY_FOREACH (int, n, SLEY_TAKE(numbers, 0))
        cr_assert_fail("%d", n);

    SLEY_GENERATOR_SCOPED(again) = made(count, &ten);
    SLEY_FOREACH_STATUS (long, n, SLEY_MAP(again, long, square, &five), status)
        cr_assert(n < 25);
    assert_code(status, SLEY_EPROTO);
    return 0;
}

TASK_TEST(iterator, collect)
{
    SLEY_GENERATOR_SCOPED(numbers) = made(count, &ten);
    int array[8] = {0}, thousand = 1000, *all;
    size_t n = 99;

    assert_code(sley_collect(sley_iterate(numbers), array, 4, &n), 1);
    cr_assert_eq(n, 4);
    cr_assert_eq(array[3], 3);
    assert_code(sley_collect(sley_iterate(numbers), array, 8, &n), 0);
    cr_assert_eq(n, 6);
    cr_assert_eq(array[5], 9);

    SLEY_GENERATOR_SCOPED(more) = made(count, &thousand);
    assert_ok(sley_collect_new(sley_iterate(more), (void **)&all, &n));
    cr_assert_eq(n, 1000);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(all[i], i);
    free(all);
    assert_ok(sley_collect_new(sley_iterate(more), (void **)&all, &n));
    cr_assert_eq(n, 0);
    free(all);

    int five = 5, *untouched = &five;
    SLEY_GENERATOR_SCOPED(broken) = made(count, &thousand);
    n = 7;
    assert_code(sley_collect_new(SLEY_MAP(broken, long, square, &five), (void **)&untouched, &n),
                SLEY_EPROTO);
    cr_assert_eq(untouched, &five);
    cr_assert_eq(n, 7);
    return 0;
}

/* --- leaving loops ---------------------------------------------------------------------------- */

static int cleanups;

static int count_cleanups(struct sley_generator *self, void *arg)
{
    int error = count_parking(self, arg);

    cleanups++;
    return error;
}

static int leave_by_return(void)
{
    int status;

    SLEY_FOREACH_FROM (int, n, count_cleanups, &ten, status)
        if (n == 4)
            return n;
    return -1;
}

ONE_WORKER_TEST(iterator, every_way_out_frees_the_generator)
{
    int status = -1;

    cr_assert_eq(leave_by_return(), 4);
    cr_assert_eq(cleanups, 1);
    SLEY_FOREACH_FROM (int, n, count_cleanups, &ten, status)
        if (n == 4)
            break;
    cr_assert_eq(cleanups, 2);
    assert_code(status, 1);
    SLEY_FOREACH_FROM (int, n, count_cleanups, &ten, status)
        if (n == 4)
            goto out;
    cr_assert_fail("not left");
out:
    cr_assert_eq(cleanups, 3);
    SLEY_FOREACH_FROM (int, n, count_cleanups, &ten, status)
        (void)n;
    assert_ok(status);
    cr_assert_eq(cleanups, 4);
    {
        SLEY_GENERATOR_SCOPED(never_asked) = made(count_cleanups, &ten);
        SLEY_GENERATOR_SCOPED(never_made) = NULL;

        (void)never_asked;
        (void)never_made;
    }
    cr_assert_eq(cleanups, 4);
    return 0;
}

/* --- typed ------------------------------------------------------------------------------------ */

struct point {
    double x, y;
};

SLEY_GENERATOR_TYPE(points, struct point);
SLEY_GENERATOR_TYPES(means, double, int);

static int diagonal(struct points *self, void *arg)
{
    int error;

    for (int i = 0; i < *(int *)arg; i++)
        if ((error = points_yield(self, (struct point){i, i})) != 0)
            return error;
    return 0;
}

static int running_mean(struct means *self, void *arg)
{
    double sum = 0;
    int n = 0, value, status;

    (void)arg;
    while ((status = means_yield_receive(self, n ? sum / n : 0, &value)) >= 0)
        if (status) {
            sum += value;
            n++;
        }
    return status;
}

TASK_TEST(iterator, typed)
{
    struct points *line = NULL;
    struct point p;
    struct means *mean = NULL;
    double m;
    int i = 1;

    assert_ok(SLEY_GENERATOR_NEW(points, diagonal, &ten, NULL, &line));
    assert_code(points_next(line, &p), 1);
    SLEY_FOREACH_IN (points, point, line) {
        cr_assert(point.x == i && point.y == i);
        i++;
    }
    cr_assert_eq(i, 10);
    points_free(line);

    assert_code(SLEY_GENERATOR_NEW(means, NULL, NULL, NULL, &mean), SLEY_EINVAL);
    assert_ok(SLEY_GENERATOR_NEW(means, running_mean, NULL, NULL, &mean));
    assert_code(means_next(mean, &m), 1);
    assert_code(means_send(mean, 10, &m), 1);
    assert_code(means_send(mean, 5, &m), 1);
    cr_assert(m == 7.5);
    assert_code(means_throw(mean, SLEY_EIO, &m), SLEY_EIO);
    assert_ok(means_close(mean));
    means_free(mean);
    return 0;
}

/* --- scopes --- */

static int squared(void *arg)
{
    int n = *(int *)arg;

    return n * n;
}

TASK_TEST(iterator, goes_through_the_children_of_a_scope)
{
    int numbers[] = {1, 2, 3}, sum = 0;
    struct sley_scope scope;

    assert_ok(sley_scope_open(&scope, NULL));
    for (int i = 0; i < 3; i++)
        assert_ok(sley_scope_spawn(&scope, squared, &numbers[i], NULL, NULL));
    SLEY_FOREACH (struct sley_child, child, &scope)
        sum += child.result;
    cr_assert_eq(sum, 14);
    assert_ok(sley_scope_close(&scope));
    return 0;
}
