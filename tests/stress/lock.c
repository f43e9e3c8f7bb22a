/*
 * lock.c: the leaf lock under contention: more threads than processors, critical sections of random
 * length, holders that lose their processor inside. A count kept with plain accesses proves the
 * exclusion; that the program ends proves that no sleeper was forgotten.
 */
#include "stress.h"

#include "lock.h"
#include "platform.h"

enum { THREADS = 6 };

static struct sley__lock lock;
static uint64_t entries; /* protected by lock */
static bool occupied;    /* likewise */
static unsigned rounds;

static void enter(struct stress_random *random)
{
    if (stress_below(random, 4) > 0)
        sley__lock_acquire(&lock);
    else
        while (!sley__lock_try(&lock))
            sley__thread_yield();
}

static void *contend(void *arg)
{
    struct stress_random random = stress_random((uintptr_t)arg);

    for (unsigned i = 0; i < rounds; i++) {
        enter(&random);
        CHECK(!occupied, "two threads are inside");
        occupied = true;
        entries++;
        stress_dawdle(&random, 50);
        if (stress_below(&random, 256) == 0)
            sley__thread_yield(); /* the others spin in vain, and sleep */
        occupied = false;
        sley__lock_release(&lock);
        stress_dawdle(&random, 50);
        stress_alive();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    stress_begin(argc, argv);
    rounds = stress_count(200000, 20000);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, contend, (void *)i) == 0, "no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(entries == (uint64_t)rounds * THREADS, "%" PRIu64 " entries", entries);
    CHECK(load_relaxed(&lock.word) == 0, "still held: %u", load_relaxed(&lock.word));
    return stress_end();
}
