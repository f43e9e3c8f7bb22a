/*
 * dns_config.c: what a resolver is told: its options, and for the rest the system's file
 * (resolv.conf(5)).
 *
 * c-ares can read that file, too, but not into anything that tells what was in it from what c-ares
 * assumes. It is five keywords. As everywhere, what cannot be read in it is skipped: the file is
 * the system's, and programs must start. What cannot be read in the options is the caller's
 * mistake.
 *
 * Not done: the environment (LOCALDOMAIN, RES_OPTIONS), sortlist, and the options other than ndots,
 * timeout and attempts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/time.h>

#include "dns_impl.h"

enum {
    PORT = 53,
    SERVERS_MAX = 16,
    SEARCH_MAX = 32,
    TIMEOUT_MS = 2000,
    TRIES = 3,
    IN_FLIGHT = 1000,
    IN_FLIGHT_MAX = 20000,
    CACHE = 10000,
};

/* Calls take(config, word) for each word of a list; false as soon as it says so. */
static bool each_word(struct sley__dns_config *config, const char *text,
                      bool (*take)(struct sley__dns_config *, const char *))
{
    static const char blanks[] = ", \t\r\n";
    char word[256];

    while (*(text += strspn(text, blanks))) {
        size_t length = strcspn(text, blanks);

        if (length >= sizeof(word))
            return false;
        memcpy(word, text, length);
        word[length] = '\0';
        text += length;
        if (!take(config, word))
            return false;
    }
    return true;
}

/* "1.2.3.4", "1.2.3.4:5", "::1", "[::1]:5". */
static bool add_server(struct sley__dns_config *config, const char *word)
{
    struct sley_address address;

    if (sley_address_numeric(word, PORT, &address) && sley_address_parse(word, &address))
        return false;
    if (*word == ':' && word[1] != ':')
        return false; /* a port alone */
    if (!address.port)
        return false;
    if (config->server_count < SERVERS_MAX)
        config->servers[config->server_count++] = address;
    return true;
}

static bool add_search(struct sley__dns_config *config, const char *word)
{
    struct sley__dns_name name;
    bool complete;

    if (!sley__dns_name_read(&name, word, &complete))
        return false;
    if (config->search_count < SEARCH_MAX)
        config->search[config->search_count++] = name;
    return true;
}

/* --- the system's file -------------------------------------------------------------------------
 */

/* "options ndots:2 timeout:1 attempts:3"; anything else in it is for others. */
static bool take_option(struct sley__dns_config *config, const char *word)
{
    int value;

    if (sscanf(word, "ndots:%d", &value) == 1 && value >= 0 && value <= 15)
        config->ndots = value;
    else if (sscanf(word, "timeout:%d", &value) == 1 && value >= 1 && value <= 30)
        config->timeout_ms = value * 1000;
    else if (sscanf(word, "attempts:%d", &value) == 1 && value >= 1 && value <= 10)
        config->tries = value;
    return true;
}

struct wanted {
    bool servers, search;
};

static void take_line(struct sley__dns_config *config, char *line, const struct wanted *wanted)
{
    char *rest = line + strcspn(line, " \t\r\n");

    if (*rest)
        *rest++ = '\0';
    rest[strcspn(rest, "#;")] = '\0';
    if (!strcmp(line, "nameserver") && wanted->servers) {
        (void)each_word(config, rest, add_server);
    } else if ((!strcmp(line, "search") || !strcmp(line, "domain")) && wanted->search) {
        config->search_count = 0; /* the last one counts */
        (void)each_word(config, rest, add_search);
    } else if (!strcmp(line, "options")) {
        (void)each_word(config, rest, take_option);
    }
}

/* The domain of the machine's own name is searched if the file does not say. */
static void search_own_domain(struct sley__dns_config *config)
{
    char name[256];
    const char *dot;

    if (gethostname(name, sizeof(name)))
        return;
    name[sizeof(name) - 1] = '\0';
    dot = strchr(name, '.');
    if (dot && dot[1])
        (void)add_search(config, dot + 1);
}

/* A file that cannot be opened says nothing. */
static void read_file(struct sley__dns_config *config, const char *path,
                      const struct wanted *wanted)
{
    FILE *file = fopen(path, "re");
    char line[1024];

    while (file && fgets(line, sizeof(line), file))
        take_line(config, line, wanted);
    if (file)
        fclose(file);
}

/* --- options -----------------------------------------------------------------------------------
 */

static bool in_range(const struct sley_resolver_options *options)
{
    return options->ndots >= 0 && options->ndots <= 15 &&
           (!options->timeout ||
            (options->timeout >= SLEY_MILLISECONDS(1) && options->timeout <= SLEY_SECONDS(3600))) &&
           options->tries >= 0 && options->tries <= 10 && options->ttl_max >= 0 &&
           options->ttl_max_missing >= 0 && options->in_flight >= 0 &&
           options->in_flight <= IN_FLIGHT_MAX;
}

static void set_numbers(struct sley__dns_config *config,
                        const struct sley_resolver_options *options)
{
    if (options->ndots)
        config->ndots = options->ndots;
    if (options->timeout)
        config->timeout_ms = (int)(options->timeout / SLEY_MILLISECONDS(1));
    if (options->tries)
        config->tries = options->tries;
    config->in_flight = options->in_flight ? options->in_flight : IN_FLIGHT;
    config->cache = options->cache == SLEY_DNS_NO_CACHE ? 0
                    : options->cache                    ? options->cache
                                                        : CACHE;
    config->ttl_max = options->ttl_max ? options->ttl_max : SLEY_SECONDS(86400);
    config->ttl_max_missing =
        options->ttl_max_missing ? options->ttl_max_missing : SLEY_SECONDS(900);
}

static int fill(struct sley__dns_config *config, const struct sley_resolver_options *options)
{
    const char *hosts = options->hosts ? options->hosts : "/etc/hosts";
    const char *path = options->resolv_conf ? options->resolv_conf : "/etc/resolv.conf";
    struct wanted wanted = {!options->servers, !options->servers && !options->search};

    config->servers = calloc(SERVERS_MAX, sizeof(*config->servers));
    config->search = calloc(SEARCH_MAX, sizeof(*config->search));
    config->hosts = *hosts ? strdup(hosts) : NULL;
    if (!config->servers || !config->search || (*hosts && !config->hosts))
        return SLEY_ENOMEM;
    config->ndots = 1;
    config->timeout_ms = TIMEOUT_MS;
    config->tries = TRIES;
    if (wanted.search)
        search_own_domain(config);
    read_file(config, path, &wanted);
    if (options->servers && !each_word(config, options->servers, add_server))
        return SLEY_EINVAL;
    if (options->servers && !config->server_count)
        return SLEY_EINVAL;
    if (options->search && !each_word(config, options->search, add_search))
        return SLEY_EINVAL;
    if (!config->server_count)
        (void)add_server(config, "127.0.0.1");
    set_numbers(config, options);
    return 0;
}

int sley__dns_config_make(struct sley__dns_config *config,
                          const struct sley_resolver_options *options)
{
    int error;

    *config = (struct sley__dns_config){0};
    if (!in_range(options))
        return SLEY_EINVAL;
    error = fill(config, options);
    if (error)
        sley__dns_config_close(config);
    return error;
}

void sley__dns_config_close(struct sley__dns_config *config)
{
    free(config->servers);
    free(config->search);
    free(config->hosts);
    *config = (struct sley__dns_config){0};
}
