/*
 * poll.c: timers and events, as workers look after them.
 *
 * Running workers fire their own timers and drain the event sources themselves, so that under load
 * no other thread is involved: a wake-up across cores costs more than a whole small request. When
 * the last worker goes to sleep it arms the watcher (io's libuv thread), and the first one to wake
 * disarms it.
 *
 * Arming twice or running while armed is harmless (the watcher drains too); sleeping all of them
 * with nobody armed would lose events. The last worker to announce its sleep sees that all sleep
 * (idle.state has one order of changes) and arms; if it then finds work after all it wakes
 * itself and is the last one again later.
 */
#include "worker.h"

#define FIRE_BATCH 64

/* How many timers may be taken out of a wheel: no more than fit into the own queue. The others are
 * not lost in the wheel, and in the shared queue they would stand behind tasks that are not late.
 * Owner. */
static size_t room(struct sley__worker *worker)
{
    unsigned free = SLEY__DEQUE_SIZE - sley__deque_used(&worker->woken);

    if (!free && !sley__deque_full(&worker->woken))
        free = 1;
    return free < FIRE_BATCH ? free : FIRE_BATCH;
}

size_t sley__worker_fire(struct sley__worker *worker, struct sley__wheel *wheel, int64_t now)
{
    struct sley__timer_due due[FIRE_BATCH];
    size_t n, i, total = 0, max;

    do {
        if (!(max = room(worker)))
            break;
        n = sley__wheel_advance(wheel, now, due, max);
        for (i = 0; i < n; i++)
            __builtin_prefetch(due[i].task, 1);
        for (i = 0; i < n; i++) {
            struct sley_task *task = due[i].task;

            if (sley__task_wake(task, due[i].ticket, 0, 0) != SLEY__WAKE_QUEUE)
                continue;
            task->wake_result = SLEY__TIMER_FIRED;
            sley__context_prefetch(&task->context);
            sley__worker_push_woken(worker, task);
            total++;
        }
    } while (n == max);
    if (total) {
        sley__count(worker->counters.timers, total);
        sley__sched_notify(worker->sched, worker->index);
    }
    return total;
}

/* A poller's system calls say EAGAIN all day, and the task that polls on its way to a park has an
 * errno of its own. Owner. */
static int drain(struct sley__worker *worker, struct sley__poller *poller)
{
    int saved_errno = *worker->errno_location, n = poller->drain(poller);

    *worker->errno_location = saved_errno;
    return n;
}

bool sley__worker_drain(struct sley__worker *worker)
{
    struct sley__poller *poller = load_acquire(&worker->sched->poller);

    if (!poller || drain(worker, poller) <= 0)
        return false;
    worker->lifo = false; /* events are served in their order */
    return true;
}

bool sley__worker_poll(struct sley__worker *worker)
{
    bool found = false;

    worker->now = sley__clock_now();
    worker->canaries = load_relaxed(&worker->sched->stacks.canaries);
    if (worker->now >= sley__wheel_next(worker->timers))
        found = sley__worker_fire(worker, worker->timers, worker->now) > 0;
    return sley__worker_drain(worker) || found;
}

void sley__sched_arm(struct sley__sched *sched)
{
    struct sley__poller *poller = load_acquire(&sched->poller);

    if (!poller)
        return;
    sley__lock_acquire(&sched->poll_lock);
    if (!load_relaxed(&sched->armed)) {
        poller->arm(poller);
        store_relaxed(&sched->armed, 1);
    }
    sley__lock_release(&sched->poll_lock);
}

void sley__sched_disarm(struct sley__sched *sched)
{
    if (!load_relaxed(&sched->armed))
        return;
    sley__lock_acquire(&sched->poll_lock);
    if (load_relaxed(&sched->armed)) {
        struct sley__poller *poller = load_acquire(&sched->poller);

        poller->disarm(poller);
        store_relaxed(&sched->armed, 0);
    }
    sley__lock_release(&sched->poll_lock);
}
