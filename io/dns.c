/*
 * dns.c: resolvers. The contract is in <sley/dns.h>.
 *
 * How the files go together. A lookup (dns_lookup.c) makes questions of a host: numeric hosts and
 * the file of hosts (dns_hosts.c) need none, others one per name of the search list and family. A
 * question is asked in the table of questions (dns_cache.c), where the answer may be already, or
 * where the task waits for it. What is not there goes through the inbox of the I/O thread to
 * dns_loop.c, which sends queries by c-ares and the sockets of dns_socket.c. dns_parse.c reads
 * what comes back.
 *
 * Why c-ares: getaddrinfo() of the C library blocks a thread for as long as a server is silent, so
 * a thousand names in flight are a thousand threads; libuv has four for it, which it also wants for
 * other things. c-ares waits for thousands with one socket and no thread.
 *
 * The end of a resolver is in three parts, and the last one frees it: its owner has let go, the I/O
 * thread has closed its handles, and its users are gone. Users are the calls that are inside, from
 * their first look at the resolver to their last, because a call may wait several times and reads
 * settings in between; and the questions that are the I/O thread's, because whoever has asked one
 * may be gone before it is there.
 */
#include "dns_impl.h"

#include <stdlib.h>

#include <sley/blocking.h>
#include <sley/sync.h>
#include <sley/time.h>

#include "io.h"
#include "platform.h"

/* --- making ------------------------------------------------------------------------------------
 */

struct making {
    struct sley_resolver *resolver;
    const struct sley_resolver_options *options;
};

/* On a thread for files. */
static int read_all(void *arg)
{
    struct making *making = arg;
    struct sley_resolver *resolver = making->resolver;
    int error = sley__dns_config_make(&resolver->config, making->options);
    struct sley__dns_look look = {.path = resolver->config.hosts, .first = true};

    if (error || !look.path)
        return error;
    (void)sley__dns_look_at_hosts(&look);
    resolver->hosts = look.hosts;
    resolver->hosts_mark = look.mark;
    resolver->hosts_due = sley_now() + SLEY_SECONDS(1);
    return look.hosts ? 0 : SLEY_ENOMEM;
}

static int read_settings(struct sley_resolver *resolver,
                         const struct sley_resolver_options *options)
{
    struct making making = {resolver, options};
    struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};
    int result, error = sley_to_thread_with(read_all, &making, &files, &result);

    return error ? error : result;
}

void sley__dns_destroy(struct sley_resolver *resolver)
{
    sley__dns_servers_close(resolver);
    free(resolver->servers);
    free(resolver->lanes);
    sley__dns_hosts_free(resolver->hosts);
    sley__dns_config_close(&resolver->config);
    free(resolver);
}

static int make(struct sley_resolver *resolver, const struct sley_resolver_options *options)
{
    int error = read_settings(resolver, options);

    if (!error)
        error = sley__dns_servers_make(resolver);
    if (error)
        sley__dns_destroy(resolver);
    return error;
}

int sley_resolver_new(const struct sley_resolver_options *options, struct sley_resolver **out)
{
    static const struct sley_resolver_options defaults;
    struct sley_resolver *resolver;
    struct sley__io *io;
    int error = sley__wait_check();

    if (!error)
        error = sley__io_get(&io);
    if (error)
        return error;
    resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return SLEY_ENOMEM;
    list_init(&resolver->recent);
    list_init(&resolver->queue);
    for (int i = 0; i < SLEY__DNS_RESTS; i++)
        list_init(&resolver->resting[i]);
    list_init(&resolver->round.link);
    list_init(&resolver->resident.link);
    resolver->loop = &io->loop;
    resolver->hash_seed = sley__random_seed();
    resolver->open_node.run = sley__dns_loop_open;
    resolver->close_node.run = sley__dns_loop_close;
    error = make(resolver, options ? options : &defaults);
    if (error)
        return error;
    sley__loop_submit(resolver->loop, &resolver->open_node);
    *out = resolver;
    return 0;
}

/* --- end ---------------------------------------------------------------------------------------
 */

int sley__dns_enter(struct sley_resolver *resolver)
{
    bool closed;

    sley__lock_acquire(&resolver->lock);
    closed = resolver->closed;
    if (!closed)
        resolver->users++;
    sley__lock_release(&resolver->lock);
    return closed ? SLEY_ECLOSED : 0;
}

void sley__dns_leave(struct sley_resolver *resolver)
{
    bool last = --resolver->users == 0 && resolver->gone;

    sley__lock_release(&resolver->lock);
    if (last)
        sley__dns_destroy(resolver);
}

void sley_resolver_free(struct sley_resolver *resolver)
{
    if (!resolver)
        return;
    sley__lock_acquire(&resolver->lock);
    resolver->closed = true;
    sley__dns_forget(resolver);
    sley__lock_release(&resolver->lock);
    sley__loop_submit(resolver->loop, &resolver->close_node);
}

/* --- the runtime's own -------------------------------------------------------------------------
 */

/* Made when it is first asked for; the resolver itself takes a park to make, and no task may park
 * in the making of a service. */
struct service {
    struct sley__service service;
    struct sley_mutex lock; /* of who makes it */
    atomic(struct sley_resolver *) resolver;
};

static void close_service(struct sley__service *base)
{
    struct service *service = container_of(base, struct service, service);

    sley_resolver_free(load_acquire(&service->resolver));
    free(service);
}

static int create_service(struct sley_runtime *runtime UNUSED, struct sley__service **out)
{
    struct service *service = calloc(1, sizeof(*service));

    if (!service)
        return SLEY_ENOMEM;
    service->service.close = close_service;
    *out = &service->service;
    return 0;
}

int sley__dns_default(struct sley_resolver **out)
{
    struct sley_runtime *runtime = sley__wait_runtime();
    struct sley__service *base;
    struct service *service;
    struct sley__io *io;
    int error = sley__io_get(&io); /* before the service, so that it is closed after it */

    if (!error)
        error = sley__runtime_service(runtime, SLEY__SERVICE_DNS, create_service, &base);
    if (error)
        return error;
    service = container_of(base, struct service, service);
    *out = load_acquire(&service->resolver); /* partner: the release below */
    if (*out)
        return 0;
    error = sley_mutex_lock(&service->lock);
    if (error)
        return error;
    *out = load_relaxed(&service->resolver);
    if (!*out) {
        error = sley_resolver_new(NULL, out);
        if (!error)
            store_release(&service->resolver, *out);
    }
    sley_mutex_unlock(&service->lock);
    return error;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

void sley_resolver_flush(struct sley_resolver *resolver)
{
    sley__lock_acquire(&resolver->lock);
    sley__dns_forget(resolver);
    sley__lock_release(&resolver->lock);
}

int sley_resolver_stats(struct sley_resolver *resolver, struct sley_resolver_stats *stats)
{
    int error = resolver ? 0 : sley__dns_default(&resolver);

    if (error)
        return error;
    sley__lock_acquire(&resolver->lock);
    *stats = resolver->stats;
    stats->cached = resolver->kept;
    sley__lock_release(&resolver->lock);
    /* Relaxed: the I/O thread writes them one by one; a moment's picture, not a snapshot. */
    stats->queries = load_relaxed(&resolver->queries);
    stats->timeouts = load_relaxed(&resolver->timeouts);
    stats->dropped = load_relaxed(&resolver->dropped);
    stats->in_flight = load_relaxed(&resolver->in_flight);
    stats->waiting = load_relaxed(&resolver->waiting);
    stats->window = load_relaxed(&resolver->window.size);
    return 0;
}
