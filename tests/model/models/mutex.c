/*
 * mutex.c: the mutex of sync.h (sched/mutex.c): exclusion, no waiter forgotten, the hand-over to
 * one that was woken in vain, and the duty that comes with WAKING.
 *
 * What the mutex protects is plain memory, so a lost acquire or release is a race, and two owners
 * show as a wrong count. A waiter that nobody wakes is a deadlock. Whoever is the last to have it
 * frees it at once: then an unlock that touches it after it has let go uses memory that has been
 * given back. Here a waiter is handed the mutex when it has been woken in vain once, not eight
 * times.
 *
 * Foreign threads take the same way through the word and the list as tasks do, and leave out only
 * the cancel; so most of this is among them, and what is about a cancel has a task of the lab.
 */
#include "wait_lab.h"
#include "waiters.h"

#include <stdlib.h>

static struct sley_mutex *mutex;
static unsigned count, left; /* plain: the mutex orders them */
static int result;
static bool tried;
static uint64_t waits;

static void reset(unsigned users)
{
    mutex = malloc(sizeof *mutex);
    *mutex = (struct sley_mutex)SLEY_MUTEX_INIT;
    count = 0;
    left = users;
    result = 1;
    tried = false;
    waits = 0;
}

static void setup(void)
{
    reset(UINT32_MAX);
}

/* With the mutex. */
static void use(void)
{
    bool last;

    count++;
    last = --left == 0;
    sley_mutex_unlock(mutex);
    if (last)
        free(mutex);
}

static void enter(unsigned thread)
{
    (void)thread;
    model_assert(sley_mutex_lock(mutex) == 0, "a foreign thread knows no error");
    use();
}

static void enter_twice(unsigned thread)
{
    enter(thread);
    enter(thread);
}

static void try_enter(unsigned thread)
{
    (void)thread;
    tried = sley_mutex_try(mutex);
    if (tried)
        use();
}

static void all_entered(void)
{
    unsigned expected = *(const unsigned *)model_argument() + tried;

    model_assert(count == expected, "%u entered instead of %u", count, expected);
    model_assert(mutex->word == 0, "the word is left at %u", mutex->word);
    model_assert(!mutex->waiters.first, "somebody is in the list still");
}

static const unsigned two = 2, three = 3, four = 4;

MODEL(mutex_two, .about = "two threads, one mutex", .threads = 2, .setup = setup, .body = {enter},
      .verify = all_entered, .argument = &two);

MODEL(mutex_again, .about = "... twice each: barging, waking in vain, the hand-over", .threads = 2,
      .setup = setup, .body = {enter_twice}, .verify = all_entered, .argument = &four);

MODEL(mutex_three, .about = "... three threads", .threads = 3, .setup = setup, .body = {enter},
      .verify = all_entered, .argument = &three);

MODEL(mutex_try, .about = "... one of which only tries", .threads = 3, .setup = setup,
      .body = {enter, enter, try_enter}, .verify = all_entered, .argument = &two,
      .every_switch_costs = true);

/* --- freed by the last one ---------------------------------------------------------------------
 */

static void setup_gone(void)
{
    reset(*(const unsigned *)model_argument());
}

static void all_gone(void)
{
    model_assert(left == 0, "%u have not entered", left);
}

MODEL(mutex_gone, .about = "the last one frees it at once", .threads = 2, .setup = setup_gone,
      .body = {enter}, .verify = all_gone, .argument = &two);

MODEL(mutex_gone_three, .about = "... of three", .threads = 3, .setup = setup_gone, .body = {enter},
      .verify = all_gone, .argument = &three);

MODEL(mutex_gone_again, .about = "... of two that come twice", .threads = 2, .setup = setup_gone,
      .body = {enter_twice}, .verify = all_gone, .argument = &four);

/* --- order -------------------------------------------------------------------------------------
 */

static unsigned entered[2], entries; /* who, in order; plain: the mutex orders them */

static MODEL_GHOST bool first_waits(UNUSED void *arg)
{
    return mutex->waiters.first;
}

static MODEL_GHOST bool both_wait(UNUSED void *arg)
{
    return mutex->waiters.first != mutex->waiters.last;
}

static void setup_order(void)
{
    reset(UINT32_MAX);
    entries = 0;
    model_assert(sley_mutex_try(mutex), "it is new");
}

/* Has had it since setup(), and overtakes the first one that waits. */
static void overtake(unsigned thread)
{
    model_wait_until(both_wait, NULL);
    use();
    enter(thread);
}

static void enter_in_order(unsigned thread)
{
    if (thread == 2)
        model_wait_until(first_waits, NULL);
    model_assert(sley_mutex_lock(mutex) == 0, "a foreign thread knows no error");
    entered[entries++] = thread;
    use();
}

static void verify_order(void)
{
    model_assert(entries == 2 && entered[0] == 1, "%u was first", entered[0]);
}

MODEL(mutex_order, .about = "one that is woken in vain stays in front of who came later",
      .threads = 3, .setup = setup_order, .body = {overtake, enter_in_order, enter_in_order},
      .verify = verify_order);

/* --- tasks -------------------------------------------------------------------------------------
 */

static MODEL_GHOST uint64_t waits_of(const struct sley_task *task)
{
    return sley__task_ticket(task->word);
}

static void enter_task(void)
{
    result = sley_mutex_lock(mutex);
    waits = waits_of(&lab_tasks[0]);
    if (result == 0)
        use();
}

static void enter_other_task(void)
{
    model_assert(sley_mutex_lock(mutex) == 0, "nobody has cancelled this one");
    use();
}

