/*
 * runtime.c: composing a runtime, and taking it apart in exactly the reverse order.
 *
 *     topology -> pools -> workers' state -> threads -> monitor   (services join later, on first
 *                                                                  use)
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

#define RELIEFS_DEFAULT 64                    /* as many as the blocking pool has threads */
#define STALL_DEFAULT   SLEY_MILLISECONDS(10) /* Go's limit, too */
#define STALL_MS_MAX    86400000

/* --- carriers ------------------------------------------------------------------------------- */

static struct sley_runtime *runtime_of(struct sley__sched *sched)
{
    return container_of(sched, struct sley_runtime, sched);
}

static void carrier_start(struct sley__worker *worker)
{
    struct sley_runtime *runtime = runtime_of(worker->sched);

    /* A refusal costs speed only. Spare ones are pinned when they get a post. */
    if (!worker->stands_in && runtime->pinned &&
        sley__topology_pin(runtime->topology, worker->index) < 0)
        store_relaxed(&worker->cpu, UINT_MAX);
    if (runtime->fault_handler)
        worker->signal_stack = sley__fault_thread_start();
    sley__stalls_thread_start(worker);
}

/* So does one that has a post again. */
static void carrier_post(struct sley__worker *worker)
{
    struct sley_runtime *runtime = runtime_of(worker->sched);

    if (runtime->pinned)
        sley__topology_pin(runtime->topology, worker->post);
}

/* Its task goes on beside the worker's others: the kernel may find it another core. */
static void carrier_lost(struct sley__worker *worker)
{
    struct sley_runtime *runtime = runtime_of(worker->sched);

    if (runtime->pinned)
        sley__topology_unpin_thread(runtime->topology, worker->thread.handle);
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

    sley__worker_init(worker, sched, index, index);
    worker->victims = sley_topology_victims(runtime->topology, index);
    store_relaxed(&worker->cpu,
                  runtime->pinned ? sley_topology_cpu(runtime->topology, index) : UINT_MAX);
}

/* How many carriers may stand in. */
static unsigned relief_limit(const struct sley__sched *sched, const struct sley_options *options)
{
    unsigned wanted = options->reliefs ? options->reliefs : RELIEFS_DEFAULT;
    unsigned most = SLEY__MAX_WORKERS - sched->worker_count;

    if (most > SLEY__RELIEF_MAX)
        most = SLEY__RELIEF_MAX;
    return wanted < most ? wanted : most;
}

/* Mapped and not allocated, because most of a worker is queues and a wheel that a small program
 * hardly touches. */
static size_t workers_size(const struct sley__sched *sched)
{
    return round_up(sched->worker_count * sizeof *sched->workers, 4096);
}

static int init_sched(struct sley_runtime *runtime, const struct sley_options *options)
{
    struct sley__sched *sched = &runtime->sched;
    unsigned i;

    sched->worker_count = sley_topology_workers(runtime->topology);
    sched->stack_class = sley__stack_class(options->stack_size);
    if (sched->stack_class < 0)
        return SLEY_EINVAL;
    sched->workers = sley__map(workers_size(sched), 4096, false);
    if (!sched->workers)
        return SLEY_ENOMEM;
    sched->thread_name = runtime->name;
    sched->on_carrier_start = carrier_start;
    sched->on_carrier_stop = carrier_stop;
    sched->on_post = carrier_post;
    sched->on_lost = carrier_lost;
    sched->relief.limit = relief_limit(sched, options);
    sched->on_lost_error = sley__lost_error;
    runtime->on_lost_error = options->on_lost_error;
    runtime->lost_error_arg = options->lost_error_arg;
    sched->foreign_id = sched->worker_count + 1;
    sley__idle_init(&sched->idle, sched->worker_count);
    sched->idle.numbers = sched->worker_count + sched->relief.limit;
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
    sley__relief_close(sched);
    sley__task_pool_close(&sched->tasks);
    sley__timer_pool_close(&sched->timers);
    sley__stack_pool_close(&sched->stacks);
    sley__unmap(sched->workers, workers_size(sched));
}

/* ns, from the options and the environment; 0: tasks are not watched. SLEY_EINVAL. */
static int64_t stall_threshold(const struct sley_options *options)
{
    const char *text = getenv("SLEY_STALL_MS");
    unsigned long ms;
    char *end;

    if (options->stall_threshold)
        return options->stall_threshold < 0 ? 0 : options->stall_threshold;
    if (!text || !*text)
        return STALL_DEFAULT;
    ms = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || ms > STALL_MS_MAX)
        return SLEY_EINVAL;
    return SLEY_MILLISECONDS((int64_t)ms);
}

/* The workers, and who watches them. */
static int start_threads(struct sley_runtime *runtime, int64_t threshold)
{
    int error = sley__sched_start(&runtime->sched);

    if (error || !threshold)
        return error;
    error = sley__monitor_start(&runtime->sched, threshold);
    if (error)
        sley__sched_stop(&runtime->sched);
    return error;
}

