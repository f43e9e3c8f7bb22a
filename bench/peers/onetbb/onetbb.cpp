/*
 * onetbb.cpp: oneTBB, work stealing without stacks.
 *
 * The fastest of what is packaged where tasks only compute: a task is a function object, run on the
 * stack of the thread that took it, and a parent that waits runs its children there. So a task
 * costs a fraction of one with a stack, and a task that blocks blocks its thread. A reader who
 * compares should know that these tasks can do less than ours.
 *
 * An arena of N slots for --workers N, one of them for the main thread, and as many threads at
 * most; the threads are not pinned, as usual. Tasks come from the library's own allocator.
 *
 * spawn   A task_group: run() and wait(), the results in an array. There are no join handles: one
 *         waits for the group. Nobody who knows TBB would start a task per empty item, they write
 *         parallel_for, which makes a task of a thousand items; but that is another piece of work
 *         than the row's, where each item is one.
 * scope   A task_group per scope.
 * skynet  A task_group per node, as its fork-join programs are written.
 *
 * fork    A task_group per node: one call is run(), the other one made at once, as its own example
 *         of fib does, without a cut-off below which it would not fork.
 *
 * nqueens, uts  A task_group per node with a run() for each safe place and for each child; no
 *         cut-off either, as in the rows.
 *
 * parallel_for  parallel_for over a blocked_range; its partitioner chooses the grain.
 *
 * sort    A task_group per step, run() for the smaller part.
 *
 * wake    task::suspend(), and task::resume() from the foreign thread: made for this, a task that
 *         goes on when something outside has come.
 *
 * Not offered: switch, as suspending gives a task to somebody who resumes it and is no yield;
 * memory and cancel, as each suspended task keeps a whole stack of a thread; timer, as there are no
 * timers.
 */
#include <atomic>
#include <cstdint>
#include <vector>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "peers/common/compute.h"
#include "peers/common/peer.h"

namespace
{

/* Calls parent() in a slot of an arena with as many as there are workers. */
template <class Parent> void in_arena(unsigned workers, Parent &&parent)
{
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
    tbb::task_arena arena(static_cast<int>(workers));
    arena.execute(parent);
}

double spawn(const peer_setup *setup, std::size_t batches, std::size_t batch, std::int64_t *sum)
{
    std::vector<std::int32_t> results(batch);
    double ns = 0;
    in_arena(setup->workers, [&] {
        tbb::task_group tasks;
        std::int64_t begin = peer_now();
        for (std::size_t i = 0; i < batches; i++) {
            for (std::int32_t &result : results)
                tasks.run([&result] { result = 1; });
            tasks.wait();
            for (std::int32_t &result : results) {
                *sum += result;
                result = 0;
            }
        }
        ns = static_cast<double>(peer_now() - begin) / static_cast<double>(batches * batch);
    });
    return ns;
}

void run_spawn(const peer_setup *setup)
{
    peer_run_spawn(setup, spawn);
}

void run_scope(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] {
        std::atomic<std::int64_t> ran{0};
        std::int64_t begin = peer_now();
        for (std::size_t i = 0; i < setup->scopes; i++) {
            tbb::task_group scope;
            for (int k = 0; k < PEER_SCOPE_CHILDREN; k++)
                scope.run([&ran] { ++ran; });
            scope.wait();
        }
        peer_metric("ns_per_child", static_cast<double>(peer_now() - begin) /
                                        static_cast<double>(setup->scopes * PEER_SCOPE_CHILDREN));
        peer_check(ran);
    });
}

std::int64_t visit(std::int64_t first, std::int64_t size)
{
    if (size == 1)
        return first;
    std::int64_t sums[PEER_SKYNET_CHILDREN], sum = 0;
    tbb::task_group children;
    size /= PEER_SKYNET_CHILDREN;
    for (int i = 0; i < PEER_SKYNET_CHILDREN; i++)
        children.run([&sums, i, first, size] { sums[i] = visit(first + i * size, size); });
    children.wait();
    for (std::int64_t part : sums)
        sum += part;
    return sum;
}

void run_skynet(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] {
        std::int64_t begin = peer_now();
        std::int64_t sum = visit(0, static_cast<std::int64_t>(setup->leaves));
        peer_metric("ms", static_cast<double>(peer_now() - begin) / 1e6);
        peer_check(sum);
    });
}

