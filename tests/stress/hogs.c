/*
 * hogs.c: tasks that compute or block on every worker freeze nobody.
 *
 *   freeze     more hogs than workers run until every one of a crowd of tasks, which sleep and echo
 *              over channels, has come far enough. Without relief nobody ever would: it is a hang,
 *              which the watchdog reports. No clock is asked
 *   turns      tasks keep their worker for a random while around the threshold, again and again,
 *              and spawn, wake, sleep and yield between: carriers lose their posts and come back
 *              all the time, at any point of the way to their next sleep
 *   announced  the same with announcements, nested ones and such that are broken by a park
 *   shutdown   the runtime is freed while hogs run that only look whether they are cancelled
 *
 * Everywhere a task must find the errno that it left, and the same kernel thread as long as it has
 * not parked.
 */
#define _GNU_SOURCE 1

#include "stress.h"

#include <errno.h>

#include <sley/chan.h>
#include <sley/stall.h>

/* Not inlined: a compiler keeps the address of errno over a park, and then it is another thread's.
 */
static __attribute__((noinline)) void set_errno(int value)
{
    errno = value;
}

static __attribute__((noinline)) int get_errno(void)
{
    return errno;
}

static struct sley_runtime *start(unsigned workers, int64_t threshold)
{
    struct sley_options options = {.workers = workers, .stall_threshold = threshold};
    struct sley_runtime *runtime;
    int error = sley_runtime_new(&options, &runtime);

    CHECK(error == 0, "%s", sley_strerror(error));
    stress.runtimes[0] = runtime;
    return runtime;
}

static void stop(struct sley_runtime *runtime)
{
    sley_runtime_free(runtime);
    stress.runtimes[0] = NULL;
    stress_alive();
}

static uint64_t reliefs(struct sley_runtime *runtime)
{
    struct sley_worker_stats stats;
    uint64_t n = 0;

    for (unsigned i = 0; i < sley_runtime_workers(runtime); i++) {
        CHECK(sley_runtime_stats(runtime, i, &stats) == 0, "stats");
        n += stats.reliefs;
    }
    return n;
}

/* --- freeze --------------------------------------------------------------------------------- */

static atomic_uint far_enough, crowd_size;

static void block_a_little(void)
{
    struct timespec time = {.tv_nsec = 300000};

    nanosleep(&time, NULL);
}

/* Asks the runtime nothing. */
static int hog(void *arg)
{
    pthread_t self = pthread_self();
    uint64_t turns = 0;

    set_errno(4711);
    while (atomic_load_explicit(&far_enough, memory_order_relaxed) < atomic_load(&crowd_size)) {
        if (arg)
            block_a_little();
        if (++turns % 1000000 == 0)
            set_errno(4711); /* nanosleep may have been interrupted */
    }
    CHECK(arg || get_errno() == 4711, "errno is %d", get_errno());
    CHECK(pthread_equal(self, pthread_self()), "another thread");
    set_errno(4712);
    for (int i = 0; i < 200; i++) { /* it comes back among the others */
        CHECK(sley_yield() == 0, "yield");
        CHECK(get_errno() == 4712, "errno is %d", get_errno());
    }
    CHECK(sley_sleep(SLEY_MICROSECONDS(100)) == 0, "sleep");
    return 0;
}

static int sleeper(void *arg)
{
    unsigned rounds = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < rounds; i++) {
        CHECK(sley_sleep(SLEY_MILLISECONDS(1)) == 0, "sleep");
        stress_alive();
    }
    atomic_fetch_add(&far_enough, 1);
    return 0;
}

struct echo {
    struct sley_chan *there, *back;
    unsigned rounds;
};

static int caller(void *arg)
{
    struct echo *echo = arg;

    for (unsigned i = 0, answer; i < echo->rounds; i++) {
        CHECK(sley_chan_send(echo->there, &i) == 0, "send");
        CHECK(sley_chan_recv(echo->back, &answer) == 0 && answer == i + 1, "echo");
    }
    sley_chan_close(echo->there, 0);
    atomic_fetch_add(&far_enough, 1);
    return 0;
}

