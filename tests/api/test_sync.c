/*
 * test_sync.c: locks and what tasks wait for each other with: who is served when, what a cancel or
 * a deadline leaves behind, what is an error, and that foreign threads are served too. What happens
 * when much of it comes at once is in tests/stress/sync_storm.c.
 */
#include "task_test.h"

#include <sley/generator.h>
#include <sley/sync.h>

#include <signal.h>

/* Fields of the fixtures are zeroed for each test: Criterion runs each in a process of its own. */
static struct sley_mutex mutex;
static struct sley_cond cond;
static struct sley_event event;
static struct sley_rwlock rwlock;
static struct sley_wait_group group;
static struct sley_semaphore semaphore = SLEY_SEMAPHORE_INIT(1);

/* What happened, in order. */
static int order[16];
static unsigned events;

static void note(int what)
{
    order[events++] = what;
}

/* Lets every other task of a single worker run until it waits. */
static void let_others_wait(void)
{
    for (int i = 0; i < 30; i++)
        (void)sley_yield();
}

/* --- mutex ------------------------------------------------------------------------------------ */

static int lock_and_note(void *number)
{
    int error = sley_mutex_lock(&mutex);

    if (error)
        return error;
    note((int)(intptr_t)number);
    sley_mutex_unlock(&mutex);
    return 0;
}

ONE_WORKER_TEST(mutex, waiters_are_served_in_the_order_of_arrival)
{
    struct sley_task *tasks[3];

    assert_ok(sley_mutex_lock(&mutex));
    for (intptr_t i = 0; i < 3; i++) {
        tasks[i] = spawned(lock_and_note, (void *)i);
        let_others_wait();
    }
    sley_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++) {
        assert_ok(joined(tasks[i]));
        cr_assert_eq(order[i], i);
    }
    return 0;
}

ONE_WORKER_TEST(mutex, try_says_whether_it_was_free)
{
    cr_assert(sley_mutex_try(&mutex));
    cr_assert(!sley_mutex_try(&mutex));
    sley_mutex_unlock(&mutex);
    cr_assert(sley_mutex_try(&mutex));
    sley_mutex_unlock(&mutex);
    return 0;
}

ONE_WORKER_TEST(mutex, a_cancelled_waiter_leaves_it_to_the_next)
{
    struct sley_task *first, *second;

    assert_ok(sley_mutex_lock(&mutex));
    first = spawned(lock_and_note, (void *)1);
    let_others_wait();
    second = spawned(lock_and_note, (void *)2);
    let_others_wait();
    sley_cancel(first, NULL);
    assert_code(joined(first), SLEY_ECANCELED);
    sley_mutex_unlock(&mutex);
    assert_ok(joined(second));
    cr_assert_eq(events, 1);
    return 0;
}

/* Woken to try again and cancelled before it could: somebody else must be woken. */
ONE_WORKER_TEST(mutex, a_waiter_cancelled_on_its_way_passes_the_wake_on)
{
    struct sley_task *first, *second;
    int result;

    assert_ok(sley_mutex_lock(&mutex));
    first = spawned(lock_and_note, (void *)1);
    let_others_wait();
    second = spawned(lock_and_note, (void *)2);
    let_others_wait();
    sley_mutex_unlock(&mutex); /* wakes the first, which has not run yet */
    sley_cancel(first, NULL);
    result = joined(first);
    cr_assert(result == 0 || result == SLEY_ECANCELED);
    assert_ok(joined(second));
    return 0;
}

static int lock_in_time(UNUSED_ARG void *arg)
{
    sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    return lock_and_note(NULL);
}

ONE_WORKER_TEST(mutex, a_deadline_ends_the_wait)
{
    assert_ok(sley_mutex_lock(&mutex));
    assert_code(joined(spawned(lock_in_time, NULL)), SLEY_ETIMEDOUT);
    sley_mutex_unlock(&mutex);
    cr_assert(sley_mutex_try(&mutex));
    sley_mutex_unlock(&mutex);
    return 0;
}

static bool stop;

