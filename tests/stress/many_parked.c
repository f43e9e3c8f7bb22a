/*
 * many_parked.c: a million tasks parked at once, then woken and joined.
 *
 * Each has been on its own stack, with a guard, and holds it while it is parked; so this is the
 * promise of the stacks, the slabs of tasks and the queues at their size. Each adds its number to a
 * sum after it was woken: nobody is forgotten, nobody runs twice.
 *
 * A million takes 4.7 GB. On a machine with less to spare it takes fewer and says so.
 */
#include "stress.h"

#define BYTES_PER_TASK 5000

static unsigned count;
static struct sley_task **tasks;
static atomic_uint parked;
static atomic_uint_fast64_t sum;

static int sleeper(void *arg)
{
    uint64_t number = (uint64_t)(uintptr_t)arg;

    atomic_fetch_add_explicit(&parked, 1, memory_order_relaxed);
    CHECK(sley_park("a long time") == 0, "park");
    atomic_fetch_add_explicit(&sum, number, memory_order_relaxed);
    return (int)(number & 0xff);
}

static int everybody(void *arg)
{
    uint64_t expected = 0;
    unsigned i;

    (void)arg;
    for (i = 0; i < count; i++) {
        int error = sley_spawn(sleeper, (void *)(uintptr_t)i, NULL, &tasks[i]);

        CHECK(error == 0, "spawn of task %u: %s", i, sley_strerror(error));
        if (i % 1024 == 0)
            stress_alive();
        expected += i;
    }
    while (atomic_load(&parked) < count) {
        sley_yield();
        stress_alive();
    }
    for (i = 0; i < count; i++)
        sley_unpark(tasks[i]);
    stress_alive();
    for (i = 0; i < count; i++) {
        CHECK(stress_join(tasks[i]) == (int)(i & 0xff), "task %u returned something else", i);
        if (i % 1024 == 0)
            stress_alive();
    }
    CHECK(atomic_load(&sum) == expected, "the sum is wrong");
    return 0;
}

static uint64_t available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

int main(int argc, char **argv)
{
    uint64_t room;

    stress_begin(argc, argv);
    count = STRESS_HOSTILE ? stress_count(0, 100000) : stress_count(1000000, 20000);
    room = available_memory() / 3 * 2 / BYTES_PER_TASK;
    if (!STRESS_SLOW && room && count > room) {
        printf("many_parked: memory for %u tasks of %u\n", (unsigned)room, count);
        count = (unsigned)room;
    }
    tasks = malloc(count * sizeof(struct sley_task *));
    CHECK(tasks, "no memory for %u handles", count);
    CHECK(stress_run(0, everybody, NULL) == 0, "failed");
    free(tasks);
    return stress_end();
}
