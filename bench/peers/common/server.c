/*
 * server.c: a server and its load.
 *
 * The server is a child: so it can serve for ever, as servers do, and is ended when the load has
 * what it wants. The load (bench/load) is the program beside the peer; it counts what the server
 * uses and prints the row. All that a peer has to do is serve.
 */
#define _GNU_SOURCE
#include "peers/common/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int listen_somewhere(int *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        peer_fail("cannot listen: %s", strerror(errno));
    *port = ntohs(name.sin_port);
    return fd;
}

/* As many descriptors as there may be. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static pid_t start_server(const struct peer_setup *setup, int listener, peer_serve_fn *serve)
{
    pid_t server = fork();

    if (server < 0)
        peer_fail("no process: %s", strerror(errno));
    if (server > 0)
        return server;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    raise_limit();
    peer_confine(setup->workers);
    serve(setup, listener);
    peer_fail("the server has ended");
}

/* The processor after the server's, or -1. Before the server is confined: in the parent. */
static int spare_processor(unsigned workers)
{
    cpu_set_t usable;

    if (sched_getaffinity(0, sizeof usable, &usable) != 0)
        peer_fail("cannot tell the processors: %s", strerror(errno));
    return workers < (unsigned)CPU_COUNT(&usable) ? (int)peer_cpu_number(workers) : -1;
}

/* The path of the load. */
static const char *find_load(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        peer_fail("cannot tell where I am");
    strcpy(slash + 1, "sley-bench-load");
    return path;
}

static void start_load(const char *row, int port, pid_t server, int cpu, bool quick)
{
    const char *path = find_load();
    char texts[3][16];

    snprintf(texts[0], sizeof texts[0], "%d", port);
    snprintf(texts[1], sizeof texts[1], "%d", (int)server);
    snprintf(texts[2], sizeof texts[2], "%d", cpu);
    execl(path, path, row, texts[0], texts[1], texts[2], quick ? "--quick" : NULL, NULL);
    peer_fail("%s: %s", path, strerror(errno));
}

void peer_run_server(const struct peer_setup *setup, const char *row, peer_serve_fn *serve)
{
    int port, status = 0, listener = listen_somewhere(&port);
    pid_t server, load;

    fflush(NULL);
    server = start_server(setup, listener, serve);
    close(listener);
    load = fork();
    if (load < 0)
        peer_fail("no process: %s", strerror(errno));
    if (load == 0)
        start_load(row, port, server, spare_processor(setup->workers), setup->quick);
    while (waitpid(load, &status, 0) < 0 && errno == EINTR)
        continue;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int peer_start_helper(const char *mode)
{
    const char *path = find_load();
    int in[2], out[2], port = 0;
    FILE *words;
    pid_t helper;

    fflush(NULL);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || (helper = fork()) < 0)
        peer_fail("no process: %s", strerror(errno));
    if (helper == 0) {
        if (dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0)
            execl(path, path, mode, NULL);
        peer_fail("%s: %s", path, strerror(errno));
    }
    close(in[0]); /* in[1] stays open until this process ends */
    close(out[1]);
    words = fdopen(out[0], "r");
    if (!words || fscanf(words, "%d", &port) != 1)
        peer_fail("%s %s does not start", path, mode);
    fclose(words);
    return port;
}
