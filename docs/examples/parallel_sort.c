/*
 * parallel_sort.c: quicksort on all cores. Each call forks the smaller part of its range and goes
 * on with the other; nothing says from which size on that pays, because a fork costs nothing to
 * speak of unless somebody has time for it.
 *
 * prints: 1000000 numbers sorted
 */
#include <stdio.h>
#include <stdlib.h>
#include <sley/sley.h>

struct range {
    unsigned *first;
    size_t count;
};

static void swap(unsigned *a, unsigned *b)
{
    unsigned was = *a;
    *a = *b;
    *b = was;
}

/* Moves what is smaller than a number in the middle before it; where that one is then. */
static size_t partition(unsigned *a, size_t count)
{
    size_t smaller = 0;
    swap(&a[count / 2], &a[count - 1]);
    for (size_t i = 0; i < count - 1; i++)
        if (a[i] < a[count - 1])
            swap(&a[i], &a[smaller++]);
    swap(&a[smaller], &a[count - 1]);
    return smaller;
}

static int sort(struct sley_fork *f, struct range range);
SLEY_FORKABLE(int, sort, struct range)

static int sort(struct sley_fork *f, struct range range)
{
    if (range.count < 2)
        return 0;
    size_t middle = partition(range.first, range.count);
    struct range left = {range.first, middle};
    struct range right = {range.first + middle + 1, range.count - middle - 1};
    SLEY_FORK(sort, forked, f, left.count < right.count ? left : right);
    sort(f, left.count < right.count ? right : left);
    return SLEY_JOIN(sort, forked, f);
}

static int app(void *unused)
{
    size_t count = 1000000, i;
    unsigned *numbers = malloc(count * sizeof *numbers);
    (void)unused;
    if (!numbers)
        return 1;
    for (i = 0; i < count; i++)
        numbers[i] = (unsigned)i * 2654435761u;
    SLEY_FORKS(f)
    {
        sort(f, (struct range){numbers, count});
    }
    for (i = 1; i < count && numbers[i - 1] <= numbers[i]; i++)
        continue;
    printf("%zu numbers sorted\n", i);
    free(numbers);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
