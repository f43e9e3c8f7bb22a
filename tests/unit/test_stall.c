/*
 * test_stall.c: what a stall is: a task that keeps its worker while somebody waits for that; and
 * who waits for its report: nobody.
 *
 * The poller is one of our own, so that an event is there when the test says so; and a question to
 * a task that is not answered is waited for until the others have come on, however long that takes.
 *
 * link: -Wl,--wrap=sley__futex_wait
 */
#include "api/task_test.h"
#include "runtime_impl.h"

#include <signal.h>
#include <stdlib.h>

#include <sley/stall.h>

static struct sley_runtime *runtime; /* the test's. Set by its main task before anything is asked */

static struct sley__sched *sched(void)
{
    return &runtime->sched;
}

/* --- reports -------------------------------------------------------------------------------- */

static atomic(unsigned) reports;
static char report_name[64];

static void note(const struct sley_stall *stall, UNUSED_ARG void *arg)
{
    strncpy(report_name, stall->task_name, sizeof report_name - 1);
    fetch_add_acq_rel(&reports, 1);
}

/* A worker that is watched closely. */
#define STALL_TEST_WITH(name, workers_)                                                  \
    TASK_TEST_WITH(stall, name, .workers = workers_, .unpinned = true, .on_stall = note, \
                   .stall_threshold = SLEY_MILLISECONDS(1))

static uint64_t stalls(void)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < sched()->worker_count; i++)
        n += load_relaxed(&sched()->workers[i].stalls);
    return n;
}

/* --- events --------------------------------------------------------------------------------- */

/* An event that one task waits for. */
static struct sley__waker event_waker;
static atomic(bool) event_awaited, event_there, event_taken;

static int drain(UNUSED_ARG struct sley__poller *poller)
{
    bool there = true;

    if (!load_acquire(&event_there) || !cas_acq_rel(&event_there, &there, false))
        return 0;
    return sley__wake(event_waker, 0);
}

static void nothing(UNUSED_ARG struct sley__poller *poller)
{
}

static struct sley__poller poller = {drain, nothing, nothing, nothing};

static int create(UNUSED_ARG struct sley_runtime *r, struct sley__poller **out)
{
    *out = &poller;
    return 0;
}

static void begin_with_poller(void)
{
    struct sley__poller *made;

    runtime = sley_runtime_current();
    assert_ok(sley__runtime_poller(runtime, create, &made));
}

static int take_event(UNUSED_ARG void *arg)
{
    assert_ok(sley__wait_begin(&event_waker, "an event"));
    store_release(&event_awaited, true);
    assert_ok(sley__wait_park(SLEY_FOREVER));
    store_release(&event_taken, true);
    return 0;
}

/* Whether the worker has been taken from the calling task, and nobody had waited. */
static bool is_acquitted(void)
{
    const struct sley__worker *carrier = sley_self()->worker;

    return load_relaxed(&carrier->standing) == SLEY__POST_LOST &&
           (load_relaxed(&carrier->trial) & SLEY__TRIAL_MASK) == SLEY__TRIAL_ACQUITTED;
}

static void hog_until_acquitted(void)
{
    while (!is_acquitted())
        sched_yield();
    cr_assert_eq(stalls(), 0);
}

STALL_TEST_WITH(events_that_do_not_come_have_not_waited, 1)
{
    begin_with_poller();
    hog_until_acquitted();
    assert_ok(sley_yield());
    hog_until_acquitted();
    assert_ok(sley_yield());
    cr_assert_eq(stalls(), 0);
    return 0;
}

STALL_TEST_WITH(events_that_do_not_come_have_not_waited_for_one_of_many, 4)
{
    begin_with_poller();
    hog_until_acquitted();
    return 0;
}

/* It keeps the worker until that has been counted. On a busy machine it may have lost it before the
 * event was there: then once more. */
static int hog_beside_event(UNUSED_ARG void *arg)
{
    struct sley_task *task;

    begin_with_poller();
    do {
        store_release(&event_awaited, false);
        store_release(&event_taken, false);
        task = spawned(take_event, NULL);
        while (!load_acquire(&event_awaited))
            assert_ok(sley_yield());
        store_release(&event_there, true);
        while ((!load_acquire(&event_taken) || !stalls()) && !is_acquitted())
            sched_yield();
        drain(&poller);
        cr_assert_eq(joined(task), 0);
    } while (!stalls());
    return 0;
}

