/*
 * boost_fiber.cpp: Boost.Fiber, stackful tasks as a C++ library.
 *
 * The nearest relative: fibers with stacks of their own, a scheduler that is chosen per thread, and
 * no language underneath. With one worker round_robin, its default, which knows no other thread and
 * takes no lock. With more, work_stealing with one thread per worker (the main thread is one of
 * them); shared_work has one queue under one mutex. The main thread's own fiber is the parent. The
 * threads are pinned, for which the library brings numa::pin_thread(): a sleeper that wakes up on
 * the waker's processor otherwise spins for a lock that the waker can then not release.
 *
 * work_stealing can look for work without pause or suspend a thread that has none. One that is
 * suspended is not told when others have something to steal, so the rows that are about throughput
 * do not suspend, which is the default; `timer` and `wake`, where waiting is the point and spinning
 * would be counted as CPU time, do.
 *
 * Stacks are of 64 KiB as ours are, without guard pages: protected_fixedsize_stack, which has them,
 * takes two mappings per stack and ends at some 32,000 fibers (vm.max_map_count). So a fiber here
 * overruns its stack silently; ours have the work of guarding theirs. They come from malloc
 * (fixedsize_stack, the library's default) with the heap's trimming off, or each free() of the
 * topmost stack would give it back to the system and the next fault it in again; where one thread
 * uses the same ones again and again (`spawn` in batches, one worker), from pooled_fixedsize_stack,
 * which is faster but for one thread only, and touches another page of each stack.
 *
 * A fiber's control block lies on its stack, and the handle keeps both: a stack can be used again
 * only when its fiber has been joined. So in `spawn` all at once all stacks are there at once too,
 * some 9 GiB; where the machine has not that much, the rows with 1,000,000 fibers decline.
 *
 * skynet  With one worker by launch::dispatch, which runs the child at once: round_robin is first
 *         in, first out, and with launch::post the whole tree would be there at once (four times as
 *         slow). work_stealing takes the newest first and is better off with post.
 * memory  All wait on one condition variable, which wakes them one by one in their order.
 * timer   this_fiber::sleep_until(): a red-black tree per thread.
 * wake    A foreign thread notifies a condition variable.
 * channel unbuffered_channel, and buffered_channel, whose capacity counts one slot that stays empty
 *         and must be a power of two: 128 keeps 127.
 * across  Two threads, each with a round_robin of its own and one fiber, for whose wake-ups a
 *         thread without ready fibers waits in a condition variable.
 * mutex   fibers::mutex.
 * scope   Ten fibers that are launched and joined: the library has no name for it. Stacks as in
 *         `spawn`.
 *
 * Not offered: select, semaphore. There are none in the library. Nor is there a cancel: a fiber
 * that waits can be stopped only by what it waits for. For generator, see the peer
 * boost-coroutine2.
 *
 * The library's spinlocks do not yield: on a machine that is busy with other things, a thread that
 * loses its processor with a lock in its hands leaves the next one spinning for a time slice. The
 * figures suffer from company more than those of the others do.
 */
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <boost/fiber/all.hpp>

#include "peers/common/peer.h"

namespace fibers = boost::fibers;
namespace this_fiber = boost::this_fiber;

namespace
{

constexpr std::size_t stack_size = 64 * 1024;
constexpr std::size_t bytes_per_fiber = 11 * 1024; /* that are touched, as measured, with reserve */

enum class idle { spins, sleeps };

/* Each thread, first of all. */
void join_scheduler(unsigned index, unsigned workers, idle how)
{
    peer_pin(peer_cpu_number(index));
    if (workers > 1)
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers, how == idle::sleeps);
}

/* Calls parent() on the main thread's fiber with `workers` threads that run fibers. */
template <class Parent> void on_fibers(unsigned workers, idle how, Parent &&parent)
{
    fibers::barrier end(workers);
    std::vector<std::thread> threads;
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
    for (unsigned i = 1; i < workers; i++)
        threads.emplace_back([&, i] {
            join_scheduler(i, workers, how);
            end.wait();
        });
    join_scheduler(0, workers, how);
    parent();
    end.wait();
    for (std::thread &thread : threads)
        thread.join();
}

