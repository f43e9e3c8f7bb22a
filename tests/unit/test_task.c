/*
 * test_task.c: the two state machines of a task, in every order, and where task memory comes from.
 *
 * link: -Wl,--wrap=sley__map
 */
#include "task_impl.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- the wait word --------------------------------------------------------------------------- */

static struct sley_task task;

/* A running task in its 7th wait's aftermath. */
static void running(void)
{
    memset(&task, 0, sizeof task);
    store_relaxed(&task.word, (uint64_t)7 << SLEY__TICKET_SHIFT | SLEY__TASK_RUNNING);
}

static enum sley__task_state state(void)
{
    return sley__task_state(load_relaxed(&task.word));
}

TestSuite(wait_word, .init = running);

Test(wait_word, each_wait_has_a_ticket_of_its_own)
{
    cr_assert_eq(sley__task_begin_wait(&task, 0), 8);
    cr_assert_eq(state(), SLEY__TASK_WAITING);
    cr_assert_eq(sley__task_ticket(load_relaxed(&task.word)), 8);
    cr_assert(sley__task_abandon(&task));
    cr_assert_eq(sley__task_begin_wait(&task, 0), 9);
}

Test(wait_word, one_of_many_wakes_wins)
{
    uint64_t ticket = sley__task_begin_wait(&task, 0);

    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_QUEUE);
    cr_assert_eq(state(), SLEY__TASK_WOKEN);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_NOTHING);
    cr_assert_eq(state(), SLEY__TASK_WOKEN);
    sley__task_set_state(&task, SLEY__TASK_RUNNING);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_NOTHING);
    cr_assert_eq(state(), SLEY__TASK_RUNNING);
}

Test(wait_word, an_old_ticket_does_not_wake)
{
    uint64_t old = sley__task_begin_wait(&task, 0);

    cr_assert_eq(sley__task_wake(&task, old, 0, 0), SLEY__WAKE_QUEUE);
    sley__task_set_state(&task, SLEY__TASK_RUNNING);
    sley__task_begin_wait(&task, 0);
    cr_assert_eq(sley__task_wake(&task, old, 0, 0), SLEY__WAKE_NOTHING);
    cr_assert_eq(sley__task_wake(&task, old + 2, 0, 0), SLEY__WAKE_NOTHING, "nor a future one");
    cr_assert_eq(state(), SLEY__TASK_WAITING);
}

Test(wait_word, only_a_waiting_task_can_be_woken)
{
    static const enum sley__task_state others[] = {
        SLEY__TASK_FREE, SLEY__TASK_NEW, SLEY__TASK_RUNNING, SLEY__TASK_WOKEN, SLEY__TASK_DONE};

    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        sley__task_set_state(&task, others[i]);
        cr_assert_eq(sley__task_wake(&task, 7, 0, 0), SLEY__WAKE_NOTHING);
        cr_assert_eq(state(), others[i]);
        cr_assert(!sley__task_abandon(&task));
        cr_assert_eq(state(), others[i]);
    }
}

Test(wait_word, an_abandoned_wait_cannot_be_woken)
{
    uint64_t ticket = sley__task_begin_wait(&task, 0);

    cr_assert(sley__task_abandon(&task));
    cr_assert_eq(state(), SLEY__TASK_RUNNING);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_NOTHING);
}

Test(wait_word, a_woken_wait_cannot_be_abandoned)
{
    uint64_t ticket = sley__task_begin_wait(&task, 0);

    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_QUEUE);
    cr_assert(!sley__task_abandon(&task));
    cr_assert_eq(state(), SLEY__TASK_WOKEN);
}

