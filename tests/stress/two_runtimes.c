/*
 * two_runtimes.c: two runtimes at once, whose tasks wake, join and cancel each other, while a third
 * one comes and goes.
 *
 * A task belongs to the runtime that it was spawned into. A wake from a task of another runtime is
 * one from a foreign thread, but for the threads' own idea of who they are, and that is what this
 * is after: a queue, a cache or a counter of the wrong runtime.
 */
#include "stress.h"

#include <semaphore.h>

enum { PAIRS = 8 };

struct player {
    struct sley_runtime *home; /* where it must find itself, always */
    struct sley_task *partner; /* lives in the other one */
    unsigned me;
    unsigned moves;
    uint64_t stream;
    atomic_uint *turn;
    sem_t *done; /* posted when the partner's handle is needed no more */
};

static struct sley_runtime *runtimes[2];

static void check_home(struct sley_runtime *home)
{
    CHECK(sley_runtime_current() == home, "a task finds itself in another runtime");
}

/* --- wakes ---------------------------------------------------------------------------------- */

static int play(void *arg)
{
    struct player *player = arg;
    struct stress_random random = stress_random(player->stream);

    for (unsigned i = 0; i < player->moves; i++) {
        while (atomic_load(player->turn) != 2 * i + player->me)
            CHECK(sley_park("the other runtime") == 0, "park");
        check_home(player->home);
        if (stress_below(&random, 4) == 0)
            stress_dawdle(&random, 10000);
        atomic_fetch_add(player->turn, 1);
        sley_unpark(player->partner);
    }
    sem_post(player->done);
    return (int)player->me;
}

static void wakes(void)
{
    struct player players[PAIRS][2];
    struct sley_task *first[PAIRS];
    atomic_uint turns[PAIRS];
    sem_t done;
    int result;

    sem_init(&done, 0, 0);
    for (unsigned i = 0; i < PAIRS; i++) {
        atomic_init(&turns[i], 0);
        for (unsigned me = 0; me < 2; me++)
            players[i][me] = (struct player){.home = runtimes[(i + me) % 2],
                                             .me = me,
                                             .moves = stress_count(2000, 200),
                                             .stream = i * 2 + me,
                                             .turn = &turns[i],
                                             .done = &done};
        /* Player 1 waits for its turn, so it sees its partner only after player 0 has begun; the
         * handle of player 0 is there before it begins. */
        CHECK(sley_runtime_spawn(players[i][1].home, play, &players[i][1], NULL,
                                 &players[i][0].partner) == 0,
              "spawn");
        CHECK(sley_runtime_spawn(players[i][0].home, play, &players[i][0], NULL,
                                 &players[i][1].partner) == 0,
              "spawn");
        first[i] = players[i][1].partner;
    }
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        while (sem_wait(&done) != 0)
            ;
    for (unsigned i = 0; i < PAIRS; i++) {
        CHECK(sley_join(first[i], &result) == 0 && result == 0, "player 0 of pair %u", i);
        CHECK(sley_join(players[i][0].partner, &result) == 0 && result == 1, "player 1 of %u", i);
    }
    sem_destroy(&done);
    stress_alive();
}

/* --- joins and cancels ---------------------------------------------------------------------- */

struct visit {
    struct sley_runtime *home;
    uint64_t stream;
    bool stays; /* until it is cancelled */
};

static int visitor(void *arg)
{
    struct visit *visit = arg;
    struct stress_random random = stress_random(visit->stream);

    check_home(visit->home);
    if (stress_below(&random, 2))
        sley_yield();
    if (visit->stays)
        CHECK(sley_park("a cancel from elsewhere") == SLEY_ECANCELED, "it was not a cancel");
    check_home(visit->home);
    return (int)(visit->stream & 0xff);
}

/* Sends tasks to the other runtime and gets their results. */
static int sender(void *arg)
{
    struct visit *self = arg;
    struct stress_random random = stress_random(self->stream);
    unsigned n = stress_count(2000, 200);

    for (unsigned i = 0; i < n; i++) {
        struct visit visit = {.home = runtimes[runtimes[0] == self->home],
                              .stream = stress_next(&random),
                              .stays = stress_below(&random, 3) == 0};
        struct sley_task *task;
        int result;

        CHECK(sley_runtime_spawn(visit.home, visitor, &visit, NULL, &task) == 0, "spawn");
        stress_dawdle(&random, 5000);
        if (visit.stays)
            sley_cancel(task, "from elsewhere");
        CHECK(sley_join(task, &result) == 0, "join");
        CHECK(result == (int)(visit.stream & 0xff), "somebody else's result");
        check_home(self->home);
    }
    return 0;
}

static void visits(void)
{
    enum { SENDERS = 6 };
    struct visit senders[SENDERS];
    struct sley_task *tasks[SENDERS];
    int result;

    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct visit){.home = runtimes[i % 2], .stream = 100 + i};
        CHECK(sley_runtime_spawn(senders[i].home, sender, &senders[i], NULL, &tasks[i]) == 0,
              "spawn");
    }
    for (unsigned i = 0; i < SENDERS; i++)
        CHECK(sley_join(tasks[i], &result) == 0 && result == 0, "sender %u", i);
    stress_alive();
}

/* --- the third ------------------------------------------------------------------------------ */

static int brief(void *arg)
{
    struct sley_task *task = stress_spawn(visitor, arg);

    return stress_join(task);
}

static void *come_and_go(void *arg)
{
    atomic_bool *stop = arg;

    while (!atomic_load(stop)) {
        struct sley_runtime *runtime;
        struct visit visit = {.stream = 5};

        CHECK(sley_runtime_new(NULL, &runtime) == 0, "runtime");
        visit.home = runtime;
        CHECK(stress_run_in(runtime, brief, &visit) == 5, "the third runtime");
        sley_runtime_free(runtime);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    atomic_bool stop = false;
    pthread_t thread;

    stress_begin(argc, argv);
    CHECK(pthread_create(&thread, NULL, come_and_go, &stop) == 0, "thread");
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        runtimes[0] = stress_start(stress_workers[i]);
        runtimes[1] = stress_start(stress_workers[STRESS_WORKER_COUNTS - 1 - i]);
        wakes();
        visits();
        /* Their tasks have ended, so nobody uses the other runtime any more. */
        stress_stop(runtimes[0]);
        stress_stop(runtimes[1]);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return stress_end();
}
