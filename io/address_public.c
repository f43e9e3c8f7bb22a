/*
 * address_public.c: addresses as users see them. The contract is in <sley/address.h>.
 *
 * The text is address.c's business, which works on the system's form. Comparing is comparing bytes,
 * so unused ones are 0.
 */
#include <sley/address.h>

#include <netinet/in.h>
#include <string.h>

#include "address.h"

static void from_v4(const struct sockaddr_in *v4, struct sley_address *out)
{
    *out = (struct sley_address){.family = 4, .port = ntohs(v4->sin_port)};
    memcpy(out->bytes, &v4->sin_addr, 4);
}

static void from_v6(const struct sockaddr_in6 *v6, struct sley_address *out)
{
    *out = (struct sley_address){
        .family = 6, .port = ntohs(v6->sin6_port), .scope = v6->sin6_scope_id};
    memcpy(out->bytes, &v6->sin6_addr, 16);
}

int sley_address_from_sockaddr(const void *sockaddr, size_t size, struct sley_address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    sa_family_t family;

    if (size < sizeof(family))
        return SLEY_EINVAL;
    memcpy(&family, sockaddr, sizeof(family)); /* the first field of all of them, here */
    if (family == AF_INET && size >= sizeof(v4)) {
        memcpy(&v4, sockaddr, sizeof(v4));
        from_v4(&v4, out);
        return 0;
    }
    if (family != AF_INET6 || size < sizeof(v6))
        return SLEY_EINVAL;
    memcpy(&v6, sockaddr, sizeof(v6));
    from_v6(&v6, out);
    return 0;
}

_Static_assert(offsetof(struct sockaddr, sa_family) == 0, "where the family is");

size_t sley_address_sockaddr(const struct sley_address *address, void *sockaddr, size_t size)
{
    if (address->family == 4 && size >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};

        memcpy(&v4.sin_addr, address->bytes, 4);
        memcpy(sockaddr, &v4, sizeof(v4));
        return sizeof(v4);
    }
    if (address->family == 6 && size >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                                  .sin6_port = htons(address->port),
                                  .sin6_scope_id = address->scope};

        memcpy(&v6.sin6_addr, address->bytes, 16);
        memcpy(sockaddr, &v6, sizeof(v6));
        return sizeof(v6);
    }
    return 0;
}

int sley_address_parse(const char *text, struct sley_address *out)
{
    struct sley__address parsed;

    if (!text || !sley__address_parse(&parsed, text))
        return SLEY_EINVAL;
    return sley_address_from_sockaddr(&parsed.any, parsed.size, out);
}

int sley_address_numeric(const char *host, int port, struct sley_address *out)
{
    struct sley__address parsed;

    if (!host || port < 0 || port > UINT16_MAX || !sley__address_numeric(&parsed, host, port))
        return SLEY_EINVAL;
    return sley_address_from_sockaddr(&parsed.any, parsed.size, out);
}

int sley_address_format(const struct sley_address *address, char *buffer, size_t size)
{
    struct sley__address internal;

    internal.size = (socklen_t)sley_address_sockaddr(address, &internal.v6, sizeof(internal.v6));
    if (!internal.size)
        return SLEY_EINVAL;
    return sley__address_format(&internal, buffer, size) ? 0 : SLEY_EMSGSIZE;
}

bool sley_address_equal(const struct sley_address *a, const struct sley_address *b)
{
    return a->family && a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
