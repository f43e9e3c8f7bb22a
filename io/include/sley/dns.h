/*
 * sley/dns.h: names to addresses and back, and the records of the name system.
 *
 * Each call parks the task until the answer is there; thousands may wait at once, and no thread
 * waits for any of them. The calling task's deadline and cancellation end every wait. Identical
 * questions that are asked at the same time are one query, and answers are kept for as long as
 * their owners allow.
 *
 * A resolver has its servers, its search list and its cache. Nobody needs to make one: options that
 * name none mean the runtime's own, which is made by the first call from /etc/resolv.conf.
 *
 * What can go wrong, each with a code of its own:
 *   SLEY_ENXDOMAIN  the name does not exist
 *   SLEY_ENODATA    it exists, but has no record of the type that was asked for
 *   SLEY_ESERVFAIL  the server could not find out
 *   SLEY_EREFUSED   the server would not say
 *   SLEY_ENOANSWER  no server has answered in time, or could be reached
 *   SLEY_ENOSERVER  no server is there: its machine says that nobody listens at that port
 *   SLEY_EBADANSWER the answer could not be read
 * Only if one server has failed is the next one asked: the last five mean that all were, and the
 * code is the last one's. `error` in the options tells which server, for which name.
 *
 * A server that does not answer, or is not there, is asked again: it may be busy, or be started
 * anew. The former has taken its time to say nothing; where none is there the list is begun again
 * after a quarter of the timeout, then a half, from then on all of it.
 */
#ifndef SLEY_DNS_H
#define SLEY_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/address.h>
#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- resolvers -------------------------------------------------------------------------------- */

/* A set of name servers with a cache. Owned by whoever made it, until sley_resolver_free(). Any
 * number of tasks of the runtime in which it was made may use it at once. */
struct sley_resolver;

/* For `cache`: keep nothing. */
#define SLEY_DNS_NO_CACHE SIZE_MAX

/* Zero in a field means its default. Copied by the call. */
struct sley_resolver_options {
    const char *servers;     /* "127.0.0.1:5353, ::1, [::1]:54": numeric hosts, with ports if need
                                be (default 53), separated by commas or blanks. Default: those of
                                resolv.conf, or 127.0.0.1 if there are none */
    const char *search;      /* "example.org, example.net": see sley_getaddrinfo(). "": none.
                                Default: that of resolv.conf, or with `servers` none */
    int ndots;               /* so many dots make a name be tried as it is first, 1 .. 15. Default:
                                resolv.conf's, or 1 */
    int64_t timeout;         /* ns to wait for one answer, at least 1 ms. Default: resolv.conf's, or
                                2 s */
    int tries;               /* how often the list of servers is gone through, 1 .. 10. Default:
                                resolv.conf's, or 3 */
    size_t cache;            /* answers to keep at most. Default 10,000 */
    int64_t ttl_max;         /* ns to keep an answer at most. Default 1 day */
    int64_t ttl_max_missing; /* the same for names and types that do not exist. Default 15 min */
    int in_flight;           /* queries under way at most; those beyond wait their turn, 1 .. 20000.
                                Default 1,000. Fewer are under way while answers get lost */
    const char *hosts;       /* the file of hosts. "": none. Default /etc/hosts */
    const char *resolv_conf; /* the file to take defaults from. Default /etc/resolv.conf */
};

/* Makes a resolver. Nothing is asked yet.
 *   options  NULL for all defaults
 *   out      receives it; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL   a server cannot be read, a search name is none, or a number is out of range
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN (no thread could be started)
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Parks (files are read). Since 0.1. */
SLEY_EXPORT int sley_resolver_new(const struct sley_resolver_options *options,
                                  struct sley_resolver **out);

/* Ends it: calls that wait return SLEY_ECLOSED, queries under way are forgotten. No other task may
 * be about to begin a call. NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_resolver_free(struct sley_resolver *resolver);

/* Forgets all answers. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_resolver_flush(struct sley_resolver *resolver);

/* What a resolver has done. */
struct sley_resolver_stats {
    uint64_t hits;     /* questions answered from the cache */
    uint64_t joined;   /* questions that a query under way was already asking */
    uint64_t queries;  /* queries sent, repetitions included */
    uint64_t timeouts; /* queries that were not answered in time */
    uint64_t dropped;  /* questions nobody waited for any more when their turn came */
    size_t cached;     /* answers kept now */
    size_t in_flight;  /* queries under way now */
    size_t waiting;    /* questions whose turn has not come, or to ask again */
    size_t window;     /* how many may be under way now */
};

/* Copies them; `resolver` NULL: the runtime's own (from a task, parks at its first use). 0 or an
 * error as sley_resolver_new(). Any thread. Since 0.1. */
SLEY_EXPORT int sley_resolver_stats(struct sley_resolver *resolver,
                                    struct sley_resolver_stats *stats);

/* --- lookups ---------------------------------------------------------------------------------- */

/* A failure in words: "name server 192.0.2.1:53 refused to answer for www.example.org". */
struct sley_dns_error {
    int code;
    char text[240];
};

