/*
 * bench_channel.c: what it costs to hand an item to another task.
 *
 * `channel`: a ping-pong on two unbuffered channels, where each item finds its receiver waiting and
 * its sender then waits for the answer; and a producer and a consumer with a buffer of 128 between
 * them, who park only when it is full or empty. Both in one runtime, which is free to keep the two
 * tasks on one worker or not: who wakes a task has it in its own queue, so a pair that waits for
 * each other ends up together, also with several workers. That is the figure that a program sees.
 *
 * `across`: the same with the two forced apart. Each task has a runtime of its own with one worker,
 * on a processor of its own, so no thief can ever bring them together: an item and each wake-up
 * have to go from one processor to another, and a worker whose only task waits goes idle. Read the
 * round trip against twice the `limits` us_futex_wake_p50, or its cache line's way where workers
 * are found still looking for work.
 *
 * `select`: four producers with an unbuffered channel each, one consumer that takes what comes.
 */
#include "harness.h"
#include "machine.h"

#include <sley/chan.h>
#include <sley/topology.h>

enum { BUFFER = 128, PRODUCERS = 4 };

/* Two tasks and what is between them. */
struct pair {
    struct sley_chan *there, *back; /* back: of the ping-pong only */
    size_t count;                   /* round trips, or items */
    uint64_t sum;                   /* of the items that have come there */
    double ns;                      /* result */
};

static uint64_t sum_below(uint64_t count)
{
    return count * (count - 1) / 2;
}

/* --- what the two do -------------------------------------------------------------------------- */

static int pong(void *arg)
{
    struct pair *pair = arg;
    uint64_t item;
    for (size_t i = 0; i < pair->count; i++) {
        if (sley_chan_recv(pair->there, &item) != 0 || sley_chan_send(pair->back, &item) != 0)
            return -1;
        pair->sum += item;
    }
    return 0;
}

static int ping(void *arg)
{
    struct pair *pair = arg;
    int64_t begin = sley_now();
    for (uint64_t i = 0, item; i < pair->count; i++)
        if (sley_chan_send(pair->there, &i) != 0 || sley_chan_recv(pair->back, &item) != 0 ||
            item != i)
            return -1;
    pair->ns = (double)(sley_now() - begin) / (double)pair->count;
    return 0;
}

static int produce(void *arg)
{
    struct pair *pair = arg;
    for (uint64_t i = 0; i < pair->count; i++)
        if (sley_chan_send(pair->there, &i) != 0)
            return -1;
    return 0;
}

static int consume(void *arg)
{
    struct pair *pair = arg;
    int64_t begin = sley_now();
    uint64_t item;
    for (size_t i = 0; i < pair->count; i++) {
        if (sley_chan_recv(pair->there, &item) != 0)
            return -1;
        pair->sum += item;
    }
    pair->ns = (double)(sley_now() - begin) / (double)pair->count;
    return 0;
}

/* --- where they do it ------------------------------------------------------------------------- */

/* A piece of work for two tasks; the second takes the time. */
struct work {
    struct pair pair;
    sley_task_fn *first, *second;
};

static int in_one_runtime(void *arg)
{
    struct work *work = arg;
    struct sley_task *first, *second;
    int result[2] = {-1, -1}, status = sley_spawn(work->first, &work->pair, NULL, &first);
    if (status == 0)
        status = sley_spawn(work->second, &work->pair, NULL, &second);
    if (status == 0)
        status = sley_join(second, &result[1]);
    if (status == 0)
        status = sley_join(first, &result[0]);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    return result[0] || result[1] ? bench_error("a channel has failed") : 0;
}

/* A runtime with one worker, on the given processor, that runs fn(pair). */
static int start_on(unsigned cpu, sley_task_fn *fn, struct pair *pair, struct sley_runtime **out,
                    struct sley_task **task)
{
    struct sley_options options = {.workers = 1};
    machine_pin(cpu); /* a runtime looks at what its maker may use */
    int status = sley_runtime_new(&options, out);
    if (status == 0)
        status = sley_runtime_spawn(*out, fn, pair, NULL, task);
    return status < 0 ? bench_error("%s", sley_strerror(status)) : 0;
}

static int in_two_runtimes(struct work *work)
{
    struct sley_topology *topology;
    struct sley_runtime *runtime[2] = {NULL, NULL};
    struct sley_task *task[2] = {NULL, NULL};
    int result[2] = {-1, -1}, status = sley_topology_new(2, &topology);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    unsigned cpu[2] = {sley_topology_cpu(topology, 0), sley_topology_cpu(topology, 1)};
    sley_topology_free(topology);
    if (cpu[0] == cpu[1]) {
        bench_error("there is one processor only");
        return BENCH_SKIPPED;
    }
    if (start_on(cpu[0], work->first, &work->pair, &runtime[0], &task[0]) != 0 ||
        start_on(cpu[1], work->second, &work->pair, &runtime[1], &task[1]) != 0)
        return BENCH_FAILED; /* and the process ends */
    for (int i = 0; i < 2; i++)
        sley_join(task[i], &result[i]);
    for (int i = 0; i < 2; i++)
        sley_runtime_free(runtime[i]);
    return result[0] || result[1] ? bench_error("a channel has failed") : 0;
}

