/*
 * relief.c: carriers that stand in for those whose task does not return. The states, the duel and
 * the reasons are in relief.h.
 *
 * Spare carriers are made when one is needed and none is there: a page or two of memory, and a
 * thread. One that has lost its post becomes a spare one when it comes back, so there are never
 * more than the worst moment needed; after ten seconds without a post a spare one's thread ends,
 * its struct stays for the next. All of them are alike: the one that began as worker 0 may later
 * hold the post of worker 1.
 *
 * Everything here is rare, so there is one lock. Who holds it may start a thread and join one that
 * is about to end and takes the lock no more. Of the words that others read without it, `standing`
 * decides who drives a post, and `holder` only says so.
 *
 *   Rejected: a pool of threads started in advance (most programs need none); ending a spare thread
 * at once (a task that blocks often would start one each time, 50 us).
 */
#include "relief.h"

#include "worker.h"

#include <sley/stall.h>

#ifdef SLEY_HOSTILE
#define SPARE_TIMEOUT SLEY_MILLISECONDS(1)
#else
#define SPARE_TIMEOUT SLEY_SECONDS(10) /* as the blocking pool's threads */
#endif

/* --- carriers ------------------------------------------------------------------------------- */

/* One whose thread has ended, or is about to. Under the lock. */
static struct sley__worker *find_ended(struct sley__sched *sched)
{
    unsigned i, n = sley__sched_carriers(sched);

    for (i = 0; i < n; i++) {
        struct sley__worker *worker = sley__sched_carrier(sched, i);

        if (load_relaxed(&worker->standing) == SLEY__POST_LEAVING)
            return worker;
    }
    return NULL;
}

/* Under the lock. NULL: no memory, or there are as many as there may be. */
static struct sley__worker *make_carrier(struct sley__sched *sched, unsigned post)
{
    struct sley__relief *relief = &sched->relief;
    unsigned n = load_relaxed(&relief->extra);
    struct sley__worker *worker;

    if (n >= relief->limit || !(worker = sley__map(round_up(sizeof *worker, 4096), 4096, false)))
        return NULL;
    sley__worker_init(worker, sched, sched->worker_count + n, post);
    store_relaxed(&worker->standing, SLEY__POST_LEAVING);
    relief->extras[n] = worker;
    store_release(&relief->extra, n + 1); /* partner: sley__sched_carriers */
    sley__worker_rest_apart(worker);      /* after it counts: halt.c waits for all that do */
    return worker;
}

/* A carrier without a post that nobody else will give one to, or NULL. Under the lock. */
static struct sley__worker *reserve(struct sley__sched *sched, unsigned post)
{
    struct sley__worker *worker = sched->relief.spare;

    if (worker) {
        sched->relief.spare = worker->next_spare;
        return worker;
    }
    if (!(worker = find_ended(sched)) && !(worker = make_carrier(sched, post)))
        return NULL;
    if (worker->has_thread)
        sley__thread_join(&worker->thread);
    store_relaxed(&worker->standing, SLEY__POST_SPARE);
    worker->stands_in = true;
    worker->has_thread = sley__worker_start(worker) == 0;
    if (worker->has_thread)
        return worker;
    store_relaxed(&worker->standing, SLEY__POST_LEAVING);
    return NULL;
}

/* Under the lock. */
static void push_spare(struct sley__worker *worker)
{
    worker->next_spare = worker->sched->relief.spare;
    worker->sched->relief.spare = worker;
}

/* Takes it out of the list; false: it was not there, somebody has reserved it. Under the lock. */
static bool remove_spare(struct sley__worker *worker)
{
    struct sley__worker **link = &worker->sched->relief.spare;

    while (*link && *link != worker)
        link = &(*link)->next_spare;
    if (!*link)
        return false;
    *link = worker->next_spare;
    return true;
}

/* --- posts ---------------------------------------------------------------------------------- */

/* T1 to T4. Under the lock. */
static bool take_post(struct sley__worker *worker, uint32_t finds, uint64_t switches)
{
    uint32_t held = SLEY__POST_HELD, asked = SLEY__POST_ASKED;

    if (!cas_acquire(&worker->standing, &held, asked))
        return false;
    fence_heavy(); /* partner: fence_light in sley__worker_find */
    if (load_relaxed(&worker->finds) != finds ||
        load_relaxed(&worker->counters.started) + load_relaxed(&worker->counters.resumed) !=
            switches) {
        cas_acquire(&worker->standing, &asked, SLEY__POST_HELD);
        return false;
    }
    return cas_acquire(&worker->standing, &asked, SLEY__POST_LOST);
}

