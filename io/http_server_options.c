/*
 * http_server_options.c: what a server is told, and what it does where it is told nothing. The
 * contract is in <sley/httpd.h>.
 *
 * The limits are there without being asked for: a server that was started with no options is one
 * that can be put on the open net. What belongs to the caller (routes, texts, names of files) is
 * used up here and not kept.
 */
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <sley/tls.h>

enum {
    MAX_CONNECTIONS = 10000,
    MAX_BODY = 1 << 20,
    MAX_HEADER = 16 * 1024,
    MIN_HEADER = 256,
    MIN_RATE = 240,         /* bytes/s, as in Kestrel, which has long been on the open net */
    SPARE_DESCRIPTORS = 64, /* that the limit on connections leaves to others */
};

#define CONNECTION_TIMEOUT SLEY_SECONDS(30)
#define HEADER_TIMEOUT     SLEY_SECONDS(20)

/* A server that may open more connections than the process has descriptors would stop to accept
 * only after everybody else has none left. */
static unsigned connection_limit(unsigned wanted)
{
    struct rlimit files;
    rlim_t most;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
        return wanted;
    most = files.rlim_cur > 2 * SPARE_DESCRIPTORS ? files.rlim_cur - SPARE_DESCRIPTORS
                                                  : files.rlim_cur / 2 + 1;
    return most < wanted ? (unsigned)most : wanted;
}

static int64_t or_default(int64_t value, int64_t standard)
{
    return value > 0 ? value : standard;
}

/* The context for a server's own certificate. The files' names are the caller's. */
static int take_certificate(struct sley_httpd *server)
{
    struct sley_httpd_options *own = &server->options;
    static const char *const http[] = {"http/1.1", NULL};
    struct sley_tls_options tls = {
        .certificate_file = own->certificate_file, .key_file = own->key_file, .protocols = http};

    own->certificate_file = own->key_file = NULL;
    if (!tls.certificate_file && !tls.key_file)
        return 0;
    if (own->tls)
        return SLEY_EINVAL;
    server->own_tls = true;
    return sley_tls_server_new(&tls, NULL, &own->tls);
}

int sley__httpd_options_take(struct sley_httpd *server, const struct sley_httpd_options *options)
{
    struct sley_httpd_options *own = &server->options;

    *own = *options;
    own->max_connections =
        connection_limit((unsigned)or_default(own->max_connections, MAX_CONNECTIONS));
    own->max_body = own->max_body ? own->max_body : MAX_BODY;
    own->max_header = own->max_header ? own->max_header : MAX_HEADER;
    own->max_header = own->max_header < MIN_HEADER ? MIN_HEADER : own->max_header;
    own->min_rate = own->min_rate ? own->min_rate : MIN_RATE;
    own->connection_timeout = or_default(own->connection_timeout, CONNECTION_TIMEOUT);
    own->header_timeout = or_default(own->header_timeout, HEADER_TIMEOUT);
    own->routes = NULL; /* the caller's; the router has what it needs */
    own->name = strdup(options->name ? options->name : "httpd");
    return own->name ? take_certificate(server) : SLEY_ENOMEM;
}

void sley__httpd_options_drop(struct sley_httpd *server)
{
    if (server->own_tls)
        sley_tls_context_free(server->options.tls);
    free((char *)(uintptr_t)server->options.name);
}