/* Takes the mutex again before anybody who waits can run. */
static int hog(UNUSED_ARG void *arg)
{
    assert_ok(sley_mutex_lock(&mutex));
    while (!stop) {
        (void)sley_yield();
        sley_mutex_unlock(&mutex);
        assert_ok(sley_mutex_lock(&mutex));
    }
    sley_mutex_unlock(&mutex);
    return 0;
}

ONE_WORKER_TEST(mutex, nobody_is_overtaken_for_ever)
{
    struct sley_task *hogging = spawned(hog, NULL);

    let_others_wait();
    assert_ok(sley_mutex_lock(&mutex));
    sley_mutex_unlock(&mutex);
    stop = true;
    assert_ok(joined(hogging));
    return 0;
}

/* Cancelled, then handed the mutex before it could run: it has it, and nobody else ever would. */
ONE_WORKER_TEST(mutex, one_that_is_handed_over_to_a_cancelled_waiter_is_kept)
{
    struct sley_task *task;

    assert_ok(sley_mutex_lock(&mutex));
    task = spawned(lock_and_note, (void *)1);
    let_others_wait();
    for (int i = 0; i < SLEY_BARGING_MAX; i++) {
        sley_mutex_unlock(&mutex);
        assert_ok(sley_mutex_lock(&mutex));
        let_others_wait(); /* in vain */
    }
    sley_cancel(task, NULL);
    sley_mutex_unlock(&mutex);
    cr_assert(!sley_mutex_try(&mutex), "it has been handed over");
    assert_ok(joined(task));
    cr_assert_eq(events, 1);
    return 0;
}

static int lock_and_stop(UNUSED_ARG void *arg)
{
    assert_ok(sley_mutex_lock(&mutex));
    stop = true;
    sley_mutex_unlock(&mutex);
    return 0;
}

/* The one that waits is woken, and must also get to run. */
ONE_WORKER_TEST(mutex, nobody_is_overtaken_for_ever_by_one_who_never_yields)
{
    struct sley_task *task;

    assert_ok(sley_mutex_lock(&mutex));
    task = spawned(lock_and_stop, NULL);
    let_others_wait();
    while (!stop) {
        sley_mutex_unlock(&mutex);
        assert_ok(sley_mutex_lock(&mutex));
    }
    sley_mutex_unlock(&mutex);
    assert_ok(joined(task));
    return 0;
}

static void *lock_on_thread(void *number)
{
    cr_assert_eq(lock_and_note(number), 0);
    return NULL;
}

TASK_TEST(mutex, a_foreign_thread_blocks_until_it_has_it)
{
    pthread_t thread;

    assert_ok(sley_mutex_lock(&mutex));
    cr_assert_eq(pthread_create(&thread, NULL, lock_on_thread, (void *)7), 0);
    assert_ok(sley_sleep(SLEY_MILLISECONDS(2))); /* held over a park */
    note(1);
    sley_mutex_unlock(&mutex);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(order[0], 1);
    cr_assert_eq(order[1], 7);
    return 0;
}

static int early_return(int *status)
{
    SLEY_WITH_MUTEX(&mutex, *status)
    {
        cr_assert(!sley_mutex_try(&mutex));
        return 5;
    }
    return 6;
}

ONE_WORKER_TEST(mutex, the_block_gives_it_up_on_every_way_out)
{
    int status = -1, runs = 0;

    cr_assert_eq(early_return(&status), 5);
    assert_ok(status);
    SLEY_WITH_MUTEX(&mutex, status)
    {
        runs++;
        break;
    }
    SLEY_WITH_MUTEX(&mutex, status)
    runs++;
    cr_assert_eq(runs, 2);
    cr_assert(sley_mutex_try(&mutex), "it is free");
    sley_mutex_unlock(&mutex);
    return 0;
}

static int skip_block(UNUSED_ARG void *arg)
{
    int status = 0;

    SLEY_WITH_MUTEX(&mutex, status)
    cr_assert_fail("the block must be skipped");
    return status;
}

ONE_WORKER_TEST(mutex, the_block_is_skipped_when_it_cannot_be_had)
{
    struct sley_task *task;

    assert_ok(sley_mutex_lock(&mutex));
    task = spawned(skip_block, NULL);
    let_others_wait();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert(!sley_mutex_try(&mutex), "it is still ours");
    sley_mutex_unlock(&mutex);
    return 0;
}

