/*
 * io.c: puts the parts of io together and plugs them into a runtime.
 *
 * A runtime that never does I/O has no I/O thread, no epoll set and no libuv loop: all of it is
 * made by the first call that needs it, through the one hook that sched offers, the poller. sched
 * keeps the pointer, calls drain and arm, and calls close when its last task has ended; it does not
 * know what is behind them.
 *
 * Order of construction: the loop, then the reactor, whose handles are set up while the loop does
 * not run yet, then the thread. Of destruction: the thread, with everything that lives on the loop,
 * then the reactor.
 */
#include "io.h"

#include <stdlib.h>

static struct sley__io *io_of(struct sley__poller *poller)
{
    return container_of(poller, struct sley__io, poller);
}

static int drain(struct sley__poller *poller)
{
    return sley__reactor_drain(&io_of(poller)->reactor);
}

static void arm(struct sley__poller *poller)
{
    sley__reactor_watch(&io_of(poller)->reactor);
}

/* Nothing to do: reactor.c says why. */
static void disarm(struct sley__poller *poller UNUSED)
{
}

static void close_io(struct sley__poller *poller)
{
    struct sley__io *io = io_of(poller);

    sley__loop_stop(&io->loop);
    sley__reactor_close(&io->reactor);
    free(io);
}

static int start(struct sley__io *io)
{
    int error = sley__loop_init(&io->loop);

    if (error)
        return error;
    error = sley__reactor_init(&io->reactor, &io->loop);
    if (error) {
        sley__loop_discard(&io->loop);
        return error;
    }
    error = sley__loop_start(&io->loop, io->runtime);
    if (error) {
        sley__loop_discard(&io->loop);
        sley__reactor_close(&io->reactor);
    }
    return error;
}

/* Called once per runtime, or again after a failure. */
static int create(struct sley_runtime *runtime, struct sley__poller **out)
{
    struct sley__io *io = aligned_alloc(SLEY_CACHE_LINE, round_up(sizeof(*io), SLEY_CACHE_LINE));
    int error;

    if (!io)
        return SLEY_ENOMEM;
    io->runtime = runtime;
    io->poller = (struct sley__poller){drain, arm, disarm, close_io};
    error = start(io);
    if (error)
        free(io);
    else
        *out = &io->poller;
    return error;
}

int sley__io_get(struct sley__io **out)
{
    struct sley_runtime *runtime = sley__wait_runtime();
    struct sley__poller *poller;
    int error;

    if (!runtime)
        return SLEY_ENOTASK;
    error = sley__runtime_poller(runtime, create, &poller);
    if (!error)
        *out = io_of(poller);
    return error;
}
