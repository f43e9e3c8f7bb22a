/*
 * flagserver.h: a server of flags that can be slow and can fail on purpose.
 *
 *   /flags/cc/cc.gif         the flag of the country with the code cc, in lower case
 *   /flags/cc/metadata.json  {"country": "Brazil", "cc": "BR"}
 *
 * Everything else is a 404. Several may run in one process, each with its own behaviour.
 */
#ifndef SLEY_APPS_FLAGSERVER_H
#define SLEY_APPS_FLAGSERVER_H

#include <stddef.h>
#include <stdint.h>

#include "countries.h"

/* Faults beside the HTTP error statuses. */
enum {
    FAULT_ABORT = 1,    /* the connection is closed without an answer */
    FAULT_TRUNCATE = 2, /* the connection is closed in the middle of the body */
};

#define FLAGSERVER_FAULTS 8

/* How a server behaves. All zero: it answers at once and always. Copied. */
struct flagserver_options {
    const char *address;                /* numeric; default 127.0.0.1 */
    uint16_t port;                      /* 0: a free one */
    int64_t delay;                      /* ns before every answer, */
    int64_t jitter;                     /* and up to so much more, at random */
    double error_rate;                  /* the part of all requests that fail, 0 to 1 */
    unsigned faults[FLAGSERVER_FAULTS]; /* with what: statuses 400-599 or FAULT_*, in turn */
    size_t fault_count;                 /* 0: with 418 */
    uint64_t seed; /* the same seed fails the same requests, counted in order of arrival */
};

/* The three classic servers: plain; slow (0.5 to 5 s); failing (as slow, and 418 for a quarter).
 * The port is left to the caller. */
extern const struct flagserver_options flagserver_plain, flagserver_slow, flagserver_failing;

/* Owned by whoever called flagserver_start(). */
struct flagserver;

/* Starts one on the runtime of the calling task; `countries` stays the caller's, until
 * flagserver_free(). 0 or what sley_httpd_start() returns. From a task. May park. */
int flagserver_start(const struct countries *countries, const struct flagserver_options *options,
                     struct flagserver **out);

/* The port it listens on. */
uint16_t flagserver_port(const struct flagserver *server);

/* Requests answered so far, and those of them that failed on purpose. Any thread. */
void flagserver_counts(struct flagserver *server, uint64_t *answered, uint64_t *failed);

/* Takes no more connections and lets what runs finish, until the calling task is late or
 * cancelled. From a task. Parks. */
int flagserver_stop(struct flagserver *server);

/* Stops it at once and frees it. NULL is fine. From a task. Parks. */
void flagserver_free(struct flagserver *server);

#endif
