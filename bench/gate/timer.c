/*
 * timer.c: a deadline that is set and does not come: what every call with a deadline does. On a
 * wheel of its own with a clock that stands still, among a thousand other timers, with deadlines of
 * up to a second that come from a fixed seed.
 */
#include "gate.h"

#include <sley/time.h>

#include "timer_impl.h"

const char gate_operation[] = "a timer armed in a wheel with 1,000 others, and disarmed";

enum { OTHERS = 1000 };

static struct sley__wheel wheel;
static struct sley__timer others[OTHERS], mine;

/* xorshift64: same seed, same deadlines. */
static int64_t next_deadline(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (int64_t)(*state % (uint64_t)SLEY_SECONDS(1)) + 1;
}

int gate_work(size_t count)
{
    uint64_t state = 88172645463325252;
    int i;

    sley__wheel_init(&wheel, 0);
    for (i = 0; i < OTHERS; i++)
        sley__timer_arm(&wheel, &others[i], next_deadline(&state));
    while (count--) {
        sley__timer_arm(&wheel, &mine, next_deadline(&state));
        sley__timer_disarm(&mine);
    }
    return wheel.count != OTHERS;
}
