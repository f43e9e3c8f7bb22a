/*
 * dns_rig.h: a name server for the row `dns`, of us and of the peers. See dns_rig.c.
 */
#ifndef BENCH_DNS_RIG_H
#define BENCH_DNS_RIG_H

#include <stdbool.h>
#include <stddef.h>

enum { DNS_RIG_NAME = 40 };

/* Starts Knot on a port of 127.0.0.1, with a zone of `names` names, and waits until it answers. The
 * port; 0: there is no Knot here; -1: it could not be started. One per process. */
int dns_rig_start(size_t names);

/* Ends it and removes its files. */
void dns_rig_stop(void);

/* The n-th name to ask for: every other one exists, names/2 of `names`; and the address that it
 * has, in network order. False: it does not exist. */
bool dns_rig_question(size_t n, char name[DNS_RIG_NAME], unsigned char address[4]);

#endif
