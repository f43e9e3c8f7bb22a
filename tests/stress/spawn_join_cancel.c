/*
 * spawn_join_cancel.c: every way in which a task can end, against every way in which others may
 * meet its end.
 *
 * A family is a parent and some children. A child does something by the dice (returns, yields,
 * sleeps, parks, waits for a grandchild) until it is done or told to stop. Meanwhile its parent
 * joins it, with a deadline perhaps and then again, lets it go, or cancels it; a rival tries to
 * join it too; a kernel thread cancels it. Whatever comes first: each child ends once, each join
 * says exactly one of the things that its contract allows, and in the end nobody is left.
 *
 * Handles. Whoever uses a handle must know that it has not been given up: the kernel thread takes
 * targets from a list, under a mutex, and the parent takes its child off the list before it joins.
 */
#include "stress.h"

enum { CHILDREN = 6, TARGETS = 64 };

enum work { RETURNS, YIELDS, SLEEPS, SLEEPS_LONG, PARKS, HAS_CHILD, WORKS, WAITS_FOR_LOSER };

struct child {
    struct sley_task *task;
    enum work work;
    atomic_bool stopped; /* somebody certainly cancels it, or it has a deadline */
    uint64_t stream;
    atomic_bool may_end; /* WAITS_FOR_LOSER */
    atomic_int ended;
};

struct family {
    struct child children[CHILDREN];
    struct stress_random random;
};

static atomic_uint_fast64_t spawned, ended;

static bool is_stop(int result)
{
    return result == SLEY_ECANCELED || result == SLEY_ETIMEDOUT;
}

/* --- the thread that cancels ---------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    struct sley_task *task[TARGETS];
    bool done;
} targets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *cancel_targets(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    bool done = false;

    while (!done) {
        pthread_mutex_lock(&targets.lock);
        for (unsigned i = 0; i < TARGETS; i++)
            if (targets.task[i] && stress_below(&random, 4) == 0)
                sley_cancel(targets.task[i], "a thread said so");
        done = targets.done;
        pthread_mutex_unlock(&targets.lock);
        stress_dawdle(&random, 100000);
        if (stress_below(&random, 16) == 0)
            sley_sleep(SLEY_MICROSECONDS(100));
    }
    return NULL;
}

/* The place of `task` on the list, or -1: the list is full. Never parks with the mutex held. */
static int offer_target(struct sley_task *task)
{
    int at = -1;

    pthread_mutex_lock(&targets.lock);
    for (int i = 0; i < TARGETS && at < 0; i++)
        if (!targets.task[i])
            targets.task[at = i] = task;
    pthread_mutex_unlock(&targets.lock);
    return at;
}

static void withdraw_target(int at)
{
    if (at < 0)
        return;
    pthread_mutex_lock(&targets.lock);
    targets.task[at] = NULL;
    pthread_mutex_unlock(&targets.lock);
}

/* --- the children --------------------------------------------------------------------------- */

static int grandchild(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);

    if (stress_below(&random, 2))
        sley_yield();
    return 7;
}

/* Its child must meet a join or a detach even when it is told to stop meanwhile. */
static int wait_for_grandchild(struct stress_random *random)
{
    struct sley_task *task;
    int result, error;

    error = sley_spawn(grandchild, (void *)(uintptr_t)stress_next(random), NULL, &task);
    if (error == SLEY_ESHUTDOWN)
        return SLEY_ECANCELED; /* it was detached, and the others have ended */
    CHECK(error == 0, "spawn: %s", sley_strerror(error));
    error = sley_join(task, &result);
    if (error) {
        CHECK(is_stop(error), "join of a grandchild: %s", sley_strerror(error));
        sley_detach(task);
        return error;
    }
    CHECK(result == 7, "a grandchild returned %d", result);
    return 0;
}

static int work(struct child *child, struct stress_random *random)
{
    int result = 0;

    switch (child->work) {
    case YIELDS:
        for (unsigned i = stress_below(random, 5); i > 0 && !result; i--)
            result = sley_yield();
        break;
    case SLEEPS:
        result = sley_sleep(SLEY_MICROSECONDS(stress_below(random, 300)));
        break;
    case SLEEPS_LONG:
        result = sley_sleep(SLEY_SECONDS(3600));
        CHECK(is_stop(result), "slept for an hour");
        break;
    case PARKS:
        result = sley_park("the end");
        CHECK(is_stop(result), "nobody unparks");
        break;
    case HAS_CHILD:
        result = wait_for_grandchild(random);
        break;
    case WAITS_FOR_LOSER:
        while (!atomic_load(&child->may_end))
            sley_sleep(SLEY_MICROSECONDS(20));
        break;
    case RETURNS:
    case WORKS:
        break;
    }
    return result;
}

static int child_main(void *arg)
{
    struct child *child = arg;
    struct stress_random random = stress_random(child->stream);
    int result;

    stress_dawdle(&random, 2000);
    result = work(child, &random);
    CHECK(!result || (child->stopped && is_stop(result)), "%s", sley_strerror(result));
    CHECK(!result || sley_cancelled() == result || result == SLEY_ETIMEDOUT, "%s, but then %s",
          sley_strerror(result), sley_strerror(sley_cancelled()));
    CHECK(atomic_fetch_add(&child->ended, 1) == 0, "it ended twice");
    atomic_fetch_add(&ended, 1);
    return (int)(child->stream & 0xffff);
}

/* --- meeting their end ---------------------------------------------------------------------- */

static void check_joined(struct child *child, int result)
{
    CHECK(result == (int)(child->stream & 0xffff), "joined somebody else");
    CHECK(atomic_load(&child->ended) == 1, "joined, but has ended %d times",
          atomic_load(&child->ended));
}

