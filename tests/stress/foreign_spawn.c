/*
 * foreign_spawn.c: many kernel threads use one runtime at once.
 *
 * Each thread spawns tasks from outside, and unparks, cancels, joins or detaches them, while the
 * tasks spawn tasks of their own and everybody shares the foreign threads' cache of tasks, the
 * shared queue and the counters. Every task that was spawned has run once; every joined result is
 * the right one; a thread that joins sleeps until the end and no longer.
 */
#include "stress.h"

enum { THREADS = 6, TASKS_AT_ONCE = 16 };

enum work { RETURNS, PARKS, SLEEPS, WAITS_FOR_CANCEL, SPAWNS, WORKS };

struct guest {
    struct sley_task *task;
    enum work work;
    uint64_t stream;
    atomic_bool open; /* PARKS: the thread has unparked it */
};

struct host {
    struct sley_runtime *runtime;
    uint64_t stream;
    pthread_t thread;
};

static atomic_uint_fast64_t spawned, ended;

static int grandchild(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ended, 1);
    return 0;
}

static int guest_main(void *arg)
{
    struct guest *guest = arg;
    struct stress_random random = stress_random(guest->stream);
    int result = (int)(guest->stream & 0xffff);

    switch (guest->work) {
    case PARKS:
        while (!atomic_load(&guest->open))
            CHECK(sley_park("its host") == 0, "park");
        break;
    case SLEEPS:
        CHECK(sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 200))) == 0, "sleep");
        break;
    case WAITS_FOR_CANCEL:
        CHECK(sley_park("its host's cancel") == SLEY_ECANCELED, "not cancelled");
        break;
    case SPAWNS:
        atomic_fetch_add(&spawned, 1);
        CHECK(sley_spawn(grandchild, NULL, NULL, NULL) == 0, "spawn");
        break;
    case RETURNS:
    case WORKS:
        break;
    }
    atomic_fetch_add(&ended, 1);
    return result;
}

static void invite(struct host *host, struct guest *guest, struct stress_random *random)
{
    guest->work = stress_below(random, WORKS);
    guest->stream = stress_next(random);
    atomic_init(&guest->open, false);
    atomic_fetch_add(&spawned, 1);
    CHECK(sley_runtime_spawn(host->runtime, guest_main, guest, NULL, &guest->task) == 0, "spawn");
}

static void see_off(struct guest *guest, struct stress_random *random)
{
    int result, error;

    if (guest->work == PARKS) {
        stress_dawdle(random, 3000);
        atomic_store(&guest->open, true);
        sley_unpark(guest->task);
    }
    if (guest->work == WAITS_FOR_CANCEL)
        sley_cancel(guest->task, "its host said so");
    error = sley_join(guest->task, &result);
    CHECK(error == 0, "join: %s", sley_strerror(error));
    CHECK(result == (int)(guest->stream & 0xffff), "somebody else's result");
}

static int passer_by(void *arg)
{
    (void)arg;
    sley_yield();
    atomic_fetch_add(&ended, 1);
    return 0;
}

static void let_pass(struct host *host, struct stress_random *random)
{
    struct sley_task *task;

    atomic_fetch_add(&spawned, 1);
    CHECK(sley_runtime_spawn(host->runtime, passer_by, NULL, NULL, &task) == 0, "spawn");
    stress_dawdle(random, 2000);
    sley_detach(task);
}

static void *host_main(void *arg)
{
    struct host *host = arg;
    struct stress_random random = stress_random(host->stream);
    struct guest guests[TASKS_AT_ONCE];
    unsigned rounds = stress_count(200, 30), round, n, i;

    for (round = 0; round < rounds; round++) {
        n = 1 + stress_below(&random, TASKS_AT_ONCE);
        for (i = 0; i < n; i++)
            invite(host, &guests[i], &random);
        if (stress_below(&random, 4) == 0)
            let_pass(host, &random);
        for (i = 0; i < n; i++)
            see_off(&guests[i], &random);
        if (stress_below(&random, 8) == 0)
            sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 500))); /* all workers go idle */
        stress_alive();
    }
    return NULL;
}

static void party(unsigned workers)
{
    struct sley_runtime *runtime = stress_start(workers);
    struct host hosts[THREADS];

    atomic_store(&spawned, 0);
    atomic_store(&ended, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        hosts[i].runtime = runtime;
        hosts[i].stream = workers * THREADS + i;
        CHECK(pthread_create(&hosts[i].thread, NULL, host_main, &hosts[i]) == 0, "thread");
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(hosts[i].thread, NULL);
    stress_stop(runtime);
    CHECK(atomic_load(&spawned) == atomic_load(&ended), "%" PRIu64 " spawned, %" PRIu64 " ended",
          (uint64_t)atomic_load(&spawned), (uint64_t)atomic_load(&ended));
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        party(stress_workers[i]);
    return stress_end();
}
