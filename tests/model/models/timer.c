/*
 * timer.c: the timing wheel among threads (sched/timer.c), and timers that end waits (wait.c,
 * poll.c).
 *
 * A wheel belongs to a worker, but others fire what it is late with, and a waiter that was resumed
 * on another worker disarms from there. So: every timer fires once or is disarmed; once disarm has
 * returned nobody touches the node (it is overwritten at once, which would be a race); a wheel's
 * `next` is never later than what is armed; and of the deadline, a wake and a cancel one ends the
 * wait.
 *
 * Levels, cascades and the distance of deadlines are arithmetic, and have unit tests.
 *
 * Broken and caught: arm that does not bring `next` forward, or always sets it; disarm that does
 * not look whether the timer is linked, looks before it locks, or forgets other timers; advance
 * that leaves what a full `due` left behind, or says that nothing is left; no disarm after a wake;
 * a fire that does not ask the wait word; a cancel forgotten behind an ambient deadline.
 */
#include "timer_impl.h"
#include "wait_lab.h"

#include <string.h>

#define TICK  ((int64_t)1 << SLEY__WHEEL_TICK_BITS)
#define AT(n) (MODEL_EPOCH + (n)*TICK) /* always past a tick's start, so one tick later */

enum { TIMERS = 3 };

static struct sley__wheel wheel;
static struct sley__timer timers[TIMERS];
static unsigned fired[TIMERS];
static bool disarmed[TIMERS];

static MODEL_GHOST void init_wheel(struct sley__wheel *w)
{
    sley__wheel_init(w, MODEL_EPOCH);
}

/* The ticket tells which timer it was. */
static void arm(unsigned i, int64_t deadline)
{
    timers[i] = (struct sley__timer){.task = &lab_tasks[0], .ticket = i};
    sley__timer_arm(&wheel, &timers[i], deadline);
}

static void reset(void)
{
    init_wheel(&wheel);
    memset(timers, 0, sizeof timers);
    memset(fired, 0, sizeof fired);
    memset(disarmed, 0, sizeof disarmed);
}

static MODEL_GHOST void note_fired(const struct sley__timer_due *due)
{
    model_assert(due->task == &lab_tasks[0] && due->ticket < TIMERS, "not a timer");
    fired[due->ticket]++;
}

/* As a worker does, with room for `max` at a time. */
static void advance(int64_t now, size_t max)
{
    struct sley__timer_due due[TIMERS];
    size_t n;

    do {
        n = sley__wheel_advance(&wheel, now, due, max);
        for (size_t i = 0; i < n; i++)
            note_fired(&due[i]);
    } while (n == max);
}

/* Each of the first `count` timers was disarmed in time or has fired once, now or at the end. */
static void verify_timers(unsigned count)
{
    int64_t first = SLEY_FOREVER;

    for (unsigned i = 0; i < count; i++)
        if (!fired[i] && !disarmed[i])
            first = min_i64(first, timers[i].tick << SLEY__WHEEL_TICK_BITS);
    model_assert(sley__wheel_next(&wheel) <= first, "next is %lld, a timer is due at %lld",
                 (long long)sley__wheel_next(&wheel), (long long)first);
    advance(AT(100000), TIMERS);
    for (unsigned i = 0; i < count; i++)
        model_assert(fired[i] + disarmed[i] == 1, "timer %u has fired %u times, disarmed: %d", i,
                     fired[i], disarmed[i]);
    model_assert(wheel.count == 0, "%zu timers are left", wheel.count);
    model_assert(sley__wheel_next(&wheel) == SLEY_FOREVER, "an empty wheel has a next");
}

/* --- disarm ----------------------------------------------------------------------------------- */

/* The node is the caller's again, and so is written to. */
static void disarm(unsigned i)
{
    sley__timer_disarm(&timers[i]);
    memset(&timers[i], 0xee, sizeof timers[i]);
}

/* Its due copy may be in the hands of who fires: the wait word settles that. */
static void disarm_first(unsigned thread)
{
    (void)thread;
    disarm(0);
    disarmed[0] = true;
}

static void advance_all(unsigned thread)
{
    (void)thread;
    advance(AT(5), TIMERS);
}

static void setup_armed(void)
{
    reset();
    arm(0, AT(1));
    arm(1, AT(1));
}

static void verify_disarm(void)
{
    model_outcome(fired[0] ? "fired" : "disarmed in time");
    disarmed[0] = !fired[0];
    verify_timers(2);
}

MODEL(timer_disarm, .about = "disarm against an advance: the node is free afterwards", .threads = 2,
      .setup = setup_armed, .body = {disarm_first, advance_all}, .verify = verify_disarm,
      .must_see = {"fired", "disarmed in time"});

/* --- two who advance -------------------------------------------------------------------------- */

static void advance_one_by_one(unsigned thread)
{
    (void)thread;
    advance(AT(3), 1);
}

static void setup_three(void)
{
    reset();
    arm(0, AT(1));
    arm(1, AT(1));
    arm(2, AT(1000)); /* on the next level */
}

static void verify_three(void)
{
    model_assert(fired[0] == 1 && fired[1] == 1 && fired[2] == 0, "%u, %u, %u", fired[0], fired[1],
                 fired[2]);
    verify_timers(3);
}

MODEL(timer_two_fire, .about = "two workers advance one wheel, each with little room", .threads = 2,
      .setup = setup_three, .body = {advance_one_by_one}, .verify = verify_three);

