/*
 * test_local.c: values that belong to a task.
 */
#include "task_test.h"

#include <stdlib.h>
#include <string.h>

#include <sley/local.h>
#include <sley/park.h>

static int destroyed[64], destroyed_count;

static void note(void *value)
{
    destroyed[destroyed_count++] = *(int *)value;
}

static int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static struct sley_local plain = SLEY_LOCAL_INIT(NULL, NULL);
static struct sley_local noted[4] = {SLEY_LOCAL_INIT(note, NULL), SLEY_LOCAL_INIT(note, NULL),
                                     SLEY_LOCAL_INIT(note, NULL), SLEY_LOCAL_INIT(note, NULL)};

/* --- get and set ----------------------------------------------------------------------------- */

static int has_none(UNUSED_ARG void *arg)
{
    cr_assert_null(sley_local_get(&plain));
    return 0;
}

TASK_TEST(local, is_the_tasks_own)
{
    struct sley_local zeroed = {0};

    cr_assert_null(sley_local_get(&plain));
    cr_assert_null(sley_local_get(&zeroed));
    assert_ok(sley_local_set(&plain, &numbers[1]));
    assert_ok(sley_local_set(&zeroed, &numbers[2]));
    cr_assert_eq(sley_local_get(&plain), &numbers[1]);
    cr_assert_eq(sley_local_get(&zeroed), &numbers[2]);
    assert_ok(joined(spawned(has_none, NULL)));
    assert_ok(sley_local_set(&plain, NULL));
    cr_assert_null(sley_local_get(&plain));
    cr_assert_eq(sley_local_get(&zeroed), &numbers[2]);
    sley_local_close(&zeroed);
    return 0;
}

TASK_TEST(local, null_for_a_key_that_was_never_set_is_nothing_to_do)
{
    struct sley_local many[50] = {{0}};

    for (int i = 0; i < 50; i++)
        assert_ok(sley_local_set(&many[i], NULL));
    assert_ok(sley_local_set(&many[49], numbers));
    assert_ok(sley_local_set(&many[48], NULL));
    cr_assert_null(sley_local_get(&many[48]));
    cr_assert_eq(sley_local_get(&many[49]), numbers);
    assert_code(sley_local_set(NULL, numbers), SLEY_EINVAL);
    sley_local_close(NULL);
    return 0;
}

static int stays(void *arg)
{
    assert_ok(sley_local_set(&plain, arg));
    for (int i = 0; i < 200; i++) {
        assert_ok(i % 2 ? sley_yield() : sley_sleep(SLEY_MICROSECONDS(1)));
        cr_assert_eq(sley_local_get(&plain), arg);
    }
    return 0;
}

TASK_TEST(local, stays_over_parks_and_migrations)
{
    struct sley_task *tasks[10];

    for (int i = 0; i < 10; i++)
        tasks[i] = spawned(stays, &numbers[i]);
    for (int i = 0; i < 10; i++)
        assert_ok(joined(tasks[i]));
    return 0;
}

static void *on_thread(UNUSED_ARG void *arg)
{
    assert_code(sley_local_set(&plain, numbers), SLEY_ENOTASK);
    cr_assert_null(sley_local_get(&plain));
    return NULL;
}

TASK_TEST(local, is_for_tasks)
{
    assert_ok(sley_local_set(&plain, numbers));
    on_foreign_thread(on_thread, NULL);
    cr_assert_eq(sley_local_get(&plain), numbers);
    return 0;
}

static int sets_when_cancelled(UNUSED_ARG void *arg)
{
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    assert_ok(sley_local_set(&noted[0], &numbers[3]));
    return 0;
}

TASK_TEST(local, does_not_mind_a_cancel)
{
    struct sley_task *task = spawned(sets_when_cancelled, NULL);

    sley_cancel(task, NULL);
    assert_ok(joined(task));
    cr_assert_eq(destroyed_count, 1);
    return 0;
}

/* --- the end --------------------------------------------------------------------------------- */

static int set_in_odd_order(UNUSED_ARG void *arg)
{
    assert_ok(sley_local_set(&noted[2], &numbers[1]));
    assert_ok(sley_local_set(&noted[0], &numbers[2]));
    assert_ok(sley_local_set(&noted[3], &numbers[3]));
    assert_ok(sley_local_set(&noted[1], &numbers[4]));
    assert_ok(sley_local_set(&noted[0], &numbers[5])); /* replaced: the place stays, 2 is ours */
    assert_ok(sley_local_set(&noted[3], NULL));
    assert_ok(sley_local_set(&noted[3], &numbers[6])); /* set anew */
    return 0;
}

