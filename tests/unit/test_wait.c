/*
 * test_wait.c: the waist: waits and wakes in every order, and what is plugged into a runtime.
 *
 * One worker unless a test says otherwise: then tasks run one at a time, until they park or yield,
 * and each order of events below is the only one possible.
 */
#include "wait.h"

#include "atomic.h"
#include "platform.h"
#include "runtime_impl.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <sley/park.h>
#include <sley/runtime.h>

static const struct sley_options one_worker = {.workers = 1, .unpinned = true};

/* Runs the rest of the test as the main task of a runtime. */
#define TASK_TEST(suite, name)                                     \
    static int name##_body(void *unused);                          \
    Test(suite, name)                                              \
    {                                                              \
        cr_assert_eq(sley_run(name##_body, NULL, &one_worker), 0); \
    }                                                              \
    static int name##_body(UNUSED void *unused)

static void *wake_with_9(void *arg)
{
    struct sley__waker *waker = arg;

    cr_assert(sley__wake(*waker, 9));
    return NULL;
}

/* Calls fn(arg) on a thread that is not of the runtime, and waits for it. */
static void on_foreign_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, fn, arg), 0);
    pthread_join(thread, NULL);
}

/* A task that begins a wait, publishes its waker and parks. */
struct waiting {
    struct sley_task *task;
    struct sley__waker waker;
    int64_t deadline;
    int result;
    bool parked, over;
};

static int wait_there(void *arg)
{
    struct waiting *w = arg;

    w->result = sley__wait_begin(&w->waker, "a test");
    if (w->result)
        return 0;
    w->parked = true;
    w->result = sley__wait_park(w->deadline);
    w->over = true;
    return 0;
}

static void start_waiting(struct waiting *w)
{
    if (!w->deadline)
        w->deadline = SLEY_FOREVER;
    cr_assert_eq(sley_spawn(wait_there, w, NULL, &w->task), 0);
    while (!w->parked)
        sley_yield();
}

static void join(struct sley_task *task)
{
    cr_assert_eq(sley_join(task, NULL), 0);
}

/* --- off a task ------------------------------------------------------------------------------ */

Test(wait, there_is_nothing_to_wait_with_off_a_task)
{
    struct sley__waker waker;

    cr_assert_eq(sley__wait_begin(&waker, "x"), SLEY_ENOTASK);
    cr_assert_eq(sley__wait_check(), SLEY_ENOTASK);
    cr_assert_null(sley__wait_runtime());
    cr_assert(!sley__on_worker());
    sley__wait_spend();
}

TASK_TEST(wait, there_is_on_one)
{
    cr_assert_eq(sley__wait_check(), 0);
    cr_assert_eq(sley__wait_runtime(), sley_runtime_current());
    cr_assert_not_null(sley__wait_runtime());
    cr_assert(sley__on_worker());
    return 0;
}

/* --- wakes ----------------------------------------------------------------------------------- */

TASK_TEST(wait, a_wake_before_the_park_is_not_lost)
{
    struct sley__waker waker;

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert(sley__wake(waker, 5));
    cr_assert_eq(sley__wait_park(SLEY_FOREVER), 5);
    return 0;
}

TASK_TEST(wait, a_foreign_wake_before_the_park_is_not_lost)
{
    struct sley__waker waker;

    for (int i = 0; i < 200; i++) {
        cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
        on_foreign_thread(wake_with_9, &waker);
        cr_assert_eq(sley__wait_park(SLEY_FOREVER), 9);
    }
    return 0;
}

TASK_TEST(wait, a_wake_ends_the_park_with_its_result)
{
    static const int results[] = {0, 1, -1, INT32_MAX, SLEY_EOF, SLEY_ECANCELED};

    for (size_t i = 0; i < ARRAY_LENGTH(results); i++) {
        struct waiting w = {0};

        start_waiting(&w);
        cr_assert(!w.over);
        cr_assert(sley__wake(w.waker, results[i]));
        join(w.task);
        cr_assert_eq(w.result, results[i]);
    }
    return 0;
}

