/*
 * migrate.c: what must survive when a task goes on on another kernel thread.
 *
 * Tasks fill everything that a compiler may keep in registers over a call (integers, doubles, an
 * array on the stack) and errno, give their worker up in every way there is, and look again. Many
 * tasks do it at once, so that they are stolen, woken from elsewhere and resumed in any order. How
 * often a task really changed threads is printed: it depends on the machine.
 *
 * errno is read through a function of its own each time: <sley/task.h> says that nobody may keep
 * its address over a park, and a compiler would.
 */
#include "stress.h"

#include <errno.h>

enum { CELLS = 32, TASKS = 200 };

struct nomad {
    struct sley_task *task;
    struct sley_task *_Atomic *waiting; /* a slot where it waits for the next one to unpark it */
    uint64_t stream;
    unsigned moves;
};

static atomic_uint moves_done, migrations;

__attribute__((noinline)) static int read_errno(void)
{
    __asm__ volatile("" ::: "memory");
    return errno;
}

__attribute__((noinline)) static void write_errno(int value)
{
    __asm__ volatile("" ::: "memory");
    errno = value;
}

__attribute__((noinline)) static pthread_t this_thread(void)
{
    __asm__ volatile("" ::: "memory");
    return pthread_self();
}

/* Hands the slot to itself and wakes whoever was there: a chain of wakes through all nomads. The
 * last one of all is woken by the parent. */
static void relay(struct nomad *nomad)
{
    struct sley_task *previous = atomic_exchange(nomad->waiting, nomad->task);

    if (previous)
        sley_unpark(previous);
    CHECK(sley_park("the relay") == 0, "park");
}

static int nothing(void *arg)
{
    return *(int *)arg;
}

/* Gives the worker up. */
static void wander(struct nomad *nomad, struct stress_random *random)
{
    int answer = (int)stress_below(random, 1000);

    switch (stress_below(random, 4)) {
    case 0:
        sley_yield();
        break;
    case 1:
        sley_sleep(SLEY_MICROSECONDS(stress_below(random, 100)));
        break;
    case 2:
        relay(nomad);
        break;
    default:
        CHECK(stress_join(stress_spawn(nothing, &answer)) == answer, "join");
    }
}

static void move(struct nomad *nomad, struct stress_random *random)
{
    uint64_t seed = stress_next(random), array[CELLS];
    uint64_t a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11;
    double x = (double)(seed % 1000) / 7, y = x * 3, z = x * x;
    int number = (int)stress_below(random, 4000);
    pthread_t before = this_thread();

    for (unsigned i = 0; i < CELLS; i++)
        array[i] = seed + i;
    write_errno(number);
    wander(nomad, random);
    CHECK(read_errno() == number, "errno is %d, was %d", read_errno(), number);
    CHECK(a == seed * 3 && b == seed * 5 && c == seed * 7 && d == seed * 11, "integers");
    CHECK(x == (double)(seed % 1000) / 7 && y == x * 3 && z == x * x, "doubles");
    for (unsigned i = 0; i < CELLS; i++)
        CHECK(array[i] == seed + i, "the array on the stack");
    CHECK(sley_self() == nomad->task, "it is somebody else");
    if (!pthread_equal(before, this_thread()))
        atomic_fetch_add(&migrations, 1);
    atomic_fetch_add(&moves_done, 1);
}

static int roam(void *arg)
{
    struct nomad *nomad = arg;
    struct stress_random random = stress_random(nomad->stream);

    nomad->task = sley_self();
    for (unsigned i = 0; i < nomad->moves; i++)
        move(nomad, &random);
    return 0;
}

static int tribe(void *arg)
{
    unsigned moves = stress_count(150, 30), i;
    struct nomad nomads[TASKS];
    struct sley_task *tasks[TASKS];
    struct sley_task *_Atomic slot = NULL;

    atomic_store(&moves_done, 0);
    for (i = 0; i < TASKS; i++) {
        nomads[i] = (struct nomad){
            .waiting = &slot, .stream = (uint64_t)(uintptr_t)arg * TASKS + i, .moves = moves};
        tasks[i] = stress_spawn(roam, &nomads[i]);
    }
    while (atomic_load(&moves_done) < TASKS * moves) {
        struct sley_task *last = atomic_exchange(&slot, NULL);

        if (last)
            sley_unpark(last);
        sley_sleep(SLEY_MICROSECONDS(100));
    }
    for (i = 0; i < TASKS; i++)
        CHECK(stress_join(tasks[i]) == 0, "a nomad failed");
    stress_alive();
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        stress_run(stress_workers[i], tribe, (void *)(uintptr_t)(i + 1));
    printf("migrate: %u migrations\n", atomic_load(&migrations));
    return stress_end();
}
