/*
 * http_client_names.c: names of hosts in transfers, resolved by sley and not by libcurl.
 *
 * libcurl resolves a name in a thread of its own, one per name; ours share what the runtime has for
 * that, and a cancelled task does not wait for them. libcurl takes addresses from outside, but only
 * before a transfer begins, and nobody knows then whether it will need them: the connection may be
 * there already, or the name in curl's cache; and a redirect leads to a name nobody knew. So curl
 * is let go ahead, and when it is about to resolve a name it asks us and is refused. That ends the
 * transfer before anything was sent to that host. Its task then resolves the name, hands the
 * addresses in and begins anew, from the URL and with the method that curl had come to.
 *
 * What curl knew of the redirects is lost by that, and what matters is made good: how many are
 * left, and that headers with credentials (Authorization, Cookie) and a Host of the caller's go to
 * the host that they were meant for and to no other.
 *
 * Behind a proxy it is the proxy's name that curl wants to know, and with some (SOCKS without "h"
 * or "a") the host's as well. Its code says which of them it was; http_client_proxy.c knows what
 * the proxy is called. Each is handed in once for each host that redirects lead to.
 *
 * Looking up and connecting have one budget of time, the connect_timeout: what a lookup has taken,
 * curl is not given any more.
 *
 * curl keeps the addresses in its cache for a minute, as if it had resolved them itself. What is
 * left to curl: a name that is not ASCII, which it knows how to spell for the DNS, and one that it
 * asks for again although it was told, because it calls the host by another name than we do. Its
 * thread is not waited for when the transfer ends before the thread does (CURLOPT_QUICK_EXIT).
 */
#include "http_client_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "resolve.h"

static char *current_url(const struct sley_http_response *response)
{
    char *url = NULL;

    curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_URL, &url);
    return url;
}

/* A name for us to resolve: neither an address nor in need of another spelling. */
static bool is_name(const char *host)
{
    struct sley__address address;

    if (*host == '[' || sley__address_numeric(&address, host, 1))
        return false;
    for (; *host; host++)
        if ((unsigned char)*host >= 0x80)
            return false;
    return true;
}

/* How often the transfer has been redirected since it was begun or begun anew. */
static long redirects_of(const struct sley_http_response *response)
{
    long followed = 0;

    curl_easy_getinfo(response->easy, CURLINFO_REDIRECT_COUNT, &followed);
    return followed;
}

/* Whether the proxy for such a URL, if there is one, has a name for us to resolve. */
static bool proxy_is_named(const struct sley_http_client *client, const char *scheme)
{
    struct sley__http_parts proxy;
    bool named;

    if (!sley__http_proxy_for(client, scheme, &proxy))
        return false;
    named = is_name(proxy.host);
    sley__http_parts_free(&proxy);
    return named;
}

/* I/O thread only. */
int sley__http_on_resolve(void *resolver UNUSED, void *reserved UNUSED, void *arg)
{
    struct sley_http_response *response = arg;
    struct sley__http_parts parts;
    bool refused;

    if (response->curl_resolves && !redirects_of(response))
        return 0;
    if (!current_url(response) || !sley__http_parts_of(current_url(response), &parts))
        return 0;
    refused = is_name(parts.host) || proxy_is_named(response->client, parts.scheme);
    sley__http_parts_free(&parts);
    if (refused)
        response->end = SLEY__HTTP_NAME;
    return refused;
}

/* --- from the task --------------------------------------------------------------------------- */

/* "+HOST:PORT:ADDRESS,ADDRESS", as curl reads it: + for an entry that grows old. */
static char *entry_new(const struct sley__http_parts *parts, const struct sley__address *addresses,
                       size_t count)
{
    size_t size = strlen(parts->host) + 16 + count * (SLEY__ADDRESS_TEXT + 1);
    char *entry = malloc(size), *at;

    if (!entry)
        return NULL;
    at = entry + sprintf(entry, "+%s:%d:", parts->host, parts->port);
    for (size_t i = 0; i < count; i++) {
        char text[SLEY__ADDRESS_TEXT];

        if (!sley__address_format(&addresses[i], text, sizeof(text)))
            continue;
        *strrchr(text, ':') = '\0';
        at += sprintf(at, "%s%s", at[-1] == ':' ? "" : ",", text);
    }
    return entry;
}

/* Beside what has been handed in before: the proxy's for the host's. */
static int hand_in(struct sley_http_response *response, const struct sley__http_parts *parts,
                   const struct sley__address *addresses, size_t count)
{
    char *entry = entry_new(parts, addresses, count);
    struct curl_slist *names = entry ? curl_slist_append(response->names, entry) : NULL;

    free(entry);
    if (!names)
        return SLEY_ENOMEM;
    response->names = names;
    curl_easy_setopt(response->easy, CURLOPT_RESOLVE, names);
    return 0;
}

static bool total_is_over(const struct sley_http_response *response)
{
    return response->timeout && sley_now() >= response->begun + response->timeout;
}

