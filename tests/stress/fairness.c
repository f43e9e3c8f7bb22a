/*
 * fairness.c: a worker that never runs out of work of its own does not forget the shared queue.
 *
 * Thousands of tasks are made ready at once, many times more than fit into a worker's queue, and
 * each then takes turn after turn: it computes for at least 20 us, and gives way. While those in
 * the worker's queue go round, the others wait in the shared one. When the last of them has its
 * first turn, nobody may have had many: 30 to 65 are usual. A worker that takes one shared task at
 * every 61st turn lets them have a thousand.
 *
 *   woken     parked tasks that are woken together
 *   spawned   tasks that have not run, beside woken ones that go on
 *
 * What is counted are turns. On a slower machine 10 ms have fewer of them, so the bound holds all
 * the more.
 */
#include "stress.h"

#include <sley/sync.h>

enum { TASKS_MAX = 4000, TURN_NS = 20000, MOST_TURNS = 200 };

static struct crowd {
    unsigned count;
    struct sley_task *tasks[TASKS_MAX];
    atomic_uint turns[TASKS_MAX]; /* a task that is taken for a hog runs beside the others */
    atomic_uint begun;            /* tasks that have had a turn */
    unsigned most;                /* turns that one had had when the last one began; that one */
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
    atomic_store(&crowd.begun, 0);
    crowd.most = 0;
    for (unsigned i = 0; i < crowd.count; i++)
        atomic_store(&crowd.turns[i], 0);
    if (gate_is_open)
        sley_event_set(&crowd.gate);
    for (unsigned i = 0; i < crowd.count; i++)
        crowd.tasks[i] = stress_spawn(go_round, &crowd.turns[i]);
    if (!gate_is_open) {
        CHECK(sley_sleep(SLEY_MILLISECONDS(1)) == 0, "sleep");
        sley_event_set(&crowd.gate);
    }
    for (unsigned i = 0; i < crowd.count; i++)
        CHECK(stress_join(crowd.tasks[i]) == 0, "task %u", i);
    CHECK(crowd.begun == crowd.count, "%u of %u began", crowd.begun, crowd.count);
    CHECK(crowd.most <= MOST_TURNS, "one has had %u turns when another one had its first",
          crowd.most);
    stress_alive();
    return 0;
}

int main(int argc, char **argv)
{
    setenv("SLEY_STALLS", "off", 0);
    stress_begin(argc, argv);
    crowd.count = STRESS_SLOW ? TASKS_MAX / 2 : TASKS_MAX;
    for (unsigned i = 0; i < stress_count(2, 1); i++) {
        CHECK(stress_run(1, all_go_round, NULL) == 0, "woken");
        CHECK(stress_run(1, all_go_round, (void *)1) == 0, "spawned");
    }
    return stress_end();
}