/* --- next ---------------------------------------------------------------------------------------
 */

static atomic(uint32_t) armed;

/* An earlier deadline comes while the wheel moves on, or is emptied. */
static void arm_earlier(unsigned thread)
{
    (void)thread;
    arm(1, AT(4));
    store_release(&armed, 1);
}

static MODEL_GHOST bool is_armed(UNUSED void *arg)
{
    return armed != 0;
}

/* A worker that was told of it (by a wake-up) and asks how long it may sleep. */
static void look(unsigned thread)
{
    int64_t next;

    (void)thread;
    model_wait_until(is_armed, NULL);
    while (!load_acquire(&armed))
        model_yield();
    next = sley__wheel_next(&wheel);
    model_assert(next <= AT(5), "the wheel would be left alone until %lld", (long long)next);
}

static void setup_next(void)
{
    reset();
    store_relaxed(&armed, 0);
    arm(0, AT(1000));
}

static void advance_not_yet(unsigned thread)
{
    (void)thread;
    advance(AT(2), 1);
}

static void disarm_late(unsigned thread)
{
    (void)thread;
    disarmed[0] = true;
    disarm(0);
}

static void verify_next(void)
{
    verify_timers(2);
}

MODEL(timer_next, .about = "next is never too late: arm against advance", .threads = 3,
      .setup = setup_next, .body = {arm_earlier, advance_not_yet, look}, .verify = verify_next);

MODEL(timer_empty, .about = "next is never too late: arm against the last disarm", .threads = 3,
      .setup = setup_next, .body = {arm_earlier, disarm_late, look}, .verify = verify_next);

/* --- waits with a deadline ----------------------------------------------------------------------
 */

static struct lab_mail mail;
static int result;
static bool won;

static void wait_until(int64_t deadline)
{
    struct sley__waker waker;

    result = sley__wait_begin(&waker, "model");
    if (result)
        return;
    lab_post(&mail, waker);
    result = sley__wait_park(deadline);
}

static void wait_with_deadline(void)
{
    wait_until(AT(1));
}

/* An ambient one: a cancel is told before it. */
static void wait_late(void)
{
    sley_deadline_narrow(AT(1));
    wait_until(SLEY_FOREVER);
}

static MODEL_GHOST bool deadline_is_set(UNUSED void *arg)
{
    return lab_workers[0].wheel.next != SLEY_FOREVER;
}

/* The other worker finds the first one late, and takes what it has. */
static void fire_other(void)
{
    struct sley__worker *worker = sley__worker_current();

    model_wait_until(deadline_is_set, NULL);
    sley__worker_fire(worker, &lab_workers[0].wheel, AT(3));
}

static void wake(unsigned thread)
{
    struct sley__waker waker;

    (void)thread;
    lab_await(&mail, &waker);
    won = sley__wake(waker, 1);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_wait(void)
{
    memset(&mail, 0, sizeof mail);
    result = 0;
    won = false;
    lab_setup(1, 2,
              (lab_script *[]){model_argument() ? wait_late : wait_with_deadline, fire_other});
    init_wheel(&lab_workers[0].wheel);
}

static void verify_wait(void)
{
    lab_verify();
    model_assert(result == (won ? 1 : SLEY_ETIMEDOUT), "the wake has %s, but the result is %d",
                 won ? "won" : "lost", result);
    model_assert(lab_workers[0].wheel.count == 0, "the timer is still armed");
    model_outcome(won ? "woken" : "timed out");
}

MODEL(timer_wait, .about = "a deadline that another worker fires, against a wake", .threads = 1,
      .setup = setup_wait, .body = {wake}, .verify = verify_wait, .may_block = true,
      .every_switch_costs = true, .stale = 1, .must_see = {"woken", "timed out"});

/* Nobody disarms here but a cancel that wins. */
static void verify_cancel(void)
{
    lab_verify();
    model_assert(result == SLEY_ECANCELED || result == SLEY_ETIMEDOUT, "%d", result);
    model_assert(lab_workers[0].wheel.count == 0, "the timer is still armed");
    model_outcome(result == SLEY_ECANCELED ? "cancelled" : "timed out");
}

MODEL(timer_cancel, .about = "an ambient deadline that another worker fires, against a cancel",
      .threads = 1, .setup = setup_wait, .body = {cancel}, .verify = verify_cancel,
      .may_block = true, .every_switch_costs = true, .stale = 1, .argument = &timers,
      .must_see = {"cancelled", "timed out"});

/* The worker that has fired the timer cancels the task before it can have been resumed: an ambient
 * deadline gives way to that, one of the call's own has done its work. */
static void fire_and_cancel(void)
{
    struct sley__worker *worker = sley__worker_current();

    model_wait_until(deadline_is_set, NULL);
    while (!sley__worker_fire(worker, &lab_workers[0].wheel, AT(3)))
        model_yield();
    cancel(0);
}

static void setup_late(void)
{
    memset(&mail, 0, sizeof mail);
    lab_setup(1, 2,
              (lab_script *[]){model_variant() ? wait_with_deadline : wait_late, fire_and_cancel});
    init_wheel(&lab_workers[0].wheel);
}

static void verify_late(void)
{
    lab_verify();
    model_assert(result == (model_variant() ? SLEY_ETIMEDOUT : SLEY_ECANCELED), "%d", result);
}

MODEL(timer_late, .about = "a cancel that comes between a deadline and its task",
      .setup = setup_late, .verify = verify_late, .may_block = true, .variants = 2, .stale = 1);