/* The post of `worker`, which has lost it, to `spare`. Under the lock; then the spare one is to be
 * woken. */
static void give(struct sley__worker *spare, struct sley__worker *worker, bool trial)
{
    struct sley__sched *sched = worker->sched;
    struct sley__worker *post = &sched->workers[worker->post];
    uint32_t loss = (load_relaxed(&worker->trial) | SLEY__TRIAL_MASK) + 1; /* its next one */

    spare->post = worker->post;
    spare->victims = worker->victims;
    spare->timers = worker->timers;
    spare->judges = trial ? worker : NULL;
    spare->judged_loss = loss;
    store_relaxed(&worker->trial, loss + (trial ? SLEY__TRIAL_OPEN : SLEY__TRIAL_NONE));
    store_release(&post->holder, spare); /* partner: the monitor's look at it */
    sley__count(post->reliefs, 1);
    if (sched->on_lost)
        sched->on_lost(worker);
    store_release(&spare->standing, SLEY__POST_HELD); /* partner: await_post */
}

/* Outside of the lock. */
static void wake(struct sley__worker *spare)
{
    sley__futex_wake(&spare->standing, 1);
}

bool sley__relief_take(struct sley__worker *worker, uint32_t finds, uint64_t switches,
                       enum sley__charge charge)
{
    struct sley__sched *sched = worker->sched;
    bool taken = false, stall = charge == SLEY__CHARGE_STALL;
    struct sley__worker *spare;

    sley__hands_enter(); /* a halted world looks at what changes here */
    sley__lock_acquire(&sched->relief.lock);
    spare = reserve(sched, worker->post);
    if (!spare) {
        sley__count(sched->relief.failed, 1);
    } else if (!(taken = take_post(worker, finds, switches))) {
        push_spare(spare);
    } else {
        if (stall)
            sley__count(sched->workers[worker->post].stalls, 1);
        give(spare, worker, charge == SLEY__CHARGE_KEPT_EVENTS);
    }
    sley__lock_release(&sched->relief.lock);
    if (taken && stall && sched->on_stall)
        sched->on_stall(worker, switches);
    if (taken)
        wake(spare);
    sley__hands_leave();
    return taken;
}

void sley__relief_count_stall(struct sley__worker *worker, uint64_t switches)
{
    struct sley__sched *sched = worker->sched;

    sley__lock_acquire(&sched->relief.lock);
    sley__count(sched->workers[worker->post].stalls, 1);
    sley__lock_release(&sched->relief.lock);
    if (sched->on_stall)
        sched->on_stall(worker, switches);
}

void sley__relief_step_down(struct sley__worker *worker)
{
    struct sley__sched *sched = worker->sched;
    struct sley__worker *spare = NULL;

    sley__lock_acquire(&sched->relief.lock); /* so it is not ASKED */
    if (load_relaxed(&worker->standing) == SLEY__POST_HELD) {
        spare = reserve(sched, worker->post);
        if (spare) {
            store_relaxed(&worker->standing, SLEY__POST_LOST);
            give(spare, worker, false);
        } else {
            sley__count(sched->relief.failed, 1);
        }
    }
    sley__lock_release(&sched->relief.lock);
    if (!spare)
        return;
    wake(spare);
    sley__worker_give_away(worker);
}

/* --- without a post ------------------------------------------------------------------------- */

void sley__relief_tell_holder(struct sley__worker *worker)
{
    struct sley__sched *sched = worker->sched;
    struct sley__worker *holder;

    sley__lock_acquire(&sched->relief.lock);
    holder = load_relaxed(&sched->workers[worker->post].holder);
    if (sley__idle_choose_this(&sched->idle, holder->index))
        sley__parker_wake(&holder->parker);
    sley__lock_release(&sched->relief.lock);
}

/* Joins the spare ones; false: the workers stop. Owner. */
static bool become_spare(struct sley__worker *worker)
{
    struct sley__sched *sched = worker->sched;
    bool stopping;

    store_relaxed(&worker->announced, NULL);
    sley__worker_give_away(worker);
    sley__lock_acquire(&sched->relief.lock);
    stopping = load_relaxed(&sched->stopping); /* set before sley__relief_stop took the lock */
    store_relaxed(&worker->standing, stopping ? SLEY__POST_LEAVING : SLEY__POST_SPARE);
    if (!stopping)
        push_spare(worker);
    sley__lock_release(&sched->relief.lock);
    return !stopping;
}