static unsigned calls;

static struct sley_mutex *counted(void)
{
    calls++;
    return &mutex;
}

/* More than what a debug build knows by address, given up in any order: no false alarm. */
ONE_WORKER_TEST(scoped, a_task_may_have_many_locks_at_once)
{
    struct sley_mutex mutexes[4] = {0};
    struct sley_rwlock rwlocks[4] = {0};

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            assert_ok(sley_mutex_lock(&mutexes[i]));
            assert_ok(sley_rwlock_read(&rwlocks[i]));
        }
        for (int i = 0; i < 4; i++)
            sley_mutex_unlock(&mutexes[(i * 3) % 4]);
        assert_ok(sley_mutex_lock(&mutexes[1]));
        for (int i = 0; i < 4; i++)
            sley_rwlock_unlock(&rwlocks[3 - i]);
        sley_mutex_unlock(&mutexes[1]);
    }
    return 0;
}

/* Blocks stand in each other, and say what they are given once only. */
ONE_WORKER_TEST(scoped, blocks_of_all_kinds_stand_in_each_other)
{
    struct sley_limiter two = SLEY_LIMITER_INIT(2);
    int status = -1, inner = -1, runs = 0;

    SLEY_WITH_MUTEX(counted(), status)
    {
        SLEY_WITH_WRITE_LOCK(&rwlock, inner)
        {
            cr_assert(!sley_rwlock_try_read(&rwlock));
            runs++;
        }
        assert_ok(inner);
        SLEY_WITH_READ_LOCK(&rwlock, inner)
        {
            cr_assert(!sley_rwlock_try_write(&rwlock));
            runs++;
            continue; /* ends the block */
        }
        SLEY_WITH_SEMAPHORE(&semaphore, inner)
        {
            cr_assert(!sley_semaphore_try(&semaphore));
            runs++;
        }
        SLEY_WITH_LIMITER(&two, inner)
        {
            cr_assert_eq(sley_limiter_taken(&two), 1);
            runs++;
            break;
        }
        assert_ok(inner);
    }
    assert_ok(status);
    cr_assert_eq(calls, 1);
    cr_assert_eq(runs, 4);
    cr_assert_eq(sley_limiter_taken(&two), 0);
    cr_assert(sley_rwlock_try_write(&rwlock));
    sley_rwlock_unlock(&rwlock);
    cr_assert(sley_semaphore_try(&semaphore));
    return 0;
}

static int skip_all(UNUSED_ARG void *arg)
{
    int status[4] = {0};

    SLEY_WITH_READ_LOCK(&rwlock, status[0])
    cr_assert_fail("the block must be skipped");
    SLEY_WITH_WRITE_LOCK(&rwlock, status[1])
    cr_assert_fail("the block must be skipped");
    SLEY_WITH_SEMAPHORE(&semaphore, status[2])
    cr_assert_fail("the block must be skipped");
    SLEY_WITH_LIMITER(&(struct sley_limiter)SLEY_LIMITER_INIT(1), status[3])
    cr_assert_fail("the block must be skipped");
    for (int i = 1; i < 4; i++)
        cr_assert_eq(status[i], status[0]);
    return status[0];
}

ONE_WORKER_TEST(scoped, a_cancelled_task_skips_the_blocks)
{
    struct sley_task *task = spawned(skip_all, NULL);

    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    return 0;
}

Test(mutex, unlocking_what_is_not_locked_ends_the_program, .signal = SIGABRT)
{
    sley_mutex_unlock(&mutex);
}

/* --- semaphore -------------------------------------------------------------------------------- */

static int acquire_and_note(void *number)
{
    int error = sley_semaphore_acquire(&semaphore);

    if (!error)
        note((int)(intptr_t)number);
    return error;
}

ONE_WORKER_TEST(semaphore, permits_go_to_those_who_wait_in_order)
{
    struct sley_task *tasks[3];

    assert_ok(sley_semaphore_acquire(&semaphore));
    for (intptr_t i = 0; i < 3; i++) {
        tasks[i] = spawned(acquire_and_note, (void *)i);
        let_others_wait();
    }
    for (int i = 0; i < 3; i++) {
        assert_ok(sley_semaphore_release(&semaphore));
        cr_assert(!sley_semaphore_try(&semaphore), "it belongs to the waiter already");
        assert_ok(joined(tasks[i]));
        cr_assert_eq(order[i], i);
    }
    return 0;
}

