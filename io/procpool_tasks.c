/*
 * procpool_tasks.c: the two tasks of a pool.
 *
 * The collector takes results out of the rings and wakes those who wait for them, many at once. One
 * task for all children, and not each caller for itself: a caller would have to sleep on a word of
 * its child, which is a system call and a kernel thread for each, while results of short jobs come
 * ten at a time. It looks, lets others run (who take their results and bring new jobs), looks
 * again; when there has been nothing for a while it arms the rings of those that have jobs, looks
 * once more (the duel of procpool_wire.h), and waits for the bell, an eventfd in the set of the
 * reactor that children ring when they find their ring armed. How long the while is follows the
 * same rule as in the child: as long as a wake-up may cost, halved by each time in vain. It also
 * sees to what is due by time.
 *
 * The listener reads what the supervisor says: pids and deaths, and the end. The end of its socket
 * is the end of all children, so that is what a free waits for.
 *
 * Both belong to the runtime and not to the task that made the pool, whose deadline they must not
 * have. When the runtime shuts down they are cancelled like all tasks, and take the pool with them.
 */
#include "procpool_impl.h"

#include "platform.h"

#include <sley/runtime.h>

/* As in the child: the most that a wake-up costs. */
#define SPIN_MAX INT64_C(50000)
#define SPIN_MIN INT64_C(1000)

/* How long a child may be in one job with others behind it. */
#define STUCK_AFTER INT64_C(1000000)

/* The longest sleep while children have jobs: for a child whose ring has been written over. */
#define SLEEP_MAX INT64_C(200000000)

/* The last of the two wakes who frees the pool. */
static void leave(struct sley_procpool *pool)
{
    sley__pool_lock(pool);
    if (--pool->tasks == 0 && pool->freer.task)
        sley__wake_batch_add(&pool->batch, pool->freer, 0);
    sley__pool_unlock(pool);
}

/* --- the collector -------------------------------------------------------------------------- */

struct collector {
    struct sley_procpool *pool;
    int64_t spin;  /* how long it may look in vain */
    int64_t until; /* how long it does now */
    int64_t next;  /* when to look next who is stuck */
};

/* Locked. */
static unsigned collect_all(struct sley_procpool *pool)
{
    unsigned count = 0;

    if (!pool->in_rings)
        return 0;
    list_for_each (link, &pool->children)
        count += sley__child_collect(container_of(link, struct sley__procchild, link));
    if (count)
        sley__pool_dispatch(pool);
    return count;
}

static unsigned look(struct collector *collector, int64_t now)
{
    struct sley_procpool *pool = collector->pool;
    unsigned count;

    sley__pool_lock(pool);
    pool->collector_armed = pool->collector_asleep = false;
    count = collect_all(pool);
    if (pool->in_rings && now >= collector->next) {
        sley__pool_unstick(pool);
        collector->next = now + STUCK_AFTER;
    }
    sley__pool_unlock(pool);
    return count;
}

/* From now on children ring. False: there was a result. Otherwise *until is when to look again. */
static bool arm(struct sley_procpool *pool, int64_t *until)
{
    int64_t due;
    unsigned count;

    sley__pool_lock(pool);
    pool->collector_armed = true; /* rings that get a job from now on are armed */
    pool->collector_until = SLEY_FOREVER;
    list_for_each (link, &pool->children) {
        struct sley__procchild *child = container_of(link, struct sley__procchild, link);

        if (child->load)
            sley__ring_arm(child);
    }
    count = collect_all(pool);
    if (!count) {
        sley__pool_rebalance(pool);
        due = sley__pool_tick(pool); /* which may itself give jobs, and call sley__pool_hurry */
        if (pool->in_rings)
            due = min_i64(due, sley__clock_now() + SLEEP_MAX);
        pool->collector_until = *until = min_i64(due, pool->collector_until);
        pool->collector_asleep = true;
    }
    sley__pool_unlock(pool);
    return count == 0;
}

/* Empties the eventfd. True: it had been rung. */
static bool rung(int fd)
{
    uint64_t count;

    return sley__bell_read(fd, &count) > 0;
}

