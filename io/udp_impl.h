/*
 * udp_impl.h: system calls on datagram sockets. See udp_socket.c.
 *
 * Each returns the call's result (>= 0) or -errno, which is a SLEY_E*. Any thread. Never park.
 */
#ifndef SLEY_UDP_IMPL_H
#define SLEY_UDP_IMPL_H

#include <sley/udp.h>

#include "base.h"

/* A socket with the address, non-blocking and close-on-exec. */
MUST_USE NOINLINE int sley__udp_socket(const struct sley_address *local,
                                       const struct sley_udp_options *options);
MUST_USE NOINLINE int sley__udp_connect(int fd, const struct sley_address *peer);

MUST_USE NOINLINE int sley__udp_send(int fd, const void *data, size_t size,
                                     const struct sley_address *to);
/* The datagram's whole length, cut or not. `from` may be NULL. */
MUST_USE NOINLINE int sley__udp_receive(int fd, void *buffer, size_t size,
                                        struct sley_address *from);

/* At most SLEY_UDP_BATCH of them; how many. */
MUST_USE NOINLINE int sley__udp_send_many(int fd, const struct sley_datagram *datagrams,
                                          size_t count);
MUST_USE NOINLINE int sley__udp_receive_many(int fd, struct sley_datagram *datagrams, size_t count);

/* `interface` may be NULL. */
MUST_USE NOINLINE int sley__udp_group(int fd, bool join, const struct sley_address *group,
                                      const char *interface);
MUST_USE NOINLINE int sley__udp_multicast(int fd, bool v6, const char *interface, int hops,
                                          bool loop);
MUST_USE NOINLINE int sley__udp_name(int fd, bool peer, struct sley_address *out);

#endif
