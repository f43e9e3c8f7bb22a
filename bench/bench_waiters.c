/*
 * bench_waiters.c: many tasks that wait for one thing.
 *
 * A hundred thousand tasks wait for items of one channel, as the idle ones of a pool of tasks do.
 *
 *   ns_to_hand     per task: one item for each is sent, and each has taken it and ended.
 *   ns_to_cancel   per task: each is cancelled by itself, in an order that has nothing to do with
 *                  the one in which they came, until all have ended. Each leaves the line from
 * where it stands.
 *
 * Whoever wakes the first or takes one out of the middle must not have to look at the others.
 */
#include <stdlib.h>

#include <sley/chan.h>

#include "harness.h"

struct work {
    size_t count;
    struct sley_task **tasks;
    struct sley_task *parent;
    struct sley_chan *chan;
    size_t begun; /* counted by the tasks */
    double hand_ns, cancel_ns;
};

static int waiter(void *arg)
{
    struct work *work = arg;
    uint64_t item = 0;
    if (bench_count(&work->begun) == work->count)
        sley_unpark(work->parent);
    int status = sley_chan_recv(work->chan, &item);
    return status == 0 ? (int)item : status;
}

/* All have begun when it returns, and the sleep lets those come to the channel that were on their
 * way. One that is late all the same finds its item, or its cancel, there. */
static int gather(struct work *work)
{
    work->begun = 0;
    for (size_t i = 0; i < work->count; i++) {
        int status = sley_spawn(waiter, work, NULL, &work->tasks[i]);
        if (status < 0)
            return bench_error("task %zu: %s", i, sley_strerror(status));
    }
    while (__atomic_load_n(&work->begun, __ATOMIC_ACQUIRE) < work->count)
        if (sley_park("all are waiting") != 0)
            return bench_error("the parent was cancelled");
    return sley_sleep(SLEY_MILLISECONDS(1));
}

/* How many have ended with `expected`. */
static size_t end_all(struct work *work, int expected)
{
    size_t right = 0;
    for (size_t i = 0; i < work->count; i++) {
        int result;
        right += sley_join(work->tasks[i], &result) == 0 && result == expected;
    }
    return right;
}

static int hand_out(struct work *work)
{
    uint64_t item = 1;
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->count; i++)
        if (sley_chan_send(work->chan, &item) != 0)
            return bench_error("an item was not sent");
    size_t right = end_all(work, 1);
    work->hand_ns = (double)(sley_now() - begin);
    return right == work->count
               ? 0
               : bench_error("%zu of %zu tasks have their item", right, work->count);
}

static void shuffle(struct sley_task **tasks, size_t count)
{
    uint64_t seed = 1;
    for (size_t i = count; i > 1; i--) {
        size_t other = bench_random(&seed) % i;
        struct sley_task *task = tasks[i - 1];
        tasks[i - 1] = tasks[other];
        tasks[other] = task;
    }
}

static int cancel_each(struct work *work)
{
    shuffle(work->tasks, work->count);
    int64_t begin = sley_now();
    for (size_t i = 0; i < work->count; i++)
        sley_cancel(work->tasks[i], "the end");
    size_t right = end_all(work, SLEY_ECANCELED);
    work->cancel_ns = (double)(sley_now() - begin);
    return right == work->count
               ? 0
               : bench_error("%zu of %zu tasks were cancelled", right, work->count);
}

static int parent(void *arg)
{
    struct work *work = arg;
    int status = sley_chan_new(sizeof(uint64_t), 0, &work->chan);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    work->parent = sley_self();
    if ((status = gather(work)) == 0 && (status = hand_out(work)) == 0 &&
        (status = gather(work)) == 0)
        status = cancel_each(work);
    if (status == 0)
        sley_chan_free(work->chan);
    return status;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.count = bench_size(setup, 10000, 100000)};
    work.tasks = bench_alloc(work.count, sizeof(struct sley_task *));
    int status = bench_on_tasks(setup, parent, &work);
    free(work.tasks);
    values[0] = work.hand_ns / (double)work.count;
    values[1] = work.cancel_ns / (double)work.count;
    return status;
}

const struct bench bench_waiters = {
    .name = "waiters",
    .why = "100,000 tasks wait at one channel; each gets an item, and in a second turn each is "
           "cancelled, in random order: whether a long line costs more than a short one",
    .size = {"waiting tasks", 1, 1000000, 4832},
    .cases = {{.run = run,
               .metrics = {{"ns_to_hand", "ns/task"}, {"ns_to_cancel", "ns/task"}},
               .sized = true,
               .memory = BENCH_MIB(464),
               .memory_quick = BENCH_MIB(48)}},
};
