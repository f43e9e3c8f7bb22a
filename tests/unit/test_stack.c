/*
 * test_stack.c: stacks, through all their levels (stack.c and slab.c).
 */
#define _GNU_SOURCE 1

#include "slab.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/error.h>

static struct sley__stack_pool pool;
static struct sley__stack_cache cache;

static void start(void)
{
    sley__platform_init();
    sley__stack_pool_init(&pool);
}

static void stop(void)
{
    sley__stack_pool_close(&pool);
}

TestSuite(stack, .init = start, .fini = stop);

static struct sley__stack *acquire(int class)
{
    struct sley__stack *stack = sley__stack_acquire(&pool, &cache, class);

    cr_assert_not_null(stack);
    return stack;
}

/* Takes `count` stacks of the default class, chained by `next`. */
static struct sley__stack *acquire_many(size_t count)
{
    struct sley__stack *chain = NULL;

    while (count-- > 0) {
        struct sley__stack *stack = acquire(SLEY__STACK_64K);

        stack->next = chain;
        chain = stack;
    }
    return chain;
}

static void release_all(struct sley__stack *chain)
{
    while (chain) {
        struct sley__stack *next = chain->next;

        sley__stack_release(&pool, &cache, chain);
        chain = next;
    }
}

/* How many pages of a range are there. */
static size_t resident(const char *low, size_t size)
{
    static unsigned char pages[65536];
    size_t count = 0;

    cr_assert_leq(size, sizeof pages * 4096);
    cr_assert_eq(mincore((void *)(uintptr_t)low, size, pages), 0);
    for (size_t i = 0; i < size / 4096; i++)
        count += pages[i] & 1;
    return count;
}

/* How many pages of all slabs are there. */
static size_t resident_in_slabs(void)
{
    size_t count = 0;

    for (struct sley__stack_slab *s = load_acquire(&pool.slabs); s; s = s->next)
        count += resident(s->base, s->count * s->stride);
    return count;
}

/* --- geometry --- */

Test(stack, sizes_are_rounded_up_to_a_class)
{
    cr_assert_eq(sley__stack_class(0), SLEY__STACK_64K);
    cr_assert_eq(sley__stack_class(1), SLEY__STACK_16K);
    cr_assert_eq(sley__stack_class(16 * 1024), SLEY__STACK_16K);
    cr_assert_eq(sley__stack_class(16 * 1024 + 1), SLEY__STACK_64K);
    cr_assert_eq(sley__stack_class(100 * 1024), SLEY__STACK_256K);
    cr_assert_eq(sley__stack_class(1024 * 1024), SLEY__STACK_1M);
    cr_assert_eq(sley__stack_class(1024 * 1024 + 1), -1);
}

Test(stack, each_class_has_its_size_and_all_of_it_can_be_written)
{
    for (int class = 0; class < SLEY__STACK_CLASSES; class ++) {
        struct sley__stack *stack = acquire(class);
        size_t usable = (size_t)((char *)stack->top - stack->low);
        size_t guard = class == SLEY__STACK_16K ? 4096 : 16384;

        cr_assert_eq(stack->class, class);
        cr_assert_eq((uintptr_t)stack->top % 16, 0);
        cr_assert_leq(usable, sley__stack_class_size(class) - guard);
        cr_assert_geq(usable, sley__stack_class_size(class) - guard - 1024);
        memset(stack->low, 0xa5, usable);
        sley__stack_release(&pool, &cache, stack);
        cr_assert_eq(acquire(class), stack);
    }
}

Test(stack, tops_have_colours)
{
    uintptr_t first = (uintptr_t)acquire(SLEY__STACK_64K)->top % 4096;
    size_t others = 0;

    for (int i = 0; i < 8; i++)
        others += (uintptr_t)acquire(SLEY__STACK_64K)->top % 4096 != first;
    cr_assert_geq(others, 6);
}

Test(stack, a_shallow_one_costs_one_page)
{
    struct sley__stack *stack = acquire(SLEY__STACK_64K);
    size_t size = (size_t)((char *)stack - stack->low) / 4096 * 4096 + 4096;

    memset((char *)stack->top - 2048, 1, 2048);
    cr_assert_eq(resident(stack->low, size), 1);
}

/* --- guards --- */

/* The signal that ends a process which reads or writes there; 0: none does. Not by Criterion's
 * means: a sanitizer would catch the signal first. */
static int signal_of_access(char *address, bool write)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        if (write)
            *(volatile char *)address = 1;
        else
            (void)*(volatile char *)address;
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(stack, touching_its_guard_faults)
{
    for (int class = 0; class < SLEY__STACK_CLASSES; class ++) {
        char *low = acquire(class)->low;
        long guard = class == SLEY__STACK_16K ? 4096 : 16384;

        cr_assert_eq(signal_of_access(low, true), 0);
        cr_assert_eq(signal_of_access(low - 1, true), SIGSEGV);
        cr_assert_eq(signal_of_access(low - 1, false), SIGSEGV);
        cr_assert_eq(signal_of_access(low - guard, true), SIGSEGV);
    }
}

