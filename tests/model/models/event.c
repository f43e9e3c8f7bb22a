/*
 * event.c: events, wait groups and barriers (sched/event.c): whoever waited when it opened goes on,
 * also if it closes again at once; what was done before is seen; and a waiter frees what it has
 * waited for.
 */
#include "wait_lab.h"

#include <sley/sync.h>

#include <stdlib.h>

static struct sley_event *event;
static struct sley_wait_group *group;
static struct sley_barrier *barrier;
static unsigned made[2]; /* plain: what is waited for orders it */
static unsigned last_ones;
static int result;

static void reset(void)
{
    made[0] = made[1] = last_ones = 0;
    result = 2;
}

/* --- event -------------------------------------------------------------------------------------
 */

static void setup_event(void)
{
    reset();
    event = malloc(sizeof *event);
    *event = (struct sley_event)SLEY_EVENT_INIT;
}

static void set(unsigned thread)
{
    (void)thread;
    made[0] = 1;
    sley_event_set(event);
}

static void wait_event(unsigned thread)
{
    (void)thread;
    model_assert(sley_event_wait(event) == 0, "a foreign thread knows no error");
    model_assert(made[0] == 1, "what was done before the set is not seen");
}

static void wait_and_free(unsigned thread)
{
    wait_event(thread);
    free(event);
}

static void look(unsigned thread)
{
    (void)thread;
    if (sley_event_is_set(event)) {
        model_assert(made[0] == 1, "what was done before the set is not seen");
        model_outcome("seen");
    }
}

static void verify_event(void)
{
    model_assert(event->set && !event->waiters.first, "set: %u", event->set);
}

MODEL(event_two, .about = "two who wait, one who looks", .threads = 4, .setup = setup_event,
      .body = {set, wait_event, wait_event, look}, .verify = verify_event,
      .every_switch_costs = true, .must_see = {"seen"});

MODEL(event_gone, .about = "the one who has waited frees it", .threads = 2, .setup = setup_event,
      .body = {set, wait_and_free});

static MODEL_GHOST bool somebody_waits(UNUSED void *arg)
{
    return event->waiters.first;
}

static void pulse(unsigned thread)
{
    (void)thread;
    model_wait_until(somebody_waits, NULL);
    set(thread);
    sley_event_clear(event);
}

static void verify_pulse(void)
{
    model_assert(!event->set && !event->waiters.first, "set: %u", event->set);
}

MODEL(event_pulse, .about = "set for an instant is enough", .threads = 2, .setup = setup_event,
      .body = {pulse, wait_event}, .verify = verify_pulse);

/* Told apart from the pulse: nobody needs to have waited, and a wait that comes late goes on only
 * if the clear came before the set. */
static void clear(unsigned thread)
{
    (void)thread;
    sley_event_clear(event);
}

static void verify_clear(void)
{
    model_assert(event->set || model_blocked(1) || !event->waiters.first, "left in the list");
    model_assert(!event->set || !model_blocked(1), "it is set, and somebody waits");
    model_assert(!!event->waiters.first == !!model_blocked(1), "who waits is in the list");
    model_outcome(event->set ? "set" : "clear");
}

MODEL(event_clear, .about = "a clear against a set: who waits has come after it", .threads = 3,
      .setup = setup_event, .body = {set, wait_event, clear}, .verify = verify_clear,
      .may_block = true, .must_see = {"set", "clear"});

static void wait_task(void)
{
    result = sley_event_wait(event);
}

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

static void setup_cancel(void)
{
    setup_event();
    lab_setup(1, 1, (lab_script *[]){wait_task});
}

static void verify_cancel(void)
{
    lab_verify();
    verify_event();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_outcome(result ? "cancelled" : "set");
}

MODEL(event_cancel, .about = "a cancel against a set", .threads = 2, .setup = setup_cancel,
      .body = {set, cancel}, .verify = verify_cancel, .may_block = true,
      .must_see = {"cancelled", "set"});

/* --- wait group --------------------------------------------------------------------------------
 */

static void setup_group(void)
{
    reset();
    group = malloc(sizeof *group);
    *group = (struct sley_wait_group)SLEY_WAIT_GROUP_INIT;
    sley_wait_group_add(group, 2);
}

static void make(unsigned thread)
{
    made[thread] = 1;
    model_assert(sley_wait_group_done(group) == 0, "there are two to be done");
}

