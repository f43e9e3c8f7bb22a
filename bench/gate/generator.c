/*
 * generator.c: one value of a generator: two switches of stacks, no queue.
 */
#include "gate.h"

#include <stdint.h>

#include <sley/generator.h>

const char gate_operation[] = "a value yielded and the next one asked for";

static int count_up(struct sley_generator *self, void *arg)
{
    size_t end = (size_t)(uintptr_t)arg;
    int error;

    for (uint64_t n = 0; n < end; n++)
        if ((error = sley_yield_value(self, &n)) != 0)
            return error;
    return 0;
}

int gate_work(size_t count)
{
    struct sley_generator *generator;
    uint64_t n, sum = 0;

    if (sley_generator_new(count_up, (void *)(uintptr_t)count, sizeof n, NULL, &generator) != 0)
        return 1;
    while (sley_generator_next(generator, &n) > 0)
        sum += n;
    sley_generator_free(generator);
    return sum != (uint64_t)count * (count - 1) / 2;
}
