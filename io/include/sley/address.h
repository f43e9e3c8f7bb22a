/*
 * sley/address.h: an address and a port of the Internet, as a value.
 *
 * It has fields of its own and not the system's struct sockaddr, so that including it does not
 * bring in the names of all socket calls. Nothing here asks a name server: <sley/dns.h> does.
 */
#ifndef SLEY_ADDRESS_VALUE_H
#define SLEY_ADDRESS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A value: copy it freely. {0} is no address. */
struct sley_address {
    uint8_t family;    /* 4: IPv4, 6: IPv6, 0: none */
    uint8_t unused;    /* 0 */
    uint16_t port;     /* 0 .. 65535, in the machine's order */
    uint32_t scope;    /* IPv6: the number of the interface that a link-local address is of, or 0 */
    uint8_t bytes[16]; /* in the network's order: all of IPv6, the first 4 of IPv4 (others 0) */
};

/* What the longest text needs: "[fe80:....%interface]:65535" and the NUL. */
#define SLEY_ADDRESS_TEXT 72

/* Reads "HOST:PORT" with a numeric host: "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53", ":53"
 * (any address of IPv4).
 *   out  receives the address; untouched on failure
 * Returns 0, or SLEY_EINVAL if it cannot be read so. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_address_parse(const char *text, struct sley_address *out);

/* The same from a numeric host without brackets, "127.0.0.1" or "::1", and a port, 0 .. 65535. 0 or
 * SLEY_EINVAL. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_address_numeric(const char *host, int port, struct sley_address *out);

/* Writes "127.0.0.1:53" or "[::1]:53", NUL-terminated. 0, SLEY_EMSGSIZE (size too small;
 * SLEY_ADDRESS_TEXT always does), or SLEY_EINVAL (neither IPv4 nor IPv6). Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_address_format(const struct sley_address *address, char *buffer, size_t size);

/* Writes the system's form, a struct sockaddr_in or sockaddr_in6, for use in a call to the system.
 * Returns its size in bytes; 0 if `size` is too small (28 always suffices) or it is no address. Any
 * thread. Never parks. Since 0.1. */
SLEY_EXPORT size_t sley_address_sockaddr(const struct sley_address *address, void *sockaddr,
                                         size_t size);

/* Reads the system's form. 0, or SLEY_EINVAL if it is neither IPv4 nor IPv6 or too short; `out` is
 * untouched then. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_address_from_sockaddr(const void *sockaddr, size_t size,
                                           struct sley_address *out);

/* Whether two are the same host (its scope included) and port. Any thread. Never parks. Since 0.1.
 */
SLEY_EXPORT bool sley_address_equal(const struct sley_address *a, const struct sley_address *b);

#ifdef __cplusplus
}
#endif
#endif
