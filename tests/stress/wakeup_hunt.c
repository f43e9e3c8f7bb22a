/*
 * wakeup_hunt.c: looks for lost wake-ups.
 *
 * A wake-up is lost between the moment a waiter has looked for the last time and the moment it
 * sleeps; on both levels: a task that parks, and a worker that goes idle. So here nearly everybody
 * waits nearly always, workers fall asleep between any two events, and the waker dawdles for a
 * random while first, so that it meets the other at any point of its way to sleep. One wake-up lost
 * is one pair that stands still for good, and the watchdog dumps it.
 *
 * The pairs, all at once and by the dice:
 *   strict     park and unpark in turn, no condition around the park: a permit lost stops it, a
 * park that returns without one breaks the order looped     the pattern of park.h, with sleeps and
 * yields between foreign    the partner is a kernel thread joined     each move is a new task,
 * which the other joins Then the same with one pair alone, because a busy runtime hides what an
 * idle one loses.
 */
#include "stress.h"

#include <semaphore.h>

enum kind { STRICT, LOOPED, FOREIGN, JOINED, KINDS };

struct pair;

struct player {
    struct pair *pair;
    unsigned me; /* 0 begins */
    struct stress_random random;
};

struct pair {
    enum kind kind;
    unsigned moves;
    uint64_t stream;
    struct player player[2];
    struct sley_task *task[2];
    struct sley_task *owner; /* joins them, once both have said that they will unpark no more */
    atomic_uint finished;
    atomic_uint turn; /* whose move it is: turn % 2 */
    sem_t served;     /* FOREIGN: wakes the thread */
};

static void idle_about(struct stress_random *random)
{
    switch (stress_below(random, 8)) {
    case 0:
        sley_yield();
        break;
    case 1:
        sley_sleep(SLEY_MICROSECONDS(1 + stress_below(random, 200)));
        break;
    case 2:
    case 3:
        break;
    default:
        stress_dawdle(random, 20000);
    }
}

/* --- strict --------------------------------------------------------------------------------- */

static void strict_move(struct player *player, unsigned move)
{
    struct pair *pair = player->pair;
    unsigned turn, expected = 2 * move + player->me;
    int error;

    if (stress_below(&player->random, 2) == 0) /* the permit is there before, or comes just now */
        stress_dawdle(&player->random, 2000);
    error = expected ? sley_park("my turn") : 0;

    CHECK(error == 0, "park: %s", sley_strerror(error));
    turn = atomic_load(&pair->turn);
    CHECK(turn == expected, "player %u of pair %" PRIu64 " may move at turn %u, not %u", player->me,
          pair->stream, expected, turn);
    if (stress_below(&player->random, 4) == 0)
        stress_dawdle(&player->random, 20000);
    atomic_store(&pair->turn, turn + 1);
    sley_unpark(pair->task[1 - player->me]);
}

/* --- looped --------------------------------------------------------------------------------- */

static void looped_move(struct player *player)
{
    struct pair *pair = player->pair;

    while (atomic_load(&pair->turn) % 2 != player->me)
        CHECK(sley_park("my turn") == 0, "park");
    idle_about(&player->random);
    atomic_fetch_add(&pair->turn, 1);
    sley_unpark(pair->task[1 - player->me]);
    if (stress_below(&player->random, 4) == 0)
        sley_unpark(pair->task[1 - player->me]); /* does not add up */
}

static int play_move_by_move(void *arg)
{
    struct player *player = arg;
    struct pair *pair = player->pair;

    for (unsigned i = 0; i < pair->moves; i++) {
        if (pair->kind == STRICT)
            strict_move(player, i);
        else
            looped_move(player);
    }
    atomic_fetch_add(&pair->finished, 1);
    sley_unpark(pair->owner);
    return 0;
}

/* Player 1 knows player 0 from its first turn on, which comes after both spawns. */
static int play_two(struct pair *pair)
{
    pair->owner = sley_self();
    pair->task[1] = stress_spawn(play_move_by_move, &pair->player[1]);
    CHECK(sley_spawn(play_move_by_move, &pair->player[0], NULL, &pair->task[0]) == 0, "spawn");
    while (atomic_load(&pair->finished) < 2)
        CHECK(sley_park("the players") == 0, "park");
    return stress_join(pair->task[0]) + stress_join(pair->task[1]);
}

