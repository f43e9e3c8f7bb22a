/*
 * compute.h: what the rows nqueens, uts, parallel_for and sort compute, for the peers in C and
 * C++: that of bench/bench_nqueens.c and the others, once more as peer.c says why.
 *
 * In a header, so that each peer's compiler may inline it as ours may: the ratio to the plain
 * function says what forking costs only if both were compiled alike.
 */
#ifndef PEERS_COMMON_COMPUTE_H
#define PEERS_COMMON_COMPUTE_H

#include <stdlib.h>
#include <string.h>

#include "peers/common/peer.h"

/* --- nqueens ---------------------------------------------------------------------------------- */

enum { PEER_QUEENS = 13 };

struct peer_board {
    int size, row;
    signed char queen[PEER_QUEENS + 1]; /* column, by row */
};

static inline bool peer_is_safe(const struct peer_board *board, int column)
{
    for (int row = 0; row < board->row; row++) {
        int apart = board->queen[row] - column, rows = board->row - row;
        if (apart == 0 || apart == rows || apart == -rows)
            return false;
    }
    return true;
}

static inline struct peer_board peer_put(const struct peer_board *board, int column)
{
    struct peer_board next = *board;
    next.queen[next.row++] = (signed char)column;
    return next;
}

static __attribute__((noinline)) long peer_plain_queens(struct peer_board board)
{
    long sum = 0;
    if (board.row == board.size)
        return 1;
    for (int column = 0; column < board.size; column++)
        if (peer_is_safe(&board, column))
            sum += peer_plain_queens(peer_put(&board, column));
    return sum;
}

/* The row, with `queens` for the forked function; called where that one may fork. */
static inline void peer_run_queens(const struct peer_setup *setup,
                                   long (*queens)(struct peer_board board))
{
    struct peer_board empty = {0, 0, {0}};
    int64_t begin, between, end;
    long plain, forked;
    empty.size = setup->quick ? 10 : PEER_QUEENS;
    begin = peer_now();
    plain = peer_plain_queens(empty);
    between = peer_now();
    forked = queens(empty);
    end = peer_now();
    peer_metric("ms", (double)(end - between) / 1e6);
    peer_metric("ratio_to_c", (double)(end - between) / (double)(between - begin));
    peer_check(forked == plain ? forked : -1);
}

/* --- uts -------------------------------------------------------------------------------------- */

enum { PEER_ROUNDS = 8, PEER_CHILDREN = 100, PEER_ROOT = 2 };

struct peer_node {
    uint64_t state;
    int depth; /* levels below */
};

static inline uint64_t peer_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline struct peer_node peer_child(uint64_t parent, int depth, int child)
{
    struct peer_node node = {parent + (uint64_t)child, depth};
    for (int i = 0; i < PEER_ROUNDS; i++) {
        peer_random(&node.state);
        node.state ^= node.state >> 27;
    }
    node.state = peer_random(&node.state);
    return node;
}

static inline int peer_children_of(struct peer_node node)
{
    uint64_t state = node.state;
    int count = 0;
    if (node.depth == 0)
        return 0;
    while (count < PEER_CHILDREN && peer_random(&state) % 5 != 0)
        count++;
    return count;
}

static __attribute__((noinline)) long peer_plain_count(struct peer_node node)
{
    int children = peer_children_of(node);
    long sum = 1;
    for (int i = 0; i < children; i++)
        sum += peer_plain_count(peer_child(node.state, node.depth - 1, i));
    return sum;
}

/* The row, likewise. */
static inline void peer_run_uts(const struct peer_setup *setup,
                                long (*count)(struct peer_node node))
{
    struct peer_node root = peer_child(PEER_ROOT, setup->quick ? 7 : 10, 0);
    int64_t begin = peer_now(), between, end;
    long plain = peer_plain_count(root), forked;
    between = peer_now();
    forked = count(root);
    end = peer_now();
    peer_metric("ns_per_node", (double)(end - between) / (double)forked);
    peer_metric("ratio_to_c", (double)(end - between) / (double)(between - begin));
    peer_check(forked == plain ? forked : -1);
}

/* --- parallel_for ----------------------------------------------------------------------------- */

enum { PEER_STEPS = 100 };

struct peer_loop {
    void (*body)(struct peer_loop *loop, size_t begin, size_t end);
    size_t size;
    double *a, *b, *c;
};

static inline void peer_triad(struct peer_loop *loop, size_t begin, size_t end)
{
    double *__restrict a = loop->a;
    const double *b = loop->b, *c = loop->c;
    for (size_t i = begin; i < end; i++)
        a[i] = b[i] + 3 * c[i];
}

static inline void peer_recur(struct peer_loop *loop, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        double x = loop->b[i];
        for (int step = 0; step < PEER_STEPS; step++)
            x = x * 0.5 + 1.0;
        loop->a[i] = x;
    }
}

