/*
 * test_signal.c: waiting for signals of the system, and Ctrl-C as a cancellation.
 */
#define _GNU_SOURCE
#include "task_test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/park.h>
#include <sley/scope.h>
#include <sley/signal.h>

static struct sley_signals *opened(int one, int two)
{
    const int numbers[] = {one, two};
    struct sley_signals *signals = NULL;

    assert_ok(sley_signals_open(numbers, 2, &signals));
    return signals;
}

/* To the process: the kernel chooses the thread, which is not ours. */
static void send(int number)
{
    cr_assert_eq(kill(getpid(), number), 0);
}

/* Queued by the kernel, so that none is merged with another. */
static void queue(int number)
{
    while (sigqueue(getpid(), number, (union sigval){0}) < 0)
        sley_yield();
}

/* --- waiting ---------------------------------------------------------------------------------- */

TASK_TEST(signals, wait_tells_the_number)
{
    struct sley_signals *signals = opened(SIGUSR1, SIGUSR2);

    send(SIGUSR1);
    assert_code(sley_signals_wait(signals), SIGUSR1);
    send(SIGUSR2);
    assert_code(sley_signals_wait(signals), SIGUSR2);
    assert_code(sley_signals_try(signals), 0);
    sley_signals_close(signals);
    sley_signals_close(NULL);
    return 0;
}

static int wait_once(void *arg)
{
    return sley_signals_wait(arg);
}

ONE_WORKER_TEST(signals, wakes_who_waits)
{
    struct sley_signals *signals = opened(SIGUSR1, SIGUSR1);
    struct sley_task *task = spawned(wait_once, signals);

    for (int i = 0; i < 10; i++)
        sley_yield();
    send(SIGUSR1);
    assert_code(joined(task), SIGUSR1);
    sley_signals_close(signals);
    return 0;
}

TASK_TEST(signals, each_arrival_is_counted)
{
    enum { COUNT = 500 };
    struct sley_signals *signals = opened(SIGRTMIN, SIGRTMIN + 1),
                        *other = opened(SIGRTMIN, SIGHUP);
    int counts[2] = {0};

    for (int i = 0; i < COUNT; i++) {
        queue(SIGRTMIN);
        queue(SIGRTMIN + 1);
    }
    for (int i = 0; i < 2 * COUNT; i++) {
        int number = sley_signals_wait(signals);

        cr_assert(number == SIGRTMIN || number == SIGRTMIN + 1, "%d", number);
        counts[number - SIGRTMIN]++;
    }
    cr_assert_eq(counts[0], COUNT);
    cr_assert_eq(counts[1], COUNT);
    assert_code(sley_signals_try(signals), 0);
    /* The other set has had its own. */
    for (int i = 0; i < COUNT; i++)
        assert_code(sley_signals_wait(other), SIGRTMIN);
    assert_code(sley_signals_try(other), 0);
    sley_signals_close(signals);
    sley_signals_close(other);
    return 0;
}

TASK_TEST(signals, numbers_take_turns)
{
    struct sley_signals *signals = opened(SIGRTMIN, SIGRTMIN + 1),
                        *all = opened(SIGRTMIN, SIGRTMIN + 1);

    for (int i = 0; i < 3; i++) {
        queue(SIGRTMIN);
        queue(SIGRTMIN + 1);
    }
    for (int i = 0; i < 6; i++)
        cr_assert_gt(sley_signals_wait(all), 0); /* so all have arrived */
    for (int i = 0; i < 6; i++)
        assert_code(sley_signals_wait(signals), SIGRTMIN + i % 2);
    sley_signals_close(signals);
    sley_signals_close(all);
    return 0;
}

struct crowd {
    struct sley_signals *signals;
    unsigned taken;
};

static int take_many(void *arg)
{
    struct crowd *crowd = arg;
    int result;

    while ((result = sley_signals_wait(crowd->signals)) > 0)
        __atomic_add_fetch(&crowd->taken, 1, __ATOMIC_SEQ_CST);
    return result;
}

TASK_TEST(signals, several_tasks_share_a_set)
{
    enum { TASKS = 5, COUNT = 300 };
    struct crowd crowd = {.signals = opened(SIGRTMIN, SIGRTMIN)};
    struct sley_task *tasks[TASKS];

    for (int i = 0; i < TASKS; i++)
        tasks[i] = spawned(take_many, &crowd);
    for (int i = 0; i < COUNT; i++)
        queue(SIGRTMIN);
    while (__atomic_load_n(&crowd.taken, __ATOMIC_SEQ_CST) < COUNT)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    for (int i = 0; i < TASKS; i++)
        sley_cancel(tasks[i], NULL);
    for (int i = 0; i < TASKS; i++)
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    cr_assert_eq(crowd.taken, COUNT);
    sley_signals_close(crowd.signals);
    return 0;
}

