/*
 * use_after_end.c: a variable on the stack of a task that has parked is used after the task has
 * ended.
 *
 * One worker, so that the order is this one: the first task parks with its variable published; it
 * is woken and ends; and on the stack that it leaves behind, which the scheduler's loop goes on
 * with, the second task runs and uses the pointer. The tool knows that the frame is gone because
 * the frames of tasks are in its fake stacks, which go with each stack from switch to switch.
 *
 * tool: address
 * options: ASAN_OPTIONS=detect_stack_use_after_return=1
 * exit: 1
 * says: AddressSanitizer: stack-use-after-return
 * says: READ of size 4
 * says: late.* .*use_after_end\.c:@use
 * says: 'number'
 */
#include "planted.h"

static int *volatile published;

static int owner(void *arg)
{
    int number = 5;

    (void)arg;
    published = &number;
    must(sley_park("the end") == 0, "park");
    return number;
}

static int late(void *arg)
{
    (void)arg;
    return *published; /* planted: use */
}

static int run(void *arg)
{
    struct sley_task *first = spawned(owner, NULL), *second;
    int seen;

    (void)arg;
    while (!published)
        sley_yield();
    if (!healthy)
        sley_unpark(first);
    second = spawned(late, NULL);
    must(sley_join(second, &seen) == 0, "join");
    if (healthy)
        sley_unpark(first);
    joined(first);
    return seen != 5;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 1, run);
}
