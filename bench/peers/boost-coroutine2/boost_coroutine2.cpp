/*
 * boost_coroutine2.cpp: Boost.Coroutine2, generators as a C++ library.
 *
 * Boost.Fiber has no generator; who uses it takes this library for one, which is by the same author
 * and on the same switch of stacks (Boost.Context). pull_type is the generator, its range-based
 * `for` the consumer. It is the nearest relative of ours: a second stack and two switches per
 * value, no queue. Less is asked of it: a coroutine belongs to nobody and may be resumed by any
 * thread, so nothing is checked on the way in, and what waits in it blocks the thread.
 *
 * With N workers there are N threads, each pinned to a processor, with a generator each: nothing is
 * shared, so the library needs no scheduler for that.
 *
 * Stacks are those of the library's default, malloc() without a guard page; there is one per
 * generator, so which one it is does not matter here.
 *
 * Only the row generator is offered: the library is about nothing else.
 */
#include <algorithm>
#include <cstdint>
#include <pthread.h>
#include <thread>
#include <vector>

#include <boost/coroutine2/all.hpp>

#include "peers/common/peer.h"

namespace
{

using values = boost::coroutines2::coroutine<std::uint64_t>;

struct consumer {
    std::uint64_t sum;
    std::int64_t begin, end;
};

void add_up(std::size_t count, consumer &result)
{
    result.begin = peer_now();
    values::pull_type source([count](values::push_type &yield) {
        for (std::uint64_t n = 1; n <= count; n++)
            yield(n);
    });
    std::uint64_t sum = 0;
    for (std::uint64_t n : source)
        sum += n;
    result.sum = sum;
    result.end = peer_now();
}

/* What it takes to start the threads is not part of the row: all are there before any begins. */
void run_consumers(const peer_setup *setup, std::vector<consumer> &consumers)
{
    std::vector<std::thread> threads;
    pthread_barrier_t all_there;
    pthread_barrier_init(&all_there, nullptr, setup->workers);
    for (unsigned i = 0; i < setup->workers; i++)
        threads.emplace_back([&, i] {
            peer_pin(peer_cpu_number(i));
            pthread_barrier_wait(&all_there);
            add_up(setup->values, consumers[i]);
        });
    for (std::thread &thread : threads)
        thread.join();
    pthread_barrier_destroy(&all_there);
}

void run_generator(const peer_setup *setup)
{
    std::vector<consumer> consumers(setup->workers);
    run_consumers(setup, consumers);
    std::int64_t begin = INT64_MAX, end = 0;
    for (const consumer &one : consumers) {
        if (one.sum != setup->values * (setup->values + 1) / 2)
            peer_fail("the values come to %llu", static_cast<unsigned long long>(one.sum));
        begin = std::min(begin, one.begin);
        end = std::max(end, one.end);
    }
    peer_metric("ns_per_item",
                static_cast<double>(end - begin) / static_cast<double>(setup->values));
    peer_check(static_cast<std::int64_t>(setup->workers * setup->values));
}

const peer_row rows[] = {
    {"generator", run_generator, nullptr},
    {nullptr, nullptr, nullptr},
};

} // namespace

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "boost-coroutine2", rows);
}
