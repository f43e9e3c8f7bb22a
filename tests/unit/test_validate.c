/*
 * test_validate.c: the validator has nothing to say of a healthy scheduler, in whatever state its
 * tasks are, and finds each thing that is put out of order here.
 *
 * The runtime has one worker, which runs the test; so nobody else moves. A panic must say what is
 * expected: then it is the SIGABRT that the test wants, anything else is not. Release builds have
 * no validator.
 *
 * link: -Wl,--wrap=sley__panic
 */
#include "validate.h"

#include "runtime_impl.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

#include <sley/generator.h>
#include <sley/park.h>
#include <sley/runtime.h>

#ifndef SLEY_DEBUG

Test(validate, is_not_in_this_build)
{
    cr_skip("release builds have no validator");
}

#else

/* What the panic must say. */
static const char *expected;

_Noreturn void __wrap_sley__panic(const char *file, int line, const char *format, ...);

_Noreturn void __wrap_sley__panic(const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (expected && strstr(text, expected))
        abort();
    fprintf(stderr, "%s:%d: %s\nand not: %s\n", file, line, text, expected ? expected : "nothing");
    signal(SIGILL, SIG_DFL);
    raise(SIGILL);
    abort();
}

static const struct sley_options one_worker = {.workers = 1, .unpinned = true};

static struct sley__worker *own;
static struct sley__sched *sched;

/* Until the thread that has started us waits in its join: it may still be telling idle workers. */
static void be_alone(void)
{
    while (!(load_acquire(&sley_self()->join) & SLEY__JOIN_FOREIGN))
        sley__thread_yield();
}

static int begin(void *arg)
{
    int (*body)(void) = *(int (**)(void))arg;

    own = sley__worker_current();
    sched = own->sched;
    be_alone();
    return body();
}

/* Runs the rest of the test as the main task of a runtime; with a text it must panic with that. */
#define HEALTHY(name)                                                 \
    static int name##_body(void);                                     \
    Test(validate, name)                                              \
    {                                                                 \
        int (*body)(void) = name##_body;                              \
        cr_assert_eq(sley_run(begin, (void *)&body, &one_worker), 0); \
    }                                                                 \
    static int name##_body(void)

