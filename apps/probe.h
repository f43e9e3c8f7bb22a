/*
 * probe.h: what the files of the program sley-probe share.
 */
#ifndef SLEY_APPS_PROBE_H
#define SLEY_APPS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/address.h>
#include <sley/dns.h>
#include <sley/http.h>
#include <sley/tls.h>

#include "console.h"
#include "probe_names.h"

#define PROBE_PROGRAM "sley-probe"

enum { PROBE_TYPES = 8 }; /* that a name can be asked for */

/* All that the command line says. */
struct probe_options {
    struct probe_names names;
    enum sley_dns_type types[PROBE_TYPES];
    size_t type_count;
    char *servers;   /* as struct sley_resolver_options wants them, or NULL */
    unsigned jobs;   /* names under way at once; 0: the default */
    unsigned rate;   /* names begun per second; 0: no limit */
    int64_t timeout; /* ns, for each answer and each connection */
    int tries;
    int port;            /* to connect to; 0: none */
    bool http;           /* ask for "/" at that port, or at 80 */
    bool https;          /* ask for it over TLS, at that port or at 443 */
    const char *ca_file; /* the authorities to trust, or NULL */
    bool json, verbose, quiet;
};

/* What came of a name. */
enum probe_status {
    PROBE_FOUND,
    PROBE_NXDOMAIN, /* the name does not exist */
    PROBE_NODATA,   /* it does, but has nothing of what was asked for */
    PROBE_SERVFAIL,
    PROBE_REFUSED,
    PROBE_TIMEOUT,
    PROBE_NOSERVER,   /* where it should be nobody listens */
    PROBE_UNREADABLE, /* what the server sent */
    PROBE_BAD_NAME,   /* it cannot be asked for */
    PROBE_ERROR,      /* of this machine */
    PROBE_STATUSES,
};

/* What came of one type. */
struct probe_answer {
    enum sley_dns_type type;
    enum probe_status status;
    const struct sley_dns_answer *records; /* if found, else NULL */
};

/* What came of a connection, or of a request. */
struct probe_contact {
    bool tried;
    bool reached; /* by the https one: somebody is there, and no other address is tried */
    int error;    /* 0, or why it failed */
    int status;   /* of the answer to a request */
    int64_t took; /* ns */
    char *why;    /* of the https one: the reason in words, SLEY_TLS_ERROR_SIZE bytes; else NULL */
};

/* A name, and what came of it. Made by the task that reads the names, filled in by the one that
 * probes this name, told and freed by the one that tells. */
struct probe_result {
    const struct prober *prober;
    enum probe_status status;
    bool passed; /* found, and whatever else was tried has succeeded */
    struct probe_answer answers[PROBE_TYPES];
    size_t answer_count;
    struct sley_address numeric; /* the name is one, to be connected to; or family 0 */
    struct probe_contact tcp, http, https;
    int64_t took;                        /* ns in all */
    char why[240];                       /* it failed, in words; mostly empty */
    char https_why[SLEY_TLS_ERROR_SIZE]; /* likewise */
    char name[];
};

/* NULL if there is no memory. (probe_ask.c) */
struct probe_result *probe_result_new(const struct prober *prober, const char *name);
void probe_result_free(struct probe_result *result);

/* What probing takes. Constant while names are probed. */
struct prober {
    const struct probe_options *options;
    struct sley_resolver *resolver;
    struct sley_http_client *http; /* or NULL */
    struct sley_tls_context *tls;  /* or NULL */
    struct sley_chan *results;     /* struct probe_result *, owned by whoever has received it */
};

/* Probes the name of the result and fills it in. 0, or SLEY_ECANCELED. Parks. (probe_ask.c) */
int probe_ask(struct probe_result *result);

/* A connection to the address. 0, or an error of sley_tcp_connect(). Parks. (probe_ask.c) */
int probe_connect(const struct sley_address *address, struct sley_stream **out);

/* Writes the header with the host that is asked: "Host: name", "Host: name:8080",
 * "Host: [::1]:8080". (probe_ask.c) */
void probe_host(const struct probe_result *result, int port, int default_port, char *out,
                size_t size);

/* Asks that address for "/" over TLS, as the host that the result is about. 0, or why that failed:
 * contact->why has the words for SLEY_ETLS. Parks. (probe_https.c) */
int probe_https(const struct probe_result *result, const struct sley_address *address,
                struct probe_contact *contact);

/* What came of all so far. */
struct probe_tally {
    size_t names, status[PROBE_STATUSES], connected, answered, answered_https;
};

void probe_count(struct probe_tally *tally, const struct probe_result *result);

/* Whether some names could not be answered for. */
bool probe_has_failures(const struct probe_tally *tally);

/* Adds the line of a name, as the options want it. (probe_tell.c) */
void probe_tell(struct text *text, const struct probe_options *options, bool colour,
                const struct probe_result *result);

/* Adds the summary, a line. */
void probe_tell_total(struct text *text, const struct probe_options *options,
                      const struct probe_tally *tally, const struct sley_resolver_stats *stats,
                      int64_t took);

/* The type called so, in either case; 0 if there is none; and the other way. (probe_tell.c) */
enum sley_dns_type probe_type(const char *name, size_t length);
const char *probe_type_name(enum sley_dns_type type);

/* Runs it all: a main task for sley_run(), with a struct probe_options. Returns an exit status.
 * (probe_run.c) */
int probe_run(void *options);

#endif
