/*
 * test_fork.c: what is asked of the scheduler when a call is handed out, and what if it is refused.
 *
 * link: -Wl,--wrap=sley_spawn_at
 */
#include "api/task_test.h"
#include "task_impl.h"

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
