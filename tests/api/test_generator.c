/*
 * test_generator.c: generators, as a program sees them. Loops over them, and typed ones, are in
 * test_iterator.c.
 */
#include "task_test.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sley/generator.h>
#include <sley/park.h>
#include <sley/scope.h>

/* --- bodies ---------------------------------------------------------------------------------- */

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

/* Writes down what its yields return; cleans up when it is to. */
struct diary {
    int seen[8];
    int entries;
    bool cleaned, begun;
    int result;
};

static int keep_diary(struct sley_generator *self, void *arg)
{
    struct diary *diary = arg;
    int n = 0;

    while (diary->entries < 8) {
        int said = sley_yield_value(self, &n);

        diary->seen[diary->entries++] = said;
        if (said == SLEY_ECLOSED)
            break;
        n++;
    }
    diary->cleaned = true;
    return diary->result;
}

static struct sley_generator *made(sley_generator_fn *fn, void *arg)
{
    struct sley_generator *generator = NULL;

    assert_ok(sley_generator_new(fn, arg, sizeof(int), NULL, &generator));
    return generator;
}

static int ten = 10;

/* --- next ------------------------------------------------------------------------------------- */

TASK_TEST(generator, yields_its_values_and_ends)
{
    struct sley_generator *numbers = made(count, &ten);
    int n = -1, result = -1;

    for (int i = 0; i < 10; i++) {
        cr_assert_eq(sley_generator_result(numbers, &result), 0);
        assert_code(sley_generator_next(numbers, &n), 1);
        cr_assert_eq(n, i);
    }
    assert_code(sley_generator_next(numbers, &n), 0);
    assert_code(sley_generator_next(numbers, &n), 0);
    cr_assert_eq(n, 9, "the end has no value");
    cr_assert_eq(sley_generator_result(numbers, &result), 1);
    cr_assert_eq(result, 10);
    sley_generator_free(numbers);
    return 0;
}

static int fail(struct sley_generator *self, void *arg)
{
    (void)self;
    return *(int *)arg;
}

TASK_TEST(generator, tells_the_error_of_its_body_for_ever)
{
    int error = SLEY_EIO, result;
    struct sley_generator *broken = made(fail, &error);

    assert_code(sley_generator_next(broken, NULL), SLEY_EIO);
    assert_code(sley_generator_next(broken, NULL), SLEY_EIO);
    cr_assert_eq(sley_generator_result(broken, &result), 1);
    cr_assert_eq(result, SLEY_EIO);
    assert_ok(sley_generator_close(broken));
    sley_generator_free(broken);
    return 0;
}

struct large {
    char bytes[333];
};

static int yield_large(struct sley_generator *self, void *arg)
{
    struct large item;

    (void)arg;
    memset(&item, 'a', sizeof item);
    sley_yield_value(self, &item);
    memset(&item, 'b', sizeof item);
    sley_yield_value(self, &item);
    return 0;
}

TASK_TEST(generator, values_may_be_of_any_size)
{
    struct sley_generator *generator;
    struct {
        struct large item;
        char after;
    } got = {.after = 'x'};

    assert_ok(sley_generator_new(yield_large, NULL, sizeof(struct large), NULL, &generator));
    assert_code(sley_generator_next(generator, &got.item), 1);
    cr_assert_eq(got.item.bytes[0], 'a');
    cr_assert_eq(got.item.bytes[332], 'a');
    assert_code(sley_generator_next(generator, &got.item), 1);
    cr_assert_eq(got.item.bytes[332], 'b');
    cr_assert_eq(got.after, 'x');
    sley_generator_free(generator);

    assert_ok(sley_generator_new(count, &ten, 0, NULL, &generator));
    for (int i = 0; i < 10; i++)
        assert_code(sley_generator_next(generator, NULL), 1);
    assert_code(sley_generator_next(generator, NULL), 0);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, arguments_are_judged)
{
    struct sley_generator *generator = (void *)&ten;
    struct sley_generator_options huge = {.stack_size = (1 << 20) + 1};

    assert_code(sley_generator_new(NULL, NULL, 1, NULL, &generator), SLEY_EINVAL);
    assert_code(sley_generator_new(count, &ten, 1, &huge, &generator), SLEY_EINVAL);
    cr_assert_eq(generator, (void *)&ten);
    sley_generator_free(NULL);
    return 0;
}

