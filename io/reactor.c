/*
 * reactor.c: sockets without a middleman.
 *
 * A socket call is made by the task itself, on its worker, at once; only when there is nothing to
 * do does the task park. The descriptor is registered once, edge-triggered, for both directions,
 * and never touched again until it is closed: no epoll_ctl per wait. (A uv_poll_t per wait would
 * cost three of them, 1.9 us.) readiness.c has the protocol between a waiting task and an edge.
 *
 * Who takes the edges out? Two can, and exactly one should:
 *
 *  - The workers, in between tasks, with a zero timeout: the woken task goes on the local queue,
 *    and under load no other thread is involved at all. But it is a system call every 61 ticks,
 *    for nothing if nothing happens; and when all workers sleep, or one computes for a second
 *    while the others sleep, nobody does it.
 *  - The I/O thread, which can sleep on the set, because the set's own descriptor is watched by one
 *    uv_poll_t in its loop. It is prompt and costs nothing while nothing happens, but each event
 *    costs two thread wake-ups.
 *
 * So there are two modes, and `watched` says which. The I/O thread's interest in the set is
 * switched by epoll_ctl on the loop's own epoll descriptor, from any thread (0.3 us); the set is
 * level-triggered there, so events that came while it was off are noticed when it is switched on.
 *
 *  - watched: the workers do not look. The first event wakes the I/O thread: it switches its
 *    interest off, *then* drains, and if that woke a task leaves the set to the workers (else
 *    nobody would ever switch it on again, so it does so itself).
 *  - not watched: the workers drain. Back to watched when the last worker goes to sleep (arm), or
 *    when in the last 10 ms no worker has found an event: then either there are none, and looking
 *    for them is a waste, or nobody looks, and that is worse. A timer of the loop sees to that; it
 *    runs only in this mode, so an idle program has no periodic wake-up, and a program that
 *    computes beside an idle listener makes no system calls.
 *
 * The order "interest off, then drain" matters: the last worker may arm (a no-op while `watched`)
 * and go to sleep at any moment. If it did so before the switch, then either the drain finds a task
 * to wake, so that a worker wakes and arms again before it sleeps, or it finds none and the I/O
 * thread goes on watching. Draining first would lose the event that comes between the two.
 *
 * This makes disarm an empty function: a worker that wakes for another reason than I/O has no need
 * to take the watch over, and a pair of epoll_ctl per sleep is saved.
 *
 * Stale events. An epoll_wait in another thread may hand out an event for a descriptor that was
 * closed a moment ago. Records are therefore type-stable (chunks that live as long as the reactor),
 * and an event means no more than "try again". Generation numbers in the event were rejected: they
 * would save one EAGAIN in a rare case and cost a table lookup in every one.
 *
 * A descriptor leaves the set by being closed. If a fork holds a copy of it open the kernel keeps
 * reporting it; those events are stale, too, and equally harmless. Not so if this process holds a
 * copy: what the set knows a descriptor by is its number and what was opened, so the next copy, of
 * the same number as likely as not, would be refused as being there already. So those of which
 * there may be copies are taken out by hand (leave). Not all, for that is a system call.
 *
 * While a thread looks at the set it holds what it looks at, so a close takes effect when that look
 * is over, or when that thread has a processor again. The peer of a stream hears of its end that
 * much later. But the port of a listener or of a UDP socket is wanted again at once, so those, too,
 * are taken out by hand, which waits for the look.
 */
#define _GNU_SOURCE
#include "reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifdef SLEY_HOSTILE
enum { CHUNK = 2, BATCH = 2, ROUNDS = 1, TICK_MS = 1 };
#else
enum {
    CHUNK = 63,   /* records per allocation: 4 KiB with the header */
    BATCH = 64,   /* events taken at once */
    ROUNDS = 16,  /* batches that the I/O thread takes before it gives its other work a turn */
    TICK_MS = 10, /* the longest that nobody looks while a worker is busy */
};
#endif

struct sley__fd_chunk {
    struct sley__fd_chunk *next;
    struct sley__fd records[CHUNK];
};

_Static_assert(sizeof(struct sley__fd) <= 64, "an idle connection should cost one cache line here");

/* --- who drains ------------------------------------------------------------------------------ */

