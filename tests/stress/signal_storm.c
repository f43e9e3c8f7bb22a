/*
 * signal_storm.c: threads send signals as fast as they can to two runtimes, in which tasks wait for
 * them while others open and close sets of their own and are cancelled.
 *
 * The signals are real-time ones, which the kernel queues, so it is known how many there were: the
 * sets that were open all the time must have told each of them once.
 *
 * ThreadSanitizer puts signals off until it suits it, and has one place per thread and number for
 * them, so that there some are merged after all: then no more may be told than were sent.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <sley/signal.h>

enum { NUMBERS = 3, RUNTIMES = 2, WAITERS = 4, GUESTS = 6, SENDERS = 3 };

static atomic_uint sent[NUMBERS], taken[RUNTIMES][NUMBERS], quiet, open_sets;

/* --- who sends -------------------------------------------------------------------------------- */

static void *send_many(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    unsigned n = stress_count(5000, 500);

    for (unsigned i = 0; i < n; i++) {
        unsigned which = stress_below(&random, NUMBERS);

        while (sigqueue(getpid(), SIGRTMIN + (int)which, (union sigval){0}) < 0)
            sched_yield(); /* the kernel's queue is full */
        atomic_fetch_add(&sent[which], 1);
        stress_dawdle(&random, 300);
        stress_alive();
    }
    return NULL;
}

/* --- who waits -------------------------------------------------------------------------------- */

struct waiter {
    struct sley_signals *signals;
    unsigned runtime;
};

static void open_all(struct sley_signals **signals)
{
    const int numbers[NUMBERS] = {SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2};
    int error = sley_signals_open(numbers, NUMBERS, signals);

    CHECK(error == 0, "open: %s", sley_strerror(error));
}

static int wait_for_ever(void *arg)
{
    const struct waiter *waiter = arg;
    int number;

    while ((number = sley_signals_wait(waiter->signals)) > 0) {
        atomic_fetch_add(&taken[waiter->runtime][number - SIGRTMIN], 1);
        stress_alive();
    }
    CHECK(number == SLEY_ECANCELED, "%s", sley_strerror(number));
    return 0;
}

/* Opens sets, looks at some arrivals, and is late at any point of it. */
static int come_and_go(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);

    while (!atomic_load(&quiet)) {
        struct sley_signals *signals;
        int64_t before;

        open_all(&signals);
        before = sley_deadline_narrow(sley_after(SLEY_MICROSECONDS(stress_below(&random, 300))));
        for (unsigned i = stress_below(&random, 5); i > 0; i--) {
            int number = sley_signals_wait(signals);

            CHECK(number == SLEY_ETIMEDOUT || (number >= SIGRTMIN && number < SIGRTMIN + NUMBERS),
                  "%d", number);
        }
        sley_deadline_restore(before);
        sley_signals_close(signals);
        sley_yield();
    }
    return 0;
}

/* All that was sent has been told: then no signal is under way. */
static void await_all(unsigned runtime)
{
    for (int i = 0; i < NUMBERS && !WITH_TSAN; i++)
        while (atomic_load(&taken[runtime][i]) < atomic_load(&sent[i]))
            sley_sleep(SLEY_MICROSECONDS(200));
}

static int station(void *arg)
{
    unsigned runtime = (unsigned)(uintptr_t)arg;
    struct waiter waiter = {.runtime = runtime};
    struct sley_task *waiters[WAITERS], *guests[GUESTS];

    open_all(&waiter.signals);
    atomic_fetch_add(&open_sets, 1);
    for (unsigned i = 0; i < WAITERS; i++)
        waiters[i] = stress_spawn(wait_for_ever, &waiter);
    for (uintptr_t i = 0; i < GUESTS; i++)
        guests[i] = stress_spawn(come_and_go, (void *)(i + runtime * GUESTS));
    while (!atomic_load(&quiet))
        sley_sleep(SLEY_MICROSECONDS(200));
    for (unsigned i = 0; i < GUESTS; i++)
        stress_join(guests[i]);
    await_all(runtime);
    for (unsigned i = 0; i < WAITERS; i++)
        sley_cancel(waiters[i], "the end");
    for (unsigned i = 0; i < WAITERS; i++)
        stress_join(waiters[i]);
    CHECK(WITH_TSAN || sley_signals_try(waiter.signals) == 0, "more were told than sent");
    sley_signals_close(waiter.signals);
    return 0;
}

static void *run_station(void *arg)
{
    stress_run(2, station, arg);
    return NULL;
}

static void storm(void)
{
    pthread_t stations[RUNTIMES], senders[SENDERS];

    for (uintptr_t i = 0; i < RUNTIMES; i++)
        CHECK(pthread_create(&stations[i], NULL, run_station, (void *)i) == 0, "no thread");
    while (atomic_load(&open_sets) < RUNTIMES)
        sched_yield();
    for (uintptr_t i = 0; i < SENDERS; i++)
        CHECK(pthread_create(&senders[i], NULL, send_many, (void *)i) == 0, "no thread");
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i], NULL);
    atomic_store(&quiet, 1);
    for (int i = 0; i < RUNTIMES; i++)
        pthread_join(stations[i], NULL);
    for (int i = 0; i < NUMBERS; i++)
        for (int k = 0; k < RUNTIMES; k++)
            CHECK(taken[k][i] == sent[i] || (WITH_TSAN && taken[k][i] < sent[i]),
                  "runtime %d: %u of %u", k, taken[k][i], sent[i]);
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    storm();
    return stress_end();
}
