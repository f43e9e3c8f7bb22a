/*
 * test_stall.c: tasks that keep their worker, announced and not.
 *
 * With one worker, a task that blocks its kernel thread until another task has done something is a
 * deadlock unless somebody takes the worker over. So most tests here are such a deadlock; none asks
 * the clock.
 */
#define _GNU_SOURCE 1

#include <criterion/criterion.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/pipe.h>
#include <sley/runtime.h>
#include <sley/stall.h>
#include <sley/task.h>
#include <sley/time.h>

static sem_t sem;
static atomic_int reports;
static char report_name[64], report_site[128];
static int report_frames;
static int64_t report_duration;

static void note(const struct sley_stall *stall, void *arg)
{
    cr_assert_eq(arg, &reports);
    strncpy(report_name, stall->task_name, sizeof report_name - 1);
    strncpy(report_site, stall->task_site, sizeof report_site - 1);
    report_frames = stall->frame_count;
    report_duration = stall->duration;
    atomic_fetch_add(&reports, 1);
}

static struct sley_options options(void)
{
    sem_init(&sem, 0, 0);
    return (struct sley_options){.workers = 1,
                                 .stall_threshold = SLEY_MILLISECONDS(1),
                                 .on_stall = note,
                                 .stall_arg = &reports};
}

static struct sley_worker_stats stats(void)
{
    struct sley_worker_stats s;

    cr_assert_eq(sley_runtime_stats(sley_runtime_current(), 0, &s), 0);
    return s;
}

static void wait_for_post(void)
{
    while (sem_wait(&sem) != 0) /* a report interrupts it */
        ;
}

static int post(void *arg)
{
    (void)arg;
    return sem_post(&sem);
}

/* Blocks its thread until another task of the same worker has run. */
static int deadlock(void *arg)
{
    struct sley_task *child;

    (void)arg;
    cr_assert_eq(sley_spawn(post, NULL, NULL, &child), 0);
    wait_for_post();
    return sley_join(child, NULL);
}

Test(stall, off_a_task_nothing_is_announced)
{
    cr_assert_eq(sley_blocking_begin("no"), SLEY_ENOTASK);
    cr_assert_eq(sley_blocking_end(), SLEY_ENOTASK);
}

static int blocks(void *arg)
{
    int error = deadlock(arg);
    struct sley_worker_stats s = stats();

    cr_assert_eq(error, 0);
    cr_assert_geq(s.stalls, 1);
    cr_assert_geq(s.reliefs, s.stalls);
    return 0;
}

Test(stall, a_worker_is_taken_over_and_the_stall_reported)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(blocks, NULL, &o), 0);
    cr_assert_eq(atomic_load(&reports), 1);
    cr_assert_str_eq(report_name, "blocks");
    cr_assert(strstr(report_site, "test_stall.c:"), "%s", report_site);
    cr_assert_gt(report_frames, 0);
    cr_assert_geq(report_duration, SLEY_MILLISECONDS(1));
}

static int many_times(void *arg)
{
    struct sley_task *task;

    for (int i = 0; i < 5; i++) {
        cr_assert_eq(sley_spawn(deadlock, arg, NULL, &task), 0);
        cr_assert_eq(sley_join(task, NULL), 0);
    }
    cr_assert_geq(stats().stalls,
                  1); /* those that have lost the worker run beside it for a while */
    return 0;
}

Test(stall, each_spawn_site_is_reported_once)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(many_times, NULL, &o), 0);
    cr_assert_eq(atomic_load(&reports), 1);
    cr_assert_str_eq(report_name, "deadlock");
}

static int alone(void *arg)
{
    int64_t until = sley_now() + SLEY_MILLISECONDS(30);

    (void)arg;
    while (sley_now() < until)
        ;
    cr_assert_eq(stats().reliefs, 0);
    return 0;
}

Test(stall, nobody_waits_so_nothing_happens)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(alone, NULL, &o), 0);
    cr_assert_eq(atomic_load(&reports), 0);
}

static int sleeps(void *arg)
{
    atomic_int *slept = arg;

    cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
    atomic_store(slept, 1);
    return sem_post(&sem);
}

static int keeps_a_timer_waiting(void *arg)
{
    atomic_int slept = 0;
    struct sley_task *child;

    (void)arg;
    cr_assert_eq(sley_spawn(sleeps, &slept, NULL, &child), 0);
    sley_yield(); /* the child arms its timer */
    wait_for_post();
    cr_assert_eq(atomic_load(&slept), 1);
    return sley_join(child, NULL);
}

Test(stall, timers_of_the_worker_fire)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(keeps_a_timer_waiting, NULL, &o), 0);
}

/* --- announced ------------------------------------------------------------------------------ */

static int announces(void *arg)
{
    pthread_t self = pthread_self();
    int error;

    (void)arg;
    cr_assert_eq(sley_blocking_begin("a tape"), 0);
    cr_assert_eq(sley_blocking_begin("its second reel"), 0);
    error = sley_spawn(post, NULL, NULL, NULL);
    cr_assert_eq(error, 0);
    wait_for_post();
    cr_assert_eq(sley_blocking_end(), 0);
    error = sley_spawn(post, NULL, NULL, NULL);
    cr_assert_eq(error, 0);
    wait_for_post();
    cr_assert(pthread_equal(self, pthread_self()));
    cr_assert_eq(sley_blocking_end(), 0);
    cr_assert_eq(sley_blocking_end(), 0, "one too many does nothing");
    cr_assert_eq(stats().stalls, 0);
    cr_assert_eq(stats().reliefs, 1);
    return 7;
}