template <class Stacks, class Function>
fibers::fiber launch(fibers::launch policy, Stacks &stacks, Function &&function)
{
    return fibers::fiber(policy, std::allocator_arg, stacks, std::forward<Function>(function));
}

void run_switch(const peer_setup *setup)
{
    unsigned count = 2 * setup->workers;
    std::vector<std::int64_t> made(count);
    on_fibers(setup->workers, idle::spins, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        std::vector<fibers::fiber> yielders;
        yielders.reserve(count);
        std::int64_t begin = peer_now();
        for (std::int64_t &yields : made)
            yielders.push_back(launch(fibers::launch::post, stacks, [setup, &yields] {
                std::size_t done = 0;
                for (; done < setup->yields; done++)
                    this_fiber::yield();
                yields = static_cast<std::int64_t>(done);
            }));
        for (fibers::fiber &yielder : yielders)
            yielder.join();
        peer_metric("ns_per_switch", static_cast<double>(peer_now() - begin) * setup->workers /
                                         static_cast<double>(count * setup->yields));
    });
    std::int64_t sum = 0;
    for (std::int64_t yields : made)
        sum += yields;
    peer_check(sum);
}

template <class Stacks>
double spawn_batches(Stacks stacks, std::size_t batches, std::size_t batch, std::int64_t *sum)
{
    std::vector<std::int32_t> results(batch);
    std::vector<fibers::fiber> tasks(batch);
    std::int64_t begin = peer_now();
    for (std::size_t i = 0; i < batches; i++) {
        for (std::size_t k = 0; k < batch; k++)
            tasks[k] =
                launch(fibers::launch::post, stacks, [result = &results[k]] { *result = 1; });
        for (std::size_t k = 0; k < batch; k++) {
            tasks[k].join();
            *sum += results[k];
            results[k] = 0;
        }
    }
    return static_cast<double>(peer_now() - begin) / static_cast<double>(batches * batch);
}

double spawn(const peer_setup *setup, std::size_t batches, std::size_t batch, std::int64_t *sum)
{
    peer_find_memory(batch * bytes_per_fiber);
    double ns = 0;
    on_fibers(setup->workers, idle::spins, [&] {
        if (setup->workers == 1 && batches > 1)
            ns = spawn_batches(fibers::pooled_fixedsize_stack(stack_size), batches, batch, sum);
        else
            ns = spawn_batches(fibers::fixedsize_stack(stack_size), batches, batch, sum);
    });
    return ns;
}

void run_spawn(const peer_setup *setup)
{
    peer_run_spawn(setup, spawn);
}

template <class Stacks> double open_scopes(Stacks stacks, std::size_t scopes, std::int64_t *ran)
{
    std::atomic<std::int64_t> counted{0};
    std::int64_t begin = peer_now();
    for (std::size_t i = 0; i < scopes; i++) {
        fibers::fiber children[PEER_SCOPE_CHILDREN];
        for (fibers::fiber &child : children)
            child = launch(fibers::launch::post, stacks, [&counted] { ++counted; });
        for (fibers::fiber &child : children)
            child.join();
    }
    *ran = counted;
    return static_cast<double>(peer_now() - begin) /
           static_cast<double>(scopes * PEER_SCOPE_CHILDREN);
}

void run_scope(const peer_setup *setup)
{
    double ns = 0;
    std::int64_t ran = 0;
    on_fibers(setup->workers, idle::spins, [&] {
        if (setup->workers == 1)
            ns = open_scopes(fibers::pooled_fixedsize_stack(stack_size), setup->scopes, &ran);
        else
            ns = open_scopes(fibers::fixedsize_stack(stack_size), setup->scopes, &ran);
    });
    peer_metric("ns_per_child", ns);
    peer_check(ran);
}

struct tree {
    fibers::launch policy;
    fibers::fixedsize_stack stacks;
};

std::int64_t visit(tree &tree, std::int64_t first, std::int64_t size)
{
    if (size == 1)
        return first;
    std::int64_t sums[PEER_SKYNET_CHILDREN], sum = 0;
    fibers::fiber children[PEER_SKYNET_CHILDREN];
    size /= PEER_SKYNET_CHILDREN;
    for (int i = 0; i < PEER_SKYNET_CHILDREN; i++)
        children[i] = launch(tree.policy, tree.stacks, [&tree, &sums, i, first, size] {
            sums[i] = visit(tree, first + i * size, size);
        });
    for (int i = 0; i < PEER_SKYNET_CHILDREN; i++) {
        children[i].join();
        sum += sums[i];
    }
    return sum;
}

