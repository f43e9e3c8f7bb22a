/*
 * test_runtime.c: starting, stopping, several at once, options, foreign spawns, counters.
 */
#define _GNU_SOURCE
#include "task_test.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sley/blocking.h>
#include <sley/park.h>
#include <sley/topology.h>

static char elsewhere; /* its address is where an untouched pointer points */

static int give_int(void *arg)
{
    return *(int *)arg;
}

static int add_one(void *arg)
{
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static bool fn_ran;

static int note_that_it_ran(UNUSED_ARG void *arg)
{
    fn_ran = true;
    return 0;
}

static struct sley_runtime *new_runtime(unsigned workers)
{
    struct sley_options options = {.workers = workers, .unpinned = true};
    struct sley_runtime *runtime = NULL;

    assert_ok(sley_runtime_new(&options, &runtime));
    return runtime;
}

/* --- run ------------------------------------------------------------------------------------- */

Test(run, returns_what_the_function_returned)
{
    static const int values[] = {0, 1, INT_MAX, -1, INT_MIN, SLEY_EINVAL};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        int value = values[i];

        cr_assert_eq(sley_run(give_int, &value, NULL), value);
    }
}

Test(run, wants_a_function)
{
    assert_code(sley_run(NULL, NULL, NULL), SLEY_EINVAL);
}

static int run_in_a_task(UNUSED_ARG void *arg)
{
    struct sley_runtime *runtime = (void *)&elsewhere;

    assert_code(sley_run(note_that_it_ran, NULL, NULL), SLEY_EPERM);
    assert_code(sley_runtime_new(NULL, &runtime), SLEY_EPERM);
    cr_assert_eq((void *)runtime, (void *)&elsewhere);
    return 0;
}

Test(run, is_not_for_tasks)
{
    assert_ok(sley_run(run_in_a_task, NULL, NULL));
    cr_assert(!fn_ran);
}

static int spawn_some(void *arg)
{
    for (int i = 0; i < 100; i++)
        assert_ok(sley_spawn(add_one, arg, NULL, NULL));
    return 5;
}

Test(run, again_and_again)
{
    int count = 0;

    for (int i = 0; i < 60; i++)
        cr_assert_eq(sley_run(spawn_some, &count, NULL), 5);
    cr_assert_eq(count, 6000, "a task that has not begun at shutdown is run too, cancelled");
}

static void *run_there(void *arg)
{
    struct sley_options options = {.workers = 2, .unpinned = true};

    for (int i = 0; i < 10; i++)
        cr_assert_eq(sley_run(spawn_some, arg, &options), 5);
    return NULL;
}

Test(run, several_at_once)
{
    pthread_t threads[6];
    int counts[6] = {0};

    for (int i = 0; i < 6; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_there, &counts[i]), 0);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(counts[i], 1000);
    }
}

/* --- options --------------------------------------------------------------------------------- */

static int count_workers(UNUSED_ARG void *arg)
{
    return (int)sley_runtime_workers(sley_runtime_current());
}

Test(options, say_how_many_workers)
{
    static const unsigned counts[] = {1, 2, 3, 7, 65};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct sley_options options = {.workers = counts[i]};

        cr_assert_eq(sley_run(count_workers, NULL, &options), (int)counts[i]);
    }
}

Test(options, default_to_what_the_topology_says)
{
    struct sley_topology *topology;

    unsetenv("SLEY_WORKERS");
    assert_ok(sley_topology_new(0, &topology));
    cr_assert_eq(sley_run(count_workers, NULL, NULL), (int)sley_topology_workers(topology));
    sley_topology_free(topology);
}

Test(options, are_overruled_by_nothing_and_overrule_the_environment)
{
    struct sley_options options = {.workers = 2};

    setenv("SLEY_WORKERS", "3", 1);
    cr_assert_eq(sley_run(count_workers, NULL, NULL), 3);
    cr_assert_eq(sley_run(count_workers, NULL, &options), 2);
    setenv("SLEY_WORKERS", "nonsense", 1);
    cr_assert_eq(sley_run(count_workers, NULL, &options), 2);
}

