/*
 * fetch_run.h: "sley-fetch get", from the list to the summary.
 */
#ifndef SLEY_APPS_FETCH_RUN_H
#define SLEY_APPS_FETCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/http.h>

#include "fetch_feed.h"
#include "fetch_journal.h"
#include "fetch_list.h"
#include "fetch_report.h"

/* All that the command line says. Zero in a field means what sley_http_options says of zero, or
 * none. */
struct fetch_plan {
    const char *program;        /* for messages */
    struct fetch_list list;     /* what the command line names, and then all */
    struct fetch_input *inputs; /* lists that are still to be read */
    size_t input_count;
    struct fetch_journal kept; /* what the journal says */
    const char *directory;
    unsigned parallel, per_host, retries;
    int64_t retry_wait; /* ns; before the second attempt */
    int64_t retry_most; /* ns; no wait is longer, and a server that wants more is given up */
    const char **headers;
    size_t header_count;
    struct sley_http_client_options client;
    int max_redirects;
    int64_t connect_timeout, idle_timeout, timeout;
    uint64_t max_size, rate;
    unsigned ranges;    /* segments of a file at once; 1: none */
    uint64_t range_min; /* bytes of a segment, at least */
    bool compressed, skip_existing, sync;
    const char *journal;
    const char *report;
    enum fetch_format format;
    bool json, quiet, verbose;
};

/* Runs a struct fetch_plan: a main task for sley_run(). Returns an exit status. */
int fetch_run(void *plan);

#endif
