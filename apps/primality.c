/*
 * primality.c: work that computes: whether a number is a prime.
 *
 * By dividing it, on purpose: a probabilistic test would answer in a microsecond, and this is here
 * to keep a processor busy, from no time at all to tens of seconds for the largest primes of 64
 * bits. After 2 and 3 only 6k - 1 and 6k + 1 are tried, up to the square root, which is found in
 * integers because a double has too few digits for it.
 *
 * Whoever computes for long should say now and then where it can be stopped. Every two hundred
 * thousand divisions, about a millisecond, the work yields, which on a task lets others run and
 * tells of a cancel, and elsewhere does nothing; and it looks at a flag, which reaches it on a
 * thread. In another process neither does, nor needs to: that can be killed.
 */
#include "primality.h"

#include <stdbool.h>

#include <sley/task.h>
#include <sley/time.h>

enum { STRIDE = 100000 }; /* pairs of divisions between two looks */

static bool given_up; /* accessed atomically */

void primality_give_up(void)
{
    __atomic_store_n(&given_up, true, __ATOMIC_RELAXED);
}

static bool must_stop(void)
{
    return sley_yield() != 0 || __atomic_load_n(&given_up, __ATOMIC_RELAXED);
}

/* The largest r with r * r <= n, bit by bit. */
static uint64_t root_of(uint64_t n)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    return root;
}

static int divide(uint64_t n)
{
    uint64_t root = root_of(n);
    unsigned pairs = 0;

    if (n < 4)
        return n >= 2 ? PRIME : NOT_PRIME;
    if (n % 2 == 0 || n % 3 == 0)
        return NOT_PRIME;
    for (uint64_t d = 5; d <= root; d += 6) {
        if (n % d == 0 || n % (d + 2) == 0)
            return NOT_PRIME;
        if (++pairs % STRIDE == 0 && must_stop())
            return GAVE_UP;
    }
    return PRIME;
}

int primality_work(void *data, size_t size)
{
    struct primality *primality = data;
    int64_t begin = sley_now();
    int answer = divide(primality->number);

    (void)size;
    primality->took = sley_now() - begin;
    return answer;
}