/* --- where it runs ---------------------------------------------------------------------------- */

static int yield_self(struct sley_generator *self, void *arg)
{
    (void)arg;
    for (;;) {
        struct sley_task *task = sley_self();
        int error = sley_yield_value(self, &task);

        if (error)
            return error;
        sley_yield();
    }
}

static int ask_who(void *arg)
{
    struct sley_task *who = NULL;

    for (int i = 0; i < 3; i++) {
        if (sley_generator_next(arg, &who) != 1 || who != sley_self())
            return -1;
        sley_yield();
    }
    return 0;
}

TASK_TEST(generator, runs_as_whoever_asks)
{
    struct sley_generator *who;

    assert_ok(sley_generator_new(yield_self, NULL, sizeof(struct sley_task *), NULL, &who));
    for (int i = 0; i < 20; i++)
        assert_ok(joined(spawned(ask_who, who)));
    assert_ok(ask_who(who));
    assert_ok(sley_generator_close(who));
    sley_generator_free(who);
    return 0;
}

TASK_TEST(generator, may_wait)
{
    struct sley_generator *numbers = made(count_parking, &ten);
    int n;

    for (int i = 0; i < 10; i++) {
        assert_code(sley_generator_next(numbers, &n), 1);
        cr_assert_eq(n, i);
        assert_ok(sley_sleep(1));
    }
    assert_code(sley_generator_next(numbers, &n), 0);
    sley_generator_free(numbers);
    return 0;
}

static int set_errno(struct sley_generator *self, void *arg)
{
    (void)arg;
    for (int n = 1000;; n++) {
        errno = n;
        if (sley_yield_value(self, NULL) != 0)
            return 0;
        if (errno != n)
            return SLEY_EPROTO;
        sley_yield();
        if (errno != n)
            return SLEY_EPROTO;
    }
}

TASK_TEST(generator, each_side_keeps_its_errno)
{
    struct sley_generator *generator;

    assert_ok(sley_generator_new(set_errno, NULL, 0, NULL, &generator));
    for (int i = 0; i < 100; i++) {
        errno = i;
        assert_code(sley_generator_next(generator, NULL), 1);
        cr_assert_eq(errno, i);
        sley_yield();
    }
    sley_generator_free(generator);
    return 0;
}

/* The digits of the numbers below *arg, of a generator inside. */
static int digits(struct sley_generator *self, void *arg)
{
    int status, error;

    SLEY_FOREACH_FROM (int, n, count_parking, arg, status) {
        int tens = n / 10, ones = n % 10;

        if ((error = sley_yield_value(self, &tens)) != 0 ||
            (error = sley_yield_value(self, &ones)) != 0)
            return error;
    }
    return status;
}

TASK_TEST(generator, nests)
{
    int hundred = 100, i = 0, status;

    SLEY_FOREACH_FROM (int, digit, digits, &hundred, status) {
        cr_assert_eq(digit, i % 2 ? i / 2 % 10 : i / 20);
        i++;
    }
    assert_ok(status);
    cr_assert_eq(i, 200);
    return 0;
}

/* n levels of generators, one in the other: each adds one. */
static int deeper(struct sley_generator *self, void *arg)
{
    int level = *(int *)arg - 1, status, error;

    if (level <= 0)
        return count_parking(self, &ten);
    SLEY_FOREACH_FROM (int, n, deeper, &level, status) {
        n++;
        if ((error = sley_yield_value(self, &n)) != 0)
            return error;
    }
    return status;
}

TASK_TEST(generator, nests_deeply)
{
    int levels = 20, i = 0, status;

    SLEY_FOREACH_FROM (int, n, deeper, &levels, status)
        cr_assert_eq(n, 19 + i++);
    assert_ok(status);
    cr_assert_eq(i, 10);
    return 0;
}

