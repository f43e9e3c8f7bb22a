/*
 * procpool_executor.c: the same work on workers, threads and in processes; and what is true of
 * processes only. tests/api/test_executor.c has what needs none.
 */
#define _GNU_SOURCE
#include "forked.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sley/sley.h>

#define assert_code(expression, code)                                                    \
    do {                                                                                 \
        int code_ = (expression);                                                        \
        EXPECT(code_ == (code), "%s is %s, not %s", #expression, sley_error_name(code_), \
               sley_error_name(code));                                                   \
    } while (0)
#define assert_ok(expression) assert_code(expression, 0)

/* What the processes share with us, because it was mapped before they were forked. */
static struct shared {
    int pid; /* of work that runs */
} * shared;

static int prepare(void)
{
    if (!shared) /* the processes of later runtimes are forks of the same zygote */
        shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED);
    return sley_procpool_prepare();
}

static int get(const int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void put(int *value, int to)
{
    __atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

#define TASK_TEST_WITH(name, ...)                              \
    static int name##_task(void *unused);                      \
    FORKED_TEST(name)                                          \
    {                                                          \
        struct sley_options test_options = {__VA_ARGS__};      \
        assert_ok(sley_run(name##_task, NULL, &test_options)); \
    }                                                          \
    static int name##_task(void *unused __attribute__((unused)))
#define TASK_TEST(name) TASK_TEST_WITH(name, .workers = 2, .unpinned = true, .prepare = prepare)

/* Waits until it is so. The watchdog of the test is the only clock. */
#define eventually(condition)                   \
    do {                                        \
        while (!(condition))                    \
            sley_sleep(SLEY_MICROSECONDS(200)); \
    } while (0)

static bool is_gone(int pid)
{
    return kill(pid, 0) < 0;
}

/* --- the same everywhere ---------------------------------------------------------------------- */

/* Adds one to each byte; returns their number. */
static int add_one(void *data, size_t size)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        bytes[i]++;
    return (int)size;
}

static void try_size(const struct sley_executor *executor, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    struct sley_work *work;
    int result = -1;

    memset(bytes, 7, size + 1);
    assert_ok(sley_executor_call(executor, add_one, bytes, size, &result));
    EXPECT(result == (int)size);
    assert_ok(sley_executor_submit(executor, add_one, bytes, size, &work));
    result = -1;
    assert_ok(sley_work_wait(work, &result));
    EXPECT(result == (int)size);
    for (size_t i = 0; i < size; i++)
        EXPECT(bytes[i] == 9, "byte %zu of %zu is %d", i, size, bytes[i]);
    EXPECT(bytes[size] == 7);
    free(bytes);
}

/* Work is the same wherever it runs: that is what an executor is for. */
TASK_TEST(one_line_decides)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1023, 1024, 1025, 70000, 3 << 20};
    struct sley_procpool *pool;

    assert_ok(sley_procpool_new(NULL, &pool));
    struct sley_executor own = SLEY_EXECUTOR_PROCESSES(pool);
    const struct sley_executor *const executors[] = {&sley_executor_tasks, &sley_executor_threads,
                                                     &sley_executor_processes, &own};
    for (size_t i = 0; i < sizeof(executors) / sizeof(*executors); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++)
            try_size(executors[i], sizes[j]);
        assert_ok(sley_executor_call(executors[i], add_one, NULL, 0, NULL));
    }
    sley_procpool_free(pool);
    return 0;
}

static int tell_pid(void *data, size_t size)
{
    int pid = getpid();

    memcpy(data, &pid, size);
    return 0;
}

static int add_pids(void *arg)
{
    int *pid = arg;

    for (int i = 0; i < 20; i++)
        assert_ok(sley_executor_call(&sley_executor_processes, tell_pid, pid, sizeof(*pid), NULL));
    return 0;
}

