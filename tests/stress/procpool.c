/*
 * procpool.c: jobs in other processes: what comes back, and every way in which a child can die.
 *
 * No test waits for a time to pass, but for something to become so.
 */
#define _GNU_SOURCE
#include "forked.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

/* What the children share with us, because it was mapped before they were forked. */
struct shared {
    int pid;     /* of a job that runs */
    int counter; /* of whatever */
    int release; /* lets jobs go on */
};
static struct shared *shared;

static int prepare(void)
{
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

/* A test whose body is a task. */
#define TASK_TEST(name, ...)                                   \
    static int name##_task(void *unused);                      \
    FORKED_TEST(name)                                          \
    {                                                          \
        struct sley_options test_options = {__VA_ARGS__};      \
        assert_ok(sley_run(name##_task, NULL, &test_options)); \
    }                                                          \
    static int name##_task(void *unused __attribute__((unused)))

/* One with a pool. */
#define POOL_TEST_WITH(name, ...)                                       \
    static void name##_with(struct sley_procpool *pool);                \
    TASK_TEST(name, .workers = 2, .unpinned = true, .prepare = prepare) \
    {                                                                   \
        struct sley_procpool_options options = {__VA_ARGS__};           \
        struct sley_procpool *pool;                                     \
        assert_ok(sley_procpool_new(&options, &pool));                  \
        name##_with(pool);                                              \
        sley_procpool_free(pool);                                       \
        return 0;                                                       \
    }                                                                   \
    static void name##_with(struct sley_procpool *pool)
#define POOL_TEST(name) POOL_TEST_WITH(name, .max = 2)

/* Waits until it is so. The watchdog of the test is the only clock. */
#define eventually(condition)                   \
    do {                                        \
        while (!(condition))                    \
            sley_sleep(SLEY_MICROSECONDS(200)); \
    } while (0)

/* --- jobs ----------------------------------------------------------------------------------- */

static int twice(const void *in, size_t in_size, struct sley_job_result *result)
{
    int n;

    if (in_size != sizeof(n))
        return -1;
    memcpy(&n, in, sizeof(n));
    n *= 2;
    return sley_job_write(result, &n, sizeof(n));
}

static int value_only(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)result;
    return (int)in_size - 5;
}

static int echo(const void *in, size_t in_size, struct sley_job_result *result)
{
    void *place = sley_job_reserve(result, in_size);

    if (!place)
        return -1;
    if (in_size)
        memcpy(place, in, in_size);
    return 0;
}

static int whose(const void *in, size_t in_size, struct sley_job_result *result)
{
    int ids[2] = {getpid(), getppid()};

    (void)in;
    (void)in_size;
    return sley_job_write(result, ids, sizeof(ids));
}

/* Runs until it is killed or released. */
static int linger(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    put(&shared->pid, getpid());
    while (!get(&shared->release))
        usleep(200);
    return 7;
}

static int stubborn(const void *in, size_t in_size, struct sley_job_result *result)
{
    signal(SIGTERM, SIG_IGN);
    return linger(in, in_size, result);
}

static struct sley_task *spawned(sley_task_fn *fn, void *arg)
{
    struct sley_task *task = NULL;

    assert_ok(sley_spawn(fn, arg, NULL, &task));
    return task;
}

static int joined(struct sley_task *task)
{
    int result = -12345;

    assert_ok(sley_join(task, &result));
    return result;
}

static int overflow_stack(volatile int *end)
{
    volatile char here[4096];

    here[0] = 1;
    return *end ? 0 : overflow_stack(end) + here[0];
}

enum death {
    BY_SEGV,
    BY_ABORT,
    BY_EXIT,
    BY_EXIT_0,
    BY_KILL,
    BY_STACK,
    BY_FPE,
    BY_TERM,
    BY_THREADS
};

static int die(const void *in, size_t in_size, struct sley_job_result *result)
{
    volatile uintptr_t nowhere = 16;
    enum death death;
    struct rlimit no_core = {0, 0};

    (void)result;
    (void)in_size;
    setrlimit(RLIMIT_CORE, &no_core);
    for (int number = SIGILL; number <= SIGSEGV; number++)
        signal(number, SIG_DFL); /* sanitizers would make an exit of it */
    memcpy(&death, in, sizeof(death));
    switch (death) {
    case BY_SEGV:
        return *(volatile int *)nowhere;
    case BY_ABORT:
        abort();
    case BY_EXIT:
        exit(3);
    case BY_EXIT_0:
        _exit(0);
    case BY_KILL:
        return kill(getpid(), SIGKILL);
    case BY_STACK:
        return overflow_stack(&(volatile int){0});
    case BY_FPE:
        return raise(SIGFPE);
    case BY_TERM:
        return raise(SIGTERM);
    case BY_THREADS:
        pthread_exit(NULL);
    }
    return 0;
}

static struct sley_procpool_stats stats_of(struct sley_procpool *pool)
{
    struct sley_procpool_stats stats;

    sley_procpool_stats(pool, &stats);
    return stats;
}

/* --- what comes back ------------------------------------------------------------------------ */

POOL_TEST(a_call_brings_bytes_there_and_back)
{
    int n = 21, result = 0, value = -1;
    size_t size = 0;

    assert_ok(
        sley_procpool_call(pool, twice, &n, sizeof(n), &result, sizeof(result), &size, &value));
    EXPECT(result == 42);
    EXPECT(size == sizeof(n));
    EXPECT(value == 0);
}

POOL_TEST(an_empty_job_has_a_value)
{
    int value = 0;
    size_t size = 9;

    assert_ok(sley_procpool_call(pool, value_only, NULL, 0, NULL, 0, &size, &value));
    EXPECT(value == -5);
    EXPECT(size == 0);
}

POOL_TEST(a_job_runs_in_another_process)
{
    int ids[2];

    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    EXPECT(ids[0] != getpid());
    EXPECT(ids[1] != getpid());
}

POOL_TEST(wrong_arguments_are_refused)
{
    struct sley_job job = {.fn = echo, .timeout = -1};

    assert_code(sley_procpool_call(pool, NULL, NULL, 0, NULL, 0, NULL, NULL), SLEY_EINVAL);
    assert_code(sley_procpool_call(pool, echo, NULL, 4, NULL, 0, NULL, NULL), SLEY_EINVAL);
    assert_code(sley_procpool_submit(pool, &job), SLEY_EINVAL);
}

/* Sizes around every border: of the slot, of pages, of what a worker copies itself. */
POOL_TEST(every_size_survives_the_round_trip)
{
    static const size_t sizes[] = {0,    1,    63,   64,   65,      1023,    1024,
                                   1025, 4095, 4096, 4097, 1 << 16, 1 << 20, 3000001};
    unsigned char *in = malloc(3000001), *out = malloc(3000001);

    for (size_t i = 0; i < 3000001; i++)
        in[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = 0;

        memset(out, 0xee, 3000001);
        assert_ok(sley_procpool_call(pool, echo, in, sizes[i], out, sizes[i], &size, NULL));
        EXPECT(size == sizes[i]);
        EXPECT(memcmp(in, out, size) == 0, "size %zu", size);
    }
    free(in);
    free(out);
}

static int grow(const void *in, size_t in_size, struct sley_job_result *result)
{
    int count;

    (void)in_size;
    memcpy(&count, in, sizeof(count));
    for (int i = 0; i < count; i++)
        if (sley_job_write(result, &i, sizeof(i)))
            return -1;
    return count;
}

POOL_TEST(a_result_may_grow)
{
    for (int count = 1; count < 1000000; count *= 7) {
        struct sley_job job = {
            .fn = grow, .in = &count, .in_size = sizeof(count), .allocate = true};

        assert_ok(sley_procpool_run(pool, &job));
        EXPECT(job.value == count);
        EXPECT(job.out_size == (size_t)count * sizeof(int));
        for (int i = 0; i < count; i++)
            EXPECT(((int *)job.out)[i] == i);
        free(job.out);
    }
}

POOL_TEST(a_result_without_room_is_an_error_that_says_how_much)
{
    static char big[100000];
    char small[10];
    size_t size = 0;

    assert_code(sley_procpool_call(pool, echo, big, 100, small, 10, &size, NULL), SLEY_EMSGSIZE);
    EXPECT(size == 100);
    assert_code(sley_procpool_call(pool, echo, big, sizeof(big), small, 10, &size, NULL),
                SLEY_EMSGSIZE);
    EXPECT(size == sizeof(big));
    assert_ok(sley_procpool_call(pool, echo, big, sizeof(big), NULL, 0, &size, NULL));
}

POOL_TEST_WITH(a_result_has_a_limit, .max = 1, .result_max = 5000)
{
    static char big[5001];
    struct sley_job job = {.fn = echo, .in = big, .in_size = sizeof(big), .allocate = true};

    assert_code(sley_procpool_run(pool, &job), SLEY_EMSGSIZE);
    EXPECT(!job.out);
    job.in_size = 5000;
    assert_ok(sley_procpool_run(pool, &job));
    free(job.out);
}

/* --- deaths --------------------------------------------------------------------------------- */

static void assert_death(struct sley_procpool *pool, enum death death, int number, const char *name,
                         int status)
{
    struct sley_job job = {.fn = die, .in = &death, .in_size = sizeof(death)};

    assert_code(sley_procpool_run(pool, &job), SLEY_ECRASHED);
    EXPECT(job.signal == number, "death %d: signal %d", death, job.signal);
    EXPECT(job.exit_status == status, "death %d: status %d", death, job.exit_status);
    if (name)
        EXPECT(strcmp(job.signal_name, name) == 0);
    else
        EXPECT(!job.signal_name);
    EXPECT(job.pid > 0);
}

POOL_TEST(each_death_fails_its_job_and_says_how)
{
    int n = 4, result;

    assert_death(pool, BY_SEGV, SIGSEGV, "SIGSEGV", 0);
    assert_death(pool, BY_ABORT, SIGABRT, "SIGABRT", 0);
    assert_death(pool, BY_EXIT, 0, NULL, 3);
    assert_death(pool, BY_EXIT_0, 0, NULL, 0);
    assert_death(pool, BY_KILL, SIGKILL, "SIGKILL", 0);
    assert_death(pool, BY_STACK, SIGSEGV, "SIGSEGV", 0);
    assert_death(pool, BY_FPE, SIGFPE, "SIGFPE", 0);
    assert_death(pool, BY_TERM, SIGTERM, "SIGTERM", 0);
    if (WITH_TSAN)
        fprintf(stderr, "BY_THREADS is skipped: ThreadSanitizer's own thread keeps a process up\n");
    else
        assert_death(pool, BY_THREADS, 0, NULL, 0);
    assert_ok(sley_procpool_call(pool, twice, &n, sizeof(n), &result, sizeof(result), NULL, NULL));
    EXPECT(result == 8);
}

POOL_TEST(only_the_job_in_flight_fails)
{
    static struct sley_job jobs[200]; /* too much for a stack beside the sanitizers' red zones */
    static int numbers[200], results[200];
    static enum death death = BY_ABORT;

    for (int i = 0; i < 200; i++) {
        bool dies = i % 40 == 20;

        numbers[i] = i;
        jobs[i] = (struct sley_job){.fn = dies ? die : twice,
                                    .in = dies ? (void *)&death : (void *)&numbers[i],
                                    .in_size = sizeof(int),
                                    .out = &results[i],
                                    .out_capacity = sizeof(int)};
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    for (int i = 0; i < 200; i++) {
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
        assert_code(jobs[i].error, i % 40 == 20 ? SLEY_ECRASHED : 0);
        EXPECT(jobs[i].error || results[i] == 2 * i);
    }
}

/* One worker, and a submit does not park: nobody else tries a start while there are no
 * descriptors. */
TASK_TEST(one_failed_start_after_many_deaths_fails_no_job, .workers = 1, .prepare = prepare)
{
    struct sley_procpool_options options = {.max = 1};
    struct rlimit files, none;
    struct sley_procpool *pool;
    struct sley_job job = {.fn = value_only};

    assert_ok(sley_procpool_new(&options, &pool));
    for (int i = 0; i < 7; i++)
        assert_death(pool, BY_ABORT, SIGABRT, "SIGABRT", 0);
    sley_sleep(SLEY_MILLISECONDS(20)); /* more than the longest back-off of such deaths */
    EXPECT(getrlimit(RLIMIT_NOFILE, &files) == 0);
    none = (struct rlimit){0, files.rlim_max};
    EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
    assert_ok(sley_procpool_submit(pool, &job));
    EXPECT(setrlimit(RLIMIT_NOFILE, &files) == 0);
    EXPECT(stats_of(pool).started == 7, "no start has failed");
    assert_ok(sley_procpool_wait(pool, &job));
    assert_ok(job.error);
    sley_procpool_free(pool);
    return 0;
}

/* --- ends that are asked for ---------------------------------------------------------------- */

static bool is_gone(int pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

POOL_TEST_WITH(a_timeout_kills, .max = 1, .timeout = SLEY_MILLISECONDS(20))
{
    struct sley_job job = {.fn = linger};

    assert_code(sley_procpool_run(pool, &job), SLEY_ETIMEDOUT);
    EXPECT(job.signal == SIGTERM);
    EXPECT(job.pid == get(&shared->pid));
    EXPECT(is_gone(job.pid));
}

POOL_TEST_WITH(a_timeout_kills_who_ignores_it, .max = 1, .grace = SLEY_MILLISECONDS(10))
{
    struct sley_job job = {.fn = stubborn, .timeout = SLEY_MILLISECONDS(100)};

    assert_code(sley_procpool_run(pool, &job), SLEY_ETIMEDOUT);
    EXPECT(job.signal == SIGKILL || job.signal == SIGTERM, "%d", job.signal); /* slow to begin */
    EXPECT(is_gone(job.pid));
}

/* The clock of a job begins when the job does: those behind it are not late with it. */
POOL_TEST_WITH(a_timeout_is_of_one_job, .max = 1)
{
    struct sley_job slow = {.fn = linger, .timeout = SLEY_MILLISECONDS(50)};
    struct sley_job jobs[8] = {0};

    assert_ok(sley_procpool_submit(pool, &slow));
    for (int i = 0; i < 8; i++) {
        jobs[i] = (struct sley_job){.fn = value_only, .timeout = SLEY_SECONDS(50)};
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    assert_ok(sley_procpool_wait(pool, &slow));
    assert_code(slow.error, SLEY_ETIMEDOUT);
    for (int i = 0; i < 8; i++) {
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
        assert_ok(jobs[i].error);
    }
}

static int pid_of_a_job(struct sley_procpool *pool)
{
    int ids[2];

    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    return ids[0];
}

static bool is_stopped(int pid)
{
    char path[32], line[200] = "";
    const char *state;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    EXPECT(file && fgets(line, sizeof line, file));
    fclose(file);
    state = strrchr(line, ')');
    return state && state[2] == 'T';
}

/* A job for whose start `pid` is needed, which is not there for half of the timeout. Until it goes
 * on the job has not begun, so none of its time has passed. However slow the machine is, that makes
 * its end later only. */
static void expect_full_time(struct sley_procpool *pool, int pid)
{
    struct sley_job job = {.fn = linger, .timeout = SLEY_MILLISECONDS(100)};
    int64_t since;

    EXPECT(kill(pid, SIGSTOP) == 0);
    eventually(is_stopped(pid));
    assert_ok(sley_procpool_submit(pool, &job));
    sley_sleep(job.timeout / 2);
    since = sley_now();
    EXPECT(kill(pid, SIGCONT) == 0);
    assert_ok(sley_procpool_wait(pool, &job));
    assert_code(job.error, SLEY_ETIMEDOUT);
    EXPECT(sley_now() - since >= job.timeout, "%lld ns", (long long)(sley_now() - since));
}

POOL_TEST_WITH(a_timeout_runs_from_when_the_child_is_awake, .max = 1)
{
    expect_full_time(pool, pid_of_a_job(pool));
}

POOL_TEST_WITH(a_timeout_runs_from_when_the_child_is_forked, .max = 2, .jobs_per_child = 1)
{
    int ids[2];

    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    expect_full_time(pool, ids[1]);
}

/* Nor is the grace over before it has begun: both signals came at once. */
POOL_TEST_WITH(a_grace_runs_from_the_first_signal, .max = 1, .grace = SLEY_MILLISECONDS(50))
{
    struct sley_job job = {.fn = stubborn};
    int64_t since;
    int ids[2];

    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    assert_ok(sley_procpool_submit(pool, &job));
    eventually(get(&shared->pid));
    EXPECT(kill(ids[1], SIGSTOP) == 0);
    eventually(is_stopped(ids[1]));
    EXPECT(!sley_procpool_cancel(pool, &job));
    sley_sleep(SLEY_MILLISECONDS(100));
    since = sley_now();
    EXPECT(kill(ids[1], SIGCONT) == 0);
    eventually(is_gone(get(&shared->pid)));
    EXPECT(sley_now() - since >= SLEY_MILLISECONDS(50), "%lld ns", (long long)(sley_now() - since));
}

/* One that would be late before it has begun, and is not for having waited. */
POOL_TEST_WITH(a_job_that_waits_for_longer_than_its_timeout_is_not_late, .max = 1)
{
    struct sley_job job = {.fn = value_only, .timeout = SLEY_SECONDS(50)};
    struct sley_job hasty = {.fn = linger, .timeout = SLEY_MILLISECONDS(1)};
    int pid = pid_of_a_job(pool);

    EXPECT(kill(pid, SIGSTOP) == 0);
    eventually(is_stopped(pid));
    assert_ok(sley_procpool_submit(pool, &hasty));
    sley_sleep(SLEY_MILLISECONDS(30));
    EXPECT(!get(&shared->pid));
    EXPECT(!sley_procpool_cancel(pool, &hasty));
    assert_ok(sley_procpool_submit(pool, &job));
    EXPECT(kill(pid, SIGCONT) == 0);
    assert_ok(sley_procpool_wait(pool, &job));
    assert_ok(job.error);
    EXPECT(stats_of(pool).started == 1, "it was killed");
}

static int call_linger(void *arg)
{
    return sley_procpool_call(arg, linger, NULL, 0, NULL, 0, NULL, NULL);
}

POOL_TEST(a_cancelled_caller_leaves_and_its_job_is_killed)
{
    struct sley_task *task = spawned(call_linger, pool);

    eventually(get(&shared->pid));
    sley_cancel(task, "enough");
    assert_code(joined(task), SLEY_ECANCELED);
    eventually(is_gone(get(&shared->pid)));
}

POOL_TEST(a_late_caller_leaves_and_its_job_is_killed)
{
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(30)));

    assert_code(call_linger(pool), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    eventually(!get(&shared->pid) || is_gone(get(&shared->pid)));
    put(&shared->release, 1);
    assert_code(sley_procpool_call(pool, linger, NULL, 0, NULL, 0, NULL, NULL), 0);
}

POOL_TEST_WITH(a_job_that_has_not_begun_is_taken_back, .max = 1)
{
    struct sley_job first = {.fn = linger}, jobs[50] = {0};

    assert_ok(sley_procpool_submit(pool, &first));
    eventually(get(&shared->pid));
    for (int i = 0; i < 50; i++) {
        jobs[i].fn = value_only;
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    for (int i = 0; i < 50; i += 2)
        EXPECT(!sley_procpool_cancel(pool, &jobs[i]));
    put(&shared->release, 1);
    assert_ok(sley_procpool_wait(pool, &first));
    EXPECT(first.value == 7);
    for (int i = 1; i < 50; i += 2) {
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
        assert_ok(jobs[i].error);
    }
    EXPECT(stats_of(pool).started == 1, "a child was killed");
}

/* The child of a job that is given up had more: they run all the same. */
POOL_TEST_WITH(jobs_behind_one_that_is_given_up_go_on, .max = 1)
{
    struct sley_job first = {.fn = linger}, jobs[20] = {0};

    assert_ok(sley_procpool_submit(pool, &first));
    for (int i = 0; i < 20; i++) {
        jobs[i].fn = value_only;
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    eventually(get(&shared->pid));
    EXPECT(!sley_procpool_cancel(pool, &first));
    for (int i = 0; i < 20; i++) {
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
        assert_ok(jobs[i].error);
    }
}

/* A long job has others behind it; somebody becomes free. */
POOL_TEST_WITH(nobody_waits_behind_a_long_job, .max = 2)
{
    struct sley_job first = {.fn = linger}, jobs[20] = {0};

    assert_ok(sley_procpool_submit(pool, &first));
    for (int i = 0; i < 20; i++) {
        jobs[i].fn = value_only;
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    for (int i = 0; i < 20; i++)
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
    put(&shared->release, 1);
    assert_ok(sley_procpool_wait(pool, &first));
    assert_ok(first.error);
}

static int call_until_released(void *arg)
{
    while (!get(&shared->release))
        assert_ok(sley_procpool_call(arg, value_only, NULL, 0, NULL, 0, NULL, NULL));
    return 0;
}

/* The other child is never free: there is always somebody newer. */
POOL_TEST(nobody_starves_behind_a_long_job)
{
    struct sley_job first = {.fn = linger}, jobs[20] = {0};
    struct sley_task *tasks[4];

    assert_ok(sley_procpool_submit(pool, &first));
    for (int i = 0; i < 4; i++)
        tasks[i] = spawned(call_until_released, pool);
    eventually(get(&shared->pid));
    for (int i = 0; i < 20; i++) {
        jobs[i].fn = value_only;
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    for (int i = 0; i < 20; i++)
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
    put(&shared->release, 1);
    for (int i = 0; i < 4; i++)
        assert_ok(joined(tasks[i]));
    assert_ok(sley_procpool_wait(pool, &first));
    assert_ok(first.error);
}

static int call_now_and_then(void *arg)
{
    int n = 1, result, error;

    do
        error = sley_procpool_call(arg, twice, &n, sizeof(n), &result, sizeof(result), NULL, NULL);
    while (!error && result == 2);
    return error;
}

POOL_TEST(callers_may_be_cancelled_at_any_point)
{
    for (unsigned round = 0; round < 200; round++) {
        struct sley_task *tasks[4];

        for (int i = 0; i < 4; i++)
            tasks[i] = spawned(call_now_and_then, pool);
        for (unsigned i = 0; i < round % 37; i++)
            sley_yield();
        for (int i = 0; i < 4; i++)
            sley_cancel(tasks[i], "now");
        for (int i = 0; i < 4; i++)
            assert_code(joined(tasks[i]), SLEY_ECANCELED);
    }
}

/* --- limits --------------------------------------------------------------------------------- */

static int linger_beside(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    put(&shared->counter, getpid());
    while (!get(&shared->release))
        usleep(100);
    return 7;
}

/* As the kernel does it when memory runs out: SIGKILL, whatever the process is doing. The job that
 * runs beside and the one that waits know nothing of it. */
POOL_TEST(a_kill_from_outside_fails_only_the_job_in_flight)
{
    int n = 4, doubled = 0;
    struct sley_job victim = {.fn = linger}, beside = {.fn = linger_beside};
    struct sley_job waiting = {.fn = twice,
                               .in = &n,
                               .in_size = sizeof(n),
                               .out = &doubled,
                               .out_capacity = sizeof(doubled)};

    assert_ok(sley_procpool_submit(pool, &victim));
    eventually(get(&shared->pid));
    assert_ok(sley_procpool_submit(pool, &beside));
    eventually(get(&shared->counter));
    assert_ok(sley_procpool_submit(pool, &waiting));
    EXPECT(kill(get(&shared->pid), SIGKILL) == 0);
    assert_ok(sley_procpool_wait(pool, &victim));
    assert_code(victim.error, SLEY_ECRASHED);
    EXPECT(victim.signal == SIGKILL && strcmp(victim.signal_name, "SIGKILL") == 0);
    EXPECT(victim.pid == get(&shared->pid));
    assert_ok(sley_procpool_wait(pool, &waiting));
    assert_ok(waiting.error);
    EXPECT(doubled == 8);
    put(&shared->release, 1);
    assert_ok(sley_procpool_wait(pool, &beside));
    assert_ok(beside.error);
    EXPECT(beside.value == 7);
    EXPECT(stats_of(pool).crashed == 1);
}

static int eat_memory(const void *in, size_t in_size, struct sley_job_result *result)
{
    char *volatile memory = malloc((size_t)1 << 30); /* or the compiler would know better */

    (void)in;
    (void)in_size;
    (void)result;
    free(memory);
    return memory ? 1 : 2;
}

POOL_TEST_WITH(address_space_is_limited, .max = 1, .address_space = (uint64_t)512 << 20)
{
    int value;

    if (WITH_ASAN || WITH_TSAN)
        return; /* needs terabytes of it */
    assert_ok(sley_procpool_call(pool, eat_memory, NULL, 0, NULL, 0, NULL, &value));
    EXPECT(value == 2);
}

/* One that does not know what to do without memory. */
static int need_memory(const void *in, size_t in_size, struct sley_job_result *result)
{
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    if (eat_memory(in, in_size, result) == 2)
        abort();
    return 0;
}

POOL_TEST_WITH(a_job_without_memory_fails_alone, .max = 1, .address_space = (uint64_t)512 << 20)
{
    struct sley_job jobs[3] = {{.fn = value_only}, {.fn = need_memory}, {.fn = value_only}};

    if (WITH_ASAN || WITH_TSAN) {
        fprintf(stderr, "skipped: the sanitizers need terabytes of address space\n");
        return;
    }
    for (int i = 0; i < 3; i++)
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    for (int i = 0; i < 3; i++) {
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
        assert_code(jobs[i].error, i == 1 ? SLEY_ECRASHED : 0);
    }
    EXPECT(jobs[1].signal == SIGABRT && strcmp(jobs[1].signal_name, "SIGABRT") == 0);
    EXPECT(stats_of(pool).crashed == 1);
}

static int spin_for_ever(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    for (volatile unsigned i = 0; i < 2; i = 1)
        continue;
    return 0;
}

POOL_TEST_WITH(processor_time_is_limited, .max = 1, .cpu_seconds = 1)
{
    struct rlimit no_core = {0, 0};
    struct sley_job job = {.fn = spin_for_ever};

    setrlimit(RLIMIT_CORE, &no_core);
    assert_code(sley_procpool_run(pool, &job), SLEY_ECRASHED);
    EXPECT(job.signal == SIGXCPU);
    EXPECT(strcmp(job.signal_name, "SIGXCPU") == 0);
}

static int open_many(const void *in, size_t in_size, struct sley_job_result *result)
{
    int count = 0;

    (void)in;
    (void)in_size;
    (void)result;
    while (dup(0) >= 0)
        count++;
    return count;
}

POOL_TEST_WITH(descriptors_are_limited, .max = 1, .open_files = 40)
{
    int value;

    assert_ok(sley_procpool_call(pool, open_many, NULL, 0, NULL, 0, NULL, &value));
    EXPECT(value < 40);
}

/* --- children come and go ------------------------------------------------------------------- */

POOL_TEST_WITH(a_child_is_replaced_after_its_jobs, .max = 1, .jobs_per_child = 3)
{
    int ids[2], last = 0, changes = 0;

    for (int i = 0; i < 12; i++) {
        assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
        changes += ids[0] != last;
        last = ids[0];
    }
    EXPECT(changes == 4);
    EXPECT(stats_of(pool).started == 4);
    EXPECT(stats_of(pool).crashed == 0);
}

POOL_TEST_WITH(idle_children_end_down_to_the_minimum, .min = 1, .max = 4,
               .idle_timeout = SLEY_MILLISECONDS(10))
{
    struct sley_job jobs[4] = {0};

    for (int i = 0; i < 4; i++) {
        jobs[i].fn = linger;
        assert_ok(sley_procpool_submit(pool, &jobs[i]));
    }
    EXPECT(stats_of(pool).children == 4);
    put(&shared->release, 1);
    for (int i = 0; i < 4; i++)
        assert_ok(sley_procpool_wait(pool, &jobs[i]));
    eventually(stats_of(pool).children == 1);
    EXPECT(pid_of_a_job(pool) > 0);
    EXPECT(stats_of(pool).started == 4);
    EXPECT(stats_of(pool).crashed == 0);
}

POOL_TEST_WITH(a_killed_child_is_replaced, .min = 2, .max = 2)
{
    for (int i = 0; i < 20; i++) {
        struct sley_job job = {.fn = value_only};
        int error = sley_procpool_run(pool, &job);

        EXPECT(!error || error == SLEY_ECRASHED, "%s", sley_error_name(error));
        if (!error && job.pid > 0)
            kill(job.pid, SIGKILL);
    }
    eventually(stats_of(pool).children == 2);
}

static int nested_group(const void *in, size_t in_size, struct sley_job_result *result)
{
    int pid = fork();

    if (pid == 0) {
        put(&shared->counter, getpid());
        for (;;)
            pause();
    }
    while (!get(&shared->counter))
        usleep(100);
    return linger(in, in_size, result);
}

/* What is left behind comes to this process, which can wait for its end. */
static int prepare_to_reap(void)
{
    EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    return prepare();
}

TASK_TEST(what_a_job_has_forked_is_killed_with_it, .workers = 2, .prepare = prepare_to_reap)
{
    struct sley_job job = {.fn = nested_group};
    struct sley_procpool *pool;

    assert_ok(sley_procpool_new(NULL, &pool));
    assert_ok(sley_procpool_submit(pool, &job));
    eventually(get(&shared->pid));
    EXPECT(!sley_procpool_cancel(pool, &job));
    eventually(waitpid(get(&shared->counter), NULL, WNOHANG) == get(&shared->counter));
    sley_procpool_free(pool);
    return 0;
}

POOL_TEST(if_the_supervisor_is_killed_the_pool_says_so)
{
    struct sley_job job = {.fn = linger};
    int ids[2];

    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    assert_ok(sley_procpool_submit(pool, &job));
    eventually(get(&shared->pid));
    kill(ids[1], SIGKILL);
    assert_ok(sley_procpool_wait(pool, &job));
    assert_code(job.error, SLEY_ECRASHED);
    assert_code(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL),
                SLEY_ECRASHED);
    eventually(is_gone(get(&shared->pid)));
}

/* --- many ----------------------------------------------------------------------------------- */

static int call_many(void *arg)
{
    for (int n = 0; n < 200; n++) {
        int result = -1;

        assert_ok(
            sley_procpool_call(arg, twice, &n, sizeof(n), &result, sizeof(result), NULL, NULL));
        EXPECT(result == 2 * n);
    }
    return 0;
}

POOL_TEST(many_tasks_share_a_pool)
{
    struct sley_task *tasks[50];

    for (int i = 0; i < 50; i++)
        tasks[i] = spawned(call_many, pool);
    for (int i = 0; i < 50; i++)
        assert_ok(joined(tasks[i]));
    EXPECT(stats_of(pool).completed == 50 * 200);
    EXPECT(stats_of(pool).failed == 0);
    EXPECT(stats_of(pool).queued == 0);
}

struct seen {
    int count, stop_at;
    struct sley_job *order[100];
};

static int note(struct sley_job *job, void *arg)
{
    struct seen *seen = arg;

    put(&shared->release, 1); /* the lingering one ends after somebody else was seen */
    seen->order[seen->count++] = job;
    return seen->count == seen->stop_at ? 99 : 0;
}

POOL_TEST(a_map_comes_in_the_order_of_the_ends)
{
    struct sley_job jobs[100] = {0};
    struct seen seen = {.stop_at = -1};

    jobs[0].fn = linger;
    for (int i = 1; i < 100; i++)
        jobs[i].fn = value_only;
    assert_ok(sley_procpool_map(pool, jobs, 100, note, &seen));
    EXPECT(seen.count == 100);
    EXPECT(seen.order[0] != &jobs[0]);
    for (int i = 0; i < 100; i++) {
        int times = 0;

        for (int j = 0; j < 100; j++)
            times += seen.order[j] == &jobs[i];
        EXPECT(times == 1);
        assert_ok(jobs[i].error);
    }
}

static int count_only(struct sley_job *job, void *arg)
{
    struct seen *seen = arg;

    (void)job;
    return ++seen->count == seen->stop_at ? 99 : 0;
}

POOL_TEST(a_map_may_be_left)
{
    struct sley_job jobs[100] = {0};
    struct seen seen = {.stop_at = 3};
    int given_up = 0;

    for (int i = 0; i < 100; i++)
        jobs[i].fn = i < 3 ? value_only : linger;
    EXPECT(sley_procpool_map(pool, jobs, 100, count_only, &seen) == 99);
    EXPECT(seen.count == 3);
    for (int i = 0; i < 100; i++)
        given_up += jobs[i].error == SLEY_ECANCELED;
    EXPECT(given_up == 97);
}

static int map_lingering(void *arg)
{
    struct sley_job jobs[10] = {0};
    struct seen seen = {.stop_at = -1};

    for (int i = 0; i < 10; i++)
        jobs[i].fn = linger;
    return sley_procpool_map(arg, jobs, 10, count_only, &seen);
}

POOL_TEST(a_map_may_be_cancelled)
{
    struct sley_task *task = spawned(map_lingering, pool);

    eventually(get(&shared->pid));
    sley_cancel(task, "enough");
    assert_code(joined(task), SLEY_ECANCELED);
}

POOL_TEST(an_empty_map_is_over_at_once)
{
    assert_ok(sley_procpool_map(pool, NULL, 0, count_only, NULL));
}

/* --- the beginning and the end -------------------------------------------------------------- */

TASK_TEST(without_prepare_there_is_no_pool, .workers = 2)
{
    struct sley_procpool *pool = NULL;

    assert_code(sley_procpool_new(NULL, &pool), SLEY_ELATE);
    EXPECT(!pool);
    assert_code(sley_procpool_prepare(), SLEY_ELATE);
    EXPECT(strstr(sley_strerror(SLEY_ELATE), "sley_procpool_prepare"));
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void *run_late(void *arg)
{
    struct sley_options options = {.prepare = sley_procpool_prepare};

    *(int *)arg = sley_run(nothing, NULL, &options);
    return NULL;
}

FORKED_TEST(a_run_that_is_late_is_refused)
{
    pthread_t thread;
    int result = 0;

    EXPECT(pthread_create(&thread, NULL, run_late, &result) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    assert_code(result, SLEY_ELATE);
}

TASK_TEST(options_are_checked, .workers = 1, .prepare = prepare)
{
    struct sley_procpool *pool = NULL;
    struct sley_procpool_options more = {.min = 3, .max = 2};
    struct sley_procpool_options most = {.max = SLEY_PROCPOOL_MAX + 1};
    struct sley_procpool_options past = {.timeout = -1};

    assert_code(sley_procpool_new(&more, &pool), SLEY_EINVAL);
    assert_code(sley_procpool_new(&most, &pool), SLEY_EINVAL);
    assert_code(sley_procpool_new(&past, &pool), SLEY_EINVAL);
    EXPECT(!pool);
    sley_procpool_free(NULL);
    return 0;
}

TASK_TEST(a_free_leaves_no_process_behind, .workers = 2, .prepare = prepare)
{
    struct sley_procpool *pool;
    struct sley_job job = {.fn = stubborn}, queued = {.fn = value_only};
    struct sley_procpool_options options = {.max = 1};
    int ids[2];

    assert_ok(sley_procpool_new(&options, &pool));
    assert_ok(sley_procpool_call(pool, whose, NULL, 0, ids, sizeof(ids), NULL, NULL));
    assert_ok(sley_procpool_submit(pool, &job));
    assert_ok(sley_procpool_submit(pool, &queued));
    eventually(get(&shared->pid));
    sley_procpool_free(pool);
    assert_code(job.error, SLEY_ECLOSED);
    assert_code(queued.error, SLEY_ECLOSED);
    EXPECT(is_gone(ids[0]));
    EXPECT(is_gone(get(&shared->pid)));
    return 0;
}

TASK_TEST(pools_follow_each_other, .workers = 2, .prepare = prepare)
{
    for (int i = 0; i < 20; i++) {
        struct sley_procpool *first, *second;

        assert_ok(sley_procpool_new(NULL, &first));
        assert_ok(sley_procpool_new(NULL, &second));
        EXPECT(pid_of_a_job(first) > 0);
        EXPECT(pid_of_a_job(second) != pid_of_a_job(first));
        sley_procpool_free(first);
        EXPECT(pid_of_a_job(second) > 0);
        sley_procpool_free(second);
    }
    return 0;
}

struct orphan {
    struct sley_procpool *pool;
    int result;
};

static int owner(void *arg)
{
    struct orphan *orphan = arg;

    orphan->result = call_linger(orphan->pool);
    sley_procpool_free(orphan->pool);
    return 0;
}

static struct orphan orphan;

static int leave_early(void *unused)
{
    (void)unused;
    assert_ok(sley_procpool_new(NULL, &orphan.pool));
    assert_ok(sley_spawn(owner, &orphan, NULL, NULL));
    eventually(get(&shared->pid));
    return 0;
}

/* The runtime ends while a job runs: its caller is cancelled, and frees the pool. */
FORKED_TEST(a_runtime_may_end_first)
{
    struct sley_options options = {.workers = 2, .prepare = prepare};

    assert_ok(sley_run(leave_early, NULL, &options));
    EXPECT(orphan.result == SLEY_ECANCELED || orphan.result == SLEY_ESHUTDOWN, "%s",
           sley_error_name(orphan.result));
    while (!is_gone(get(&shared->pid)))
        usleep(1000);
}

/* --- a child that writes where it must not -------------------------------------------------- */

/* Writes nonsense over the channel of its process, and goes on as if nothing was. */
static int scribble(const void *in, size_t in_size, struct sley_job_result *result)
{
    unsigned seed;
    unsigned long from, to;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");

    (void)in_size;
    (void)result;
    memcpy(&seed, in, sizeof(seed));
    while (maps && fgets(line, sizeof(line), maps)) {
        if (!strstr(line, "sley-channel") || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        for (volatile unsigned char *p = (void *)from; p < (unsigned char *)to; p++)
            if (seed % 3 == 0)
                *p = 0xff;
            else if (seed % 3 == 1)
                *p = (unsigned char)rand_r(&seed);
            else if (rand_r(&seed) % 50 == 0)
                *p ^= (unsigned char)(1 << (rand_r(&seed) % 8));
    }
    return 0;
}

POOL_TEST_WITH(a_child_that_scribbles_hurts_only_itself, .max = 2, .timeout = SLEY_MILLISECONDS(50),
               .grace = SLEY_MILLISECONDS(10))
{
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    for (unsigned seed = 0; seed < 60; seed++) {
        struct sley_job job = {.fn = scribble, .in = &seed, .in_size = sizeof(seed)};
        int error = sley_procpool_run(pool, &job), n = 5, result = 0;

        EXPECT(error == 0 || error == SLEY_ECRASHED || error == SLEY_EPROTO ||
                   error == SLEY_ETIMEDOUT || error == SLEY_EMSGSIZE || error == SLEY_ENOMEM,
               "%s", sley_error_name(error));
        do /* whoever has the same child may fail with it, but not for long */
            error =
                sley_procpool_call(pool, twice, &n, sizeof(n), &result, sizeof(result), NULL, NULL);
        while (error == SLEY_ECRASHED || error == SLEY_EPROTO || error == SLEY_ETIMEDOUT);
    }
}

/* Whether the descriptor is of what its link in /proc is named. */
static bool is_named(int fd, const char *name)
{
    char path[32], target[200];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = '\0';
    return strstr(target, name) != NULL;
}

/* Makes everything that it shares with others blocking, and fills what can be filled. Its value:
 * how many files of inputs it could write to. */
static int block_all(const void *in, size_t in_size, struct sley_job_result *result)
{
    static const uint64_t most = UINT64_MAX - 1;
    int spoilt = 0;

    (void)in;
    (void)in_size;
    (void)result;
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
            continue;
        if (is_named(fd, "eventfd") && write(fd, &most, sizeof most) < 0)
            continue;
        spoilt += is_named(fd, "sley-inputs") && pwrite(fd, "x", 1, 0) == 1;
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    }
    return spoilt;
}

POOL_TEST_WITH(a_child_that_makes_shared_things_block_holds_nobody, .max = 1)
{
    for (int i = 0; i < 5; i++) {
        int n = i, result = 0, spoilt = -1;

        assert_ok(sley_procpool_call(pool, block_all, NULL, 0, NULL, 0, NULL, &spoilt));
        EXPECT(spoilt == 0, "%d", spoilt);
        sley_sleep(SLEY_MILLISECONDS(2)); /* the collector goes to sleep */
        assert_ok(
            sley_procpool_call(pool, twice, &n, sizeof(n), &result, sizeof(result), NULL, NULL));
        EXPECT(result == 2 * i, "%d", result);
    }
}