ONE_WORKER_TEST(semaphore, a_bounded_one_refuses_a_permit_too_many)
{
    struct sley_semaphore bounded = SLEY_SEMAPHORE_BOUNDED_INIT(1, 2);

    assert_ok(sley_semaphore_release(&bounded));
    assert_code(sley_semaphore_release(&bounded), SLEY_EINVAL);
    cr_assert(sley_semaphore_try(&bounded));
    cr_assert(sley_semaphore_try(&bounded));
    cr_assert(!sley_semaphore_try(&bounded));
    return 0;
}

ONE_WORKER_TEST(semaphore, a_cancelled_waiter_takes_no_permit)
{
    struct sley_task *task;

    assert_ok(sley_semaphore_acquire(&semaphore));
    task = spawned(acquire_and_note, NULL);
    let_others_wait();
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    assert_ok(sley_semaphore_release(&semaphore));
    cr_assert(sley_semaphore_try(&semaphore));
    return 0;
}

/* The permit is handed over, then comes the cancel: the permit is kept, not lost. */
ONE_WORKER_TEST(semaphore, a_permit_granted_before_the_cancel_is_kept)
{
    struct sley_task *task;

    assert_ok(sley_semaphore_acquire(&semaphore));
    task = spawned(acquire_and_note, NULL);
    let_others_wait();
    assert_ok(sley_semaphore_release(&semaphore));
    sley_cancel(task, NULL);
    assert_ok(joined(task));
    cr_assert_eq(events, 1);
    return 0;
}

static int acquire_at_once(UNUSED_ARG void *arg)
{
    return sley_semaphore_acquire(&semaphore);
}

ONE_WORKER_TEST(semaphore, a_cancelled_task_does_not_even_take_a_free_permit)
{
    struct sley_task *task = spawned(acquire_at_once, NULL);

    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert(sley_semaphore_try(&semaphore));
    return 0;
}

/* --- capacity limiter ------------------------------------------------------------------------- */

static struct sley_limiter limiter = SLEY_LIMITER_INIT(1);

static int borrow(void *number)
{
    struct sley_token token;
    int error = sley_limiter_acquire(&limiter, &token);

    if (error)
        return error;
    note((int)(intptr_t)number);
    return sley_limiter_release(&limiter, &token);
}

static int give_back_what_is_not_mine(void *token)
{
    return sley_limiter_release(&limiter, token);
}

ONE_WORKER_TEST(limiter, a_token_has_an_owner)
{
    struct sley_token token, second;

    assert_ok(sley_limiter_acquire(&limiter, &token));
    assert_code(sley_limiter_acquire(&limiter, &second), SLEY_EBUSY);
    assert_code(joined(spawned(give_back_what_is_not_mine, &token)), SLEY_EPERM);
    cr_assert_eq(sley_limiter_taken(&limiter), 1);
    assert_ok(sley_limiter_release(&limiter, &token));
    assert_code(sley_limiter_release(&limiter, &token), SLEY_EPERM);
    cr_assert_eq(sley_limiter_taken(&limiter), 0);
    return 0;
}

static struct sley_token shared_token;

static int wait_with_shared_token(UNUSED_ARG void *arg)
{
    int error = sley_limiter_acquire(&limiter, &shared_token);

    return error ? error : sley_limiter_release(&limiter, &shared_token);
}

ONE_WORKER_TEST(limiter, two_cannot_wait_to_fill_one_token)
{
    struct sley_task *first, *second;
    struct sley_token token;

    assert_ok(sley_limiter_acquire(&limiter, &token));
    first = spawned(wait_with_shared_token, NULL);
    let_others_wait();
    second = spawned(wait_with_shared_token, NULL);
    let_others_wait();
    assert_ok(sley_limiter_resize(&limiter, 3));
    assert_code(joined(second), SLEY_EBUSY);
    assert_ok(joined(first));
    assert_ok(sley_limiter_release(&limiter, &token));
    cr_assert_eq(sley_limiter_taken(&limiter), 0);
    return 0;
}