Test(stall, announced_blocking_is_no_stall)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(announces, NULL, &o), 7);
    cr_assert_eq(atomic_load(&reports), 0);
}

static char dumped[4096];

static int dump(void *arg)
{
    int ends[2];
    ssize_t n;

    (void)arg;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_gt(sley_runtime_dump(sley_runtime_current(), ends[1]), 0);
    n = read(ends[0], dumped, sizeof dumped - 1);
    cr_assert_gt(n, 0);
    return sem_post(&sem);
}

static int is_dumped(void *arg)
{
    (void)arg;
    cr_assert_eq(sley_blocking_begin("a tape"), 0);
    cr_assert_eq(sley_spawn(dump, NULL, NULL, NULL), 0);
    wait_for_post();
    return sley_blocking_end();
}

Test(stall, the_dump_shows_the_reason)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(is_dumped, NULL, &o), 0);
    cr_assert(strstr(dumped, "running: a tape"), "%s", dumped);
}

/* The timer is armed by a thread that has no worker any more, while the one that has sleeps. */
static int parks_inside(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(sley_blocking_begin(NULL), 0);
        if (i % 2)
            usleep(2000);
        cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
        cr_assert_eq(sley_blocking_end(), 0);
    }
    return 0;
}

Test(stall, a_park_inside_ends_the_announcement)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(parks_inside, NULL, &o), 0);
}

static int cancelled_inside(void *arg)
{
    (void)arg;
    cr_assert_eq(sley_blocking_begin("until cancelled"), 0);
    while (!sley_cancelled())
        ;
    cr_assert_eq(sley_blocking_end(), 0);
    return sley_yield();
}

static int cancels(void *arg)
{
    struct sley_task *task;
    int result;

    (void)arg;
    cr_assert_eq(sley_spawn(cancelled_inside, NULL, NULL, &task), 0);
    sley_yield();
    sley_cancel(task, "a test");
    cr_assert_eq(sley_join(task, &result), 0);
    cr_assert_eq(result, SLEY_ECANCELED);
    return 0;
}

Test(stall, a_cancelled_task_may_end_its_announcement)
{
    struct sley_options o = options();

    cr_assert_eq(sley_run(cancels, NULL, &o), 0);
}

/* --- SLEY_STALLS, SLEY_STALL_MS ------------------------------------------------------------- */

static int blocks_and_fails(void *arg)
{
    return deadlock(arg) ? -1 : SLEY_EIO;
}

/* The worker is taken from it because there may be events; nobody waits for one. */
static int alone_with_a_pipe(void *arg)
{
    struct sley_stream *reader, *writer;

    (void)arg;
    cr_assert_eq(sley_pipe(&reader, &writer), 0);
    while (!stats().reliefs)
        ;
    sley_stream_free(reader);
    sley_stream_free(writer);
    return 0;
}

Test(stall, fail_makes_the_run_fail)
{
    struct sley_options o = options();

    setenv("SLEY_STALLS", "fail", 1);
    cr_assert_eq(sley_run(blocks, NULL, &o), SLEY_ESTALLED);
    cr_assert_eq(sley_run(blocks_and_fails, NULL, &o), SLEY_EIO, "the task's own error stays");
    cr_assert_eq(sley_run(announces, NULL, &o), 7);
    cr_assert_eq(sley_run(alone, NULL, &o), 0);
    cr_assert_eq(sley_run(alone_with_a_pipe, NULL, &o), 0);
}

Test(stall, the_environment_sets_the_threshold)
{
    struct sley_options o = options();

    o.stall_threshold = 0;
    setenv("SLEY_STALL_MS", "1", 1);
    cr_assert_eq(sley_run(blocks, NULL, &o), 0);
    setenv("SLEY_STALL_MS", "0", 1);
    cr_assert_eq(sley_run(alone, NULL, &o), 0);
    setenv("SLEY_STALL_MS", "soon", 1);
    cr_assert_eq(sley_run(alone, NULL, &o), SLEY_EINVAL);
    setenv("SLEY_STALL_MS", "-1", 1);
    cr_assert_eq(sley_run(alone, NULL, &o), SLEY_EINVAL);
    o.stall_threshold = -1;
    cr_assert_eq(sley_run(alone, NULL, &o), 0);
}

Test(stall, a_word_that_is_none_is_refused)
{
    static const char *const good[] = {"", "off", "report", "fail"};
    static const char *const bad[] = {"FAIL", "failed", "1", "yes"};
    struct sley_options o = options();

    for (int i = 0; i < 4; i++) {
        setenv("SLEY_STALLS", good[i], 1);
        cr_assert_eq(sley_run(alone, NULL, &o), 0, "%s", good[i]);
        setenv("SLEY_STALLS", bad[i], 1);
        cr_assert_eq(sley_run(alone, NULL, &o), SLEY_EINVAL, "%s", bad[i]);
    }
}

Test(stall, a_hook_without_a_fault_handler_has_no_names)
{
    struct sley_options o = options();

    o.no_fault_handler = true;
    cr_assert_eq(sley_run(blocks, NULL, &o), 0);
    cr_assert_eq(atomic_load(&reports), 1);
    cr_assert_str_eq(report_name, "?");
    cr_assert_eq(report_frames, 0);
}
