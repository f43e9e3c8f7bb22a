/*
 * monitor.c: noticing tasks that keep their worker. The protocol of its sleep is in monitor.h, what
 * then happens to the worker in relief.h.
 *
 * Twice per threshold (10 ms) it reads three words of each post's holder: how many switches it has
 * made, and how often it began and ceased to look for work. If they stand still from one look to
 * one that comes a threshold later, and the holder does not look for work, it has been in one task
 * for that long. That is nobody's harm unless somebody waits for the worker:
 *
 *   a ready task, in any queue, while no worker sleeps or searches (then idle.h is at work);
 *
 *   a timer of this post that is due: who searches fires it, but who sleeps knows only those that
 *   were set before it went to sleep;
 *
 *   an event, if there is a poller: those that sleep have left the events to a worker that is
 *   awake (search.c), which is this one. Nobody can tell whether there are any; so the post
 *   changes hands, and whoever stands in looks first of all whether there were (relief.c). If not,
 *   nobody has waited, and nothing is counted.
 *
 * A worker whose task has announced that it will block has stepped down itself, and is looked at
 * here only if no carrier could be had then.
 *
 * Time is the wall clock: a task that blocks in a system call keeps its worker as well as one that
 * computes. A carrier from which the kernel has taken the processor loses its post, too: those who
 * wait cannot know better, and it costs a wake-up and no more. But that is no stall of the task's
 * making, and a program that is to fail on stalls must not fail because the machine was busy. So
 * it counts only if the carrier has blocked, or has had a processor for that long; if neither, it
 * remains under suspicion, without its post, until it has or the task has gone on. So does one of
 * which it is not known yet whether events have waited for it.
 *
 *   Rejected: a timer signal per worker (it interrupts system calls of tasks, and needs a handler
 * in every program); a counter that tasks bump in loops (they would not).
 */
#include "monitor.h"

#include "worker.h"

#include <stdlib.h>

/* Looks without any activity before it sleeps: 20 ms at the default threshold. Each sleep costs the
 * worker that ends it a wake-up, 10 us; each look that finds nothing costs one, too. */
#define QUIET_LOOKS   4
#define THRESHOLD_MIN SLEY_MICROSECONDS(100)
#define TIMERS_SLACK  SLEY_MILLISECONDS(4) /* twice what search.c leaves to the owner */

/* --- looking -------------------------------------------------------------------------------- */

static uint64_t switches_of(const struct sley__worker *worker)
{
    return load_relaxed(&worker->counters.started) + load_relaxed(&worker->counters.resumed);
}

static bool all_asleep(struct sley__sched *sched)
{
    return sley__idle_sleeping(load_relaxed(&sched->idle.state)) >= sched->worker_count;
}

static bool any_queued(struct sley__sched *sched)
{
    unsigned i, n = sley__sched_carriers(sched);

    if (sley__inject_size(&sched->inject))
        return true;
    for (i = 0; i < n; i++) {
        struct sley__worker *worker = sley__sched_carrier(sched, i);

        if (sley__deque_size(&worker->spawned, NULL) || sley__deque_size(&worker->woken, NULL))
            return true;
    }
    return false;
}

enum missed { BY_NOBODY, BY_EVENTS_PERHAPS, BY_SOMEBODY };

/* Whether anybody waits for the worker that has post `post` and does not come back. */
static enum missed missed(struct sley__sched *sched, unsigned post, int64_t now)
{
    uint32_t state = load_relaxed(&sched->idle.state);
    bool idle = sley__idle_sleeping(state) || sley__idle_searching(state);
    int64_t due = sley__wheel_next(&sched->workers[post].wheel);

    if (due <= (idle ? now - TIMERS_SLACK : now) || (!idle && any_queued(sched)))
        return BY_SOMEBODY;
    return load_relaxed(&sched->poller) ? BY_EVENTS_PERHAPS : BY_NOBODY;
}

/* Whether the carrier has been at its task since the sample, not just without a processor. */
static bool was_at_it(const struct sley__monitor *monitor, const struct sley__worker *carrier,
                      const struct sley__monitor_sample *sample)
{
    int number = load_relaxed(&carrier->number);
    int64_t busy = sley__thread_busy(number);

    return busy < 0 || busy - sample->busy >= monitor->threshold - monitor->threshold / 8 ||
           sley__thread_blocks(number);
}

static bool has_changed(const struct sley__monitor_sample *sample)
{
    return load_relaxed(&sample->holder->finds) != sample->finds ||
           switches_of(sample->holder) != sample->switches;
}

static void tell(struct sley__sched *sched, const struct sley__monitor_sample *sample, int64_t now)
{
    if (sched->tell_stall)
        sched->tell_stall(sched, now - sample->since);
}

/* The post's holder has been in one task for too long. */
static void step_in(struct sley__sched *sched, const struct sley__monitor_sample *sample,
                    enum missed missed, int64_t now)
{
    struct sley__worker *holder = sample->holder;
    bool announced = load_relaxed(&holder->announced) != NULL;
    bool at_it = !announced && was_at_it(&sched->monitor, holder, sample);
    enum sley__charge charge = SLEY__CHARGE_NONE;

    if (!announced && missed == BY_EVENTS_PERHAPS)
        charge = SLEY__CHARGE_KEPT_EVENTS;
    else if (at_it)
        charge = SLEY__CHARGE_STALL;
    if (!sley__relief_take(holder, sample->finds, sample->switches, charge) || announced)
        return;
    if (charge == SLEY__CHARGE_STALL) {
        tell(sched, sample, now);
        return;
    }
    holder->suspicion = *sample;
    holder->suspicion.at_it = at_it;
}

