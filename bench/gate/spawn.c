/*
 * spawn.c: a task that does nothing, from spawn to join, in batches of 500: everything it needs is
 * recycled, and the run queue holds the whole batch.
 */
#include "gate.h"

const char gate_operation[] = "sley_spawn(), the run of an empty task, its end, sley_join()";

enum { BATCH = 500 };

static int nothing(void *arg)
{
    (void)arg;
    return 1;
}

static int run_batch(struct sley_task **tasks)
{
    int i, result, sum = 0;

    for (i = 0; i < BATCH; i++)
        if (sley_spawn(nothing, NULL, NULL, &tasks[i]) != 0)
            return -1;
    for (i = 0; i < BATCH; i++)
        if (sley_join(tasks[i], &result) == 0)
            sum += result;
    return sum;
}

int gate_work(size_t count)
{
    static struct sley_task *tasks[BATCH];

    for (; count >= BATCH; count -= BATCH)
        if (run_batch(tasks) != BATCH)
            return 1;
    return 0;
}