/* --- send and throw --------------------------------------------------------------------------- */

/* The average of what was sent so far, as an int; NOTHING if nothing was sent. */
enum { NOTHING = -77 };

static int average(struct sley_generator *self, void *arg)
{
    long sum = 0, n = 0, value = 0;
    int mean = 0, status;

    (void)arg;
    while ((status = sley_yield_receive(self, &mean, &value)) >= 0) {
        if (status) {
            sum += value;
            mean = (int)(sum / ++n);
        } else {
            mean = NOTHING;
        }
    }
    return status;
}

TASK_TEST(generator, receives_values)
{
    struct sley_generator_options options = {.send_size = sizeof(long)};
    struct sley_generator *generator;
    long value = 10;
    int mean = -1;

    assert_ok(sley_generator_new(average, NULL, sizeof(int), &options, &generator));
    assert_code(sley_generator_send(generator, &value, &mean), SLEY_EINVAL);
    assert_code(sley_generator_send(generator, NULL, &mean), SLEY_EINVAL);
    assert_code(sley_generator_next(generator, &mean), 1);
    cr_assert_eq(mean, 0);
    assert_code(sley_generator_send(generator, &value, &mean), 1);
    cr_assert_eq(mean, 10);
    value = 30;
    assert_code(sley_generator_send(generator, &value, &mean), 1);
    cr_assert_eq(mean, 20);
    assert_code(sley_generator_next(generator, &mean), 1);
    cr_assert_eq(mean, NOTHING);
    value = 5;
    assert_code(sley_generator_send(generator, &value, &mean), 1);
    cr_assert_eq(mean, 15);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, what_nobody_receives_is_dropped)
{
    struct diary diary = {.entries = 0};
    struct sley_generator *generator = made(keep_diary, &diary);
    int value = 1, n = -1;

    assert_code(sley_generator_next(generator, &n), 1);
    assert_code(sley_generator_send(generator, &value, &n), 1);
    cr_assert_eq(n, 1);
    cr_assert_eq(diary.seen[0], 0);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, errors_are_thrown_in)
{
    struct diary diary = {.entries = 0};
    struct sley_generator *generator = made(keep_diary, &diary);
    int n = -1;

    assert_code(sley_generator_next(generator, &n), 1);
    assert_code(sley_generator_throw(generator, 1, &n), SLEY_EINVAL);
    assert_code(sley_generator_throw(generator, SLEY_EPIPE, &n), 1);
    cr_assert_eq(n, 1, "it has gone on");
    assert_code(sley_generator_next(generator, &n), 1);
    cr_assert_eq(diary.seen[0], SLEY_EPIPE);
    cr_assert_eq(diary.seen[1], 0, "it is thrown once");
    sley_generator_free(generator);

    generator = made(count, &ten);
    assert_code(sley_generator_next(generator, &n), 1);
    assert_code(sley_generator_throw(generator, SLEY_EPIPE, &n), SLEY_EPIPE);
    assert_code(sley_generator_next(generator, &n), SLEY_EPIPE);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, an_error_thrown_before_the_beginning_is_the_end)
{
    struct diary diary = {.entries = 0};
    struct sley_generator *generator = made(keep_diary, &diary);
    int result;

    assert_code(sley_generator_throw(generator, SLEY_EPIPE, NULL), SLEY_EPIPE);
    assert_code(sley_generator_next(generator, NULL), SLEY_EPIPE);
    cr_assert_eq(sley_generator_result(generator, &result), 1);
    cr_assert_eq(result, SLEY_EPIPE);
    cr_assert_not(diary.cleaned);
    sley_generator_free(generator);
    return 0;
}

/* --- close ------------------------------------------------------------------------------------ */

