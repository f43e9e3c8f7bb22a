/*
 * parked_roots.c: what only a parked flow points to is not a leak. LeakSanitizer must be told of
 * stacks (context.c); without it, a program that exits with tasks still parked would be accused of
 * all that they own. Skipped where there is no LeakSanitizer.
 */
#include "stress.h"

#if WITH_ASAN
#include "platform.h"
#include "stack.h"

#include <sanitizer/lsan_interface.h>

static struct sley__context here, there;
static struct sley__fiber own;
static struct sley__stack *stack;

/* Keeps its memory in a local, where nobody else knows of it, and parks. */
static void hold(void *arg)
{
    char *volatile memory = malloc(1000);

    (void)arg;
    sley__context_entered(&stack->fiber);
    CHECK(memory, "no memory");
    sley__context_switch(&there, &stack->fiber, &here, &own, false);
    free(memory);
    sley__context_switch(&there, &stack->fiber, &here, &own, true);
    abort();
}

static void go_there(void)
{
    sley__context_switch(&here, &own, &there, &stack->fiber, false);
}

int main(int argc, char **argv)
{
    struct sley__stack_pool pool;
    struct sley__stack_cache cache = {0};

    stress_begin(argc, argv);
    sley__platform_init();
    sley__stack_pool_init(&pool);
    sley__fiber_adopt_thread(&own);
    stack = sley__stack_acquire(&pool, &cache, SLEY__STACK_64K);
    CHECK(stack, "no stack");
    sley__context_init(&there, stack->top, hold, NULL);
    go_there();
    CHECK(__lsan_do_recoverable_leak_check() == 0, "a parked flow's memory is said to have leaked");
    go_there();
    sley__stack_pool_close(&pool);
    return stress_end();
}
#else
int main(void)
{
    return STRESS_SKIPPED;
}
#endif
