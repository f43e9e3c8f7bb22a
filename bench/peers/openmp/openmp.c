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
 * Not offered: switch, as taskyield does nothing in libgomp; memory, timer and wake, as a task that
 * waits holds its thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        int64_t begin = peer_now(), sum = visit(0, PEER_SKYNET_LEAVES);
        peer_metric("ms", (double)(peer_now() - begin) / 1e6);
        peer_check(sum);
    }
}

static const struct peer_row rows[] = {
    {.name = "switch", .why = "libgomp's taskyield does nothing"},
    {.name = "spawn", .run = run_spawn},
    {.name = "skynet", .run = run_skynet},
    {.name = "memory", .why = "a task that waits holds its thread"},
    {.name = "timer", .why = "a task that sleeps holds its thread"},
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