#define FINDS(name, text)                            \
    static int name##_body(void);                    \
    Test(validate, finds_##name, .signal = SIGABRT)  \
    {                                                \
        int (*body)(void) = name##_body;             \
        expected = text;                             \
        sley_run(begin, (void *)&body, &one_worker); \
        cr_assert_fail("nothing was found");         \
    }                                                \
    static int name##_body(void)

static int validate(void)
{
    sley__validate(sched);
    return 0;
}

/* --- tasks in every state -------------------------------------------------------------------- */

static int nothing(UNUSED void *arg)
{
    return 0;
}

static int park(UNUSED void *arg)
{
    return sley_park("a test");
}

static int sleep_long(UNUSED void *arg)
{
    return sley_sleep(SLEY_SECONDS(1000));
}

static int yield_for_ever(UNUSED void *arg)
{
    while (!sley_yield())
        ;
    return 0;
}

static struct sley_task *spawned(sley_task_fn *fn, void *arg)
{
    struct sley_task *task;

    cr_assert_eq(sley_spawn(fn, arg, NULL, &task), 0);
    return task;
}

static enum sley__task_state state_of(const struct sley_task *task)
{
    return sley__task_state(load_relaxed(&task->word));
}

/* A task that has got to `state`, with everybody else where they were or further. */
static struct sley_task *brought_to(sley_task_fn *fn, void *arg, enum sley__task_state state)
{
    struct sley_task *task = spawned(fn, arg);

    while (state_of(task) != state)
        sley_yield();
    return task;
}

static struct sley_task *parked(void)
{
    return brought_to(park, NULL, SLEY__TASK_WAITING);
}

static int join_it(void *arg)
{
    return sley_join(arg, NULL);
}

HEALTHY(has_nothing_to_say_of_one_task)
{
    return validate();
}

HEALTHY(has_nothing_to_say_of_a_task_in_each_state)
{
    struct sley_task *waiting = parked(), *woken = parked(), *joined = parked();

    brought_to(join_it, joined, SLEY__TASK_WAITING);
    brought_to(sleep_long, NULL, SLEY__TASK_WAITING);
    brought_to(yield_for_ever, NULL, SLEY__TASK_RUNNING);
    brought_to(nothing, NULL, SLEY__TASK_DONE);
    spawned(nothing, NULL);
    sley_unpark(woken);
    cr_assert_eq(state_of(woken), SLEY__TASK_WOKEN);
    cr_assert_eq(state_of(waiting), SLEY__TASK_WAITING);
    return validate();
}

HEALTHY(has_nothing_to_say_of_a_crowd_of_all_sizes)
{
    static const size_t sizes[] = {0, 16384, 262144, 1048576};
    enum { CROWD = 300 };

    for (int round = 0; round < 2; round++) {
        struct sley_task *tasks[CROWD];

        for (int i = 0; i < CROWD; i++) {
            struct sley_task_options options = {.stack_size = sizes[i % 4]};

            cr_assert_eq(sley_spawn(i % 3 ? park : nothing, NULL, &options, &tasks[i]), 0);
        }
        validate();
        for (int i = 0; i < 100; i++)
            sley_yield();
        validate();
        for (int i = 0; i < CROWD; i++)
            sley_unpark(tasks[i]);
        validate();
        for (int i = 0; i < CROWD; i++)
            cr_assert_eq(sley_join(tasks[i], NULL), 0);
        validate();
    }
    return 0;
}

/* Refused half way, it leaves nothing behind. */
HEALTHY(has_nothing_to_say_of_a_spawn_that_failed)
{
    struct sley_task_options options = {.stack_size = (size_t)2 << 20};
    struct sley_task *task;

    cr_assert_eq(sley_spawn(nothing, NULL, &options, &task), SLEY_EINVAL);
    return validate();
}

/* --- flows ----------------------------------------------------------------------------------- */

static int park_in_body(struct sley_generator *self, void *arg)
{
    int error = 0;

    while (!error)
        if (!(error = sley_park("in a generator")))
            error = sley_yield_value(self, arg);
    return error;
}

static int validate_in_body(struct sley_generator *self, UNUSED void *arg)
{
    while (sley_yield_value(self, NULL) == 0)
        validate();
    return validate();
}

/* Asks generators of two sizes, the inner one in the body of the outer one. */
static int ask_inner(struct sley_generator *self, void *arg)
{
    struct sley_generator_options large = {.stack_size = 262144};
    struct sley_generator *inner;
    int error;

    cr_assert_eq(sley_generator_new(arg ? park_in_body : validate_in_body, NULL, 0, &large, &inner),
                 0);
    while ((error = sley_generator_next(inner, NULL)) > 0 && !sley_yield_value(self, NULL))
        validate();
    sley_generator_free(inner);
    return error < 0 ? error : 0;
}

static struct sley_generator *generator(sley_generator_fn *fn, void *arg)
{
    struct sley_generator *made;

    cr_assert_eq(sley_generator_new(fn, arg, 0, NULL, &made), 0);
    return made;
}

static int ask(void *arg)
{
    return sley_generator_next(arg, NULL) < 0;
}

HEALTHY(has_nothing_to_say_of_generators)
{
    struct sley_generator *unbegun = generator(validate_in_body, NULL);
    struct sley_generator *paused = generator(ask_inner, NULL),
                          *parked_in = generator(ask_inner, own);
    struct sley_task *asking;

    validate();
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(sley_generator_next(paused, NULL), 1);
        validate();
    }
    asking = brought_to(ask, parked_in, SLEY__TASK_WAITING);
    validate();
    sley_cancel(asking, NULL);
    cr_assert_eq(sley_join(asking, NULL), 0);
    validate();
    sley_generator_free(parked_in);
    sley_generator_free(unbegun);
    validate();
    sley_generator_close(paused);
    validate();
    sley_generator_free(paused);
    return validate();
}