/* Zero in a field means its default. Read during the call only. */
struct sley_lookup_options {
    struct sley_resolver *resolver; /* default: the runtime's own */
    int family;                     /* 4 or 6: addresses of this family only. Default: both */
    bool no_search;                 /* the name is complete, as if it ended with a dot */
    struct sley_dns_error *error;   /* receives the failure, if there is one */
};

/* Addresses, the best one first. Owned by whoever asked, until sley_addrs_free(). */
struct sley_addrs {
    size_t count;              /* at least 1 */
    struct sley_address at[1]; /* `count` of them */
};

/* The addresses of `host`, with `port` in each.
 *   - A numeric host, with or without brackets, is taken as it is; nothing is asked.
 *   - Then the hosts file is looked at, whatever the family. It is read again when it has changed,
 *     which is looked for at most once a second. localhost and all below it are the loopback.
 *   - Then the name servers are asked, for A and AAAA records at once. A name that ends with a dot
 *     is complete. Another one is also tried with each name of the search list behind it; it is
 *     itself tried first if it has at least `ndots` dots, else last.
 * The addresses are in the order in which RFC 6724 wants them tried: those first that this machine
 * has a route to, and then IPv6 before IPv4.
 *   host     at most 253 characters; a character of a label may be written \X or \DDD
 *   port     0 .. 65535
 *   options  NULL for all defaults
 *   out      receives the addresses; untouched on failure
 * Returns 0, or
 *   SLEY_ENXDOMAIN, SLEY_ENODATA, SLEY_ESERVFAIL, SLEY_EREFUSED, SLEY_ENOANSWER, SLEY_ENOSERVER,
 *   SLEY_EBADANSWER  see above. If one family is there and the other failed, that is a success
 *   SLEY_EINVAL    the host is no name, the port or the family out of range
 *   SLEY_ECLOSED   sley_resolver_free() was called
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN, SLEY_ECANCELED, SLEY_ETIMEDOUT (the task's
 *                  own deadline), SLEY_ENOTASK
 * A task that is cancelled leaves at once; the query goes on, and its answer is kept. From a task.
 * Parks, unless the answer is known. Since 0.1. */
SLEY_EXPORT int sley_getaddrinfo(const char *host, int port,
                                 const struct sley_lookup_options *options,
                                 struct sley_addrs **out);

/* NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_addrs_free(struct sley_addrs *addrs);

/* The longest name as text, each byte written \DDD, and the NUL. */
#define SLEY_DNS_NAME_TEXT 1013

/* The name of an address: from the hosts file, or its PTR record. The port does not matter.
 *   name, size  where it goes, NUL-terminated; SLEY_DNS_NAME_TEXT always suffices
 * Returns 0, SLEY_EMSGSIZE (size too small), SLEY_EINVAL (neither IPv4 nor IPv6), or an error as
 * sley_getaddrinfo(). From a task. Parks, unless the answer is known. Since 0.1. */
SLEY_EXPORT int sley_getnameinfo(const struct sley_address *address,
                                 const struct sley_lookup_options *options, char *name,
                                 size_t size);

/* --- records ---------------------------------------------------------------------------------- */

/* The types that can be asked for, by their numbers in the protocol. */
enum sley_dns_type {
    SLEY_DNS_A = 1,
    SLEY_DNS_NS = 2,
    SLEY_DNS_CNAME = 5,
    SLEY_DNS_PTR = 12,
    SLEY_DNS_MX = 15,
    SLEY_DNS_TXT = 16,
    SLEY_DNS_AAAA = 28,
    SLEY_DNS_SRV = 33
};

/* One record. Names are text without a final dot (the root is "."); a byte of a label that is a
 * dot, a backslash or not printable is written \X or \DDD. */
struct sley_dns_record {
    enum sley_dns_type type;
    uint32_t ttl; /* seconds that it was good for when it came */
    union {
        uint8_t a[4]; /* as in struct sley_address */
        uint8_t aaaa[16];
        const char *name; /* NS, CNAME, PTR */
        struct {
            const char *exchange;
            uint16_t preference; /* lower is better */
        } mx;
        struct {
            const char *target;
            uint16_t priority; /* lower is better */
            uint16_t weight;
            uint16_t port;
        } srv;
        struct {
            const char *data; /* the record's strings, joined; a NUL follows them */
            size_t size;      /* there may be NULs among them, too */
        } txt;
    } u;
};

/* Records in the order of the answer. Shared and constant: hold it as long as you like, and give
 * each one that you got to sley_dns_answer_free(). */
struct sley_dns_answer {
    size_t count; /* at least 1 */
    const struct sley_dns_record *records;
    const char *name; /* whose records they are: what the question's aliases (CNAME) lead to */
    int64_t expires;  /* monotonic ns (sley_now()) until which they may be kept */
};

/* The records of a type that `name` has. Aliases are followed, unless it is they that are asked
 * for. The search list is not used, nor the hosts file. Of the options the family is ignored.
 * Returns 0, or an error as sley_getaddrinfo(); SLEY_EINVAL also for a type that is not one of
 * those above. From a task. Parks, unless the answer is known. Since 0.1. */
SLEY_EXPORT int sley_dns_query(const char *name, enum sley_dns_type type,
                               const struct sley_lookup_options *options,
                               const struct sley_dns_answer **out);

/* NULL is fine. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_dns_answer_free(const struct sley_dns_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
