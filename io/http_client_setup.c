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
#include <strings.h>

enum { REDIRECTS = 10 };

#define CONNECT_TIMEOUT  SLEY_SECONDS(30)
#define IDLE_TIMEOUT     SLEY_SECONDS(60)
#define BODY_MAX         ((size_t)64 << 20)
#define LINE_MAX_DEFAULT ((size_t)64 << 10)

/* What calls us back, and with what. */
static void set_callbacks(CURL *easy, struct sley_http_client *client,
                          struct sley_http_response *response)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, response);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, response->curl_error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, sley__http_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, response);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sley__http_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, sley__http_on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, response);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, sley__http_on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, response);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, sley__http_on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, response);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, sley__http_on_resolve);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, response);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sley__http_on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sley__http_on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
}

static long version_for_curl(enum sley_http_version version)
{
    return version == SLEY_HTTP_1_1       ? CURL_HTTP_VERSION_1_1
           : version == SLEY_HTTP_2_PRIOR ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                          : CURL_HTTP_VERSION_2TLS;
}

/* A libcurl without HTTP/2 refuses the version; then it speaks HTTP/1.1. */
static CURLcode set_connection(CURL *easy, const struct sley_http_client *client)
{
    const struct sley_http_client_options *options = &client->options;
    const char *key = options->certificate_key ? options->certificate_key : options->certificate;
    CURLcode code = CURLE_OK;

    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version_for_curl(options->version));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->insecure ? 0L : 2L);
    if (options->proxy)
        code = curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy);
    else if (options->no_proxy)
        code = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (!code && options->ca_file)
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (!code && options->certificate)
        code = curl_easy_setopt(easy, CURLOPT_SSLCERT, options->certificate);
    if (!code && key)
        code = curl_easy_setopt(easy, CURLOPT_SSLKEY, key);
    return code;
}

/* A thread of curl's that still resolves a name is left behind, not waited for. Before that version
 * such a name (http_client_names.c says which) holds up the I/O thread for as long as it takes. */
#if LIBCURL_VERSION_NUM >= 0x075700
static void set_quick_exit(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}
#else
static void set_quick_exit(CURL *easy UNUSED)
{
}
#endif

int sley__http_easy_new(struct sley_http_response *response, struct sley_http_client *client)
{
    CURL *easy = curl_easy_init();
    CURLcode code;

    if (!easy)
        return SLEY_ENOMEM;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set_quick_exit(easy);
    set_callbacks(easy, client, response);
    code = set_connection(easy, client);
    if (!code)
        code = curl_easy_setopt(easy, CURLOPT_USERAGENT, client->options.user_agent);
    if (!code && client->share) {
        code = curl_easy_setopt(easy, CURLOPT_SHARE, client->share);
        if (!code)
            code = curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
    }
    if (code) {
        curl_easy_cleanup(easy);
        return code == CURLE_OUT_OF_MEMORY ? SLEY_ENOMEM : SLEY_ENOSYS;
    }
    response->easy = easy;
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

static bool has_body(const struct sley_http_options *options)
{
    return options->body || options->source;
}

/* A body of unknown length is announced to be in chunks; curl would do so for a PUT only. It is the
 * first header, so that it can be left out again. */
static bool set_chunks(struct sley_http_response *response, const struct sley_http_options *options)
{
    response->chunks = options->source && !options->source_size;
    return !response->chunks || append(&response->headers_out, "Transfer-Encoding: chunked");
}

/* Left to itself curl asks for large bodies, and waits up to a second for a server that does not
 * know "100-continue". */
static bool set_expect(struct sley_http_response *response, const struct sley_http_options *options)
{
    if (!has_body(options))
        return true;
    for (struct curl_slist *line = response->headers_out; line; line = line->next)
        if (strncasecmp(line->data, "Expect:", 7) == 0)
            return true;
    return append(&response->headers_out, options->expect ? "Expect: 100-continue" : "Expect:");
}

static int set_headers(struct sley_http_response *response, const struct sley_http_options *options)
{
    if (!set_chunks(response, options))
        return SLEY_ENOMEM;
    for (const char *const *line = options->headers; line && *line; line++) {
        if (!is_header(*line))
            return SLEY_EINVAL;
        if (!append(&response->headers_out, *line))
            return SLEY_ENOMEM;
    }
    if (!set_expect(response, options))
        return SLEY_ENOMEM;
    curl_easy_setopt(response->easy, CURLOPT_HTTPHEADER, response->headers_out);
    return 0;
}

static void set_no_body(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
}

/* The body comes from sley__http_on_read. A PUT keeps its method over a redirect, a POST may not.
 */
static void set_source(CURL *easy, uint64_t size, bool post)
{
    curl_off_t length = size ? (curl_off_t)size : -1;

    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, post ? CURLOPT_POST : CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, post ? CURLOPT_POSTFIELDSIZE_LARGE : CURLOPT_INFILESIZE_LARGE, length);
}

