/*
 * timer.c: the timing wheel. See timer_impl.h.
 *
 * Level 0 holds the timers of the current revolution of 256 ticks, level n those of the current
 * revolution of 256^(n+1). The level of a timer is given by the highest digit (base 256) in which
 * its tick differs from the wheel's now: all higher digits are equal, so it will be reached within
 * that revolution. When now enters a new slot of level n, the timers in it move down (cascade).
 * Advancing does not step through empty ticks: bitmaps tell the next filled slot. The last level
 * has no level above it and turns over: its slots before the current one are those of the next
 * revolution.
 *
 * Invariants: an armed timer's tick is > now, except during an advance; a filled slot has its bit
 * set (a set bit with an empty slot is allowed: disarm does not clear it).
 */
#include "timer_impl.h"

#include <sley/time.h>

#define DIGIT(tick, level) \
    ((unsigned)((tick) >> (SLEY__WHEEL_SLOT_BITS * (level))) & (SLEY__WHEEL_SLOTS - 1))
/* Ticks that the last level spans, from the start of the slot that now is in. */
#define SPAN    ((int64_t)1 << (SLEY__WHEEL_SLOT_BITS * SLEY__WHEEL_LEVELS))
#define NO_TICK INT64_MAX

/* The first tick that starts at or after `ns`, so that no timer is early. */
static int64_t tick_after(int64_t ns)
{
    return (ns >> SLEY__WHEEL_TICK_BITS) + ((ns & ((1 << SLEY__WHEEL_TICK_BITS) - 1)) != 0);
}

static int64_t tick_start(int64_t tick)
{
    return tick >= (INT64_MAX >> SLEY__WHEEL_TICK_BITS) ? SLEY_FOREVER
                                                        : tick << SLEY__WHEEL_TICK_BITS;
}

void sley__wheel_init(struct sley__wheel *wheel, int64_t now)
{
    int level, i;

    wheel->lock = (struct sley__lock){0};
    store_relaxed(&wheel->next, SLEY_FOREVER);
    wheel->now = now >> SLEY__WHEEL_TICK_BITS;
    wheel->count = 0;
    for (level = 0; level < SLEY__WHEEL_LEVELS; level++) {
        for (i = 0; i < SLEY__WHEEL_SLOTS / 64; i++)
            wheel->used[level][i] = 0;
        for (i = 0; i < SLEY__WHEEL_SLOTS; i++)
            list_init(&wheel->slot[level][i]);
    }
}

/* The highest level whose digit differs between the tick and now. */
static int level_of(int64_t tick, int64_t now)
{
    uint64_t differ = (uint64_t)(tick ^ now);
    int level = differ ? (63 - __builtin_clzll(differ)) / SLEY__WHEEL_SLOT_BITS : 0;

    return level < SLEY__WHEEL_LEVELS ? level : SLEY__WHEEL_LEVELS - 1;
}

/* Sorts a timer in; the tick at which its slot is next visited. Under the lock, tick > now. */
static int64_t insert(struct sley__wheel *wheel, struct sley__timer *timer)
{
    int level = level_of(timer->tick, wheel->now);
    unsigned digit = DIGIT(timer->tick, level);
    int64_t unit = (int64_t)1 << (SLEY__WHEEL_SLOT_BITS * level);
    int64_t visit = timer->tick & -unit;

    /* Beyond the span: the slot before the current one is visited last, and sorts it in again. The
     * last level turns over, so it is the distance that counts, not the revolution. */
    if (visit - (wheel->now & -unit) >= SPAN) {
        digit = (DIGIT(wheel->now, level) + SLEY__WHEEL_SLOTS - 1) % SLEY__WHEEL_SLOTS;
        visit = (wheel->now & -unit) + (SLEY__WHEEL_SLOTS - 1) * unit;
    }
    wheel->used[level][digit / 64] |= (uint64_t)1 << digit % 64;
    list_push_back(&wheel->slot[level][digit], &timer->link);
    return visit;
}

void sley__timer_arm(struct sley__wheel *wheel, struct sley__timer *timer, int64_t deadline)
{
    int64_t visit;

    timer->wheel = wheel;
    timer->tick = tick_after(deadline);
    sley__lock_acquire(&wheel->lock);
    if (timer->tick <= wheel->now)
        timer->tick = wheel->now + 1;
    visit = tick_start(insert(wheel, timer));
    wheel->count++;
    if (visit < load_relaxed(&wheel->next))
        store_relaxed(&wheel->next, visit);
    sley__lock_release(&wheel->lock);
}

