/*
 * wake.c: the thread that wakes, by a call or by a datagram.
 *
 * The same conditions as in bench/wake_rig.c, because the latency of a wake-up depends on all of
 * them: how long the sleeper has been idle (a halted processor must be started again), where both
 * run, and how the waker itself waits. It sleeps and does not spin, for a system that wakes its
 * sleeper on the waker's processor could not run it there.
 *
 * The sleeper's side is not pinned here: where the system under test keeps its threads is its own
 * affair. The waker has the second usable processor, as in sley-bench, where worker 0 has the
 * first.
 *
 * Roles and partners: the sleeper stores asleep_at, then `round` with release; the waker loads
 * `round` with acquire. The waker stores sent_at with release before wake(), the sleeper loads it
 * with acquire after the wake-up.
 */
#define _GNU_SOURCE
#include "peers/common/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define IDLE_NS INT64_C(1000000)
#define POLL_NS INT64_C(100000) /* how often the waker looks for a sleeper that is late */

static struct {
    pthread_t thread;
    void (*wake)(void *arg);
    void *arg;
    unsigned cpu;
    size_t samples;
    int64_t *late;     /* sleeper's own until it has slept for all samples */
    size_t next;       /* sleeper's own: the sample that is being taken */
    int64_t sent_at;   /* waker -> sleeper */
    int64_t asleep_at; /* sleeper -> waker, published by `round` */
    size_t round;      /* sleeper -> waker: how many sleeps have begun */
} rig;

static void doze_until(int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

/* Waker thread. Returns when the sleeper has begun sleep number `round` long enough ago. */
static void await_idle(size_t round)
{
    while (__atomic_load_n(&rig.round, __ATOMIC_ACQUIRE) < round)
        doze_until(peer_now() + POLL_NS);
    int64_t begun = __atomic_load_n(&rig.asleep_at, __ATOMIC_RELAXED);
    while (peer_now() < begun + IDLE_NS)
        doze_until(begun + IDLE_NS);
}

static void *run_waker(void *arg)
{
    (void)arg;
    peer_pin(rig.cpu);
    for (size_t i = 0; i < rig.samples; i++) {
        await_idle(i + 1);
        __atomic_store_n(&rig.sent_at, peer_now(), __ATOMIC_RELEASE);
        rig.wake(rig.arg);
    }
    return NULL;
}

void peer_wake_start(const struct peer_setup *setup, void (*wake)(void *arg), void *arg)
{
    rig.wake = wake;
    rig.arg = arg;
    rig.cpu = peer_cpu_number(1);
    rig.samples = setup->samples;
    rig.late = peer_alloc(rig.samples, sizeof *rig.late);
    int status = pthread_create(&rig.thread, NULL, run_waker, NULL);
    if (status != 0)
        peer_fail("no thread: %s", strerror(status));
}

void peer_wake_sleeping(void)
{
    __atomic_store_n(&rig.asleep_at, peer_now(), __ATOMIC_RELAXED);
    __atomic_store_n(&rig.round, rig.next + 1, __ATOMIC_RELEASE);
}

void peer_wake_woken(void)
{
    int64_t now = peer_now(), sent = __atomic_load_n(&rig.sent_at, __ATOMIC_ACQUIRE);
    if (sent < rig.asleep_at)
        peer_fail("the sleeper ran before it was woken");
    rig.late[rig.next++] = now - sent;
}

void peer_wake_finish(void)
{
    pthread_join(rig.thread, NULL);
    peer_metric("us_p50", (double)peer_percentile(rig.late, rig.samples, 50) / 1e3);
    peer_metric("us_p99", (double)peer_percentile(rig.late, rig.samples, 99) / 1e3);
    peer_check((int64_t)rig.next);
}

/* Waker thread. */
static void send_datagram(void *arg)
{
    const int *sender = arg;
    if (send(*sender, "!", 1, 0) != 1)
        peer_fail("send: %s", strerror(errno));
}

int peer_wake_start_datagrams(const struct peer_setup *setup)
{
    static int sender;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof to;
    int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (receiver < 0 || sender < 0 || bind(receiver, (struct sockaddr *)&to, size) != 0 ||
        getsockname(receiver, (struct sockaddr *)&to, &size) != 0 ||
        connect(sender, (struct sockaddr *)&to, size) != 0)
        peer_fail("no sockets: %s", strerror(errno));
    peer_wake_start(setup, send_datagram, &sender);
    return receiver;
}

void peer_wake_take_datagram(int socket)
{
    char byte = 0;
    if (recv(socket, &byte, 1, 0) != 1 || byte != '!')
        peer_fail("no datagram was received: %s", strerror(errno));
}
