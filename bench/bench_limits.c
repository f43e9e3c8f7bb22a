/*
 * bench_limits.c: what this machine can do without us.
 *
 * A scheduler's figure says little until one knows the price of its parts here and now: a switch of
 * tasks contains a swap of stacks, a steal contains a cache line's trip, a wake-up contains the
 * kernel's. Each case measures one such part as barely as C can, with nothing of the runtime
 * around it. The distance between a row of ours and its limit is what the runtime adds.
 *
 *   ns_per_swap        six registers and a stack pointer, by our own assembly (swap.h)
 *   ns_per_atomic_add  a read-modify-write on a line that is in the own cache
 *   ns_per_fence       a seq_cst fence after a store, as this compiler makes it
 *   us_futex_wake_p50  wake.us_p50 with a bare futex: same waker, processors and idle time
 *   us_futex_call_p50  what that wake-up cost the thread that called it
 *   ns_per_syscall     a system call that does nothing
 *   ns_per_page_fault  first touch of a 4 KiB page that the system has just had back
 *   ns_per_stack       a guard of 16 KiB and the first touch of a page, per stack, with a thread
 *                      per worker: the limit of `memory` ns_to_create
 *   ns_per_clock       the monotonic clock
 *   us_per_file        `file` without the runtime: one small file after the other, on one thread
 *   ns_per_line_trip   a cache line to another core and back
 *
 * There is no runtime here: --workers decides on which processor the futex sleeper sits (that of
 * the first worker) and how many threads make stacks, and is repeated in the rows so that they can
 * stand beside others.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "bench_file.h"
#include "harness.h"
#include "machine.h"
#include "swap.h"
#include "wake_rig.h"

/* ns per repetition since `begin`. */
static double per(int64_t begin, size_t repetitions)
{
    return (double)(sley_now() - begin) / (double)repetitions;
}

static size_t scaled(const struct bench_setup *setup, size_t repetitions)
{
    return setup->quick ? repetitions / 10 : repetitions;
}

static struct {
    void *here, *there;
    size_t visits;
} swap;

static void swap_partner(void)
{
    for (;;) {
        swap.visits++;
        bench_swap(&swap.there, swap.here);
    }
}

static int run_swap(const struct bench_setup *setup, double *values)
{
    size_t trips = scaled(setup, 20000000), size = 64 * 1024;
    void *stack = bench_alloc(1, size);
    swap.there = bench_swap_new(stack, size, swap_partner);
    if (!swap.there)
        return bench_error("cannot make a context"), BENCH_SKIPPED;
    int64_t begin = sley_now();
    for (size_t i = 0; i < trips; i++)
        bench_swap(&swap.here, swap.there);
    values[0] = per(begin, 2 * trips);
    free(stack);
    if (swap.visits != trips)
        return bench_error("%zu swaps made %zu visits", trips, swap.visits);
    return 0;
}

static int run_atomic(const struct bench_setup *setup, double *values)
{
    size_t count = 0, repetitions = scaled(setup, 50000000);
    int64_t begin = sley_now();
    for (size_t i = 0; i < repetitions; i++)
        bench_count(&count);
    values[0] = per(begin, repetitions);
    return count == repetitions ? 0 : bench_error("lost an atomic add");
}