Test(options, a_bad_number_in_the_environment_is_an_error)
{
    static const char *const bad[] = {"",   "0",  "-1",  "abc", "2x",   "x2",
                                      " 2", "2 ", "2.0", "+2",  "1025", "99999999999999999999",
                                      "0x", "1e1"};
    struct sley_runtime *runtime = (void *)&elsewhere;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("SLEY_WORKERS", bad[i], 1);
        assert_code(sley_run(note_that_it_ran, NULL, NULL), SLEY_EINVAL);
        assert_code(sley_runtime_new(NULL, &runtime), SLEY_EINVAL);
    }
    cr_assert(!fn_ran);
    cr_assert_eq((void *)runtime, (void *)&elsewhere);
}

Test(options, out_of_range_are_an_error)
{
    struct sley_options many = {.workers = SLEY_WORKERS_MAX + 1};
    struct sley_options large = {.stack_size = (1 << 20) + 1};

    assert_code(sley_run(note_that_it_ran, NULL, &many), SLEY_EINVAL);
    assert_code(sley_run(note_that_it_ran, NULL, &large), SLEY_EINVAL);
    cr_assert(!fn_ran);
}

static int use_900_kib(UNUSED_ARG void *arg)
{
    volatile char room[900 << 10];

    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    assert_ok(sley_sleep(1));
    return room[512 * 3];
}

static int spawn_900_kib(UNUSED_ARG void *arg)
{
    assert_ok(joined(spawned(use_900_kib, NULL)));
    return use_900_kib(NULL);
}

Test(options, say_how_large_stacks_are)
{
    struct sley_options options = {.stack_size = 1 << 20};

    assert_ok(sley_run(spawn_900_kib, NULL, &options));
}

static int name_of_thread(void *arg)
{
    return pthread_getname_np(pthread_self(), arg, 32);
}

Test(options, name_the_threads)
{
    struct sley_options options = {.name = "weaver"}, longer = {.name = "0123456789abcdef"};
    char name[32];

    assert_ok(sley_run(name_of_thread, name, NULL));
    cr_assert_eq(strncmp(name, "sley", 4), 0, "%s", name);
    assert_ok(sley_run(name_of_thread, name, &options));
    cr_assert_eq(strncmp(name, "weaver", 6), 0, "%s", name);
    assert_ok(sley_run(name_of_thread, name, &longer));
    cr_assert_eq(strncmp(name, "01234567", 8), 0, "%s", name);
    cr_assert_eq(strncmp(name, "012345678", 9) == 0, false, "%s", name);
}

static int processors_allowed(void *arg)
{
    return sched_getaffinity(0, sizeof(cpu_set_t), arg);
}

static int pinned_to(UNUSED_ARG void *arg)
{
    struct sley_worker_stats stats;
    cpu_set_t allowed;

    assert_ok(sley_runtime_stats(sley_runtime_current(), 0, &stats));
    if (stats.cpu == UINT_MAX)
        return 0; /* the system does not let us */
    assert_ok(processors_allowed(&allowed));
    cr_assert_eq(CPU_COUNT(&allowed), 1);
    cr_assert(CPU_ISSET(stats.cpu, &allowed));
    return 0;
}

static int not_pinned(void *arg)
{
    struct sley_worker_stats stats;
    cpu_set_t allowed;

    assert_ok(processors_allowed(&allowed));
    cr_assert(CPU_EQUAL(&allowed, (cpu_set_t *)arg));
    assert_ok(sley_runtime_stats(sley_runtime_current(), 0, &stats));
    cr_assert_eq(stats.cpu, UINT_MAX);
    return 0;
}