Test(wait_word, flags_say_who_may_wake)
{
    uint64_t ticket = sley__task_begin_wait(&task, 0);

    cr_assert_eq(sley__task_wake(&task, ticket, SLEY__WAIT_UNPARKABLE, 0), SLEY__WAKE_NOTHING);
    cr_assert(sley__task_abandon(&task));
    ticket = sley__task_begin_wait(&task, SLEY__WAIT_UNPARKABLE);
    cr_assert_eq(sley__task_wake(&task, ticket, SLEY__WAIT_UNPARKABLE, 0), SLEY__WAKE_QUEUE);
    sley__task_set_state(&task, SLEY__TASK_RUNNING);
    ticket = sley__task_begin_wait(&task, SLEY__WAIT_SHIELDED);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, SLEY__WAIT_SHIELDED), SLEY__WAKE_NOTHING);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, 0), SLEY__WAKE_QUEUE);
}

Test(wait_word, flags_end_with_their_wait)
{
    uint64_t ticket;

    sley__task_begin_wait(&task, SLEY__WAIT_UNPARKABLE | SLEY__WAIT_SHIELDED);
    cr_assert(sley__task_abandon(&task));
    ticket = sley__task_begin_wait(&task, 0);
    cr_assert_eq(sley__task_wake(&task, ticket, SLEY__WAIT_UNPARKABLE, 0), SLEY__WAKE_NOTHING);
    cr_assert_eq(sley__task_wake(&task, ticket, 0, SLEY__WAIT_SHIELDED), SLEY__WAKE_QUEUE);
}

Test(wait_word, a_plain_change_keeps_the_ticket)
{
    for (int s = SLEY__TASK_FREE; s <= SLEY__TASK_DONE; s++) {
        if (s == SLEY__TASK_WAITING)
            continue;
        sley__task_set_state(&task, (enum sley__task_state)s);
        cr_assert_eq(state(), (unsigned)s);
        cr_assert_eq(sley__task_ticket(load_relaxed(&task.word)), 7);
    }
}

#ifdef SLEY_DEBUG
Test(wait_word, a_waiting_task_is_not_changed_plainly, .signal = SIGABRT)
{
    sley__task_begin_wait(&task, 0);
    sley__task_set_state(&task, SLEY__TASK_RUNNING);
}
#endif

/* --- the join word --------------------------------------------------------------------------- */

static struct sley_task joiner, second;
static atomic(uint32_t) futex, second_futex;
static struct sley__finish end;

/* As a parked joiner is: in a wait of its own. */
static uint64_t wait_in(struct sley_task *who, uint64_t ticket)
{
    store_relaxed(&who->word, (ticket - 1) << SLEY__TICKET_SHIFT | SLEY__TASK_RUNNING);
    return sley__task_begin_wait(who, 0);
}

/* The end has ended this wait of the joiner, and no other. */
static bool woken_from(struct sley_task *who, uint64_t ticket)
{
    return load_relaxed(&who->word) == (ticket << SLEY__TICKET_SHIFT | SLEY__TASK_WOKEN);
}

static void unjoined(void)
{
    running();
    store_relaxed(&task.join, 0);
    wait_in(&joiner, 100);
    wait_in(&second, 200);
}

TestSuite(join_word, .init = unjoined);

static enum sley__finish_duty finish(void)
{
    memset(&end, 0, sizeof end);
    return sley__task_finish(&task, &end);
}

Test(join_word, an_end_before_the_join_leaves_the_result_to_it)
{
    cr_assert_eq(finish(), SLEY__FINISH_NOTHING);
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_TAKE);
}

Test(join_word, an_end_before_a_foreign_join_too)
{
    cr_assert_eq(finish(), SLEY__FINISH_NOTHING);
    cr_assert_eq(sley__task_join_foreign(&task, &futex), SLEY__JOIN_TAKE);
}

Test(join_word, an_end_after_the_join_wakes_the_joiner)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_TASK);
    cr_assert_eq(end.joiner, &joiner);
    cr_assert(woken_from(&joiner, 100));
}

