/*
 * procpool.c: making and ending a pool of processes. The contract is in <sley/procpool.h>.
 *
 * What for: a crash, a leak, an endless loop or a library that cannot be trusted should cost one
 * job and not the program; and sixteen processes do not share one malloc, one page table lock, one
 * interpreter. The parts and who is whose parent are in procpool_wire.h, the map of the files in
 * procpool_impl.h.
 *
 * A pool is a socket to its supervisor, an eventfd that its children ring, a file for large inputs,
 * two tasks (procpool_tasks.c), a queue of jobs, and a ring per child. There is one small lock for
 * all of it: what is done under it is some hundred nanoseconds per job, and to be divided it would
 * have to be held by more workers than there are children to feed.
 *
 * The end is asked for by closing our direction of the socket. The supervisor kills and reaps all
 * and then closes the other, which the listener reads; so when a free returns there are no
 * processes left, and no zombies. If the runtime is shutting down the tasks have been cancelled and
 * nobody listens; then the free does not wait.
 */
#define _GNU_SOURCE
#include "procpool_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sley/runtime.h>

/* --- lock and bell -------------------------------------------------------------------------- */

void sley__pool_lock(struct sley_procpool *pool)
{
    sley__lock_acquire(&pool->lock);
    sley__wake_batch_begin(&pool->batch);
}

void sley__pool_unlock(struct sley_procpool *pool)
{
    struct sley__wake_batch batch = pool->batch;

    sley__lock_release(&pool->lock);
    sley__wake_batch_flush(&batch); /* the pool may be gone now */
}

void sley__pool_hurry(struct sley_procpool *pool, int64_t deadline)
{
    struct sley__waker waker;

    if (deadline >= pool->collector_until)
        return;
    pool->collector_until = deadline;
    if (pool->collector_asleep && sley__readiness_event(&pool->bell->read, false, &waker))
        sley__wake_batch_add(&pool->batch, waker, 0);
}

