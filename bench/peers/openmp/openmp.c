/*
 * openmp.c: OpenMP tasks, as gcc and its libgomp do them.
 *
 * One parallel region of N threads; a single one of them is the parent, the others take tasks. The
 * threads are bound to cores (OMP_PROC_BIND, OMP_PLACES), as is usual for programs that compute;
 * how long a thread spins before it sleeps is left as it comes.
 *
 * Tasks have no stacks, and a parent that waits runs others meanwhile. All of them are in one queue
 * of the team under one lock: cheap with one thread, dear with two. What a reader should know: when
 * 64 tasks per thread are waiting, libgomp does not queue another but runs it at once, as a
 * function call. So "a million at once" are never there at once, and much of `spawn` and skynet is
 * calls; that is how it was meant, and the results are the same.
 *
 * spawn   A task per item, which writes into an array; taskwait. There are no join handles, one
 *         waits for all children. (For items like these one would write taskloop, which makes a
 * task of many items; but the row is about a task per item.) skynet  Tasks and a taskwait in each
 * node.
 *
 * scope   A taskgroup.
 *
 * fork    A task for one of the two calls, and taskwait; no `final` or `if`, which cut off.
 *
 * nqueens, uts  A task for each safe place and for each child, its result in an array of the
 *         parent's, taskwait; no cut-off either, as in the rows.
 *
 * parallel_for  `parallel for` with the schedule that it has by itself: a part for each thread.
 *
 * sort    A task for the smaller part, taskwait.
 *
 * Not offered: switch, as taskyield does nothing in libgomp; memory, timer, wake and cancel, as a
 * task that waits holds its thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peers/common/compute.h"
#include "peers/common/peer.h"

/* Spawns a task for each of the results and waits for all. Parent thread. */
static void run_batch(int *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int *result = &results[i];
#pragma omp task firstprivate(result)
        *result = 1;
    }
#pragma omp taskwait
}

/* The sum, and zeroes again. */
static int64_t take(int *results, size_t count)
{
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += results[i];
        results[i] = 0;
    }
    return sum;
}

static double spawn(const struct peer_setup *setup, size_t batches, size_t batch, int64_t *sum)
{
    int *results = peer_alloc(batch, sizeof *results);
    double ns = 0;
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    {
        int64_t begin = peer_now();
        for (size_t i = 0; i < batches; i++) {
            run_batch(results, batch);
            *sum += take(results, batch);
        }
        ns = (double)(peer_now() - begin) / (double)(batches * batch);
    }
    free(results);
    return ns;
}

static void run_spawn(const struct peer_setup *setup)
{
    peer_run_spawn(setup, spawn);
}

static void run_scope(const struct peer_setup *setup)
{
    int64_t ran = 0;
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    {
        int64_t begin = peer_now();
        for (size_t i = 0; i < setup->scopes; i++) {
#pragma omp taskgroup
            for (int k = 0; k < PEER_SCOPE_CHILDREN; k++) {
#pragma omp task shared(ran)
#pragma omp atomic
                ran++;
            }
        }
        peer_metric("ns_per_child",
                    (double)(peer_now() - begin) / (double)(setup->scopes * PEER_SCOPE_CHILDREN));
    }
    peer_check(ran);
}

static int64_t visit(int64_t first, int64_t size)
{
    int64_t sums[PEER_SKYNET_CHILDREN], sum = 0;
    if (size == 1)
        return first;
    size /= PEER_SKYNET_CHILDREN;
    for (int i = 0; i < PEER_SKYNET_CHILDREN; i++) {
#pragma omp task shared(sums) firstprivate(i)
        sums[i] = visit(first + i * size, size);
    }
#pragma omp taskwait
    for (int i = 0; i < PEER_SKYNET_CHILDREN; i++)
        sum += sums[i];
    return sum;
}

static void run_skynet(const struct peer_setup *setup)
{
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    {
        int64_t begin = peer_now(), sum = visit(0, (int64_t)setup->leaves);
        peer_metric("ms", (double)(peer_now() - begin) / 1e6);
        peer_check(sum);
    }
}

static __attribute__((noinline)) long plain_fib(long n)
{
    return n < 2 ? n : plain_fib(n - 1) + plain_fib(n - 2);
}