TASK_TEST(local, last_set_is_destroyed_first)
{
    static const int expected[] = {6, 4, 5, 1};

    assert_ok(joined(spawned(set_in_odd_order, NULL)));
    cr_assert_eq(destroyed_count, 4);
    cr_assert_arr_eq(destroyed, expected, sizeof expected);
    return 0;
}

static struct sley_task *ending;
static struct sley_local looked;

static void look_around(void *value)
{
    cr_assert_eq(sley_self(), ending, "not on the task");
    cr_assert_null(sley_local_get(&looked), "its own value is still there");
    cr_assert_eq(sley_local_get(&plain), &numbers[7], "what was set before is gone");
    assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    assert_ok(sley_yield());
    cr_assert_eq(sley_self(), ending);
    note(value);
}

static struct sley_local looked = SLEY_LOCAL_INIT(look_around, NULL);

static int set_looked(UNUSED_ARG void *arg)
{
    ending = sley_self();
    assert_ok(sley_local_set(&plain, &numbers[7]));
    assert_ok(sley_local_set(&looked, &numbers[8]));
    return 3;
}

TASK_TEST(local, destructor_runs_on_the_task_and_may_park)
{
    cr_assert_eq(joined(spawned(set_looked, NULL)), 3);
    cr_assert_eq(destroyed_count, 1);
    cr_assert_eq(destroyed[0], 8);
    return 0;
}

static struct sley_local again;

static void set_again(void *value)
{
    note(value);
    assert_ok(sley_local_set(&again, value));
}

static struct sley_local again = SLEY_LOCAL_INIT(set_again, NULL);

static int set_once(UNUSED_ARG void *arg)
{
    assert_ok(sley_local_set(&noted[0], &numbers[1]));
    assert_ok(sley_local_set(&again, &numbers[2]));
    return 0;
}

TASK_TEST(local, what_destructors_set_is_destroyed_after_the_rest_a_bounded_number_of_times)
{
    static const int expected[] = {2, 1, 2, 2, 2};

    assert_ok(joined(spawned(set_once, NULL)));
    cr_assert_eq(destroyed_count, 1 + SLEY_LOCAL_ROUNDS);
    cr_assert_arr_eq(destroyed, expected, sizeof expected);
    return 0;
}

static struct sley_local first_of_many;

static void set_many(void *value)
{
    static struct sley_local many[100];

    note(value);
    for (int i = 0; i < 100; i++) /* the values move meanwhile */
        assert_ok(sley_local_set(&many[i], numbers));
}

static struct sley_local first_of_many = SLEY_LOCAL_INIT(set_many, NULL);

static int set_first_of_many(UNUSED_ARG void *arg)
{
    assert_ok(sley_local_set(&noted[1], &numbers[4]));
    assert_ok(sley_local_set(&first_of_many, &numbers[5]));
    return 0;
}

TASK_TEST(local, destructor_may_set_many_others)
{
    assert_ok(joined(spawned(set_first_of_many, NULL)));
    cr_assert_eq(destroyed_count, 2);
    cr_assert_eq(destroyed[1], 4);
    return 0;
}

static int parks(UNUSED_ARG void *arg)
{
    assert_ok(sley_local_set(&noted[1], &numbers[1]));
    assert_code(sley_park("for ever"), SLEY_ECANCELED);
    return 0;
}

static int leave_some_parked(UNUSED_ARG void *arg)
{
    for (int i = 0; i < 20; i++)
        assert_ok(sley_spawn(parks, NULL, NULL, NULL));
    return sley_sleep(SLEY_MILLISECONDS(1));
}

Test(local, of_parked_tasks_is_destroyed_when_the_runtime_ends)
{
    struct sley_options options = {.workers = 1, .unpinned = true};

    assert_ok(sley_run(leave_some_parked, NULL, &options));
    cr_assert_eq(destroyed_count, 20);
}

