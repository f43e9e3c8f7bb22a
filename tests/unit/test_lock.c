/*
 * test_lock.c: the leaf lock, its states one by one. (Contention: tests/stress/lock.c.)
 */
#include "lock.h"

#include "platform.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { FREE, HELD };

Test(lock, zero_is_an_unlocked_lock)
{
    struct sley__lock lock = {0};

    sley__lock_acquire(&lock);
    cr_assert_eq(load_relaxed(&lock.word), HELD);
    sley__lock_release(&lock);
    cr_assert_eq(load_relaxed(&lock.word), FREE);
}

Test(lock, try_takes_only_a_free_one)
{
    struct sley__lock lock = {0};

    cr_assert(sley__lock_try(&lock));
    cr_assert(!sley__lock_try(&lock));
    sley__lock_release(&lock);
    cr_assert(sley__lock_try(&lock));
}

Test(lock, a_release_that_sees_sleepers_frees_it)
{
    struct sley__lock lock = {0};

    sley__lock_acquire(&lock);
    store_relaxed(sley__lock_sleepers_of(&lock), 1);
    sley__lock_release(&lock);
    cr_assert_eq(load_relaxed(&lock.word), FREE);
    cr_assert_eq(load_relaxed(sley__lock_sleepers_of(&lock)), 1, "the sleeper counts itself out");
}

static struct sley__lock shared;
static int inside;

static void *enter(void *arg)
{
    (void)arg;
    sley__lock_acquire(&shared);
    inside++;
    sley__lock_release(&shared);
    return NULL;
}

/* The second thread is known to sleep, or to be about to, when it is counted. */
Test(lock, a_sleeper_gets_it_after_the_release)
{
    pthread_t thread;

    sley__lock_acquire(&shared);
    cr_assert_eq(pthread_create(&thread, NULL, enter, NULL), 0);
    while (!load_relaxed(sley__lock_sleepers_of(&shared)))
        sley__thread_yield();
    cr_assert_eq(inside, 0);
    sley__lock_release(&shared);
    pthread_join(thread, NULL);
    cr_assert_eq(inside, 1);
    cr_assert_eq(load_relaxed(&shared.word), FREE);
}

Test(lock, all_of_many_sleepers_get_it)
{
    pthread_t threads[8];

    sley__lock_acquire(&shared);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, enter, NULL), 0);
    while (load_relaxed(sley__lock_sleepers_of(&shared)) != ARRAY_LENGTH(threads))
        sley__thread_yield();
    sley__lock_release(&shared);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(inside, (int)ARRAY_LENGTH(threads));
    cr_assert_eq(load_relaxed(sley__lock_sleepers_of(&shared)), 0);
}
