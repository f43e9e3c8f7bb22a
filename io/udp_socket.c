/*
 * udp_socket.c: the system calls on datagram sockets.
 *
 * They stand here, in functions that are never inlined and do not wait, for the reason that
 * socket.c gives: errno is a thread-local.
 *
 * A batch is one sendmmsg or recvmmsg of at most SLEY_UDP_BATCH datagrams. Their headers (112
 * bytes each, 3.5 KiB) stand on the stack. More at once would gain little: with 32 the share of the
 * system call in the cost of a datagram is below the noise.
 *
 * MSG_TRUNC, as a flag of the call, makes the kernel say how long a datagram was that did not fit.
 *
 * Groups are joined by the protocol-independent MCAST_JOIN_GROUP, which takes the interface by
 * number for both families; the older calls want an address for one and a number for the other.
 */
#define _GNU_SOURCE
#include "udp_impl.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* An address as the system wants it. */
struct raw {
    struct sockaddr_in6 any; /* or a struct sockaddr_in in the same place */
    socklen_t size;
};

static void make_raw(struct raw *raw, const struct sley_address *address)
{
    raw->size = (socklen_t)sley_address_sockaddr(address, &raw->any, sizeof(raw->any));
}

static struct sockaddr *name_of(struct raw *raw)
{
    return (struct sockaddr *)&raw->any;
}

static int family_of(const struct sley_address *address)
{
    return address->family == 6 ? AF_INET6 : AF_INET;
}

static int option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(int fd, int family, const struct sley_udp_options *options)
{
    int error = 0;

    if (options->reuseaddr)
        error = option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && options->reuseport)
        error = option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!error && options->broadcast)
        error = option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (!error && family == AF_INET6)
        error = option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->v6only);
    if (!error && options->receive_buffer)
        error = option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
    if (!error && options->send_buffer)
        error = option(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    return error;
}

int sley__udp_socket(const struct sley_address *local, const struct sley_udp_options *options)
{
    int family = family_of(local), error;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct raw raw;

    if (fd < 0)
        return -errno;
    make_raw(&raw, local);
    error = set_options(fd, family, options);
    if (!error && bind(fd, name_of(&raw), raw.size) < 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int sley__udp_connect(int fd, const struct sley_address *peer)
{
    struct raw raw;

    make_raw(&raw, peer);
    return connect(fd, name_of(&raw), raw.size) < 0 ? -errno : 0;
}

int sley__udp_send(int fd, const void *data, size_t size, const struct sley_address *to)
{
    struct raw raw = {.size = 0};
    ssize_t count;

    if (to)
        make_raw(&raw, to);
    count = sendto(fd, data, size, MSG_NOSIGNAL, to ? name_of(&raw) : NULL, raw.size);
    return count < 0 ? -errno : (int)count;
}

int sley__udp_receive(int fd, void *buffer, size_t size, struct sley_address *from)
{
    struct raw raw = {.size = sizeof(raw.any)};
    ssize_t count = from ? recvfrom(fd, buffer, size, MSG_TRUNC, name_of(&raw), &raw.size)
                         : recv(fd, buffer, size, MSG_TRUNC);

    if (count < 0)
        return -errno;
    if (from)
        (void)sley_address_from_sockaddr(&raw.any, raw.size, from);
    return (int)count;
}

int sley__udp_send_many(int fd, const struct sley_datagram *datagrams, size_t count)
{
    struct mmsghdr headers[SLEY_UDP_BATCH];
    struct iovec parts[SLEY_UDP_BATCH];
    struct raw names[SLEY_UDP_BATCH];
    int sent;

    for (size_t i = 0; i < count; i++) {
        const struct sley_datagram *datagram = &datagrams[i];
        bool addressed = datagram->peer.family;

        names[i].size = 0;
        if (addressed)
            make_raw(&names[i], &datagram->peer);
        parts[i] = (struct iovec){datagram->data, datagram->size};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = addressed ? &names[i].any : NULL,
            .msg_namelen = names[i].size,
            .msg_iov = &parts[i],
            .msg_iovlen = 1,
        };
    }
    sent = sendmmsg(fd, headers, (unsigned)count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int sley__udp_receive_many(int fd, struct sley_datagram *datagrams, size_t count)
{
    struct mmsghdr headers[SLEY_UDP_BATCH];
    struct iovec parts[SLEY_UDP_BATCH];
    struct raw names[SLEY_UDP_BATCH];
    int received;

    for (size_t i = 0; i < count; i++) {
        struct sley_datagram *datagram = &datagrams[i];

        parts[i] = (struct iovec){datagram->data, datagram->capacity};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &names[i].any,
            .msg_namelen = sizeof(names[i].any),
            .msg_iov = &parts[i],
            .msg_iovlen = 1,
        };
    }
    received = recvmmsg(fd, headers, (unsigned)count, MSG_TRUNC, NULL);
    for (int i = 0; i < received; i++) {
        datagrams[i].size = headers[i].msg_len;
        (void)sley_address_from_sockaddr(&names[i].any, headers[i].msg_hdr.msg_namelen,
                                         &datagrams[i].peer);
    }
    return received < 0 ? -errno : received;
}

/* The number of a network, 0 for none given; negative: there is none of that name. */
static int interface_number(const char *interface)
{
    unsigned number;

    if (!interface)
        return 0;
    number = if_nametoindex(interface);
    return number ? (int)number : SLEY_ENODEV;
}

int sley__udp_group(int fd, bool join, const struct sley_address *group, const char *interface)
{
    int level = group->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    struct group_req request = {0};
    int number = interface_number(interface);

    if (number < 0)
        return number;
    request.gr_interface = (uint32_t)number;
    (void)sley_address_sockaddr(group, &request.gr_group, sizeof(request.gr_group));
    if (setsockopt(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request,
                   sizeof(request)) < 0)
        return -errno;
    return 0;
}

int sley__udp_multicast(int fd, bool v6, const char *interface, int hops, bool loop)
{
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int number = interface_number(interface);
    struct ip_mreqn v4_interface = {.imr_ifindex = number};
    int error = number < 0 ? number : 0;

    if (!error && v6)
        error = option(fd, level, IPV6_MULTICAST_IF, number);
    else if (!error &&
             setsockopt(fd, level, IP_MULTICAST_IF, &v4_interface, sizeof(v4_interface)) < 0)
        error = -errno;
    if (!error)
        error = option(fd, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, hops);
    if (!error)
        error = option(fd, level, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, loop);
    return error;
}

int sley__udp_name(int fd, bool peer, struct sley_address *out)
{
    struct raw raw = {.size = sizeof(raw.any)};

    if ((peer ? getpeername : getsockname)(fd, name_of(&raw), &raw.size) < 0)
        return -errno;
    return sley_address_from_sockaddr(&raw.any, raw.size, out);
}