Test(join_word, an_end_after_a_foreign_join_wakes_the_thread)
{
    cr_assert_eq(sley__task_join_foreign(&task, &futex), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_FOREIGN);
    cr_assert_eq(end.foreign, &futex);
}

Test(join_word, the_end_of_a_detached_task_frees_it)
{
    cr_assert(!sley__task_detach(&task));
    cr_assert_eq(finish(), SLEY__FINISH_FREE);
}

Test(join_word, a_detach_after_the_end_frees_it)
{
    cr_assert_eq(finish(), SLEY__FINISH_NOTHING);
    cr_assert(sley__task_detach(&task));
}

Test(join_word, only_one_can_join)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_task(&task, &second), SLEY__JOIN_BUSY);
    cr_assert_eq(sley__task_join_foreign(&task, &second_futex), SLEY__JOIN_BUSY);
    unjoined();
    cr_assert_eq(sley__task_join_foreign(&task, &futex), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_task(&task, &second), SLEY__JOIN_BUSY);
    cr_assert_eq(sley__task_join_foreign(&task, &second_futex), SLEY__JOIN_BUSY);
}

Test(join_word, nobody_joins_a_detached_task)
{
    cr_assert(!sley__task_detach(&task));
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_BUSY);
    cr_assert_eq(sley__task_join_foreign(&task, &futex), SLEY__JOIN_BUSY);
    cr_assert_eq(finish(), SLEY__FINISH_FREE);
}

Test(join_word, a_second_joiner_does_not_disturb_the_first)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_task(&task, &second), SLEY__JOIN_BUSY);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_TASK);
    cr_assert_eq(end.joiner, &joiner);
    cr_assert(woken_from(&joiner, 100));
}

Test(join_word, a_joiner_that_gives_up_is_not_told)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_retract(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_NOTHING);
    cr_assert(sley__task_detach(&task), "the handle is still its owner's");
}

Test(join_word, a_joiner_that_gives_up_too_late_has_the_result)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_TASK);
    cr_assert_eq(sley__task_join_retract(&task, &joiner), SLEY__JOIN_TAKE);
}

Test(join_word, who_gave_up_can_detach)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_retract(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert(!sley__task_detach(&task));
    cr_assert_eq(finish(), SLEY__FINISH_FREE);
}

Test(join_word, who_gave_up_can_come_again_with_another_wait)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_retract(&task, &joiner), SLEY__JOIN_WAIT);
    wait_in(&joiner, 101);
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_TASK);
    cr_assert(woken_from(&joiner, 101));
}

