/*
 * dns_server.h: a lane to a name server, and the sockets that c-ares has in it. See dns_socket.c.
 */
#ifndef SLEY_DNS_SERVER_H
#define SLEY_DNS_SERVER_H

#include <ares.h>

#include "dns_impl.h"

enum {
    SLEY__DNS_QUERY_MAX = 12 + 255 + 4 + 11, /* header, name, type and class, EDNS */
    SLEY__DNS_UDP_MAX = 1232,                /* what we let servers send in a datagram */
    SLEY__DNS_BATCH = 32,                    /* datagrams to a system call */
    SLEY__DNS_LANES = 2,                     /* channels to a server */
};

struct sley__dns_socket;
struct sley__dns_outgoing;
struct sley__dns_incoming;

/* I/O thread only, once the resolver is made. */
struct sley__dns_server {
    struct sley_resolver *resolver;
    struct sley_address address;
    ares_channel channel;               /* of this lane alone */
    unsigned sent;                      /* queries, since the datagram socket was opened */
    struct sley__dns_socket *udp, *tcp; /* at most one of each is open */
    struct sley__dns_outgoing *outgoing;
    struct sley__dns_incoming *incoming;
    int open_error; /* why no socket could be opened, a negative SLEY_E*, or 0 */
    int lost;       /* the errno by which the datagram socket has failed, or 0 */
    bool plain;     /* it does not know EDNS */
};

/* Makes c-ares use our sockets. 0 or SLEY_ENOMEM. */
MUST_USE int sley__dns_sockets_make(struct sley__dns_server *server);
void sley__dns_sockets_close(struct sley__dns_server *server);

/* Sends what has been collected; and hands an error of that to c-ares. Not from its callbacks. */
void sley__dns_sockets_flush(struct sley__dns_server *server);

/* For ares_options.sock_state_cb, with the server as data. */
void sley__dns_sockets_state(void *data, ares_socket_t fd, int readable, int writable);

#endif
