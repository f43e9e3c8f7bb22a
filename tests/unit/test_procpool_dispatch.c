/* procpool_dispatch.c, the time of jobs: with a child that is played by the test, and with what the
 * clock would say. */
#define _GNU_SOURCE
#include "procpool_played.h"

#define TIMEOUT INT64_C(100000000000) /* more than a test takes: no time passes by itself */
#define YEAR    INT64_C(31536000000000000)

static struct sley__procchild *child;
static struct sley_job jobs[3];

static void submit(struct sley_job *job)
{
    *job = (struct sley_job){.timeout = TIMEOUT};
    sley__queue_push(&pool, job);
    sley__pool_dispatch(&pool);
}

static void begin(void)
{
    open_pool();
    submit(&jobs[0]);
    cr_assert_eq(pool.in_rings, 1);
    child = container_of(pool.children.next, struct sley__procchild, link);
}

TestSuite(procpool_dispatch, .init = begin, .fini = close_pool);

/* What a child does. */
static void set(uint64_t position, unsigned state)
{
    store_release(&sley__slot_at(child->channel, position)->word, sley__slot_word(position, state));
}

/* Looks at the time of the oldest job as late as it pleases, until there is nothing to see. */
static void watch_for_years(void)
{
    for (int i = 1; i < 100; i++)
        sley__child_watch(child, sley__clock_now() + i * YEAR);
}

Test(procpool_dispatch, a_job_that_has_not_begun_has_all_its_time)
{
    watch_for_years();
    cr_assert_eq(child->doom, SLEY__SPARED);
    cr_assert_eq(child->head_begun, 0);
    cr_assert_eq(jobs[0].private_.state, SLEY__JOB_GIVEN);
}

Test(procpool_dispatch, it_is_looked_at_before_its_time_could_be_over)
{
    int64_t now = sley__clock_now();

    for (int i = 0; i < 100; i++) {
        int64_t next = sley__child_watch(child, now);

        cr_assert_gt(next, now);
        cr_assert_leq(next, now + TIMEOUT / 8);
        now = next;
    }
}

Test(procpool_dispatch, its_time_runs_from_the_first_look_that_sees_it_begun)
{
    int64_t before, after, next;

    watch_for_years();
    set(0, SLEY__SLOT_TAKEN);
    before = sley__clock_now();
    next = sley__child_watch(child, child->head_look);
    after = sley__clock_now();
    cr_assert_geq(next, before + TIMEOUT);
    cr_assert_leq(next, after + TIMEOUT);
    cr_assert_eq(sley__child_watch(child, next - 1), next, "no later look counts");
    cr_assert_eq(child->doom, SLEY__SPARED);
    sley__child_watch(child, next);
    cr_assert_eq(child->doom, SLEY__DOOM_TIMEOUT);
}

Test(procpool_dispatch, any_look_for_results_counts)
{
    int64_t before = sley__clock_now();

    set(0, SLEY__SLOT_TAKEN);
    cr_assert_eq(sley__child_collect(child), 0);
    cr_assert_geq(child->head_begun, before);
    cr_assert_leq(child->head_begun, sley__clock_now());
}

/* The child has begun the second before anybody looked. */
Test(procpool_dispatch, the_next_job_has_a_time_of_its_own)
{
    submit(&jobs[1]);
    set(0, SLEY__SLOT_TAKEN);
    cr_assert_eq(sley__child_collect(child), 0);
    child->head_begun = 1; /* long ago */
    set(0, SLEY__SLOT_DONE);
    set(1, SLEY__SLOT_TAKEN);
    sley__child_watch(child, sley__clock_now());
    cr_assert_eq(jobs[0].error, 0);
    cr_assert_eq(jobs[0].private_.state, SLEY__JOB_OVER);
    cr_assert_eq(child->doom, SLEY__SPARED);
    cr_assert_gt(child->head_begun, 1);
}

Test(procpool_dispatch, so_has_one_that_it_has_not_begun)
{
    submit(&jobs[1]);
    set(0, SLEY__SLOT_TAKEN);
    cr_assert_eq(sley__child_collect(child), 0);
    set(0, SLEY__SLOT_DONE);
    cr_assert_eq(sley__child_collect(child), 1);
    watch_for_years();
    cr_assert_eq(child->head_begun, 0);
    cr_assert_eq(child->doom, SLEY__SPARED);
}
