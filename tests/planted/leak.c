/*
 * leak.c: a task allocates, parks, and ends without giving back.
 *
 * Its stack, on which the last pointer was, goes back to the runtime; the tool must not take what
 * is left on it for a reference.
 *
 * tool: leak
 * exit: 1 23
 * says: LeakSanitizer: detected memory leaks
 * says: Direct leak of 1234 byte
 * says: forgetful.* .*leak\.c:@allocation
 */
#include "planted.h"

static int forgetful(void *arg)
{
    char *volatile memory = malloc(1234); /* planted: allocation */

    (void)arg;
    must(memory, "allocate");
    memory[0] = 1;
    must(sley_park("a wake") == 0, "park");
    if (healthy)
        free(memory);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task = spawned(forgetful, NULL);

    (void)arg;
    sley_unpark(task);
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