TASK_TEST(generator, a_close_runs_the_cleanup)
{
    struct diary diary = {.result = SLEY_ECLOSED};
    struct sley_generator *generator = made(keep_diary, &diary);
    int n;

    assert_code(sley_generator_next(generator, &n), 1);
    assert_ok(sley_generator_close(generator));
    cr_assert(diary.cleaned);
    cr_assert_eq(diary.entries, 1);
    cr_assert_eq(diary.seen[0], SLEY_ECLOSED);
    assert_code(sley_generator_next(generator, &n), SLEY_ECLOSED);
    assert_ok(sley_generator_close(generator));
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, a_close_tells_what_the_cleanup_says)
{
    struct diary diary = {.result = SLEY_ENOSPC};
    struct sley_generator *generator = made(keep_diary, &diary);

    assert_code(sley_generator_next(generator, NULL), 1);
    assert_code(sley_generator_close(generator), SLEY_ENOSPC);
    assert_ok(sley_generator_close(generator));
    sley_generator_free(generator);
    return 0;
}

static int stubborn(struct sley_generator *self, void *arg)
{
    int *refused = arg, error = 0;

    while (!error)
        error = sley_yield_value(self, NULL);
    for (*refused = 0; *refused < 5; ++*refused) {
        sley_sleep(1);
        if ((error = sley_yield_value(self, NULL)) != SLEY_ECLOSED)
            return SLEY_EPROTO;
    }
    return 0;
}

TASK_TEST(generator, a_close_is_for_good)
{
    int refused = 0;
    struct sley_generator *generator = made(stubborn, &refused);

    assert_code(sley_generator_next(generator, NULL), 1);
    assert_ok(sley_generator_close(generator));
    cr_assert_eq(refused, 5);
    assert_code(sley_generator_next(generator, NULL), 0);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, closed_before_it_has_begun_it_never_does)
{
    struct diary diary = {.entries = 0};
    struct sley_generator *generator = made(keep_diary, &diary);
    int result;

    assert_ok(sley_generator_close(generator));
    assert_code(sley_generator_next(generator, NULL), SLEY_ECLOSED);
    cr_assert_eq(sley_generator_result(generator, &result), 1);
    cr_assert_eq(result, SLEY_ECLOSED);
    cr_assert_not(diary.cleaned);
    sley_generator_free(generator);
    return 0;
}

static int close_cancelled(void *arg)
{
    struct diary *diary = arg;
    struct sley_generator *generator = made(keep_diary, diary);

    assert_code(sley_generator_next(generator, NULL), 1);
    set(&diary->begun);
    assert_code(sley_park("to be cancelled"), SLEY_ECANCELED);
    assert_code(sley_generator_next(generator, NULL), SLEY_ECANCELED);
    assert_code(sley_generator_throw(generator, SLEY_EIO, NULL), SLEY_ECANCELED);
    cr_assert_eq(diary->entries, 0, "it was not entered");
    assert_ok(sley_generator_close(generator));
    cr_assert(diary->cleaned);
    sley_generator_free(generator);
    return 0;
}

TASK_TEST(generator, is_closed_by_a_task_that_is_cancelled)
{
    struct diary diary = {.entries = 0};
    struct sley_task *task = spawned(close_cancelled, &diary);

    while (!is_set(&diary.begun))
        sley_sleep(1);
    sley_cancel(task, NULL);
    assert_ok(joined(task));
    return 0;
}

static int sleep_long(struct sley_generator *self, void *arg)
{
    (void)self;
    set(arg);
    return sley_sleep(SLEY_SECONDS(1000));
}

static int consume_sleeper(void *arg)
{
    struct sley_generator *sleeper = made(sleep_long, arg);
    int error = sley_generator_next(sleeper, NULL);

    cr_assert_eq(sley_generator_result(sleeper, NULL), 1);
    sley_generator_free(sleeper);
    return error;
}

TASK_TEST(generator, a_body_that_waits_is_cancelled_with_its_task)
{
    bool inside = false;
    struct sley_task *task = spawned(consume_sleeper, &inside);

    while (!is_set(&inside))
        sley_sleep(1);
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    return 0;
}

/* --- who may ---------------------------------------------------------------------------------- */