#ifndef SLEY_DEBUG /* debug builds count it among what the first task has, and end here */
static int yields_inside(struct sley_generator *self, UNUSED_ARG void *arg)
{
    int item = 1, status;

    SLEY_WITH_LIMITER(&limiter, status)
    (void)sley_yield_value(self, &item);
    return status;
}

static int frees(void *generator)
{
    sley_generator_free(generator);
    return 0;
}

/* The token lies on the body's stack. */
ONE_WORKER_TEST(limiter, a_block_in_a_generator_may_be_left_by_another_task)
{
    struct sley_generator *generator;
    struct sley_task *task;
    int item;

    assert_ok(sley_generator_new(yields_inside, NULL, sizeof item, NULL, &generator));
    assert_code(sley_generator_next(generator, &item), 1);
    task = spawned(frees, generator);
    assert_ok(joined(task));
    cr_assert_eq(sley_limiter_taken(&limiter), 0);
    cr_assert_null(limiter.tokens);
    return 0;
}
#endif

ONE_WORKER_TEST(limiter, more_capacity_lets_waiters_in)
{
    struct sley_task *first, *second;
    struct sley_token token;

    assert_ok(sley_limiter_acquire(&limiter, &token));
    first = spawned(borrow, (void *)1);
    let_others_wait();
    second = spawned(borrow, (void *)2);
    let_others_wait();
    cr_assert_eq(events, 0);
    assert_code(sley_limiter_resize(&limiter, 0), SLEY_EINVAL);
    assert_ok(sley_limiter_resize(&limiter, 2));
    assert_ok(joined(first));
    assert_ok(joined(second));
    cr_assert_eq(order[0], 1);
    assert_ok(sley_limiter_release(&limiter, &token));
    return 0;
}

/* --- reader-writer lock ----------------------------------------------------------------------- */

static int read_and_note(void *number)
{
    int error = sley_rwlock_read(&rwlock);

    if (error)
        return error;
    note((int)(intptr_t)number);
    sley_rwlock_unlock(&rwlock);
    return 0;
}

static int write_and_note(void *number)
{
    int error = sley_rwlock_write(&rwlock);

    if (error)
        return error;
    note((int)(intptr_t)number);
    sley_rwlock_unlock(&rwlock);
    return 0;
}

ONE_WORKER_TEST(rwlock, readers_share_and_a_writer_does_not)
{
    assert_ok(sley_rwlock_read(&rwlock));
    cr_assert(sley_rwlock_try_read(&rwlock));
    cr_assert(!sley_rwlock_try_write(&rwlock));
    sley_rwlock_unlock(&rwlock);
    sley_rwlock_unlock(&rwlock);
    assert_ok(sley_rwlock_write(&rwlock));
    cr_assert(!sley_rwlock_try_read(&rwlock));
    cr_assert(!sley_rwlock_try_write(&rwlock));
    sley_rwlock_unlock(&rwlock);
    return 0;
}

ONE_WORKER_TEST(rwlock, readers_do_not_overtake_a_writer_that_waits)
{
    struct sley_task *writer, *reader;

    assert_ok(sley_rwlock_read(&rwlock));
    writer = spawned(write_and_note, (void *)1);
    let_others_wait();
    reader = spawned(read_and_note, (void *)2);
    let_others_wait();
    cr_assert(!sley_rwlock_try_read(&rwlock));
    cr_assert_eq(events, 0);
    sley_rwlock_unlock(&rwlock);
    assert_ok(joined(writer));
    assert_ok(joined(reader));
    cr_assert_eq(order[0], 1);
    return 0;
}

ONE_WORKER_TEST(rwlock, readers_behind_a_writer_that_gives_up_go_in)
{
    struct sley_task *writer, *reader;

    assert_ok(sley_rwlock_read(&rwlock));
    writer = spawned(write_and_note, (void *)1);
    let_others_wait();
    reader = spawned(read_and_note, (void *)2);
    let_others_wait();
    sley_cancel(writer, NULL);
    assert_code(joined(writer), SLEY_ECANCELED);
    assert_ok(joined(reader));
    sley_rwlock_unlock(&rwlock);
    return 0;
}

