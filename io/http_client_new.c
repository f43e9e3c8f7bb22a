/*
 * http_client_new.c: a client's beginning and end, its settings and its counters.
 *
 * The settings that curl wants per transfer are set when an easy handle is made (_setup.c), those
 * of the multi handle when the I/O thread opens it (_loop.c); what both need are copies of the
 * caller's strings, which live as long as the client. A client is opened by the I/O thread, because
 * its handles of the loop are that thread's; the task waits for it, or leaves, and then whoever
 * comes last takes it down again.
 *
 * Cookies are the only thing that transfers share beside connections: curl keeps them in a share
 * handle, under a lock of ours, because a response may be freed by any thread.
 */
#include "http_client_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/version.h>

#ifdef SLEY_HOSTILE
enum { IDLE_CONNECTIONS = 2 };
#else
enum { IDLE_CONNECTIONS = 256 };
#endif

enum { STREAMS = 100 };

/* --- settings -------------------------------------------------------------------------------- */

static void free_string(const char *string)
{
    free((char *)(uintptr_t)string);
}

void sley__http_client_destroy(struct sley_http_client *client)
{
    if (client->share)
        curl_share_cleanup(client->share);
    free_string(client->options.user_agent);
    free_string(client->options.proxy);
    free_string(client->options.ca_file);
    free_string(client->options.certificate);
    free_string(client->options.certificate_key);
    free(client);
}

/* Replaces the caller's string by a copy; false: no memory, and there is none. */
static bool own(const char **string)
{
    const char *copy = *string ? strdup(*string) : NULL;
    bool owned = copy || !*string;

    *string = copy;
    return owned;
}

static int copy_strings(struct sley_http_client_options *options)
{
    bool owned = own(&options->user_agent);

    owned &= own(&options->proxy);
    owned &= own(&options->ca_file);
    owned &= own(&options->certificate);
    owned &= own(&options->certificate_key);
    return owned ? 0 : SLEY_ENOMEM;
}

/* curl looks for these anew for each transfer, at 2 % of what a small file costs. */
static bool environment_has_proxy(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (getenv(names[i]))
            return true;
    return false;
}

static bool speaks_http2(void)
{
    return curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2;
}

static int copy_options(struct sley_http_client *client,
                        const struct sley_http_client_options *options)
{
    char standard[32];

    if (options->user_agent && strpbrk(options->user_agent, "\r\n"))
        return SLEY_EINVAL;
    if (options->version < SLEY_HTTP_ANY || options->version > SLEY_HTTP_2_PRIOR)
        return SLEY_EINVAL;
    if (options->version == SLEY_HTTP_2_PRIOR && !speaks_http2())
        return SLEY_ENOSYS;
    snprintf(standard, sizeof(standard), "sley/%s", sley_version());
    client->options = *options;
    if (!options->max_idle_connections)
        client->options.max_idle_connections = IDLE_CONNECTIONS;
    if (!options->max_streams)
        client->options.max_streams = STREAMS;
    client->options.no_proxy |= !environment_has_proxy();
    if (!options->user_agent)
        client->options.user_agent = standard;
    return copy_strings(&client->options);
}

/* Any thread. */
static void lock_share(CURL *easy UNUSED, curl_lock_data data UNUSED, curl_lock_access how UNUSED,
                       void *client)
{
    sley__lock_acquire(&((struct sley_http_client *)client)->share_lock);
}

static void unlock_share(CURL *easy UNUSED, curl_lock_data data UNUSED, void *client)
{
    sley__lock_release(&((struct sley_http_client *)client)->share_lock);
}

static int share_cookies(struct sley_http_client *client)
{
    CURLSH *share = curl_share_init();

    client->share = share;
    if (!share || curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock_share) ||
        curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock_share) ||
        curl_share_setopt(share, CURLSHOPT_USERDATA, client) ||
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE))
        return SLEY_ENOMEM;
    return 0;
}

/* --- opening and closing --------------------------------------------------------------------- */

/* Whichever side comes last; if the task has left, the client that was opened is closed again. */
static void release_opening(struct sley__request *request)
{
    struct sley__http_opening *opening = container_of(request, struct sley__http_opening, request);

    free(opening);
}

static void abandoned_opening(struct sley__request *request)
{
    struct sley__http_opening *opening = container_of(request, struct sley__http_opening, request);

    if (opening->client->multi)
        sley__http_loop_close(&opening->client->close_node);
    else
        sley__http_client_destroy(opening->client);
    release_opening(request);
}

/* Has the I/O thread do its part. On failure the client is gone. From a task. Parks. */
static int open_on_loop(struct sley_http_client *client)
{
    struct sley__http_opening *opening = calloc(1, sizeof(*opening));
    int error;

    if (!opening) {
        sley__http_client_destroy(client);
        return SLEY_ENOMEM;
    }
    opening->client = client;
    opening->request.node.run = sley__http_loop_open;
    opening->request.release = abandoned_opening;
    if (!sley__request_call(client->loop, &opening->request, "http client", &error))
        return error;
    release_opening(&opening->request);
    if (error)
        sley__http_client_destroy(client);
    return error;
}

int sley_http_client_new(const struct sley_http_client_options *options,
                         struct sley_http_client **out)
{
    static const struct sley_http_client_options defaults;
    struct sley_http_client *client;
    struct sley__io *io;
    int error = sley__io_get(&io);

    if (error)
        return error;
    client = calloc(1, sizeof(*client));
    if (!client)
        return SLEY_ENOMEM;
    client->io = io;
    client->loop = &io->loop;
    client->sockets.set = -1;
    client->close_node.run = sley__http_loop_close;
    store_relaxed(&client->refs, 2); /* the owner's and the loop's */
    error = copy_options(client, options ? options : &defaults);
    if (!error && client->options.cookies)
        error = share_cookies(client);
    if (error) {
        sley__http_client_destroy(client);
        return error;
    }
    error = open_on_loop(client);
    if (!error)
        *out = client;
    return error;
}

void sley_http_client_free(struct sley_http_client *client)
{
    if (client)
        sley__loop_submit(client->loop, &client->close_node);
}

void sley_http_client_stats(const struct sley_http_client *client, struct sley_http_stats *stats)
{
    struct sley_http_client *mine = (struct sley_http_client *)(uintptr_t)client;

    stats->transfers = load_relaxed(&mine->stats.transfers);
    stats->failed = load_relaxed(&mine->stats.failed);
    stats->active = load_relaxed(&mine->stats.active);
    stats->connections = load_relaxed(&mine->stats.connections);
    stats->open = load_relaxed(&mine->stats.open);
    stats->reused = load_relaxed(&mine->stats.reused);
    stats->bytes_received = load_relaxed(&mine->stats.received);
    stats->bytes_sent = load_relaxed(&mine->stats.sent);
}