static int ask_oneself(struct sley_generator *self, void *arg)
{
    (void)arg;
    if (sley_generator_next(self, NULL) != SLEY_EBUSY)
        return SLEY_EPROTO;
    if (sley_generator_close(self) != SLEY_EBUSY)
        return SLEY_EPROTO;
    return 0;
}

TASK_TEST(generator, cannot_ask_itself)
{
    struct sley_generator *generator = made(ask_oneself, NULL);

    assert_code(sley_generator_next(generator, NULL), 0);
    sley_generator_free(generator);
    return 0;
}

static int wait_for_unpark(struct sley_generator *self, void *arg)
{
    int error;

    set(arg);
    while ((error = sley_park("the test")) == 0)
        if ((error = sley_yield_value(self, NULL)) != 0)
            return error;
    return error;
}

static int ask_once(void *arg)
{
    return sley_generator_next(arg, NULL);
}

TASK_TEST(generator, is_busy_while_it_is_somebodys)
{
    bool inside = false;
    struct sley_generator *generator = made(wait_for_unpark, &inside);
    struct sley_task *first = spawned(ask_once, generator);

    while (!is_set(&inside))
        sley_sleep(1);
    assert_code(sley_generator_next(generator, NULL), SLEY_EBUSY);
    assert_code(sley_generator_close(generator), SLEY_EBUSY);
    assert_code(joined(spawned(ask_once, generator)), SLEY_EBUSY);
    sley_unpark(first);
    assert_code(joined(first), 1);
    sley_unpark(sley_self());
    assert_code(sley_generator_next(generator, NULL), 1);
    sley_generator_free(generator);
    return 0;
}

static void *foreign(void *arg)
{
    struct sley_generator **generators = arg, *none = NULL;
    int n = 1;

    assert_code(sley_generator_next(generators[0], NULL), SLEY_ENOTASK);
    assert_code(sley_generator_close(generators[0]), SLEY_ENOTASK);
    assert_code(sley_generator_new(count, &ten, 4, NULL, &none), SLEY_ENOTASK);
    assert_code(sley_yield_value(generators[0], &n), SLEY_EINVAL);
    assert_code(sley_yield_value(generators[1], &n), SLEY_EINVAL);
    assert_ok(sley_generator_close(generators[1]));
    sley_generator_free(generators[1]);
    assert_ok(sley_generator_close(generators[2]));
    sley_generator_free(generators[2]);
    return NULL;
}

TASK_TEST(generator, foreign_threads_do_not_ask)
{
    /* One that is in the middle, one that has not begun, one that has ended. */
    struct sley_generator *generators[] = {made(count, &ten), made(count, &ten), made(count, &ten)};

    assert_code(sley_generator_next(generators[0], NULL), 1);
    while (sley_generator_next(generators[2], NULL) > 0)
        continue;
    on_foreign_thread(foreign, generators);
    assert_code(sley_generator_next(generators[0], NULL), 1);
    sley_generator_free(generators[0]);
    return 0;
}

static int of_another_runtime(void *arg)
{
    int error = sley_generator_next(arg, NULL);

    return error == SLEY_EINVAL ? sley_generator_close(arg) : error;
}

static void *in_another_runtime(void *arg)
{
    assert_code(sley_run(of_another_runtime, arg, NULL), SLEY_EINVAL);
    return NULL;
}

TASK_TEST(generator, belongs_to_its_runtime)
{
    struct sley_generator *generator = made(count, &ten);

    assert_code(sley_generator_next(generator, NULL), 1);
    on_foreign_thread(in_another_runtime, generator);
    sley_generator_free(generator);
    return 0;
}

/* Yields for its consumer, which is a generator, too: through it would be a leap. */
static int leap(struct sley_generator *self, void *arg)
{
    int n = 1;

    (void)self;
    return sley_yield_value(arg, &n) == SLEY_EINVAL ? 0 : SLEY_EPROTO;
}

