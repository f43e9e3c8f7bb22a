/*
 * task_test.h: tests whose body is a task.
 */
#ifndef TASK_TEST_H
#define TASK_TEST_H

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include <sley/error.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

#define UNUSED_ARG __attribute__((unused))

/* Runs the body as the main task of a runtime of its own, with options. */
#define TASK_TEST_WITH(suite, name, ...)                                  \
    static int suite##_##name(void *unused);                              \
    Test(suite, name)                                                     \
    {                                                                     \
        struct sley_options test_options = {__VA_ARGS__};                 \
        int test_result = sley_run(suite##_##name, NULL, &test_options);  \
        cr_assert_eq(test_result, 0, "%s", sley_error_name(test_result)); \
    }                                                                     \
    static int suite##_##name(UNUSED_ARG void *unused)

/* Several workers, so that tasks really run at once. */
#define TASK_TEST(suite, name) TASK_TEST_WITH(suite, name, .workers = 3, .unpinned = true)

/* One worker: tasks run one at a time, until they park or yield, however long that takes: nobody
 * relieves it. */
#define ONE_WORKER_TEST(suite, name) \
    TASK_TEST_WITH(suite, name, .workers = 1, .unpinned = true, .stall_threshold = -1)

#define assert_code(expression, code)                                                      \
    do {                                                                                   \
        int code_ = (expression);                                                          \
        cr_assert_eq(code_, (code), "%s: %s, not %s", #expression, sley_error_name(code_), \
                     sley_error_name(code));                                               \
    } while (0)
#define assert_ok(expression) assert_code(expression, 0)

/* Joins; the task's result. */
static inline int joined(struct sley_task *task)
{
    int result = -12345;

    assert_ok(sley_join(task, &result));
    return result;
}

static inline struct sley_task *spawned(sley_task_fn *fn, void *arg)
{
    struct sley_task *task = NULL;

    assert_ok(sley_spawn(fn, arg, NULL, &task));
    return task;
}

/* Calls fn(arg) on a thread that is not of the runtime, and waits for it. */
static inline void on_foreign_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, fn, arg), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* A flag that one thread sets and another sees, with all that came before. */
static inline void set(bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_SEQ_CST);
}

static inline bool is_set(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

#endif