void sley__timer_disarm(struct sley__timer *timer)
{
    struct sley__wheel *wheel = timer->wheel;

    sley__lock_acquire(&wheel->lock);
    if (list_linked(&timer->link)) {
        list_remove(&timer->link);
        if (--wheel->count == 0)
            store_relaxed(&wheel->next, SLEY_FOREVER);
    }
    sley__lock_release(&wheel->lock);
}

/* The first set bit in `used` at or after `from`, or SLEY__WHEEL_SLOTS. */
static unsigned next_used(const uint64_t *used, unsigned from)
{
    unsigned i;

    for (i = from / 64; i < SLEY__WHEEL_SLOTS / 64 && from < SLEY__WHEEL_SLOTS; i++) {
        uint64_t set = used[i] & (i == from / 64 ? ~(uint64_t)0 << from % 64 : ~(uint64_t)0);

        if (set)
            return i * 64 + (unsigned)__builtin_ctzll(set);
    }
    return SLEY__WHEEL_SLOTS;
}

/* The tick > now at which the next filled slot of `level` begins, or NO_TICK. Under the lock. */
static int64_t next_visit_at(struct sley__wheel *wheel, int level)
{
    int shift = SLEY__WHEEL_SLOT_BITS * level;
    unsigned here = DIGIT(wheel->now, level), slot = next_used(wheel->used[level], here + 1);
    int64_t base = (wheel->now >> shift) - here, turn = 0;

    if (slot == SLEY__WHEEL_SLOTS) {
        if (level < SLEY__WHEEL_LEVELS - 1)
            return NO_TICK; /* lower levels hold only the current revolution */
        slot = next_used(wheel->used[level], 0);
        if (slot == SLEY__WHEEL_SLOTS)
            return NO_TICK;
        turn = SLEY__WHEEL_SLOTS;
    }
    return (base + turn + slot) << shift;
}

/* The next tick at which something may happen, over all levels. Under the lock. */
static int64_t next_visit(struct sley__wheel *wheel)
{
    int64_t first = NO_TICK;
    int level;

    if (!wheel->count)
        return NO_TICK;
    for (level = 0; level < SLEY__WHEEL_LEVELS; level++)
        first = min_i64(first, next_visit_at(wheel, level));
    return first;
}

/* Moves the timers of the slots that now has just entered down to their new levels; a timer due
 * now stays linked in level 0's slot. Under the lock. */
static void cascade(struct sley__wheel *wheel)
{
    int level;

    for (level = SLEY__WHEEL_LEVELS - 1; level > 0; level--) {
        unsigned digit = DIGIT(wheel->now, level);
        struct list moved, *link;

        if (wheel->now & (((int64_t)1 << (SLEY__WHEEL_SLOT_BITS * level)) - 1))
            continue; /* not at the start of a slot of this level */
        wheel->used[level][digit / 64] &= ~((uint64_t)1 << digit % 64);
        list_move(&wheel->slot[level][digit], &moved);
        while ((link = list_pop_front(&moved))) {
            __builtin_prefetch(moved.next);
            insert(wheel, container_of(link, struct sley__timer, link));
        }
    }
}

/* Takes timers out of the slot of tick now, which are due. Under the lock. */
static size_t fire(struct sley__wheel *wheel, struct sley__timer_due *due, size_t max)
{
    unsigned digit = DIGIT(wheel->now, 0);
    struct list *slot = &wheel->slot[0][digit], *link;
    size_t n = 0;

    while (n < max && (link = list_pop_front(slot))) {
        struct sley__timer *timer = container_of(link, struct sley__timer, link);

        __builtin_prefetch(slot->next);
        due[n++] = (struct sley__timer_due){timer->task, timer->ticket};
        wheel->count--;
    }
    if (list_empty(slot))
        wheel->used[0][digit / 64] &= ~((uint64_t)1 << digit % 64);
    return n;
}

size_t sley__wheel_advance(struct sley__wheel *wheel, int64_t now, struct sley__timer_due *due,
                           size_t max)
{
    int64_t target = now >> SLEY__WHEEL_TICK_BITS, tick;
    size_t n;

    if (now < sley__wheel_next(wheel))
        return 0;
    sley__lock_acquire(&wheel->lock);
    n = fire(wheel, due, max); /* what a full `due` left behind last time */
    while (n < max && (tick = next_visit(wheel)) <= target) {
        wheel->now = tick;
        cascade(wheel);
        n += fire(wheel, due + n, max - n);
    }
    if (n < max) {
        if (wheel->now < target && next_visit(wheel) > target)
            wheel->now = target;
        store_relaxed(&wheel->next, wheel->count ? tick_start(next_visit(wheel)) : SLEY_FOREVER);
    }
    sley__lock_release(&wheel->lock);
    return n;
}
