/*
 * switch.c: a yield to the other of two tasks: through the run queue and one switch of stacks.
 */
#include "gate.h"

#include <stdint.h>

const char gate_operation[] = "one sley_yield() that switches to another task";

static int yielder(void *arg)
{
    size_t left = (size_t)(uintptr_t)arg;

    while (left--)
        if (sley_yield() != 0)
            return -1;
    return 0;
}

int gate_work(size_t count)
{
    struct sley_task *tasks[2];
    int i, result, bad = 0;

    for (i = 0; i < 2; i++)
        if (sley_spawn(yielder, (void *)(uintptr_t)(count / 2), NULL, &tasks[i]) != 0)
            return 1;
    for (i = 0; i < 2; i++)
        bad |= sley_join(tasks[i], &result) != 0 || result != 0;
    return bad;
}