/* Any thread. */
static void set_watched(struct sley__reactor *reactor, bool watched)
{
    struct epoll_event event = {.events = watched ? EPOLLIN : 0, .data.fd = reactor->set};

    sley__lock_acquire(&reactor->lock);
    if (reactor->watched_now != watched) {
        ensure(epoll_ctl(uv_backend_fd(&reactor->loop->uv), EPOLL_CTL_MOD, reactor->set, &event) ==
               0);
        reactor->watched_now = watched;
        store_relaxed(&reactor->watched, watched);
    }
    sley__lock_release(&reactor->lock);
}

void sley__reactor_watch(struct sley__reactor *reactor)
{
    set_watched(reactor, true);
}

static bool hangs_up(uint32_t events)
{
    return events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

/* One event: the wakers of the tasks that it is for, at most two. Any thread. */
static int event_wakers(const struct epoll_event *event, struct sley__waker wakers[2])
{
    struct sley__fd *fd = event->data.ptr;
    bool hangup = hangs_up(event->events);
    int count = 0;

    if ((hangup || (event->events & EPOLLIN)) &&
        sley__readiness_event(&fd->read, hangup, &wakers[count]))
        count++;
    if ((event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) &&
        sley__readiness_event(&fd->write, false, &wakers[count]))
        count++;
    return count;
}

static int take_events(struct sley__reactor *reactor, struct epoll_event *events)
{
    int count = epoll_wait(reactor->set, events, BATCH, 0);

    ensure_msg(count >= 0 || errno == EINTR, "epoll_wait on the set: %d", errno);
    return count < 0 ? 0 : count;
}

int sley__reactor_drain(struct sley__reactor *reactor)
{
    struct epoll_event events[BATCH];
    struct sley__waker wakers[2];
    int count, woken = 0;

    /* Relaxed: a worker that reads an old value drains once too often, or leaves one drain to the
     * next tick; before a worker sleeps, set_watched decides under the lock. */
    if (load_relaxed(&reactor->watched))
        return 0;
    count = take_events(reactor, events);
    for (int i = 0; i < count; i++)
        for (int n = event_wakers(&events[i], wakers); n > 0; n--)
            woken += sley__wake(wakers[n - 1], 0);
    if (woken && !load_relaxed(&reactor->fruitful))
        store_relaxed(&reactor->fruitful, true);
    return woken;
}

/* I/O thread only: the wakes go into the batch of this round. */
static int drain_to_batch(struct sley__reactor *reactor)
{
    struct epoll_event events[BATCH];
    struct sley__waker wakers[2];
    int woken = 0, count = BATCH;

    for (int round = 0; round < ROUNDS && count == BATCH; round++) {
        count = take_events(reactor, events);
        for (int i = 0; i < count; i++)
            for (int n = event_wakers(&events[i], wakers); n > 0; n--)
                woken += sley__loop_wake(reactor->loop, wakers[n - 1], 0);
    }
    return woken;
}

/* The workers have had the set for 10 ms. I/O thread only. */
static void on_tick(uv_timer_t *handle)
{
    struct sley__reactor *reactor = handle->data;
    bool fruitful = load_relaxed(&reactor->fruitful);

    store_relaxed(&reactor->fruitful, false);
    if (fruitful && !load_relaxed(&reactor->watched))
        return;
    uv_timer_stop(handle);
    sley__reactor_watch(reactor);
}

/* Something is in the set while the loop watches it. I/O thread only. */
static void on_set_readable(uv_poll_t *handle, int status UNUSED, int events UNUSED)
{
    struct sley__reactor *reactor = handle->data;

    set_watched(reactor, false);
    if (!drain_to_batch(reactor))
        sley__reactor_watch(reactor);
    else if (!uv_is_active((uv_handle_t *)&reactor->tick))
        uv_timer_start(&reactor->tick, on_tick, TICK_MS, TICK_MS);
}

/* --- start and end --------------------------------------------------------------------------- */

int sley__reactor_init(struct sley__reactor *reactor, struct sley__loop *loop)
{
    int error;

    *reactor = (struct sley__reactor){.loop = loop, .watched_now = true, .watched = true};
    reactor->set = epoll_create1(EPOLL_CLOEXEC);
    if (reactor->set < 0)
        return -errno;
    error = uv_poll_init(&loop->uv, &reactor->poll, reactor->set);
    if (error) {
        close(reactor->set);
        return error;
    }
    uv_timer_init(&loop->uv, &reactor->tick);
    reactor->poll.data = reactor->tick.data = reactor;
    uv_poll_start(&reactor->poll, UV_READABLE, on_set_readable);
    return 0;
}

void sley__reactor_close(struct sley__reactor *reactor)
{
    struct sley__fd_chunk *chunk = reactor->chunks, *next;

    for (; chunk; chunk = next) {
        next = chunk->next;
        for (int i = 0; i < CHUNK; i++)
            if (chunk->records[i].fd >= 0)
                close(chunk->records[i].fd);
        free(chunk);
    }
    close(reactor->set);
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* A free record, or NULL. With the lock held. */
static struct sley__fd *take_record(struct sley__reactor *reactor)
{
    struct sley__fd *fd = reactor->free;

    if (fd)
        reactor->free = fd->next_free;
    return fd;
}

/* Adds a chunk to the free list, and takes a record of it. Any thread, without the lock. */
static struct sley__fd *grow(struct sley__reactor *reactor)
{
    struct sley__fd_chunk *chunk = calloc(1, sizeof(*chunk));
    struct sley__fd *fd;

    if (!chunk)
        return NULL;
    sley__lock_acquire(&reactor->lock);
    chunk->next = reactor->chunks;
    reactor->chunks = chunk;
    for (int i = 0; i < CHUNK; i++) {
        chunk->records[i].fd = -1;
        chunk->records[i].next_free = reactor->free;
        reactor->free = &chunk->records[i];
    }
    fd = take_record(reactor);
    sley__lock_release(&reactor->lock);
    return fd;
}

static void give_record(struct sley__reactor *reactor, struct sley__fd *fd)
{
    fd->fd = -1;
    sley__lock_acquire(&reactor->lock);
    fd->next_free = reactor->free;
    reactor->free = fd;
    sley__lock_release(&reactor->lock);
}

int sley__fd_add(struct sley__reactor *reactor, int descriptor, struct sley__fd **out)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    struct sley__fd *fd;
    int error;

    sley__lock_acquire(&reactor->lock);
    fd = take_record(reactor);
    sley__lock_release(&reactor->lock);
    if (!fd && !(fd = grow(reactor)))
        return SLEY_ENOMEM;

    fd->reactor = reactor;
    fd->fd = descriptor;
    sley__readiness_open(&fd->read);
    sley__readiness_open(&fd->write);
    event.data.ptr = fd;
    if (epoll_ctl(reactor->set, EPOLL_CTL_ADD, descriptor, &event) < 0) {
        error = -errno;
        give_record(reactor, fd);
        return error;
    }
    *out = fd;
    return 0;
}

void sley__fd_leave(struct sley__fd *fd)
{
    /* ENOENT, EINVAL: it was let go of before, and the number is another one's. */
    (void)epoll_ctl(fd->reactor->set, EPOLL_CTL_DEL, fd->fd, NULL);
}

void sley__fd_remove(struct sley__fd *fd)
{
    struct sley__reactor *reactor = fd->reactor;

    sley__fd_close(fd); /* finds no waiter, unless the contract was broken: then it ends well */
    close(fd->fd);
    give_record(reactor, fd);
}

void sley__fd_close(struct sley__fd *fd)
{
    struct sley__waker waker;

    if (sley__readiness_close(&fd->read, &waker))
        sley__wake(waker, SLEY_ECLOSED);
    if (sley__readiness_close(&fd->write, &waker))
        sley__wake(waker, SLEY_ECLOSED);
}

bool sley__fd_closed(const struct sley__fd *fd)
{
    return sley__readiness_closed(sley__readiness_look(&fd->read));
}

/* Ends a begun wait that could not be published, and says how the call goes on. */
static int give_up(enum sley__readiness_published published)
{
    sley__wait_abandon(NULL); /* a cancel that came first is found by the next wait */
    switch (published) {
    case SLEY__PUBLISH_CLOSED:
        return SLEY_ECLOSED;
    case SLEY__PUBLISH_BUSY:
        return SLEY_EBUSY;
    default:
        return 0;
    }
}

int sley__fd_wait(struct sley__readiness *direction, uint64_t seen, const char *what)
{
    enum sley__readiness_published published;
    struct sley__waker waker;
    uint64_t armed;
    int result = sley__wait_begin(&waker, what);

    if (result)
        return result;
    published = sley__readiness_publish(direction, seen, waker, &armed);
    if (published != SLEY__PUBLISHED)
        return give_up(published);
    result = sley__wait_park(SLEY_FOREVER);
    if (result && result != SLEY_ECLOSED)
        sley__readiness_withdraw(direction, armed);
    return result;
}
