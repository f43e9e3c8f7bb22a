/*
 * tasks.c: the designs that sley offers: a task per client, which computes right there, or on a
 * thread of the blocking pool, or in a child of a process pool.
 *
 * The first needs to be told nothing about the mix. That computing does not keep others waiting is
 * then the runtime's affair (relief carriers); the other two move it out of the way, at the price
 * of a round trip per request.
 *
 * All tasks have come to the gate, and are parked there, before the first request is issued. Where
 * requests wait for nothing a client gives way after each, so that it does not run on alone; that
 * is a part of its next request, and in the same place in the programs of Go and asyncio.
 */
#include <stdlib.h>
#include <time.h>

#include <sley/blocking.h>
#include <sley/procpool.h>
#include <sley/sley.h>
#include <sley/sync.h>

#include "harness.h"
#include "cpu_io/cpu_io.h"

struct run;
typedef int compute_fn(struct run *run);

struct run {
    const struct cpu_io_load *load;
    struct cpu_io_result *result;
    compute_fn *compute;
    struct sley_procpool *pool;
    struct sley_wait_group coming; /* clients that are not at the gate yet; initialised as zero */
    struct sley_event gate;
};

static int compute_here(struct run *run)
{
    cpu_io_compute(run->load->cpu);
    return 0;
}

static int compute_job(void *arg)
{
    struct run *run = arg;
    cpu_io_compute(run->load->cpu);
    return 0;
}

static int compute_on_thread(struct run *run)
{
    return sley_to_thread(compute_job, run, NULL);
}

/* Where the children, which have been forked from this process, say how much they have spent: the
 * process that waits for them is not one that we wait for. */
static struct cpu_io_result *shared;

static int64_t process_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compute_in_child(const void *in, size_t size, struct sley_job_result *result)
{
    static int64_t told;
    (void)size;
    (void)result;
    cpu_io_compute(*(const int64_t *)in);
    int64_t spent = process_time();
    __atomic_add_fetch(&shared->cpu, spent - told, __ATOMIC_RELAXED);
    told = spent;
    return 0;
}

static int compute_in_process(struct run *run)
{
    const int64_t *cpu = &run->load->cpu;
    return sley_procpool_call(run->pool, compute_in_child, cpu, sizeof *cpu, NULL, 0, NULL, NULL);
}

static int serve(struct run *run, size_t index)
{
    int error = run->load->io ? sley_sleep(cpu_io_wait(run->load, index)) : 0;
    return !error && run->load->cpu ? run->compute(run) : error;
}

static int run_client(void *arg)
{
    struct run *run = arg;
    struct cpu_io_client client;
    sley_wait_group_done(&run->coming);
    int error = sley_event_wait(&run->gate);
    if (error)
        return error;
    cpu_io_first(run->result, &client);
    while (!(error = serve(run, client.index)) && cpu_io_next(run->load, run->result, &client)) {
        if (run->load->io == 0)
            sley_yield(); /* with nothing to wait for, a client's turn ends with a request */
    }
    return error;
}

/* Makes the clients and lets them go when all are there. */
static int start_clients(struct run *run, struct sley_scope *scope)
{
    size_t count = run->load->concurrency;
    int error = sley_wait_group_add(&run->coming, count);
    for (size_t i = 0; !error && i < count; i++)
        error = sley_scope_spawn(scope, run_client, run, NULL, NULL);
    if (!error)
        error = sley_wait_group_wait(&run->coming);
    if (error)
        return error;
    cpu_io_start(run->load, run->result);
    sley_event_set(&run->gate);
    return 0;
}

static int run_clients(struct run *run)
{
    struct sley_scope scope;
    int error = sley_scope_open(&scope, &(struct sley_scope_options){.discard = true});
    if (error)
        return bench_error("no scope: %s", sley_strerror(error));
    error = start_clients(run, &scope);
    if (error)
        sley_scope_cancel(&scope, "not all clients could be made");
    int ended = sley_scope_close(&scope);
    if (error || ended)
        return bench_error("a client has failed: %s", sley_strerror(error ? error : ended));
    return 0;
}

static int main_task(void *arg)
{
    struct run *run = arg;
    int status, error = 0;
    if (run->compute == compute_in_process) {
        struct sley_procpool_options options = {.min = run->load->workers,
                                                .max = run->load->workers};
        error = sley_procpool_new(&options, &run->pool);
    }
    if (error)
        return bench_error("no process pool: %s", sley_strerror(error));
    status = run_clients(run);
    if (run->pool)
        sley_procpool_free(run->pool);
    return status;
}

static int start(const struct cpu_io_load *load, struct cpu_io_result *result, compute_fn *compute)
{
    struct run run = {.load = load, .result = result, .compute = compute};
    struct sley_options options = {.workers = load->workers};
    shared = result;
    if (compute == compute_in_process)
        options.prepare = sley_procpool_prepare;
    int status = sley_run(main_task, &run, &options);
    return status < 0 ? bench_error("cannot start: %s", sley_strerror(status)) : status;
}

static int run_tasks(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    return start(load, result, compute_here);
}

static int run_threads(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    return start(load, result, compute_on_thread);
}

static int run_processes(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    return start(load, result, compute_in_process);
}

const struct cpu_io_design cpu_io_tasks = {"tasks", "a task per client, computing where it is",
                                           run_tasks};
const struct cpu_io_design cpu_io_tasks_threads = {
    "tasks+threads", "a task per client, computing on the blocking pool", run_threads};
const struct cpu_io_design cpu_io_tasks_processes = {
    "tasks+processes", "a task per client, computing in a process pool", run_processes};
