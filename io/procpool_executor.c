/*
 * procpool_executor.c: a process pool behind the interface of executors (<sley/executor.h>).
 *
 * Work changes its bytes in place, a job reads its input and writes a result. So the child copies
 * the input to where the result will be and calls the work on that: the slot says that it is work,
 * and there is no function of ours in between that would have to be told by bytes in front of the
 * input which work is meant. Here and there the bytes are copied once, as for any job.
 *
 * Deciding for processes is to be one line, as it is for threads. So a runtime has a pool that
 * nobody has to make: a service like the threads of blocking.c, made by the first call. sched knows
 * of it only that it is to be closed: an executor is a function and a pointer, which the program
 * itself carries from here to there. The pool is not made together with the service, because that
 * happens under a lock of threads, and making a pool may park: if it fails half-way.
 *
 * The service is closed when all tasks have ended, the pool's own two among them, which have failed
 * what was not over. What is left is memory and descriptors; the supervisor reads the end of its
 * socket and takes the children with it. Rejected: to end the pool when it has been idle. Its
 * children end by themselves, and what is left sleeps.
 */
#include "procpool_impl.h"

#include <stdlib.h>

#include <sley/sync.h>

/* The pool of a runtime, and who makes it. */
struct house {
    struct sley__service service;
    struct sley_mutex building;
    atomic(struct sley_procpool *) pool; /* NULL before. Partners: acquire and release below */
};

/* Called by the thread that frees the runtime; no task lives. */
static void close_house(struct sley__service *service)
{
    struct house *house = container_of(service, struct house, service);
    struct sley_procpool *pool = load_acquire(&house->pool);

    if (pool) {
        ensure(pool->tasks == 0);
        ensure(list_empty(&pool->children));
        sley__pool_dispose(pool);
    }
    free(house);
}

static int open_house(struct sley_runtime *runtime UNUSED, struct sley__service **out)
{
    struct house *house = calloc(1, sizeof(*house));

    if (!house)
        return SLEY_ENOMEM;
    house->service.close = close_house;
    *out = &house->service;
    return 0;
}

/* Makes the pool if nobody has. May park. 0 or SLEY_E*. */
static int build(struct house *house)
{
    struct sley_procpool *pool;
    int error = sley_mutex_lock(&house->building);

    if (error)
        return error;
    if (!load_relaxed(&house->pool) && !(error = sley_procpool_new(NULL, &pool)))
        store_release(&house->pool, pool);
    sley_mutex_unlock(&house->building);
    return error;
}

/* The pool of the calling task's runtime. May park. 0 or SLEY_E*. */
static int house_pool(struct sley_procpool **pool)
{
    struct sley_runtime *runtime = sley__wait_runtime();
    struct sley__service *service;
    struct house *house;
    int error;

    if (!runtime)
        return SLEY_ENOTASK;
    error = sley__runtime_service(runtime, SLEY__SERVICE_PROCESSES, open_house, &service);
    if (error)
        return error;
    house = container_of(service, struct house, service);
    if (!load_acquire(&house->pool) && (error = build(house)))
        return error;
    *pool = load_acquire(&house->pool);
    return 0;
}

int sley_executor_call_in_process(const struct sley_executor *executor, sley_work_fn *fn,
                                  void *data, size_t size, int *result)
{
    struct sley_job job = {.in = data, .in_size = size, .out = data, .out_capacity = size};
    struct sley_procpool *pool = (struct sley_procpool *)(uintptr_t)executor->context;
    int error = pool ? 0 : house_pool(&pool);

    if (error || (error = sley__pool_run_work(pool, fn, &job)))
        return error;
    if (job.out_size != size)
        return SLEY_EPROTO; /* whoever has written that was not our code */
    *result = job.value;
    return 0;
}

const struct sley_executor sley_executor_processes = {sley_executor_call_in_process, NULL};