TASK_TEST(signals, waits_end_with_cancel_and_deadline)
{
    struct sley_signals *signals = opened(SIGUSR1, SIGUSR1);
    struct sley_task *task = spawned(wait_once, signals), *second = spawned(wait_once, signals);
    int64_t before;

    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    sley_cancel(second, NULL);
    assert_code(joined(second), SLEY_ECANCELED);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(sley_signals_wait(signals), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    send(SIGUSR1);
    assert_code(sley_signals_wait(signals), SIGUSR1);
    sley_signals_close(signals);
    return 0;
}

TASK_TEST(signals, is_a_source_for_loops)
{
    struct sley_signals *signals = opened(SIGRTMIN, SIGRTMIN + 1);
    int seen = 0, status;

    queue(SIGRTMIN);
    queue(SIGRTMIN + 1);
    SLEY_FOREACH_STATUS (int, number, signals, status) {
        seen += number;
        if (seen == 2 * SIGRTMIN + 1)
            break;
    }
    assert_code(status, 1);
    sley_signals_close(signals);
    return 0;
}

static int open_code(int number)
{
    struct sley_signals *signals = (void *)&number;
    int error = sley_signals_open(&number, 1, &signals);

    if (error)
        cr_assert_eq((void *)signals, (void *)&number);
    else
        sley_signals_close(signals);
    return error;
}

static void *open_outside(void *unused)
{
    assert_code(open_code(SIGUSR1), SLEY_ENOTASK);
    return unused;
}

TASK_TEST(signals, refuses_what_is_no_signal)
{
    static const int bad[] = {0,      -1,     65,      SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
                              SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS,  SIGURG};
    struct sley_signals *signals;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_code(open_code(bad[i]), SLEY_EINVAL);
    assert_code(sley_signals_open(NULL, 0, &signals), SLEY_EINVAL);
    assert_ok(open_code(SIGRTMAX));
    assert_ok(open_code(SIGCHLD));
    on_foreign_thread(open_outside, NULL);
    return 0;
}

/* --- what was there before -------------------------------------------------------------------- */

static volatile sig_atomic_t own_calls;

static void own_handler(int number)
{
    (void)number;
    own_calls++;
}

TASK_TEST(signals, the_old_handler_is_put_back)
{
    struct sley_signals *one, *two;
    struct sigaction now;

    signal(SIGUSR1, own_handler);
    signal(SIGUSR2, SIG_IGN);
    one = opened(SIGUSR1, SIGUSR2);
    two = opened(SIGUSR1, SIGUSR1);
    sley_signals_close(one);
    sigaction(SIGUSR2, NULL, &now);
    cr_assert_eq(now.sa_handler, SIG_IGN);
    send(SIGUSR1);
    assert_code(sley_signals_wait(two), SIGUSR1);
    cr_assert_eq(own_calls, 0);
    sley_signals_close(two);
    sigaction(SIGUSR1, NULL, &now);
    cr_assert_eq(now.sa_handler, own_handler);
    return 0;
}

TASK_TEST(signals, somebody_elses_handler_stays)
{
    struct sley_signals *signals = opened(SIGUSR1, SIGUSR1);
    struct sigaction now;

    signal(SIGUSR1, own_handler);
    sley_signals_close(signals);
    sigaction(SIGUSR1, NULL, &now);
    cr_assert_eq(now.sa_handler, own_handler);
    return 0;
}

/* --- Ctrl-C ----------------------------------------------------------------------------------- */

static int interrupt_oneself(void *number)
{
    kill(getpid(), *(int *)number);
    while (!sley_park("the signal")) /* until it is cancelled */
        ;
    cr_assert_str_eq(sley_cancel_reason(), *(int *)number == SIGINT ? "SIGINT" : "SIGTERM");
    return 7;
}

Test(interrupt, cancels_the_main_task)
{
    struct sley_options options = {.interrupt = true, .terminate = true};
    int numbers[] = {SIGINT, SIGTERM};
    struct sigaction now;

    for (int i = 0; i < 2; i++) {
        assert_code(sley_run(interrupt_oneself, &numbers[i], &options), 7);
        sigaction(numbers[i], NULL, &now);
        cr_assert_eq(now.sa_handler, SIG_DFL);
    }
}

Test(interrupt, works_where_it_is_blocked_or_ignored)
{
    struct sley_options options = {.interrupt = true};
    int number = SIGINT;
    sigset_t set, after;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGINT, SIG_IGN);
    assert_code(sley_run(interrupt_oneself, &number, &options), 7);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    cr_assert(sigismember(&after, SIGINT));
}

static int nothing(void *unused)
{
    (void)unused;
    return 3;
}

Test(interrupt, costs_nothing_without_a_signal)
{
    struct sley_options options = {.interrupt = true};
    struct sley_runtime *runtime;

    for (int i = 0; i < 20; i++)
        assert_code(sley_run(nothing, NULL, &options), 3);
    assert_code(sley_runtime_new(&options, &runtime), SLEY_EINVAL);
    options = (struct sley_options){.terminate = true};
    assert_code(sley_runtime_new(&options, &runtime), SLEY_EINVAL);
}

