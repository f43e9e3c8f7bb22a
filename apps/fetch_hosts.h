/*
 * fetch_hosts.h: which file comes next: a queue per host, and how much a host stands.
 *
 * Belongs to one task (the main one); nothing in it parks, nothing in it knows the time but by what
 * it is told.
 */
#ifndef SLEY_APPS_FETCH_HOSTS_H
#define SLEY_APPS_FETCH_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch_list.h"

struct fetch_host;
struct fetch_timer;

/* A value; from fetch_hosts_init() to fetch_hosts_close(). */
struct fetch_hosts {
    struct fetch_host *table;         /* uthash, by scheme, name and port */
    struct fetch_host *first, **last; /* hosts with something that may start now */
    struct fetch_timer *timers;       /* a binary heap by time */
    size_t timer_count, timer_room;
    unsigned most; /* transfers of one host at once */
};

void fetch_hosts_init(struct fetch_hosts *hosts, unsigned most);
void fetch_hosts_close(struct fetch_hosts *hosts);

/* Has the item wait for its turn, from the time `when` on (ns; 0: now). False: no memory. */
bool fetch_hosts_add(struct fetch_hosts *hosts, struct fetch_item *item, int64_t when);

/* Takes an item that may start now; it counts as active until one of the calls below. Hosts take
 * turns. NULL: there is none; *when is the time from which on there may be one, SLEY_FOREVER if
 * there will be none before an active one has ended. */
struct fetch_item *fetch_hosts_take(struct fetch_hosts *hosts, int64_t now, int64_t *when);

/* A transfer has got a good answer, and goes on: more may be asked of the host. Once for each; its
 * end then says nothing more, if it is good. */
void fetch_hosts_answer(struct fetch_hosts *hosts, const struct fetch_item *item);

/* A transfer has ended: well, without a word before / because there is too much of us: the limit is
 * halved, if it was not since that transfer began (true: it was not, so this one is to blame) / in
 * a way that says nothing of it. */
void fetch_hosts_good(struct fetch_hosts *hosts, const struct fetch_item *item);
bool fetch_hosts_bad(struct fetch_hosts *hosts, const struct fetch_item *item, int64_t now);
void fetch_hosts_other(struct fetch_hosts *hosts, const struct fetch_item *item);

/* The host wants to be left alone until `when`. False: no memory, it will not be. */
bool fetch_hosts_pause(struct fetch_hosts *hosts, const struct fetch_item *item, int64_t when);

/* The host of an item that was added: "http://name:80", to be shown. */
const char *fetch_hosts_name(const struct fetch_item *item);

/* Whether this is the first failure of something from that host: true once. */
bool fetch_hosts_first_failure(const struct fetch_item *item);

/* How many of this item's host may be active at once now. */
unsigned fetch_hosts_limit(const struct fetch_item *item);

/* How many hosts there are. */
size_t fetch_hosts_count(const struct fetch_hosts *hosts);

#endif