static long fib(long n)
{
    long left, right;
    if (n < 2)
        return n;
#pragma omp task shared(left) firstprivate(n)
    left = fib(n - 1);
    right = fib(n - 2);
#pragma omp taskwait
    return left + right;
}

static void run_fork(const struct peer_setup *setup)
{
    long n = setup->quick ? 30 : 37;
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    {
        int64_t begin = peer_now(), between;
        long plain = plain_fib(n), forked;
        between = peer_now();
        forked = fib(n);
        peer_fork_metrics(n, between - begin, peer_now() - between);
        peer_check(forked == plain ? forked : -1);
    }
}

static long queens(struct peer_board board)
{
    long found[PEER_QUEENS], sum = 0;
    int count = 0;
    if (board.row == board.size)
        return 1;
    for (int column = 0; column < board.size; column++) {
        if (!peer_is_safe(&board, column))
            continue;
        struct peer_board next = peer_put(&board, column);
        long *result = &found[count++];
#pragma omp task firstprivate(next, result)
        *result = queens(next);
    }
#pragma omp taskwait
    for (int i = 0; i < count; i++)
        sum += found[i];
    return sum;
}

static void run_queens(const struct peer_setup *setup)
{
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    peer_run_queens(setup, queens);
}

static long count(struct peer_node node)
{
    long below[PEER_CHILDREN], sum = 1;
    int children = peer_children_of(node);
    for (int i = 0; i < children; i++) {
        struct peer_node child = peer_child(node.state, node.depth - 1, i);
        long *result = &below[i];
#pragma omp task firstprivate(child, result)
        *result = count(child);
    }
#pragma omp taskwait
    for (int i = 0; i < children; i++)
        sum += below[i];
    return sum;
}

static void run_uts(const struct peer_setup *setup)
{
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    peer_run_uts(setup, count);
}

static void loop_over(struct peer_loop *loop)
{
    size_t pieces = loop->size / 1000 + 1;
#pragma omp parallel for
    for (size_t i = 0; i < pieces; i++)
        loop->body(loop, i * loop->size / pieces, (i + 1) * loop->size / pieces);
}

/* The threads are started before: nobody starts them for one loop. */
static void run_parallel_for(const struct peer_setup *setup)
{
    omp_set_num_threads((int)setup->workers);
#pragma omp parallel
    peer_now();
    peer_run_parallel_for(setup, loop_over);
}

static void sort(struct peer_part part)
{
    struct peer_part larger, smaller;
    if (part.count <= PEER_SMALL) {
        peer_insert(part);
        return;
    }
    smaller = peer_divide(part, &larger);
#pragma omp task firstprivate(smaller)
    sort(smaller);
    sort(larger);
#pragma omp taskwait
}

static void run_sort(const struct peer_setup *setup)
{
#pragma omp parallel num_threads(setup->workers)
#pragma omp single
    peer_run_sort(setup, sort);
}

static const struct peer_row rows[] = {
    {.name = "switch", .why = "libgomp's taskyield does nothing"},
    {.name = "spawn", .run = run_spawn},
    {.name = "skynet", .run = run_skynet},
    {.name = "scope", .run = run_scope},
    {.name = "cancel", .why = "a task that waits holds its thread"},
    {.name = "memory", .why = "a task that waits holds its thread"},
    {.name = "timer", .why = "a task that sleeps holds its thread"},
    {.name = "fork", .run = run_fork},
    {.name = "nqueens", .run = run_queens},
    {.name = "uts", .run = run_uts},
    {.name = "parallel_for", .run = run_parallel_for},
    {.name = "sort", .run = run_sort},
    {.name = "wake", .why = "a task cannot wait for a thread outside"},
    {0},
};

/* libgomp reads its settings before main(), so they take effect in a second start of the program.
 * What the user has set stays. */
static void bind_threads(char **argv)
{
    if (getenv("OMP_PROC_BIND"))
        return;
    setenv("OMP_PROC_BIND", "close", 1);
    setenv("OMP_PLACES", "cores", 0);
    execv("/proc/self/exe", argv);
    peer_fail("cannot start again: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    bind_threads(argv);
    return peer_main(argc, argv, "openmp", rows);
}
