/*
 * epoll.c: a server on nothing but the kernel: one thread, one epoll set, one buffer for all.
 *
 * This is the floor: what a server costs that knows nothing but its protocol. Level-triggered, so
 * that one read is enough: what is left says so again. The connections are accepted in the same
 * loop; what they are is their descriptor. A connection has no state at all as long as the kernel
 * takes what is sent to it at once, and the messages of the load fit; should one not, this server
 * says so and gives up, as it could not be compared with one that waits for room.
 *
 * HTTP: what it must know to answer wrk, which is where a head ends. It looks at no request, so it
 * is no server for anybody; it is the kernel's share.
 *
 * datagram: an epoll set with one socket in it, the thread pinned as a worker of ours is.
 *
 * More than one worker is not offered: several sets with a listener each are another program, whose
 * connections are divided by the kernel and not by need.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers/common/server.h"

enum { EVENTS = 256, BUFFER = 65536 };

static void add(int set, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0)
        peer_fail("epoll_ctl: %s", strerror(errno));
}

static void accept_all(int set, int listener)
{
    int on = 1, fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        add(set, fd);
    }
    if (errno != EAGAIN)
        peer_fail("accept: %s", strerror(errno));
}

static void echo(int fd)
{
    static char buffer[BUFFER];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);

    if (got > 0 && send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got)
        peer_fail("the kernel did not take %zd bytes at once", got);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        close(fd);
}

/* Answers each head that ends in what has come. wrk sends a head in one piece. */
static void answer(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 13\r\n\r\nHello, world!";
    static char buffer[BUFFER];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    const char *end = buffer, *from = buffer;

    while (got > 0 && (end = memmem(from, (size_t)(buffer + got - from), "\r\n\r\n", 4))) {
        from = end + 4;
        if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL) != sizeof text - 1)
            break;
    }
    if (got > 0 && from != buffer + got)
        peer_fail("a request has come in pieces");
    if (got == 0 || (got < 0 && errno != EAGAIN))
        close(fd);
}

static void (*on_input)(int fd);

static void serve(const struct peer_setup *setup, int listener)
{
    struct epoll_event events[EVENTS];
    int set = epoll_create1(EPOLL_CLOEXEC);

    (void)setup;
    if (set < 0)
        peer_fail("no epoll set: %s", strerror(errno));
    for (add(set, listener);;) {
        int count = epoll_wait(set, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener)
                accept_all(set, listener);
            else
                on_input(events[i].data.fd);
    }
}

static void run(const struct peer_setup *setup, const char *row, void (*handler)(int fd))
{
    on_input = handler;
    if (setup->workers != 1)
        peer_decline("the loop is one thread's");
    peer_run_server(setup, row, serve);
}

static void run_echo(const struct peer_setup *setup)
{
    run(setup, "echo", echo);
}

static void run_idle(const struct peer_setup *setup)
{
    run(setup, "idle_connections", echo);
}

static void run_http(const struct peer_setup *setup)
{
    run(setup, "http_server", answer);
}

static void run_datagram(const struct peer_setup *setup)
{
    int set = epoll_create1(EPOLL_CLOEXEC);

    if (setup->workers != 1)
        peer_decline("the loop is one thread's");
    peer_pin(peer_cpu_number(0));
    add(set, peer_wake_start_datagrams(setup));
    for (size_t i = 0; i < setup->samples; i++) {
        struct epoll_event event;

        peer_wake_sleeping();
        while (epoll_wait(set, &event, 1, -1) != 1)
            continue;
        peer_wake_take_datagram(event.data.fd);
        peer_wake_woken();
    }
    peer_wake_finish();
}

static const struct peer_row rows[] = {{"echo", run_echo, NULL},
                                       {"idle_connections", run_idle, NULL},
                                       {"http_server", run_http, NULL},
                                       {"datagram", run_datagram, NULL},
                                       {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "epoll", rows);
}