static int be_leapt_over(struct sley_generator *self, void *arg)
{
    int status;

    (void)arg;
    SLEY_FOREACH_FROM (int, n, leap, self, status)
        return SLEY_EPROTO;
    return status;
}

TASK_TEST(generator, yields_come_from_the_body_itself)
{
    struct sley_generator *generator = made(count, &ten);
    int n = 1, status;

    assert_code(sley_yield_value(generator, &n), SLEY_EINVAL);
    assert_code(sley_generator_next(generator, &n), 1);
    assert_code(sley_yield_value(generator, &n), SLEY_EINVAL);
    while (sley_generator_next(generator, &n) > 0)
        continue;
    assert_code(sley_yield_value(generator, &n), SLEY_EINVAL);
    sley_generator_free(generator);
    SLEY_FOREACH_FROM (int, none, be_leapt_over, NULL, status)
        cr_assert_fail("%d", none);
    assert_ok(status);
    return 0;
}

/* --- deadlines -------------------------------------------------------------------------------- */

static int narrow(struct sley_generator *self, void *arg)
{
    int64_t previous = sley_deadline_narrow(*(int64_t *)arg), now;
    int error = 0;

    for (int i = 0; i < 3 && !error; i++) {
        now = sley_deadline();
        error = sley_yield_value(self, &now);
    }
    sley_deadline_restore(previous);
    while (!error) {
        now = sley_deadline();
        error = sley_yield_value(self, &now);
    }
    return error;
}

TASK_TEST(generator, its_deadline_is_its_own)
{
    int64_t near = sley_now() + SLEY_SECONDS(1000), far = near + SLEY_SECONDS(1000), seen, previous;
    struct sley_generator *generator;

    assert_ok(sley_generator_new(narrow, &far, sizeof seen, NULL, &generator));
    assert_code(sley_generator_next(generator, &seen), 1);
    cr_assert_eq(seen, far);
    cr_assert_eq(sley_deadline(), SLEY_FOREVER, "it stays inside");
    previous = sley_deadline_narrow(near);
    assert_code(sley_generator_next(generator, &seen), 1);
    cr_assert_eq(seen, near, "the consumer's is in force inside");
    sley_deadline_restore(previous);
    assert_code(sley_generator_next(generator, &seen), 1);
    cr_assert_eq(seen, far);
    assert_code(sley_generator_next(generator, &seen), 1);
    cr_assert_eq(seen, SLEY_FOREVER, "it was restored inside");
    previous = sley_deadline_narrow(near);
    assert_code(sley_generator_next(generator, &seen), 1);
    cr_assert_eq(seen, near);
    cr_assert_eq(sley_deadline(), near);
    sley_deadline_restore(previous);
    sley_generator_free(generator);
    return 0;
}

/* Tells the deadline behind a scope, then the one in a shield, then that behind it. */
static int opens_scopes(struct sley_generator *self, UNUSED_ARG void *arg)
{
    struct sley_scope scope;
    int64_t now, inside = 0;
    int error = 0;

    while (!error) {
        SLEY_SCOPE(&scope)
        (void)sley_yield();
        now = sley_deadline();
        if ((error = sley_yield_value(self, &now)))
            break;
        SLEY_SHIELD()
        inside = sley_deadline();
        if ((error = sley_yield_value(self, &inside)))
            break;
        now = sley_deadline();
        error = sley_yield_value(self, &now);
    }
    return 0;
}

/* What bounds the body is who asks, each time anew; a shield holds it off. */
TASK_TEST(generator, scopes_in_the_body_leave_deadlines_alone)
{
    int64_t near = sley_now() + SLEY_SECONDS(1000), nearer = near - SLEY_SECONDS(500), seen;
    struct sley_generator *generator;

    assert_ok(sley_generator_new(opens_scopes, NULL, sizeof seen, NULL, &generator));
    for (int i = 0; i < 3; i++) {
        int64_t outside = i == 0 ? near : i == 1 ? SLEY_FOREVER : nearer;
        int64_t previous = sley_deadline_narrow(outside);

        for (int step = 0; step < 3; step++) {
            assert_code(sley_generator_next(generator, &seen), 1);
            cr_assert_eq(seen, step == 1 ? SLEY_FOREVER : outside, "round %d, step %d", i, step);
            cr_assert_eq(sley_deadline(), outside);
        }
        sley_deadline_restore(previous);
    }
    sley_generator_free(generator);
    return 0;
}