static int new_runtime(const struct sley_options *options, struct sley_runtime **out)
{
    static const struct sley_options defaults;
    struct sley_runtime *runtime;
    int64_t threshold;
    int error;

    if (sley__worker_current())
        return SLEY_EPERM;
    if (!options)
        options = &defaults;
    if ((threshold = stall_threshold(options)) < 0)
        return (int)threshold;
    if (!sley__stalls_understood())
        return SLEY_EINVAL;
    if (options->prepare && (error = options->prepare()))
        return error;
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
    sley__stalls_init(runtime, options);
    if ((error = start_threads(runtime, threshold)))
        goto close;
    enlist(runtime);
    *out = runtime;
    return 0;
close:
    sley__stalls_close(runtime);
    if (runtime->fault_handler)
        sley__fault_release();
    close_sched(&runtime->sched);
free_topology:
    sley_topology_free(runtime->topology);
free_runtime:
    free(runtime);
    return error;
}

int sley_runtime_new(const struct sley_options *options, struct sley_runtime **out)
{
    if (options && (options->interrupt || options->terminate))
        return SLEY_EINVAL; /* there is no main task */
    return new_runtime(options, out);
}

/* --- stop ----------------------------------------------------------------------------------- */

static void close_services(struct sley_runtime *runtime)
{
    struct sley__poller *poller = load_acquire(&runtime->sched.poller);

    while (runtime->service_count) {
        unsigned kind = runtime->service_order[--runtime->service_count];
        struct sley__service *service = load_acquire(&runtime->services[kind]);

        service->close(service);
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
    sley__monitor_stop(&runtime->sched);
    sley__sched_stop(&runtime->sched);
    close_services(runtime);
    sley__sched_await_visitors(&runtime->sched);
    sley__stalls_close(runtime);
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

static int run_main(struct sley_runtime *runtime, sley_task_fn *fn, void *arg, const char *site,
                    int *result)
{
    struct sley_task *task;
    int error = sley_runtime_spawn_at(runtime, fn, arg, NULL, &task, site);

    return error ? error : sley_join(task, result);
}

int sley_run_at(sley_task_fn *fn, void *arg, const struct sley_options *options, const char *site)
{
    struct sley_runtime *runtime;
    int error, result = 0;
    bool stalled;

    if ((error = new_runtime(options, &runtime)))
        return error;
    if (options && (options->interrupt || options->terminate))
        error = sley__run_interruptible(runtime, fn, arg, options, site, &result);
    else
        error = run_main(runtime, fn, arg, site, &result);
    sley__sched_end_tasks(&runtime->sched); /* so that no more stalls will be counted */
    sley__monitor_stop(&runtime->sched);    /* and those that there were have been */
    stalled = sley__stalls_fail(runtime);
    sley_runtime_free(runtime);
    if (stalled && result >= 0)
        result = SLEY_ESTALLED;
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

/* What one carrier has counted. Any thread. */
static void add_counters(struct sley_worker_stats *stats, const struct sley__worker_counters *c)
{
    stats->tasks_run += load_relaxed(&c->started);
    stats->switches += load_relaxed(&c->started) + load_relaxed(&c->resumed);
    stats->parks += load_relaxed(&c->parks);
    stats->steals += load_relaxed(&c->steals);
    stats->stolen += load_relaxed(&c->stolen);
    stats->injected += load_relaxed(&c->injected);
    stats->overflows += load_relaxed(&c->overflows);
    stats->sleeps += load_relaxed(&c->sleeps);
    stats->timers += load_relaxed(&c->timers);
    stats->slept_ns += load_relaxed(&c->slept_ns);
}

int sley_runtime_stats(const struct sley_runtime *runtime, unsigned index,
                       struct sley_worker_stats *stats)
{
    struct sley__sched *sched = (struct sley__sched *)(uintptr_t)&runtime->sched;
    const struct sley__worker *worker;
    unsigned i, n = sley__sched_carriers(sched);

    if (index >= sched->worker_count)
        return SLEY_EINVAL;
    worker = &sched->workers[index];
    *stats = (struct sley_worker_stats){
        .cpu = load_relaxed(&worker->cpu),
        .stalls = load_relaxed(&worker->stalls),
        .reliefs = load_relaxed(&worker->reliefs),
    };
    /* What spare carriers have done is counted to one worker each, and stays there. */
    add_counters(stats, &worker->counters);
    for (i = sched->worker_count; i < n; i++)
        if ((i - sched->worker_count) % sched->worker_count == index)
            add_counters(stats, &sley__sched_carrier(sched, i)->counters);
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

    *out = load_acquire(&runtime->services[kind]); /* partner: release below */
    if (likely(*out != NULL))
        return 0;
    sley__lock_acquire(&runtime->service_locks[kind]);
    *out = load_relaxed(&runtime->services[kind]);
    if (!*out && !(error = create(runtime, out))) {
        note_service(runtime, kind); /* before anybody can build on it */
        store_release(&runtime->services[kind], *out);
    }
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
