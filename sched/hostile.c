/*
 * hostile.c: what the hostile build does to the order of things. Level 0, that build only.
 *
 * Every atomic operation is a place where another thread may come between. On a quiet machine it
 * hardly ever does, so races sleep for years. Here each atomic first calls sley__hostile_pause(),
 * which mostly does nothing, sometimes yields the processor and sometimes spins for a while, so
 * that every window in the code is open wide now and then. Where the scheduler has a choice (whom
 * to rob first, which queue to serve) the choice is a random one. And on request the n-th
 * allocation of the library fails:
 *
 *     SLEY_SEED=n          repeats the choices of the run that printed it
 *     SLEY_FAIL_ALLOC=n    the n-th allocation fails; n+ (as in 7+): that one and all later ones
 *
 * An allocation is a call of malloc and its family in sched and io (the build renames them for
 * those two, which is why their files need not know), a mapping, or the start of a thread.
 *
 * The choices come from the seed of the process, which is printed once at the start and once more
 * with every panic. What a worker chooses depends on the seed, its number and how many tasks it has
 * run, not on how often it looked in vain; so the choice between the k-th task of worker w and its
 * next is the same in every run. The kernel's own scheduling is not repeated, so a seed makes a
 * failure likely again, not certain; certainty is what the model checker is for.
 *
 * The generator of the pauses is a counter that all threads share, hashed. Not one per thread: a
 * thread-local here would be the one thing in the scheduler whose address is wrong after a park.
 *   Rejected: failing an allocation with a probability. A count finds every one of them, each once.
 */
#define _GNU_SOURCE 1

/* Here malloc is malloc. */
#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc
#undef strdup

#include "hostile.h"

#include "platform.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* --- saying so ------------------------------------------------------------------------------ */

static void say(const char *line, int length)
{
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* nobody listens */
}

void sley__hostile_say_seed(void)
{
    char line[64];

    say(line, snprintf(line, sizeof line, "sley: hostile build, SLEY_SEED=%" PRIu64 "\n",
                       sley__random_base()));
}

/* So that a failure can be tried again. Any thread. */
static void announce(void)
{
    if (!exchange_acquire(&announced, true))
        sley__hostile_say_seed();
}

/* --- choices -------------------------------------------------------------------------------- */

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

static unsigned common_divisor(unsigned a, unsigned b)
{
    while (b) {
        unsigned rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Steps around the ring of n from a random start with a random stride that has no divisor in common
 * with n, so that each comes once. */
unsigned sley__hostile_ith(unsigned i, unsigned n, uint64_t dice)
{
    unsigned start = (unsigned)(dice >> 32) % n, stride = (unsigned)dice % n;

    while (common_divisor(stride, n) != 1)
        stride++;
    return (unsigned)((start + (uint64_t)i * stride) % n);
}

/* --- allocations that fail ------------------------------------------------------------------ */

/* Read once from SLEY_FAIL_ALLOC. */
static unsigned long fail_first; /* 0: none */
static bool fail_later;          /* and all after it */

/* Allocations so far. Any thread; relaxed, it only numbers them. */
static atomic(uint64_t) allocations;

static void read_wish(void)
{
    const char *text = getenv("SLEY_FAIL_ALLOC");
    char *end;

    if (!text)
        return;
    fail_first = strtoul(text, &end, 10);
    fail_later = strcmp(end, "+") == 0;
    ensure_msg(end != text && (*end == '\0' || fail_later),
               "SLEY_FAIL_ALLOC is \"%s\", not a number or a number and +", text);
}

bool sley__hostile_fails(const char *what)
{
    static pthread_once_t read_once = PTHREAD_ONCE_INIT;
    uint64_t n = fetch_add_relaxed(&allocations, 1) + 1;
    char line[96];

    pthread_once(&read_once, read_wish);
    if (likely(!fail_first) || !(n == fail_first || (fail_later && n > fail_first)))
        return false;
    if (n == fail_first)
        say(line, snprintf(line, sizeof line,
                           "sley: hostile build, allocation %" PRIu64 " fails: %s\n", n, what));
    errno = ENOMEM;
    return true;
}

/* What the rest of the library calls by the names without the prefix. */
void *sley__hostile_malloc(size_t size);
void *sley__hostile_calloc(size_t count, size_t size);
void *sley__hostile_realloc(void *memory, size_t size);
void *sley__hostile_aligned_alloc(size_t align, size_t size);
char *sley__hostile_strdup(const char *text);

void *sley__hostile_malloc(size_t size)
{
    return sley__hostile_fails("malloc") ? NULL : malloc(size);
}

void *sley__hostile_calloc(size_t count, size_t size)
{
    return sley__hostile_fails("calloc") ? NULL : calloc(count, size);
}

void *sley__hostile_realloc(void *memory, size_t size)
{
    return sley__hostile_fails("realloc") ? NULL : realloc(memory, size);
}

void *sley__hostile_aligned_alloc(size_t align, size_t size)
{
    return sley__hostile_fails("aligned_alloc") ? NULL : aligned_alloc(align, size);
}

char *sley__hostile_strdup(const char *text)
{
    return sley__hostile_fails("strdup") ? NULL : strdup(text);
}