/* Nobody has needed it for long. Owner. */
static void leave_if_idle(struct sley__worker *worker)
{
    sley__lock_acquire(&worker->sched->relief.lock);
    if (load_relaxed(&worker->standing) == SLEY__POST_SPARE && remove_spare(worker))
        store_relaxed(&worker->standing, SLEY__POST_LEAVING);
    sley__lock_release(&worker->sched->relief.lock);
}

/* Sleeps until it gets a post (true) or is to end. Owner. */
static bool await_post(struct sley__worker *worker)
{
    int64_t deadline = sley__clock_now() + SPARE_TIMEOUT;
    uint32_t standing;

    sley__worker_rest_apart(worker);
    /* Acquire: the post. Partner: give. */
    while ((standing = load_acquire(&worker->standing)) == SLEY__POST_SPARE) {
        sley__futex_wait(&worker->standing, SLEY__POST_SPARE, deadline);
        if (sley__clock_now() < deadline)
            continue;
        leave_if_idle(worker);
        deadline = sley__clock_now() + SPARE_TIMEOUT;
    }
    sley__worker_rise(worker);
    return standing == SLEY__POST_HELD;
}

/* Have events waited for the one that had the post? Not those that come later: hence at once. If so
 * the monitor is to know before that one goes on. Owner. */
static void judge(struct sley__worker *worker)
{
    struct sley__worker *other = worker->judges;
    bool guilty = sley__worker_drain(worker);
    uint32_t open = worker->judged_loss + SLEY__TRIAL_OPEN;
    uint32_t verdict = worker->judged_loss + (guilty ? SLEY__TRIAL_GUILTY : SLEY__TRIAL_ACQUITTED);

    worker->judges = NULL;
    /* Relaxed: it says nothing but itself. In vain if it has lost another post since. */
    if (cas_relaxed(&other->trial, &open, verdict) && guilty)
        sley__futex_wake(&worker->sched->monitor.signal, 1);
}

/* It has a post that it had not before. Owner. */
static bool take_up(struct sley__worker *worker)
{
    worker->now = sley__clock_now();
    if (worker->sched->on_post)
        worker->sched->on_post(worker);
    if (worker->judges)
        judge(worker);
    return true;
}

bool sley__relief_begin(struct sley__worker *worker)
{
    return await_post(worker) && take_up(worker);
}

bool sley__relief_arrive(struct sley__worker *worker)
{
    uint32_t standing = SLEY__POST_ASKED;

    /* L4: refused. Or it has just been withdrawn. */
    if (cas_acquire(&worker->standing, &standing, SLEY__POST_HELD) || standing == SLEY__POST_HELD)
        return true;
    if (standing == SLEY__POST_LEAVING || (standing == SLEY__POST_LOST && !become_spare(worker)) ||
        !await_post(worker))
        return false;
    return take_up(worker);
}

/* --- the end -------------------------------------------------------------------------------- */

void sley__relief_stop(struct sley__sched *sched)
{
    struct sley__worker *spare;

    sley__lock_acquire(&sched->relief.lock);
    while ((spare = sched->relief.spare)) {
        sched->relief.spare = spare->next_spare;
        store_relaxed(&spare->standing, SLEY__POST_LEAVING);
        wake(spare);
    }
    sley__lock_release(&sched->relief.lock);
}

void sley__relief_close(struct sley__sched *sched)
{
    unsigned n = load_relaxed(&sched->relief.extra);

    while (n-- > 0)
        sley__unmap(sched->relief.extras[n], round_up(sizeof *sched->relief.extras[n], 4096));
    store_relaxed(&sched->relief.extra, 0);
}

/* --- announced ------------------------------------------------------------------------------ */

int sley_blocking_begin(const char *reason)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task = worker ? worker->current : NULL;

    if (!task)
        return SLEY_ENOTASK;
    if (load_relaxed(&worker->announced) == task) {
        worker->nested++;
        return 0;
    }
    worker->nested = 1;
    store_relaxed(&worker->reason, reason ? reason : "blocking");
    store_release(&worker->announced, task); /* partner: the dump */
    sley__relief_step_down(worker);
    return 0;
}

int sley_blocking_end(void)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task = worker ? worker->current : NULL;

    if (!task)
        return SLEY_ENOTASK;
    if (load_relaxed(&worker->announced) != task || --worker->nested)
        return 0;
    store_relaxed(&worker->announced, NULL);
    if (load_relaxed(&worker->standing) == SLEY__POST_LOST)
        sley__worker_step_back(worker, task);
    return 0;
}