/* The memory of a task is used again: nothing of the last one may be seen in it. */
TASK_TEST(local, does_not_survive_in_the_memory_of_its_task)
{
    for (int i = 0; i < 1000; i++) {
        assert_ok(joined(spawned(i % 2 ? has_none : stays, &numbers[i % 10])));
        if (i == 20)
            break;
    }
    for (int i = 0; i < 3000; i++)
        assert_ok(joined(spawned(has_none, NULL)));
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------ */

TASK_TEST(local, closed_key_forgets_its_values)
{
    struct sley_local key = SLEY_LOCAL_INIT(note, NULL), other = SLEY_LOCAL_INIT(note, NULL);

    assert_ok(sley_local_set(&key, &numbers[1]));
    sley_local_close(&key);
    cr_assert_null(sley_local_get(&key));
    assert_ok(sley_local_set(&other, &numbers[2])); /* in the same place */
    cr_assert_null(sley_local_get(&key));
    cr_assert_eq(sley_local_get(&other), &numbers[2]);
    assert_ok(sley_local_set(&key, &numbers[3]));
    cr_assert_eq(sley_local_get(&key), &numbers[3]);
    cr_assert_eq(sley_local_get(&other), &numbers[2]);
    sley_local_close(&key);
    sley_local_close(&other);
    sley_local_close(&other);
    cr_assert_eq(destroyed_count, 0);
    return 0;
}

struct gate {
    struct sley_local *key;
    bool has_set;
};

static int sets_and_waits(void *arg)
{
    struct gate *gate = arg;

    assert_ok(sley_local_set(gate->key, &numbers[1]));
    set(&gate->has_set);
    assert_ok(sley_park(NULL));
    cr_assert_null(sley_local_get(gate->key));
    return 0;
}

/* Another task has a value under the old key when the place goes to a new one, whose destructor
 * must not get it. */
TASK_TEST(local, later_key_does_not_see_values_of_an_earlier_one)
{
    struct sley_local old = SLEY_LOCAL_INIT(NULL, NULL), young = SLEY_LOCAL_INIT(note, NULL);
    struct gate gate = {.key = &old};
    struct sley_task *task = spawned(sets_and_waits, &gate);

    while (!is_set(&gate.has_set))
        sley_yield();
    sley_local_close(&old);
    assert_ok(sley_local_set(&young, &numbers[2]));
    sley_unpark(task);
    assert_ok(joined(task));
    cr_assert_eq(destroyed_count, 0);
    sley_local_close(&young);
    return 0;
}

TASK_TEST(local, there_may_be_many_and_not_more)
{
    static struct sley_local keys[SLEY_LOCALS_MAX + 1];

    for (int i = 0; i < SLEY_LOCALS_MAX; i++)
        assert_ok(sley_local_set(&keys[i], &numbers[i % 10]));
    assert_code(sley_local_set(&keys[SLEY_LOCALS_MAX], numbers), SLEY_EAGAIN);
    cr_assert_null(sley_local_get(&keys[SLEY_LOCALS_MAX]));
    for (int i = 0; i < SLEY_LOCALS_MAX; i++)
        cr_assert_eq(sley_local_get(&keys[i]), &numbers[i % 10]);
    sley_local_close(&keys[500]);
    assert_ok(sley_local_set(&keys[SLEY_LOCALS_MAX], numbers));
    cr_assert_null(sley_local_get(&keys[500]));
    cr_assert_eq(sley_local_get(&keys[SLEY_LOCALS_MAX]), numbers);
    for (int i = 0; i <= SLEY_LOCALS_MAX; i++)
        sley_local_close(&keys[i]);
    return 0;
}

static struct sley_local shared_key = SLEY_LOCAL_INIT(free, NULL);

static int sets_shared(UNUSED_ARG void *arg)
{
    for (int i = 0; i < 20; i++) {
        int *mine = malloc(sizeof *mine);

        *mine = i;
        free(sley_local_get(&shared_key));
        assert_ok(sley_local_set(&shared_key, mine));
        sley_yield();
        cr_assert_eq(sley_local_get(&shared_key), mine);
        cr_assert_eq(*mine, i);
    }
    return 0;
}

TASK_TEST(local, of_thousands_of_tasks)
{
    enum { MANY = 2000 };
    static struct sley_task *tasks[MANY];

    for (int i = 0; i < MANY; i++)
        tasks[i] = spawned(sets_shared, NULL);
    for (int i = 0; i < MANY; i++)
        assert_ok(joined(tasks[i]));
    return 0;
}

/* --- inheritance ----------------------------------------------------------------------------- */

static const struct sley_task_options inherit = {.inherit_locals = true};

static int copies, copy_error;

static int copy_number(void *value, void **out)
{
    int *copy = malloc(sizeof *copy);

    if (copy_error) {
        free(copy);
        return copy_error;
    }
    copies++;
    *copy = *(int *)value + 1;
    *out = copy;
    return 0;
}

static int freed;

static void free_number(void *value)
{
    __atomic_add_fetch(&freed, 1, __ATOMIC_SEQ_CST);
    free(value);
}

static struct sley_local copied = SLEY_LOCAL_INIT(free_number, copy_number);

static int heir(UNUSED_ARG void *arg)
{
    cr_assert_eq(sley_local_get(&plain), &numbers[1]);
    cr_assert_null(sley_local_get(&noted[0]), "two tasks would destroy it");
    cr_assert_eq(*(int *)sley_local_get(&copied), 42);
    assert_ok(sley_local_set(&plain, &numbers[2]));
    return 0;
}

static void leave_a_legacy(void)
{
    int *number = malloc(sizeof *number);

    *number = 41;
    assert_ok(sley_local_set(&plain, &numbers[1]));
    assert_ok(sley_local_set(&noted[0], &numbers[1]));
    assert_ok(sley_local_set(&copied, number));
}

TASK_TEST(inherit, copies_what_can_be_copied)
{
    struct sley_task *task;

    leave_a_legacy();
    assert_ok(sley_spawn(heir, NULL, &inherit, &task));
    assert_ok(sley_local_set(&plain, NULL)); /* too late for the heir to see */
    assert_ok(joined(task));
    cr_assert_null(sley_local_get(&plain));
    cr_assert_eq(*(int *)sley_local_get(&copied), 41);
    cr_assert_eq(copies, 1);
    cr_assert_eq(freed, 1);
    assert_ok(joined(spawned(has_none, NULL))); /* nobody who has not asked for it */
    return 0;
}

TASK_TEST(inherit, nothing_is_no_problem)
{
    struct sley_task *task;

    assert_ok(sley_spawn(has_none, NULL, &inherit, &task));
    assert_ok(joined(task));
    return 0;
}

TASK_TEST(inherit, failed_copy_fails_the_spawn)
{
    struct sley_task *task = NULL;

    leave_a_legacy();
    copy_error = SLEY_EBUSY;
    assert_code(sley_spawn(heir, NULL, &inherit, &task), SLEY_EBUSY);
    cr_assert_null(task);
    copy_error = 0;
    return 0;
}

TASK_TEST(inherit, failed_spawn_ends_the_copies)
{
    struct sley_task_options options = {.inherit_locals = true, .stack_size = (size_t)1 << 30};

    leave_a_legacy();
    assert_code(sley_spawn(heir, NULL, &options, NULL), SLEY_EINVAL);
    cr_assert_eq(copies, 1);
    cr_assert_eq(freed, 1);
    cr_assert_eq(destroyed_count, 0);
    return 0;
}

static int breed_until_the_end(UNUSED_ARG void *arg)
{
    int error;

    leave_a_legacy();
    while (!(error = sley_spawn(heir, NULL, &inherit, NULL)))
        sley_yield();
    assert_code(error, SLEY_ESHUTDOWN);
    return 0;
}

/* Spawns that the end of the runtime refuses, too, end what they have copied. */
Test(inherit, ends_with_the_runtime)
{
    struct sley_runtime *runtime;
    struct sley_options options = {.workers = 2, .unpinned = true};

    assert_ok(sley_runtime_new(&options, &runtime));
    assert_ok(sley_runtime_spawn(runtime, breed_until_the_end, NULL, NULL, NULL));
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2)));
    sley_runtime_free(runtime);
    cr_assert_eq(freed, copies ? copies + 1 : freed);
}

static int spawn_elsewhere(void *arg)
{
    struct sley_task *task;

    leave_a_legacy();
    assert_ok(sley_runtime_spawn(arg, heir, NULL, &inherit, &task));
    return joined(task);
}

Test(inherit, also_into_another_runtime)
{
    struct sley_runtime *runtime;

    assert_ok(sley_runtime_new(NULL, &runtime));
    assert_ok(sley_run(spawn_elsewhere, runtime, NULL));
    sley_runtime_free(runtime);
    cr_assert_eq(freed, 2);
}

static void *spawn_from_outside(void *arg)
{
    struct sley_task *task;

    assert_ok(sley_runtime_spawn(arg, has_none, NULL, &inherit, &task));
    assert_ok(joined(task));
    return NULL;
}

Test(inherit, from_a_thread_there_is_nothing)
{
    struct sley_runtime *runtime;

    assert_ok(sley_runtime_new(NULL, &runtime));
    on_foreign_thread(spawn_from_outside, runtime);
    sley_runtime_free(runtime);
}
