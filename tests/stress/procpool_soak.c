/*
 * procpool_soak.c: many thousands of jobs in children that die at random; each job ends once.
 *
 * Some jobs set a timer that kills their process: at once, in a later job, or between two, in the
 * middle of whatever the ring is going through. Some callers change their mind. What each job did
 * is counted where all processes see it. Then must hold:
 *
 *  - every job ends, with a result that is right or an error that is possible;
 *  - no job has begun twice, one with a result has begun once;
 *  - a job fails only with a child that died: there are no more failures than deaths;
 *  - one that was taken back before it began has never begun.
 *
 * There are 100,000 jobs; 5,000 where a tool slows everything down.
 */
#include "stress.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <sley/procpool.h>

enum { JOBS_MAX = 1 << 22, BIG = 5000, TASKS = 40 };

/* Mapped before the children are forked. */
static atomic_uchar *begun; /* [JOBS_MAX] */

static unsigned jobs_per_task, deadly; /* every so many-th job sets a timer */
static atomic_uint next_number, failures, successes;

struct order {
    unsigned number;
    unsigned fuse_us; /* 0: no timer */
    unsigned size;    /* of the result */
    unsigned work;    /* turns of a loop */
};

static void light(unsigned fuse_us)
{
    struct itimerval timer = {.it_value = {.tv_usec = (suseconds_t)fuse_us}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

static unsigned char byte_of(const struct order *order, unsigned i)
{
    return (unsigned char)(order->number * 31 + i);
}

static int work(const void *in, size_t in_size, struct sley_job_result *result)
{
    const struct order *order = in;
    unsigned char *bytes;

    if (in_size < sizeof(*order))
        return -2;
    atomic_fetch_add(&begun[order->number], 1);
    if (order->fuse_us)
        light(order->fuse_us);
    for (volatile unsigned i = 0; i < order->work; i = i + 1)
        continue;
    bytes = sley_job_reserve(result, order->size);
    if (!bytes)
        return -1;
    for (unsigned i = 0; i < order->size; i++)
        bytes[i] = byte_of(order, i);
    return (int)(order->number & 0xffff);
}

/* A job and its bytes, on the heap, where AddressSanitizer sees a use after its end. */
struct item {
    struct sley_job job;
    struct order order;
    unsigned char out[BIG];
};

static struct item *new_item(struct stress_random *random)
{
    struct item *item = calloc(1, sizeof(*item));

    CHECK(item, "no memory");
    item->order.number = atomic_fetch_add(&next_number, 1);
    CHECK(item->order.number < JOBS_MAX, "the scale is too large");
    if (stress_below(random, deadly) == 0)
        item->order.fuse_us = 1 + stress_below(random, 400);
    item->order.size = stress_below(random, 20) ? stress_below(random, 100) : BIG;
    item->order.work = stress_below(random, 3000);
    item->job.fn = work;
    item->job.in = &item->order;
    item->job.in_size = sizeof(item->order) + (stress_below(random, 20) ? 0 : 2000);
    item->job.out = item->out;
    item->job.out_capacity = BIG;
    _Static_assert(sizeof(item->out) >= 2000, "a long input runs into it");
    return item;
}

/* The job is over, and was not given up. */
static void judge(struct item *item)
{
    const struct order *order = &item->order;
    unsigned times = atomic_load(&begun[order->number]);

    CHECK(times <= 1, "job %u has begun %u times", order->number, times);
    if (item->job.error) {
        CHECK(item->job.error == SLEY_ECRASHED, "%s", sley_error_name(item->job.error));
        CHECK(item->job.signal == SIGALRM, "signal %d", item->job.signal);
        atomic_fetch_add(&failures, 1);
        return;
    }
    CHECK(times == 1, "job %u has a result and has not begun", order->number);
    CHECK(item->job.value == (int)(order->number & 0xffff), "value %d", item->job.value);
    CHECK(item->job.out_size == order->size, "%zu bytes", item->job.out_size);
    for (unsigned i = 0; i < order->size; i++)
        CHECK(item->out[i] == byte_of(order, i), "byte %u of job %u", i, order->number);
    atomic_fetch_add(&successes, 1);
}

static void just_run(struct sley_procpool *pool, struct stress_random *random)
{
    struct item *item = new_item(random);
    int error = sley_procpool_run(pool, &item->job);

    CHECK(error == item->job.error, "%s", sley_error_name(error));
    judge(item);
    free(item);
}

static void change_mind(struct sley_procpool *pool, struct stress_random *random)
{
    struct item *item = new_item(random);

    CHECK(sley_procpool_submit(pool, &item->job) == 0, "submit");
    for (unsigned i = stress_below(random, 4); i > 0; i--)
        sley_yield();
    stress_dawdle(random, 5000);
    if (sley_procpool_cancel(pool, &item->job))
        judge(item);
    free(item);
}

static int see(struct sley_job *job, void *arg)
{
    struct item *item = job->user;

    (void)arg;
    item->job = *job;
    judge(item);
    return 0;
}

static void map_some(struct sley_procpool *pool, struct stress_random *random)
{
    enum { COUNT = 10 };
    struct sley_job jobs[COUNT];
    struct item *items[COUNT];

    for (int i = 0; i < COUNT; i++) {
        items[i] = new_item(random);
        jobs[i] = items[i]->job;
        jobs[i].user = items[i];
    }
    CHECK(sley_procpool_map(pool, jobs, COUNT, see, NULL) == 0, "map");
    for (int i = 0; i < COUNT; i++)
        free(items[i]);
}

struct customer {
    struct sley_procpool *pool;
    struct sley_task *task;
    uint64_t stream;
};

static int buy(void *arg)
{
    struct customer *customer = arg;
    struct stress_random random = stress_random(customer->stream);

    for (unsigned i = 0; i < jobs_per_task;) {
        unsigned dice = stress_below(&random, 20);

        if (dice == 0)
            map_some(customer->pool, &random);
        else if (dice < 3)
            change_mind(customer->pool, &random);
        else
            just_run(customer->pool, &random);
        i += dice ? 1 : 10;
        stress_alive();
    }
    return 0;
}

static int shop(void *arg)
{
    struct sley_procpool_options options = {.max = 2 + (unsigned)(uintptr_t)arg % 3,
                                            .grace = SLEY_MILLISECONDS(20),
                                            .jobs_per_child = (uintptr_t)arg % 2 ? 100 : 0};
    struct customer customers[TASKS];
    struct sley_procpool_stats stats;
    struct sley_procpool *pool;
    unsigned failed = atomic_load(&failures);

    CHECK(sley_procpool_new(&options, &pool) == 0, "no pool");
    for (unsigned i = 0; i < TASKS; i++) {
        customers[i] = (struct customer){pool, NULL, (uintptr_t)arg * 1000 + i};
        customers[i].task = stress_spawn(buy, &customers[i]);
    }
    for (unsigned i = 0; i < TASKS; i++)
        stress_join(customers[i].task);
    sley_procpool_stats(pool, &stats);
    failed = atomic_load(&failures) - failed;
    CHECK(failed <= stats.crashed, "%u jobs failed, %" PRIu64 " children died", failed,
          stats.crashed);
    CHECK(stats.queued == 0, "%" PRIu64 " jobs wait", stats.queued);
    sley_procpool_free(pool);
    return 0;
}

int main(int argc, char **argv)
{
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    begun = mmap(NULL, JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(begun != MAP_FAILED, "no memory");
    CHECK(sley_procpool_prepare() == 0, "no zygote");
    stress_begin(argc, argv);
    deadly = 40;
    jobs_per_task = stress_count(500, 25);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        stress_run(stress_workers[i], shop, (void *)(uintptr_t)(i + 1));
    CHECK(atomic_load(&successes) > atomic_load(&failures), "%u jobs succeeded, %u failed",
          atomic_load(&successes), atomic_load(&failures));
    return stress_end();
}