/* How many of `a` are as they must be; zeroes them. */
static inline int64_t peer_take(struct peer_loop *loop, double expected)
{
    int64_t right = 0;
    for (size_t i = 0; i < loop->size; i++) {
        right += loop->a[i] > expected - 1e-9 && loop->a[i] < expected + 1e-9;
        loop->a[i] = 0;
    }
    return right;
}

/* One kind of loop; how many results were right. */
static inline int64_t peer_run_loop(struct peer_loop *loop, double expected, const char *name,
                                    const char *ratio, void (*all)(struct peer_loop *loop))
{
    int64_t begin, plain, ns, right;
    loop->a = (double *)peer_alloc(loop->size, sizeof(double));
    loop->b = (double *)peer_alloc(loop->size, sizeof(double));
    loop->c = (double *)peer_alloc(loop->size, sizeof(double));
    for (size_t i = 0; i < loop->size; i++)
        loop->b[i] = loop->c[i] = 1;
    begin = peer_now();
    loop->body(loop, 0, loop->size);
    plain = peer_now() - begin;
    if (peer_take(loop, expected) != (int64_t)loop->size)
        peer_fail("the plain loop is wrong");
    begin = peer_now();
    all(loop);
    ns = peer_now() - begin;
    right = peer_take(loop, expected);
    free(loop->a);
    free(loop->b);
    free(loop->c);
    peer_metric(name, (double)ns / (double)loop->size);
    peer_metric(ratio, (double)ns / (double)plain);
    return right;
}

/* The row: `all` does the loop's body for all its indexes. */
static inline void peer_run_parallel_for(const struct peer_setup *setup,
                                         void (*all)(struct peer_loop *loop))
{
    struct peer_loop memory = {peer_triad, (size_t)(setup->quick ? 2 : 16) << 20, NULL, NULL, NULL};
    struct peer_loop compute = {peer_recur, setup->quick ? 100000u : 2000000u, NULL, NULL, NULL};
    int64_t right = peer_run_loop(&memory, 4, "ns_per_item_memory", "ratio_memory", all);
    peer_check(right + peer_run_loop(&compute, 2, "ns_per_item_compute", "ratio_compute", all));
}

/* --- sort ------------------------------------------------------------------------------------- */

enum { PEER_SMALL = 32 };

struct peer_part {
    uint32_t *first;
    size_t count;
};

static inline void peer_insert(struct peer_part part)
{
    uint32_t *a = part.first;
    for (size_t i = 1; i < part.count; i++) {
        uint32_t value = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1] > value; j--)
            a[j] = a[j - 1];
        a[j] = value;
    }
}

static inline uint32_t peer_middle_of(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static inline size_t peer_partition(uint32_t *a, size_t count)
{
    uint32_t pivot = peer_middle_of(a[0], a[count / 2], a[count - 1]), was;
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

/* Partitions; the smaller part, and in *larger the other one. */
static inline struct peer_part peer_divide(struct peer_part part, struct peer_part *larger)
{
    size_t before = peer_partition(part.first, part.count);
    struct peer_part left = {part.first, before};
    struct peer_part right = {part.first + before, part.count - before};
    bool leftwards = left.count < right.count;
    *larger = leftwards ? right : left;
    return leftwards ? left : right;
}

static __attribute__((noinline)) void peer_plain_sort(struct peer_part part)
{
    struct peer_part larger;
    if (part.count <= PEER_SMALL) {
        peer_insert(part);
        return;
    }
    peer_plain_sort(peer_divide(part, &larger));
    peer_plain_sort(larger);
}

static inline struct peer_part peer_numbers(size_t count)
{
    struct peer_part part = {(uint32_t *)peer_alloc(count, sizeof(uint32_t)), count};
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++)
        part.first[i] = (uint32_t)peer_random(&state);
    return part;
}

/* The row, likewise; the check is how many numbers are where they belong. */
static inline void peer_run_sort(const struct peer_setup *setup,
                                 void (*sort)(struct peer_part part))
{
    size_t count = setup->quick ? 500000 : 10000000, right = 1;
    struct peer_part plain = peer_numbers(count), forked = peer_numbers(count);
    int64_t begin = peer_now(), between, end;
    peer_plain_sort(plain);
    between = peer_now();
    sort(forked);
    end = peer_now();
    for (size_t i = 1; i < count; i++)
        right += forked.first[i - 1] <= forked.first[i];
    if (memcmp(plain.first, forked.first, count * sizeof(uint32_t)) != 0)
        right = 0;
    free(plain.first);
    free(forked.first);
    peer_metric("ms", (double)(end - between) / 1e6);
    peer_metric("ratio_to_c", (double)(end - between) / (double)(between - begin));
    peer_check((int64_t)right);
}

#endif
