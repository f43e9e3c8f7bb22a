/*
 * resolve.c: names to addresses, off the workers.
 *
 * A numeric host is read on the spot. Anything else goes to the system's getaddrinfo, which blocks,
 * on libuv's own thread pool; the I/O thread only starts it and takes the answer. The blocking pool
 * of sched would do as well, but its calls must be waited for once they run, and a lookup against a
 * dead server lasts half a minute: here a cancelled task leaves at once, and the request is freed
 * when the answer comes.
 *
 * The number of lookups at once is that of libuv's pool, 4. Many lookups need a resolver of their
 * own on the I/O thread, which will stand behind this same function.
 */
#define _GNU_SOURCE
#include "resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct sley__request request;
    uv_getaddrinfo_t uv;
    struct addrinfo *found;
    char port[8];
    char host[];
};

static struct lookup *lookup_of(struct sley__request *request)
{
    return container_of(request, struct lookup, request);
}

/* Whichever side comes last. */
static void release(struct sley__request *request)
{
    struct lookup *lookup = lookup_of(request);

    if (lookup->found)
        uv_freeaddrinfo(lookup->found);
    free(lookup);
}

static int error_of(int status)
{
    switch (status) {
    case 0:
        return 0;
    case UV_EAI_MEMORY:
    case UV_ENOMEM:
        return SLEY_ENOMEM;
    default:
        return SLEY_ENAME;
    }
}

/* I/O thread only. */
static void on_found(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    struct lookup *lookup = uv->data;

    lookup->found = found;
    sley__request_finish(&lookup->request, error_of(status));
}

/* I/O thread only. */
static void start(struct sley__inbox_node *node)
{
    struct sley__request *request = container_of(node, struct sley__request, node);
    struct lookup *lookup = lookup_of(request);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int error;

    lookup->uv.data = lookup;
    error = uv_getaddrinfo(&request->loop->uv, &lookup->uv, on_found, lookup->host, lookup->port,
                           &hints);
    if (error)
        sley__request_finish(request, error_of(error));
}

static struct lookup *lookup_new(const char *host, int port)
{
    size_t size = strlen(host) + 1;
    struct lookup *lookup = calloc(1, sizeof(*lookup) + size);

    if (!lookup)
        return NULL;
    memcpy(lookup->host, host, size);
    snprintf(lookup->port, sizeof(lookup->port), "%d", port);
    lookup->request.node.run = start;
    lookup->request.release = release;
    return lookup;
}

static int copy_addresses(const struct addrinfo *found, struct sley__address **addresses,
                          size_t *count)
{
    size_t total = 0;

    for (const struct addrinfo *one = found; one; one = one->ai_next)
        total += one->ai_family == AF_INET || one->ai_family == AF_INET6;
    if (!total)
        return SLEY_ENAME;
    *addresses = malloc(total * sizeof(**addresses));
    if (!*addresses)
        return SLEY_ENOMEM;
    *count = 0;
    for (const struct addrinfo *one = found; one; one = one->ai_next)
        if (one->ai_family == AF_INET || one->ai_family == AF_INET6)
            sley__address_set(&(*addresses)[(*count)++], one->ai_addr, one->ai_addrlen);
    return 0;
}

static int look_up(struct sley__io *io, const char *host, int port,
                   struct sley__address **addresses, size_t *count)
{
    struct lookup *lookup = lookup_new(host, port);
    int error;

    if (!lookup)
        return SLEY_ENOMEM;
    if (!sley__request_call(&io->loop, &lookup->request, "name lookup", &error))
        return error;
    if (!error)
        error = copy_addresses(lookup->found, addresses, count);
    release(&lookup->request);
    return error;
}

int sley__resolve(struct sley__io *io, const char *host, int port, struct sley__address **addresses,
                  size_t *count)
{
    struct sley__address numeric;

    if (!sley__address_numeric(&numeric, host, port))
        return look_up(io, host, port, addresses, count);
    *addresses = malloc(sizeof(numeric));
    if (!*addresses)
        return SLEY_ENOMEM;
    **addresses = numeric;
    *count = 1;
    return 0;
}