/* Many that are the first at once find one pool: with two workers it has at most two children. */
TASK_TEST(a_runtime_has_one_pool_of_its_own)
{
    enum { MANY = 100 };
    int pids[MANY], known[2] = {0, 0};
    struct sley_task *tasks[MANY];

    for (int i = 0; i < MANY; i++)
        assert_ok(sley_spawn(add_pids, &pids[i], NULL, &tasks[i]));
    for (int i = 0; i < MANY; i++)
        assert_ok(sley_join(tasks[i], NULL));
    for (int i = 0; i < MANY; i++) {
        int j = 0;

        EXPECT(pids[i] > 0 && pids[i] != getpid());
        while (j < 2 && known[j] && known[j] != pids[i])
            j++;
        EXPECT(j < 2, "a third child");
        known[j] = pids[i];
    }
    return 0;
}

static int first_use(void *arg)
{
    int pid;

    (void)arg;
    sley_executor_call(&sley_executor_processes, tell_pid, &pid, sizeof(pid), NULL);
    return sley_sleep(SLEY_FOREVER);
}

/* The pool is not of the task that happened to need it first. */
TASK_TEST(the_pool_outlives_its_first_user)
{
    struct sley_task *first;
    int pid = 0, error;

    assert_ok(sley_spawn(first_use, NULL, NULL, &first));
    assert_ok(sley_yield());
    sley_cancel(first, "that was all");
    assert_ok(sley_join(first, &error));
    assert_code(error, SLEY_ECANCELED);
    assert_ok(sley_executor_call(&sley_executor_processes, tell_pid, &pid, sizeof(pid), NULL));
    EXPECT(pid > 0 && pid != getpid());
    return 0;
}

/* --- processes -------------------------------------------------------------------------------- */

static int change_and_crash(void *data, size_t size)
{
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    memset(data, 0, size);
    raise(SIGKILL);
    return 0;
}

static int change_and_exit(void *data, size_t size)
{
    memset(data, 0, size);
    _exit(3);
}

TASK_TEST(a_crash_costs_one_work)
{
    sley_work_fn *const ends[] = {change_and_crash, change_and_exit};

    for (int i = 0; i < 20; i++) {
        char data[] = "as it was";
        struct sley_work *work, *other;
        int result = 77;

        assert_ok(
            sley_executor_submit(&sley_executor_processes, ends[i % 2], data, sizeof(data), &work));
        assert_ok(
            sley_executor_submit(&sley_executor_processes, add_one, &result, sizeof(char), &other));
        assert_code(sley_work_wait(work, NULL), SLEY_ECRASHED);
        EXPECT(strcmp(data, "as it was") == 0);
        assert_ok(sley_work_wait(other, NULL));
        EXPECT(result == 78);
    }
    return 0;
}

/* It has its own copy of all variables. */
static int ours = 1;

static int change_variable(void *data, size_t size)
{
    (void)data;
    (void)size;
    return ours = 2;
}

TASK_TEST(what_work_changes_is_seen_by_nobody)
{
    int result;

    assert_ok(sley_executor_call(&sley_executor_processes, change_variable, NULL, 0, &result));
    EXPECT(result == 2 && ours == 1);
    assert_ok(sley_executor_call(&sley_executor_tasks, change_variable, NULL, 0, &result));
    EXPECT(ours == 2);
    return 0;
}

static int run_for_ever(void *data, size_t size)
{
    (void)data;
    (void)size;
    put(&shared->pid, getpid());
    while (get(&shared->pid))
        pause();
    return 0;
}

/* Unlike a thread it can be stopped. */
TASK_TEST(cancelled_work_is_killed)
{
    struct sley_work *work;
    char data[] = "mine";
    int result = 77;

    assert_ok(
        sley_executor_submit(&sley_executor_processes, run_for_ever, data, sizeof(data), &work));
    eventually(get(&shared->pid));
    assert_code(sley_work_cancel(work, &result), SLEY_ECANCELED);
    EXPECT(result == 77 && strcmp(data, "mine") == 0);
    eventually(is_gone(get(&shared->pid)));
    return 0;
}