/* The sentence for a name without addresses. */
static void say_why(struct sley_http_response *response, const char *what, const char *host,
                    int error)
{
    char *text = response->text;
    size_t size = sizeof(response->text);

    if (error == SLEY_ENAME)
        snprintf(text, size, "Could not resolve %s: %.200s", what, host);
    else if (error == SLEY_ETIMEDOUT && sley__wait_check())
        return; /* the task's own deadline */
    else if (error == SLEY_ETIMEDOUT && total_is_over(response))
        snprintf(text, size, "not complete after %g s, 0 bytes received",
                 (double)response->timeout / 1e9);
    else if (error == SLEY_ETIMEDOUT)
        snprintf(text, size, "no address of %.180s after %g s", host,
                 (double)response->connect_timeout / 1e9);
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* Within what is left of the time for resolving and connecting. */
static int look_up(struct sley_http_response *response, const struct sley__http_parts *parts)
{
    int64_t before = sley_now(), until = sley_after(response->connect_left), previous, spent;
    struct sley__address *addresses = NULL;
    size_t count = 0;
    int error;

    if (response->timeout)
        until = earlier(until, response->begun + response->timeout);
    previous = sley_deadline_narrow(until);
    error = sley__resolve(response->client->io, parts->host, parts->port, &addresses, &count);
    sley_deadline_restore(previous);
    spent = sley_now() - before;
    response->named += spent;
    response->connect_left -= earlier(spent, response->connect_left - 1);
    if (!error)
        error = hand_in(response, parts, addresses, count);
    free(addresses);
    return error;
}

/* What curl's list of names can hold: with a colon it would be cut there. */
static bool can_be_handed_in(const char *host)
{
    return !strchr(host, ':') && (is_name(host) || strspn(host, "0123456789.") == strlen(host));
}

/* One of the two names that there may be; *handed_in is its. */
static int resolve_one(struct sley_http_response *response, const struct sley__http_parts *parts,
                       const char *what, bool *handed_in)
{
    int error;

    if (*handed_in || !can_be_handed_in(parts->host)) {
        response->curl_resolves = true;
        return 0;
    }
    *handed_in = true;
    error = look_up(response, parts);
    say_why(response, what, parts->host, error);
    return error;
}

/* The one that curl has stopped at. */
static int resolve(struct sley_http_response *response, const char *url)
{
    bool of_proxy = response->code == CURLE_COULDNT_RESOLVE_PROXY;
    struct sley__http_parts host, proxy;
    int error;

    if (!sley__http_parts_of(url, &host))
        return SLEY_EINVAL;
    if (!of_proxy) {
        error = resolve_one(response, &host, "host", &response->host_handed_in);
    } else if (sley__http_proxy_for(response->client, host.scheme, &proxy)) {
        error = resolve_one(response, &proxy, "proxy", &response->proxy_handed_in);
        sley__http_parts_free(&proxy);
    } else {
        response->curl_resolves = true; /* the environment has changed since */
        error = 0;
    }
    sley__http_parts_free(&host);
    return error;
}

/* Another host: nothing is known of it, and it may take its time. */
static void forget_names(struct sley_http_response *response)
{
    curl_easy_setopt(response->easy, CURLOPT_RESOLVE, NULL);
    curl_slist_free_all(response->names);
    response->names = NULL;
    response->host_handed_in = response->proxy_handed_in = response->curl_resolves = false;
    response->connect_left = response->connect_timeout;
}

/* Meant for the first host only: credentials, and the name that it is to be called by. */
static bool is_for_first_host(const char *line)
{
    return strncasecmp(line, "Authorization:", 14) == 0 || strncasecmp(line, "Cookie:", 7) == 0 ||
           strncasecmp(line, "Host:", 5) == 0;
}

/* What another host is not to be told; chunks are announced only if there is a body. */
static int drop_headers(struct sley_http_response *response)
{
    struct curl_slist *kept = NULL, *longer;

    for (struct curl_slist *line = response->headers_out; line; line = line->next) {
        bool chunks = response->chunks && line == response->headers_out;

        if (is_for_first_host(line->data) || (chunks && !response->upload.source))
            continue;
        longer = curl_slist_append(kept, line->data);
        if (!longer) {
            curl_slist_free_all(kept);
            return SLEY_ENOMEM;
        }
        kept = longer;
    }
    curl_easy_setopt(response->easy, CURLOPT_HTTPHEADER, kept);
    curl_slist_free_all(response->headers_out);
    response->headers_out = kept;
    response->chunks &= response->upload.source != NULL;
    return 0;
}

/* Goes on where a redirect has led: the URL, the method, the redirects that are left. */
static int follow(struct sley_http_response *response, const char *url)
{
    long followed = redirects_of(response);
    char *method = NULL;
    int error;

    if (!followed)
        return 0;
    response->redirected += (int)followed;
    response->redirects -= (int)followed;
    curl_easy_setopt(response->easy, CURLOPT_MAXREDIRS, (long)response->redirects);
    curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_METHOD, &method);
    if (method && strcmp(method, "GET") == 0) {
        error = sley__http_set_method(response->easy, "GET", NULL, 0, false);
        sley__http_upload_clear(&response->upload);
    } else {
        error = sley__http_upload_restart(response);
    }
    if (!error)
        error = drop_headers(response);
    if (!error && curl_easy_setopt(response->easy, CURLOPT_URL, url))
        error = SLEY_ENOMEM;
    return error;
}

/* What is left of the time for connecting, and of that for everything. */
static void set_time_left(struct sley_http_response *response)
{
    int64_t left;

    curl_easy_setopt(response->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     sley__http_milliseconds(response->connect_left));
    if (!response->timeout)
        return;
    left = response->begun + response->timeout - sley_now();
    curl_easy_setopt(response->easy, CURLOPT_TIMEOUT_MS,
                     sley__http_milliseconds(left > 0 ? left : 1));
}

int sley__http_resolve(struct sley_http_response *response)
{
    char *url = strdup(current_url(response) ? current_url(response) : "");
    int error = url ? 0 : SLEY_ENOMEM;

    response->text[0] = '\0';
    if (redirects_of(response))
        forget_names(response);
    if (!error)
        error = resolve(response, url);
    if (!error)
        error = follow(response, url);
    if (!error)
        set_time_left(response);
    if (error && !*response->text)
        snprintf(response->text, sizeof(response->text), "%s", sley_strerror(error));
    free(url);
    return error;
}
