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
 * skynet  A task_group per node, as its fork-join programs are written.
 * wake    task::suspend(), and task::resume() from the foreign thread: made for this, a task that
 *         goes on when something outside has come.
 *
 * Not offered: switch, as suspending gives a task to somebody who resumes it and is no yield;
 * memory, as each suspended task keeps a whole stack of a thread; timer, as there are no timers.
 */
#include <cstdint>
#include <vector>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

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
    in_arena(setup->workers, [] {
        std::int64_t begin = peer_now(), sum = visit(0, PEER_SKYNET_LEAVES);
        peer_metric("ms", static_cast<double>(peer_now() - begin) / 1e6);
        peer_check(sum);
    });
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
    {"skynet", run_skynet, nullptr},
    {"memory", nullptr, "a task that waits keeps a thread's whole stack"},
    {"timer", nullptr, "there are no timers"},
    {"wake", run_wake, nullptr},
    {nullptr, nullptr, nullptr},
};

} // namespace

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "onetbb", rows);
}
