/*
 * resolve.c: names to addresses, for those parts of io that connect.
 *
 * They ask the runtime's own resolver (<sley/dns.h>), whose order of addresses is theirs, too. What
 * kind of failure it was is that header's business; to them a name could be resolved or not.
 */
#include "resolve.h"

#include <stdlib.h>

#include "dns_impl.h"

static int error_of(int code)
{
    switch (code) {
    case SLEY_ENXDOMAIN:
    case SLEY_ENODATA:
    case SLEY_ESERVFAIL:
    case SLEY_EREFUSED:
    case SLEY_ENOANSWER:
    case SLEY_ENOSERVER:
    case SLEY_EBADANSWER:
    case SLEY_EINVAL: /* it is no name */
        return SLEY_ENAME;
    default:
        return code;
    }
}

int sley__resolve(struct sley__io *io, const char *host, int port, struct sley__address **addresses,
                  size_t *count)
{
    return sley__resolve_some(io, host, port, NULL, addresses, count);
}

int sley__resolve_some(struct sley__io *io UNUSED, const char *host, int port, bool *partial,
                       struct sley__address **addresses, size_t *count)
{
    struct sley_addrs *found;
    int error = error_of(sley__dns_addresses(host, port, NULL, partial, &found));

    if (error)
        return error;
    *addresses = malloc(found->count * sizeof(**addresses));
    *count = *addresses ? found->count : 0;
    for (size_t i = 0; i < *count; i++) {
        struct sley__address *address = &(*addresses)[i];

        address->size =
            (socklen_t)sley_address_sockaddr(&found->at[i], &address->v6, sizeof(address->v6));
    }
    sley_addrs_free(found);
    return *count ? 0 : SLEY_ENOMEM;
}
