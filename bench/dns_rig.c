/*
 * dns_rig.c: a real name server on the loopback, for whoever measures lookups.
 *
 * It is Knot, which answers faster than any client here asks, so what is measured is the client.
 * Its one worker for datagrams shares the machine with the client, as it does for every peer. Zone,
 * settings and sockets are in a directory of their own under /tmp.
 *
 * The server ends with the process that has started it, however that ends.
 */
#define _GNU_SOURCE
#include "dns_rig.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char directory[40];
    pid_t server;
} rig;

bool dns_rig_question(size_t n, char name[DNS_RIG_NAME], unsigned char address[4])
{
    size_t i = n / 2;

    snprintf(name, DNS_RIG_NAME, "%c%zu.bench.test", n % 2 ? 'x' : 'n', i);
    address[0] = 10;
    address[1] = (unsigned char)(i >> 16);
    address[2] = (unsigned char)(i >> 8);
    address[3] = (unsigned char)i;
    return n % 2 == 0;
}

static FILE *create(const char *name)
{
    char path[80];

    snprintf(path, sizeof path, "%s/%s", rig.directory, name);
    return fopen(path, "w");
}

static bool write_zone(size_t names)
{
    FILE *file = create("zone");

    if (!file)
        return false;
    fputs("$ORIGIN bench.test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n"
          "ns A 127.0.0.1\n",
          file);
    for (size_t n = 0; n < names; n += 2) {
        char name[DNS_RIG_NAME];
        unsigned char a[4];

        dns_rig_question(n, name, a);
        fprintf(file, "%s. A %u.%u.%u.%u\n", name, a[0], a[1], a[2], a[3]);
    }
    return fclose(file) == 0;
}

static bool write_settings(int port)
{
    FILE *file = create("knot.conf");

    if (!file)
        return false;
    fprintf(file,
            "server:\n    listen: 127.0.0.1@%d\n    rundir: %s\n    udp-workers: 1\n"
            "    tcp-workers: 1\ndatabase:\n    storage: %s\n"
            "zone:\n  - domain: bench.test\n    storage: %s\n    file: zone\n",
            port, rig.directory, rig.directory, rig.directory);
    return fclose(file) == 0;
}

/* One that is free now. */
static int free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int port = -1, fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&name, size) == 0 &&
        getsockname(fd, (struct sockaddr *)&name, &size) == 0)
        port = ntohs(name.sin_port);
    close(fd);
    return port;
}

static bool run_server(void)
{
    char settings[80];

    snprintf(settings, sizeof settings, "%s/knot.conf", rig.directory);
    rig.server = fork();
    if (rig.server)
        return rig.server > 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        _exit(1);
    execl("/usr/sbin/knotd", "knotd", "-c", settings, (char *)NULL);
    _exit(1);
}

/* Asks for n0.bench.test until there is an answer with an address, for half a minute at most. */
static bool wait_for_answer(int port)
{
    static const unsigned char query[] = "\0\1\1\0\0\1\0\0\0\0\0\0\2n0\5bench\4test\0\0\1\0\1";
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned char answer[512] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0)
        return false;
    for (int i = 0; i < 3000 && !answer[7]; i++) {
        (void)send(fd, query, sizeof query - 1, 0);
        usleep(10000);
        (void)recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    }
    close(fd);
    return answer[7] == 1;
}

int dns_rig_start(size_t names)
{
    int port = free_port();

    if (access("/usr/sbin/knotd", X_OK) != 0)
        return 0;
    strcpy(rig.directory, "/tmp/dns_rig_XXXXXX");
    if (port < 0 || !mkdtemp(rig.directory))
        return -1;
    if (write_zone(names) && write_settings(port) && run_server() && wait_for_answer(port))
        return port;
    dns_rig_stop();
    return -1;
}

void dns_rig_stop(void)
{
    pid_t remover;
    int status;

    if (rig.server > 0) {
        kill(rig.server, SIGTERM);
        waitpid(rig.server, NULL, 0);
    }
    if ((remover = fork()) == 0) {
        execlp("rm", "rm", "-rf", rig.directory, (char *)NULL);
        _exit(127);
    }
    if (remover < 0 || waitpid(remover, &status, 0) < 0 || status != 0)
        fprintf(stderr, "could not remove %s\n", rig.directory);
}
