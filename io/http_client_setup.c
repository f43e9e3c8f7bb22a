/*
 * http_client_setup.c: from our options to libcurl's. On the task's worker, before the transfer is
 * handed in: an easy handle that is in no multi handle may be touched by any thread, and the I/O
 * thread has enough to do.
 *
 * What is the same for all transfers of a client is set once, when the handle is made; what may
 * differ is set each time, also to its default, so that a recycled handle remembers nothing of its
 * last transfer. (curl_easy_reset would, but sets three hundred fields.)
 *
 * curl writes header lines as they are. A value that comes from elsewhere and contains a line break
 * would smuggle in further headers or a second request, so lines are checked here.
 */
#include "http_client_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <sley/version.h>

enum { REDIRECTS = 10 };

#define CONNECT_TIMEOUT SLEY_SECONDS(30)
#define IDLE_TIMEOUT    SLEY_SECONDS(60)
#define BODY_MAX        ((size_t)64 << 20)

int sley__http_easy_new(struct sley_http_client *client, CURL **out)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return SLEY_ENOMEM;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, sley__http_on_header);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sley__http_on_body);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, sley__http_on_request);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sley__http_on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sley__http_on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
    if ((client->options.no_proxy && curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK) ||
        curl_easy_setopt(easy, CURLOPT_USERAGENT, client->options.user_agent) != CURLE_OK) {
        curl_easy_cleanup(easy);
        return SLEY_ENOMEM;
    }
    *out = easy;
    return 0;
}

/* A method is a token (RFC 9110, 5.6.2). */
static bool is_token(const char *text)
{
    const char *start = text;

    while (isalnum((unsigned char)*text) || (*text && strchr("!#$%&'*+-.^_`|~", *text)))
        text++;
    return text > start && !*text;
}

static bool is_header(const char *line)
{
    const char *colon = strchr(line, ':');

    return colon && colon > line && !strpbrk(line, "\r\n");
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

static int set_headers(struct sley_http_response *response, const struct sley_http_options *options)
{
    for (const char *const *line = options->headers; line && *line; line++) {
        if (!is_header(*line))
            return SLEY_EINVAL;
        if (!append(&response->headers_out, *line))
            return SLEY_ENOMEM;
    }
    /* curl would wait up to a second for a server that does not know "100-continue". */
    if (options->body && !append(&response->headers_out, "Expect:"))
        return SLEY_ENOMEM;
    curl_easy_setopt(response->easy, CURLOPT_HTTPHEADER, response->headers_out);
    return 0;
}

static int set_method(CURL *easy, const struct sley_http_options *options)
{
    const char *method = options->method ? options->method : options->body ? "POST" : "GET";
    CURLcode code = CURLE_OK;

    if (!is_token(method))
        return SLEY_EINVAL;
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (options->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->body_size);
        code = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, options->body);
        if (code == CURLE_OK && strcmp(method, "POST") != 0)
            code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    return code == CURLE_OK ? 0 : SLEY_ENOMEM;
}

/* Whole milliseconds, rounded up: 0 means "none" to curl. */
static long milliseconds(int64_t duration)
{
    int64_t ms = duration / 1000000 + (duration % 1000000 != 0);

    return ms < INT32_MAX ? (long)ms : INT32_MAX;
}

static int set_limits(struct sley_http_response *response, const struct sley_http_options *options)
{
    CURL *easy = response->easy;
    int redirects = options->max_redirects ? options->max_redirects : REDIRECTS;

    if (options->connect_timeout < 0 || options->timeout < 0)
        return SLEY_EINVAL;
    response->connect_timeout =
        options->connect_timeout ? options->connect_timeout : CONNECT_TIMEOUT;
    response->idle_timeout = options->idle_timeout ? options->idle_timeout : IDLE_TIMEOUT;
    response->timeout = options->timeout;
    response->max_body = options->max_body ? options->max_body
                         : options->sink   ? SIZE_MAX
                                           : BODY_MAX;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(response->connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(response->timeout));
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)redirects);
    return 0;
}

/* The URL is checked by curl itself when the transfer starts; a line break in it is refused there.
 */
static int set_target(struct sley_http_response *response, const char *url,
                      const struct sley_http_options *options)
{
    CURL *easy = response->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, response);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, response);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, response);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, response->curl_error);
    if (curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, options->compressed ? "" : NULL) ||
        curl_easy_setopt(easy, CURLOPT_URL, url))
        return SLEY_ENOMEM;
    response->sink = options->sink;
    response->sink_arg = options->sink_arg;
    return 0;
}

int sley__http_set_up(struct sley_http_response *response, const char *url,
                      const struct sley_http_options *options)
{
    int error = set_target(response, url, options);

    if (!error)
        error = set_method(response->easy, options);
    if (!error)
        error = set_headers(response, options);
    if (!error)
        error = set_limits(response, options);
    return error;
}
