/*
 * http.c: the row `http_server`: wrk asks for "/" on 64 connections.
 *
 * wrk is what the tables of web servers are made with; we start it, read its result, and read the
 * server's meter before and after. What it does not look at is looked at here, once, before: that
 * the answer is "Hello, world!" with status 200.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/load.h"

static const char body[] = "Hello, world!";
enum { BODY = sizeof body - 1, CONNECTIONS = 64, NO_SUCH_PROGRAM = 127 };

static int connect_to(int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Reads until there is a body of the size that is due, or no more; a NUL behind it. The body, or
 * NULL. */
static const char *read_answer(int fd, char *answer, size_t room)
{
    const char *begin = NULL;
    size_t size = 0;
    ssize_t got = 1;

    while (size < room - 1 && got > 0 && (!begin || strlen(begin) < BODY)) {
        got = read(fd, answer + size, room - 1 - size);
        size += got > 0 ? (size_t)got : 0;
        answer[size] = '\0';
        begin = strstr(answer, "\r\n\r\n");
        begin = begin ? begin + 4 : NULL;
    }
    return begin;
}

/* One request; the answer is as it must be. */
static int look_at_answer(int port)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct timeval patience = {.tv_sec = 5};
    char answer[4096];
    const char *found;
    int fd = connect_to(port);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        write(fd, request, sizeof request - 1) != sizeof request - 1)
        return load_fail("the server takes no request");
    found = read_answer(fd, answer, sizeof answer);
    close(fd);
    if (!found || strncmp(answer, "HTTP/1.1 200", 12) != 0 || strcmp(found, body) != 0)
        return load_fail("the answer is not \"%s\"", body);
    return 0;
}

/* Becomes wrk, which prints to `output`. */
static _Noreturn void become_wrk(const struct load *load, int output)
{
    char connections[16], duration[16], url[64];

    snprintf(connections, sizeof connections, "-c%d", CONNECTIONS);
    snprintf(duration, sizeof duration, "-d%ds", load->quick ? 1 : 2);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", load->port);
    if (dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0)
        execlp("wrk", "wrk", "-t1", connections, duration, url, (char *)NULL);
    _exit(NO_SUCH_PROGRAM);
}

/* What wrk has printed, and its exit status; -1: it could not be run. */
static int run_wrk(const struct load *load, char *output, size_t size)
{
    int ends[2], status;
    size_t used = 0;
    ssize_t got = 1;
    pid_t wrk;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    wrk = fork();
    if (wrk == 0)
        become_wrk(load, ends[1]);
    close(ends[1]);
    for (; wrk > 0 && got > 0 && used<size - 1; used += got> 0 ? (size_t)got : 0)
        got = read(ends[0], output + used, size - 1 - used);
    output[used] = '\0';
    close(ends[0]);
    return wrk > 0 && waitpid(wrk, &status, 0) == wrk && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

/* The number before `words`. */
static double number_before(const char *output, const char *words)
{
    const char *end = strstr(output, words), *begin = end;

    while (begin && begin > output && begin[-1] != ' ' && begin[-1] != '\n')
        begin--;
    return begin ? strtod(begin, NULL) : 0;
}

int load_http_server(const struct load *load)
{
    char output[4096];
    const char *rate;
    double requests, per_second;
    int64_t before, after;
    int status = look_at_answer(load->port);

    if (status)
        return status;
    before = load_server_cpu(load);
    status = run_wrk(load, output, sizeof output);
    after = load_server_cpu(load);
    if (status == NO_SUCH_PROGRAM) {
        load_say("wrk is not installed");
        return LOAD_DECLINED;
    }
    requests = number_before(output, " requests in");
    rate = strstr(output, "Requests/sec:");
    per_second = rate ? strtod(rate + strlen("Requests/sec:"), NULL) : 0;
    if (status || requests <= 0 || per_second <= 0 || strstr(output, "Socket errors") ||
        strstr(output, "Non-2xx"))
        return load_fail("wrk did not get all its answers");
    if (before < 0 || after < 0)
        return LOAD_FAILED;
    load_metric(1e9 / per_second, "ns_per_request");
    load_metric((double)(after - before) / requests / 1e3, "us_cpu_per_request");
    load_check(BODY);
    return 0;
}
