/*
 * runtime.c: the whole scheduler under the engine: workers, queues, timers, context switches.
 *
 * What is asserted is what users are promised: every task runs once, joins return results, what is
 * woken wakes, a runtime that is freed comes to its end. Lost wake-ups show as threads that wait
 * for ever, and every plain field of tasks, stacks and workers is watched for races. Stacks of
 * tasks are memory like any other here, and every hand-over of a context is a step that others can
 * come between.
 *
 * An execution has some hundreds of steps. So the smallest is exhausted for one preemption,
 * counting every switch that is not to the next thread in turn (delay bounding); the others are for
 * random schedules by priority, which are repeated by seed. In most, the runtime is made in
 * setup(), where nothing is decided, and is left to sleep at the end: its workers must sleep then,
 * all of them.
 */
#include "model.h"
#include "platform.h"
#include "runtime_impl.h"

#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

enum { WORKERS = 2 };

static const struct sley_options options = {
    .workers = WORKERS, .unpinned = true, .no_fault_handler = true, .stall_threshold = -1};

static struct sley_runtime *runtime;
static struct sley_task *parked;
static atomic(uint32_t) ran, stage;

static void setup(void)
{
    store_relaxed(&ran, 0);
    store_relaxed(&stage, 0);
    parked = NULL;
}

static void setup_runtime(void)
{
    setup();
    model_assert(sley_runtime_new(&options, &runtime) == 0, "no runtime");
}

/* --- tasks ---------------------------------------------------------------------------------- */

static int add(void *arg)
{
    int n = *(const int *)arg;

    fetch_add_relaxed(&ran, 1);
    return n;
}

/* Spawns as many children as it is told and sums them up. */
static int parent(void *arg)
{
    static const int one = 1;
    struct sley_task *children[4];
    int n = *(const int *)arg, sum = 0, result;

    for (int i = 0; i < n; i++)
        model_assert(sley_spawn(add, (void *)(uintptr_t)&one, NULL, &children[i]) == 0, "spawn");
    for (int i = 0; i < n; i++) {
        model_assert(sley_join(children[i], &result) == 0, "join");
        sum += result;
    }
    return sum;
}

/* --- a life of a runtime -------------------------------------------------------------------- */

static void run(unsigned thread)
{
    static const int one = 1;
    int result = sley_run(parent, (void *)(uintptr_t)&one, &options);

    (void)thread;
    model_assert(result == 1, "%d", result);
}

static void verify_ran(void)
{
    unsigned expected = *(const unsigned *)model_argument();

    model_assert(ran == expected, "%u tasks ran instead of %u", ran, expected);
}

MODEL(runtime_life, .about = "sley_run: start, spawn, join, stop", .threads = 1, .setup = setup,
      .body = {run}, .verify = verify_ran, .argument = &(const unsigned){1}, .random_only = true,
      .max_steps = 40000, .step = 20);
MODEL(runtime_run, .about = "... with one preemption anywhere", .threads = 1, .setup = setup,
      .body = {run}, .verify = verify_ran, .argument = &(const unsigned){1}, .bound = 1,
      .stale = MODEL_NONE, .every_switch_costs = true, .max_steps = 20000);

/* --- at rest -------------------------------------------------------------------------------- */

/* The bodies have ended, the workers sleep, no task is left. */
static void verify_rest(void)
{
    verify_ran();
    for (unsigned t = 0; t < model_threads(); t++) {
        bool is_worker = t >= model_threads() - WORKERS;

        model_assert(!model_blocked(t) == !is_worker, "T%u waits for %s", t,
                     model_blocked(t) ? model_blocked(t) : "nothing");
    }
    model_assert(sley__sched_live(&runtime->sched) == 0, "tasks are left");
    model_assert(sley__inject_size(&runtime->sched.inject) == 0, "the shared queue is not empty");
}

#define AT_REST(n, prepare)                                                      \
    .setup = prepare, .verify = verify_rest, .argument = &(const unsigned){(n)}, \
    .may_block = true, .random_only = true, .max_steps = 40000, .step = 20

static void spawn_and_join(unsigned thread)
{
    static const int numbers[] = {10, 11};
    struct sley_task *task;
    int result;

    model_assert(
        sley_runtime_spawn(runtime, add, (void *)(uintptr_t)&numbers[thread], NULL, &task) == 0,
        "spawn");
    model_assert(sley_join(task, &result) == 0 && result == 10 + (int)thread, "%d", result);
}

MODEL(runtime_foreign, .about = "two foreign threads spawn and join", .threads = 2,
      .body = {spawn_and_join}, AT_REST(2, setup_runtime));

static void spawn_parent(unsigned thread)
{
    static const int three = 3;
    struct sley_task *task;
    int result;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, parent, (void *)(uintptr_t)&three, NULL, &task) == 0,
                 "spawn");
    model_assert(sley_join(task, &result) == 0 && result == 3, "%d", result);
}

MODEL(runtime_children, .about = "a task spawns three and joins them; others may steal",
      .threads = 1, .body = {spawn_parent}, AT_REST(3, setup_runtime));

static void spawn_and_detach(unsigned thread)
{
    static const int one = 1;
    struct sley_task *task;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, add, (void *)(uintptr_t)&one, NULL, &task) == 0,
                 "spawn");
    sley_detach(task);
}

MODEL(runtime_detach, .about = "detached while it may be ending", .threads = 2,
      .body = {spawn_and_detach}, AT_REST(2, setup_runtime));

/* --- park and unpark ------------------------------------------------------------------------ */