static int answerer(void *arg)
{
    struct echo *echo = arg;
    unsigned n;

    while (sley_chan_recv(echo->there, &n) == 0) {
        n++;
        CHECK(sley_chan_send(echo->back, &n) == 0, "send");
        stress_alive();
    }
    atomic_fetch_add(&far_enough, 1);
    return 0;
}

enum { CROWD = 1000, HOGS_MAX = 16 };

static int freeze(void *arg)
{
    unsigned hogs = (unsigned)(uintptr_t)arg, crowd = stress_count(CROWD, 80) & ~3u, n = 0;
    static struct sley_task *tasks[CROWD * 8 + HOGS_MAX];
    static struct echo echoes[CROWD * 2];

    if (crowd > CROWD * 8)
        crowd = CROWD * 8;
    atomic_store(&far_enough, 0);
    atomic_store(&crowd_size, crowd);
    for (unsigned i = 0; i < crowd / 4; i++) {
        struct echo *echo = &echoes[i];

        echo->rounds = 10;
        CHECK(sley_chan_new(sizeof(unsigned), i % 3, &echo->there) == 0, "channel");
        CHECK(sley_chan_new(sizeof(unsigned), i % 2, &echo->back) == 0, "channel");
        tasks[n++] = stress_spawn(sleeper, (void *)(uintptr_t)5);
        tasks[n++] = stress_spawn(sleeper, (void *)(uintptr_t)3);
        tasks[n++] = stress_spawn(caller, echo);
        tasks[n++] = stress_spawn(answerer, echo);
    }
    for (unsigned i = 0; i < hogs; i++)
        tasks[n++] = stress_spawn(hog, (void *)(uintptr_t)(i % 3 == 2));
    while (n > 0)
        CHECK(stress_join(tasks[--n]) == 0, "join");
    for (unsigned i = 0; i < crowd / 4; i++) {
        sley_chan_free(echoes[i].there);
        sley_chan_free(echoes[i].back);
    }
    return 0;
}

/* --- turns ---------------------------------------------------------------------------------- */

struct turner {
    uint64_t stream;
    struct sley_task *friend; /* unparked now and then: harmless in excess */
    unsigned turns;
    bool announces;
};

