/*
 * signal.c: waiting for signals of the system. The contract is in <sley/signal.h>.
 *
 * What a signal handler can do for a parked task is to write to a descriptor. So a set is a watcher
 * (sched/signals.c, which counts) and an eventfd in the epoll set of the runtime, which a worker
 * looks at as at any socket: no thread in between, and an idle runtime is woken like by a packet.
 * The number in the eventfd says nothing, the counts do.
 *
 * The handler writes to a descriptor of its own, a duplicate of the one that the reactor has: a
 * set that a program forgets to close would otherwise write, after the end of the runtime, to
 * whatever has that number then.
 *
 * Only one task at a time can wait for a descriptor; the others wait for the turn, a mutex.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sley/signal.h>
#include <sley/sync.h>

#include "io.h"
#include "signals.h"

struct sley_signals {
    struct sley__signal_watch watch;
    int bell;               /* constant: what the handler writes to */
    struct sley__fd *fd;    /* constant: the same, for the reactor */
    struct sley_mutex turn; /* who has it waits for fd */
    atomic(uint32_t) last;  /* the number that was taken last; a hint, so that numbers take turns */
};

/* In the handler. */
static void ring(struct sley__signal_watch *watch)
{
    struct sley_signals *signals = container_of(watch, struct sley_signals, watch);
    uint64_t one = 1;

    /* EAGAIN: it is full of rings that nobody has heard yet. */
    if (write(signals->bell, &one, sizeof one) < 0)
        return;
}

/* Empties the eventfd, before the counts are looked at: what comes after that rings again. 0, or
 * -EAGAIN. */
static NOINLINE int hear(int fd)
{
    uint64_t rings;

    return read(fd, &rings, sizeof rings) < 0 ? -errno : 0;
}

/* --- open and close --------------------------------------------------------------------------- */

static int make_mask(const int *numbers, size_t count, uint64_t *mask)
{
    for (size_t i = 0; i < count; i++) {
        if (!sley__signal_valid(numbers[i]))
            return SLEY_EINVAL;
        *mask |= sley__signal_bit(numbers[i]);
    }
    return *mask ? 0 : SLEY_EINVAL;
}

/* The eventfd, twice. 0 or -errno. */
static NOINLINE int make_bell(int ends[2])
{
    if ((ends[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        return -errno;
    if ((ends[1] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0)) < 0) {
        int error = -errno;

        close(ends[0]);
        return error;
    }
    return 0;
}

static int add_bell(struct sley__io *io, struct sley_signals *signals)
{
    int ends[2] = {-1, -1}, error = make_bell(ends);

    if (error)
        return error;
    if ((error = sley__fd_add(&io->reactor, ends[0], &signals->fd))) {
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    signals->bell = ends[1];
    return 0;
}

int sley_signals_open(const int *numbers, size_t count, struct sley_signals **out)
{
    struct sley_signals *signals;
    struct sley__io *io;
    uint64_t mask = 0;
    int error = sley__wait_check();

    if (!error)
        error = make_mask(numbers, count, &mask);
    if (!error)
        error = sley__io_get(&io);
    if (error)
        return error;
    if (!(signals = calloc(1, sizeof *signals)))
        return SLEY_ENOMEM;
    if ((error = add_bell(io, signals))) {
        free(signals);
        return error;
    }
    signals->watch.mask = mask;
    signals->watch.ring = ring;
    sley__signals_watch(&signals->watch);
    *out = signals;
    return 0;
}

void sley_signals_close(struct sley_signals *signals)
{
    if (!signals)
        return;
    sley__signals_unwatch(&signals->watch);
    sley__fd_remove(signals->fd);
    close(signals->bell);
    free(signals);
}

/* --- wait ------------------------------------------------------------------------------------- */

int sley_signals_try(struct sley_signals *signals)
{
    int last = (int)load_relaxed(&signals->last);

    for (int i = 1; i <= SLEY__SIGNAL_MAX; i++) {
        int number = (last + i - 1) % SLEY__SIGNAL_MAX + 1;

        if (!(signals->watch.mask & sley__signal_bit(number)) ||
            !sley__signal_take(&signals->watch, number))
            continue;
        store_relaxed(&signals->last, (uint32_t)number);
        return number;
    }
    return 0;
}

/* The next one, for who has the turn. */
static int wait_in_turn(struct sley_signals *signals)
{
    for (;;) {
        uint64_t seen = sley__readiness_look(&signals->fd->read);
        bool silent = hear(signals->fd->fd) < 0;
        int error, number = sley_signals_try(signals);

        if (number)
            return number;
        if (!silent)
            continue; /* rung for what somebody has taken already */
        sley__readiness_clear(&signals->fd->read, seen);
        if ((error = sley__fd_wait(&signals->fd->read, seen, "signal")))
            return error;
    }
}

int sley_signals_wait(struct sley_signals *signals)
{
    int result = sley__wait_check();

    if (result)
        return result;
    if ((result = sley_signals_try(signals))) {
        sley__wait_spend();
        return result;
    }
    if ((result = sley_mutex_lock(&signals->turn)))
        return result;
    result = wait_in_turn(signals);
    sley_mutex_unlock(&signals->turn);
    return result;
}

static int next_of_signals(void *self, void *item)
{
    int number = sley_signals_wait(self);

    if (number < 0)
        return number;
    *(int *)item = number;
    return 1;
}

struct sley_iterator sley_signals_iterator(struct sley_signals *signals)
{
    return (struct sley_iterator){next_of_signals, signals, sizeof(int)};
}
