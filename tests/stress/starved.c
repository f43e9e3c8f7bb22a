/*
 * starved.c: a task from which the kernel has taken the processor loses its worker, but that is no
 * stall of its making: a program that is to fail on stalls (SLEY_STALLS=fail) must not fail because
 * the machine was busy.
 *
 * The only worker is made the least of all threads, and two others keep its processor busy, until
 * the monitor has found somebody for the ready task that waits: nothing may be counted as a stall.
 * Then a task blocks in the kernel, and another one computes, each until that is counted.
 */
#define _GNU_SOURCE 1

#include "stress.h"

#include <sched.h>

static struct sley_runtime *runtime;
static atomic_int others_here;
static atomic_bool enough;
static cpu_set_t here;

static struct sley_worker_stats stats(void)
{
    struct sley_worker_stats stats;

    CHECK(sley_runtime_stats(runtime, 0, &stats) == 0, "stats");
    return stats;
}

static void *keep_busy(void *unused)
{
    (void)unused;
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof here, &here) == 0, "affinity");
    atomic_fetch_add(&others_here, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed))
        ;
    return NULL;
}

/* The first processor that this thread may use, and no other. */
static void choose_processor(void)
{
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof here, &here) == 0, "affinity");
    for (unsigned cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &here) && found++)
            CPU_CLR(cpu, &here);
}

static void become_the_least(void)
{
    struct sched_param param = {0};

    CHECK(pthread_setaffinity_np(pthread_self(), sizeof here, &here) == 0, "affinity");
    CHECK(pthread_setschedparam(pthread_self(), SCHED_IDLE, &param) == 0, "policy");
}

static int nothing(void *unused)
{
    (void)unused;
    return 0;
}

static int starve(void *unused)
{
    struct sley_task *waiting;
    pthread_t others[2];
    uint64_t before;

    (void)unused;
    choose_processor();
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&others[i], NULL, keep_busy, NULL) == 0, "thread");
    while (atomic_load(&others_here) < 2)
        ;
    /* What this task has used until now is its own fault: it begins anew, on whatever thread. */
    CHECK(sley_sleep(SLEY_MILLISECONDS(1)) == 0, "sleep");
    become_the_least();
    before = stats().reliefs;
    CHECK(sley_spawn(nothing, NULL, NULL, &waiting) == 0, "spawn");
    while (stats().reliefs == before)
        ;
    CHECK(stats().stalls == 0, "%llu stalls of a starved task", (unsigned long long)stats().stalls);
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(others[i], NULL);
    CHECK(sley_join(waiting, NULL) == 0, "join");
    stress_alive();
    return 0;
}

static int stall(void *blocks)
{
    struct timespec time = {.tv_nsec = 400000000};
    struct sley_task *waiting;
    uint64_t before;

    /* Whoever ran the last task may have lost the worker and taken this one along; it is nobody's
     * stall there. Who wakes up is on a worker. */
    CHECK(sley_sleep(SLEY_MILLISECONDS(1)) == 0, "sleep");
    before = stats().stalls;
    CHECK(sley_spawn(nothing, NULL, NULL, &waiting) == 0, "spawn");
    while (stats().stalls == before)
        if (blocks)
            nanosleep(&time, NULL);
    CHECK(sley_join(waiting, NULL) == 0, "join");
    stress_alive();
    return 0;
}

int main(int argc, char **argv)
{
    /* Many ticks of the kernel: who becomes the least of all may still finish its slice. */
    struct sley_options options = {.workers = 1, .stall_threshold = SLEY_MILLISECONDS(100)};
    int error;

    setenv("SLEY_STALLS", "off", 0);
    stress_begin(argc, argv);
    error = sley_runtime_new(&options, &runtime);
    CHECK(error == 0, "%s", sley_strerror(error));
    stress.runtimes[0] = runtime;
    CHECK(stress_run_in(runtime, starve, NULL) == 0, "starve");
    CHECK(stress_run_in(runtime, stall, (void *)1) == 0, "block");
    CHECK(stress_run_in(runtime, stall, NULL) == 0, "compute");
    stress.runtimes[0] = NULL;
    sley_runtime_free(runtime);
    return stress_end();
}
