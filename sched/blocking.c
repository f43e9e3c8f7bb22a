/*
 * blocking.c: functions that block, run off the workers: the callers' side. Level 3.
 *
 * A call is a record that goes to the threads of its class (blocking_threads.c) and comes back. The
 * record is on the caller's stack, because the caller waits; so a call allocates nothing, and how
 * many there may be is limited by the tasks that there are. That callers are held up when the queue
 * is full is therefore a matter of order and of counting, and of refusing if that was asked for.
 *
 * A caller that is cancelled while its call is queued takes the record back out and leaves. Once a
 * thread has it, there are two ways. Without a `discard` the function may use what is on the
 * caller's stack, so the caller waits for the end: a second wait, that nothing else can end. With
 * one, the record was allocated; the caller marks it as abandoned and leaves, and the thread hands
 * the argument and the result to `discard` and frees the record. One compare-and-swap decides
 * between a caller that leaves and a thread that has just ended: then the work is done, and is
 * reported as done.
 *
 * A class is known by the address of its description, so that a program has a class of its own by
 * writing down a constant. Each runtime has a list of those that it has met; it only grows, so it
 * is read without a lock.
 *
 * When the runtime ends, functions that still run are waited for, abandoned ones included: a thread
 * cannot be stopped safely, and it uses the program's code and data. Tokio does the same when its
 * runtime is dropped; libuv keeps its threads until the process ends, which leaves the question to
 * whoever unloads the library.
 */
#include "blocking_impl.h"

#include <sley/runtime.h>

#include <stdlib.h>
#include <string.h>

const struct sley_blocking_class sley_blocking_general = {.name = "block"};
const struct sley_blocking_class sley_blocking_files = {.name = "files", .threads_max = 32};
const struct sley_blocking_class sley_blocking_dns = {.name = "dns", .threads_max = 16};

/* The service: the classes of a runtime. */
struct pool {
    struct sley__service service;
    struct sley_runtime *runtime;
    struct sley__lock lock;               /* for adding to the list */
    atomic(struct sley__class *) classes; /* youngest first; each published with release */
};

/* --- classes -------------------------------------------------------------------------------- */

static struct sley__class *new_class(struct pool *pool, const struct sley_blocking_class *key)
{
    struct sley__class *class = calloc(1, sizeof *class);

    if (!class)
        return NULL;
    class->key = key;
    class->runtime = pool->runtime;
    strcpy(class->thread_name, "sley-");
    strncat(class->thread_name, key->name ? key->name : "block",
            sizeof class->thread_name - sizeof "sley-");
    class->threads_max = key->threads_max ? key->threads_max : 64;
    class->queue_max = key->queue_max ? key->queue_max : 1024;
    class->idle_ns = key->idle_ns > 0 ? key->idle_ns : SLEY_SECONDS(10);
    class->look_credit = 1;
    class->patience = 1; /* begin with two threads, not with as many as there are calls */
    list_init(&class->queue);
    list_init(&class->waiting);
    list_init(&class->idle);
    list_init(&class->ended);
    return class;
}

static struct sley__class *find(struct pool *pool, const struct sley_blocking_class *key)
{
    struct sley__class *class = load_acquire(&pool->classes); /* partner: release in class_of */

    while (class && class->key != key)
        class = class->next;
    return class;
}

/* NULL: no memory. Any thread. */
static struct sley__class *class_of(struct pool *pool, const struct sley_blocking_class *key)
{
    struct sley__class *class;

    if (!key)
        key = &sley_blocking_general;
    if (likely((class = find(pool, key)) != NULL))
        return class;
    sley__lock_acquire(&pool->lock);
    if (!(class = find(pool, key)) && (class = new_class(pool, key))) {
        class->next = load_relaxed(&pool->classes);
        store_release(&pool->classes, class);
    }
    sley__lock_release(&pool->lock);
    return class;
}

static void close_pool(struct sley__service *service)
{
    struct pool *pool = container_of(service, struct pool, service);
    struct sley__class *class, *next;

    for (class = load_relaxed(&pool->classes); class; class = next) {
        next = class->next;
        sley__class_close(class);
        free(class);
    }
    free(pool);
}

static int create_pool(struct sley_runtime *runtime, struct sley__service **out)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return SLEY_ENOMEM;
    pool->service.close = close_pool;
    pool->runtime = runtime;
    *out = &pool->service;
    return 0;
}

/* The class in `runtime`, or in the calling task's if that is NULL. 0, SLEY_ENOMEM, SLEY_ENOTASK.
 */
static int get_class(struct sley_runtime *runtime, const struct sley_blocking_class *key,
                     struct sley__class **out)
{
    struct sley__service *service;
    int error;

    if (!runtime && !(runtime = sley__wait_runtime()))
        return SLEY_ENOTASK;
    error = sley__runtime_service(runtime, SLEY__SERVICE_BLOCKING, create_pool, &service);
    if (error)
        return error;
    *out = class_of(container_of(service, struct pool, service), key);
    return *out ? 0 : SLEY_ENOMEM;
}

