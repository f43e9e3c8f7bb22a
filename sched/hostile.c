/*
 * hostile.c: what the hostile build does to the order of things. Level 0, that build only.
 *
 * Every atomic operation is a place where another thread may come between. On a quiet machine it
 * hardly ever does, so races sleep for years. Here each atomic first calls sley__hostile_pause(),
 * which mostly does nothing, sometimes yields the processor and sometimes spins for a while, so
 * that every window in the code is open wide now and then.
 *
 * The choices come from the seed of the process, which is printed once: SLEY_SEED=n in the
 * environment repeats them. The kernel's own scheduling is not repeated, so a seed makes a failure
 * likely again, not certain; certainty is what the simulation is for.
 *
 * The generator is a counter that all threads share, hashed. Not one per thread: a thread-local
 * here would be the one thing in the scheduler whose address is wrong after a park.
 */
#include "platform.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The atomics below are the ones that must not pause: they would call themselves. */
#undef SLEY__ATOMIC_POINT
#define SLEY__ATOMIC_POINT() ((void)0)

/* One pause in YIELD_EVERY gives the processor away, one in SPIN_EVERY lets the others run ahead.
 */
enum { YIELD_EVERY = 64, SPIN_EVERY = 256, SPIN_MAX = 2000 };

/* How many pauses there were. Any thread; relaxed, it orders nothing. */
static atomic(uint64_t) pauses;

/* Whether the seed has been printed. Any thread; the exchange has no partner, it only elects. */
static atomic(bool) announced;

/* So that a failure can be tried again. Any thread. */
static void announce(void)
{
    char line[64];
    int length;

    if (exchange_acquire(&announced, true))
        return;
    length = snprintf(line, sizeof line, "sley: hostile build, SLEY_SEED=%" PRIu64 "\n",
                      sley__random_base());
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* nobody listens */
}

void sley__hostile_pause(void)
{
    uint64_t dice;

    if (unlikely(!load_relaxed(&announced)))
        announce();
    dice = sley__hash64(sley__random_base() + fetch_add_relaxed(&pauses, 1));
    if (dice % YIELD_EVERY == 0)
        sley__thread_yield();
    else if (dice % SPIN_EVERY == 1)
        for (uint64_t i = 0; i < (dice >> 32) % SPIN_MAX; i++)
            cpu_relax();
}