/* A generator's flow, which is the first of it. */
static struct sley__flow *flow_of(struct sley_generator *of)
{
    return (struct sley__flow *)(void *)of;
}

FINDS(a_task_in_anothers_flow, "is inside of a flow that is not its own")
{
    struct sley_generator *inside = generator(park_in_body, NULL);

    brought_to(ask, inside, SLEY__TASK_WAITING);
    flow_of(inside)->task = sley_self();
    return validate();
}

FINDS(a_flow_that_lost_its_task, "do not agree on who is inside of whom")
{
    struct sley_generator *paused = generator(validate_in_body, NULL);

    cr_assert_eq(sley_generator_next(paused, NULL), 1);
    store_relaxed(&flow_of(paused)->busy, 1);
    return validate();
}

FINDS(a_flow_that_lost_its_stack, "stacks of class 1 exist")
{
    struct sley_generator *paused = generator(validate_in_body, NULL);

    cr_assert_eq(sley_generator_next(paused, NULL), 1);
    flow_of(paused)->stack = NULL;
    return validate();
}

FINDS(a_flow_that_lost_its_promise, "stacks of class 1 are promised")
{
    store_release(&flow_of(generator(validate_in_body, NULL))->ended, true);
    return validate();
}

/* --- places ---------------------------------------------------------------------------------- */

/* The task is in a spawned queue; where it would be in a hostile order. */
static void push_shared(struct sley_task *task)
{
    sley__inject_push(&sched->inject, task, task, 1);
}

FINDS(a_task_in_two_queues, "is in the shared queue (worker 0) and in a spawned queue (worker 0)")
{
    push_shared(spawned(nothing, NULL));
    return validate();
}

FINDS(a_task_twice_in_one_queue, "is in a spawned queue (worker 0) and in a spawned queue")
{
    struct sley_task *task = spawned(nothing, NULL);

    cr_assert(sley__deque_push(&own->spawned, task));
    return validate();
}

FINDS(a_task_in_no_queue, "in state 1 is in nowhere")
{
    spawned(nothing, NULL);
    cr_assert_not_null(sley__deque_take(&own->spawned));
    return validate();
}

FINDS(a_woken_task_in_no_queue, "in state 4 is in nowhere")
{
    struct sley_task *task = parked();

    cr_assert_eq(sley__task_wake(task, sley__task_ticket(load_relaxed(&task->word)), 0, 0),
                 SLEY__WAKE_QUEUE);
    return validate();
}

FINDS(a_waiting_task_in_a_queue, "in state 3 is in the shared queue")
{
    push_shared(parked());
    return validate();
}

FINDS(a_running_task_in_a_queue, "in state 2 is in the shared queue (worker 0) and runs")
{
    push_shared(sley_self());
    return validate();
}

FINDS(an_ended_task_in_a_queue, "in state 5 is in the shared queue")
{
    push_shared(brought_to(nothing, NULL, SLEY__TASK_DONE));
    return validate();
}

FINDS(a_task_without_stack_among_the_woken, "which has not begun to run, is in a woken queue")
{
    spawned(nothing, NULL);
    cr_assert(sley__deque_push(&own->woken, sley__deque_take(&own->spawned)));
    return validate();
}

FINDS(a_free_task_in_no_list, "in state 0 is in nowhere")
{
    spawned(nothing, NULL); /* so that there is a list */
    own->tasks.free = own->tasks.free->next;
    own->tasks.count--;
    return validate();
}

FINDS(a_free_list_that_bites_its_tail, "is in a free list (worker 0) and in a free list")
{
    spawned(nothing, NULL); /* so that there is a list */
    own->tasks.free->next->next = own->tasks.free;
    return validate();
}

FINDS(a_live_task_in_a_free_list, "is in a spawned queue (worker 0) and in a free list")
{
    struct sley_task *task = spawned(nothing, NULL);

    task->next = own->tasks.free;
    own->tasks.free = task;
    own->tasks.count++;
    return validate();
}

FINDS(a_flow_that_was_not_saved, "is not saved although it does not run")
{
    store_relaxed(&parked()->context.saved, NULL);
    return validate();
}

