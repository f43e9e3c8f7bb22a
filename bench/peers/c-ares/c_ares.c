/*
 * c_ares.c: the row `dns` with c-ares itself, in one thread and one epoll loop, as its manual has
 * it: one channel, callbacks, a new query whenever one has ended. It is told of the server only, so
 * that it reads no files; buffers are as large as ours. There is no cache in this version and none
 * is needed: no two questions are the same.
 *
 * ares_timeout() walks through all queries under way; it is called once per sleep, which is what
 * the manual asks for, not once per answer.
 */
#define _GNU_SOURCE
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dns_rig.h"
#include "peers/common/peer.h"

enum { IN_FLIGHT = 1000 };

static ares_channel channel;
static size_t names, next, over, right;
static int set;

static void ask(void);

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
    struct ares_addrttl address;
    unsigned char expected[4];
    char name[DNS_RIG_NAME];
    bool exists = dns_rig_question((size_t)(uintptr_t)arg, name, expected);
    int count = 1;

    (void)timeouts;
    over++;
    if (status == ARES_ENOTFOUND)
        right += !exists;
    else if (status == ARES_SUCCESS &&
             ares_parse_a_reply(bytes, size, NULL, &address, &count) == ARES_SUCCESS)
        right += exists && count == 1 && memcmp(&address.ipaddr, expected, 4) == 0;
    ask();
}

static void ask(void)
{
    unsigned char unused[4];
    char name[DNS_RIG_NAME];

    if (next == names)
        return;
    dns_rig_question(next, name, unused);
    next++;
    ares_query(channel, name, 1, 1, on_answer, (void *)(uintptr_t)(next - 1));
}

static void on_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct epoll_event event = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
                                .data.fd = fd};

    (void)data;
    if (!event.events)
        epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
        epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
}

static void open_channel(int port)
{
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_STAYOPEN,
                                   .timeout = 2000,
                                   .tries = 3,
                                   .sock_state_cb = on_state,
                                   .socket_send_buffer_size = 1 << 20,
                                   .socket_receive_buffer_size = 1 << 20};
    char servers[40];

    snprintf(servers, sizeof servers, "127.0.0.1:%d", port);
    if (ares_library_init(ARES_LIB_INIT_ALL) || (set = epoll_create1(0)) < 0 ||
        ares_init_options(&channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                              ARES_OPT_SOCK_STATE_CB | ARES_OPT_SOCK_SNDBUF |
                              ARES_OPT_SOCK_RCVBUF) ||
        ares_set_servers_ports_csv(channel, servers))
        peer_fail("no channel");
}

static void run_loop(void)
{
    while (over < names) {
        struct epoll_event events[16];
        struct timeval most = {1, 0}, *wait = ares_timeout(channel, &most, &most);
        int count = epoll_wait(set, events, 16, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000));

        for (int i = 0; i < count; i++)
            ares_process_fd(channel,
                            events[i].events & ~(unsigned)EPOLLOUT ? events[i].data.fd
                                                                   : ARES_SOCKET_BAD,
                            events[i].events & EPOLLOUT ? events[i].data.fd : ARES_SOCKET_BAD);
        if (count <= 0)
            ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
}

static void run_dns(const struct peer_setup *setup)
{
    int port;
    int64_t begin, cpu;

    if (setup->workers != 1)
        peer_decline("a channel is one thread's");
    names = setup->quick ? 10000 : 100000;
    port = dns_rig_start(names);
    if (port <= 0)
        peer_decline("no Knot");
    open_channel(port);
    begin = peer_now();
    cpu = peer_cpu();
    for (int i = 0; i < IN_FLIGHT; i++)
        ask();
    run_loop();
    peer_metric("us_per_name", (double)(peer_now() - begin) / (double)names / 1e3);
    peer_metric("us_cpu_per_name", (double)(peer_cpu() - cpu) / (double)names / 1e3);
    peer_check((int64_t)right);
    dns_rig_stop();
}

static const struct peer_row rows[] = {{"dns", run_dns, NULL}, {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "c-ares", rows);
}
