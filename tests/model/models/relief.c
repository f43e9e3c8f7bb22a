/*
 * relief.c: the post of a worker whose carrier is in a task changes hands, or does not
 * (sched/relief.h), and the monitor's sleep (sched/monitor.h).
 *
 * In relief_take a carrier comes back from its task and looks for work, with the production
 * sley__worker_find, while somebody takes its post for a spare carrier. Each of the two may be the
 * one that has it, never both: who has the post writes a plain word, so both would be a race, and
 * what the giver wrote for the spare carrier has to be ordered too. The sequence of looks that the
 * taker compares is that of the beginning, so a post that was taken has not been used by the
 * carrier that lost it.
 *
 * In relief_monitor the last worker that slept wakes up while the monitor goes to sleep. One that
 * slept on would miss what the worker does next.
 */
#include "idle_workers.h"

static struct sley__poller poller;
static unsigned post; /* plain: who has the post writes it */
static bool taken, used_by_old, used_by_new;

static MODEL_GHOST void note(bool *what)
{
    *what = true;
}

enum { OLD, TAKER, NEW }; /* threads */

/* Called by whoever looks for work with a post; by one that stands in, before anything else, if it
 * is to say whether events have waited. */
static int drain(UNUSED struct sley__poller *p)
{
    post++;
    if (model_thread_id() == OLD)
        note(&used_by_old);
    return model_thread_id() == NEW;
}

static void setup_take(void)
{
    workers_init(2);
    sched.worker_count = 1;
    sley__idle_init(&sched.idle, 1);
    sched.idle.numbers = 2;
    sched.stopping = 1; /* so that the look comes to an end */
    sched.relief.extras[0] = &workers[1];
    sched.relief.extra = 1;
    sched.relief.spare = &workers[1];
    workers[0].holder = &workers[0];
    workers[1].standing = SLEY__POST_SPARE;
    workers[1].post = 7; /* something else */
    poller = (struct sley__poller){.drain = drain};
    sched.poller = &poller;
    post = 0;
    taken = used_by_old = used_by_new = false;
}

static void come_back(UNUSED unsigned thread)
{
    struct sley_task *task = sley__worker_find(&workers[0]);

    model_assert(!task, "a task from nowhere");
}

static void take(UNUSED unsigned thread)
{
    if (sley__relief_take(&workers[0], 0, 0, SLEY__CHARGE_STALL))
        note(&taken);
}

static void take_and_try(UNUSED unsigned thread)
{
    if (sley__relief_take(&workers[0], 0, 0, SLEY__CHARGE_KEPT_EVENTS))
        note(&taken);
}

static void stand_in(UNUSED unsigned thread)
{
    if (!sley__relief_begin(&workers[1]))
        return;
    model_assert(workers[1].post == 0, "post %u", workers[1].post);
    post++;
    note(&used_by_new);
}

static void verify_take(void)
{
    model_assert(!(taken && used_by_old), "it used the post after it had been looked at");
    model_assert(taken == used_by_new, "taken %d, used %d", taken, used_by_new);
    model_assert(taken || used_by_old, "nobody has the post");
    model_assert(taken || workers[0].standing == SLEY__POST_HELD, "standing %u",
                 workers[0].standing);
    /* Nobody has needed it: its sleep came to an end, and the thread has left. */
    model_assert(taken || workers[1].standing == SLEY__POST_LEAVING, "standing %u",
                 workers[1].standing);
    model_assert(!taken || workers[0].holder == &workers[1], "nobody knows who has it");
    model_outcome(taken ? "taken" : "kept");
}

MODEL(relief_take, .about = "a post is taken while its carrier comes back", .threads = 3,
      .setup = setup_take, .body = {come_back, take, stand_in}, .verify = verify_take,
      .may_block = true, .no_timeouts = true, .must_see = {"taken", "kept"})

static void verify_try(void)
{
    verify_take();
    model_assert((workers[0].trial & SLEY__TRIAL_MASK) ==
                     (taken ? SLEY__TRIAL_GUILTY : SLEY__TRIAL_NONE),
                 "trial %u", workers[0].trial);
    model_assert(post == (taken ? 2 : 1), "the post was used %u times", post);
    model_assert(!workers[0].stalls, "the monitor counts it");
}

MODEL(relief_try, .about = "the same, and whoever stands in says whether events have waited",
      .threads = 3, .setup = setup_take, .body = {come_back, take_and_try, stand_in},
      .verify = verify_try, .may_block = true, .no_timeouts = true, .must_see = {"taken", "kept"})

/* --- the monitor's sleep -------------------------------------------------------------------- */

static void setup_monitor(void)
{
    workers_init(1);
    workers[0].holder = &workers[0];
    workers[0].finds = 1; /* it sleeps */
    ensure(sley__idle_announce(&sched.idle, 0, false, false));
    ensure(sley__monitor_start(&sched, SLEY_MILLISECONDS(10)) == 0);
}

static MODEL_GHOST bool watches(UNUSED void *arg)
{
    return sched.monitor.signal != SLEY__MONITOR_ASLEEP;
}

static void wake_up(UNUSED unsigned thread)
{
    ensure(sley__idle_retract(&sched.idle, 0));
    sley__monitor_note_awake(&sched.monitor);
    model_wait_until(watches, NULL);
    sley__monitor_stop(&sched);
}

static void verify_monitor(void)
{
    model_assert(!sched.monitor.runs, "it was not stopped");
}

MODEL(relief_monitor, .about = "the monitor goes to sleep while a worker wakes up", .threads = 1,
      .setup = setup_monitor, .body = {wake_up}, .verify = verify_monitor,
      .every_switch_costs = true)
