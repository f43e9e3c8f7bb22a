/*
 * runtime.c: composing a runtime, and taking it apart in exactly the reverse order.
 *
 *     topology -> pools -> workers' state -> threads        (services join later, on first use)
 *
 * Closing: refuse new tasks; cancel all there are; wait for the last to end; stop the workers;
 * close the services, youngest first; let those leave who have just woken a task; free the rest. A
 * task that ignores its cancellation (computes for ever, without any call that may park) holds this
 * up: it cannot be ended safely from outside.
 *
 * There is no state outside struct sley_runtime, so runtimes can coexist and follow each other;
 * only a debugger finds them all, in the list sley__runtimes.
 */
#include "runtime_impl.h"
#include "validate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- carriers ------------------------------------------------------------------------------- */

static struct sley_runtime *runtime_of(struct sley__sched *sched)
{
    return container_of(sched, struct sley_runtime, sched);
}

static void carrier_start(struct sley__worker *worker)
{
    struct sley_runtime *runtime = runtime_of(worker->sched);

    /* A refusal costs speed only. */
    if (runtime->pinned && sley__topology_pin(runtime->topology, worker->index) < 0)
        store_relaxed(&worker->cpu, UINT_MAX);
    if (runtime->fault_handler)
        worker->signal_stack = sley__fault_thread_start();
}

static void carrier_stop(struct sley__worker *worker)
{
    sley__fault_thread_stop(worker->signal_stack);
}

/* --- the list for debuggers ----------------------------------------------------------------- */

struct sley_runtime *sley__runtimes;
static struct sley__lock runtimes_lock;

static void enlist(struct sley_runtime *runtime)
{
    sley__lock_acquire(&runtimes_lock);
    runtime->next = sley__runtimes;
    sley__runtimes = runtime;
    sley__lock_release(&runtimes_lock);
}

static void delist(struct sley_runtime *runtime)
{
    struct sley_runtime **link = &sley__runtimes;

    sley__lock_acquire(&runtimes_lock);
    while (*link != runtime)
        link = &(*link)->next;
    *link = runtime->next;
    sley__lock_release(&runtimes_lock);
}

/* --- start ---------------------------------------------------------------------------------- */

static void init_worker(struct sley_runtime *runtime, unsigned index)
{
    struct sley__sched *sched = &runtime->sched;
    struct sley__worker *worker = &sched->workers[index];

    worker->sched = sched;
    worker->index = index;
    worker->ticks_left = SLEY__POLL_INTERVAL;
    worker->lifo_left = SLEY__LIFO_BUDGET;
    worker->woken_left = SLEY__WOKEN_BUDGET;
    worker->budget = SLEY__OPERATION_BUDGET;
    worker->next_id = index + 1;
    worker->now = sley__clock_now();
    worker->random = sley__random_seed();
    worker->victims = sley_topology_victims(runtime->topology, index);
    store_relaxed(&worker->cpu,
                  runtime->pinned ? sley_topology_cpu(runtime->topology, index) : UINT_MAX);
    worker->wake_cost = SLEY_MICROSECONDS(40); /* until it has been learnt */
    worker->spin_credit = 1;
    sley__deque_init(&worker->spawned);
    sley__deque_init(&worker->woken);
    sley__wheel_init(&worker->wheel, worker->now);
    sley__parker_init(&worker->parker);
}

static int init_sched(struct sley_runtime *runtime, const struct sley_options *options)
{
    struct sley__sched *sched = &runtime->sched;
    unsigned i;

    sched->worker_count = sley_topology_workers(runtime->topology);
    sched->stack_class = sley__stack_class(options->stack_size);
    if (sched->stack_class < 0)
        return SLEY_EINVAL;
    sched->workers = aligned_alloc(SLEY_CACHE_LINE, sched->worker_count * sizeof *sched->workers);
    if (!sched->workers)
        return SLEY_ENOMEM;
    memset(sched->workers, 0, sched->worker_count * sizeof *sched->workers);
    sched->thread_name = runtime->name;
    sched->on_carrier_start = carrier_start;
    sched->on_carrier_stop = carrier_stop;
    sched->foreign_id = sched->worker_count + 1;
    sley__idle_init(&sched->idle, sched->worker_count);
    sley__inject_init(&sched->inject);
    sley__stack_pool_init(&sched->stacks);
    sley__stack_expect(&sched->stacks, sched->worker_count);
    sley__task_pool_init(&sched->tasks);
    for (i = 0; i < sched->worker_count; i++)
        init_worker(runtime, i);
    sley__validate_install(sched);
    return 0;
}

static void close_sched(struct sley__sched *sched)
{
    sley__task_pool_close(&sched->tasks);
    sley__stack_pool_close(&sched->stacks);
    free(sched->workers);
}

int sley_runtime_new(const struct sley_options *options, struct sley_runtime **out)
{
    static const struct sley_options defaults;
    struct sley_runtime *runtime;
    int error;

    if (sley__worker_current())
        return SLEY_EPERM;
    if (!options)
        options = &defaults;
    sley__platform_init();
    runtime = aligned_alloc(SLEY_CACHE_LINE, round_up(sizeof *runtime, SLEY_CACHE_LINE));
    if (!runtime)
        return SLEY_ENOMEM;
    memset(runtime, 0, sizeof *runtime);
    strncpy(runtime->name, options->name ? options->name : "sley", 8);
    runtime->pinned = !options->unpinned;
    if ((error = sley_topology_new(options->workers, &runtime->topology)))
        goto free_runtime;
    if ((error = init_sched(runtime, options)))
        goto free_topology;
    if (!options->no_fault_handler) {
        sley__fault_acquire();
        runtime->fault_handler = true;
    }
    if ((error = sley__sched_start(&runtime->sched)))
        goto close;
    enlist(runtime);
    *out = runtime;
    return 0;
close:
    if (runtime->fault_handler)
        sley__fault_release();
    close_sched(&runtime->sched);
free_topology:
    sley_topology_free(runtime->topology);
free_runtime:
    free(runtime);
    return error;
}