void run_skynet(const peer_setup *setup)
{
    tree tree{setup->workers == 1 ? fibers::launch::dispatch : fibers::launch::post,
              fibers::fixedsize_stack(stack_size)};
    on_fibers(setup->workers, idle::spins, [&] {
        std::int64_t begin = peer_now();
        std::int64_t sum = visit(tree, 0, static_cast<std::int64_t>(setup->leaves));
        peer_metric("ms", static_cast<double>(peer_now() - begin) / 1e6);
        peer_check(sum);
    });
}

/* What waits can be let through one by one. Fibers and other threads. */
class gate
{
  public:
    /* A fiber: until it is its turn. */
    void wait()
    {
        std::unique_lock<fibers::mutex> lock(mutex);
        turn.wait(lock, [this] { return permits > 0; });
        permits--;
    }

    /* Anyone: lets one through, the one that has waited longest. */
    void open()
    {
        std::unique_lock<fibers::mutex> lock(mutex);
        permits++;
        lock.unlock();
        turn.notify_one();
    }

  private:
    fibers::mutex mutex;
    fibers::condition_variable turn;
    std::size_t permits = 0;
};

void run_memory(const peer_setup *setup)
{
    std::size_t count = setup->parked;
    double n = static_cast<double>(count);
    peer_find_memory(count * bytes_per_fiber);
    std::atomic<std::size_t> waiting{0}, woken{0};
    gate all_wait, turn;
    fibers::fiber *tasks = static_cast<fibers::fiber *>(peer_alloc(count, sizeof *tasks));
    on_fibers(setup->workers, idle::spins, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        std::int64_t before = peer_memory(), begin = peer_now();
        for (std::size_t i = 0; i < count; i++)
            new (&tasks[i]) fibers::fiber(launch(fibers::launch::post, stacks, [&] {
                if (++waiting == count)
                    all_wait.open();
                turn.wait();
                ++woken;
            }));
        all_wait.wait();
        double create = static_cast<double>(peer_now() - begin) / n;
        double bytes = static_cast<double>(peer_memory() - before) / n;
        begin = peer_now();
        for (std::size_t i = 0; i < count; i++)
            turn.open();
        for (std::size_t i = 0; i < count; i++)
            tasks[i].join();
        peer_metric("bytes_per_task", bytes);
        peer_metric("ns_to_create", create);
        peer_metric("ns_to_wake", static_cast<double>(peer_now() - begin) / n);
        peer_check(static_cast<std::int64_t>(woken));
    });
}

void run_timer(const peer_setup *setup)
{
    peer_find_memory(setup->sleeps * bytes_per_fiber);
    std::unique_ptr<std::int64_t, decltype(&std::free)> owner(peer_sleep_times(setup), std::free);
    std::int64_t *times = owner.get(); /* in: how long to sleep; out: how late it was */
    std::vector<fibers::fiber> tasks(setup->sleeps);
    std::int64_t cpu = 0;
    on_fibers(setup->workers, idle::sleeps, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        std::int64_t begin = peer_cpu();
        for (std::size_t i = 0; i < setup->sleeps; i++)
            tasks[i] = launch(fibers::launch::post, stacks, [time = &times[i]] {
                auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(*time);
                this_fiber::sleep_until(deadline);
                *time = (std::chrono::steady_clock::now() - deadline).count();
            });
        for (fibers::fiber &task : tasks)
            task.join();
        cpu = peer_cpu() - begin;
    });
    peer_report_sleeps(setup, times, cpu);
}

void open_gate(void *arg)
{
    static_cast<gate *>(arg)->open();
}

void run_wake(const peer_setup *setup)
{
    gate bell;
    on_fibers(setup->workers, idle::sleeps, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        peer_wake_start(setup, open_gate, &bell);
        launch(fibers::launch::post, stacks, [&] {
            for (std::size_t i = 0; i < setup->samples; i++) {
                peer_wake_sleeping();
                bell.wait();
                peer_wake_woken();
            }
        }).join();
        peer_wake_finish();
    });
}

