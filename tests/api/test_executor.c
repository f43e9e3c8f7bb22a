/*
 * test_executor.c: the same work on workers, on threads and wherever else.
 */
#include "task_test.h"

#include <semaphore.h>
#include <string.h>

#include <sley/executor.h>
#include <sley/park.h>
#include <sley/procpool.h>

/* A place of the test's own: as a pool of processes it works on a copy. */
static int calls_elsewhere;

static int call_on_copy(const struct sley_executor *executor, sley_work_fn *fn, void *data,
                        size_t size, int *result)
{
    char copy[64];
    int error;

    cr_assert_leq(size, sizeof copy);
    cr_assert_eq(executor->context, &calls_elsewhere);
    __atomic_add_fetch(&calls_elsewhere, 1, __ATOMIC_SEQ_CST);
    memcpy(copy, data, size);
    if ((error = sley_yield()))
        return error;
    *result = fn(copy, size);
    memcpy(data, copy, size);
    return 0;
}

static const struct sley_executor elsewhere = {call_on_copy, &calls_elsewhere};
static const struct sley_blocking_class narrow = {.threads_max = 2};
static const struct sley_executor narrow_threads = SLEY_EXECUTOR_THREADS(&narrow);

static const struct sley_executor *const executors[] = {
    &sley_executor_tasks, &sley_executor_threads, &narrow_threads, &elsewhere};
enum { EXECUTORS = sizeof executors / sizeof *executors };

static int square(void *data, size_t size)
{
    long *n = data;

    cr_assert_eq(size, sizeof *n);
    *n *= *n;
    return (int)*n + 1;
}

TASK_TEST(executor, runs_work_and_waits)
{
    for (int i = 0; i < EXECUTORS; i++) {
        long n = i + 2;
        int result = 0;

        assert_ok(sley_executor_call(executors[i], square, &n, sizeof n, &result));
        cr_assert_eq(n, (i + 2) * (i + 2));
        cr_assert_eq(result, n + 1);
        assert_ok(sley_executor_call(executors[i], square, &n, sizeof n, NULL));
    }
    return 0;
}

TASK_TEST(executor, runs_much_work_at_once)
{
    enum { MANY = 200 };

    for (int i = 0; i < EXECUTORS; i++) {
        struct sley_work *work[MANY];
        long numbers[MANY];

        for (int j = 0; j < MANY; j++) {
            numbers[j] = j;
            assert_ok(sley_executor_submit(executors[i], square, &numbers[j], sizeof numbers[j],
                                           &work[j]));
        }
        for (int j = 0; j < MANY; j++) {
            int result;

            assert_ok(sley_work_wait(work[j], &result));
            cr_assert_eq(numbers[j], (long)j * j);
            cr_assert_eq(result, j * j + 1);
        }
    }
    return 0;
}

TASK_TEST(executor, wants_to_know_what_and_where)
{
    struct sley_work *work = NULL;
    long n = 1;

    assert_code(sley_executor_call(NULL, square, &n, sizeof n, NULL), SLEY_EINVAL);
    assert_code(sley_executor_call(&elsewhere, NULL, &n, sizeof n, NULL), SLEY_EINVAL);
    assert_code(sley_executor_submit(NULL, square, &n, sizeof n, &work), SLEY_EINVAL);
    assert_code(sley_executor_submit(&elsewhere, NULL, &n, sizeof n, &work), SLEY_EINVAL);
    assert_code(sley_executor_submit(&elsewhere, square, &n, sizeof n, NULL), SLEY_EINVAL);
    cr_assert_null(work);
    return 0;
}

Test(executor, is_for_tasks)
{
    struct sley_work *work;
    long n = 1;

    for (int i = 0; i < EXECUTORS; i++) {
        assert_code(sley_executor_call(executors[i], square, &n, sizeof n, NULL), SLEY_ENOTASK);
        assert_code(sley_executor_submit(executors[i], square, &n, sizeof n, &work), SLEY_ENOTASK);
    }
}

static int wait_at_gate(void *data, size_t size)
{
    sem_t *gate = *(sem_t **)data;

    (void)size;
    while (sem_wait(gate) < 0)
        ;
    return 5;
}

struct waiter {
    struct sley_work *work;
    int first, second, result;
};

static int wait_twice(void *arg)
{
    struct waiter *waiter = arg;

    waiter->first = sley_work_wait(waiter->work, &waiter->result);
    return sley_cancelled();
}

/* A caller that is cancelled keeps the work. */
TASK_TEST(executor, cancelled_waiter_keeps_the_work)
{
    sem_t gate, *data = &gate;
    struct waiter waiter = {.result = 77};
    struct sley_task *task;

    sem_init(&gate, 0, 0);
    assert_ok(sley_executor_submit(&sley_executor_threads, wait_at_gate, &data, sizeof data,
                                   &waiter.work));
    task = spawned(wait_twice, &waiter);
    assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    assert_code(waiter.first, SLEY_EBUSY);
    cr_assert_eq(waiter.result, 77);
    sem_post(&gate);
    assert_ok(sley_work_wait(waiter.work, &waiter.result));
    cr_assert_eq(waiter.result, 5);
    sem_destroy(&gate);
    return 0;
}