/* --- stop ----------------------------------------------------------------------------------- */

static void close_services(struct sley_runtime *runtime)
{
    struct sley__poller *poller = load_acquire(&runtime->sched.poller);

    while (runtime->service_count) {
        unsigned kind = runtime->service_order[--runtime->service_count];

        runtime->services[kind]->close(runtime->services[kind]);
    }
    if (poller)
        poller->close(poller);
}

void sley_runtime_free(struct sley_runtime *runtime)
{
    if (!runtime)
        return;
    ensure_msg(!sley__worker_current(), "sley_runtime_free: called from a task");
    sley__sched_end_tasks(&runtime->sched);
    delist(runtime);
    sley__sched_stop(&runtime->sched);
    close_services(runtime);
    sley__sched_await_visitors(&runtime->sched);
    if (runtime->fault_handler)
        sley__fault_release();
    close_sched(&runtime->sched);
    sley_topology_free(runtime->topology);
    free(runtime);
}

/* --- use ------------------------------------------------------------------------------------ */

int sley_runtime_spawn_at(struct sley_runtime *runtime, sley_task_fn *fn, void *arg,
                          const struct sley_task_options *options, struct sley_task **out,
                          const char *site)
{
    return sley__sched_spawn(&runtime->sched, fn, arg, options, out, site);
}

int sley_run_at(sley_task_fn *fn, void *arg, const struct sley_options *options, const char *site)
{
    struct sley_runtime *runtime;
    struct sley_task *task;
    int error, result = 0;

    if ((error = sley_runtime_new(options, &runtime)))
        return error;
    error = sley_runtime_spawn_at(runtime, fn, arg, NULL, &task, site);
    if (!error)
        error = sley_join(task, &result);
    sley_runtime_free(runtime);
    return error ? error : result;
}

struct sley_runtime *sley_runtime_current(void)
{
    struct sley__worker *worker = sley__worker_current();

    return worker ? runtime_of(worker->sched) : NULL;
}

struct sley_runtime *sley__wait_runtime(void)
{
    return sley_runtime_current();
}

unsigned sley_runtime_workers(const struct sley_runtime *runtime)
{
    return runtime->sched.worker_count;
}

int sley_runtime_stats(const struct sley_runtime *runtime, unsigned index,
                       struct sley_worker_stats *stats)
{
    const struct sley__worker *worker;
    const struct sley__worker_counters *c;

    if (index >= runtime->sched.worker_count)
        return SLEY_EINVAL;
    worker = &runtime->sched.workers[index];
    c = &worker->counters;
    *stats = (struct sley_worker_stats){
        .cpu = load_relaxed(&worker->cpu),
        .tasks_run = load_relaxed(&c->started),
        .switches = load_relaxed(&c->started) + load_relaxed(&c->resumed),
        .parks = load_relaxed(&c->parks),
        .steals = load_relaxed(&c->steals),
        .stolen = load_relaxed(&c->stolen),
        .injected = load_relaxed(&c->injected),
        .overflows = load_relaxed(&c->overflows),
        .sleeps = load_relaxed(&c->sleeps),
        .timers = load_relaxed(&c->timers),
        .slept_ns = load_relaxed(&c->slept_ns),
    };
    return 0;
}

/* --- services ------------------------------------------------------------------------------- */

/* So that close comes in the reverse order. Any thread. */
static void note_service(struct sley_runtime *runtime, enum sley__service_kind kind)
{
    sley__lock_acquire(&runtime->order_lock);
    runtime->service_order[runtime->service_count++] = (unsigned)kind;
    sley__lock_release(&runtime->order_lock);
}

int sley__runtime_service(struct sley_runtime *runtime, enum sley__service_kind kind,
                          int (*create)(struct sley_runtime *runtime, struct sley__service **out),
                          struct sley__service **out)
{
    int error = 0;

    sley__lock_acquire(&runtime->service_locks[kind]);
    if (!runtime->services[kind]) {
        error = create(runtime, &runtime->services[kind]);
        if (error)
            runtime->services[kind] = NULL;
        else
            note_service(runtime, kind);
    }
    *out = runtime->services[kind];
    sley__lock_release(&runtime->service_locks[kind]);
    return error;
}

void sley__runtime_thread_begin(struct sley_runtime *runtime)
{
    if (runtime->pinned)
        sley__topology_unpin(runtime->topology); /* a refusal costs speed only */
}

int sley__runtime_poller(struct sley_runtime *runtime,
                         int (*create)(struct sley_runtime *runtime, struct sley__poller **out),
                         struct sley__poller **out)
{
    int error = 0;

    *out = load_acquire(&runtime->sched.poller); /* partner: release below */
    if (*out)
        return 0;
    sley__lock_acquire(&runtime->poller_lock);
    *out = load_relaxed(&runtime->sched.poller);
    if (!*out && !(error = create(runtime, out)))
        store_release(&runtime->sched.poller, *out);
    sley__lock_release(&runtime->poller_lock);
    /* If all sleep already nobody has armed the watcher: one wakes, and arms when it sleeps again.
     */
    fence_light(); /* partner: fence_heavy in sley__idle_announce, before it looks for a poller */
    if (!error)
        sley__sched_wake_one(&runtime->sched, 0);
    return error;
}