__attribute__((noinline)) long plain_fib(long n)
{
    return n < 2 ? n : plain_fib(n - 1) + plain_fib(n - 2);
}

long fib(long n)
{
    if (n < 2)
        return n;
    long left, right;
    tbb::task_group calls;
    calls.run([&left, n] { left = fib(n - 1); });
    right = fib(n - 2);
    calls.wait();
    return left + right;
}

void run_fork(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] {
        long n = setup->quick ? 30 : 37;
        std::int64_t begin = peer_now(), between;
        long plain = plain_fib(n);
        between = peer_now();
        long forked = fib(n);
        peer_fork_metrics(n, between - begin, peer_now() - between);
        peer_check(forked == plain ? forked : -1);
    });
}

long queens(peer_board board)
{
    if (board.row == board.size)
        return 1;
    long found[PEER_QUEENS], sum = 0;
    int count = 0;
    tbb::task_group calls;
    for (int column = 0; column < board.size; column++) {
        if (!peer_is_safe(&board, column))
            continue;
        long *result = &found[count++];
        calls.run([result, next = peer_put(&board, column)] { *result = queens(next); });
    }
    calls.wait();
    for (int i = 0; i < count; i++)
        sum += found[i];
    return sum;
}

void run_queens(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] { peer_run_queens(setup, queens); });
}

long count(peer_node node)
{
    int children = peer_children_of(node);
    if (children == 0)
        return 1;
    long below[PEER_CHILDREN], sum = 1;
    tbb::task_group calls;
    for (int i = 0; i < children; i++) {
        long *result = &below[i];
        calls.run([result, child = peer_child(node.state, node.depth - 1, i)] {
            *result = count(child);
        });
    }
    calls.wait();
    for (int i = 0; i < children; i++)
        sum += below[i];
    return sum;
}

void run_uts(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] { peer_run_uts(setup, count); });
}

void loop_over(peer_loop *loop)
{
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, loop->size),
                      [loop](const tbb::blocked_range<std::size_t> &range) {
                          loop->body(loop, range.begin(), range.end());
                      });
}

void run_parallel_for(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] { peer_run_parallel_for(setup, loop_over); });
}

void sort(peer_part part)
{
    if (part.count <= PEER_SMALL) {
        peer_insert(part);
        return;
    }
    peer_part larger, smaller = peer_divide(part, &larger);
    tbb::task_group calls;
    calls.run([smaller] { sort(smaller); });
    sort(larger);
    calls.wait();
}

void run_sort(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] { peer_run_sort(setup, sort); });
}

/* Waker thread. */
void resume(void *arg)
{
    tbb::task::resume(*static_cast<tbb::task::suspend_point *>(arg));
}

void run_wake(const peer_setup *setup)
{
    in_arena(setup->workers, [setup] {
        tbb::task::suspend_point sleeper;
        tbb::task_group tasks;
        peer_wake_start(setup, resume, &sleeper);
        tasks.run_and_wait([&] {
            for (std::size_t i = 0; i < setup->samples; i++) {
                tbb::task::suspend([&](tbb::task::suspend_point point) {
                    sleeper = point;
                    peer_wake_sleeping();
                });
                peer_wake_woken();
            }
        });
        peer_wake_finish();
    });
}

const peer_row rows[] = {
    {"switch", nullptr, "a task does not yield; it runs to its end or is suspended"},
    {"spawn", run_spawn, nullptr},
    {"scope", run_scope, nullptr},
    {"cancel", nullptr, "a task that waits keeps a thread's whole stack"},
    {"skynet", run_skynet, nullptr},
    {"memory", nullptr, "a task that waits keeps a thread's whole stack"},
    {"timer", nullptr, "there are no timers"},
    {"wake", run_wake, nullptr},
    {"fork", run_fork, nullptr},
    {"nqueens", run_queens, nullptr},
    {"uts", run_uts, nullptr},
    {"parallel_for", run_parallel_for, nullptr},
    {"sort", run_sort, nullptr},
    {nullptr, nullptr, nullptr},
};

} // namespace

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "onetbb", rows);
}