/* --- calls ---------------------------------------------------------------------------------- */

/* Waits for the thread that has the call, whatever happens to the caller meanwhile. */
static void await_end(struct sley__call *call)
{
    uint32_t taken = SLEY__CALL_TAKEN;

    sley__waiter_begin_shielded(&call->second, "blocking call");
    /* Release: `second`. Acquire: the result, if it is done. Partner: exchange in finish. */
    if (cas_acq_rel(&call->state, &taken, SLEY__CALL_AWAITED))
        sley__waiter_park(&call->second);
    else
        sley__waiter_abandon(&call->second);
}

/* Leaves the call to its thread: true, and its record with it. False: it is done. */
static bool abandon(struct sley__class *class, struct sley__call *call)
{
    uint32_t taken = SLEY__CALL_TAKEN;

    if (!cas_acq_rel(&call->state, &taken, SLEY__CALL_ABANDONED)) /* partner: as above */
        return false;
    sley__lock_acquire(&class->lock);
    class->abandoned++;
    sley__lock_release(&class->lock);
    return true;
}

/* One call, from its submission to its end. 0: it has run, the result is there. Else an error; then
 * *gone says whether the record is not the caller's any more. */
static int go_through(struct sley__class *class, struct sley__call *call, bool refuse, bool *gone)
{
    int error = sley__waiter_begin(&call->waiter, "blocking call");

    if (error)
        return error;
    if ((error = sley__class_submit(class, call, refuse))) {
        sley__waiter_abandon(&call->waiter);
        return error;
    }
    error = sley__waiter_park(&call->waiter);
    if (likely(!error))
        return call->error;
    if (sley__class_take_back(class, call))
        return error;
    if (!call->discard)
        await_end(call);
    else if (abandon(class, call)) {
        *gone = true;
        return error;
    }
    return call->error;
}

/* What the wait does not fill in. */
static inline void init_call(struct sley__call *call, sley_blocking_fn *fn, void *arg)
{
    call->fn = fn;
    call->arg = arg;
    call->discard = NULL;
    call->error = 0;
}

/* The call whose caller waits for it: the record is on its stack. */
static int call_here(struct sley__class *class, sley_blocking_fn *fn, void *arg, bool refuse,
                     int *result)
{
    struct sley__call call;
    bool gone = false;
    int error;

    init_call(&call, fn, arg);
    error = go_through(class, &call, refuse, &gone);
    if (!error && result)
        *result = call.result;
    return error;
}

/* The call whose caller may leave. *gone: `discard` has been called, or will be. */
static int call_apart(struct sley__class *class, sley_blocking_fn *fn, void *arg,
                      const struct sley_blocking_options *options, int *result, bool *gone)
{
    struct sley__call *call = malloc(sizeof *call);
    int error;

    if (!call)
        return SLEY_ENOMEM;
    init_call(call, fn, arg);
    call->discard = options->discard;
    error = go_through(class, call, options->refuse, gone);
    if (!error && result)
        *result = call->result;
    if (!*gone)
        free(call);
    return error;
}

int sley_to_thread(sley_blocking_fn *fn, void *arg, int *result)
{
    struct sley__class *class;
    int error;

    if (!fn)
        return SLEY_EINVAL;
    if ((error = get_class(NULL, NULL, &class)))
        return error;
    return call_here(class, fn, arg, false, result);
}

int sley_to_thread_with(sley_blocking_fn *fn, void *arg,
                        const struct sley_blocking_options *options, int *result)
{
    static const struct sley_blocking_options defaults;
    struct sley__class *class;
    bool gone = false;
    int error = fn ? 0 : SLEY_EINVAL;

    if (!options)
        options = &defaults;
    if (!error)
        error = get_class(options->runtime, options->blocking_class, &class);
    if (!error)
        error = options->discard ? call_apart(class, fn, arg, options, result, &gone)
                                 : call_here(class, fn, arg, options->refuse, result);
    if (error && options->discard && !gone)
        options->discard(arg, error);
    return error;
}

int sley_blocking_stats(struct sley_runtime *runtime,
                        const struct sley_blocking_class *blocking_class,
                        struct sley_blocking_stats *stats)
{
    struct sley__class *class;
    int error = get_class(runtime, blocking_class, &class);

    if (error)
        return error;
    sley__lock_acquire(&class->lock);
    *stats = (struct sley_blocking_stats){
        .threads = class->threads,
        .running = class->running,
        .threads_peak = class->threads_peak,
        .queued = load_relaxed(&class->queued),
        .held = class->held,
        .calls = class->calls,
        .taken_back = class->taken_back,
        .abandoned = class->abandoned,
        .refused = class->refused,
        .started = class->started,
        .wakes = class->wakes,
    };
    sley__lock_release(&class->lock);
    return 0;
}
