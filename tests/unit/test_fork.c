/*
 * test_fork.c: what is asked of the scheduler when a call is handed out, and what if it is refused.
 *
 * link: -Wl,--wrap=sley_spawn_at
 */
#include "api/task_test.h"
#include "worker.h"

#include <sley/fork.h>

/* What the spawn of a stub asked for, and whether it is refused. */
static int spawns, refused_with;
static size_t stack_size;

int __real_sley_spawn_at(sley_task_fn *fn, void *arg, const struct sley_task_options *options,
                         struct sley_task **out, const char *site);
int __wrap_sley_spawn_at(sley_task_fn *fn, void *arg, const struct sley_task_options *options,
                         struct sley_task **out, const char *site);

int __wrap_sley_spawn_at(sley_task_fn *fn, void *arg, const struct sley_task_options *options,
                         struct sley_task **out, const char *site)
{
    __atomic_add_fetch(&spawns, 1, __ATOMIC_SEQ_CST);
    if (options)
        __atomic_store_n(&stack_size, options->stack_size, __ATOMIC_SEQ_CST);
    return refused_with ? refused_with : __real_sley_spawn_at(fn, arg, options, out, site);
}

static long fib(struct sley_fork *f, long n);
SLEY_FORKABLE(long, fib, long)

static long fib(struct sley_fork *f, long n)
{
    long right;

    if (n < 2)
        return n;
    SLEY_FORK(fib, left, f, n - 1);
    right = fib(f, n - 2);
    return SLEY_JOIN(fib, left, f) + right;
}

/* Computes until a call has been handed out, or would have been. */
static void fork_until_asked(void)
{
    while (!__atomic_load_n(&spawns, __ATOMIC_SEQ_CST))
        SLEY_FORKS(f)
        {
            cr_assert_eq(fib(f, 12), 144);
            assert_ok(sley_forks_status(f));
        }
}

TASK_TEST(fork, calls_that_cannot_be_handed_out_are_made_by_their_parent)
{
    refused_with = SLEY_ENOMEM;
    fork_until_asked();
    return 0;
}

TASK_TEST(fork, a_stub_has_a_stack_like_its_parents)
{
    fork_until_asked();
    cr_assert_eq(stack_size, 64 << 10);
    return 0;
}

TASK_TEST_WITH(fork, a_stub_has_a_stack_like_its_large_parents, .workers = 2, .unpinned = true,
               .stack_size = 1 << 20)
{
    fork_until_asked();
    cr_assert_eq(stack_size, 1 << 20);
    return 0;
}

TASK_TEST(fork, nothing_is_left_in_a_task)
{
    struct sley__forker *forker = &sley_self()->forker;

    fork_until_asked();
    for (int i = 0; i < 1000; i++)
        SLEY_FORKS(f)
        {
            cr_assert_eq(forker->regions, 1);
            cr_assert_eq(fib(f, 5), 5);
        }
    cr_assert_eq(forker->regions, 0);
    cr_assert_null(forker->youngest);
    cr_assert_eq(load_relaxed(&forker->claim), 0);
    return 0;
}

/* --- calls that wait for each other --------------------------------------------------------- */

/* They end only if all run at once: each keeps its worker until the last one has come. */
struct meeting {
    unsigned expected, come;
};

static int meet(struct sley_fork *f, struct meeting *meeting);
SLEY_FORKABLE(int, meet, struct meeting *)

static int meet(UNUSED_ARG struct sley_fork *f, struct meeting *meeting)
{
    __atomic_add_fetch(&meeting->come, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&meeting->come, __ATOMIC_SEQ_CST) < meeting->expected)
        sched_yield();
    return 1;
}

static int meet_alone(void *meeting)
{
    return meet(NULL, meeting);
}

/* Once a worker counts as idle it remains so until it finds a task, and there is none. */
static void await_idle(unsigned workers)
{
    while (sley__fork_idle() < workers)
        sched_yield();
}

enum { MEETINGS = 20, MOST = 8 };

/* One after the other, then a call of our own that forks nothing. */
static void meet_by_forks(unsigned count)
{
    struct meeting meeting = {.expected = count};
    struct meet_fork calls[MOST];
    unsigned i, met;

    await_idle(count - 1);
    SLEY_FORKS(f)
    {
        for (i = 0; i < count - 1; i++)
            meet_fork(&f, &calls[i], &meeting);
        met = (unsigned)meet(f, &meeting);
        while (i-- > 0)
            met += (unsigned)meet_join(&f, &calls[i]);
        cr_assert_eq(met, count);
    }
}

static void meet_by_list(unsigned count)
{
    struct meeting meeting = {.expected = count};
    struct sley_call calls[MOST];

    for (unsigned i = 0; i < count; i++)
        calls[i] = (struct sley_call){meet_alone, &meeting};
    await_idle(count - 1);
    assert_ok(sley_parallel_invoke_all(calls, count));
    cr_assert_eq(meeting.come, count);
}

/* What was forked while nobody asked for it is handed out at the first look afterwards, all of
 * it. */
static void meet_late(unsigned count)
{
    struct meeting meeting = {.expected = count};
    struct meet_fork calls[MOST];
    unsigned i;

    await_idle(count - 1);
    SLEY_FORKS(f)
    {
        struct sley__forker *forker = container_of(f->forker, struct sley__forker, seen);

        for (i = 0; i < count - 1; i++) {
            store_relaxed(sley__forker_attention(forker), SLEY__ATTENTION_NONE);
            meet_fork(&f, &calls[i], &meeting);
        }
        sley__forker_alert(forker);
        cr_assert_eq(fib(f, 2), 1);
        cr_assert_eq(meet(f, &meeting), 1);
        while (i-- > 0)
            cr_assert_eq(meet_join(&f, &calls[i]), 1);
    }
}

/* Nobody is relieved: then there would be more threads than workers. */
#define MEETING_TEST(workers_, name)                                                             \
    TASK_TEST_WITH(fork, as_many_calls_as_##workers_##_workers_meet_##name, .workers = workers_, \
                   .unpinned = true, .stall_threshold = -1)                                      \
    {                                                                                            \
        for (int i = 0; i < MEETINGS; i++)                                                       \
            meet_##name(workers_);                                                               \
        return 0;                                                                                \
    }

MEETING_TEST(2, by_forks)
MEETING_TEST(4, by_forks)
MEETING_TEST(8, by_forks)
MEETING_TEST(4, by_list)
MEETING_TEST(8, by_list)
MEETING_TEST(4, late)
MEETING_TEST(8, late)

ONE_WORKER_TEST(fork, one_worker_is_never_asked)
{
    SLEY_FORKS(f)
    {
        cr_assert_eq(fib(f, 15), 610);
        sley_yield();
        cr_assert_eq(fib(f, 15), 610);
    }
    cr_assert_eq(spawns, 0);
    return 0;
}