Test(join_word, after_one_gave_up_another_may_join)
{
    cr_assert_eq(sley__task_join_task(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_retract(&task, &joiner), SLEY__JOIN_WAIT);
    cr_assert_eq(sley__task_join_foreign(&task, &futex), SLEY__JOIN_WAIT);
    cr_assert_eq(finish(), SLEY__FINISH_WAKE_FOREIGN);
    cr_assert_eq(end.foreign, &futex);
}

Test(join_word, a_second_detach_is_noticed, .signal = SIGABRT)
{
    (void)!sley__task_detach(&task);
    (void)!sley__task_detach(&task);
}

Test(join_word, a_detach_of_what_is_being_joined_is_noticed, .signal = SIGABRT)
{
    (void)!sley__task_join_task(&task, &joiner);
    (void)!sley__task_detach(&task);
}

/* --- memory ---------------------------------------------------------------------------------- */

static int maps_left = -1; /* how many more may succeed; -1: all */
static int maps;
static size_t small_bytes, huge_bytes; /* mapped */

void *__real_sley__map(size_t size, size_t align, bool huge);
void *__wrap_sley__map(size_t size, size_t align, bool huge);

void *__wrap_sley__map(size_t size, size_t align, bool huge)
{
    if (maps_left == 0)
        return NULL;
    if (maps_left > 0)
        maps_left--;
    maps++;
    *(huge ? &huge_bytes : &small_bytes) += size;
    return __real_sley__map(size, align, huge);
}

enum { SLAB_HUGE = 2 << 20 };

static struct sley__task_pool pool;
static struct sley__task_cache cache, other_cache;

static void open_pool(void)
{
    sley__task_pool_init(&pool);
}

static void close_pool(void)
{
    sley__task_pool_close(&pool);
}

TestSuite(task_memory, .init = open_pool, .fini = close_pool);

static struct sley_task *alloc(void)
{
    return sley__task_alloc(&pool, &cache);
}

static void give_back(struct sley_task *t)
{
    sley__task_free(&pool, &cache, t);
}

Test(task_memory, tasks_are_distinct_and_on_lines_of_their_own)
{
    enum { MANY = 30000 }; /* beyond the slabs that grow */
    static struct sley_task *all[MANY];

    for (size_t i = 0; i < MANY; i++) {
        cr_assert_not_null(all[i] = alloc());
        cr_assert_eq((uintptr_t)all[i] % SLEY_CACHE_LINE, 0);
        all[i]->arg = &all[i];
    }
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(all[i]->arg, &all[i], "two are one");
}

/* A huge page is resident as a whole. */
Test(task_memory, no_huge_page_before_there_is_twice_as_much_without)
{
    while (!huge_bytes) {
        cr_assert_lt(small_bytes, 3 * SLAB_HUGE, "when will there be one?");
        cr_assert_not_null(alloc());
    }
    cr_assert_eq(huge_bytes, SLAB_HUGE);
    cr_assert_geq(small_bytes, 2 * SLAB_HUGE);
}

Test(task_memory, a_fresh_task_is_zero)
{
    static const char zero[sizeof(struct sley_task)];
    struct sley_task *t = alloc();

    t->next = NULL;
    cr_assert_eq(memcmp(t, zero, sizeof *t), 0);
}

Test(task_memory, the_last_one_freed_is_the_first_to_be_used_again)
{
    struct sley_task *a = alloc(), *b = alloc();

    sley__task_set_state(a, SLEY__TASK_DONE);
    give_back(b);
    give_back(a);
    cr_assert_eq(sley__task_state(load_relaxed(&a->word)), SLEY__TASK_FREE);
    cr_assert_eq(alloc(), a);
    cr_assert_eq(alloc(), b);
}

Test(task_memory, tickets_survive_the_reuse)
{
    struct sley_task *t = alloc();
    uint64_t ticket;

    sley__task_set_state(t, SLEY__TASK_RUNNING);
    ticket = sley__task_begin_wait(t, 0);
    cr_assert(sley__task_abandon(t));
    give_back(t);
    cr_assert_eq(alloc(), t);
    sley__task_set_state(t, SLEY__TASK_RUNNING);
    cr_assert_eq(sley__task_begin_wait(t, 0), ticket + 1);
    cr_assert_eq(sley__task_wake(t, ticket, 0, 0), SLEY__WAKE_NOTHING, "a waker of its last life");
}

static size_t length(const struct sley_task *list)
{
    size_t n = 0;

    for (; list; list = list->next)
        n++;
    return n;
}

static size_t batches(void)
{
    size_t n = 0;

    for (struct sley_task *batch = pool.batches; batch; batch = batch->next_batch) {
        cr_assert_eq(length(batch), SLEY__TASK_BATCH);
        n++;
    }
    return n;
}

/* Leaves the cache without a task. */
static void drain_cache(void)
{
    while (cache.free || cache.full)
        alloc();
    cr_assert_eq(cache.count, 0);
}

Test(task_memory, a_cache_keeps_a_batch_and_a_list_and_spills_whole_batches)
{
    struct sley_task *all[3 * SLEY__TASK_BATCH];

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = alloc();
    drain_cache();
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        give_back(all[i]);
        cr_assert_eq(cache.count, (i + 1) % SLEY__TASK_BATCH);
        cr_assert_eq(length(cache.free), cache.count, "the count must be the length");
        cr_assert_eq(length(cache.full), i + 1 < SLEY__TASK_BATCH ? 0 : SLEY__TASK_BATCH);
    }
    cr_assert_eq(batches(), 2);
}

