/*
 * gate.c: the part that all programs of the gate have in common.
 *
 * Times on a shared machine move by ten per cent from one run to the next; a change that costs five
 * is not seen until there are ten of them. The number of instructions that a hot path takes does
 * not depend on who else is there. So each hot path has a program that does nothing else, and
 * gate.py counts its instructions under callgrind, twice: for few operations and for many. The
 * difference, divided by the operations that there were more, is what one operation takes; what
 * start-up and end take falls out.
 *
 * Deterministic: one worker, so nobody steals and nobody is woken; no clock and no address decides
 * anything within the counted part.
 *
 * What this does not see: cache misses, fences, mispredictions, the kernel. The benches see those.
 * Rejected: hardware counters (virtual machines hide them); callgrind's toggling by function name
 * (it follows calls, and these programs switch stacks).
 */
#include "gate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int work(void *arg)
{
    return gate_work((size_t)(uintptr_t)arg);
}

int main(int argc, char **argv)
{
    struct sley_options options = {.workers = 1, .unpinned = true};
    unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    int status;

    if (argc == 2 && strcmp(argv[1], "what") == 0)
        return puts(gate_operation) < 0;
    if (count == 0) {
        fprintf(stderr, "usage: %s OPERATIONS | what\n", argv[0]);
        return 2;
    }
    status = sley_run(work, (void *)(uintptr_t)count, &options);
    if (status != 0)
        fprintf(stderr, "%s: the work failed with %d\n", argv[0], status);
    return status != 0;
}