TASK_TEST(late_work_is_killed)
{
    SLEY_WITH_DEADLINE(sley_after(SLEY_MILLISECONDS(20)))
    assert_code(sley_executor_call(&sley_executor_processes, run_for_ever, NULL, 0, NULL),
                SLEY_ETIMEDOUT);
    eventually(!get(&shared->pid) || is_gone(get(&shared->pid)));
    return 0;
}

TASK_TEST(limits_are_those_of_the_pool)
{
    struct sley_procpool_options options = {.max = 1, .timeout = SLEY_MILLISECONDS(20)};
    struct sley_procpool *pool;

    assert_ok(sley_procpool_new(&options, &pool));
    struct sley_executor own = SLEY_EXECUTOR_PROCESSES(pool);
    assert_code(sley_executor_call(&own, run_for_ever, NULL, 0, NULL), SLEY_ETIMEDOUT);
    EXPECT(sley_cancelled() == 0); /* it was the work's time */
    sley_procpool_free(pool);
    return 0;
}

TASK_TEST(no_room_for_the_data_is_an_error)
{
    struct sley_procpool_options options = {.max = 1, .address_space = (uint64_t)512 << 20};
    size_t size = (size_t)300 << 20; /* once is possible, twice is not */
    struct sley_procpool *pool;
    char *data;

    if (WITH_ASAN || WITH_TSAN)
        return 0; /* they need terabytes */
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
    EXPECT(data != MAP_FAILED);
    assert_ok(sley_procpool_new(&options, &pool));
    struct sley_executor own = SLEY_EXECUTOR_PROCESSES(pool);
    assert_code(sley_executor_call(&own, add_one, data, size, NULL), SLEY_ENOMEM);
    assert_ok(sley_executor_call(&own, add_one, data, 1, NULL));
    EXPECT(data[0] == 1 && data[1] == 0);
    sley_procpool_free(pool);
    munmap(data, size);
    return 0;
}

/* --- the end of the runtime ------------------------------------------------------------------- */

static struct sley_work *left[3];
static char left_data[3];

static int leave_work(void *unused)
{
    (void)unused;
    assert_ok(sley_executor_submit(&sley_executor_processes, add_one, &left_data[0], 1, &left[0]));
    assert_ok(sley_executor_submit(&sley_executor_processes, run_for_ever, NULL, 0, &left[1]));
    assert_ok(sley_executor_submit(&sley_executor_processes, run_for_ever, NULL, 0, &left[2]));
    eventually(get(&shared->pid));
    return 0;
}

/* Work that nobody waits for does not hold it up, and each runtime has a pool of its own. */
FORKED_TEST(the_pool_ends_with_the_runtime)
{
    struct sley_options options = {.workers = 2, .unpinned = true, .prepare = prepare};

    for (int i = 0; i < 5; i++) {
        assert_ok(sley_run(leave_work, NULL, &options));
        while (!is_gone(get(&shared->pid)))
            usleep(1000);
        put(&shared->pid, 0);
        for (int j = 0; j < 3; j++)
            free(left[j]); /* what its owner has left lying */
    }
}

static int use_unprepared(void *unused)
{
    char data = 5;

    (void)unused;
    assert_code(sley_executor_call(&sley_executor_processes, add_one, &data, 1, NULL), SLEY_ELATE);
    assert_code(sley_executor_call(&sley_executor_processes, add_one, &data, 1, NULL), SLEY_ELATE);
    EXPECT(data == 5);
    return 0;
}

FORKED_TEST(it_must_be_prepared_for)
{
    assert_ok(sley_run(use_unprepared, NULL, NULL));
}

FORKED_TEST(it_is_for_tasks)
{
    assert_ok(sley_procpool_prepare());
    assert_code(sley_executor_call(&sley_executor_processes, add_one, NULL, 0, NULL), SLEY_ENOTASK);
}