template <class Channel>
double ask(Channel &there, Channel &back, std::size_t rounds, std::int64_t *done)
{
    std::int64_t begin = peer_now();
    for (std::uint64_t i = 0; i < rounds; i++) {
        there.push(i);
        *done += back.value_pop() == i;
    }
    return static_cast<double>(peer_now() - begin) / static_cast<double>(rounds);
}

template <class Channel> void answer(Channel &there, Channel &back, std::size_t rounds)
{
    for (std::size_t i = 0; i < rounds; i++)
        back.push(there.value_pop());
}

template <class Channel> void produce(Channel &line, std::size_t items)
{
    for (std::uint64_t i = 0; i < items; i++)
        line.push(i);
}

template <class Channel> double consume(Channel &line, std::size_t items, std::int64_t *done)
{
    std::int64_t begin = peer_now();
    for (std::uint64_t i = 0; i < items; i++)
        *done += line.value_pop() == i;
    return static_cast<double>(peer_now() - begin) / static_cast<double>(items);
}

using unbuffered = fibers::unbuffered_channel<std::uint64_t>;
using buffered = fibers::buffered_channel<std::uint64_t>;

/* `both(first, second)` runs the two at the same time and returns when both are done. */
template <class Both> void report_channel(std::size_t rounds, std::size_t items, Both &&both)
{
    unbuffered there, back;
    buffered line(PEER_BUFFER);
    double trip = 0, item = 0;
    std::int64_t done = 0;
    both([&] { answer(there, back, rounds); }, [&] { trip = ask(there, back, rounds, &done); });
    both([&] { produce(line, items); }, [&] { item = consume(line, items, &done); });
    peer_metric("ns_per_round_trip", trip);
    peer_metric("ns_per_item", item);
    peer_check(done);
}

void run_channel(const peer_setup *setup)
{
    on_fibers(setup->workers, idle::spins, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        report_channel(setup->rounds, setup->items, [&](auto first, auto second) {
            fibers::fiber one = launch(fibers::launch::post, stacks, first);
            fibers::fiber two = launch(fibers::launch::post, stacks, second);
            one.join();
            two.join();
        });
    });
}

void run_across(const peer_setup *setup)
{
    report_channel(setup->across_rounds, setup->across_items, [](auto first, auto second) {
        std::thread one([&] {
            peer_pin(peer_cpu_number(0));
            fibers::fiber(first).join();
        });
        std::thread two([&] {
            peer_pin(peer_cpu_number(1));
            fibers::fiber(second).join();
        });
        one.join();
        two.join();
    });
}

void run_mutex(const peer_setup *setup)
{
    fibers::mutex mutex;
    std::int64_t counted = 0;
    on_fibers(setup->workers, idle::spins, [&] {
        fibers::fixedsize_stack stacks(stack_size);
        std::vector<fibers::fiber> tasks;
        std::int64_t begin = peer_now();
        for (int i = 0; i < PEER_TASKS; i++)
            tasks.push_back(launch(fibers::launch::post, stacks, [&] {
                for (std::size_t k = 0; k < setup->locks; k++) {
                    mutex.lock();
                    counted++;
                    mutex.unlock();
                }
            }));
        for (fibers::fiber &task : tasks)
            task.join();
        peer_metric("ns_per_op", static_cast<double>(peer_now() - begin) /
                                     static_cast<double>(PEER_TASKS * setup->locks));
    });
    peer_check(counted);
}

const peer_row rows[] = {
    {"switch", run_switch, nullptr},
    {"spawn", run_spawn, nullptr},
    {"skynet", run_skynet, nullptr},
    {"memory", run_memory, nullptr},
    {"timer", run_timer, nullptr},
    {"wake", run_wake, nullptr},
    {"channel", run_channel, nullptr},
    {"across", run_across, nullptr},
    {"mutex", run_mutex, nullptr},
    {"scope", run_scope, nullptr},
    {"cancel", nullptr, "the library has no cancel"},
    {"select", nullptr, "the library has no select"},
    {"semaphore", nullptr, "the library has no semaphore"},
    {nullptr, nullptr, nullptr},
};

} // namespace

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "boost-fiber", rows);
}