/* --- foreign -------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
    struct player *player = arg;
    struct pair *pair = player->pair;

    for (unsigned i = 0; i < pair->moves; i++) {
        while (sem_wait(&pair->served) != 0)
            ;
        stress_dawdle(&player->random, stress_below(&player->random, 16) ? 20000 : 200000);
        atomic_fetch_add(&pair->turn, 1);
        sley_unpark(pair->task[0]);
    }
    return NULL;
}

static int play_foreign(struct pair *pair)
{
    struct stress_random *random = &pair->player[0].random;
    pthread_t thread;

    pair->task[0] = sley_self();
    sem_init(&pair->served, 0, 0);
    CHECK(pthread_create(&thread, NULL, serve, &pair->player[1]) == 0, "no thread");
    for (unsigned i = 0; i < pair->moves; i++) {
        atomic_fetch_add(&pair->turn, 1);
        sem_post(&pair->served);
        if (stress_below(random, 4) == 0)
            stress_dawdle(random, 20000);
        while (atomic_load(&pair->turn) % 2 != 0)
            CHECK(sley_park("a thread") == 0, "park");
    }
    /* Blocks the worker, but not for long: this task must not end before the last unpark has. */
    pthread_join(thread, NULL);
    sem_destroy(&pair->served);
    return 0;
}

/* --- joined --------------------------------------------------------------------------------- */

static int joined_move(void *arg)
{
    struct pair *pair = arg;
    struct stress_random random = stress_random(pair->stream + atomic_fetch_add(&pair->turn, 1));

    idle_about(&random);
    return (int)pair->stream;
}

static int play_joined(struct pair *pair)
{
    for (unsigned i = 0; i < pair->moves; i++) {
        struct sley_task *task = stress_spawn(joined_move, pair);

        if (stress_below(&pair->player[0].random, 4) == 0)
            idle_about(&pair->player[0].random);
        CHECK(stress_join(task) == (int)pair->stream, "joined somebody else");
    }
    CHECK(atomic_load(&pair->turn) == pair->moves, "%u moves of %u", atomic_load(&pair->turn),
          pair->moves);
    return 0;
}

/* --- all ------------------------------------------------------------------------------------ */

static int play(void *arg)
{
    struct pair *pair = arg;
    int result = pair->kind == FOREIGN  ? play_foreign(pair)
                 : pair->kind == JOINED ? play_joined(pair)
                                        : play_two(pair);

    stress_alive();
    return result;
}

static void set_up(struct pair *pair, enum kind kind, unsigned moves)
{
    static uint64_t streams = 1;

    *pair = (struct pair){.kind = kind, .moves = moves, .stream = streams};
    for (unsigned me = 0; me < 2; me++)
        pair->player[me] = (struct player){pair, me, stress_random(streams++)};
}

/* All pairs at once. */
static void crowd(struct sley_runtime *runtime)
{
    enum { PAIRS = 24 };
    struct pair pairs[PAIRS];
    struct sley_task *tasks[PAIRS];
    int result;

    for (unsigned i = 0; i < PAIRS; i++) {
        set_up(&pairs[i], i % KINDS, stress_count(300, STRESS_HOSTILE ? 300 : 40));
        CHECK(sley_runtime_spawn(runtime, play, &pairs[i], NULL, &tasks[i]) == 0, "spawn");
    }
    for (unsigned i = 0; i < PAIRS; i++)
        CHECK(sley_join(tasks[i], &result) == 0 && result == 0, "pair %u", i);
}

/* One pair at a time: the workers sleep between any two moves. */
static void alone(struct sley_runtime *runtime)
{
    struct pair pair;

    for (enum kind kind = 0; kind < KINDS; kind++) {
        set_up(&pair, kind, stress_count(2000, STRESS_HOSTILE ? 2000 : 300));
        CHECK(stress_run_in(runtime, play, &pair) == 0, "pair of kind %d", (int)kind);
    }
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        struct sley_runtime *runtime = stress_start(stress_workers[i]);

        crowd(runtime);
        alone(runtime);
        stress_stop(runtime);
    }
    return stress_end();
}