static int measure(struct work *work, const struct bench_setup *setup, size_t capacity)
{
    struct pair *pair = &work->pair;
    int status = sley_chan_new(sizeof(uint64_t), capacity, &pair->there);
    if (status == 0)
        status = sley_chan_new(sizeof(uint64_t), 0, &pair->back);
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    status = setup ? bench_on_tasks(setup, in_one_runtime, work) : in_two_runtimes(work);
    sley_chan_free(pair->there);
    sley_chan_free(pair->back);
    if (status == 0 && pair->sum != sum_below(pair->count))
        return bench_error("the items come to %llu", (unsigned long long)pair->sum);
    return status;
}

static int run_ping_pong(const struct bench_setup *setup, double *values)
{
    struct work work = {.first = pong, .second = ping};
    work.pair.count = setup->quick ? 100000 : 1000000;
    int status = measure(&work, setup, 0);
    values[0] = work.pair.ns;
    return status;
}

static int run_buffered(const struct bench_setup *setup, double *values)
{
    struct work work = {.first = produce, .second = consume};
    work.pair.count = setup->quick ? 1000000 : 10000000;
    int status = measure(&work, setup, bench_size(setup, BUFFER, BUFFER));
    values[0] = work.pair.ns;
    return status;
}

const struct bench bench_channel = {
    .name = "channel",
    .why = "two tasks of one runtime hand items to each other, each answered, and through a buffer "
           "of 128: what it costs to cut a program into tasks that talk",
    .workers = 1,
    .size = {"items that fit into the buffer", 1, 1000000, 8},
    .cases = {{.run = run_ping_pong, .metrics = {{"ns_per_round_trip", "ns"}}},
              {.run = run_buffered, .metrics = {{"ns_per_item", "ns"}}, .sized = true}},
};

static int run_ping_pong_across(const struct bench_setup *setup, double *values)
{
    struct work work = {.first = pong, .second = ping};
    work.pair.count = setup->quick ? 2000 : 20000;
    int status = measure(&work, NULL, 0);
    values[0] = work.pair.ns;
    return status;
}

static int run_buffered_across(const struct bench_setup *setup, double *values)
{
    struct work work = {.first = produce, .second = consume};
    work.pair.count = setup->quick ? 1000000 : 10000000;
    int status = measure(&work, NULL, BUFFER);
    values[0] = work.pair.ns;
    return status;
}

const struct bench bench_across = {
    .name = "across",
    .why = "the same between two processors, a runtime of one worker on each, so that the tasks "
           "can never meet on one: what it costs when work and its result live on different cores",
    .workers = 1,
    .cases = {{.run = run_ping_pong_across, .metrics = {{"ns_per_round_trip", "ns"}}},
              {.run = run_buffered_across, .metrics = {{"ns_per_item", "ns"}}}},
};

/* --- select ----------------------------------------------------------------------------------- */

struct market {
    struct pair stall[PRODUCERS]; /* of each, `there` and `count` */
    double ns;
};

/* Takes all items of all producers. Their sum, or UINT64_MAX. */
static uint64_t take_all(struct market *market)
{
    struct sley_select_case cases[PRODUCERS];
    uint64_t item = 0, sum = 0;
    for (int i = 0; i < PRODUCERS; i++)
        cases[i] = (struct sley_select_case){market->stall[i].there, SLEY_SELECT_RECV, &item, 0};
    for (size_t i = 0; i < PRODUCERS * market->stall[0].count; i++) {
        int which = sley_select(cases, PRODUCERS, SLEY_FOREVER);
        if (which < 0 || cases[which].result != 0)
            return UINT64_MAX;
        sum += item;
    }
    return sum;
}

static int open_market(void *arg)
{
    struct market *market = arg;
    struct sley_task *tasks[PRODUCERS] = {NULL};
    size_t count = market->stall[0].count;
    int status = 0;
    for (int i = 0; i < PRODUCERS && status == 0; i++) {
        market->stall[i].count = count;
        status = sley_chan_new(sizeof(uint64_t), 0, &market->stall[i].there);
        if (status == 0)
            status = sley_spawn(produce, &market->stall[i], NULL, &tasks[i]);
    }
    if (status < 0)
        return bench_error("%s", sley_strerror(status));
    int64_t begin = sley_now();
    uint64_t sum = take_all(market);
    market->ns = (double)(sley_now() - begin) / (double)(PRODUCERS * count);
    for (int i = 0; i < PRODUCERS; i++) {
        sley_join(tasks[i], NULL);
        sley_chan_free(market->stall[i].there);
    }
    return sum == PRODUCERS * sum_below(count) ? 0 : bench_error("the items do not add up");
}

static int run_select(const struct bench_setup *setup, double *values)
{
    struct market market = {.stall = {{.count = setup->quick ? 50000 : 500000}}};
    int status = bench_on_tasks(setup, open_market, &market);
    values[0] = market.ns;
    return status;
}

const struct bench bench_select = {
    .name = "select",
    .why = "a task takes from four unbuffered channels with a producer each whatever comes first: "
           "what waiting for several things at once costs over waiting for one",
    .workers = 1,
    .cases = {{.run = run_select, .metrics = {{"ns_per_item", "ns"}}}},
};