/* --- condition -------------------------------------------------------------------------------- */

static int wait_for_signal(void *number)
{
    int error;

    assert_ok(sley_mutex_lock(&mutex));
    error = sley_cond_wait(&cond, &mutex);
    cr_assert(!sley_mutex_try(&mutex), "it is had again, whatever the answer");
    note((int)(intptr_t)number);
    sley_mutex_unlock(&mutex);
    return error;
}

ONE_WORKER_TEST(cond, a_signal_wakes_the_one_that_waited_longest)
{
    struct sley_task *first = spawned(wait_for_signal, (void *)1), *second;

    let_others_wait();
    second = spawned(wait_for_signal, (void *)2);
    let_others_wait();
    sley_cond_signal(&cond);
    assert_ok(joined(first));
    cr_assert_eq(events, 1);
    sley_cond_broadcast(&cond);
    assert_ok(joined(second));
    sley_cond_signal(&cond); /* nobody: no harm, and not kept */
    return 0;
}

ONE_WORKER_TEST(cond, a_cancelled_waiter_has_the_mutex_and_no_signal)
{
    struct sley_task *first = spawned(wait_for_signal, (void *)1), *second;

    let_others_wait();
    second = spawned(wait_for_signal, (void *)2);
    let_others_wait();
    sley_cancel(first, NULL);
    assert_code(joined(first), SLEY_ECANCELED);
    cr_assert_eq(events, 1);
    sley_cond_signal(&cond);
    assert_ok(joined(second));
    return 0;
}

/* Between the cancel and its effect the waiter is still the first in line: it has the signal then,
 * and says so, lest it be lost. */
ONE_WORKER_TEST(cond, a_signal_that_meets_a_cancel_is_kept)
{
    struct sley_task *first = spawned(wait_for_signal, (void *)1);

    let_others_wait();
    sley_cancel(first, NULL);
    sley_cond_signal(&cond);
    assert_ok(joined(first));
    return 0;
}

/* --- event, wait group, barrier, once --------------------------------------------------------- */

static int wait_for_event(UNUSED_ARG void *arg)
{
    int error = sley_event_wait(&event);

    events++;
    return error;
}

ONE_WORKER_TEST(event, lets_all_go_even_if_it_is_set_for_an_instant_only)
{
    struct sley_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = spawned(wait_for_event, NULL);
    let_others_wait();
    cr_assert_eq(events, 0);
    sley_event_set(&event);
    cr_assert(sley_event_is_set(&event));
    assert_ok(sley_event_wait(&event));
    sley_event_clear(&event);
    cr_assert(!sley_event_is_set(&event));
    for (int i = 0; i < 3; i++)
        assert_ok(joined(tasks[i]));
    return 0;
}

static void *set_event(UNUSED_ARG void *arg)
{
    sley_event_set(&event);
    return NULL;
}

TASK_TEST(event, may_be_set_by_a_foreign_thread)
{
    struct sley_task *task = spawned(wait_for_event, NULL);

    on_foreign_thread(set_event, NULL);
    assert_ok(joined(task));
    return 0;
}

static int finish_one(UNUSED_ARG void *arg)
{
    events++;
    return sley_wait_group_done(&group);
}

ONE_WORKER_TEST(wait_group, waits_for_as_many_as_were_added)
{
    assert_ok(sley_wait_group_wait(&group));
    assert_ok(sley_wait_group_add(&group, 3));
    for (int i = 0; i < 3; i++)
        sley_detach(spawned(finish_one, NULL));
    assert_ok(sley_wait_group_wait(&group));
    cr_assert_eq(events, 3);
    assert_code(sley_wait_group_done(&group), SLEY_EINVAL);
    return 0;
}