Test(options, pin_or_do_not)
{
    struct sley_options pinned = {.workers = 1}, unpinned = {.workers = 1, .unpinned = true};
    cpu_set_t allowed;

    assert_ok(processors_allowed(&allowed));
    assert_ok(sley_run(pinned_to, NULL, &pinned));
    assert_ok(sley_run(not_pinned, &allowed, &unpinned));
}

/* 0: default, 1: ours, 2: somebody else's. */
static int whose_handler(void)
{
    struct sigaction action;

    cr_assert_eq(sigaction(SIGSEGV, NULL, &action), 0);
    if (!(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL)
        return 0;
    return action.sa_flags & SA_SIGINFO ? 1 : 2;
}

static int handler_inside(UNUSED_ARG void *arg)
{
    return whose_handler();
}

static void some_handler(int number)
{
    (void)number;
}

Test(options, the_fault_handler_comes_and_goes_with_the_runtimes)
{
    struct sley_options without = {.no_fault_handler = true};
    struct sley_runtime *first, *second;

    signal(SIGSEGV, SIG_DFL);
    cr_assert_eq(sley_run(handler_inside, NULL, NULL), 1);
    cr_assert_eq(whose_handler(), 0);
    cr_assert_eq(sley_run(handler_inside, NULL, &without), 0);
    first = new_runtime(1);
    second = new_runtime(1);
    sley_runtime_free(first);
    cr_assert_eq(whose_handler(), 1, "the second still needs it");
    sley_runtime_free(second);
    cr_assert_eq(whose_handler(), 0);
    signal(SIGSEGV, some_handler);
    cr_assert_eq(sley_run(handler_inside, NULL, NULL), 2);
    cr_assert_eq(whose_handler(), 2);
}

/* --- from outside ---------------------------------------------------------------------------- */

Test(runtime, may_live_without_tasks)
{
    sley_runtime_free(NULL);
    for (int i = 0; i < 20; i++)
        sley_runtime_free(new_runtime(2));
}

Test(runtime, takes_tasks_from_any_thread)
{
    struct sley_runtime *runtime = new_runtime(2);
    struct sley_task *tasks[100];
    int values[100], result, count = 0;

    for (int i = 0; i < 100; i++) {
        values[i] = i;
        assert_ok(sley_runtime_spawn(runtime, give_int, &values[i], NULL, &tasks[i]));
        assert_ok(sley_runtime_spawn(runtime, add_one, &count, NULL, NULL));
    }
    for (int i = 99; i >= 0; i--) {
        assert_ok(sley_join(tasks[i], &result));
        cr_assert_eq(result, i);
    }
    sley_runtime_free(runtime);
    cr_assert_eq(count, 100);
}

Test(runtime, says_what_is_wrong_with_a_spawn)
{
    struct sley_runtime *runtime = new_runtime(1);
    struct sley_task_options large = {.stack_size = 2 << 20};
    struct sley_task *task = (void *)&elsewhere;

    assert_code(sley_runtime_spawn(runtime, NULL, NULL, NULL, &task), SLEY_EINVAL);
    assert_code(sley_runtime_spawn(runtime, add_one, NULL, &large, &task), SLEY_EINVAL);
    cr_assert_eq((void *)task, (void *)&elsewhere);
    sley_runtime_free(runtime);
}

static int name_and_deadline(void *arg)
{
    cr_assert_str_eq(sley_task_name(sley_self()), "outsider");
    cr_assert_eq(sley_deadline(), *(int64_t *)arg);
    return 0;
}

Test(runtime, a_foreign_spawn_has_options_too)
{
    struct sley_runtime *runtime = new_runtime(1);
    int64_t deadline = sley_after(SLEY_SECONDS(1000));
    struct sley_task_options options = {.name = "outsider", .deadline = deadline};
    struct sley_task *task;

    assert_ok(sley_runtime_spawn(runtime, name_and_deadline, &deadline, &options, &task));
    cr_assert_eq(joined(task), 0);
    sley_runtime_free(runtime);
}

static int whose_task(void *arg)
{
    return sley_runtime_current() == arg;
}

Test(runtime, knows_its_tasks)
{
    struct sley_runtime *a = new_runtime(1), *b = new_runtime(1);
    struct sley_task *task;

    cr_assert_null(sley_runtime_current());
    assert_ok(sley_runtime_spawn(a, whose_task, a, NULL, &task));
    cr_assert_eq(joined(task), 1);
    assert_ok(sley_runtime_spawn(b, whose_task, b, NULL, &task));
    cr_assert_eq(joined(task), 1);
    cr_assert_eq(sley_runtime_workers(a), 1);
    sley_runtime_free(a);
    sley_runtime_free(b);
}

static int tell_deadline(void *arg)
{
    *(int64_t *)arg = sley_deadline();
    return 9;
}

/* Spawns into `arg`, which is another runtime or the own one, joins there, and hands its deadline
 * down. */
static int spawn_into(void *arg)
{
    int64_t deadline = sley_after(SLEY_SECONDS(1000)), told = 0;
    struct sley_task *task;

    sley_deadline_narrow(deadline);
    for (int i = 0; i < 200; i++) {
        assert_ok(sley_runtime_spawn(arg, tell_deadline, &told, NULL, &task));
        cr_assert_eq(joined(task), 9);
        cr_assert_eq(told, deadline);
    }
    return 0;
}

Test(runtime, tasks_may_spawn_into_another_one)
{
    struct sley_runtime *a = new_runtime(2), *b = new_runtime(2);
    struct sley_task *tasks[3];

    assert_ok(sley_runtime_spawn(a, spawn_into, b, NULL, &tasks[0]));
    assert_ok(sley_runtime_spawn(b, spawn_into, a, NULL, &tasks[1]));
    assert_ok(sley_runtime_spawn(a, spawn_into, a, NULL, &tasks[2]));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    sley_runtime_free(a);
    sley_runtime_free(b);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int spawn_and_note(void *arg)
{
    uint64_t *ids = arg;

    for (int i = 0; i < 300; i++) {
        struct sley_task *task = spawned(note_that_it_ran, NULL);

        ids[i] = sley_task_id(task);
        assert_ok(sley_join(task, NULL));
    }
    return 0;
}

Test(runtime, numbers_are_unique_whoever_spawns)
{
    struct sley_runtime *runtime = new_runtime(3);
    static uint64_t ids[3 * 300 + 303];
    struct sley_task *tasks[3], *task;
    size_t n = 3 * 300;

    for (int i = 0; i < 3; i++) {
        assert_ok(sley_runtime_spawn(runtime, spawn_and_note, &ids[i * 300], NULL, &tasks[i]));
        ids[n++] = sley_task_id(tasks[i]);
    }
    for (int i = 0; i < 300; i++) {
        assert_ok(sley_runtime_spawn(runtime, note_that_it_ran, NULL, NULL, &task));
        ids[n++] = sley_task_id(task);
        assert_ok(sley_join(task, NULL));
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    sley_runtime_free(runtime);
    qsort(ids, n, sizeof *ids, compare_ids);
    cr_assert_geq(ids[0], 1);
    for (size_t i = 1; i < n; i++)
        cr_assert_gt(ids[i], ids[i - 1]);
}

/* --- shutdown -------------------------------------------------------------------------------- */

static int cleaned, begun;

/* As a program's tasks are: acquires, waits, cleans up, and the cleaning calls the runtime too. */
static int clean_up(int result)
{
    assert_code(result, SLEY_ECANCELED);
    cr_assert_str_eq(sley_cancel_reason(), "the runtime is shutting down");
    assert_code(sley_yield(), SLEY_ECANCELED);
    assert_code(sley_sleep(SLEY_SECONDS(1000)), SLEY_ECANCELED);
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void begin(void)
{
    __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
}

static int wait_in_park(UNUSED_ARG void *arg)
{
    begin();
    return clean_up(sley_park(NULL));
}

static int wait_in_sleep(UNUSED_ARG void *arg)
{
    begin();
    return clean_up(sley_sleep(SLEY_FOREVER));
}

static int wait_in_join(void *arg)
{
    struct sley_task *task = spawned(wait_in_park, NULL);
    int result;

    (void)arg;
    begin();
    result = sley_join(task, NULL); /* a handle that it leaves is the runtime's to take */
    return clean_up(result ? result : SLEY_ECANCELED); /* the other may have ended first */
}

static int wait_in_a_loop(UNUSED_ARG void *arg)
{
    int result;

    begin();
    while (!(result = sley_yield()))
        ;
    return clean_up(result);
}

static int leave_many_waiting(UNUSED_ARG void *arg)
{
    struct sley_task *handle;

    for (int i = 0; i < 50; i++) {
        assert_ok(sley_spawn(wait_in_park, NULL, NULL, NULL));
        assert_ok(sley_spawn(wait_in_sleep, NULL, NULL, &handle));
        assert_ok(sley_spawn(wait_in_join, NULL, NULL, NULL));
    }
    for (int i = 0; i < 3; i++)
        assert_ok(sley_spawn(wait_in_a_loop, NULL, NULL, NULL));
    while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) < 203)
        sley_yield();
    return 3;
}

Test(shutdown, cancels_what_is_left_and_lets_it_clean_up)
{
    struct sley_options options = {.workers = 3, .unpinned = true};

    for (int i = 0; i < 5; i++) {
        begun = cleaned = 0;
        cr_assert_eq(sley_run(leave_many_waiting, NULL, &options), 3);
        cr_assert_eq(cleaned, 203);
    }
}

Test(shutdown, of_a_runtime_with_tasks_of_foreign_threads)
{
    struct sley_runtime *runtime = new_runtime(2);

    for (int i = 0; i < 100; i++)
        assert_ok(sley_runtime_spawn(runtime, wait_in_park, NULL, NULL, NULL));
    while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) < 100)
        sched_yield();
    sley_runtime_free(runtime);
    cr_assert_eq(cleaned, 100);
}

