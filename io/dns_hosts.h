/*
 * dns_hosts.h: the file of hosts. See dns_hosts.c.
 */
#ifndef SLEY_DNS_HOSTS_H
#define SLEY_DNS_HOSTS_H

#include <sley/address.h>

#include "dns_name.h"

/* Constant once it is made. */
struct sley__dns_hosts;

/* Reads the text of a file. NULL: no memory. Any thread. */
struct sley__dns_hosts *sley__dns_hosts_read(const char *text, size_t size);
void sley__dns_hosts_free(struct sley__dns_hosts *hosts);

/* The addresses of `name` of a family (0: all), in the order of the file: at most `room`; how many
 * there are. *known: the name is there, perhaps with another family only. */
size_t sley__dns_hosts_find(const struct sley__dns_hosts *hosts, const struct sley__dns_name *name,
                            int family, struct sley_address *out, size_t room, bool *known);

/* The first name of an address, or NULL. */
const struct sley__dns_name *sley__dns_hosts_name(const struct sley__dns_hosts *hosts,
                                                  const struct sley_address *address);

#endif