TASK_TEST(wait, only_the_first_wake_counts)
{
    struct waiting w = {0};

    start_waiting(&w);
    cr_assert(sley__wake(w.waker, 1));
    cr_assert(!sley__wake(w.waker, 2));
    join(w.task);
    cr_assert_eq(w.result, 1);
    cr_assert(!sley__wake(w.waker, 3), "long after the wait, and the task");
    return 0;
}

TASK_TEST(wait, a_waker_of_an_earlier_wait_does_nothing)
{
    struct sley__waker first, other;

    cr_assert_eq(sley__wait_begin(&first, "first"), 0);
    cr_assert(sley__wake(first, 1));
    cr_assert_eq(sley__wait_park(SLEY_FOREVER), 1);
    cr_assert_eq(sley__wait_begin(&other, "second"), 0);
    cr_assert(!sley__wake(first, 2));
    cr_assert(sley__wake(other, 3));
    cr_assert_eq(sley__wait_park(SLEY_FOREVER), 3);
    return 0;
}

/* Task memory is used again at once: the waker must not hit the next life. */
TASK_TEST(wait, a_waker_of_a_task_that_has_ended_does_nothing)
{
    struct waiting dead = {0}, alive = {0};

    start_waiting(&dead);
    cr_assert(sley__wake(dead.waker, 1));
    join(dead.task);
    start_waiting(&alive);
    cr_assert_eq(alive.waker.task, dead.waker.task, "this test wants the memory used again");
    cr_assert(!sley__wake(dead.waker, 2));
    cr_assert(!alive.over);
    cr_assert(sley__wake(alive.waker, 3));
    join(alive.task);
    cr_assert_eq(alive.result, 3);
    return 0;
}

TASK_TEST(wait, errno_survives_the_park)
{
    struct sley__waker waker;

    errno = ENOTTY;
    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    on_foreign_thread(wake_with_9, &waker);
    cr_assert_eq(sley__wait_park(SLEY_FOREVER), 9);
    cr_assert_eq(errno, ENOTTY);
    return 0;
}

/* --- deadlines ------------------------------------------------------------------------------- */

TASK_TEST(wait, a_park_ends_at_its_deadline_and_not_before)
{
    struct sley__waker waker;
    int64_t deadline = sley_after(SLEY_MILLISECONDS(3));

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert_eq(sley__wait_park(deadline), SLEY_ETIMEDOUT);
    cr_assert_geq(sley_now(), deadline);
    cr_assert(!sley__wake(waker, 1));
    return 0;
}

TASK_TEST(wait, a_park_ends_at_the_ambient_deadline_if_that_is_earlier)
{
    struct sley__waker waker;
    int64_t deadline = sley_after(SLEY_MILLISECONDS(3)), before = sley_deadline_narrow(deadline);

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert_eq(sley__wait_park(SLEY_FOREVER), SLEY_ETIMEDOUT);
    cr_assert_geq(sley_now(), deadline);
    cr_assert_eq(sley__wait_begin(&waker, "x"), SLEY_ETIMEDOUT);
    cr_assert_eq(sley__wait_check(), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    cr_assert_eq(sley__wait_check(), 0);
    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert(sley__wait_abandon(NULL));
    return 0;
}

TASK_TEST(wait, a_wake_before_the_deadline_leaves_no_timer_behind)
{
    struct sley__waker waker;

    for (int i = 0; i < 100; i++) {
        cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
        cr_assert(sley__wake(waker, i));
        cr_assert_eq(sley__wait_park(sley_after(SLEY_MICROSECONDS(200))), i);
    }
    cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(2)), 0);
    return 0;
}

TASK_TEST(wait, a_result_that_looks_like_a_timeout_is_only_a_result)
{
    struct waiting w = {.deadline = sley_after(SLEY_SECONDS(1000))};

    start_waiting(&w);
    cr_assert(sley__wake(w.waker, SLEY_ETIMEDOUT));
    join(w.task);
    cr_assert_eq(w.result, SLEY_ETIMEDOUT);
    return 0;
}

/* --- cancellation ---------------------------------------------------------------------------- */

