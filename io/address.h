/*
 * address.h: numeric addresses, read and written. See address.c.
 */
#ifndef SLEY_ADDRESS_H
#define SLEY_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base.h"

struct sley__address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t size;
};

/* What the longest address needs: "[fe80:....%interface]:65535" and the NUL. */
enum { SLEY__ADDRESS_TEXT = 72 };

/* A numeric host, without brackets, and a port. False if the host is not numeric. Never blocks. */
MUST_USE bool sley__address_numeric(struct sley__address *address, const char *host, int port);

/* "HOST:PORT" with a numeric host, "[V6]:PORT", ":PORT" (any IPv4). False if it is none of these.
 */
MUST_USE bool sley__address_parse(struct sley__address *address, const char *text);

/* From what a system call has filled in. */
void sley__address_set(struct sley__address *address, const struct sockaddr *from, socklen_t size);

/* "127.0.0.1:80", "[::1]:80". False if it does not fit. */
MUST_USE bool sley__address_format(const struct sley__address *address, char *buffer, size_t size);

int sley__address_port(const struct sley__address *address);

#endif
