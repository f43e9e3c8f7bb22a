/*
 * park.c: two tasks that wake each other: each operation is one wake-up of the other and one park.
 */
#include "gate.h"

const char gate_operation[] = "one sley_unpark() of a parked task and one sley_park()";

struct pair {
    struct sley_task *task[2];
    size_t rounds;
};

static int answer(void *arg)
{
    struct pair *pair = arg;
    size_t i;

    for (i = 0; i < pair->rounds; i++) {
        if (sley_park("gate") != 0)
            return -1;
        sley_unpark(pair->task[0]);
    }
    return 0;
}

int gate_work(size_t count)
{
    struct pair pair = {.task = {sley_self()}, .rounds = count / 2};
    size_t i;
    int result;

    if (sley_spawn(answer, &pair, NULL, &pair.task[1]) != 0)
        return 1;
    sley_yield(); /* until it is parked */
    for (i = 0; i < pair.rounds; i++) {
        sley_unpark(pair.task[1]);
        if (sley_park("gate") != 0)
            return 1;
    }
    return sley_join(pair.task[1], &result) != 0 || result != 0;
}