TASK_TEST(wait, a_cancel_ends_the_park)
{
    struct waiting w = {0};

    start_waiting(&w);
    sley_cancel(w.task, NULL);
    cr_assert(!sley__wake(w.waker, 1), "the cancel has won");
    join(w.task);
    cr_assert_eq(w.result, SLEY_ECANCELED);
    return 0;
}

TASK_TEST(wait, a_wake_before_the_cancel_has_won)
{
    struct waiting w = {0};

    start_waiting(&w);
    cr_assert(sley__wake(w.waker, 7));
    sley_cancel(w.task, NULL);
    join(w.task);
    cr_assert_eq(w.result, 7, "what is done is not reported as cancelled");
    return 0;
}

TASK_TEST(wait, a_cancelled_task_begins_no_wait)
{
    struct waiting w = {0};

    cr_assert_eq(sley_spawn(wait_there, &w, NULL, &w.task), 0);
    sley_cancel(w.task, NULL);
    join(w.task);
    cr_assert(!w.parked);
    cr_assert_eq(w.result, SLEY_ECANCELED);
    return 0;
}

/* Two tasks whose timers fire together, on one worker: the first to arm runs first, and cancels the
 * other one, which is ready by then. Where the order of tasks is shuffled that other one may have
 * run already; and where the deadline passes before both have armed, nothing was waited for. The
 * case is therefore played with later and later deadlines until it has come about.
 */
struct late_pair {
    struct sley_task *victim;
    bool first_waits, victim_waits, victim_has_run, cancelled_in_time;
};

static int cancel_when_late(void *arg)
{
    struct late_pair *pair = arg;

    while (pair->victim == NULL)
        sley_yield();
    pair->first_waits = true;
    cr_assert_eq(sley_park(NULL), SLEY_ETIMEDOUT);
    pair->cancelled_in_time = pair->victim_waits && !pair->victim_has_run;
    sley_cancel(pair->victim, NULL);
    return 0;
}

static int park_until_late(void *arg)
{
    struct late_pair *pair = arg;
    int result;

    while (!pair->first_waits)
        sley_yield();
    pair->victim_waits = true;
    result = sley_park(NULL);
    pair->victim_has_run = true;
    return result;
}

static bool cancelled_though_late(int64_t delay)
{
    struct sley_task_options late = {.deadline = sley_after(delay)};
    struct late_pair pair = {0};
    struct sley_task *first;
    int result;

    cr_assert_eq(sley_spawn(cancel_when_late, &pair, &late, &first), 0);
    cr_assert_eq(sley_spawn(park_until_late, &pair, &late, &pair.victim), 0);
    join(first);
    cr_assert_eq(sley_join(pair.victim, &result), 0);
    if (pair.cancelled_in_time)
        cr_assert_eq(result, SLEY_ECANCELED);
    return pair.cancelled_in_time;
}

TASK_TEST(wait, cancel_wins_over_a_deadline_that_has_passed_already)
{
    int64_t delay = SLEY_MILLISECONDS(2);

    while (!cancelled_though_late(delay)) {
        delay *= 2;
        cr_assert_lt(delay, SLEY_SECONDS(3), "never cancelled between its timer and its turn");
    }
    return 0;
}

/* --- abandon --------------------------------------------------------------------------------- */

TASK_TEST(wait, an_abandoned_wait_is_over)
{
    struct sley__waker waker;

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert(sley__wait_abandon(NULL));
    cr_assert(!sley__wake(waker, 1));
    return 0;
}

TASK_TEST(wait, an_abandon_that_comes_too_late_has_the_result)
{
    struct sley__waker waker;
    int result = 0;

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert(sley__wake(waker, 4));
    cr_assert(!sley__wait_abandon(&result));
    cr_assert_eq(result, 4);
    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    on_foreign_thread(wake_with_9, &waker);
    cr_assert(!sley__wait_abandon(&result));
    cr_assert_eq(result, 9);
    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    cr_assert(sley__wake(waker, 1));
    cr_assert(!sley__wait_abandon(NULL), "the result need not be asked for");
    return 0;
}

TASK_TEST(wait, an_abandon_after_a_cancel_says_so)
{
    struct sley__waker waker;
    int result = 0;

    cr_assert_eq(sley__wait_begin(&waker, "x"), 0);
    sley_cancel(sley_self(), NULL);
    cr_assert(!sley__wait_abandon(&result));
    cr_assert_eq(result, SLEY_ECANCELED);
    return 0;
}