ONE_WORKER_TEST(wait_group, refuses_more_than_it_can_count)
{
    assert_ok(sley_wait_group_add(&group, UINT64_MAX - 1));
    assert_code(sley_wait_group_add(&group, 2), SLEY_EINVAL);
    assert_ok(sley_wait_group_add(&group, 1));
    assert_code(sley_wait_group_add(&group, 1), SLEY_EINVAL);
    assert_ok(sley_wait_group_add(&group, 0));
    assert_ok(sley_wait_group_done(&group));
    group.count = 2; /* nobody calls that often */
    assert_code(sley_wait_group_add(&group, (uint64_t)-1), SLEY_EINVAL);
    assert_ok(sley_wait_group_done(&group));
    assert_ok(sley_wait_group_done(&group));
    return sley_wait_group_wait(&group);
}

static struct sley_barrier barrier = SLEY_BARRIER_INIT(3);

static int meet(UNUSED_ARG void *arg)
{
    return sley_barrier_wait(&barrier);
}

ONE_WORKER_TEST(barrier, opens_when_all_have_come_and_names_the_last)
{
    for (int round = 0; round < 2; round++) {
        struct sley_task *first = spawned(meet, NULL), *second = spawned(meet, NULL);

        let_others_wait();
        cr_assert_eq(sley_barrier_wait(&barrier), 1);
        cr_assert_eq(joined(first), 0);
        cr_assert_eq(joined(second), 0);
    }
    return 0;
}

ONE_WORKER_TEST(barrier, who_gives_up_does_not_count)
{
    struct sley_task *first = spawned(meet, NULL), *second;

    let_others_wait();
    sley_cancel(first, NULL);
    assert_code(joined(first), SLEY_ECANCELED);
    first = spawned(meet, NULL);
    let_others_wait();
    second = spawned(meet, NULL);
    let_others_wait();
    cr_assert_eq(sley_barrier_wait(&barrier), 1);
    cr_assert_eq(joined(first), 0);
    cr_assert_eq(joined(second), 0);
    return 0;
}

static struct sley_once once;

/* Fails the first time. */
static int initialise(UNUSED_ARG void *arg)
{
    (void)sley_yield();
    return events++ == 0 ? SLEY_ENOMEM : 0;
}

static int do_once(UNUSED_ARG void *arg)
{
    return sley_once_do(&once, initialise, NULL);
}

ONE_WORKER_TEST(once, is_done_once_and_a_failure_does_not_count)
{
    struct sley_task *tasks[4];
    int failed = 0;

    for (int i = 0; i < 4; i++)
        tasks[i] = spawned(do_once, NULL);
    for (int i = 0; i < 4; i++)
        failed += joined(tasks[i]) == SLEY_ENOMEM;
    cr_assert_eq(failed, 1);
    cr_assert_eq(events, 2);
    assert_ok(sley_once_do(&once, initialise, NULL));
    cr_assert_eq(events, 2);
    return 0;
}

/* --- rate limiter ----------------------------------------------------------------------------- */

/* One in a thousand seconds: no test waits for it. */
static struct sley_rate_limiter slow = SLEY_RATE_LIMITER_INIT(0.001, 3);

ONE_WORKER_TEST(rate, a_burst_goes_through_and_then_it_is_somebody_elses_turn)
{
    for (int i = 0; i < 3; i++)
        cr_assert(sley_rate_limiter_try(&slow));
    cr_assert(!sley_rate_limiter_try(&slow));
    return 0;
}

ONE_WORKER_TEST(rate, a_turn_after_the_deadline_is_refused_at_once_and_not_used)
{
    struct sley_rate_limiter before;

    for (int i = 0; i < 3; i++)
        assert_ok(sley_rate_limiter_wait(&slow));
    before = slow;
    sley_deadline_narrow(sley_after(SLEY_SECONDS(500)));
    assert_code(sley_rate_limiter_wait(&slow), SLEY_ETIMEDOUT);
    cr_assert_eq(slow.next, before.next);
    return 0;
}

static int wait_for_turn(UNUSED_ARG void *arg)
{
    return sley_rate_limiter_wait(&slow);
}

ONE_WORKER_TEST(rate, a_cancelled_caller_gives_its_turn_back)
{
    struct sley_task *task;
    int64_t next;

    for (int i = 0; i < 3; i++)
        assert_ok(sley_rate_limiter_wait(&slow));
    next = slow.next;
    task = spawned(wait_for_turn, NULL);
    let_others_wait();
    cr_assert(slow.kept, "it waits");
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(slow.next, next);
    return 0;
}