static int leave_handles(UNUSED_ARG void *arg)
{
    struct sley_task *task;
    int count = 0;

    for (int i = 0; i < 500; i++)
        assert_ok(sley_spawn(add_one, &count, NULL, &task));
    while (__atomic_load_n(&count, __ATOMIC_RELAXED) < 500)
        sley_yield();
    return 0;
}

Test(shutdown, takes_the_handles_that_nobody_joined)
{
    for (int i = 0; i < 5; i++)
        assert_ok(sley_run(leave_handles, NULL, NULL));
}

static struct sley_runtime *closing;
static bool asked;

static void *spawn_from_outside(UNUSED_ARG void *arg)
{
    struct sley_task *task = (void *)&elsewhere;

    assert_code(sley_runtime_spawn(closing, note_that_it_ran, NULL, NULL, &task), SLEY_ESHUTDOWN);
    cr_assert_eq((void *)task, (void *)&elsewhere);
    return NULL;
}

static int spawn_in_cleanup(UNUSED_ARG void *arg)
{
    struct sley_task *task = (void *)&elsewhere;

    closing = sley_runtime_current();
    assert_code(sley_park(NULL), SLEY_ECANCELED);
    for (int i = 0; i < 300; i++) {
        assert_code(sley_spawn(note_that_it_ran, NULL, NULL, &task), SLEY_ESHUTDOWN);
        assert_code(sley_spawn(note_that_it_ran, NULL, NULL, NULL), SLEY_ESHUTDOWN);
        assert_code(sley_runtime_spawn(closing, note_that_it_ran, NULL, NULL, &task),
                    SLEY_ESHUTDOWN);
    }
    cr_assert_eq((void *)task, (void *)&elsewhere);
    on_foreign_thread(spawn_from_outside, NULL);
    asked = true;
    return 0;
}