static int cleans_up_in_a_shield(struct sley_generator *self, void *arg)
{
    int item = 1;

    (void)sley_yield_value(self, &item);
    SLEY_SHIELD()
    *(int *)arg = sley_sleep(1);
    return 0;
}

TASK_TEST(generator, the_cleanup_for_a_late_task_may_wait)
{
    struct sley_generator *generator;
    int slept = 1, item;
    int64_t previous;

    assert_ok(sley_generator_new(cleans_up_in_a_shield, &slept, sizeof item, NULL, &generator));
    assert_code(sley_generator_next(generator, &item), 1);
    previous = sley_deadline_narrow(1);
    sley_generator_free(generator);
    assert_ok(slept);
    assert_code(sley_sleep(1), SLEY_ETIMEDOUT);
    sley_deadline_restore(previous);
    return 0;
}

TASK_TEST(generator, a_late_task_does_not_enter)
{
    struct sley_generator *generator = made(count, &ten);
    int64_t previous = sley_deadline_narrow(1);

    assert_code(sley_generator_next(generator, NULL), SLEY_ETIMEDOUT);
    sley_deadline_restore(previous);
    assert_code(sley_generator_next(generator, NULL), 1);
    sley_generator_free(generator);
    return 0;
}

/* --- stacks ----------------------------------------------------------------------------------- */

static int use_stack(struct sley_generator *self, void *arg)
{
    size_t size = *(size_t *)arg;
    volatile char frame[size];

    for (size_t i = 0; i < size; i += 512)
        frame[i] = (char)i;
    for (size_t i = 0; i < size; i += 512) {
        int n = frame[i] == (char)i, error = sley_yield_value(self, &n);

        if (error)
            return error;
    }
    return 0;
}

TASK_TEST(generator, has_a_stack_of_the_size_asked_for)
{
    size_t sizes[] = {16 << 10, 64 << 10, 256 << 10, 1 << 20};

    for (int i = 0; i < 4; i++) {
        struct sley_generator_options options = {.stack_size = sizes[i]};
        struct sley_generator *generator;
        size_t used = sizes[i] / 2;
        int good;

        assert_ok(sley_generator_new(use_stack, &used, sizeof good, &options, &generator));
        while (sley_generator_next(generator, &good) > 0)
            cr_assert(good);
        sley_generator_free(generator);
    }
    return 0;
}

TASK_TEST(generator, many_at_once)
{
    enum { MANY = 2000 };
    static struct sley_generator *generators[MANY];
    int n;

    for (int i = 0; i < MANY; i++)
        generators[i] = made(count, &ten);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < MANY; i++) {
            assert_code(sley_generator_next(generators[i], &n), 1);
            cr_assert_eq(n, round);
        }
    for (int i = 0; i < MANY; i++)
        sley_generator_free(generators[i]);
    return 0;
}

/* --- scopes --- */

static int yields_out_of_a_scope(struct sley_generator *self, void *arg)
{
    struct sley_scope scope;
    int item = 1;

    (void)arg;
    SLEY_SCOPE(&scope)
    assert_code(sley_yield_value(self, &item), SLEY_EPERM);
    return sley_yield_value(self, &item);
}

ONE_WORKER_TEST(generator, hands_nothing_over_out_of_a_scope)
{
    struct sley_generator *generator = NULL;
    int item = 0;

    assert_ok(sley_generator_new(yields_out_of_a_scope, NULL, sizeof item, NULL, &generator));
    cr_assert_eq(sley_generator_next(generator, &item), 1);
    cr_assert_eq(item, 1);
    cr_assert_eq(sley_generator_next(generator, &item), 0);
    sley_generator_free(generator);
    return 0;
}