static int park_once(void *arg)
{
    int error = sley_park("model");

    (void)arg;
    fetch_add_relaxed(&ran, 1);
    return error;
}

static void setup_parked(void)
{
    setup_runtime();
    model_assert(sley_runtime_spawn(runtime, park_once, NULL, NULL, &parked) == 0, "spawn");
}

static void unpark(unsigned thread)
{
    (void)thread;
    sley_unpark(parked);
}

static void join_parked(unsigned thread)
{
    int result = 1;

    (void)thread;
    model_assert(sley_join(parked, &result) == 0, "join");
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_outcome(result ? "cancelled" : "unparked");
}

static void unpark_and_join(unsigned thread)
{
    unpark(thread);
    join_parked(thread);
}

static void cancel_unpark_and_join(unsigned thread)
{
    sley_cancel(parked, "model");
    unpark(thread);
    join_parked(thread);
}

MODEL(runtime_park, .about = "park against unpark and join", .threads = 1,
      .body = {unpark_and_join}, AT_REST(1, setup_parked));
MODEL(runtime_cancel, .about = "park against cancel and unpark", .threads = 1,
      .body = {cancel_unpark_and_join}, AT_REST(1, setup_parked));

/* Two tasks that wake each other in turn. */
static struct sley_task *players[2];

static int play(void *arg)
{
    uint32_t me = *(const uint32_t *)arg;

    for (unsigned round = 0; round < 2; round++) {
        while (load_acquire(&stage) % 2 != me)
            if (sley_park("turn") != 0)
                return 1;
        store_release(&stage, load_relaxed(&stage) + 1);
        sley_unpark(players[!me]);
    }
    fetch_add_relaxed(&ran, 1);
    return 0;
}

static int match(void *arg)
{
    static const uint32_t sides[] = {0, 1};

    (void)arg;
    for (unsigned i = 0; i < 2; i++)
        model_assert(sley_spawn(play, (void *)(uintptr_t)&sides[i], NULL, &players[i]) == 0,
                     "spawn");
    for (unsigned i = 0; i < 2; i++)
        model_assert(sley_join(players[i], NULL) == 0, "join");
    return 0;
}

static void play_match(unsigned thread)
{
    struct sley_task *task;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, match, NULL, NULL, &task) == 0, "spawn");
    model_assert(sley_join(task, NULL) == 0, "join");
}

MODEL(runtime_turns, .about = "two tasks wake each other in turn", .threads = 1,
      .body = {play_match}, AT_REST(2, setup_runtime));

/* --- yield ---------------------------------------------------------------------------------- */

static int yield_until_2(void *arg)
{
    (void)arg;
    fetch_add_relaxed(&stage, 1);
    while (load_acquire(&stage) < 2)
        sley_yield();
    fetch_add_relaxed(&ran, 1);
    return 0;
}

static void two_that_yield(unsigned thread)
{
    struct sley_task *task;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, yield_until_2, NULL, NULL, &task) == 0, "spawn");
    model_assert(sley_join(task, NULL) == 0, "join");
}

MODEL(runtime_yield, .about = "two tasks yield until both are there", .threads = 2,
      .body = {two_that_yield}, AT_REST(2, setup_runtime));

/* --- time ----------------------------------------------------------------------------------- */

static int sleep_a_little(void *arg)
{
    int64_t began = sley_now();
    int error = sley_sleep(SLEY_MILLISECONDS(1));

    (void)arg;
    if (!error)
        model_assert(sley_now() - began >= SLEY_MILLISECONDS(1), "too early");
    model_outcome(error ? "cancelled" : "slept");
    fetch_add_relaxed(&ran, 1);
    return error;
}

static void sleep_and_cancel(unsigned thread)
{
    struct sley_task *task;
    int result = 1;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, sleep_a_little, NULL, NULL, &task) == 0, "spawn");
    if (model_choose(2))
        sley_cancel(task, "model");
    model_assert(sley_join(task, &result) == 0, "join");
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
}

MODEL(runtime_sleep, .about = "a sleep against its cancellation", .threads = 1,
      .body = {sleep_and_cancel}, AT_REST(1, setup_runtime));

/* --- the end -------------------------------------------------------------------------------- */

/* Spawns until the runtime takes no more. */
static int spawn_until_closed(void *arg)
{
    static const int one = 1;
    struct sley_task *child;

    (void)arg;
    while (sley_spawn(add, (void *)(uintptr_t)&one, NULL, &child) == 0) {
        sley_detach(child);
        if (sley_yield() != 0)
            break;
    }
    return 0;
}

static void close_while_spawning(unsigned thread)
{
    struct sley_task *task;

    (void)thread;
    model_assert(sley_runtime_spawn(runtime, spawn_until_closed, NULL, NULL, &task) == 0, "spawn");
    sley_detach(task);
    sley_runtime_free(runtime);
}

/* ... and a task that has parked for good is cancelled. */
static void close_while_parked(unsigned thread)
{
    (void)thread;
    sley_detach(parked);
    sley_runtime_free(runtime);
}

MODEL(runtime_shutdown, .about = "the runtime is freed while a task spawns", .threads = 1,
      .setup = setup_runtime, .body = {close_while_spawning}, .random_only = true,
      .max_steps = 40000, .step = 20);
MODEL(runtime_shutdown_parked, .about = "... and while one parks", .threads = 1,
      .setup = setup_parked, .body = {close_while_parked}, .random_only = true, .max_steps = 40000,
      .step = 20);