static CURLcode set_data(CURL *easy, const void *body, uint64_t size, bool post)
{
    long kept = post ? 0 : CURL_REDIR_POST_301 | CURL_REDIR_POST_302;

    curl_easy_setopt(easy, CURLOPT_POSTREDIR, kept);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    return curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
}

int sley__http_set_method(CURL *easy, const char *method, const void *body, uint64_t body_size,
                          bool source)
{
    bool post = strcmp(method, "POST") == 0;
    CURLcode code = CURLE_OK;

    if (!is_token(method))
        return SLEY_EINVAL;
    set_no_body(easy);
    if (source)
        set_source(easy, body_size, post);
    else if (body)
        code = set_data(easy, body, body_size, post);
    else if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!code &&
        (source || body ? !post : strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    return code == CURLE_OK ? 0 : SLEY_ENOMEM;
}

static int set_body(struct sley_http_response *response, const struct sley_http_options *options)
{
    const char *method = options->method ? options->method : has_body(options) ? "POST" : "GET";

    if (options->body && options->source)
        return SLEY_EINVAL;
    response->post = strcmp(method, "POST") == 0;
    if (options->source)
        response->upload = (struct sley__http_upload){
            .source = options->source,
            .rewind = options->rewind,
            .arg = options->source_arg,
            .size = options->source_size,
            .wanted = true,
        };
    return sley__http_set_method(response->easy, method, options->body,
                                 options->source ? options->source_size : options->body_size,
                                 options->source != NULL);
}

/* 0 means "none" to curl. */
long sley__http_milliseconds(int64_t duration)
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
    response->connect_left = response->connect_timeout;
    response->idle_timeout = options->idle_timeout ? options->idle_timeout : IDLE_TIMEOUT;
    response->timeout = options->timeout;
    response->max_body = options->max_body   ? options->max_body
                         : response->bounded ? SIZE_MAX
                                             : BODY_MAX;
    response->max_line = options->max_line ? options->max_line : LINE_MAX_DEFAULT;
    response->redirects = redirects;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     sley__http_milliseconds(response->connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, sley__http_milliseconds(response->timeout));
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)redirects);
    return 0;
}

/* libcurl 7.88 breaks off the second request of a connection on which HTTP/2 was not asked for.
 * Which version it is is only asked when it matters: it prints the names of all its libraries for
 * that, with 4 KiB of the task's stack. */
static bool reuse_is_broken(const struct sley_http_client *client)
{
    return client->options.version == SLEY_HTTP_2_PRIOR &&
           curl_version_info(CURLVERSION_NOW)->version_num >> 8 == 0x0758;
}

/* Whether it should wait for a connection that is still being made, because it may share it. */
static bool waits_to_share(const struct sley_http_client *client, const char *url)
{
    if (client->options.version == SLEY_HTTP_ANY)
        return strncasecmp(url, "https:", 6) == 0;
    return client->options.version == SLEY_HTTP_2_PRIOR;
}

static void set_sharing(const struct sley_http_response *response, const char *url)
{
    bool fresh = reuse_is_broken(response->client);

    curl_easy_setopt(response->easy, CURLOPT_FRESH_CONNECT, (long)fresh);
    curl_easy_setopt(response->easy, CURLOPT_FORBID_REUSE, (long)fresh);
    curl_easy_setopt(response->easy, CURLOPT_PIPEWAIT,
                     (long)(!fresh && waits_to_share(response->client, url)));
}

/* The URL is checked by curl itself when the transfer starts; a line break in it is refused there.
 */
static int set_target(struct sley_http_response *response, const char *url,
                      const struct sley_http_options *options)
{
    CURL *easy = response->easy;

    set_sharing(response, url);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, NULL);
    if (curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, options->compressed ? "" : NULL) ||
        curl_easy_setopt(easy, CURLOPT_URL, url))
        return SLEY_ENOMEM;
    response->sink = options->sink;
    response->sink_arg = options->sink_arg;
    response->bounded = options->sink || response->pulled;
    response->expect = options->expect;
    response->curl_resolves = response->host_handed_in = response->proxy_handed_in = false;
    return 0;
}

int sley__http_set_up(struct sley_http_response *response, const char *url,
                      const struct sley_http_options *options)
{
    int error = set_target(response, url, options);

    if (!error)
        error = set_body(response, options);
    if (!error)
        error = set_headers(response, options);
    if (!error)
        error = set_limits(response, options);
    return error;
}