Test(task_memory, an_empty_list_gets_the_own_batch_first_and_then_what_others_have_spilt)
{
    struct sley_task *all[2 * SLEY__TASK_BATCH], *own;

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = alloc();
    drain_cache();
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        give_back(all[i]);
    own = cache.full;
    cr_assert_eq(batches(), 1);
    cr_assert(sley__task_refill(&pool, &cache));
    cr_assert_eq(cache.free, own);
    cr_assert_null(cache.full);
    cr_assert_eq(batches(), 1);
    cr_assert(sley__task_refill(&pool, &other_cache));
    cr_assert_eq(other_cache.count, SLEY__TASK_BATCH);
    cr_assert_eq(length(other_cache.free), SLEY__TASK_BATCH);
    cr_assert_eq(batches(), 0);
}

/* A producer on one worker and a consumer on another do not make the memory grow. */
Test(task_memory, what_one_allocates_and_another_frees_goes_round)
{
    int maps_before;

    for (int i = 0; i < 2000; i++)
        sley__task_free(&pool, &other_cache, alloc());
    maps_before = maps;
    for (int i = 0; i < 100000; i++)
        sley__task_free(&pool, &other_cache, alloc());
    cr_assert_eq(maps, maps_before);
}

Test(task_memory, no_memory_is_an_answer_and_not_the_end)
{
    struct sley_task *t;
    int n = 0;

    maps_left = 0;
    cr_assert_null(alloc());
    cr_assert_null(alloc());
    maps_left = 1;
    while (alloc())
        n++;
    cr_assert_gt(n, SLEY__TASK_BATCH);
    maps_left = -1;
    cr_assert_not_null(t = alloc());
    give_back(t);
}

static int count_running(struct sley_task *t, void *arg)
{
    int *count = arg;

    *count += sley__task_state(load_relaxed(&t->word)) == SLEY__TASK_RUNNING;
    return 0;
}

static int stop_at_running(struct sley_task *t, void *arg)
{
    (void)arg;
    return sley__task_state(load_relaxed(&t->word)) == SLEY__TASK_RUNNING ? 5 : 0;
}

Test(task_memory, a_walk_meets_every_task_once)
{
    int count = 0;

    cr_assert_eq(sley__task_each(&pool, stop_at_running, NULL), 0, "of an empty pool");
    for (int i = 0; i < 5000; i++)
        sley__task_set_state(alloc(), SLEY__TASK_RUNNING);
    cr_assert_eq(sley__task_each(&pool, count_running, &count), 0);
    cr_assert_eq(count, 5000);
}

Test(task_memory, a_walk_ends_where_the_visitor_says)
{
    sley__task_set_state(alloc(), SLEY__TASK_RUNNING);
    cr_assert_eq(sley__task_each(&pool, stop_at_running, NULL), 5);
}

/* --- names ----------------------------------------------------------------------------------- */

Test(task_names, a_site_is_a_name_and_a_place)
{
    memset(&task, 0, sizeof task);
    store_relaxed(&task.site, "probe\0dir/file.c:12");
    cr_assert_str_eq(sley__task_name(&task), "probe");
    cr_assert_str_eq(sley__task_site(&task), "dir/file.c:12");
}

Test(task_names, a_label_is_used_instead)
{
    memset(&task, 0, sizeof task);
    store_relaxed(&task.site, "probe\0dir/file.c:12");
    store_relaxed(&task.label[0], 'x');
    store_relaxed(&task.labelled, true);
    cr_assert_str_eq(sley__task_name(&task), "x");
    cr_assert_str_eq(sley__task_site(&task), "dir/file.c:12");
}
