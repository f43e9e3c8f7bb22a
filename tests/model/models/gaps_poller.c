/*
 * gaps_poller.c: a poller that comes while workers are at work or asleep (sley__runtime_poller in
 * runtime.c, poll.c). Whoever sees it sees what its create wrote; it is created once; and if all
 * workers sleep already, one wakes and leaves the events to the watcher.
 */
#include "model.h"
#include "runtime_impl.h"

static struct sley_runtime runtime;
static struct sley__worker worker;
static struct sley__poller poller;
static unsigned created, armed;
static int errno_of_worker;

static int drain(UNUSED struct sley__poller *self)
{
    return 0;
}

static void arm(UNUSED struct sley__poller *self)
{
    armed++;
}

static void disarm(UNUSED struct sley__poller *self)
{
    armed--;
}

static int create(UNUSED struct sley_runtime *owner, struct sley__poller **out)
{
    poller = (struct sley__poller){.drain = drain, .arm = arm, .disarm = disarm};
    created++;
    *out = &poller;
    return 0;
}

static void setup(void)
{
    struct sley__sched *sched = &runtime.sched;

    runtime = (struct sley_runtime){.sched = {.workers = &worker, .worker_count = 1}};
    worker = (struct sley__worker){.sched = sched,
                                   .timers = &worker.wheel,
                                   .holder = &worker,
                                   .errno_location = &errno_of_worker};
    poller = (struct sley__poller){0};
    created = armed = 0;
    sley__idle_init(&sched->idle, 1);
    sley__inject_init(&sched->inject);
    sley__parker_init(&worker.parker);
    sley__wheel_init(&worker.wheel, MODEL_EPOCH);
}

static void ask(unsigned thread)
{
    struct sley__poller *mine;

    (void)thread;
    model_assert(sley__runtime_poller(&runtime, create, &mine) == 0, "no poller");
    model_assert(mine->drain == drain, "a poller that is not finished");
}

static void poll(unsigned thread)
{
    (void)thread;
    sley__worker_poll(&worker);
    model_outcome(load_relaxed(&runtime.sched.poller) ? "there" : "not there");
}

/* The only worker goes to sleep, whenever it is woken again, as in search.c. */
static void sleep_for_ever(unsigned thread)
{
    struct sley__idle *idle = &runtime.sched.idle;
    bool searching = false;

    (void)thread;
    for (;;) {
        if (sley__idle_announce(idle, 0, searching, false))
            sley__sched_arm(&runtime.sched);
        sley__parker_sleep(&worker.parker, INT64_MAX);
        sley__sched_disarm(&runtime.sched);
        searching = true;
    }
}

static void verify(void)
{
    model_assert(created == 1, "created %u times", created);
}

static void verify_asleep(void)
{
    model_assert(model_blocked(0), "the worker is awake");
    model_assert(armed == 1, "all sleep, and the watcher is armed %u times", armed);
}

MODEL(gaps_poller_ask, .about = "two ask for the poller at once", .threads = 2, .setup = setup,
      .body = {ask}, .verify = verify);
MODEL(gaps_poller_poll, .about = "a worker polls while the poller comes", .threads = 2,
      .setup = setup, .body = {poll, ask}, .verify = verify, .must_see = {"there", "not there"});
MODEL(gaps_poller_sleep, .about = "the only worker goes to sleep while the poller comes",
      .threads = 2, .setup = setup, .body = {sleep_for_ever, ask}, .verify = verify_asleep,
      .may_block = true);