ONE_WORKER_TEST(rate, many_cancelled_callers_give_theirs_back)
{
    enum { CALLERS = 20 };
    struct sley_task *tasks[CALLERS];
    int64_t next;

    for (int i = 0; i < 3; i++)
        assert_ok(sley_rate_limiter_wait(&slow));
    next = slow.next;
    for (int i = 0; i < CALLERS; i++)
        tasks[i] = spawned(wait_for_turn, NULL);
    let_others_wait();
    for (int i = 0; i < CALLERS; i++) /* the first ones first: others are behind them */
        sley_cancel(tasks[i], NULL);
    for (int i = 0; i < CALLERS; i++)
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    cr_assert_eq(slow.next, next);
    return 0;
}

static struct sley_rate_limiter never = SLEY_RATE_LIMITER_INIT(0, 1);

static int wait_for_ever(UNUSED_ARG void *arg)
{
    return sley_rate_limiter_wait(&never);
}

/* More centuries than there are. */
ONE_WORKER_TEST(rate, many_callers_give_back_what_is_for_ever)
{
    enum { CALLERS = 20 };
    struct sley_task *tasks[CALLERS];

    assert_ok(sley_rate_limiter_wait(&never));
    for (int i = 0; i < CALLERS; i++)
        tasks[i] = spawned(wait_for_ever, NULL);
    let_others_wait();
    for (int i = 0; i < CALLERS; i++)
        sley_cancel(tasks[i], NULL);
    for (int i = 0; i < CALLERS; i++)
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    cr_assert_not(never.waiting);
    return 0;
}

ONE_WORKER_TEST(rate, a_rate_out_of_range_is_the_nearest)
{
    struct sley_rate_limiter none = SLEY_RATE_LIMITER_INIT(0, 2);
    struct sley_rate_limiter below = SLEY_RATE_LIMITER_INIT(-3, 1);
    struct sley_rate_limiter most = SLEY_RATE_LIMITER_INIT(2e9, 1);

    cr_assert(sley_rate_limiter_try(&none) && sley_rate_limiter_try(&none));
    cr_assert_not(sley_rate_limiter_try(&none));
    cr_assert(sley_rate_limiter_try(&below));
    cr_assert_not(sley_rate_limiter_try(&below));
    cr_assert_eq(most.interval, 1);
    return 0;
}

static int wait_until_deadline(void *arg)
{
    sley_deadline_narrow(*(int64_t *)arg);
    return sley_rate_limiter_wait(&slow);
}

/* Each other one of a hundred leaves, so whoever comes then is the 51st. */
ONE_WORKER_TEST(rate, who_leaves_costs_nobody_a_turn)
{
    enum { STAY = 50 };
    struct sley_task *tasks[2 * STAY], *last;
    int64_t deadline = sley_after(SLEY_SECONDS(1000 * (STAY + 2)));

    for (int i = 0; i < 3; i++)
        assert_ok(sley_rate_limiter_wait(&slow));
    for (int i = 0; i < 2 * STAY; i++)
        tasks[i] = spawned(wait_for_turn, NULL);
    let_others_wait();
    for (int i = 1; i < 2 * STAY; i += 2)
        sley_cancel(tasks[i], NULL);
    let_others_wait();
    last = spawned(wait_until_deadline, &deadline);
    let_others_wait();
    sley_cancel(last, NULL);
    assert_code(joined(last), SLEY_ECANCELED); /* it was not too late */
    for (int i = 0; i < 2 * STAY; i++) {
        sley_cancel(tasks[i], NULL);
        assert_code(joined(tasks[i]), SLEY_ECANCELED);
    }
    return 0;
}

ONE_WORKER_TEST(rate, turns_are_an_interval_apart)
{
    struct sley_rate_limiter fast = SLEY_RATE_LIMITER_INIT(1000, 1);
    int64_t begin = sley_now();

    for (int i = 0; i < 6; i++)
        assert_ok(sley_rate_limiter_wait(&fast));
    cr_assert_geq(sley_now() - begin, SLEY_MILLISECONDS(5));
    return 0;
}