/* Joins with deadlines, again and again, until it has succeeded: true, or another one joins. */
static bool join_patiently(struct child *child, struct stress_random *random)
{
    for (;;) {
        int64_t wait = SLEY_MICROSECONDS(stress_below(random, 300));
        int64_t before = sley_deadline_narrow(sley_after(wait));
        int result = -1, error = sley_join(child->task, &result);

        sley_deadline_restore(before);
        if (error == SLEY_EBUSY)
            return false;
        if (!error) {
            check_joined(child, result);
            return true;
        }
        CHECK(error == SLEY_ETIMEDOUT, "join: %s", sley_strerror(error));
    }
}

/* Two tasks join one child. It ends only when one of the two has been refused. */
static bool join_against_rival(struct child *child, struct stress_random *random)
{
    int result = -1, error;

    if (stress_below(random, 2)) {
        if (join_patiently(child, random))
            return true;
    } else {
        error = sley_join(child->task, &result);
        if (!error) {
            check_joined(child, result);
            return true;
        }
        CHECK(error == SLEY_EBUSY, "join: %s", sley_strerror(error));
    }
    atomic_store(&child->may_end, true);
    return false;
}

static int rival(void *arg)
{
    struct child *child = arg;
    struct stress_random random = stress_random(child->stream + 17);

    stress_dawdle(&random, 4000);
    return join_against_rival(child, &random);
}

static void compete(struct child *child, struct stress_random *random)
{
    struct sley_task *other = stress_spawn(rival, child);
    int won;

    if (stress_below(random, 2))
        sley_yield();
    won = join_against_rival(child, random);
    won += stress_join(other);
    CHECK(won == 1, "%d joiners", won);
}

/* The child ends by itself, or is stopped: by its deadline, by us, by the thread. */
static void meet(struct child *child, struct stress_random *random)
{
    int at = child->stopped ? offer_target(child->task) : -1;
    int result = -1, error;

    if (stress_below(random, 3) == 0)
        sley_yield();
    withdraw_target(at);
    if (child->stopped)
        sley_cancel(child->task, "its parent said so");
    switch (stress_below(random, 4)) {
    case 0:
        atomic_store(&child->stopped, true); /* by the end of the runtime */
        sley_detach(child->task);
        break;
    case 1:
        CHECK(join_patiently(child, random), "there is no rival");
        break;
    default:
        error = sley_join(child->task, &result);
        CHECK(error == 0, "join: %s", sley_strerror(error));
        check_joined(child, result);
    }
}

/* --- families ------------------------------------------------------------------------------- */

static void bear(struct child *child, struct stress_random *random)
{
    struct sley_task_options options = {0};
    int error;

    child->stream = stress_next(random);
    child->work = stress_below(random, WAITS_FOR_LOSER + 1);
    child->stopped = child->work == SLEEPS_LONG || child->work == PARKS ||
                     (child->work != WAITS_FOR_LOSER && stress_below(random, 4) == 0);
    if (child->stopped && stress_below(random, 3) == 0)
        options.deadline = sley_after(SLEY_MICROSECONDS(stress_below(random, 300)));
    options.stack_size = stress_below(random, 8) ? 0 : (size_t)16 << (10 + stress_below(random, 5));
    atomic_fetch_add(&spawned, 1);
    error = sley_spawn(child_main, child, &options, &child->task);
    CHECK(error == 0, "spawn: %s", sley_strerror(error));
}

static int parent(void *arg)
{
    struct family *family = arg;
    struct stress_random *random = &family->random;

    for (unsigned i = 0; i < CHILDREN; i++)
        bear(&family->children[i], random);
    if (stress_below(random, 2))
        sley_sleep(SLEY_MICROSECONDS(stress_below(random, 300)));
    for (unsigned i = 0; i < CHILDREN; i++) {
        struct child *child = &family->children[i];

        if (child->work == WAITS_FOR_LOSER)
            compete(child, random);
        else
            meet(child, random);
    }
    stress_alive();
    return 0;
}

static int all_families(void *arg)
{
    struct family *families = arg;
    enum { AT_ONCE = 32 };
    unsigned n = stress_count(1500, 120), i, at_once = n < AT_ONCE ? n : AT_ONCE;
    struct sley_task *tasks[AT_ONCE];

    for (i = 0; i < n; i++) {
        if (i >= at_once)
            CHECK(stress_join(tasks[i % at_once]) == 0, "a parent failed");
        tasks[i % at_once] = stress_spawn(parent, &families[i]);
    }
    for (i = 0; i < at_once; i++)
        CHECK(stress_join(tasks[i]) == 0, "a parent failed");
    return 0;
}

static void round_with(unsigned workers)
{
    unsigned n = stress_count(1500, 120), i;
    struct family *families = calloc(n, sizeof *families);
    pthread_t thread;

    CHECK(families, "no memory for %u families", n);
    for (i = 0; i < n; i++)
        families[i].random = stress_random(workers * 1000003u + i);
    atomic_store(&spawned, 0);
    atomic_store(&ended, 0);
    targets.done = false;
    CHECK(pthread_create(&thread, NULL, cancel_targets, (void *)(uintptr_t)workers) == 0, "thread");
    CHECK(stress_run(workers, all_families, families) == 0, "the families failed");
    pthread_mutex_lock(&targets.lock);
    targets.done = true;
    pthread_mutex_unlock(&targets.lock);
    pthread_join(thread, NULL);
    CHECK(atomic_load(&ended) == atomic_load(&spawned), "%" PRIu64 " spawned, %" PRIu64 " ended",
          (uint64_t)atomic_load(&spawned), (uint64_t)atomic_load(&ended));
    free(families);
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        round_with(stress_workers[i]);
    return stress_end();
}