Test(shutdown, takes_no_new_tasks)
{
    struct sley_runtime *runtime = new_runtime(2);

    assert_ok(sley_runtime_spawn(runtime, spawn_in_cleanup, NULL, NULL, NULL));
    sley_runtime_free(runtime);
    cr_assert(asked);
    cr_assert(!fn_ran);
}

/* --- counters -------------------------------------------------------------------------------- */

static struct sley_worker_stats stats_of(const struct sley_runtime *runtime, unsigned index)
{
    struct sley_worker_stats stats;

    memset(&stats, 0xff, sizeof stats);
    assert_ok(sley_runtime_stats(runtime, index, &stats));
    return stats;
}

Test(stats, are_of_workers_that_exist)
{
    struct sley_runtime *runtime = new_runtime(2);
    struct sley_worker_stats stats;

    assert_ok(sley_runtime_stats(runtime, 0, &stats));
    assert_ok(sley_runtime_stats(runtime, 1, &stats));
    assert_code(sley_runtime_stats(runtime, 2, &stats), SLEY_EINVAL);
    assert_code(sley_runtime_stats(runtime, UINT_MAX, &stats), SLEY_EINVAL);
    sley_runtime_free(runtime);
}

/* Tasks that compute for a millisecond at each turn, and one that comes from outside meanwhile. */
static struct {
    struct sley_runtime *runtime;
    int turns, turns_waited;
    bool is_here, enough;
} busy;

