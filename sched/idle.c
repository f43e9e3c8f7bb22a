/*
 * idle.c: the accounting of idle workers. The protocol is in idle.h.
 */
#include "idle.h"

#define SEARCHING ((uint32_t)1)
#define SLEEPING  ((uint32_t)1 << 16)

void sley__idle_init(struct sley__idle *idle, unsigned workers)
{
    size_t i;

    ensure(workers >= 1 && workers <= SLEY__MAX_WORKERS);
    store_relaxed(&idle->state, 0);
    idle->workers = workers;
    idle->numbers = workers;
    for (i = 0; i < ARRAY_LENGTH(idle->sleepers); i++)
        store_relaxed(&idle->sleepers[i], 0);
}

/* Clears the worker's bit; true if it was set, which makes the caller the one that wakes it. */
static bool clear_bit(struct sley__idle *idle, unsigned worker)
{
    uint64_t bit = (uint64_t)1 << worker % 64;

    return fetch_and_seq_cst(&idle->sleepers[worker / 64], ~bit) & bit;
}

/* The first sleeper at or after worker `from`, cyclically, claimed; or -1. Any thread. */
static int claim_sleeper(struct sley__idle *idle, unsigned from)
{
    unsigned words = (idle->numbers + 63) / 64, i;

    for (i = 0; i <= words; i++) {
        unsigned w = (from / 64 + i) % words;
        uint64_t set = load_relaxed(&idle->sleepers[w]);

        if (i == 0)
            set &= ~(uint64_t)0 << from % 64;
        while (set) {
            unsigned worker = w * 64 + (unsigned)__builtin_ctzll(set);

            if (clear_bit(idle, worker))
                return (int)worker;
            set &= set - 1;
        }
    }
    return -1;
}

/* Any thread. */
static bool any_sleeper(struct sley__idle *idle)
{
    unsigned i;

    for (i = 0; i < (idle->numbers + 63) / 64; i++)
        if (load_relaxed(&idle->sleepers[i]))
            return true;
    return false;
}

int sley__idle_choose(struct sley__idle *idle, unsigned near)
{
    uint32_t state = load_relaxed(&idle->state), after;
    int worker;

    for (;;) {
        do {
            if (sley__idle_searching(state) || !sley__idle_sleeping(state))
                return -1;
        } while (!cas_seq_cst(&idle->state, &state, state + SEARCHING));
        worker = claim_sleeper(idle, near);
        if (worker >= 0) {
            fetch_add_seq_cst(&idle->state, -SLEEPING);
            return worker;
        }
        /* No bit although the count said so: that worker is just being woken or retracting, and
         * will search. Our claim to search goes back. While it stood, a submit may have relied on
         * us, and the last one that searched may have stopped without notifying because of us. If
         * there is a bit now, whoever it is may have looked before that submit: choose again. If
         * there is none, each worker that counts as asleep has its last look before it. */
        after = fetch_add_seq_cst(&idle->state, -SEARCHING) - SEARCHING;
        fence_seq_cst(); /* the claim goes back before the bits are read */
        if (sley__idle_searching(after) || !any_sleeper(idle))
            return -1;
        state = after;
    }
}

bool sley__idle_start_search(struct sley__idle *idle)
{
    uint32_t state = load_relaxed(&idle->state);
    unsigned awake = idle->workers - sley__idle_sleeping(state);

    if (2 * sley__idle_searching(state) >= awake && sley__idle_searching(state))
        return false;
    fetch_add_seq_cst(&idle->state, SEARCHING);
    return true;
}

bool sley__idle_stop_search(struct sley__idle *idle)
{
    return sley__idle_searching(fetch_add_seq_cst(&idle->state, -SEARCHING)) == 1;
}

bool sley__idle_announce(struct sley__idle *idle, unsigned worker, bool searching, bool doze)
{
    uint32_t before, change = SLEEPING - (searching ? SEARCHING : 0);

    fetch_or_seq_cst(&idle->sleepers[worker / 64], (uint64_t)1 << worker % 64);
    before = fetch_add_seq_cst(&idle->state, change);
    if (!doze)
        fence_heavy(); /* partner: fence_light in sley__idle_should_wake */
    return sley__idle_sleeping(before + change) == idle->workers;
}

bool sley__idle_retract(struct sley__idle *idle, unsigned worker)
{
    if (!clear_bit(idle, worker))
        return false; /* the chooser has counted us as searching */
    fetch_add_seq_cst(&idle->state, SEARCHING - SLEEPING);
    return true;
}

bool sley__idle_choose_this(struct sley__idle *idle, unsigned worker)
{
    if (!clear_bit(idle, worker))
        return false;
    fetch_add_seq_cst(&idle->state, SEARCHING - SLEEPING);
    return true;
}
