/*
 * dns_impl.h: what the files of the resolver share. dns.c tells how they go together.
 */
#ifndef SLEY_DNS_IMPL_H
#define SLEY_DNS_IMPL_H

#include <sley/dns.h>

#include "dns_hosts.h"
#include "dns_name.h"
#include "dns_parse.h"
#include "dns_window.h"
#include "list.h"
#include "lock.h"
#include "loop.h"

struct sley__dns_server;
struct sley__dns_entry;

/* A quarter of the timeout, a half, all of it: see dns_loop.c. */
enum { SLEY__DNS_RESTS = 3 };

/* --- settings (dns_config.c) ------------------------------------------------------------------ */

/* What the options and the system's file say together. Constant once it is made. */
struct sley__dns_config {
    struct sley_address *servers;
    size_t server_count;
    struct sley__dns_name *search;
    size_t search_count;
    int ndots, timeout_ms, tries, in_flight;
    size_t cache;
    int64_t ttl_max, ttl_max_missing; /* ns */
    char *hosts;                      /* path; NULL: none */
};

/* Reads the file too: blocks. 0, SLEY_EINVAL, SLEY_ENOMEM; on failure there is nothing to close.
 * Any thread. */
MUST_USE int sley__dns_config_make(struct sley__dns_config *config,
                                   const struct sley_resolver_options *options);
void sley__dns_config_close(struct sley__dns_config *config);

/* --- questions (dns_cache.c) ------------------------------------------------------------------ */

/* A task that waits for some questions at once. On its stack; under the resolver's lock. */
struct sley__dns_call {
    struct sley__waker waker;
    int pending;
    bool hasty;    /* see sley__dns_ask */
    bool answered; /* a question has an answer that is none of failure */
    bool enough;   /* what is pending is not waited for */
};

/* One of its questions. On its stack; under the resolver's lock until the wait is over. */
struct sley__dns_wait {
    struct list link; /* in the entry's waiters */
    struct sley__dns_call *call;
    const struct sley__dns_name *name;
    enum sley_dns_type type;
    int code;                        /* the outcome */
    struct sley__dns_answer *answer; /* with code 0; a reference of the waiter's */
    int server;                      /* whose answer it was; -1: nobody's */
    bool left;                       /* there was enough without it: it has no outcome */
};

/* Asks all of them and waits until each has its outcome. Or, if it is hasty, until there is enough
 * to begin with (RFC 8305, section 3): addresses of IPv6, or those of IPv4 for 50 ms. 0, or why it
 * could not wait: then there are no outcomes. From a task. May park. */
MUST_USE int sley__dns_ask(struct sley_resolver *resolver, struct sley__dns_wait *waits, int count,
                           bool hasty);

/* --- the file of hosts (dns_file.c) ------------------------------------------------------------
 */

/* By what a file is known to be the same. */
struct sley__dns_mark {
    uint64_t device, inode;
    int64_t size, seconds, nanoseconds;
};

struct sley__dns_look {
    const char *path;
    bool first;                    /* there is no mark yet */
    struct sley__dns_mark mark;    /* of what is known; receives that of what was read */
    struct sley__dns_hosts *hosts; /* what was read; NULL: it is as before, or no memory */
};

/* Reads the file of a struct sley__dns_look, if it has changed. Blocks. 0. */
int sley__dns_look_at_hosts(void *arg);

/* --- the resolver ----------------------------------------------------------------------------- */

struct sley_resolver {
    struct sley__loop *loop;
    struct sley__dns_config config;

    struct sley__lock lock; /* protects the next ones */
    struct sley__dns_entry *table;
    struct list recent; /* entries that have an outcome, the one used last in front */
    size_t kept;        /* how many those are */
    size_t users;       /* calls inside, and questions that the I/O thread has */
    bool closed;        /* sley_resolver_free() */
    bool gone;          /* the I/O thread's part is over, too */
    int64_t hosts_due;  /* when to look whether the hosts file has changed */
    bool hosts_busy;    /* somebody does */
    struct sley__dns_hosts *hosts;
    struct sley__dns_mark hosts_mark;
    struct sley_resolver_stats stats; /* but for what the I/O thread counts */

    uint64_t hash_seed; /* constant */

