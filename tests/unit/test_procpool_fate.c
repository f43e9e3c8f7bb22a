/* procpool_fate.c with a supervisor and children that are played by the test. */
#define _GNU_SOURCE
#include "procpool_played.h"

#include <signal.h>

/* As of wait(). */
#define SEGV_STATUS SIGSEGV

static struct sley_job queued = {.error = 1};

TestSuite(procpool_fate, .init = open_pool, .fini = close_pool);

/* Back-offs are over, and the supervisor has read what it was told. */
static void let_time_pass(void)
{
    struct sley__message message;
    int fds[SLEY__MESSAGE_FDS];
    size_t count;

    pool.respawn_at = 0;
    while (sley__message_receive(supervisor, &message, fds, &count, false) == 0)
        while (count)
            close(fds[--count]);
}

static struct sley__procchild *only_child(void)
{
    cr_assert_not(list_empty(&pool.children));
    return container_of(pool.children.next, struct sley__procchild, link);
}

static void take(struct sley__procchild *child)
{
    store_release(&sley__slot_at(child->channel, child->collected)->word,
                  sley__slot_word(child->collected, SLEY__SLOT_TAKEN));
}

static void submit(struct sley_job *job)
{
    let_time_pass();
    sley__queue_push(&pool, job);
    sley__pool_dispatch(&pool);
}

static void die(struct sley__procchild *child, int status)
{
    let_time_pass();
    sley__child_ended(&pool, child->id, status);
}

/* A job that kills its child. */
static void run_poison(void)
{
    struct sley_job poison = {0};

    submit(&poison);
    take(only_child());
    die(only_child(), SEGV_STATUS);
    cr_assert_eq(poison.error, SLEY_ECRASHED);
    cr_assert_eq(poison.signal, SIGSEGV);
}

/* A start that fails: the job that it was for is still in the queue, or has failed. */
static void fail_start(int error)
{
    die(only_child(), error);
}

static bool is_alive(const struct sley_job *job)
{
    return job->private_.state != SLEY__JOB_OVER;
}

Test(procpool_fate, a_failed_start_after_many_crashes_is_the_first)
{
    for (int i = 0; i < 7; i++)
        run_poison();
    submit(&queued);
    fail_start(SLEY_EAGAIN);
    cr_assert(is_alive(&queued));
    cr_assert_eq(pool.failed_starts, 1);
}

Test(procpool_fate, so_is_a_death_before_any_job)
{
    for (int i = 0; i < 20; i++)
        run_poison();
    submit(&queued);
    die(only_child(), SEGV_STATUS);
    cr_assert(is_alive(&queued));
}

Test(procpool_fate, eight_failed_starts_in_a_row_fail_the_queue)
{
    submit(&queued);
    for (int i = 0; i < 7; i++) {
        fail_start(SLEY_ENOMEM);
        cr_assert(is_alive(&queued), "%d", i);
        let_time_pass();
        sley__pool_dispatch(&pool);
    }
    fail_start(SLEY_ENOMEM);
    cr_assert_not(is_alive(&queued));
    cr_assert_eq(queued.error, SLEY_ENOMEM);
}

Test(procpool_fate, a_child_that_gets_to_a_job_ends_the_row)
{
    for (int round = 0; round < 5; round++) {
        submit(&queued);
        for (int i = 0; i < 7; i++) {
            fail_start(SLEY_EAGAIN);
            cr_assert(is_alive(&queued), "%d %d", round, i);
            let_time_pass();
            sley__pool_dispatch(&pool);
        }
        take(only_child());
        die(only_child(), SEGV_STATUS);
        cr_assert_eq(queued.error, SLEY_ECRASHED);
    }
}

/* Each has a job, which it does not begin. */
static void start_together(struct sley_job *jobs, unsigned count)
{
    pool.options.max = count;
    for (unsigned i = 0; i < count; i++)
        submit(&jobs[i]);
    cr_assert_eq(pool.count, count);
}

Test(procpool_fate, children_that_die_together_are_one_failure)
{
    static struct sley_job jobs[20];

    start_together(jobs, 20);
    pool.options.max = 1; /* no more meanwhile */
    for (int i = 0; i < 20; i++)
        fail_start(SLEY_EAGAIN);
    cr_assert_eq(pool.failed_starts, 1);
    cr_assert_eq(pool.queued + pool.in_rings, 20);
}

/* The last of the eighth attempt is not the one that counts. */
Test(procpool_fate, the_queue_fails_with_the_last_of_those_who_die_together)
{
    static struct sley_job jobs[3];

    for (int round = 0; round < 8; round++) {
        pool.options.max = 3;
        let_time_pass();
        if (round == 0)
            start_together(jobs, 3);
        while (pool.count < 3)
            cr_assert_not_null(sley__child_start(&pool));
        for (int i = 0; i < 3; i++) {
            cr_assert(is_alive(&jobs[0]), "%d %d", round, i);
            pool.options.max = 0;
            fail_start(SLEY_EAGAIN);
        }
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(jobs[i].error, SLEY_EAGAIN);
}

Test(procpool_fate, the_end_of_one_that_has_worked_is_no_failed_start)
{
    static struct sley_job jobs[20];
    struct sley__procchild *children[20];
    unsigned count = 0;

    start_together(jobs, 20);
    list_for_each (link, &pool.children)
        children[count++] = container_of(link, struct sley__procchild, link);
    for (unsigned i = 0; i < count; i++) {
        store_release(&sley__slot_at(children[i]->channel, 0)->word,
                      sley__slot_word(0, SLEY__SLOT_DONE));
        cr_assert_eq(sley__child_collect(children[i]), 1);
    }
    pool.options.max = 0; /* nobody is free for it, nor may be started */
    sley__queue_push(&pool, &queued);
    for (unsigned i = 0; i < count; i++) {
        list_remove(&children[i]->place);
        list_init(&children[i]->place);
    }
    for (unsigned i = 0; i < count; i++)
        die(children[i], SIGKILL);
    cr_assert_eq(pool.stats.crashed, 20);
    cr_assert_eq(pool.failed_starts, 0);
    cr_assert(is_alive(&queued));
}

Test(procpool_fate, the_grace_begins_when_the_first_signal_was_sent)
{
    struct sley__procchild *child;
    int64_t before, kill_at;

    pool.options.grace = 1000000000000;
    submit(&queued);
    child = only_child();
    take(child);
    cr_assert_not(sley__child_stop_job(child, &queued, SLEY__DOOM_TIMEOUT));
    cr_assert_eq(child->kill_at, SLEY_FOREVER);
    before = sley__clock_now();
    sley__child_killed(&pool, child->id, SIGTERM);
    kill_at = child->kill_at;
    cr_assert_geq(kill_at, before + pool.options.grace);
    cr_assert_leq(kill_at, sley__clock_now() + pool.options.grace);
    cr_assert_eq(child->next_signal, SIGKILL);
    sley__child_killed(&pool, child->id, SIGTERM);
    sley__child_killed(&pool, child->id + 1, SIGTERM);
    cr_assert_eq(child->kill_at, kill_at);
    child->kill_at = 1; /* long ago */
    sley__pool_tick(&pool);
    sley__child_killed(&pool, child->id, SIGKILL);
    cr_assert_eq(child->kill_at, SLEY_FOREVER, "there is nothing left to do");
}
