/*
 * fetch_options.h: the options of "sley-fetch get". fetch_command.c reads the command line with
 * them.
 */
#ifndef SLEY_APPS_FETCH_OPTIONS_H
#define SLEY_APPS_FETCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "fetch_run.h"
#include "options.h"

#define FETCH_COMMAND "sley-fetch get"

/* Indices of the table. */
enum fetch_option {
    OPTION_INPUT,
    OPTION_OUTPUT,
    OPTION_NAME,
    OPTION_CHECKSUM,
    OPTION_PARALLEL,
    OPTION_PER_HOST,
    OPTION_RETRIES,
    OPTION_RETRY_WAIT,
    OPTION_RETRY_MOST,
    OPTION_JOURNAL,
    OPTION_UNIQUE,
    OPTION_SKIP_EXISTING,
    OPTION_SYNC,
    OPTION_HEADER,
    OPTION_USER_AGENT,
    OPTION_HTTP,
    OPTION_COMPRESSED,
    OPTION_MAX_REDIRECTS,
    OPTION_RATE,
    OPTION_RANGES,
    OPTION_RANGE_SIZE,
    OPTION_MAX_SIZE,
    OPTION_CONNECT_TIMEOUT,
    OPTION_IDLE_TIMEOUT,
    OPTION_TIMEOUT,
    OPTION_CA_FILE,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_INSECURE,
    OPTION_PROXY,
    OPTION_NO_PROXY,
    OPTION_REPORT,
    OPTION_REPORT_FORMAT,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION
};

extern const struct opt fetch_options[];

/* A command line while it is read. */
struct fetch_reading {
    struct opt_scan scan;
    struct fetch_plan plan;
    char **urls, **inputs; /* room for as many as there are words */
    size_t url_count, input_count;
    const char *name, *checksum;
    bool format_given;
};

/* Takes an option of the table. False: what is wrong has been printed. */
bool fetch_option_take(struct fetch_reading *reading, int option, char *value);

#endif