/* One that makes another one be needed. */
static void make_more(unsigned thread)
{
    sley_wait_group_add(group, 1);
    model_assert(sley_wait_group_done(group) == 0, "there are two to be done");
    make(thread);
}

static void wait_group(unsigned thread)
{
    (void)thread;
    model_assert(sley_wait_group_wait(group) == 0, "a foreign thread knows no error");
    model_assert(made[0] && made[1], "it is not done: %u, %u", made[0], made[1]);
    model_assert(sley_wait_group_done(group) == SLEY_EINVAL, "there were three to be done");
    free(group);
}

MODEL(event_group, .about = "a wait group: two make, one waits and frees it", .threads = 3,
      .setup = setup_group, .body = {make, make_more, wait_group});

static void wait_group_only(unsigned thread)
{
    (void)thread;
    model_assert(sley_wait_group_wait(group) == 0, "a foreign thread knows no error");
    model_assert(made[0] && made[1], "it is not done: %u, %u", made[0], made[1]);
}

MODEL(event_group_two, .about = "... two wait", .threads = 4, .setup = setup_group,
      .body = {make, make, wait_group_only, wait_group_only}, .every_switch_costs = true);

/* --- barrier -----------------------------------------------------------------------------------
 */

static void setup_barrier(void)
{
    reset();
    barrier = malloc(sizeof *barrier);
    *barrier = (struct sley_barrier)SLEY_BARRIER_INIT(2);
}

static MODEL_GHOST void note_last(void)
{
    last_ones++;
}

static void meet(void)
{
    int error = sley_barrier_wait(barrier);

    model_assert(error == 0 || error == 1, "a foreign thread knows no error: %d", error);
    if (error == 1)
        note_last();
}

/* Each sees what the other has made before. */
static void meet_twice(unsigned thread)
{
    made[thread] = 1;
    meet();
    model_assert(made[!thread] == 1, "what the other has done is not seen");
    meet();
    made[!thread] = 2;
}

static void meet_once(unsigned thread)
{
    (void)thread;
    meet();
}

static void verify_barrier(void)
{
    unsigned rounds = *(const unsigned *)model_argument();

    model_assert(last_ones == rounds, "%u were the last of %u rounds", last_ones, rounds);
    model_assert(barrier->waiting == 0 && !barrier->waiters.first, "%u wait", barrier->waiting);
}

static const unsigned two = 2;

MODEL(event_barrier, .about = "a barrier for two, twice", .threads = 2, .setup = setup_barrier,
      .body = {meet_twice}, .verify = verify_barrier, .argument = &two);

MODEL(event_barrier_four, .about = "... four come: two rounds", .threads = 4,
      .setup = setup_barrier, .body = {meet_once}, .verify = verify_barrier, .argument = &two,
      .every_switch_costs = true);

/* A task that may leave. If it has not, there is an odd number, and the one who cancels comes too.
 */
static MODEL_GHOST void note_result(int value)
{
    result = value;
}

static void meet_task(void)
{
    int met = sley_barrier_wait(barrier);

    if (met == 1)
        note_last();
    note_result(met);
}

static MODEL_GHOST bool has_result(UNUSED void *arg)
{
    return result != 2;
}

static void cancel_and_fill(unsigned thread)
{
    cancel(thread);
    model_wait_until(has_result, NULL);
    if (result >= 0)
        meet();
}

static void setup_leaver(void)
{
    setup_barrier();
    lab_setup(1, 1, (lab_script *[]){meet_task});
}

static void verify_leaver(void)
{
    lab_verify();
    model_assert(result == 0 || result == 1 || result == SLEY_ECANCELED, "%d", result);
    model_assert(last_ones == (result < 0 ? 1 : 2), "%u were the last, the task got %d", last_ones,
                 result);
    model_assert(barrier->waiting == 0 && !barrier->waiters.first, "%u wait", barrier->waiting);
    model_outcome(result < 0 ? "left" : "met");
}

MODEL(event_barrier_leaver, .about = "one who leaves makes its place free", .threads = 3,
      .setup = setup_leaver, .body = {meet_once, meet_once, cancel_and_fill},
      .verify = verify_leaver, .may_block = true, .every_switch_costs = true,
      .must_see = {"left", "met"});
