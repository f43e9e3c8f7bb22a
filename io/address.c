/*
 * address.c: the text of numeric addresses.
 *
 * Only inet_pton and inet_ntop of the C library are used: getaddrinfo, even when told that a host
 * is numeric, reads files and takes locks, and these functions run on workers. An IPv6 scope is
 * accepted as a name or a number ("fe80::1%eth0").
 */
#define _GNU_SOURCE
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "%eth0" or "%2" behind an IPv6 address: the interface's number, 0 if there is none such. */
static unsigned scope_number(const char *scope)
{
    char *end;
    unsigned long number = strtoul(scope, &end, 10);

    if (*scope && !*end && number <= UINT32_MAX)
        return (unsigned)number;
    return if_nametoindex(scope);
}

static bool numeric_v6(struct sley__address *address, const char *host, uint16_t port)
{
    char plain[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t length = percent ? (size_t)(percent - host) : strlen(host);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (length >= sizeof(plain))
        return false;
    memcpy(plain, host, length);
    plain[length] = '\0';
    if (inet_pton(AF_INET6, plain, &v6.sin6_addr) != 1)
        return false;
    if (percent && !(v6.sin6_scope_id = scope_number(percent + 1)))
        return false;
    address->v6 = v6;
    address->size = sizeof(v6);
    return true;
}

bool sley__address_numeric(struct sley__address *address, const char *host, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return numeric_v6(address, host, (uint16_t)port);
    address->v4 = v4;
    address->size = sizeof(v4);
    return true;
}

/* 1 to 5 digits, at most 65535; else -1. */
static int parse_port(const char *text)
{
    int port = 0;
    size_t length = strlen(text);

    if (length < 1 || length > 5 || strspn(text, "0123456789") != length)
        return -1;
    for (; *text; text++)
        port = port * 10 + (*text - '0');
    return port <= UINT16_MAX ? port : -1;
}

bool sley__address_parse(struct sley__address *address, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[64] = "0.0.0.0";
    bool bracket = *text == '[';
    size_t length;
    int port;

    if (!colon || (port = parse_port(colon + 1)) < 0)
        return false;
    length = (size_t)(colon - text);
    if (length == 0)
        return sley__address_numeric(address, host, port);
    if (bracket && text[length - 1] != ']')
        return false;
    text += bracket;
    length -= bracket ? 2 : 0;
    if (length >= sizeof(host))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    /* A bare IPv6 address would leave open where the port begins. */
    return bracket == (strchr(host, ':') != NULL) && sley__address_numeric(address, host, port);
}

void sley__address_set(struct sley__address *address, const struct sockaddr *from, socklen_t size)
{
    ensure_msg(size <= sizeof(address->v6), "an address of %u bytes", (unsigned)size);
    memcpy(&address->any, from, size);
    address->size = size;
}

static bool format_v6(const struct sockaddr_in6 *v6, char *buffer, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    char scope[16] = "";
    int length;

    if (!inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)))
        return false;
    if (v6->sin6_scope_id)
        snprintf(scope, sizeof(scope), "%%%u", v6->sin6_scope_id);
    length = snprintf(buffer, size, "[%s%s]:%u", host, scope, ntohs(v6->sin6_port));
    return length >= 0 && (size_t)length < size;
}

bool sley__address_format(const struct sley__address *address, char *buffer, size_t size)
{
    char host[INET_ADDRSTRLEN];
    int length;

    if (address->any.sa_family == AF_INET6)
        return format_v6(&address->v6, buffer, size);
    if (address->any.sa_family != AF_INET ||
        !inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host)))
        return false;
    length = snprintf(buffer, size, "%s:%u", host, ntohs(address->v4.sin_port));
    return length >= 0 && (size_t)length < size;
}

int sley__address_port(const struct sley__address *address)
{
    bool v6 = address->any.sa_family == AF_INET6;

    return ntohs(v6 ? address->v6.sin6_port : address->v4.sin_port);
}
