/*
 * timer.c: the timing wheel. See timer_impl.h.
 *
 * A slot of level n is a unit: the ticks that are equal above the level's shift. A timer goes to
 * the first level on which its unit is less than a turn away from the one that now is in; so every
 * level turns over, and a slot's number and now tell which unit is meant. When now enters a unit of
 * a level above the first, the timers of its slot move down (cascade). Advancing does not step
 * through empty ticks: bitmaps tell the next filled slot.
 *
 * Invariants: an armed timer's tick is > now, except during an advance; a filled slot has its bit
 * set (a set bit with an empty slot is allowed: disarm does not clear it).
 */
#include "timer_impl.h"

#include <string.h>

#include <sley/time.h>

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
    wheel->lock = (struct sley__lock){0};
    store_relaxed(&wheel->next, SLEY_FOREVER);
    wheel->now = now >> SLEY__WHEEL_TICK_BITS;
    wheel->count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(wheel->used); i++)
        wheel->used[i] = 0;
}

/* The slot's bit, in its word. */
static inline uint64_t bit(unsigned slot)
{
    return (uint64_t)1 << slot % 64;
}

/* Which slot of its level, counted from the level's first. */
static inline unsigned place(int64_t unit, int level)
{
    return (unsigned)unit & (SLEY__WHEEL_SLOTS(level) - 1);
}

/* Sorts a timer in; the tick at which its slot is next visited. Under the lock, tick >= now. */
static int64_t insert(struct sley__wheel *wheel, struct sley__timer *timer)
{
    int level = 0;
    int64_t unit = timer->tick, here = wheel->now;
    unsigned slot;

    while (unit - here >= SLEY__WHEEL_SLOTS(level) && level < SLEY__WHEEL_LEVELS - 1) {
        level++;
        unit = timer->tick >> SLEY__WHEEL_SHIFT(level);
        here = wheel->now >> SLEY__WHEEL_SHIFT(level);
    }
    /* Beyond a turn of the last level: the slot before the current one is visited last, and sorts
     * it in again. */
    unit = min_i64(unit, here + SLEY__WHEEL_SLOTS(level) - 1);
    slot = SLEY__WHEEL_BASE(level) + place(unit, level);
    if (!(wheel->used[slot / 64] & bit(slot))) {
        wheel->used[slot / 64] |= bit(slot);
        list_init(&wheel->slot[slot]);
    }
    list_push_back(&wheel->slot[slot], &timer->link);
    return unit << SLEY__WHEEL_SHIFT(level);
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

/* The first of the slots from..end-1 that may be filled, or `end`. Both are of one level. */
static unsigned next_used(const uint64_t *used, unsigned from, unsigned end)
{
    uint64_t mask = ~(uint64_t)0 << from % 64;

    for (unsigned i = from / 64; i * 64 < end; i++, mask = ~(uint64_t)0)
        if (used[i] & mask)
            return i * 64 + (unsigned)__builtin_ctzll(used[i] & mask);
    return end;
}

/* The tick > now at which the next filled slot of `level` begins, or NO_TICK. Under the lock. */
static int64_t next_visit_at(struct sley__wheel *wheel, int level)
{
    int64_t here = wheel->now >> SLEY__WHEEL_SHIFT(level);
    unsigned base = SLEY__WHEEL_BASE(level), end = base + SLEY__WHEEL_SLOTS(level);
    unsigned current = base + place(here, level), slot = end;

    if (current + 1 < end)
        slot = next_used(wheel->used, current + 1, end);
    if (slot == end) { /* it turns over */
        slot = next_used(wheel->used, base, end);
        if (slot >= current)
            return NO_TICK;
    }
    return (here + place((int64_t)slot - current, level)) << SLEY__WHEEL_SHIFT(level);
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

/* Moves the timers of the units that now has just entered down to their new levels; a timer due
 * now stays linked in the first level's slot. Under the lock. */
static void cascade(struct sley__wheel *wheel)
{
    int level;

    for (level = SLEY__WHEEL_LEVELS - 1; level > 0; level--) {
        int64_t unit = wheel->now >> SLEY__WHEEL_SHIFT(level);
        unsigned slot = SLEY__WHEEL_BASE(level) + place(unit, level);
        struct list moved, *link;

        if (unit << SLEY__WHEEL_SHIFT(level) != wheel->now || !(wheel->used[slot / 64] & bit(slot)))
            continue;
        wheel->used[slot / 64] &= ~bit(slot);
        list_move(&wheel->slot[slot], &moved);
        while ((link = list_pop_front(&moved))) {
            __builtin_prefetch(moved.next);
            insert(wheel, container_of(link, struct sley__timer, link));
        }
    }
}

/* Takes up to `max` timers out of the slot of tick now, which are due, oldest first. Under the
 * lock.
 */
static size_t fire(struct sley__wheel *wheel, struct sley__timer_due *due, size_t max)
{
    unsigned slot = place(wheel->now, 0);
    struct list *list = &wheel->slot[slot];
    size_t n = 0;

    if (!(wheel->used[slot / 64] & bit(slot)))
        return 0;
    while (n < max && !list_empty(list)) {
        struct list *link = list_pop_front(list);
        struct sley__timer *timer = container_of(link, struct sley__timer, link);

        __builtin_prefetch(list->next, 1);
        due[n++] = (struct sley__timer_due){timer->task, timer->ticket};
        wheel->count--;
    }
    if (list_empty(list))
        wheel->used[slot / 64] &= ~bit(slot);
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