int sley__bell_read(int fd, uint64_t *count)
{
    struct iovec to = {count, sizeof(*count)};
    ssize_t size = preadv2(fd, &to, 1, -1, RWF_NOWAIT);

    if (size < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        size = read(fd, count, sizeof(*count)); /* Linux before 5.8 */
    return size < 0 ? -errno : 1;
}

/* --- options -------------------------------------------------------------------------------- */

static int set_options(struct sley_procpool *pool, const struct sley_procpool_options *given)
{
    struct sley_procpool_options *options = &pool->options;

    if (given)
        *options = *given;
    if (!options->max) {
        options->max = sley_runtime_workers(pool->runtime);
        if (options->max > SLEY_PROCPOOL_MAX)
            options->max = SLEY_PROCPOOL_MAX;
        if (options->max < options->min)
            options->max = options->min;
    }
    if (options->min > options->max || options->max > SLEY_PROCPOOL_MAX ||
        options->idle_timeout < 0 || options->timeout < 0 || options->grace < 0)
        return SLEY_EINVAL;
    if (!options->idle_timeout)
        options->idle_timeout = SLEY_SECONDS(10);
    if (!options->grace)
        options->grace = SLEY_MILLISECONDS(500);
    options->idle_timeout = min_i64(options->idle_timeout, SLEY__TIME_MAX);
    options->grace = min_i64(options->grace, SLEY__TIME_MAX);
    if (!options->result_max)
        options->result_max = (size_t)1 << 30;
    return 0;
}

/* --- new ------------------------------------------------------------------------------------ */

/* The file of inputs as children get it, who have no business to write there. A new descriptor. */
static int open_inputs(const struct sley_procpool *pool)
{
    char path[32];
    int fd;

    snprintf(path, sizeof path, "/proc/self/fd/%d", pool->inputs);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* there is no /proc */
        fd = fcntl(pool->inputs, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* Has a supervisor forked; *socket is our end to it. 0 or SLEY_E*. */
static int start_supervisor(struct sley_procpool *pool, int bell, int *socket)
{
    struct sley__message message = {.kind = SLEY__MESSAGE_POOL};
    int inputs = open_inputs(pool), pair[2];
    int error = inputs < 0 ? inputs : sley__message_pair(pair);

    if (error) {
        if (inputs >= 0)
            close(inputs);
        return error;
    }
    message.limits = (struct sley__limits){pool->options.address_space, pool->options.cpu_seconds,
                                           pool->options.open_files};
    error = sley__zygote_send(&message, (int[]){pair[1], bell, inputs}, 3);
    close(inputs);
    close(pair[1]);
    if (error)
        close(pair[0]);
    else
        *socket = pair[0];
    return error;
}

/* Registers a descriptor, or closes it. */
static int add(struct sley__reactor *reactor, int descriptor, struct sley__fd **out)
{
    int error = sley__fd_add(reactor, descriptor, out);

    if (error)
        close(descriptor);
    return error;
}

/* The bell and the socket. */
static int connect_pool(struct sley_procpool *pool, struct sley__reactor *reactor)
{
    int error, socket = -1, bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (bell < 0)
        return -errno;
    error = start_supervisor(pool, bell, &socket);
    if (error) {
        close(bell);
        return error;
    }
    error = add(reactor, bell, &pool->bell);
    if (error) {
        close(socket);
        return error;
    }
    error = add(reactor, socket, &pool->socket);
    if (error)
        sley__fd_remove(pool->bell);
    return error;
}

static int open_pool(struct sley_procpool *pool, struct sley__reactor *reactor)
{
    int error;

    pool->inputs = sley__file_new("sley-inputs");
    if (pool->inputs < 0)
        return pool->inputs;
    store_relaxed(&pool->next_input, SLEY__FILE_PAGE); /* 0 means that the input is in the slot */
    error = connect_pool(pool, reactor);
    if (error)
        close(pool->inputs);
    return error;
}

static struct sley_procpool *alloc_pool(void)
{
    struct sley_procpool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    list_init(&pool->children);
    list_init(&pool->idle);
    list_init(&pool->busy);
    list_init(&pool->full);
    list_init(&pool->ending);
    return pool;
}

/* Waits until both tasks have ended. Parks, whatever happens to the caller. */
static void await_tasks(struct sley_procpool *pool)
{
    struct sley__waker waker;
    bool ended;

    sley__wait_begin_shielded(&waker, "end of a process pool");
    sley__pool_lock(pool);
    ended = pool->tasks == 0;
    if (!ended)
        pool->freer = waker;
    sley__pool_unlock(pool);
    if (ended)
        sley__wait_abandon(NULL);
    else
        sley__wait_park_shielded();
    sley__pool_lock(pool); /* the one who woke us has let go of it */
    sley__pool_unlock(pool);
}

void sley__pool_dispose(struct sley_procpool *pool)
{
    sley__fd_remove(pool->socket);
    sley__fd_remove(pool->bell);
    close(pool->inputs);
    free(pool);
}

int sley_procpool_new(const struct sley_procpool_options *options, struct sley_procpool **out)
{
    struct sley_procpool *pool;
    struct sley__io *io;
    int error = sley__wait_check();

    if (error || (error = sley__io_get(&io)))
        return error;
    pool = alloc_pool();
    if (!pool)
        return SLEY_ENOMEM;
    pool->runtime = sley__wait_runtime();
    if ((error = set_options(pool, options)) || (error = open_pool(pool, &io->reactor))) {
        free(pool);
        return error;
    }
    error = sley__pool_tasks_start(pool);
    if (error) {
        sley_procpool_free(pool);
        return error;
    }
    sley__pool_lock(pool);
    sley__pool_maintain(pool);
    sley__pool_unlock(pool);
    *out = pool;
    return 0;
}

void sley_procpool_free(struct sley_procpool *pool)
{
    if (!pool)
        return;
    sley__pool_lock(pool);
    sley__pool_abort(pool, SLEY_ECLOSED);
    sley__pool_unlock(pool);
    shutdown(pool->socket->fd, SHUT_WR);
    sley__fd_close(pool->bell);
    await_tasks(pool);
    sley__pool_dispose(pool);
}

void sley_procpool_stats(struct sley_procpool *pool, struct sley_procpool_stats *stats)
{
    sley__pool_lock(pool);
    *stats = pool->stats;
    stats->children = pool->count;
    stats->queued = pool->queued;
    stats->idle = 0;
    list_for_each (link, &pool->idle)
        stats->idle++;
    sley__pool_unlock(pool);
}