/* --- shielded -------------------------------------------------------------------------------- */

static int wait_shielded(void *arg)
{
    struct waiting *w = arg;

    sley__wait_begin_shielded(&w->waker, "shielded");
    w->parked = true;
    w->result = sley__wait_park_shielded();
    w->over = true;
    return sley_cancelled();
}

TASK_TEST(wait, a_shielded_wait_ends_only_by_its_wake)
{
    struct sley_task_options late = {.deadline = sley_after(SLEY_MILLISECONDS(1))};
    struct waiting w = {0};
    int result;

    cr_assert_eq(sley_spawn(wait_shielded, &w, &late, &w.task), 0);
    while (!w.parked)
        sley_yield();
    sley_cancel(w.task, NULL);
    cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(3)), 0);
    cr_assert(!w.over);
    cr_assert(sley__wake(w.waker, 6));
    cr_assert_eq(sley_join(w.task, &result), 0);
    cr_assert_eq(w.result, 6);
    cr_assert_eq(result, SLEY_ECANCELED);
    return 0;
}

TASK_TEST(wait, a_cancelled_task_may_wait_shielded)
{
    struct waiting w = {0};

    cr_assert_eq(sley_spawn(wait_shielded, &w, NULL, &w.task), 0);
    sley_cancel(w.task, NULL);
    while (!w.parked)
        sley_yield();
    cr_assert(!w.over);
    cr_assert(sley__wake(w.waker, 6));
    join(w.task);
    cr_assert_eq(w.result, 6);
    return 0;
}

/* --- batches --------------------------------------------------------------------------------- */

enum { BATCH = 100 };
static struct waiting many[BATCH];

static void start_many(void)
{
    for (int i = 0; i < BATCH; i++) {
        many[i] = (struct waiting){0};
        start_waiting(&many[i]);
    }
}

static void *wake_many(UNUSED void *arg)
{
    struct sley__wake_batch batch;

    sley__wake_batch_begin(&batch);
    sley__wake_batch_flush(&batch); /* of nothing */
    for (int i = 0; i < BATCH; i++) {
        cr_assert(sley__wake_batch_add(&batch, many[i].waker, i));
        cr_assert(!sley__wake_batch_add(&batch, many[i].waker, -1));
        if (i == BATCH / 3) {
            sley__wake_batch_flush(&batch);
            sley__wake_batch_flush(&batch);
        }
    }
    sley__wake_batch_flush(&batch);
    return NULL;
}

static void join_many(void)
{
    for (int i = 0; i < BATCH; i++) {
        join(many[i].task);
        cr_assert_eq(many[i].result, i);
    }
}

TASK_TEST(wait, a_batch_from_a_foreign_thread_wakes_all)
{
    start_many();
    on_foreign_thread(wake_many, NULL);
    join_many();
    return 0;
}

TASK_TEST(wait, a_batch_from_a_task_wakes_all)
{
    start_many();
    wake_many(NULL);
    join_many();
    return 0;
}

static int wait_in_runtime(void *arg)
{
    struct waiting *w = arg;

    w->deadline = SLEY_FOREVER;
    if (sley__wait_begin(&w->waker, "a test"))
        return -1;
    store_release((atomic(bool) *)(void *)&w->parked, true);
    return sley__wait_park(SLEY_FOREVER);
}

Test(wait, a_batch_may_hold_tasks_of_several_runtimes)
{
    struct sley_runtime *runtimes[3];
    struct waiting w[9] = {0};
    struct sley__wake_batch batch;
    int result;

    for (int i = 0; i < 3; i++)
        cr_assert_eq(sley_runtime_new(&one_worker, &runtimes[i]), 0);
    for (int i = 0; i < 9; i++) {
        cr_assert_eq(
            sley_runtime_spawn(runtimes[i / 2 % 3], wait_in_runtime, &w[i], NULL, &w[i].task), 0);
        while (!load_acquire((atomic(bool) *)(void *)&w[i].parked))
            sley__thread_yield();
    }
    sley__wake_batch_begin(&batch);
    for (int i = 0; i < 9; i++)
        cr_assert(sley__wake_batch_add(&batch, w[i].waker, 10 + i));
    sley__wake_batch_flush(&batch);
    for (int i = 0; i < 9; i++) {
        cr_assert_eq(sley_join(w[i].task, &result), 0);
        cr_assert_eq(result, 10 + i);
    }
    for (int i = 0; i < 3; i++)
        sley_runtime_free(runtimes[i]);
}