/* True if the carrier is under suspicion of a stall, and remains so. */
static bool look_again(struct sley__sched *sched, struct sley__worker *carrier, int64_t now)
{
    struct sley__monitor_sample *sample = &carrier->suspicion;
    uint32_t trial;
    bool changed;

    if (!sample->holder)
        return false;
    trial = load_relaxed(&carrier->trial) & SLEY__TRIAL_MASK;
    changed = has_changed(sample);
    if (!changed && !sample->at_it)
        sample->at_it = was_at_it(&sched->monitor, carrier, sample);
    if (sample->at_it ? trial == SLEY__TRIAL_OPEN : !changed && trial != SLEY__TRIAL_ACQUITTED)
        return true;
    /* None: that of a later loss, perhaps, if it has gone on. */
    if (sample->at_it && (trial == SLEY__TRIAL_GUILTY || (trial == SLEY__TRIAL_NONE && !changed))) {
        sley__relief_count_stall(carrier, sample->switches);
        tell(sched, sample, now);
    }
    sample->holder = NULL;
    return false;
}

/* True if nothing has changed since the last look. */
static bool look_at(struct sley__sched *sched, unsigned post, int64_t now)
{
    struct sley__monitor_sample *sample = &sched->monitor.samples[post];
    struct sley__worker *holder = load_acquire(&sched->workers[post].holder); /* partner: give */
    uint32_t finds = load_relaxed(&holder->finds);
    uint64_t switches = switches_of(holder);
    enum missed why;

    if (holder != sample->holder || finds != sample->finds || switches != sample->switches) {
        *sample = (struct sley__monitor_sample){
            holder, finds, switches, now, sley__thread_busy(load_relaxed(&holder->number)), false};
        return false;
    }
    if (finds % 2) { /* looks for work, or sleeps */
        sample->since = now;
        return true;
    }
    if (now - sample->since < sched->monitor.threshold)
        return false;
    why = missed(sched, post, now);
    if (why != BY_NOBODY)
        step_in(sched, sample, why, now);
    return false;
}

/* True if nothing remains to be seen of those that have lost their posts. */
static bool look_again_at_all(struct sley__sched *sched, int64_t now)
{
    bool quiet = true;

    for (unsigned i = 0, n = sley__sched_carriers(sched); i < n; i++)
        quiet &= !look_again(sched, sley__sched_carrier(sched, i), now);
    return quiet;
}

static bool settle(struct sley__sched *sched, bool last)
{
    return !sched->settle_stall || !sched->settle_stall(sched, last);
}

/* True if nobody has done anything since the last look. */
static bool look(struct sley__sched *sched)
{
    int64_t now = sley__clock_now();
    bool quiet = true;

    for (unsigned post = 0; post < sched->worker_count; post++)
        quiet &= look_at(sched, post, now);
    quiet &= look_again_at_all(sched, now);
    return settle(sched, false) && quiet;
}

/* --- the thread ----------------------------------------------------------------------------- */

/* M1 to M3. */
static void rest(struct sley__sched *sched)
{
    struct sley__monitor *monitor = &sched->monitor;
    uint32_t ticking = SLEY__MONITOR_TICKING, asleep = SLEY__MONITOR_ASLEEP;

    if (!cas_acquire(&monitor->signal, &ticking, asleep))
        return;    /* STOP */
    fence_heavy(); /* partner: fence_light in sley__monitor_note_awake */
    if (!all_asleep(sched)) {
        cas_acquire(&monitor->signal, &asleep, SLEY__MONITOR_TICKING);
        return;
    }
    while (load_relaxed(&monitor->signal) == SLEY__MONITOR_ASLEEP)
        sley__futex_wait(&monitor->signal, SLEY__MONITOR_ASLEEP, INT64_MAX);
}

static void *monitor_main(void *arg)
{
    struct sley__sched *sched = arg;
    struct sley__monitor *monitor = &sched->monitor;
    unsigned quiet = QUIET_LOOKS; /* perhaps nobody has anything to do yet */

    while (load_relaxed(&monitor->signal) != SLEY__MONITOR_STOP) {
        if (quiet >= QUIET_LOOKS) {
            rest(sched);
            quiet = 0;
        }
        sley__futex_wait(&monitor->signal, SLEY__MONITOR_TICKING,
                         sley__clock_now() + monitor->threshold / 2);
        quiet = look(sched) ? quiet + 1 : 0;
    }
    look_again_at_all(sched, sley__clock_now());
    settle(sched, true);
    return NULL;
}

void sley__monitor_wake(struct sley__monitor *monitor)
{
    uint32_t asleep = SLEY__MONITOR_ASLEEP;

    if (cas_acquire(&monitor->signal, &asleep, SLEY__MONITOR_TICKING))
        sley__futex_wake(&monitor->signal, 1);
}

int sley__monitor_start(struct sley__sched *sched, int64_t threshold)
{
    struct sley__monitor *monitor = &sched->monitor;
    int error;

    monitor->samples = calloc(sched->worker_count, sizeof *monitor->samples);
    if (!monitor->samples)
        return SLEY_ENOMEM;
    monitor->threshold = threshold < THRESHOLD_MIN ? THRESHOLD_MIN : threshold;
    error = sley__thread_start(&monitor->thread, sched->thread_name, monitor_main, sched);
    if (error) {
        free(monitor->samples);
        return error;
    }
    monitor->runs = true;
    return 0;
}

void sley__monitor_stop(struct sley__sched *sched)
{
    struct sley__monitor *monitor = &sched->monitor;

    if (!monitor->runs)
        return;
    store_relaxed(&monitor->signal, SLEY__MONITOR_STOP); /* nobody changes that any more */
    sley__futex_wake(&monitor->signal, 1);
    sley__thread_join(&monitor->thread);
    monitor->runs = false;
    free(monitor->samples);
}