static int compute_in_turns(UNUSED_ARG void *arg)
{
    while (!busy.enough) {
        int64_t end = sley_after(SLEY_MILLISECONDS(1));

        while (sley_now() < end)
            continue;
        busy.turns++;
        assert_ok(sley_yield());
    }
    return 0;
}

static int come(UNUSED_ARG void *arg)
{
    busy.is_here = true;
    return 0;
}

static void *send_one_in(UNUSED_ARG void *arg)
{
    assert_ok(sley_runtime_spawn(busy.runtime, come, NULL, NULL, NULL));
    return NULL;
}

ONE_WORKER_TEST(runtime, long_turns_do_not_keep_others_out)
{
    struct sley_task *tasks[2];

    busy.runtime = sley_runtime_current();
    for (int i = 0; i < 2; i++)
        tasks[i] = spawned(compute_in_turns, NULL);
    while (busy.turns < 150) /* until it is known how long they are */
        assert_ok(sley_yield());
    for (int i = 0; i < 4; i++) { /* by chance one may come just before a look, but not each */
        int before = busy.turns;

        busy.is_here = false;
        on_foreign_thread(send_one_in, NULL);
        while (!busy.is_here)
            assert_ok(sley_yield());
        busy.turns_waited += busy.turns - before;
    }
    busy.enough = true;
    for (int i = 0; i < 2; i++)
        assert_ok(joined(tasks[i]));
    cr_assert_leq(busy.turns_waited, 60);
    return 0;
}

static int park_and_sleep(UNUSED_ARG void *arg)
{
    for (int i = 0; i < 10; i++)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(200)));
    return 0;
}

ONE_WORKER_TEST(stats, count_what_happened)
{
    struct sley_runtime *runtime = sley_runtime_current();
    struct sley_worker_stats before = stats_of(runtime, 0), after;
    struct sley_task *tasks[100];

    cr_assert_eq(before.tasks_run, 1);
    cr_assert_geq(before.switches, 1);
    cr_assert_eq(before.injected, 1, "this task came from outside");
    for (int i = 0; i < 100; i++)
        tasks[i] = spawned(park_and_sleep, NULL);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    after = stats_of(runtime, 0);
    cr_assert_eq(after.tasks_run, 101);
    cr_assert_geq(after.parks - before.parks, 1000);
    cr_assert_eq(after.timers - before.timers, 1000);
    /* Each task was started once and resumed once for each park; this one for each join. */
    cr_assert_geq(after.switches - before.switches, 100 + 1000);
    cr_assert_leq(after.switches - before.switches, 100 + (after.parks - before.parks));
    cr_assert_eq(after.steals, 0);
    cr_assert_eq(after.stolen, 0);
    return 0;
}

