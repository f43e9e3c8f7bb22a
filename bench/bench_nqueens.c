/*
 * bench_nqueens.c: the 13 queens, every safe place of every row a forked call.
 *
 * How divide and conquer is taught: copy the board, put a queen, go on, add up. No cut-off: the
 * last rows are forked like the first. 4,674,889 boards, each tested against the queens before it,
 * so there is some work per fork, and the subtrees are of very different sizes.
 *
 * ratio_to_c is against the same function with a plain call in the place of the fork.
 */
#include <string.h>

#include <sley/fork.h>

#include "harness.h"

enum { MOST = 13 };

struct board {
    int size, row;
    signed char queen[MOST + 1]; /* column, by row */
};

struct work {
    int size;
    double plain_ns, ns;
    long plain, forked;
};

static bool is_safe(const struct board *board, int column)
{
    for (int row = 0; row < board->row; row++) {
        int apart = board->queen[row] - column, rows = board->row - row;
        if (apart == 0 || apart == rows || apart == -rows)
            return false;
    }
    return true;
}

static struct board put(const struct board *board, int column)
{
    struct board next = *board;
    next.queen[next.row++] = (signed char)column;
    return next;
}

static __attribute__((noinline)) long plain_queens(struct board board)
{
    long sum = 0;
    if (board.row == board.size)
        return 1;
    for (int column = 0; column < board.size; column++)
        if (is_safe(&board, column))
            sum += plain_queens(put(&board, column));
    return sum;
}

static long queens(struct sley_fork *f, struct board board);
SLEY_FORKABLE(long, queens, struct board)

static long queens(struct sley_fork *f, struct board board)
{
    struct queens_fork calls[MOST];
    int forked = 0;
    long sum = 0;
    if (board.row == board.size)
        return 1;
    for (int column = 0; column < board.size; column++)
        if (is_safe(&board, column))
            queens_fork(&f, &calls[forked++], put(&board, column));
    while (forked > 0)
        sum += queens_join(&f, &calls[--forked]);
    return sum;
}

static int parent(void *arg)
{
    struct work *work = arg;
    struct board empty = {.size = work->size};
    int64_t begin = sley_now(), between;
    work->plain = plain_queens(empty);
    between = sley_now();
    SLEY_FORKS(f)
    {
        work->forked = queens(f, empty);
    }
    work->ns = (double)(sley_now() - between);
    work->plain_ns = (double)(between - begin);
    return 0;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.size = setup->quick ? 10 : MOST};
    int status = bench_on_tasks(setup, parent, &work);
    if (status != 0)
        return status;
    if (work.forked != work.plain || work.forked != (setup->quick ? 724 : 73712))
        return bench_error("%ld solutions", work.forked);
    values[0] = work.ns / 1e6;
    values[1] = work.ns / work.plain_ns;
    return 0;
}

const struct bench bench_nqueens = {
    .name = "nqueens",
    .why = "13 queens, a forked call for each board, no cut-off: whether one can divide without "
           "thinking of the cost",
    .cases = {{.run = run, .metrics = {{"ms", "ms"}, {"ratio_to_c", "1"}}}},
};