static void enter_thrice(unsigned thread)
{
    enter(thread);
    enter(thread);
    enter(thread);
}

static void setup_bound(void)
{
    reset(4);
    lab_setup(1, 1, (lab_script *[]){enter_task});
}

static void verify_bound(void)
{
    lab_verify();
    model_assert(left == 0, "%u have not entered", left);
    model_assert(waits <= 2, "it was woken in vain %llu times", (unsigned long long)waits - 1);
    model_outcome(waits == 2 ? "woken in vain" : "not in vain");
}

MODEL(mutex_bound, .about = "a task is overtaken so often and not more", .threads = 1,
      .setup = setup_bound, .body = {enter_thrice}, .verify = verify_bound, .may_block = true,
      .must_see = {"woken in vain", "not in vain"});

static void setup_tasks(void)
{
    reset(3);
    lab_setup(2, 2, (lab_script *[]){enter_task, enter_other_task});
}

static void verify_tasks(void)
{
    lab_verify();
    model_assert(left == 0, "%u have not entered", left);
}

MODEL(mutex_mixed, .about = "two tasks and a thread", .threads = 1, .setup = setup_tasks,
      .body = {enter}, .verify = verify_tasks, .may_block = true, .every_switch_costs = true);

/* --- shielded ----------------------------------------------------------------------------------
 */

/* What a condition does to get its mutex back; by one that is late already. */
static bool over;

static MODEL_GHOST void note_over(void)
{
    over = true;
}

static void enter_late(void)
{
    (void)sley_deadline_narrow(MODEL_EPOCH);
    sley__mutex_lock_shielded(mutex);
    note_over();
    use();
}

static MODEL_GHOST bool may_be_late(UNUSED void *arg)
{
    return over || lab_workers[0].wheel.next != SLEY_FOREVER;
}

/* The other worker. */
static void fire(void)
{
    struct sley__worker *worker = sley__worker_current();

    model_wait_until(may_be_late, NULL);
    sley__worker_fire(worker, &lab_workers[0].wheel, MODEL_EPOCH + 1000000000);
}

static MODEL_GHOST void init_wheel(struct sley__wheel *wheel)
{
    sley__wheel_init(wheel, MODEL_EPOCH);
}

static void setup_late(void)
{
    reset(2);
    over = false;
    lab_setup(1, 2, (lab_script *[]){enter_late, fire});
    init_wheel(&lab_workers[0].wheel);
}

MODEL(mutex_shielded, .about = "a shielded wait has no deadline", .threads = 1, .setup = setup_late,
      .body = {enter}, .verify = verify_tasks, .may_block = true, .every_switch_costs = true);

/* --- cancelled ---------------------------------------------------------------------------------
 */

static void cancel(unsigned thread)
{
    (void)thread;
    sley_cancel(&lab_tasks[0], "model");
}

/* The mutex was taken in setup(). */
static void unlock(unsigned thread)
{
    (void)thread;
    use();
}

static void unlock_and_enter(unsigned thread)
{
    use();
    enter(thread);
}

static void setup_cancel(void)
{
    reset(UINT32_MAX);
    model_assert(sley_mutex_try(mutex), "it is new");
    lab_setup(1, 1, (lab_script *[]){enter_task});
}

static void verify_cancel(void)
{
    unsigned others = *(const unsigned *)model_argument();

    lab_verify();
    model_assert(result == 0 || result == SLEY_ECANCELED, "%d", result);
    model_assert(count == others + (result == 0), "%u entered, the task got %d", count, result);
    model_assert(mutex->word == 0, "the word is left at %u", mutex->word);
    model_assert(!mutex->waiters.first, "somebody is in the list still");
    model_outcome(result ? "cancelled" : "got it");
}

static const unsigned one = 1;

MODEL(mutex_cancel, .about = "a cancel against an unlock", .threads = 2, .setup = setup_cancel,
      .body = {unlock, cancel}, .verify = verify_cancel, .argument = &one, .may_block = true,
      .must_see = {"cancelled", "got it"});

MODEL(mutex_cancel_next, .about = "... while another one waits: it is not forgotten", .threads = 3,
      .setup = setup_cancel, .body = {unlock, enter, cancel}, .verify = verify_cancel,
      .argument = &two, .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled", "got it"});

MODEL(mutex_cancel_again, .about = "... of one that is handed it, having been woken in vain",
      .threads = 2, .setup = setup_cancel, .body = {unlock_and_enter, cancel},
      .verify = verify_cancel, .argument = &two, .may_block = true,
      .must_see = {"cancelled", "got it"});

/* The same when all have come to wait before: the task, then the thread, and what remains is who of
 * them is chosen and what becomes of the duty to wake. */
static bool both_seen;

static MODEL_GHOST bool both_have_waited(UNUSED void *arg)
{
    both_seen |= both_wait(NULL);
    return both_seen;
}

static void enter_second(unsigned thread)
{
    model_wait_until(first_waits, NULL);
    enter(thread);
}

static void unlock_when_both_wait(unsigned thread)
{
    model_wait_until(both_have_waited, NULL);
    unlock(thread);
}

static void cancel_when_both_wait(unsigned thread)
{
    model_wait_until(both_have_waited, NULL);
    cancel(thread);
}

static void setup_chosen(void)
{
    setup_cancel();
    both_seen = false;
}

MODEL(mutex_cancel_chosen, .about = "a cancel of the one that is just chosen", .threads = 3,
      .setup = setup_chosen, .body = {enter_second, unlock_when_both_wait, cancel_when_both_wait},
      .verify = verify_cancel, .argument = &two, .may_block = true, .every_switch_costs = true,
      .must_see = {"cancelled", "got it"});