FINDS(a_task_on_the_wrong_worker, "has another worker or stack")
{
    sley_self()->worker = own + 1;
    return validate();
}

/* --- counts ---------------------------------------------------------------------------------- */

FINDS(a_wrong_count_of_the_shared_queue, "the shared queue has 0 tasks, its count says 1")
{
    store_relaxed(&sched->inject.count, 1);
    return validate();
}

FINDS(a_wrong_end_of_the_shared_queue, "the shared queue ends with another task")
{
    sched->inject.woken.last = sley_self();
    return validate();
}

FINDS(indexes_out_of_order, "run queue: head 5, claimed 0, tail")
{
    store_relaxed(&own->woken.claimed, 0);
    store_relaxed(&own->woken.head, 5);
    store_relaxed(&own->woken.tail, 4);
    return validate();
}

FINDS(a_wrong_count_of_free_tasks, "list of free tasks has")
{
    own->tasks.count++;
    return validate();
}

FINDS(a_wrong_count_of_live_tasks, "1 tasks live, the workers have counted 2")
{
    store_relaxed(&own->counters.spawned, load_relaxed(&own->counters.spawned) + 1);
    return validate();
}

FINDS(a_wrong_count_of_timers, "a wheel has 1 timers, its count says 2")
{
    brought_to(sleep_long, NULL, SLEY__TASK_WAITING);
    own->wheel.count++;
    return validate();
}

FINDS(a_timer_whose_slot_has_no_bit, "a wheel has 0 timers, its count says 1")
{
    brought_to(sleep_long, NULL, SLEY__TASK_WAITING);
    memset(own->wheel.used, 0, sizeof own->wheel.used);
    return validate();
}

FINDS(a_timer_that_will_be_late, "ns, but one is due at tick")
{
    brought_to(sleep_long, NULL, SLEY__TASK_WAITING);
    store_relaxed(&own->wheel.next, SLEY_FOREVER);
    return validate();
}

FINDS(a_timer_of_a_wait_that_is_over, "a timer is armed for wait")
{
    struct sley_task *task = brought_to(sleep_long, NULL, SLEY__TASK_WAITING);

    store_relaxed(&task->word, load_relaxed(&task->word) + (UINT64_C(1) << SLEY__TICKET_SHIFT));
    return validate();
}

FINDS(a_wrong_count_of_stacks_in_a_cache, "stacks of class 1 in its cache, its count says")
{
    sley__stack_count(&own->stacks, SLEY__STACK_64K, 77);
    return validate();
}

FINDS(a_stack_that_nobody_has, "stacks of class 1 exist")
{
    parked();
    cr_assert_not_null(sley__stack_acquire(&sched->stacks, &own->stacks, SLEY__STACK_64K));
    return validate();
}

FINDS(a_promise_that_nobody_holds, "stacks of class 2 are promised, 0 promises are held")
{
    cr_assert_eq(sley__stack_reserve(&sched->stacks, SLEY__STACK_256K, 1), 0);
    return validate();
}

FINDS(a_promise_that_two_hold, "stacks of class 1 are promised")
{
    own->stack_credit++;
    return validate();
}

FINDS(a_stack_of_another_class, "has a stack of another class than 3")
{
    parked()->stack_class = SLEY__STACK_1M;
    return validate();
}

/* --- sleep ----------------------------------------------------------------------------------- */

#ifdef SLEY_HOSTILE
static void pretend_to_rest(void)
{
    own->halted.resting = true;
}
#else
/* The bit says it. */
static void pretend_to_rest(void)
{
}
#endif

/* As if this worker slept. */
static void pretend_to_sleep(void)
{
    sley__idle_announce(&sched->idle, 0, false, false);
    pretend_to_rest();
}

FINDS(a_worker_that_sleeps_beside_its_queue, "worker 0 sleeps, with 2 tasks in its queues")
{
    spawned(nothing, NULL);
    spawned(nothing, NULL);
    pretend_to_sleep();
    return validate();
}

