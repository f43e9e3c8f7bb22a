/*
 * spawn_failure.c: when the address space is used up, the spawn says so and nothing else happens.
 *
 * The process limits its own address space (RLIMIT_AS) and spawns tasks that park until a spawn
 * fails. The failure must be SLEY_ENOMEM, every time it is tried again, from a task and from a
 * foreign thread. What is there goes on: all parked tasks are woken, use their stacks, park again
 * (which needs a stack for whoever runs meanwhile, promised at their spawn) and end. Afterwards
 * there is room again, and spawning works.
 *
 * Sanitizers reserve terabytes of address space, so they cannot run under such a limit.
 */
#include "stress.h"

#include <malloc.h>
#include <sys/resource.h>

/* Above what the process has when it starts. Each worker may keep promises of 256 stacks for its
 * own next spawns, so the room must be well above that: fewer workers where it is smaller. */
#define ROOM ((rlim_t)(STRESS_SLOW ? 96 : 400) << 20)

static atomic_bool open_gate;

static int prisoner(void *arg)
{
    volatile char frame[3000];
    unsigned turns = 0;

    memset((char *)(uintptr_t)frame, (int)(uintptr_t)arg & 0x7f, sizeof frame);
    while (!atomic_load(&open_gate)) {
        CHECK(sley_park("the gate") == 0, "park");
        turns++;
    }
    sley_yield();
    for (size_t i = 0; i < sizeof frame; i++)
        CHECK(frame[i] == ((int)(uintptr_t)arg & 0x7f), "its stack was overwritten");
    return turns ? 1 : 0;
}

static uint64_t used_address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages = 0;

    CHECK(file && fscanf(file, "%llu", &pages) == 1, "/proc/self/statm");
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct prison {
    struct sley_runtime *runtime;
    struct sley_task **tasks;
    unsigned room, count;
    atomic_bool full; /* the first spawn has failed */
    size_t stack_size;
};

static int spawn_prisoner(struct prison *prison)
{
    struct sley_task_options options = {.stack_size = prison->stack_size};
    unsigned i = prison->count;
    int error;

    CHECK(i < prison->room, "%u tasks and still no SLEY_ENOMEM", i);
    error = sley_spawn(prisoner, (void *)(uintptr_t)i, &options, &prison->tasks[i]);
    if (!error)
        prison->count++;
    return error;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int spawn_and_join(struct prison *prison)
{
    struct sley_task_options options = {.stack_size = prison->stack_size};
    struct sley_task *task;
    int error = sley_spawn(nothing, NULL, &options, &task);

    CHECK(error == 0, "there was room for %u tasks of %zu bytes, now: %s", prison->count,
          prison->stack_size, sley_strerror(error));
    return stress_join(task);
}

static void *spawn_from_outside(void *arg)
{
    struct prison *prison = arg;
    struct sley_task_options options = {.stack_size = prison->stack_size};
    int error;

    while (!atomic_load(&prison->full))
        sley_sleep(SLEY_MILLISECONDS(1));
    do
        error = sley_runtime_spawn(prison->runtime, nothing, NULL, &options, NULL);
    while (!error);
    return (void *)(intptr_t)error;
}

static void check_full(struct prison *prison, pthread_t thread)
{
    void *result;

    for (unsigned i = 0; i < 100; i++) {
        int error = spawn_prisoner(prison);

        CHECK(error == 0 || error == SLEY_ENOMEM, "spawn: %s", sley_strerror(error));
        if (i % 10 == 0)
            sley_yield();
    }
    pthread_join(thread, &result);
    CHECK((int)(intptr_t)result == SLEY_ENOMEM, "from outside: %s",
          sley_strerror((int)(intptr_t)result));
}

/* Everybody turns once, then leaves. */
static void release(struct prison *prison)
{
    unsigned i;

    for (i = 0; i < prison->count; i++)
        sley_unpark(prison->tasks[i]);
    for (i = 0; i < 100; i++)
        sley_yield();
    atomic_store(&open_gate, true);
    for (i = 0; i < prison->count; i++)
        sley_unpark(prison->tasks[i]);
    for (i = 0; i < prison->count; i++)
        stress_join(prison->tasks[i]);
}

static int run_prison(void *arg)
{
    struct prison *prison = arg;
    pthread_t thread;
    int error;

    prison->runtime = sley_runtime_current();
    CHECK(pthread_create(&thread, NULL, spawn_from_outside, prison) == 0, "thread");
    do {
        error = spawn_prisoner(prison);
        if (prison->count % 64 == 0)
            sley_yield(); /* they take their stacks */
    } while (!error);
    CHECK(error == SLEY_ENOMEM, "spawn: %s", sley_strerror(error));
    atomic_store(&prison->full, true);
    check_full(prison, thread);
    release(prison);
    return spawn_and_join(prison);
}

static void fill(unsigned workers, size_t stack_size)
{
    struct prison prison = {.stack_size = stack_size, .room = 1u << 20};
    struct rlimit limit, old;
    struct sley_runtime *runtime;

    prison.tasks = malloc(prison.room * sizeof(struct sley_task *));
    CHECK(prison.tasks, "no memory for handles");
    atomic_store(&open_gate, false);
    runtime = stress_start(workers);
    CHECK(getrlimit(RLIMIT_AS, &old) == 0, "getrlimit");
    limit = old;
    limit.rlim_cur = used_address_space() + ROOM;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    CHECK(stress_run_in(runtime, run_prison, &prison) == 0, "failed");
    stress_stop(runtime);
    CHECK(setrlimit(RLIMIT_AS, &old) == 0, "setrlimit");
    CHECK(prison.count > 16, "room for %u tasks only", prison.count);
    free(prison.tasks);
}

int main(int argc, char **argv)
{
    if (WITH_ASAN || WITH_TSAN) {
        fprintf(stderr, "spawn_failure: skipped, a sanitizer needs more address space\n");
        return STRESS_SKIPPED;
    }
    mallopt(M_ARENA_MAX, 1); /* an arena per thread is 128 MiB of address space, now or later */
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS - STRESS_SLOW; i++) {
        fill(stress_workers[i], 0);
        fill(stress_workers[i], 16384);
        fill(stress_workers[i], 1 << 20);
    }
    return stress_end();
}
