/*
 * load.c: what a request is.
 *
 * Computing is a loop of multiplications, with a look at the thread's processor time now and then:
 * often enough to stop within a few microseconds, seldom enough that the looks, which are system
 * calls, are a small part of it. The length of a stretch adapts to what is left, by the speed that
 * the first one had.
 */
#include <time.h>

#include "cpu_io/cpu_io.h"
#include "harness.h"

enum { STRETCH = 512 }; /* rounds of the loop between two looks at first: about a microsecond */

int64_t cpu_io_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t thread_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cpu_io_wait(const struct cpu_io_load *load, size_t index)
{
    uint64_t state = index;
    double fraction = (double)(bench_random(&state) >> 11) / (double)(UINT64_C(1) << 53);
    return (int64_t)((double)load->io * (0.5 + fraction));
}

static uint64_t multiply(uint64_t value, int64_t rounds)
{
    for (int64_t i = 0; i < rounds; i++)
        value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return value;
}

void cpu_io_compute(int64_t cpu)
{
    volatile uint64_t sink = 1;
    int64_t rounds = STRETCH, begin, spent = 0, before;

    if (cpu <= 0)
        return;
    begin = thread_time();
    while (spent < cpu) {
        before = spent;
        sink = multiply(sink, rounds);
        spent = thread_time() - begin;
        int64_t took = spent - before > 0 ? spent - before : 1;
        int64_t left = cpu - spent;
        /* half of what is left, at this stretch's speed, but no more than four times this one */
        int64_t next = rounds * (left / 2) / took;
        rounds = next < STRETCH / 4 ? STRETCH / 4 : next > 4 * rounds ? 4 * rounds : next;
    }
}
