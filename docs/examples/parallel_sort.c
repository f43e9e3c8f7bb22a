/*
 * parallel_sort.c: quicksort on all cores. Each call forks one part of its range and goes on with
 * the other, however small they are: a fork costs next to nothing unless somebody has time for it.
 *
 * prints: 1000000 numbers sorted
 */
#include <stdio.h>
#include <sley/sley.h>

enum { COUNT = 1000000 };
static unsigned numbers[COUNT];

struct range {
    unsigned *first;
    size_t count;
};

static size_t partition(unsigned *a, size_t count)
{
    unsigned pivot = a[0];
    size_t middle = 0; /* where the pivot is; what is before it is smaller */
    for (size_t i = 1; i < count; i++)
        if (a[i] < pivot) {
            a[middle++] = a[i];
            a[i] = a[middle];
            a[middle] = pivot;
        }
    return middle;
}

static int sort(struct sley_fork *f, struct range range);
SLEY_FORKABLE(int, sort, struct range)

static int sort(struct sley_fork *f, struct range range)
{
    if (range.count < 2)
        return 0;
    size_t middle = partition(range.first, range.count);
    SLEY_FORK(sort, left, f, ((struct range){range.first, middle}));
    sort(f, (struct range){range.first + middle + 1, range.count - middle - 1});
    return SLEY_JOIN(sort, left, f);
}

static int app(void *unused __attribute__((unused)))
{
    for (unsigned i = 0; i < COUNT; i++)
        numbers[i] = i * 2654435761u;
    SLEY_FORKS(f)
    sort(f, (struct range){numbers, COUNT});
    for (unsigned i = 1; i < COUNT; i++)
        if (numbers[i - 1] > numbers[i])
            return 1;
    printf("%d numbers sorted\n", COUNT);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
