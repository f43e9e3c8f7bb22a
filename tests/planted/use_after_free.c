/*
 * use_after_free.c: a task uses what it has freed before it parked.
 *
 * tool: address
 * exit: 1
 * says: AddressSanitizer: heap-use-after-free
 * says: READ of size 1
 * says: careless.* .*use_after_free\.c:@use
 * says: careless.* .*use_after_free\.c:@free
 */
#include "planted.h"

static int careless(void *arg)
{
    char *volatile memory = malloc(100);
    int seen;

    (void)arg;
    must(memory, "allocate");
    memory[7] = 7;
    if (!healthy)
        free(memory); /* planted: free */
    must(sley_park("a wake") == 0, "park");
    seen = memory[7]; /* planted: use */
    if (healthy)
        free(memory);
    return seen;
}

static int run(void *arg)
{
    struct sley_task *task = spawned(careless, NULL);
    int seen;

    (void)arg;
    sley_unpark(task);
    must(sley_join(task, &seen) == 0, "join");
    return seen != 7;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