/* --- budget ---------------------------------------------------------------------------------- */

static bool ran;

static int note_that_it_ran(UNUSED void *arg)
{
    ran = true;
    return 0;
}

TASK_TEST(wait, who_never_parks_yields_when_the_budget_is_used_up)
{
    int operations = 0;

    for (int round = 0; round < 5; round++) {
        ran = false;
        cr_assert_eq(sley_spawn(note_that_it_ran, NULL, NULL, NULL), 0);
        for (operations = 0; !ran; operations++)
            sley__wait_spend();
        cr_assert_leq(operations, 128);
    }
    return 0;
}

/* --- services -------------------------------------------------------------------------------- */

static struct sley_runtime *runtime;
static char closed[8];
static int creates, error_of_create;

static void note(char what)
{
    closed[strlen(closed)] = what;
}

static void close_low(struct sley__service *service)
{
    (void)service;
    note('l');
}

static void close_high(struct sley__service *service)
{
    (void)service;
    note('h');
}

static struct sley__service low = {.close = close_low}, high = {.close = close_high};

static int create_low(struct sley_runtime *r, struct sley__service **out)
{
    cr_assert_eq(r, runtime);
    creates++;
    if (error_of_create)
        return error_of_create;
    *out = &low;
    return 0;
}

static int create_high(struct sley_runtime *r, struct sley__service **out)
{
    cr_assert_eq(r, runtime);
    creates++;
    *out = &high;
    return 0;
}

static void new_runtime(void)
{
    cr_assert_eq(sley_runtime_new(&one_worker, &runtime), 0);
}

TestSuite(service, .init = new_runtime);

Test(service, is_made_once_and_closed_with_the_runtime)
{
    struct sley__service *service = NULL;

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_low, &service),
                     0);
        cr_assert_eq(service, &low);
    }
    cr_assert_eq(creates, 1);
    cr_assert_str_eq(closed, "");
    sley_runtime_free(runtime);
    cr_assert_str_eq(closed, "l");
}

Test(service, an_error_is_not_remembered)
{
    struct sley__service *service = NULL;

    error_of_create = SLEY_EMFILE;
    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_low, &service),
                 SLEY_EMFILE);
    error_of_create = 0;
    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_low, &service), 0);
    cr_assert_eq(service, &low);
    sley_runtime_free(runtime);
    cr_assert_str_eq(closed, "l");
}

Test(service, the_youngest_is_closed_first)
{
    struct sley__service *service;

    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_HTTP, create_high, &service), 0);
    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_low, &service), 0);
    sley_runtime_free(runtime);
    cr_assert_str_eq(closed, "lh");
}

static int create_high_on_low(struct sley_runtime *r, struct sley__service **out)
{
    struct sley__service *service = NULL;

    cr_assert_eq(sley__runtime_service(r, SLEY__SERVICE_BLOCKING, create_low, &service), 0);
    cr_assert_eq(service, &low);
    return create_high(r, out);
}

Test(service, one_may_stand_on_one_of_a_lower_kind)
{
    struct sley__service *service = NULL;

    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_HTTP, create_high_on_low, &service),
                 0);
    cr_assert_eq(service, &high);
    cr_assert_eq(creates, 2);
    sley_runtime_free(runtime);
    cr_assert_str_eq(closed, "hl");
}

/* --- the poller ------------------------------------------------------------------------------ */

static struct watched {
    struct sley__poller poller;
    atomic(uint32_t) armed;   /* futex too */
    atomic(int) alternations; /* broken ones */
    atomic(bool) event;
    struct sley__waker waker; /* once there are `begun` waits */
    atomic(int) begun;
} watched;