struct stubborn {
    struct sley_options options;
    void (*before)(int); /* what the program had for SIGINT */
    bool watch;          /* the task watches SIGINT itself */
    int pipe;
};

/* Says that it was cancelled, and does not end. */
static int be_stubborn(void *arg)
{
    struct stubborn *s = arg;
    struct sley_signals *signals;

    if (s->watch)
        cr_assert_eq(sley_signals_open((const int[]){SIGINT}, 1, &signals), 0);
    if (write(s->pipe, "r", 1) != 1) /* ready */
        return 1;
    while (!sley_park("the signal"))
        ;
    if (write(s->pipe, "c", 1) != 1) /* cancelled */
        return 1;
    if (s->watch) {
        while (sley_signals_try(signals) != SIGINT)
            sched_yield();
        if (write(s->pipe, "1", 1) != 1)
            return 1;
        while (sley_signals_try(signals) != SIGINT)
            sched_yield();
        if (write(s->pipe, "2", 1) != 1)
            return 1;
        return 5;
    }
    for (;;)
        sched_yield(); /* holds its worker: the runtime could not help */
}

static void expect_byte(int fd, char expected)
{
    char byte = 0;

    cr_assert_eq(read(fd, &byte, 1), 1);
    cr_assert_eq(byte, expected);
}

/* The status of a process that has got the two signals. */
static int send_two(struct stubborn *s, int first, int second, bool cancels)
{
    int ends[2], status;
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    s->pipe = ends[1];
    if ((pid = fork()) == 0) {
        signal(SIGINT, s->before);
        _exit(sley_run(be_stubborn, s, &s->options));
    }
    expect_byte(ends[0], 'r');
    kill(pid, first);
    if (cancels) {
        expect_byte(ends[0], 'c');
        if (s->watch)
            expect_byte(ends[0], '1');
        kill(pid, second);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
    return status;
}

Test(interrupt, the_second_one_kills)
{
    struct stubborn s = {.options = {.interrupt = true, .terminate = true}, .before = SIG_DFL};
    int status = send_two(&s, SIGINT, SIGINT, true);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%#x", status);
    status = send_two(&s, SIGINT, SIGTERM, true);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%#x", status);
    status = send_two(&s, SIGTERM, SIGINT, true);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%#x", status);
    s.before = SIG_IGN; /* a background job of a shell */
    status = send_two(&s, SIGINT, SIGINT, true);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%#x", status);
}

Test(interrupt, only_what_was_asked_for)
{
    struct stubborn s = {.options = {.interrupt = true}, .before = SIG_DFL};
    int status = send_two(&s, SIGTERM, 0, false);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%#x", status);
    s.options = (struct sley_options){0};
    status = send_two(&s, SIGINT, 0, false);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%#x", status);
}

/* Who watches SIGINT himself decides what a second one is. */
Test(interrupt, a_set_has_them_all)
{
    struct stubborn s = {.options = {.interrupt = true}, .before = SIG_DFL, .watch = true};
    int status = send_two(&s, SIGINT, SIGINT, true);

    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5, "%#x", status);
}

static unsigned caught;

static void catch (int number)
{
    (void)number;
    __atomic_add_fetch(&caught, 1, __ATOMIC_SEQ_CST);
}

/* The second interrupt is the program's, as it was before; a set that comes then gets the third. */
static int watch_after_the_second(void *unused)
{
    struct sley_signals *signals = NULL;

    (void)unused;
    send(SIGINT);
    while (!sley_park("the signal"))
        ;
    send(SIGINT);
    while (!__atomic_load_n(&caught, __ATOMIC_SEQ_CST))
        sched_yield();
    SLEY_SHIELD()
    {
        for (unsigned round = 0; round < 3; round++) {
            cr_assert_eq(sley_signals_open((const int[]){SIGINT}, 1, &signals), 0);
            send(SIGINT);
            cr_assert_eq(sley_signals_wait(signals), SIGINT);
            sley_signals_close(signals);
        }
    }
    cr_assert_eq(caught, 1);
    return 9;
}

Test(interrupt, a_set_after_the_second_is_told)
{
    struct sley_options options = {.interrupt = true};
    struct sigaction now;

    signal(SIGINT, catch);
    assert_code(sley_run(watch_after_the_second, NULL, &options), 9);
    sigaction(SIGINT, NULL, &now);
    cr_assert_eq(now.sa_handler, catch);
}

static unsigned ready;

static int wait_for_it(void *unused)
{
    (void)unused;
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    return sley_park("the signal");
}

static void *run_one(void *unused)
{
    struct sley_options options = {.interrupt = true, .workers = 1};

    assert_code(sley_run(wait_for_it, NULL, &options), SLEY_ECANCELED);
    return unused;
}

Test(interrupt, reaches_every_runtime)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_one, NULL), 0);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 3)
        sched_yield();
    cr_assert_eq(kill(getpid(), SIGINT), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}
