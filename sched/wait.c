/*
 * wait.c: the waist. The contract and the reasons are in wait.h.
 *
 * The duel with cancel: a task announces its wait (a store to its wait word) and then, just before
 * it leaves, looks at its cancelled flag; a cancel (family.c) sets the flag and then looks at the
 * wait word. One of them sees the other. Waits are frequent and cancels rare, so the task's side is
 * a fence_light. If both see each other, the wait word decides who ends the wait, and the task is
 * cancelled either way. The task's side is in worker.c, so that there is no frame between a park
 * and the switch.
 */
#include "flow.h"
#include "worker.h"

#include <sley/park.h>

/* --- ready ---------------------------------------------------------------------------------- */

/* Queues woken tasks and tells an idle worker, on a thread that is not one of the runtime's. From
 * the push on the tasks are somebody else's: they may end, and with the last one the runtime.
 * Nobody could know that it must not be freed yet (a task of another runtime that was joined has no
 * say in when its end has finished telling), so the free waits for those who are in here. Any
 * thread. */
void sley__sched_ready_from_outside(struct sley__sched *sched, struct sley_task *first,
                                    struct sley_task *last, size_t count)
{
    unsigned near = first->worker->index;

    fetch_add_acq_rel(&sched->visitors, 1);
    sley__inject_push(&sched->inject, first, last, count);
    sley__sched_notify(sched, near);
    fetch_sub_acq_rel(&sched->visitors, 1); /* partner: sley__sched_await_visitors */
}

void sley__sched_await_visitors(struct sley__sched *sched)
{
    while (load_acquire(&sched->visitors)) /* partner: above */
        sley__thread_yield();
}

static ALWAYS_INLINE void ready(struct sley_task *task, bool first)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley__sched *sched = task->worker->sched;

    if (likely(worker && worker->sched == sched)) {
        sley__worker_push_woken(worker, task);
        worker->lifo = first;
        sley__sched_notify(sched, worker->index);
        return;
    }
    sley__sched_ready_from_outside(sched, task, task, 1);
}

void sley__sched_ready(struct sley_task *task, bool first)
{
    ready(task, first);
}

bool sley__wake_begin(struct sley__waker waker, int result)
{
    sley__hands_enter();
    if (unlikely(sley__task_wake(waker.task, waker.ticket, 0, 0) != SLEY__WAKE_QUEUE)) {
        sley__hands_leave();
        return false;
    }
    waker.task->wake_result = result;
    return true;
}

void sley__wake_finish(struct sley_task *task)
{
    ready(task, true);
    sley__hands_leave();
}

bool sley__wake(struct sley__waker waker, int result)
{
    bool won = sley__wake_begin(waker, result);

    if (won)
        sley__wake_finish(waker.task);
    return won;
}

void sley__wake_batch_begin(struct sley__wake_batch *batch)
{
    *batch = (struct sley__wake_batch){0};
}

bool sley__wake_batch_add(struct sley__wake_batch *batch, struct sley__waker waker, int result)
{
    struct sley_task *task = waker.task;

    sley__hands_enter();
    if (sley__task_wake(task, waker.ticket, 0, 0) != SLEY__WAKE_QUEUE) {
        sley__hands_leave();
        return false;
    }
    task->wake_result = result;
    if (batch->last && batch->last->worker->sched != task->worker->sched)
        sley__wake_batch_flush(batch);
    if (batch->last) {
        batch->last->next = task;
        sley__hands_leave(); /* the batch is in already, until its flush */
    } else {
        batch->first = task;
    }
    batch->last = task;
    batch->count++;
    return true;
}

void sley__wake_batch_flush(struct sley__wake_batch *batch)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task = batch->first, *next;
    struct sley__sched *sched;

    if (!task)
        return;
    sched = task->worker->sched;
    batch->last->next = NULL;
    if (worker && worker->sched == sched) {
        for (; task; task = next) {
            next = task->next;
            sley__worker_push_woken(worker, task);
        }
        worker->lifo = false;
        sley__sched_notify(sched, worker->index);
    } else {
        sley__sched_ready_from_outside(sched, task, batch->last, batch->count);
    }
    sley__wake_batch_begin(batch);
    sley__hands_leave();
}

/* --- wait ----------------------------------------------------------------------------------- */

/* The current task, or NULL. Its worker in *worker. */
static struct sley_task *current_task(struct sley__worker **worker)
{
    *worker = sley__worker_current();
    return *worker ? (*worker)->current : NULL;
}

static void begin_unchecked(struct sley_task *task, struct sley__waker *waker, const char *what,
                            unsigned flags)
{
    store_relaxed(&task->what, what);
    waker->task = task;
    waker->ticket = sley__task_begin_wait(task, flags);
}

static int begin(struct sley__waker *waker, const char *what, unsigned flags)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);
    int error;

    if (unlikely(!task))
        return SLEY_ENOTASK;
    if (unlikely((error = sley__worker_status(task))))
        return error;
    begin_unchecked(task, waker, what, flags);
    return 0;
}

int sley__wait_begin(struct sley__waker *waker, const char *what)
{
    return begin(waker, what, 0);
}