static int run_fence(const struct bench_setup *setup, double *values)
{
    size_t repetitions = scaled(setup, 50000000);
    volatile size_t store;
    int64_t begin = sley_now();
    for (size_t i = 0; i < repetitions; i++) {
        store = i;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    values[0] = per(begin, repetitions);
    (void)store;
    return 0;
}

static void call_futex(void *arg)
{
    uint32_t *calls = arg;
    __atomic_add_fetch(calls, 1, __ATOMIC_RELEASE);
    machine_futex_wake(calls);
}

static int sleep_on_futex(struct wake_rig *rig, uint32_t *calls)
{
    for (uint32_t seen = 0; seen < rig->samples; seen++) {
        wake_rig_sleeping(rig);
        while (__atomic_load_n(calls, __ATOMIC_ACQUIRE) == seen)
            machine_futex_wait(calls, seen);
        if (wake_rig_woken(rig) != 0)
            return BENCH_FAILED;
    }
    return 0;
}

static int run_futex(const struct bench_setup *setup, double *values)
{
    uint32_t calls = 0;
    unsigned cpu;
    struct wake_rig rig = {.wake = call_futex, .arg = &calls, .idle_ns = WAKE_RIG_IDLE_NS};
    rig.samples = setup->quick ? WAKE_RIG_SAMPLES_QUICK : WAKE_RIG_SAMPLES;
    if (wake_rig_place(setup->workers, &cpu, &rig.cpu) != 0)
        return BENCH_FAILED;
    machine_pin(cpu);
    if (wake_rig_start(&rig) != 0)
        return bench_error("cannot start a thread");
    if (sleep_on_futex(&rig, &calls) != 0)
        return BENCH_FAILED;
    struct wake_figures figures = wake_rig_finish(&rig);
    values[0] = (double)figures.late_p50 / 1e3;
    values[1] = (double)figures.call_p50 / 1e3;
    return 0;
}

static int run_syscall(const struct bench_setup *setup, double *values)
{
    size_t repetitions = scaled(setup, 5000000);
    int64_t begin = sley_now();
    for (size_t i = 0; i < repetitions; i++)
        machine_null_call();
    values[0] = per(begin, repetitions);
    return 0;
}

/* Touches each page of a fresh mapping once. ns per page, negative without memory. */
static double touch_pages(size_t pages)
{
    char *memory = machine_map(pages * 4096, false);
    if (!memory)
        return -1;
    int64_t begin = sley_now();
    for (size_t i = 0; i < pages; i++)
        *(volatile char *)&memory[i * 4096] = 1;
    double ns = per(begin, pages);
    machine_unmap(memory, pages * 4096);
    return ns;
}

static int run_fault(const struct bench_setup *setup, double *values)
{
    size_t pages = scaled(setup, 1 << 16);
    touch_pages(pages); /* so that a virtual machine has these pages from its host */
    values[0] = touch_pages(pages);
    return values[0] < 0 ? bench_error("no memory for %zu pages", pages) : 0;
}

enum { STACK = 64 << 10, GUARD = 16 << 10, STACKS_AT_ONCE = 64, STACK_THREADS_MAX = 64 };

struct stacks {
    char *memory;
    size_t count;
    bool failed;
};

/* In lots, as the runtime does it: a vectored call for the guards, then the touches. */
static void *make_stacks(void *arg)
{
    struct stacks *stacks = arg;
    for (size_t i = 0; i < stacks->count; i += STACKS_AT_ONCE) {
        char *lot = stacks->memory + i * STACK;
        size_t n = stacks->count - i < STACKS_AT_ONCE ? stacks->count - i : STACKS_AT_ONCE;
        if (machine_guard(lot, n, STACK, GUARD) != 0)
            stacks->failed = true;
        for (size_t k = 1; k <= n; k++)
            *(volatile char *)&lot[k * STACK - 64] = 1;
    }
    return NULL;
}

static int run_stacks(const struct bench_setup *setup, double *values)
{
    unsigned threads = setup->workers < STACK_THREADS_MAX ? setup->workers : STACK_THREADS_MAX;
    size_t each = scaled(setup, 200000) / threads, size = each * threads * STACK;
    struct stacks stacks[STACK_THREADS_MAX] = {0};
    pthread_t thread[STACK_THREADS_MAX];
    bool failed = false;
    char *memory = machine_map(size, false);
    if (!memory)
        return bench_error("no address space for %zu bytes", size);
    int64_t begin = sley_now();
    for (unsigned i = 0; i < threads; i++) {
        stacks[i] = (struct stacks){.memory = memory + i * each * STACK, .count = each};
        if (pthread_create(&thread[i], NULL, make_stacks, &stacks[i]) != 0)
            return bench_error("cannot start a thread");
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        failed = failed || stacks[i].failed;
    }
    values[0] = per(begin, each * threads);
    machine_unmap(memory, size);
    if (failed)
        return bench_error("ns_per_stack needs guard regions (Linux 6.13), left out"),
               BENCH_SKIPPED;
    return 0;
}

static int run_clock(const struct bench_setup *setup, double *values)
{
    size_t repetitions = scaled(setup, 20000000);
    int64_t begin = sley_now();
    for (size_t i = 0; i < repetitions; i++)
        sley_now();
    values[0] = per(begin, repetitions);
    return 0;
}

/* The two ends of the trip; the line is theirs alone. */
static struct {
    _Alignas(128) int64_t line;
    _Alignas(128) int64_t trips;
    unsigned cpu;
} ball;

static void *return_ball(void *arg)
{
    (void)arg;
    machine_pin(ball.cpu);
    for (int64_t trip = 1; trip <= ball.trips; trip++) {
        while (bench_get(&ball.line) != 2 * trip - 1)
            continue;
        bench_set(&ball.line, 2 * trip);
    }
    return NULL;
}

static void play_ball(int64_t first, int64_t last)
{
    for (int64_t trip = first; trip <= last; trip++) {
        bench_set(&ball.line, 2 * trip - 1);
        while (bench_get(&ball.line) != 2 * trip)
            continue;
    }
}

static int run_line(const struct bench_setup *setup, double *values)
{
    unsigned cpu;
    pthread_t thread;
    if (wake_rig_place(setup->workers, &cpu, &ball.cpu) != 0)
        return BENCH_FAILED;
    if (cpu == ball.cpu)
        return bench_error("ns_per_line_trip needs two processors, left out"), BENCH_SKIPPED;
    machine_pin(cpu);
    int64_t trips = (int64_t)scaled(setup, 2000000);
    ball.trips = trips + 1;
    if (pthread_create(&thread, NULL, return_ball, NULL) != 0)
        return bench_error("cannot start a thread");
    play_ball(1, 1); /* until the other is there */
    int64_t begin = sley_now();
    play_ball(2, ball.trips);
    values[0] = per(begin, (size_t)trips);
    pthread_join(thread, NULL);
    return 0;
}

const struct bench bench_limits = {
    .name = "limits",
    .why = "the bare machine without a runtime: stack swap, atomic, fence, futex, system call, "
           "page fault, clock, cache line; what every other figure is read against",
    .cases =
        {
            {.run = run_swap, .metrics = {{"ns_per_swap", "ns"}}},
            {.run = run_atomic, .metrics = {{"ns_per_atomic_add", "ns"}}},
            {.run = run_fence, .metrics = {{"ns_per_fence", "ns"}}},
            {.run = run_futex,
             .metrics = {{"us_futex_wake_p50", "us"}, {"us_futex_call_p50", "us"}}},
            {.run = run_syscall, .metrics = {{"ns_per_syscall", "ns"}}},
            {.run = run_fault, .metrics = {{"ns_per_page_fault", "ns"}}},
            {.run = run_stacks,
             .metrics = {{"ns_per_stack", "ns"}},
             .memory = BENCH_MIB(1024),
             .memory_quick = BENCH_MIB(128)},
            {.run = run_clock, .metrics = {{"ns_per_clock", "ns"}}},
            {.run = bench_file_plain, .metrics = {{"us_per_file", "us"}}},
            {.run = run_line, .metrics = {{"ns_per_line_trip", "ns"}}},
        },
};
