/*
 * locked_memory.c: a program that has locked its memory (mlockall) keeps all that sley promises.
 *
 * The kernel refuses two things on locked memory: guard regions, and giving pages back. So stacks
 * get their guards another way, and idle workers, which trim the stacks that nobody needs, must do
 * without. Enough tasks are parked at once to come above the watermark where trimming begins, three
 * times, so that stacks are used again after a trim that was refused.
 *
 * Locking needs a right or a limit (RLIMIT_MEMLOCK): without, this is skipped.
 */
#include "stress.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static atomic_bool doors_open;

static int guest(void *arg)
{
    volatile char frame[1000];

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (char)((uintptr_t)arg + i);
    while (!atomic_load(&doors_open))
        CHECK(sley_park("the doors") == 0, "park");
    for (size_t i = 0; i < sizeof frame; i++)
        CHECK(frame[i] == (char)((uintptr_t)arg + i), "its stack was overwritten");
    return 0;
}

static int crowd(void *arg)
{
    unsigned n = stress_count(7000, 1500), i;
    struct sley_task **tasks = calloc(n, sizeof(struct sley_task *));

    (void)arg;
    CHECK(tasks, "no memory for %u handles", n);
    atomic_store(&doors_open, false);
    for (i = 0; i < n; i++)
        tasks[i] = stress_spawn(guest, (void *)(uintptr_t)i);
    sley_yield();
    atomic_store(&doors_open, true);
    for (i = 0; i < n; i++)
        sley_unpark(tasks[i]);
    for (i = 0; i < n; i++)
        CHECK(stress_join(tasks[i]) == 0, "a guest failed");
    free(tasks);
    return 0;
}

int main(int argc, char **argv)
{
    struct sley_runtime *runtime;

    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        fprintf(stderr, "locked_memory: skipped, mlockall: %s\n", strerror(errno));
        return STRESS_SKIPPED;
    }
    stress_begin(argc, argv);
    runtime = stress_start(0);
    for (int i = 0; i < 3; i++) {
        CHECK(stress_run_in(runtime, crowd, NULL) == 0, "the crowd failed");
        sley_sleep(
            SLEY_MILLISECONDS(50)); /* idle: time to trim; nothing depends on how far it gets */
        stress_alive();
    }
    stress_stop(runtime);
    return stress_end();
}
