/*
 * fork.c: a fork and its join where nobody is idle, with the two calls of a function that does
 * nothing: what a recursion pays per step.
 */
#include "gate.h"

#include <sley/fork.h>

const char gate_operation[] = "SLEY_FORK, a call, SLEY_JOIN with the call in it";

static long echo(struct sley_fork *f, long n);
SLEY_FORKABLE(long, echo, long)

static __attribute__((noinline)) long echo(struct sley_fork *f, long n)
{
    __asm__ volatile("" : "+r"(f));
    return n;
}

/* An operation as a recursive function would have it, with a frame of its own. */
static __attribute__((noinline)) long both(struct sley_fork *f, long n)
{
    long right;

    SLEY_FORK(echo, left, f, n - 1);
    right = echo(f, n - 2);
    return SLEY_JOIN(echo, left, f) + right;
}

int gate_work(size_t count)
{
    long sum = 0, i;

    SLEY_FORKS(f)
    {
        for (i = 0; i < (long)count; i++)
            sum += both(f, i) - 2 * i;
    }
    return sum != -3 * (long)count;
}