FINDS(a_lost_wake_up, "1 tasks wait, 1 workers sleep, and nobody searches")
{
    struct sley_task *task = spawned(nothing, NULL);

    cr_assert_eq(sley__deque_take(&own->spawned), task);
    push_shared(task);
    pretend_to_sleep();
    return validate();
}

FINDS(a_sleeper_without_a_bit, "0 bits of sleepers, 0 workers asleep, the count says 1")
{
    fetch_add_seq_cst(&sched->idle.state, (uint32_t)1 << 16);
    return validate();
}

FINDS(a_searcher_that_there_is_not, "0 workers search and 0 were woken to, the count says 1")
{
    fetch_add_seq_cst(&sched->idle.state, (uint32_t)1);
    return validate();
}

FINDS(a_sleeper_that_there_is_not, "2 bits of sleepers, 1 workers asleep")
{
    pretend_to_sleep();
    fetch_or_seq_cst(&sched->idle.sleepers[0], (uint64_t)1 << 63);
    return validate();
}

/* --- joins ----------------------------------------------------------------------------------- */

FINDS(a_joiner_that_does_not_wait, "but does not wait: state 2")
{
    store_relaxed(&parked()->join, (uintptr_t)sley_self());
    return validate();
}

FINDS(a_joiner_of_two, "joins two tasks")
{
    struct sley_task *joiner = parked();

    store_relaxed(&parked()->join, (uintptr_t)joiner);
    store_relaxed(&parked()->join, (uintptr_t)joiner);
    return validate();
}

FINDS(an_end_that_was_not_published, "has ended, and its join word says 0")
{
    store_relaxed(&brought_to(nothing, NULL, SLEY__TASK_DONE)->join, 0);
    return validate();
}

FINDS(a_live_task_whose_end_was, "lives, and its join word says 2")
{
    store_relaxed(&parked()->join, SLEY__JOIN_DONE);
    return validate();
}

/* --- at every n-th park ----------------------------------------------------------------------- */

#ifdef SLEY_HOSTILE

static void look_at_every_park(void)
{
    setenv("SLEY_VALIDATE", "1", 1);
}

/* Parks until it has been looked at. */
static int be_seen(UNUSED void *arg)
{
    struct sley__worker *worker = sley__worker_current();

    while (!load_relaxed(&worker->sched->halt.looked))
        sley_yield();
    return 0;
}

static int be_seen_in_company(void *arg)
{
    for (int i = 0; i < 8; i++)
        spawned(i % 2 ? park : yield_for_ever, NULL);
    return be_seen(arg);
}

Test(validate, is_called_at_a_park, .init = look_at_every_park)
{
    cr_assert_eq(sley_run(be_seen, NULL, &one_worker), 0);
}

Test(validate, halts_all_workers, .init = look_at_every_park)
{
    struct sley_options options = {.workers = 3, .unpinned = true};

    cr_assert_eq(sley_run(be_seen_in_company, NULL, &options), 0);
}

static int lose_a_task(void *arg)
{
    be_seen_in_company(arg);
    do {
        spawned(nothing, NULL);
        sley__deque_take(&sley__worker_current()->spawned);
    } while (!sley_yield());
    return 0;
}

Test(validate, finds_things_at_a_park, .init = look_at_every_park, .signal = SIGABRT)
{
    struct sley_options options = {.workers = 3, .unpinned = true};

    expected = "in state 1 is in nowhere";
    sley_run(lose_a_task, NULL, &options);
}

static int count_looks(UNUSED void *arg)
{
    struct sley__worker *worker = sley__worker_current();

    for (int i = 0; i < 1000; i++)
        sley_yield();
    return (int)(load_relaxed(&worker->sched->halt.looked) +
                 load_relaxed(&worker->sched->halt.in_vain));
}

Test(validate, is_called_as_often_as_asked_for)
{
    setenv("SLEY_VALIDATE", "100", 1);
    cr_assert_eq(sley_run(count_looks, NULL, &one_worker), 10);
    setenv("SLEY_VALIDATE", "0", 1);
    cr_assert_eq(sley_run(count_looks, NULL, &one_worker), 0);
}

#endif
#endif