    /* I/O thread only, but for what stats reads (relaxed) */
    struct sley__resident resident;
    struct sley__deferred round;
    struct sley__inbox_node open_node, close_node;
    uv_timer_t timer;
    struct sley__dns_server *servers;     /* each server's lanes, one behind the other */
    size_t lane_count;                    /* all of them */
    uint8_t *lanes;                       /* the one of each server that is used now */
    int preferred;                        /* the server that is asked first */
    struct list queue;                    /* entries whose turn has not come */
    struct list resting[SLEY__DNS_RESTS]; /* those that wait before they ask again; each sorted */
    int rest_count;                       /* in all of them */
    bool closing;                         /* the handles are on their way out */
    int handles;                          /* uv handles not yet closed */
    struct sley__dns_window window;
    atomic(uint32_t) in_flight, waiting;
    atomic(uint64_t) queries, timeouts, dropped;
    uint8_t random[256];
    size_t random_left;
};

/* A call begins: until it leaves the resolver stays. SLEY_ECLOSED: it is to go. Any thread. */
MUST_USE int sley__dns_enter(struct sley_resolver *resolver);

/* The last user leaves: frees it if the owner and the I/O thread are done with it. With the lock
 * held, which is released. Any thread. */
void sley__dns_leave(struct sley_resolver *resolver);

/* Frees what is left of it. Nobody else may know it. */
void sley__dns_destroy(struct sley_resolver *resolver);

/* The runtime's own. From a task. May park. */
MUST_USE int sley__dns_default(struct sley_resolver **out);

/* --- what the I/O thread does with entries (dns_loop.c, dns_cache.c) ----------------------------
 */

struct sley__dns_outcome {
    int code, server;
    int64_t ttl;                     /* seconds */
    struct sley__dns_answer *answer; /* one reference */
};

/* An entry's part in the loop. I/O thread only, but for the node. */
struct sley__dns_job {
    struct sley__inbox_node node;
    struct list link; /* in the queue, or with those that rest */
    struct sley_resolver *resolver;
    int attempt;     /* how many servers it has been sent to before */
    int absent;      /* how many of them, one after the other, were not there */
    int first;       /* the one it was sent to first */
    int server;      /* the one it is sent to now */
    int lane;        /* in servers[] */
    bool plain;      /* without EDNS */
    int64_t sent_at; /* ns of the clock */
    int64_t due;     /* the same, while it rests: when to go back to the queue */
};

/* Begins a job: node.run. I/O thread only. */
void sley__dns_loop_start(struct sley__inbox_node *node);

/* What it asks. */
enum sley_dns_type sley__dns_job_question(const struct sley__dns_job *job,
                                          struct sley__dns_name *name);

/* Gives the outcome to all who wait, and keeps or frees the entry. I/O thread only. */
void sley__dns_finish(struct sley__dns_job *job, const struct sley__dns_outcome *outcome);

/* Frees the entry, if nobody waits for it. I/O thread only. */
MUST_USE bool sley__dns_drop(struct sley__dns_job *job);

/* Frees all entries that have an outcome. With the lock held. */
void sley__dns_forget(struct sley_resolver *resolver);

/* Makes the servers' channels; the I/O thread need not know yet. 0 or SLEY_ENOMEM. And ends them,
 * with no query under way. Any thread. */
MUST_USE int sley__dns_servers_make(struct sley_resolver *resolver);
void sley__dns_servers_close(struct sley_resolver *resolver);

/* Takes the resolver up on the loop, and ends it there. Run as nodes. */
void sley__dns_loop_open(struct sley__inbox_node *node);
void sley__dns_loop_close(struct sley__inbox_node *node);

/* One of the uv handles is closed. I/O thread only. */
void sley__dns_handle_closed(struct sley_resolver *resolver);

/* --- lookups ---------------------------------------------------------------------------------- */

/* As sley_getaddrinfo(); but with `partial` it does not wait for one family when it has the other,
 * and says so there. To ask once more is to wait for both. */
MUST_USE int sley__dns_addresses(const char *host, int port,
                                 const struct sley_lookup_options *options, bool *partial,
                                 struct sley_addrs **out);

/* Sorts by RFC 6724. Any thread; makes system calls. */
void sley__dns_sort(struct sley_address *addresses, size_t count);

/* Makes sure that the hosts file is known as it is now, or was a second ago. From a task. May park.
 */
MUST_USE int sley__dns_fresh_hosts(struct sley_resolver *resolver);

#endif
