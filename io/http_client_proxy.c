/*
 * http_client_proxy.c: which proxy a transfer goes through, if it goes through one.
 *
 * Whether it does is libcurl's decision, made anew for each connection: it knows the exceptions
 * (no_proxy) and it says so when it asks for the proxy's name. What it does not say is the name,
 * and that we need to look it up. So the same is read here in the same order: the client's own
 * proxy, or the environment's for the scheme of the URL ("http_proxy", of which capitals do not
 * count, because a server may be made to set HTTP_PROXY by a header; "https_proxy"), or the one for
 * all. If the environment is changed in between, curl asks for a name that it was not given, and
 * is left to find it by itself (http_client_names.c).
 *
 * A proxy without a port has 1080, one that is spoken to over TLS 443: curl's rules, too.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_client_impl.h"

void sley__http_parts_free(struct sley__http_parts *parts)
{
    curl_free(parts->scheme);
    curl_free(parts->host);
    *parts = (struct sley__http_parts){0};
}

/* Takes `url` apart; `flags` are curl's for reading it. `port` is for a proxy that says none; NULL:
 * it is no proxy's, and has its scheme's. */
static bool take_apart(const char *url, unsigned flags, const char *port,
                       struct sley__http_parts *parts)
{
    CURLU *parsed = curl_url();
    char *said = NULL;
    bool whole;

    *parts = (struct sley__http_parts){0};
    whole = parsed && !curl_url_set(parsed, CURLUPART_URL, url, flags | CURLU_GUESS_SCHEME) &&
            !curl_url_get(parsed, CURLUPART_SCHEME, &parts->scheme, 0) &&
            !curl_url_get(parsed, CURLUPART_HOST, &parts->host, port ? CURLU_URLDECODE : 0);
    if (whole && !curl_url_get(parsed, CURLUPART_PORT, &said, port ? 0 : CURLU_DEFAULT_PORT))
        port = said;
    else if (whole && port && strcmp(parts->scheme, "https") == 0)
        port = "443";
    whole = whole && port;
    if (whole)
        parts->port = atoi(port);
    curl_free(said);
    curl_url_cleanup(parsed);
    if (!whole)
        sley__http_parts_free(parts);
    return whole;
}

bool sley__http_parts_of(const char *url, struct sley__http_parts *parts)
{
    return take_apart(url, 0, NULL, parts);
}

/* An empty variable is none. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static const char *from_environment(const char *scheme)
{
    char name[32];
    const char *value;

    snprintf(name, sizeof(name), "%.16s_proxy", scheme);
    value = variable(name);
    if (!value && strcmp(name, "http_proxy") != 0) {
        for (char *at = name; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        value = variable(name);
    }
    if (!value)
        value = variable("all_proxy");
    return value ? value : variable("ALL_PROXY");
}

bool sley__http_proxy_for(const struct sley_http_client *client, const char *scheme,
                          struct sley__http_parts *parts)
{
    const char *proxy = client->options.proxy;

    if (!proxy && !client->options.no_proxy)
        proxy = from_environment(scheme);
    return proxy && *proxy && take_apart(proxy, CURLU_NON_SUPPORT_SCHEME, "1080", parts);
}