Test(stack, addresses_are_found)
{
    struct sley__stack *a = acquire(SLEY__STACK_64K), *b = acquire(SLEY__STACK_16K);
    int local;

    cr_assert_eq(sley__stack_of_guard(&pool, a->low - 1), a);
    cr_assert_eq(sley__stack_of_guard(&pool, a->low - 16384), a);
    cr_assert_eq(sley__stack_of_guard(&pool, b->low - 1), b);
    cr_assert_null(sley__stack_of_guard(&pool, a->low));
    cr_assert_eq(sley__stack_of_address(&pool, a->low), a);
    cr_assert_eq(sley__stack_of_address(&pool, (char *)b->top - 1), b);
    cr_assert_null(sley__stack_of_address(&pool, a->low - 1));
    cr_assert_null(sley__stack_of_address(&pool, &local));
    cr_assert_null(sley__stack_of_guard(&pool, NULL));
    cr_assert_null(sley__stack_of_guard(&pool, (void *)UINTPTR_MAX));
}

Test(stack, a_place_without_stack_is_not_found)
{
    struct sley__stack *stack = acquire(SLEY__STACK_64K);
    struct sley__stack_slab *slab = load_acquire(&pool.slabs);
    char *last = slab->base + (slab->count - 1) * slab->stride;

    cr_assert_eq(sley__stack_of_address(&pool, slab->base + slab->stride - 1), stack);
    cr_assert_null(sley__stack_of_guard(&pool, last));
    cr_assert_null(sley__stack_of_address(&pool, last + slab->stride - 1));
}

/* --- levels --- */

Test(stack, the_newest_comes_first)
{
    struct sley__stack *a = acquire(SLEY__STACK_64K), *b = acquire(SLEY__STACK_64K);

    sley__stack_release(&pool, &cache, a);
    sley__stack_release(&pool, &cache, b);
    cr_assert_eq(acquire(SLEY__STACK_64K), b);
    cr_assert_eq(acquire(SLEY__STACK_64K), a);
}

Test(stack, a_full_cache_spills_but_not_the_newest)
{
    unsigned max = sley__stack_cache_max(SLEY__STACK_64K);
    struct sley__stack *chain = acquire_many(3 * (size_t)max), *last = chain;

    while (last->next)
        last = last->next;
    release_all(chain);
    cr_assert_leq(load_relaxed(&cache.count[SLEY__STACK_64K]), max);
    cr_assert_gt(pool.levels[SLEY__STACK_64K].shared_count, 0);
    cr_assert_eq(cache.free[SLEY__STACK_64K], last);
}

static size_t cached(const struct sley__stack_cache *one)
{
    size_t count = 0;

    for (const struct sley__stack *s = one->free[SLEY__STACK_64K]; s; s = s->next)
        count++;
    cr_assert_eq(count, load_relaxed(&one->count[SLEY__STACK_64K]));
    return count;
}

/* Nothing is lost and nothing is there twice on the way through the shared list. */
Test(stack, what_one_cache_spills_another_takes)
{
    struct sley__stack_level *level = &pool.levels[SLEY__STACK_64K];
    struct sley__stack_cache other = {0};
    size_t seen = 0, shared, kept;
    uint32_t places;

    release_all(acquire_many(1000));
    kept = cached(&cache);
    shared = level->shared_count;
    places = load_relaxed(&pool.slabs->cut);
    cr_assert_geq(kept + shared, 1000);
    while (level->shared_count > 0 || other.free[SLEY__STACK_64K]) {
        struct sley__stack *stack = sley__stack_acquire(&pool, &other, SLEY__STACK_64K);

        cr_assert_not_null(stack->low, "twice");
        stack->low = NULL;
        seen++;
    }
    cr_assert_eq(seen, shared);
    cr_assert_eq(cached(&cache), kept);
    cr_assert_eq(load_relaxed(&pool.slabs->cut), places, "a new one although there were enough");
}

/* --- promises --- */

Test(stack, promises_are_kept_without_more_address_space)
{
    enum { COUNT = 500 };
    struct sley__stack_slab *slabs;

    cache.free[SLEY__STACK_64K] = NULL;
    cr_assert_eq(sley__stack_reserve(&pool, SLEY__STACK_64K, COUNT), 0);
    slabs = load_acquire(&pool.slabs);
    acquire_many(COUNT);
    cr_assert_eq(load_acquire(&pool.slabs), slabs);
    sley__stack_unreserve(&pool, SLEY__STACK_64K, COUNT);
}

/* Each takes what it can hoard before the promised ones are asked for. */
Test(stack, promises_are_kept_beside_caches_that_hoard)
{
    enum { CACHES = 4, COUNT = 300 };
    static struct sley__stack_cache hoards[CACHES];
    struct sley__stack_slab *slabs;

    sley__stack_expect(&pool, CACHES + 1);
    cr_assert_eq(sley__stack_reserve(&pool, SLEY__STACK_64K, COUNT), 0);
    slabs = load_acquire(&pool.slabs);
    for (int i = 0; i < CACHES; i++)
        sley__stack_release(&pool, &hoards[i],
                            sley__stack_acquire(&pool, &hoards[i], SLEY__STACK_64K));
    acquire_many(COUNT);
    cr_assert_eq(load_acquire(&pool.slabs), slabs);
}

