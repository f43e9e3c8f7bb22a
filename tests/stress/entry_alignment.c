/*
 * entry_alignment.c: a task's frames are aligned as the ABI says, whatever stack it is on.
 *
 * One word off and everything seems to work until the compiler spills a vector register with an
 * aligned store, or printf saves one for a double. So tasks of every class of stack do both, on a
 * stack of their own, on one that they share with tasks before them, and after having been away.
 * The tops of stacks are coloured, so many tasks are looked at, not one.
 */
#include "stress.h"

typedef float vector __attribute__((vector_size(16)));

__attribute__((noinline)) static bool aligned(const void *address, uintptr_t to)
{
    __asm__ volatile("" : "+r"(address));
    return (uintptr_t)address % to == 0;
}

/* The first frame, by what the ABI promises: at a function's entry the stack pointer plus the
 * return address is a multiple of 16. */
static void check_frame(const void *frame)
{
#if defined(__x86_64__)
    /* The frame address is that of the saved frame pointer, two words below the arguments. */
    CHECK(aligned(frame, 16), "the frame is at %p", frame);
#else
    CHECK(aligned(frame, 16), "the frame is at %p", frame);
#endif
}

__attribute__((noinline)) static void use_vectors(float start)
{
    vector value = {start, start + 1, start + 2, start + 3};
    volatile vector spilled = value; /* an aligned store */
    _Alignas(64) volatile char line[64];

    line[0] = 1;
    CHECK(aligned((const void *)(uintptr_t)&spilled, 16), "a vector");
    CHECK(aligned((const void *)(uintptr_t)line, 64), "a cache line");
    sley_yield();
    CHECK(spilled[0] == start && spilled[3] == start + 3, "a vector lost its value");
}

static void print_a_double(double value)
{
    char text[64], expected[64];

    snprintf(text, sizeof text, "%f %.3f %d", value, value * 2, 7);
    snprintf(expected, sizeof expected, "%d.500000 %d.000 7", (int)value, (int)(value * 2));
    CHECK(strcmp(text, expected) == 0, "printed %s, not %s", text, expected);
}

static int check_alignment(void *arg)
{
    int number = (int)(uintptr_t)arg;

    check_frame(__builtin_frame_address(0));
    print_a_double(number + 0.5);
    use_vectors((float)number);
    if (number % 3 == 0)
        CHECK(sley_sleep(1) == 0, "sleep");
    check_frame(__builtin_frame_address(0));
    print_a_double(number + 0.5);
    return number;
}

static int check_all(void *arg)
{
    static const size_t sizes[] = {16384, 65536, 262144, 1048576};
    enum { TASKS = 64 };
    struct sley_task *tasks[TASKS];

    (void)arg;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct sley_task_options options = {.stack_size = sizes[i]};

        for (int k = 0; k < TASKS; k++)
            CHECK(sley_spawn(check_alignment, (void *)(uintptr_t)k, &options, &tasks[k]) == 0,
                  "spawn");
        for (int k = 0; k < TASKS; k++)
            CHECK(stress_join(tasks[k]) == k, "join");
    }
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        stress_run(stress_workers[i], check_all, NULL);
    return stress_end();
}
