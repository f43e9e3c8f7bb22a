/*
 * bench_datagram.c: how fast an idle runtime answers a datagram.
 *
 * As `wake`, but the wake-up comes from the network: a task waits in sley_udp_receive(), the
 * runtime has had nothing to do for at least a millisecond, and a foreign thread sends to it over
 * loopback. From just before send() until the task runs, with the datagram in its hands. So there
 * is one hop more than in `wake`: the kernel wakes the thread that looks after descriptors, and
 * that one hands the task to a worker. A program that has one thread and epoll has only the first
 * of the two; that is the floor, and what a runtime may add to it is what a quiet server's first
 * answer is late.
 *
 * The waker, its processor and the idle time before each sample are the rig's, as in `wake`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/udp.h>

#include "harness.h"
#include "wake_rig.h"

struct work {
    struct wake_rig rig;
    struct sley_udp *udp;
    int sender; /* a socket of its own, connected to the task's */
};

/* Waker thread. Without the datagram the task would wait forever. */
static void send_one(void *arg)
{
    const struct work *work = arg;
    if (send(work->sender, "!", 1, 0) != 1)
        _exit(bench_error("send: %s", strerror(errno)));
}

/* 0 or BENCH_FAILED; the sender is closed by run(). */
static int open_both(struct work *work)
{
    struct sley_address address;
    struct sockaddr_in6 to; /* the larger one */
    int status = sley_udp_open("127.0.0.1:0", NULL, &work->udp);
    if (status == 0)
        status = sley_udp_local(work->udp, &address);
    if (status < 0)
        return bench_error("no socket: %s", sley_strerror(status));
    size_t size = sley_address_sockaddr(&address, &to, sizeof to);
    work->sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (work->sender < 0 || connect(work->sender, (struct sockaddr *)&to, (socklen_t)size) != 0)
        return bench_error("cannot send: %s", strerror(errno));
    return 0;
}

static int receive_all(struct work *work)
{
    struct wake_rig *rig = &work->rig;
    for (size_t i = 0; i < rig->samples; i++) {
        char byte = 0;
        wake_rig_sleeping(rig);
        int size = sley_udp_receive(work->udp, &byte, sizeof byte, NULL);
        if (wake_rig_woken(rig) != 0)
            return BENCH_FAILED;
        if (size != 1 || byte != '!')
            return bench_error("received %d: %s", size,
                               size < 0 ? sley_strerror(size) : "not ours");
    }
    return 0;
}

static int sleeper(void *arg)
{
    struct work *work = arg;
    int status = open_both(work);
    if (status == 0 && wake_rig_start(&work->rig) != 0)
        status = bench_error("cannot start a thread");
    if (status == 0)
        status = receive_all(work);
    sley_udp_free(work->udp);
    return status;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.rig = {.wake = send_one, .arg = &work}, .sender = -1};
    unsigned sleeper_cpu;
    work.rig.idle_ns = WAKE_RIG_IDLE_NS;
    work.rig.samples = setup->quick ? WAKE_RIG_SAMPLES_QUICK : WAKE_RIG_SAMPLES;
    if (wake_rig_place(setup->workers, &sleeper_cpu, &work.rig.cpu) != 0)
        return BENCH_FAILED;
    int status = bench_on_tasks(setup, sleeper, &work);
    if (status != 0)
        return status; /* the process ends, and the waker with it */
    struct wake_figures figures = wake_rig_finish(&work.rig);
    close(work.sender);
    values[0] = (double)figures.late_p50 / 1e3;
    values[1] = (double)figures.late_p99 / 1e3;
    return 0;
}

const struct bench bench_datagram = {
    .name = "datagram",
    .why =
        "a datagram arrives for a task of a runtime that has been idle for 1 ms or more: how late "
        "a quiet server begins with a request",
    .cases = {{.run = run, .metrics = {{"us_p50", "us"}, {"us_p99", "us"}}}},
};