STALL_TEST_WITH(an_event_that_had_to_wait_is_counted, 1)
{
    return hog_beside_event(NULL);
}

static int hog_beside_nothing(UNUSED_ARG void *arg)
{
    begin_with_poller();
    hog_until_acquitted();
    return 0;
}

Test(stall, a_run_fails_only_if_events_have_waited)
{
    struct sley_options options = {
        .workers = 1, .unpinned = true, .stall_threshold = SLEY_MILLISECONDS(1)};

    setenv("SLEY_STALLS", "fail", 1);
    assert_ok(sley_run(hog_beside_nothing, NULL, &options));
    assert_code(sley_run(hog_beside_event, NULL, &options), SLEY_ESTALLED);
}

/* --- a report that does not come ------------------------------------------------------------ */

enum { CROWD = 4, TURNS = 50 };

static atomic(unsigned) turns;
static unsigned wanted;
static bool patient;
static atomic(unsigned) waits; /* for an answer */

void __real_sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline);
void __wrap_sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline);

/* Whoever waits for an answer waits until the crowd is through, if there is one hog: others would
 * have to be relieved meanwhile. */
void __wrap_sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline)
{
    if (patient && word == &runtime->stalls.answer.state) {
        fetch_add_acq_rel(&waits, 1);
        while (load_acquire(&turns) < wanted)
            sched_yield();
    }
    __real_sley__futex_wait(word, expected, deadline);
}

static int take_turns(UNUSED_ARG void *arg)
{
    for (int i = 0; i < TURNS; i++) {
        fetch_add_acq_rel(&turns, 1);
        assert_ok(sley_yield());
    }
    return 0;
}

static void mask_questions(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    cr_assert_eq(pthread_sigmask(how, &set, NULL), 0);
}

/* Does not answer, and keeps its worker until all of the crowd have come through and the answer has
 * been waited for. It comes too late, or not at all. */
static int hog_in_silence(UNUSED_ARG void *arg)
{
    mask_questions(SIG_BLOCK);
    while (load_acquire(&turns) < wanted ||
           (patient && !load_acquire(&waits) && !load_acquire(&reports)))
        sched_yield();
    mask_questions(SIG_UNBLOCK);
    return 0;
}

static void silent_hogs(unsigned hogs)
{
    struct sley_task *hog[CROWD], *crowd[CROWD];

    runtime = sley_runtime_current();
    wanted = CROWD * TURNS;
    patient = hogs == 1;
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = spawned(take_turns, NULL);
    for (unsigned i = 0; i < hogs; i++)
        hog[i] = spawned(hog_in_silence, NULL);
    for (unsigned i = 0; i < hogs; i++)
        cr_assert_eq(joined(hog[i]), 0);
    for (unsigned i = 0; i < CROWD; i++)
        cr_assert_eq(joined(crowd[i]), 0);
}

STALL_TEST_WITH(the_worker_of_a_task_that_does_not_answer_goes_on, 1)
{
    silent_hogs(1);
    return 0;
}

STALL_TEST_WITH(the_workers_of_several_that_do_not_answer_go_on, 2)
{
    silent_hogs(4);
    return 0;
}

/* The answer is asked for before the one that stands in can have helped the task on. */
static int hog_until_helped(UNUSED_ARG void *arg)
{
    while (load_acquire(&turns) < TURNS)
        sched_yield();
    return 0;
}

STALL_TEST_WITH(who_is_helped_on_by_its_relief_is_named, 1)
{
    struct sley_task *help, *hog;

    runtime = sley_runtime_current();
    while (!load_acquire(&reports)) { /* without a processor it is no stall */
        store_release(&turns, 0);
        help = spawned(take_turns, NULL);
        assert_ok(sley_spawn(hog_until_helped, NULL, NULL, &hog)); /* by its name */
        cr_assert_eq(joined(hog), 0);
        cr_assert_eq(joined(help), 0);
    }
    cr_assert_str_eq(report_name, "hog_until_helped");
    return 0;
}