static int leaf(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

static void keep_worker(struct stress_random *random, bool announces)
{
    int64_t until = sley_now() + stress_below(random, 400) * INT64_C(1000);
    pthread_t self = pthread_self();
    unsigned depth = announces ? 1 + stress_below(random, 2) : 0;
    bool breaks = depth && stress_below(random, 8) == 0;

    for (unsigned i = 0; i < depth; i++)
        CHECK(sley_blocking_begin("a test") == 0, "begin");
    set_errno(77);
    if (stress_below(random, 4) == 0)
        block_a_little();
    while (sley_now() < until)
        stress_dawdle(random, 1000);
    CHECK(pthread_equal(self, pthread_self()), "another thread");
    if (breaks)
        CHECK(sley_sleep(1000) == 0, "sleep");
    set_errno(78);
    for (unsigned i = 0; i < depth; i++)
        CHECK(sley_blocking_end() == 0, "end");
    CHECK(get_errno() == 78, "errno is %d", get_errno());
}

static int turner(void *arg)
{
    struct turner *turner = arg;
    struct stress_random random = stress_random(turner->stream);
    atomic_uint leaves = 0;
    unsigned spawned = 0;

    for (unsigned i = 0; i < turner->turns; i++) {
        struct sley_task *child;

        if (stress_below(&random, 3) == 0)
            keep_worker(&random, turner->announces);
        set_errno((int)i);
        switch (stress_below(&random, 6)) {
        case 0:
            CHECK(sley_sleep(stress_below(&random, 300) * 1000) == 0, "sleep");
            break;
        case 1:
            child = stress_spawn(leaf, &leaves);
            if (stress_below(&random, 2))
                keep_worker(&random, turner->announces);
            set_errno((int)i);
            CHECK(stress_join(child) == 0, "join");
            spawned++;
            break;
        case 2:
            if (turner->friend)
                sley_unpark(turner->friend);
            break;
        default:
            CHECK(sley_yield() == 0, "yield");
        }
        CHECK(get_errno() == (int)i, "errno is %d, not %u", get_errno(), i);
        stress_alive();
    }
    CHECK(atomic_load(&leaves) == spawned, "%u of %u leaves", atomic_load(&leaves), spawned);
    return 0;
}

/* Parks as often as it is let. */
static int dozer(void *arg)
{
    atomic_bool *done = arg;

    while (!atomic_load(done))
        CHECK(sley_park("a friend") == 0, "park");
    return 0;
}

static int turns(void *arg)
{
    enum { TURNERS = 12 };
    struct sley_task *tasks[TURNERS], *friend;
    struct turner turners[TURNERS];
    atomic_bool done = false;

    friend = stress_spawn(dozer, &done);
    for (unsigned i = 0; i < TURNERS; i++) {
        turners[i] = (struct turner){.stream = i + 1,
                                     .friend = friend,
                                     .turns = stress_count(60, 20),
                                     .announces = arg != NULL};
        tasks[i] = stress_spawn(turner, &turners[i]);
    }
    for (unsigned i = 0; i < TURNERS; i++)
        stress_join(tasks[i]);
    atomic_store(&done, true);
    sley_unpark(friend);
    return stress_join(friend);
}

/* --- shutdown ------------------------------------------------------------------------------- */

static atomic_uint alive;

static int until_cancelled(void *arg)
{
    bool announces = arg != NULL;

    if (announces)
        sley_blocking_begin("until the end");
    while (!sley_cancelled())
        stress_dawdle(&(struct stress_random){1}, 1000);
    if (announces)
        sley_blocking_end();
    CHECK(sley_yield() == SLEY_ECANCELED, "yield");
    atomic_fetch_sub(&alive, 1);
    return 0;
}

static int until_shutdown(void *arg)
{
    (void)arg;
    CHECK(sley_park("the end") == SLEY_ECANCELED, "park");
    atomic_fetch_sub(&alive, 1);
    return 0;
}

static void shutdown_round(unsigned round)
{
    struct stress_random random = stress_random(1000 + round);
    unsigned workers = 1 + stress_below(&random, 3), hogs = stress_below(&random, 2 * workers + 1);
    struct sley_runtime *runtime = start(workers, SLEY_MICROSECONDS(200));

    atomic_store(&alive, hogs + 10);
    for (unsigned i = 0; i < hogs; i++)
        CHECK(sley_runtime_spawn(runtime, until_cancelled,
                                 (void *)(uintptr_t)stress_below(&random, 2), NULL, NULL) == 0,
              "spawn");
    for (unsigned i = 0; i < 10; i++)
        CHECK(sley_runtime_spawn(runtime, until_shutdown, NULL, NULL, NULL) == 0, "spawn");
    if (stress_below(&random, 4))
        sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 2000)));
    stop(runtime);
    CHECK(atomic_load(&alive) == 0, "%u have not ended", atomic_load(&alive));
}

/* --- all ------------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const unsigned counts[] = {1, 2, 3};

    setenv("SLEY_STALLS", "off", 0);
    stress_begin(argc, argv);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned workers = counts[i];
        struct sley_runtime *runtime = start(workers, SLEY_MILLISECONDS(2));

        CHECK(stress_run_in(runtime, freeze, (void *)(uintptr_t)(2 * workers)) == 0, "freeze");
        CHECK(workers > 1 || reliefs(runtime) >= 1, "nobody was relieved");
        stop(runtime);
        runtime = start(workers, SLEY_MICROSECONDS(200));
        CHECK(stress_run_in(runtime, turns, NULL) == 0, "turns");
        CHECK(stress_run_in(runtime, turns, (void *)1) == 0, "announced");
        stop(runtime);
    }
    for (unsigned round = 0, n = stress_count(60, 20); round < n; round++)
        shutdown_round(round);
    return stress_end();
}
