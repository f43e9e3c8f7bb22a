/*
 * fairness.c: a worker that never runs out of work of its own does not forget the shared queue.
 *
 * Thousands of tasks are made ready at once, many times more than fit into a worker's queue, and
 * each then takes turn after turn: it computes for at least 20 us, and gives way. While those in
 * the worker's queue go round, the others wait in the shared one. When the last of them has its
 * first turn, nobody may have had many.
 *
 *   woken     parked tasks that are woken together
 *   spawned   tasks that have not run, beside woken ones that go on
 *   outside   tasks that another thread has spawned, beside one that spawns and joins others, which
 *             are younger than whatever stands in the worker's own queue
 *
 * Usual are 9 and 40 turns (50 and 80 in the hostile build), and 2.5 rounds of the one inside for
 * each of those outside. With a worker that takes one shared task at every 61st turn it is two
 * hundred, a thousand, and thirty; with one that takes many, and lays the spawned ones under those
 * of its own queue, the third goes on for ever.
 *
 * What is counted are turns. On a slower machine 10 ms have fewer of them, so the bound holds all
 * the more.
 */
#include "stress.h"

#include <sley/sync.h>

enum { TASKS_MAX = 4000, TURN_NS = 20000, MOST_WOKEN = 100, MOST_SPAWNED = 200, MOST_ROUNDS = 8 };

static struct crowd {
    unsigned count;
    struct sley_task *tasks[TASKS_MAX];
    atomic_uint turns[TASKS_MAX];
    atomic_uint begun; /* tasks that have had a turn */
    unsigned most;     /* turns that one had had when the last one began; that one */
    atomic_uint here;  /* tasks that have come to the gate */
    struct sley_event gate;
} crowd;

static void compute(void)
{
    int64_t until = sley_now() + TURN_NS;

    while (sley_now() < until)
        ;
}

static void note_most(void)
{
    for (unsigned i = 0; i < crowd.count; i++)
        if (atomic_load(&crowd.turns[i]) > crowd.most)
            crowd.most = atomic_load(&crowd.turns[i]);
}

static int go_round(void *arg)
{
    atomic_uint *turns = arg;

    atomic_fetch_add(&crowd.here, 1);
    CHECK(sley_event_wait(&crowd.gate) == 0, "gate");
    while (atomic_load(&crowd.begun) < crowd.count) {
        if (atomic_fetch_add(turns, 1) == 0 && atomic_fetch_add(&crowd.begun, 1) + 1 == crowd.count)
            note_most();
        compute();
        CHECK(sley_yield() == 0, "yield");
    }
    return 0;
}

static int all_go_round(void *gate_is_open)
{
    crowd.gate = (struct sley_event){0};
    atomic_store(&crowd.here, 0);
    atomic_store(&crowd.begun, 0);
    crowd.most = 0;
    for (unsigned i = 0; i < crowd.count; i++)
        atomic_store(&crowd.turns[i], 0);
    if (gate_is_open)
        sley_event_set(&crowd.gate);
    for (unsigned i = 0; i < crowd.count; i++)
        crowd.tasks[i] = stress_spawn(go_round, &crowd.turns[i]);
    while (atomic_load(&crowd.here) < crowd.count && !gate_is_open)
        CHECK(sley_sleep(SLEY_MILLISECONDS(1)) == 0, "sleep");
    sley_event_set(&crowd.gate);
    for (unsigned i = 0; i < crowd.count; i++)
        CHECK(stress_join(crowd.tasks[i]) == 0, "task %u", i);
    CHECK(crowd.begun == crowd.count, "%u of %u began", crowd.begun, crowd.count);
    CHECK(crowd.most <= (gate_is_open ? MOST_SPAWNED : MOST_WOKEN),
          "one has had %u turns when another one had its first", crowd.most);
    stress_alive();
    return 0;
}

/* --- outside -------------------------------------------------------------------------------- */

static atomic_bool all_pushed;
static unsigned rounds; /* of the one inside, until all those outside had begun */

static int from_outside(void *unused)
{
    (void)unused;
    atomic_fetch_add(&crowd.begun, 1);
    compute();
    return 0;
}

static int child(void *unused)
{
    (void)unused;
    compute();
    return 0;
}

/* It keeps the only worker until all the others are in the shared queue. */
static int spawn_and_join(void *unused)
{
    (void)unused;
    while (!atomic_load(&all_pushed))
        ;
    for (rounds = 0; atomic_load(&crowd.begun) < crowd.count; rounds++)
        CHECK(stress_join(stress_spawn(child, NULL)) == 0, "child");
    return 0;
}

static void run_outside(void)
{
    struct sley_runtime *runtime = stress_start(1);
    struct sley_task *inside;

    atomic_store(&crowd.begun, 0);
    atomic_store(&all_pushed, false);
    CHECK(sley_runtime_spawn(runtime, spawn_and_join, NULL, NULL, &inside) == 0, "spawn");
    for (unsigned i = 0; i < crowd.count; i++)
        CHECK(sley_runtime_spawn(runtime, from_outside, NULL, NULL, &crowd.tasks[i]) == 0, "spawn");
    atomic_store(&all_pushed, true);
    CHECK(stress_join(inside) == 0, "inside");
    for (unsigned i = 0; i < crowd.count; i++)
        CHECK(stress_join(crowd.tasks[i]) == 0, "task %u", i);
    CHECK(rounds <= MOST_ROUNDS * crowd.count, "%u rounds while %u waited", rounds, crowd.count);
    stress_stop(runtime);
}

int main(int argc, char **argv)
{
    setenv("SLEY_STALL_MS", "0", 1); /* whose turn it is, and not whose carrier */
    stress_begin(argc, argv);
    crowd.count = STRESS_SLOW ? TASKS_MAX / 2 : TASKS_MAX;
    for (unsigned i = 0; i < stress_count(2, 1); i++) {
        CHECK(stress_run(1, all_go_round, NULL) == 0, "woken");
        CHECK(stress_run(1, all_go_round, (void *)1) == 0, "spawned");
        run_outside();
    }
    return stress_end();
}
