/*
 * wake_rig.c: the waker.
 *
 * The time from "somebody has something for you" to "I run" is what a request pays when the
 * machine is not busy, and on a virtual machine it is dominated by the halted processor that must
 * be started again. It depends on how long the sleeper has been idle, on the processors of both and
 * on how the waker itself waits. So all of that is fixed here, and the bare futex and the runtime
 * are woken by the very same thread: only what is between them differs.
 *
 * The waker sleeps while it waits. Spinning would be steadier, but a runtime that has a worker on
 * the waker's processor may wake just that one, which could then not run.
 *
 * Roles and partners: the sleeper stores asleep_at, then `round` with release; the waker loads
 * `round` with acquire. The waker stores sent_at before wake(); the sleeper's own wake-up orders
 * its load after it, whatever mechanism that is, and the release/acquire pair says so explicitly.
 */
#define _GNU_SOURCE
#include "wake_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <sley/topology.h>

#include "harness.h"
#include "machine.h"

/* How often the waker looks whether a sleeper that was slow to come back sleeps again. */
#define POLL_NS INT64_C(100000)

static void doze_until(int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

/* Returns when the sleeper has begun its sleep number `round` (from 1) long enough ago. */
static void await_idle(const struct wake_rig *rig, int64_t round)
{
    while (bench_get(&rig->round) < round)
        doze_until(sley_now() + POLL_NS);
    while (sley_now() < bench_get(&rig->asleep_at) + rig->idle_ns)
        doze_until(bench_get(&rig->asleep_at) + rig->idle_ns);
}

static void *run_waker(void *arg)
{
    struct wake_rig *rig = arg;
    machine_pin(rig->cpu);
    for (size_t i = 0; i < rig->samples; i++) {
        await_idle(rig, (int64_t)i + 1);
        int64_t before = sley_now();
        bench_set(&rig->sent_at, before);
        rig->wake(rig->arg);
        rig->call[i] = sley_now() - before;
    }
    return NULL;
}

int wake_rig_place(unsigned workers, unsigned *sleeper, unsigned *waker)
{
    struct sley_topology *topology;
    int status = sley_topology_new(workers, &topology);
    if (status < 0)
        return bench_error("cannot place the threads: %s", sley_strerror(status));
    *sleeper = sley_topology_cpu(topology, 0);
    *waker = machine_other_cpu(*sleeper);
    sley_topology_free(topology);
    return 0;
}

int wake_rig_start(struct wake_rig *rig)
{
    rig->late = bench_alloc(rig->samples, sizeof *rig->late);
    rig->call = bench_alloc(rig->samples, sizeof *rig->call);
    int status = pthread_create(&rig->thread, NULL, run_waker, rig);
    if (status == 0)
        return 0;
    free(rig->late);
    free(rig->call);
    return -status;
}

struct wake_figures wake_rig_finish(struct wake_rig *rig)
{
    pthread_join(rig->thread, NULL); /* its last store to `call` comes after the last wake-up */
    struct wake_figures figures = {
        .late_p50 = bench_percentile(rig->late, rig->samples, 0.50),
        .late_p99 = bench_percentile(rig->late, rig->samples, 0.99),
        .call_p50 = bench_percentile(rig->call, rig->samples, 0.50),
    };
    free(rig->late);
    free(rig->call);
    return figures;
}

void wake_rig_sleeping(struct wake_rig *rig)
{
    bench_set(&rig->asleep_at, sley_now());
    bench_set(&rig->round, (int64_t)rig->next + 1);
}

int wake_rig_woken(struct wake_rig *rig)
{
    int64_t now = sley_now(), sent = bench_get(&rig->sent_at);
    if (sent < rig->asleep_at)
        return bench_error("the sleeper ran before it was woken");
    rig->late[rig->next++] = now - sent;
    return 0;
}
