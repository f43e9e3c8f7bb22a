/*
 * dns_sort.c: which address of a host to try first (RFC 6724).
 *
 * The rules compare destinations by the source address that the system would use for each. It is
 * asked by connecting a datagram socket, which sends nothing: three system calls an address at
 * most, 2 us. Kept of the rules: 1 (can be reached at all), 2 (the scopes match), 5 (the labels
 * match), 6 (the precedence of the table), 8 (the smaller scope), 9 (the longest common prefix,
 * IPv6 only: for IPv4 it sends all clients of a site to one server) and 10 (else as they came).
 * Left out are those about deprecated and home addresses and tunnels, which a program cannot see.
 * The table is the standard's; a machine's own one (gai.conf) is not read.
 *
 * A host with hundreds of addresses gets the first MOST of them in order.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns_impl.h"

enum { MOST = 64 };

struct candidate {
    struct sley_address address;
    bool usable, same_scope, same_label;
    int precedence, scope, prefix, place;
};

/* As IPv6 sees it: IPv4 is mapped. */
static void as_v6(const struct sley_address *address, uint8_t bytes[16])
{
    if (address->family == 6) {
        memcpy(bytes, address->bytes, 16);
        return;
    }
    memset(bytes, 0, 16);
    bytes[10] = bytes[11] = 0xff;
    memcpy(bytes + 12, address->bytes, 4);
}

static int common_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
    int same = 0;

    while (same < bits && !((a[same / 8] ^ b[same / 8]) & (0x80 >> same % 8)))
        same++;
    return same;
}

struct policy {
    uint8_t prefix[16];
    int bits, precedence, label;
};

/* Section 2.1 of the standard; the longest match is the first one. */
static const struct policy *policy_of(const uint8_t bytes[16])
{
    static const struct policy table[] = {
        {{[15] = 1}, 128, 50, 0},  {{[10] = 0xff, [11] = 0xff}, 96, 35, 4},
        {{0}, 96, 1, 3},           {{0x20, 0x01}, 32, 5, 5},
        {{0x20, 0x02}, 16, 30, 2}, {{0x3f, 0xfe}, 16, 1, 12},
        {{0xfe, 0xc0}, 10, 1, 11}, {{0xfc}, 7, 3, 13},
        {{0}, 0, 40, 1},
    };
    size_t i = 0;

    while (common_prefix(bytes, table[i].prefix, table[i].bits) < table[i].bits)
        i++;
    return &table[i];
}

/* 2: link-local, 5: site-local, 14: global; that of a group is in it. */
static int scope_of(const uint8_t bytes[16])
{
    bool v4 = policy_of(bytes)->label == 4;

    if (v4)
        return bytes[12] == 127 || (bytes[12] == 169 && bytes[13] == 254) ? 2 : 14;
    if (bytes[0] == 0xff)
        return bytes[1] & 15;
    if (policy_of(bytes)->precedence == 50 || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80))
        return 2;
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0xc0 ? 5 : 14;
}

/* Where a datagram to it would come from. False: there is no way. */
static bool find_source(const struct sley_address *to, int *sockets, struct sley_address *source)
{
    int *fd = &sockets[to->family == 6];
    struct sley_address target = *to;
    struct sockaddr_in6 raw;
    socklen_t size;

    if (*fd < 0)
        *fd = socket(to->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return false;
    target.port = 53; /* any but 0, which some systems refuse */
    size = (socklen_t)sley_address_sockaddr(&target, &raw, sizeof(raw));
    if (connect(*fd, (struct sockaddr *)&raw, size) < 0)
        return false;
    size = sizeof(raw);
    return getsockname(*fd, (struct sockaddr *)&raw, &size) == 0 &&
           sley_address_from_sockaddr(&raw, size, source) == 0;
}

static void judge(struct candidate *candidate, int *sockets)
{
    struct sley_address source;
    uint8_t to[16], from[16];

    as_v6(&candidate->address, to);
    candidate->precedence = policy_of(to)->precedence;
    candidate->scope = scope_of(to);
    candidate->usable = find_source(&candidate->address, sockets, &source);
    if (!candidate->usable)
        return;
    as_v6(&source, from);
    candidate->same_scope = scope_of(from) == candidate->scope;
    candidate->same_label = policy_of(from)->label == policy_of(to)->label;
    candidate->prefix = candidate->address.family == 6 ? common_prefix(to, from, 64) : 0;
}

static int compare(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->usable != b->usable)
        return b->usable - a->usable;
    if (a->same_scope != b->same_scope)
        return b->same_scope - a->same_scope;
    if (a->same_label != b->same_label)
        return b->same_label - a->same_label;
    if (a->precedence != b->precedence)
        return b->precedence - a->precedence;
    if (a->scope != b->scope)
        return a->scope - b->scope;
    if (a->address.family == 6 && b->address.family == 6 && a->prefix != b->prefix)
        return b->prefix - a->prefix;
    return a->place - b->place;
}

void sley__dns_sort(struct sley_address *addresses, size_t count)
{
    struct candidate *candidates;
    int sockets[2] = {-1, -1};

    if (count > MOST)
        count = MOST;
    if (count < 2 || !(candidates = calloc(count, sizeof(*candidates))))
        return; /* in the order of the answer, then */
    for (size_t i = 0; i < count; i++) {
        candidates[i] = (struct candidate){.address = addresses[i], .place = (int)i};
        judge(&candidates[i], sockets);
    }
    qsort(candidates, count, sizeof(*candidates), compare);
    for (size_t i = 0; i < count; i++)
        addresses[i] = candidates[i].address;
    free(candidates);
    for (int i = 0; i < 2; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
}
