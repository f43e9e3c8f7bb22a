/*
 * steal.c: one turn of a run queue with a thief at it. Two threads would meet at another point in
 * every run, so both play on one thread: the owner fills the queue, the thief takes half, the owner
 * takes what is left and so finds out what was stolen.
 */
#include "gate.h"

#include "deque.h"

const char gate_operation[] = "eight pushes, a steal of four, and the owner's takes of the others";

enum { FILL = 8 };

static struct sley__deque queue;
static struct sley_task *stolen[SLEY__STEAL_MAX];

static unsigned take_all(void)
{
    unsigned taken = 0;

    while (sley__deque_take(&queue))
        taken++;
    return taken;
}

int gate_work(size_t count)
{
    struct sley_task *task = sley_self(); /* never looked at */
    unsigned i, thief;

    sley__deque_init(&queue);
    while (count--) {
        for (i = 0; i < FILL; i++)
            if (!sley__deque_push(&queue, task))
                return 1;
        thief = sley__deque_steal(&queue, stolen);
        if (thief != FILL / 2 || thief + take_all() != FILL)
            return 1;
    }
    return 0;
}