static int drain_event(struct sley__poller *poller)
{
    (void)poller;
    return exchange_acq_rel(&watched.event, false) && sley__wake(watched.waker, 3);
}

static void arm(struct sley__poller *poller)
{
    (void)poller;
    if (exchange_acq_rel(&watched.armed, 1))
        fetch_add_acq_rel(&watched.alternations, 1);
    sley__futex_wake(&watched.armed, 1);
}

static void disarm(struct sley__poller *poller)
{
    (void)poller;
    if (!exchange_acq_rel(&watched.armed, 0))
        fetch_add_acq_rel(&watched.alternations, 1);
}

static void close_poller(struct sley__poller *poller)
{
    (void)poller;
    note('p');
}

static int create_poller(struct sley_runtime *r, struct sley__poller **out)
{
    cr_assert_eq(r, runtime);
    creates++;
    if (error_of_create)
        return error_of_create;
    watched.poller = (struct sley__poller){drain_event, arm, disarm, close_poller};
    *out = &watched.poller;
    return 0;
}

static void plug_in(void)
{
    struct sley__poller *poller = NULL;

    cr_assert_eq(sley__runtime_poller(runtime, create_poller, &poller), 0);
    cr_assert_eq(poller, &watched.poller);
}

static void await_armed(void)
{
    while (!load_acquire(&watched.armed))
        sley__futex_wait(&watched.armed, 0, SLEY_FOREVER);
}

TestSuite(poller, .init = new_runtime);

Test(poller, is_made_once_and_closed_last)
{
    struct sley__service *service;
    struct sley__poller *poller = NULL;

    error_of_create = SLEY_ENFILE;
    cr_assert_eq(sley__runtime_poller(runtime, create_poller, &poller), SLEY_ENFILE);
    error_of_create = 0;
    plug_in();
    plug_in();
    cr_assert_eq(creates, 2);
    cr_assert_eq(sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_low, &service), 0);
    sley_runtime_free(runtime);
    cr_assert_str_eq(closed, "lp");
}

Test(poller, is_armed_when_all_sleep_also_if_they_did_already)
{
    while (!sley__idle_sleeping(load_relaxed(&runtime->sched.idle.state)))
        sley__thread_yield();
    plug_in();
    await_armed();
    sley_runtime_free(runtime);
    cr_assert_eq(load_acquire(&watched.alternations), 0);
}

static int wait_for_event(UNUSED void *arg)
{
    cr_assert_eq(sley__wait_begin(&watched.waker, "event"), 0);
    fetch_add_acq_rel(&watched.begun, 1);
    return sley__wait_park(SLEY_FOREVER);
}

/* All sleep, so it is the watcher who wakes. Each time anew. */
Test(poller, the_watcher_wakes_a_task_while_all_sleep)
{
    struct sley_task *task;
    int result;

    plug_in();
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(sley_runtime_spawn(runtime, wait_for_event, NULL, NULL, &task), 0);
        while (load_acquire(&watched.begun) <= i)
            sley__thread_yield();
        await_armed();
        cr_assert(sley__wake(watched.waker, 3));
        cr_assert_eq(sley_join(task, &result), 0);
        cr_assert_eq(result, 3);
    }
    sley_runtime_free(runtime);
    cr_assert_eq(load_acquire(&watched.alternations), 0);
    cr_assert_str_eq(closed, "p");
}

static int yield_until_event(UNUSED void *arg)
{
    struct sley_task *task;
    int result;

    plug_in();
    cr_assert_eq(sley_spawn(wait_for_event, NULL, NULL, &task), 0);
    while (!load_acquire(&watched.begun))
        sley_yield();
    store_release(&watched.event, true);
    while (load_acquire(&watched.event))
        sley_yield(); /* never idle: somebody has to look all the same */
    cr_assert_eq(sley_join(task, &result), 0);
    return result;
}

Test(poller, busy_workers_drain_it)
{
    struct sley_task *task;
    int result;

    cr_assert_eq(sley_runtime_spawn(runtime, yield_until_event, NULL, NULL, &task), 0);
    cr_assert_eq(sley_join(task, &result), 0);
    cr_assert_eq(result, 3);
    sley_runtime_free(runtime);
}
