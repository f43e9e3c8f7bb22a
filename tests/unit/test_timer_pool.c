/*
 * test_timer_pool.c: where the timers of waiting tasks lie, and that a wait does without when there
 * is no memory.
 *
 * link: -Wl,--wrap=sley__map
 */
#include "timer_pool.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <string.h>

#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

enum { SMALL = 64 << 10 }; /* bytes of the pool's first slabs, or more */

static bool no_memory; /* for slabs as small as those */
static bool no_huge;
static unsigned refused, small, huge;

void *__real_sley__map(size_t size, size_t align, bool huge_pages);
void *__wrap_sley__map(size_t size, size_t align, bool huge_pages);

void *__wrap_sley__map(size_t size, size_t align, bool huge_pages)
{
    if ((no_memory && size <= SMALL) || (no_huge && huge_pages)) {
        refused++;
        return NULL;
    }
    huge += huge_pages;
    small += size <= SMALL;
    return __real_sley__map(size, align, huge_pages);
}

static struct sley__timer_pool pool;
static struct sley__timer_cache cache, other_cache;

static void close_pool(void)
{
    sley__timer_pool_close(&pool);
}

TestSuite(timer_pool, .fini = close_pool);

static union sley__timer_node *take(void)
{
    return sley__timer_take(&pool, &cache);
}

static size_t batches(void)
{
    size_t n = 0;

    for (union sley__timer_node *batch = pool.batches; batch; batch = batch->free.next_batch)
        n++;
    return n;
}

Test(timer_pool, nodes_are_distinct_and_on_lines_of_their_own)
{
    enum { MANY = 100000 }; /* beyond the small slabs */
    static union sley__timer_node *all[MANY];

    for (size_t i = 0; i < MANY; i++) {
        cr_assert_not_null(all[i] = take());
        cr_assert_eq((uintptr_t)all[i] % SLEY_CACHE_LINE, 0);
        all[i]->timer.ticket = i;
    }
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(all[i]->timer.ticket, i, "two are one");
    cr_assert_gt(huge, 0);
}

Test(timer_pool, the_last_one_given_back_is_the_first_to_be_used_again)
{
    union sley__timer_node *a = take(), *b = take();

    sley__timer_give(&pool, &cache, b);
    sley__timer_give(&pool, &cache, a);
    cr_assert_eq(take(), a);
    cr_assert_eq(take(), b);
}

/* One keeps less than two batches; what it was given above that another takes, and no memory is
 * asked for. */
Test(timer_pool, whole_batches_go_to_others)
{
    enum { MANY = 10 * SLEY__TIMER_BATCH };
    static union sley__timer_node *all[MANY];
    size_t mapped, shared;

    for (size_t i = 0; i < MANY; i++)
        all[i] = take();
    for (size_t i = 0; i < MANY; i++)
        sley__timer_give(&pool, &cache, all[i]);
    mapped = pool.mapped;
    shared = batches();
    cr_assert_geq(shared, MANY / SLEY__TIMER_BATCH - 2);
    for (size_t i = 0; i < shared * SLEY__TIMER_BATCH; i++)
        cr_assert_not_null(sley__timer_take(&pool, &other_cache));
    cr_assert_eq(pool.mapped, mapped);
    cr_assert_eq(batches(), 0);
}

/* The full one comes before the shared ones, without the lock. */
Test(timer_pool, a_batch_is_kept_in_reserve)
{
    static union sley__timer_node *all[2 * SLEY__TIMER_BATCH];
    union sley__timer_node *full;

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = take();
    cache = (struct sley__timer_cache){0};
    for (size_t i = 0; i < SLEY__TIMER_BATCH; i++)
        sley__timer_give(&pool, &cache, all[i]);
    full = cache.full;
    cr_assert_not_null(full);
    cr_assert_eq(cache.count, 0);
    cr_assert_eq(batches(), 0);
    cr_assert_eq(take(), full);
    cr_assert_null(cache.full);
    cr_assert_eq(cache.count, SLEY__TIMER_BATCH - 1);
}

Test(timer_pool, no_memory_is_told_and_comes_to_an_end)
{
    no_memory = true;
    cr_assert_null(take());
    cr_assert_eq(cache.count, 0);
    no_memory = false;
    cr_assert_not_null(take());
}

/* --- a runtime without it -------------------------------------------------------------------- */

static int nap(void *arg)
{
    (void)arg;
    return sley_sleep(SLEY_MILLISECONDS(1));
}

/* Timed waits one after another, in many tasks. */
static int many_naps(void *arg)
{
    int status = 0;

    (void)arg;
    for (int i = 0; i < 300 && status == 0; i++)
        status = sley_sleep(1);
    return status;
}

static int thirty_thousand(void *arg)
{
    struct sley_task *tasks[100];
    int woken = 0, result = 0;

    (void)arg;
    for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
        cr_assert_eq(sley_spawn(many_naps, NULL, NULL, &tasks[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
        woken += sley_join(tasks[i], &result) == 0 && result == 0;
    return woken;
}

static int naps(void *arg)
{
    struct sley_task *tasks[100];
    int woken = 0, result = 0;

    (void)arg;
    no_memory = true;
    for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
        cr_assert_eq(sley_spawn(nap, NULL, NULL, &tasks[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
        woken += sley_join(tasks[i], &result) == 0 && result == 0;
    no_memory = false;
    return woken;
}

Test(timer_pool_runtime, sleeps_end_without_memory_for_their_timers)
{
    cr_assert_eq(sley_run(naps, NULL, NULL), 100);
    cr_assert_gt(refused, 0);
}

/* A slab is a thousand nodes; the other maps are of the tasks. */
Test(timer_pool_runtime, who_has_waited_gives_back)
{
    cr_assert_eq(sley_run(thirty_thousand, NULL, NULL), 100);
    cr_assert_lt(small, 10);
    cr_assert_eq(huge, 0);
}

/* A huge page that cannot be had is no reason to do without. */
Test(timer_pool, small_slabs_where_there_is_no_huge_page)
{
    no_huge = true;
    for (size_t i = 0; i < 100000; i++)
        cr_assert_not_null(take());
    cr_assert_eq(huge, 0);
}