int sley__worker_park_until(struct sley__worker *worker, struct sley_task *task, int64_t deadline)
{
    struct sley__timer_pool *pool = &worker->sched->timers;
    union sley__timer_node spare, *node = sley__timer_take(pool, &worker->timer_nodes);
    struct sley__timer *timer = likely(node != NULL) ? &node->timer : &spare.timer;
    int result;

    timer->task = task;
    timer->ticket = sley__task_ticket(load_relaxed(&task->word));
    sley__timer_arm(worker->timers, timer, deadline);
    fence_light(); /* partner: fence_heavy in take_post in relief.c */
    if (unlikely(load_relaxed(&worker->standing) != SLEY__POST_HELD))
        sley__relief_tell_holder(worker);
    result = sley__worker_park(worker, task);
    if (result != SLEY__TIMER_FIRED) /* else who woke us has taken it out of the wheel */
        sley__timer_disarm(timer);
    if (likely(node != NULL))
        sley__timer_give(pool, &task->worker->timer_nodes, node);
    if (result != SLEY__TIMER_FIRED)
        return result;
    /* A cancel that came after that still wins over the ambient deadline; one of the call's own has
     * done its work. */
    if (deadline == task->deadline && sley__task_is_cancelled(task))
        return SLEY_ECANCELED;
    return SLEY_ETIMEDOUT;
}

void sley__wait_begin_shielded(struct sley__waker *waker, const char *what)
{
    struct sley__worker *worker;

    begin_unchecked(current_task(&worker), waker, what, SLEY__WAIT_SHIELDED);
}

int sley__wait_park_shielded(void)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    sley__count(worker->counters.parks, 1);
    return sley__worker_park(worker, task);
}

bool sley__wait_abandon(int *result)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);
    int woken_with;

    if (sley__task_abandon(task))
        return true;
    woken_with = sley__worker_park(worker, task); /* takes it out of the queue */
    if (result)
        *result = woken_with;
    return false;
}

bool sley__on_worker(void)
{
    return sley__worker_current() != NULL;
}

void sley__wait_spend(void)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    if (task && --worker->budget <= 0)
        sley__worker_yield(worker, task);
}

struct sley__locals *sley__wait_locals(void)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    return task ? task->locals : NULL;
}

void sley__wait_set_locals(struct sley__locals *locals)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    check(task);
    task->locals = locals;
    task->has_locals = locals != NULL;
}

/* --- cancel and deadline as the task sees them ------------------------------------------------ */

int sley_cancelled(void)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    return task ? sley__worker_status(task) : 0;
}

int64_t sley_deadline(void)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    return task ? task->deadline : SLEY_FOREVER;
}

/* In a flow the deadline is the flow's, and what the task came in with bounds it: see flow.h. */
static void set_deadline(struct sley_task *task, int64_t deadline)
{
    if (task->flow) {
        task->flow->deadline = deadline;
        deadline = min_i64(deadline, task->flow->outside_deadline);
    }
    task->deadline = deadline;
}

int64_t sley__wait_bound(int64_t bound)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);
    int64_t previous = SLEY_FOREVER;

    if (task && task->flow) {
        previous = task->flow->outside_deadline;
        task->flow->outside_deadline = bound;
    }
    return previous;
}

int64_t sley_deadline_narrow(int64_t deadline)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);
    int64_t previous;

    if (!task)
        return SLEY_FOREVER;
    previous = task->flow ? task->flow->deadline : task->deadline;
    set_deadline(task, min_i64(previous, deadline));
    return previous;
}

void sley_deadline_restore(int64_t previous)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);

    if (task)
        set_deadline(task, previous);
}

/* --- the public park ------------------------------------------------------------------------ */

/* Takes the permit if it is there. The task itself. */
static inline bool take_permit(struct sley_task *task)
{
    return load_relaxed(&task->permit) && exchange_acquire(&task->permit, (uint8_t)0);
}

/* One wait. 0: there was an unpark, and `taken` says whether this has taken its permit. It may be
 * that of an earlier unpark, which set the permit, was overtaken by a park that took it, and then
 * found this wait. */
static int park_once(struct sley_task *task, const char *what, bool *taken)
{
    struct sley__waker waker;
    int result = begin(&waker, what, SLEY__WAIT_UNPARKABLE);

    if (result)
        return result;
    /* The duel with sley_unpark is one over this word. If that exchange reads ours it acquires the
     * wait that we have begun; if ours reads that one we have its permit. */
    *taken = exchange_acq_rel(&task->permit, (uint8_t)0);
    if (*taken) {
        sley__wait_abandon(NULL);
        return 0;
    }
    return sley__wait_park(SLEY_FOREVER);
}

int sley_park(const char *what)
{
    struct sley__worker *worker;
    struct sley_task *task = current_task(&worker);
    bool taken;
    int result;

    if (!task)
        return SLEY_ENOTASK;
    for (;;) {
        if (take_permit(task))
            return 0;
        result = park_once(task, what ? what : "park", &taken);
        if (result || taken)
            return result;
    }
}

void sley_unpark(struct sley_task *task)
{
    uint64_t word;

    sley__hands_enter();
    exchange_acq_rel(&task->permit, (uint8_t)1); /* partner: in park_once */
    word = load_acquire(&task->word);
    if (sley__task_wake(task, sley__task_ticket(word), SLEY__WAIT_UNPARKABLE, 0) ==
        SLEY__WAKE_QUEUE) {
        task->wake_result = 0;
        sley__sched_ready(task, true);
    }
    sley__hands_leave();
}
