/*
 * blocking_storm.c: thousands of tasks call sley_to_thread() while some are cancelled or late.
 *
 * The contract is all or nothing: 0 means that the function has run, once, and its result is there;
 * an error means that it did not and will not run. The function works on the caller's stack, which
 * is gone soon after an error: one that runs too late finds (and, under AddressSanitizer, is found
 * in) somebody else's memory. The marks are checked again from a list that outlives the tasks.
 */
#include "stress.h"

#include <sley/blocking.h>

#define LIVE UINT64_C(0x600dc0de600dc0de)

struct call {
    uint64_t mark; /* LIVE while the caller waits */
    uint64_t stream;
    unsigned calls;
};

struct caller {
    struct sley_task *task;
    uint64_t stream;
    atomic_uint ran;
    atomic_bool stopped;
};

struct job {
    struct call *call;
    struct caller *caller;
};

static int block(void *arg)
{
    struct job *job = arg;
    struct stress_random random = stress_random(job->call->stream);
    struct timespec time = {.tv_nsec = stress_below(&random, 100000)};

    CHECK(job->call->mark == LIVE, "the caller has gone");
    CHECK(!sley_self() && !sley_runtime_current(), "a task, on a blocking thread");
    if (stress_below(&random, 2))
        nanosleep(&time, NULL);
    else
        stress_dawdle(&random, 10000);
    CHECK(job->call->mark == LIVE, "the caller has gone meanwhile");
    job->call->calls++;
    atomic_fetch_add(&job->caller->ran, 1);
    return (int)(job->call->stream & 0xffff);
}

static int call_some(void *arg)
{
    struct caller *caller = arg;
    struct stress_random random = stress_random(caller->stream);
    unsigned ran = 0;
    int error = 0;

    for (unsigned i = 0; i < 8 && !error; i++) {
        struct call call = {.mark = LIVE, .stream = stress_next(&random)};
        struct job job = {&call, caller};
        int result = -1;

        error = sley_to_thread(block, &job, &result);
        ran += call.calls;
        CHECK(call.calls == !error, "%s, but it has run %u times", sley_strerror(error),
              call.calls);
        CHECK(error ? result == -1 : result == (int)(call.stream & 0xffff), "result %d", result);
        call.mark = 0;
        if (stress_below(&random, 4) == 0)
            sley_yield();
    }
    CHECK(!error || atomic_load(&caller->stopped), "%s", sley_strerror(error));
    CHECK(!error || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s", sley_strerror(error));
    return (int)ran;
}

static void hire(struct caller *caller, struct stress_random *random)
{
    struct sley_task_options options = {0};

    caller->stream = stress_next(random);
    if (stress_below(random, 4) == 0) {
        options.deadline = sley_after(SLEY_MICROSECONDS(stress_below(random, 3000)));
        atomic_store(&caller->stopped, true);
    }
    CHECK(sley_spawn(call_some, caller, &options, &caller->task) == 0, "spawn");
}

static int office(void *arg)
{
    unsigned n = stress_count(1200, 200), i;
    struct caller *callers = calloc(n, sizeof *callers);
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);

    CHECK(callers, "no memory for %u callers", n);
    for (i = 0; i < n; i++)
        hire(&callers[i], &random);
    for (i = 0; i < n; i++) {
        if (stress_below(&random, 4))
            continue;
        atomic_store(&callers[i].stopped, true);
        sley_cancel(callers[i].task, "fired");
        if (stress_below(&random, 16) == 0)
            sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 300)));
    }
    for (i = 0; i < n; i++) {
        int ran = stress_join(callers[i].task);

        CHECK((int)atomic_load(&callers[i].ran) == ran, "caller %u knows of %d calls of %u", i, ran,
              atomic_load(&callers[i].ran));
        if (i % 64 == 0)
            stress_alive();
    }
    free(callers);
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++)
        stress_run(stress_workers[i], office, (void *)(uintptr_t)(i + 1));
    return stress_end();
}