static int park_until_cancelled(void *data, size_t size)
{
    (void)data;
    (void)size;
    return sley_park("cancel");
}

static int never(UNUSED_ARG void *data, UNUSED_ARG size_t size)
{
    cr_assert_fail("must not run");
    return 0;
}

TASK_TEST(executor, cancelled_work_ends)
{
    struct sley_work *work;
    int result = 77, error;

    /* It is a task: it is told, or has not begun. */
    assert_ok(sley_executor_submit(&sley_executor_tasks, park_until_cancelled, NULL, 0, &work));
    error = sley_work_cancel(work, &result);
    cr_assert(error == SLEY_ECANCELED || (error == 0 && result == SLEY_ECANCELED));
    return 0;
}

ONE_WORKER_TEST(executor, cancelled_work_that_has_not_begun_does_not_begin)
{
    for (int i = 0; i < EXECUTORS; i++) {
        struct sley_work *work;
        int result = 77;

        assert_ok(sley_executor_submit(executors[i], never, &result, sizeof result, &work));
        assert_code(sley_work_cancel(work, &result), SLEY_ECANCELED);
        cr_assert_eq(result, 77);
    }
    return 0;
}

static void *post_later(void *arg)
{
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2))); /* a thread: it really sleeps */
    sem_post(arg);
    return NULL;
}

static int note_and_wait(void *data, size_t size)
{
    struct {
        sem_t *gate;
        bool *started;
    } *d = data;

    (void)size;
    set(d->started);
    while (sem_wait(d->gate) < 0)
        ;
    return 5;
}

/* What runs on a thread cannot be stopped, and uses the data: it is waited for. */
TASK_TEST(executor, cancel_waits_for_what_cannot_be_stopped)
{
    sem_t gate;
    bool started = false;
    struct {
        sem_t *gate;
        bool *started;
    } data = {&gate, &started};
    struct sley_work *work;
    pthread_t thread;
    int result = 0;

    sem_init(&gate, 0, 0);
    assert_ok(
        sley_executor_submit(&sley_executor_threads, note_and_wait, &data, sizeof data, &work));
    while (!is_set(&started))
        sley_yield();
    pthread_create(&thread, NULL, post_later, &gate);
    sley_cancel(sley_self(), NULL); /* the caller's own cancel does not matter */
    assert_ok(sley_work_cancel(work, &result));
    cr_assert_eq(result, 5);
    pthread_join(thread, NULL);
    sem_destroy(&gate);
    return 0;
}

/* The others are in stress/procpool_executor.c, because what forks cannot be tested here. */
TASK_TEST(executor, processes_must_be_prepared_for)
{
    struct sley_work *work;
    int result = 77;

    assert_code(sley_executor_call(&sley_executor_processes, never, NULL, 0, &result), SLEY_ELATE);
    assert_ok(sley_executor_submit(&sley_executor_processes, never, NULL, 0, &work));
    assert_code(sley_work_wait(work, &result), SLEY_ELATE);
    cr_assert_eq(result, 77);
    return 0;
}

static int fail_call(UNUSED_ARG const struct sley_executor *executor, UNUSED_ARG sley_work_fn *fn,
                     UNUSED_ARG void *data, UNUSED_ARG size_t size, UNUSED_ARG int *result)
{
    return SLEY_ECRASHED;
}

TASK_TEST(executor, says_when_work_was_lost)
{
    static const struct sley_executor broken = {fail_call, NULL};
    struct sley_work *work;
    int result = 77;

    assert_code(sley_executor_call(&broken, never, NULL, 0, &result), SLEY_ECRASHED);
    assert_ok(sley_executor_submit(&broken, never, NULL, 0, &work));
    assert_code(sley_work_wait(work, &result), SLEY_ECRASHED);
    cr_assert_eq(result, 77);
    return 0;
}

static struct sley_work *left[EXECUTORS];
static long left_data[EXECUTORS];

/* Work whose owner is gone when the runtime ends runs, or not, and does not hold the end up. */
static int leave_work(UNUSED_ARG void *arg)
{
    for (int i = 0; i < EXECUTORS; i++)
        assert_ok(sley_executor_submit(executors[i], square, &left_data[i], sizeof left_data[i],
                                       &left[i]));
    return 0;
}

Test(executor, does_not_hold_up_the_end_of_the_runtime)
{
    struct sley_options options = {.workers = 2, .unpinned = true};

    assert_ok(sley_run(leave_work, NULL, &options));
}
