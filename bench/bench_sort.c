/*
 * bench_sort.c: quicksort of ten million numbers.
 *
 * Each step forks the smaller part, down to parts of 32, which are sorted by insertion. The first
 * partition goes over all numbers and nobody can help: with many workers that is what limits a
 * quicksort, with two it costs some percent. ratio_to_c is against the same function with plain
 * calls, on the same numbers.
 */
#include <stdlib.h>
#include <string.h>

#include <sley/fork.h>

#include "harness.h"

enum { SMALL = 32 };

struct part {
    uint32_t *first;
    size_t count;
};

struct work {
    struct part plain, forked;
    double plain_ns, ns;
};

static void insert(uint32_t *a, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t value = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1] > value; j--)
            a[j] = a[j - 1];
        a[j] = value;
    }
}

static uint32_t middle_of(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Hoare's: what is not above the pivot before what is not below; how many are before. */
static size_t partition(uint32_t *a, size_t count)
{
    uint32_t pivot = middle_of(a[0], a[count / 2], a[count - 1]), was;
    size_t i = 0, j = count - 1;
    for (;; i++, j--) {
        while (a[i] < pivot)
            i++;
        while (a[j] > pivot)
            j--;
        if (i >= j)
            return j + 1 < count ? j + 1 : count - 1;
        was = a[i];
        a[i] = a[j];
        a[j] = was;
    }
}

static struct part smaller(struct part part, size_t before, struct part *larger)
{
    struct part left = {part.first, before}, right = {part.first + before, part.count - before};
    bool leftwards = left.count < right.count;
    *larger = leftwards ? right : left;
    return leftwards ? left : right;
}

static __attribute__((noinline)) void plain_sort(struct part part)
{
    struct part larger;
    if (part.count <= SMALL) {
        insert(part.first, part.count);
        return;
    }
    plain_sort(smaller(part, partition(part.first, part.count), &larger));
    plain_sort(larger);
}

static int sort(struct sley_fork *f, struct part part);
SLEY_FORKABLE(int, sort, struct part)

static int sort(struct sley_fork *f, struct part part)
{
    struct part larger;
    if (part.count <= SMALL) {
        insert(part.first, part.count);
        return 0;
    }
    SLEY_FORK(sort, other, f, smaller(part, partition(part.first, part.count), &larger));
    sort(f, larger);
    return SLEY_JOIN(sort, other, f);
}

static int parent(void *arg)
{
    struct work *work = arg;
    int64_t begin = sley_now(), between;
    plain_sort(work->plain);
    between = sley_now();
    SLEY_FORKS(f)
    {
        sort(f, work->forked);
    }
    work->ns = (double)(sley_now() - between);
    work->plain_ns = (double)(between - begin);
    return 0;
}

static struct part numbers(size_t count)
{
    struct part part = {bench_alloc(count, sizeof(uint32_t)), count};
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++)
        part.first[i] = (uint32_t)bench_random(&state);
    return part;
}

static int check(const struct work *work)
{
    size_t bytes = work->plain.count * sizeof(uint32_t);
    for (size_t i = 1; i < work->plain.count; i++)
        if (work->plain.first[i - 1] > work->plain.first[i])
            return bench_error("the plain sort has not sorted");
    if (memcmp(work->plain.first, work->forked.first, bytes) != 0)
        return bench_error("the sort has not sorted");
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    size_t count = bench_size(setup, 500000, 10000000);
    struct work work = {.plain = numbers(count), .forked = numbers(count)};
    int status = bench_on_tasks(setup, parent, &work);
    if (status == 0)
        status = check(&work);
    free(work.plain.first);
    free(work.forked.first);
    values[0] = work.ns / 1e6;
    values[1] = work.ns / work.plain_ns;
    return status;
}

const struct bench bench_sort = {
    .name = "sort",
    .why = "quicksort of 10,000,000 numbers, the smaller part of each step forked: divide and "
           "conquer with data that has to move",
    .size = {"numbers", 1, 100000000, 8},
    .cases = {{.run = run,
               .metrics = {{"ms", "ms"}, {"ratio_to_c", "1"}},
               .sized = true,
               .memory = BENCH_MIB(80),
               .memory_quick = BENCH_MIB(4)}},
};
