/*
 * overrun.c: a task writes behind the end of an array on its stack, after it has parked.
 *
 * The red zones of its frames must still be there after the switches: a stack that is unpoisoned
 * when its flow goes on would hide this.
 *
 * tool: address
 * exit: 1
 * says: AddressSanitizer: stack-buffer-overflow
 * says: WRITE of size 1
 * says: clumsy.* .*overrun\.c:@write
 */
#include "planted.h"

static int clumsy(void *arg)
{
    volatile char array[16];
    volatile char *volatile start = array; /* so that no other tool counts its elements */
    volatile size_t length = sizeof array;

    (void)arg;
    array[0] = 1;
    must(sley_park("a wake") == 0, "park");
    start[healthy ? length - 1 : length] = 1; /* planted: write */
    return array[0];
}

static int run(void *arg)
{
    struct sley_task *task = spawned(clumsy, NULL);
    int result;

    (void)arg;
    sley_unpark(task);
    must(sley_join(task, &result) == 0, "join");
    return result != 1;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