/* On a busy machine a timer may be due before the worker has come to sleep: then again. */
ONE_WORKER_TEST(stats, count_sleeps)
{
    struct sley_worker_stats stats;

    do {
        assert_ok(sley_sleep(SLEY_MILLISECONDS(1)));
        stats = stats_of(sley_runtime_current(), 0);
    } while (!stats.sleeps);
    cr_assert_gt(stats.slept_ns, 0);
    cr_assert_lt(stats.slept_ns, sley_now());
    return 0;
}

ONE_WORKER_TEST(stats, a_task_that_never_parks_has_the_worker_once)
{
    struct sley_runtime *runtime = sley_runtime_current();
    struct sley_worker_stats before, after;
    int count = 0;

    assert_ok(sley_yield());
    before = stats_of(runtime, 0);
    for (int i = 0; i < 100; i++)
        assert_ok(sley_spawn(add_one, &count, NULL, NULL));
    while (count < 100)
        sley_yield();
    after = stats_of(runtime, 0);
    cr_assert_geq(after.switches - before.switches, 100);
    cr_assert_eq(after.tasks_run - before.tasks_run, 100);
    return 0;
}

ONE_WORKER_TEST(stats, count_overflows)
{
    enum { MANY = 3000 }; /* more than a queue holds */
    int count = 0;

    for (int i = 0; i < MANY; i++)
        assert_ok(sley_spawn(add_one, &count, NULL, NULL));
    while (count < MANY)
        sley_yield();
    cr_assert_geq(stats_of(sley_runtime_current(), 0).overflows, 1);
    cr_assert_gt(stats_of(sley_runtime_current(), 0).injected, MANY / 4);
    return 0;
}

static int set_flag(void *arg)
{
    set(arg);
    return 0;
}

/* This task does not let its worker go, so whoever runs the other has stolen it. */
TASK_TEST_WITH(stats, count_steals, .workers = 2, .unpinned = true)
{
    struct sley_runtime *runtime = sley_runtime_current();
    uint64_t steals = 0, stolen = 0, run = 0;
    struct sley_task *task;
    bool ran = false;

    task = spawned(set_flag, &ran);
    while (!is_set(&ran))
        ;
    cr_assert_eq(joined(task), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct sley_worker_stats stats = stats_of(runtime, i);

        steals += stats.steals;
        stolen += stats.stolen;
        run += stats.tasks_run;
        cr_assert_leq(stats.steals, stats.stolen);
    }
    cr_assert_geq(steals, 1);
    cr_assert_geq(stolen, 1);
    cr_assert_eq(run, 2);
    return 0;
}

/* --- no memory ------------------------------------------------------------------------------- */

/* AddressSanitizer wants terabytes of address space for itself. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifndef __SANITIZE_ADDRESS__
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * 4096;
}

/* From hardly any address space to enough: each start fails cleanly or succeeds, and a failed one
 * leaves nothing that the next would miss. */
Test(memory, a_start_without_it_is_an_error)
{
    struct sley_options options = {.workers = 2};
    struct rlimit old, limit;
    int failures = 0, result, value = 6;

    cr_assert_eq(getrlimit(RLIMIT_AS, &old), 0);
    limit = old;
    for (rlim_t room = 0;; room += 96 << 10) {
        limit.rlim_cur = address_space() + room;
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        result = sley_run(give_int, &value, &options);
        cr_assert_eq(setrlimit(RLIMIT_AS, &old), 0);
        if (result == 6)
            break;
        cr_assert(result == SLEY_ENOMEM || result == SLEY_EAGAIN, "%s", sley_error_name(result));
        failures++;
    }
    cr_assert_gt(failures, 0);
    cr_assert_eq(sley_run(give_int, &value, &options), 6);
}
#endif