Test(stack, no_address_space_is_an_error_of_the_reservation)
{
    struct rlimit limit;

    cr_assert_eq(sley__stack_reserve(&pool, SLEY__STACK_1M, 1), 0);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = 1; /* nothing more can be mapped */
    setrlimit(RLIMIT_AS, &limit);
    cr_assert_eq(sley__stack_reserve(&pool, SLEY__STACK_1M, 100000), SLEY_ENOMEM);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
    cr_assert_eq(sley__stack_reserve(&pool, SLEY__STACK_1M, 100), 0, "a failure was remembered");
    cr_assert_eq(pool.levels[SLEY__STACK_1M].promised, 101);
}

/* --- pages --- */

/* Uses `count` stacks, gives them back and trims; what was left in the lists keeps its pages. */
static void use_and_trim(size_t count)
{
    struct sley__stack *chain = acquire_many(count);

    for (struct sley__stack *s = chain; s; s = s->next)
        memset((char *)s->top - 10000, 0xa5, 10000);
    release_all(chain);
    while (sley__stack_trim(&pool)) {
    }
}

Test(stack, pages_above_the_watermark_go_back)
{
    enum { COUNT = 20000 };
    struct sley__stack *chain = acquire_many(COUNT);
    size_t full;

    for (struct sley__stack *s = chain; s; s = s->next)
        memset((char *)s->top - 10000, 0xa5, 10000);
    full = resident_in_slabs();
    cr_assert_geq(full, 3 * COUNT);
    release_all(chain);
    while (sley__stack_trim(&pool)) {
    }
    cr_assert_leq(resident_in_slabs(), full / 3);
}

Test(stack, a_bare_one_comes_back_whole)
{
    struct sley__stack *chain;
    uint32_t cut;

    use_and_trim(20000);
    cut = load_relaxed(&pool.slabs->cut);
    chain = acquire_many(20000);
    cr_assert_eq(load_relaxed(&pool.slabs->cut), cut);
    for (struct sley__stack *s = chain; s; s = s->next) {
        cr_assert_eq(sley__stack_of_address(&pool, s), s);
        cr_assert_eq(sley__stack_of_guard(&pool, s->low - 1), s);
    }
}

Test(stack, a_bare_one_is_not_found)
{
    struct sley__stack_slab *slab;
    uint32_t number;

    use_and_trim(20000);
    for (slab = load_acquire(&pool.slabs); !slab->bare_count; slab = slab->next) {
    }
    number = slab->bare[0] & ~SLEY__CANARY_BIT;
    cr_assert_null(sley__stack_of_guard(&pool, slab->base + number * slab->stride));
}

Test(stack, a_bare_one_still_has_its_guard)
{
    struct sley__stack *chain;

    use_and_trim(10000);
    chain = acquire_many(10000);
    for (int i = 0; i < 20; i++, chain = chain->next)
        cr_assert_eq(signal_of_access(chain->low - 1, true), SIGSEGV);
}

/* --- where guards cannot be had --- */

/* Guard regions are refused on locked memory. By the bare call: sanitizers disarm the function. */
static void forbid_guard_regions(void)
{
    if (syscall(SYS_mlockall, MCL_FUTURE | MCL_ONFAULT) != 0)
        cr_skip("cannot lock memory here");
}

static void forbid_all_guards(void)
{
    forbid_guard_regions();
    sley__guard_forget((size_t)-1000000000); /* the budget of mprotect is far below zero now */
}

Test(stack, mprotect_makes_guards_on_an_old_kernel)
{
    struct sley__stack *stack;

    forbid_guard_regions();
    stack = acquire(SLEY__STACK_64K);
    cr_assert(!stack->canary);
    cr_assert_gt(load_relaxed(&pool.slabs->mprotected), 0);
    cr_assert_eq(signal_of_access(stack->low - 1, true), SIGSEGV);
}

Test(stack, without_guards_there_are_canaries)
{
    struct sley__stack *stack;

    forbid_all_guards();
    cr_assert(!load_relaxed(&pool.canaries));
    stack = acquire(SLEY__STACK_64K);
    cr_assert(stack->canary);
    cr_assert(load_relaxed(&pool.canaries));
    memset(stack->low, 0xa5, 1000);
    sley__stack_check(stack);
}

Test(stack, a_canary_reports_an_overflow, .signal = SIGABRT)
{
    struct sley__stack *stack;

    forbid_all_guards();
    stack = acquire(SLEY__STACK_64K);
    stack->low[-100] = 1;
    sley__stack_check(stack);
}

Test(stack, a_bare_one_without_guard_keeps_its_canary)
{
    struct sley__stack *chain;

    forbid_all_guards();
    use_and_trim(10000);
    chain = acquire_many(10000);
    for (struct sley__stack *s = chain; s; s = s->next) {
        cr_assert(s->canary);
        sley__stack_check(s);
    }
}
