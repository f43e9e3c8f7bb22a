/*
 * files.c: `sley-bench-load files`: a server for those who fetch. 5,000 bytes for whatever is asked
 * for, over HTTP/1.1, on as many connections as come; as little work as there can be, so that the
 * client is what is measured, and the same for every client.
 *
 * It answers a request when it has seen the empty line behind its head, and keeps the connection. A
 * head may come in pieces: how much of that line has been seen is all that a connection has.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/load.h"

enum { FILE_SIZE = 5000, EVENTS = 64, FDS = 4096, BACKLOG = 1024 };

static char answer[FILE_SIZE + 256];
static size_t answer_size;
static unsigned char seen[FDS]; /* of "\r\n\r\n", by descriptor */

static void write_answer(void)
{
    answer_size = (size_t)snprintf(answer, sizeof answer,
                                   "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                                   "Content-Length: %d\r\n\r\n",
                                   FILE_SIZE);
    memset(answer + answer_size, 'x', FILE_SIZE);
    answer_size += FILE_SIZE;
}

static void add(int set, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    (void)epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void accept_one(int set, int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (fd >= FDS) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    seen[fd] = 0;
    add(set, fd);
}

/* How many heads end in what has come. */
static size_t count_heads(int fd, const char *data, size_t size)
{
    static const char line[] = "\r\n\r\n";
    size_t count = 0;

    for (size_t i = 0; i < size; i++) {
        if (data[i] == line[seen[fd]])
            seen[fd]++;
        else
            seen[fd] = data[i] == '\r';
        if (seen[fd] == 4) {
            count++;
            seen[fd] = 0;
        }
    }
    return count;
}

static void serve(int fd)
{
    char buffer[8192];
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    size_t heads = got > 0 ? count_heads(fd, buffer, (size_t)got) : 0;

    while (heads > 0 && send(fd, answer, answer_size, MSG_NOSIGNAL) == (ssize_t)answer_size)
        heads--;
    if (heads > 0 || got == 0 || (got < 0 && errno != EAGAIN))
        close(fd);
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return -1;
    *port = ntohs(name.sin_port);
    return fd;
}

int load_serve_files(void)
{
    struct epoll_event events[EVENTS];
    int port, set = epoll_create1(EPOLL_CLOEXEC), listener = listen_somewhere(&port);

    if (set < 0 || listener < 0)
        return load_fail("cannot serve: %s", strerror(errno));
    write_answer();
    add(set, listener);
    add(set, STDIN_FILENO);
    load_tell_port(port);
    for (;;) {
        int count = epoll_wait(set, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == STDIN_FILENO)
                return 0;
            if (events[i].data.fd == listener)
                accept_one(set, listener);
            else
                serve(events[i].data.fd);
        }
    }
}