/* 0: the bell, or a hurry, or the time. SLEY_E*: the end. `seen`: of before the rings were armed.
 * Parks. */
static int wait_for_bell(struct sley_procpool *pool, uint64_t seen, int64_t until)
{
    int64_t previous = sley_deadline_narrow(until);
    int error = 0;

    if (!rung(pool->bell->fd)) {
        error = sley__fd_wait(&pool->bell->read, seen, "results of processes");
        rung(pool->bell->fd);
    }
    sley_deadline_restore(previous);
    return error == SLEY_ETIMEDOUT ? 0 : error;
}

/* Looks no more until it is worth while. 0 or SLEY_E*. Parks. */
static int rest(struct collector *collector)
{
    int64_t since = sley__clock_now(), until = SLEY_FOREVER;
    uint64_t seen = sley__readiness_look(&collector->pool->bell->read);
    int error;

    collector->spin = collector->spin > SPIN_MIN ? collector->spin / 2 : 0;
    if (!arm(collector->pool, &until))
        return 0;
    error = wait_for_bell(collector->pool, seen, until);
    if (sley__clock_now() - since < 4 * SPIN_MAX)
        collector->spin = SPIN_MAX;
    return error;
}

static int collect(void *arg)
{
    struct collector collector = {.pool = arg, .spin = SPIN_MAX};
    int error = 0;

    sley_deadline_restore(SLEY_FOREVER);
    while (!error) {
        int64_t now = sley__clock_now();

        if (look(&collector, now)) {
            collector.until = 0;
            error = sley_yield();
            continue;
        }
        if (!collector.until)
            collector.until = now + collector.spin;
        if (now < collector.until) {
            error = sley_yield();
            continue;
        }
        error = rest(&collector);
        collector.until = 0;
    }
    sley__pool_lock(collector.pool);
    if (error != SLEY_ECLOSED)
        sley__pool_abort(collector.pool, SLEY_ESHUTDOWN);
    sley__pool_unlock(collector.pool);
    leave(collector.pool);
    return 0;
}

/* --- the listener --------------------------------------------------------------------------- */

static void hear(struct sley_procpool *pool, const struct sley__message *message)
{
    sley__pool_lock(pool);
    if (message->kind == SLEY__MESSAGE_PID)
        sley__child_started(pool, message->id, message->value);
    else if (message->kind == SLEY__MESSAGE_KILLED)
        sley__child_killed(pool, message->id, message->value);
    else if (message->kind == SLEY__MESSAGE_ENDED || message->kind == SLEY__MESSAGE_FAILED)
        sley__child_ended(pool, message->id, message->value);
    sley__pool_unlock(pool);
}

static int listen_to(struct sley_procpool *pool)
{
    struct sley__message message;
    int fds[SLEY__MESSAGE_FDS], error;
    uint64_t seen;
    size_t count;

    for (;;) {
        seen = sley__readiness_look(&pool->socket->read);
        error = sley__message_receive(pool->socket->fd, &message, fds, &count, false);
        if (error == SLEY_EAGAIN)
            error = sley__fd_wait(&pool->socket->read, seen, "a pool's supervisor");
        else if (!error)
            hear(pool, &message);
        if (error)
            return error;
    }
}

static int listener(void *arg)
{
    struct sley_procpool *pool = arg;
    int error;

    sley_deadline_restore(SLEY_FOREVER);
    error = listen_to(pool);
    sley__pool_lock(pool);
    if (!pool->closed)
        sley__pool_abort(pool, error == SLEY_EOF ? SLEY_ECRASHED : SLEY_ESHUTDOWN);
    sley__pool_unlock(pool);
    leave(pool);
    return 0;
}

/* --- start ---------------------------------------------------------------------------------- */

int sley__pool_tasks_start(struct sley_procpool *pool)
{
    int error;

    pool->tasks = 2;
    error = sley_runtime_spawn(pool->runtime, collect, pool, NULL, NULL);
    if (error) {
        pool->tasks = 0;
        return error;
    }
    error = sley_runtime_spawn(pool->runtime, listener, pool, NULL, NULL);
    if (error)
        leave(pool);
    return error;
}
