/*
 * bench_fork.c: what it costs to allow a call to run elsewhere.
 *
 * fib(37), the classic: a function that does nothing but call itself twice, one of the calls
 * forked. 39,088,168 forks, nearly all of which nobody takes, so on one worker this is the price of
 * a fork and a join with two calls between, and on several how little is lost by sharing.
 *
 * The same function without the fork is measured before, in the same process, and compiled by the
 * same compiler, which may do with it what it likes: ratio_to_c is what one pays for writing the
 * parallel version, on one worker, and gets for it on many.
 */
#include <sley/fork.h>

#include "harness.h"

struct work {
    long n;
    double plain_ns, ns; /* results */
    long plain, forked;
};

static __attribute__((noinline)) long plain_fib(long n)
{
    return n < 2 ? n : plain_fib(n - 1) + plain_fib(n - 2);
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

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now(), between;
    work->plain = plain_fib(work->n);
    between = sley_now();
    SLEY_FORKS(f)
    {
        work->forked = fib(f, work->n);
    }
    work->ns = (double)(sley_now() - between);
    work->plain_ns = (double)(between - begin);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.n = setup->quick ? 30 : 37};
    int status = bench_on_tasks(setup, parent, &work);
    if (status != 0)
        return status;
    if (work.forked != work.plain)
        return bench_error("fib(%ld) is %ld, not %ld", work.n, work.forked, work.plain);
    values[0] = work.ns / (double)(plain_fib(work.n + 1) - 1);
    values[1] = work.ns / work.plain_ns;
    return 0;
}

const struct bench bench_fork = {
    .name = "fork",
    .why = "fib(37), one of its two calls forked: what it costs that a call may run elsewhere, "
           "against the plain C function in the same run",
    .cases = {{.run = run, .metrics = {{"ns_per_fork", "ns"}, {"ratio_to_c", "1"}}}},
};
