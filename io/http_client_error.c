/*
 * http_client_error.c: how a transfer ended, as a code that programs can act on and a sentence that
 * people can read. libcurl has a hundred codes for what went wrong inside of it; a caller wants to
 * know whether to try again, whom to blame, and where: so few codes, and a text that names the host
 * and how far the transfer got.
 */
#include "http_client_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int say(char *text, int code, const char *format, ...) PRINTF(3, 4);

/* Writes the sentence and returns the code. */
static int say(char *text, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, SLEY_HTTP_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return code;
}

struct place {
    char text[128];
};

/* "HOST:PORT" of the URL that the transfer was at. */
static struct place place_of(const struct sley_http_response *response)
{
    struct place place = {"the server"};
    char *url = NULL, *host = NULL, *port = NULL;
    CURLU *parsed = curl_url();

    curl_easy_getinfo(response->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (parsed && url && !curl_url_set(parsed, CURLUPART_URL, url, CURLU_GUESS_SCHEME) &&
        !curl_url_get(parsed, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        snprintf(place.text, sizeof(place.text), "%s:%s", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return place;
}

static double seconds(int64_t duration)
{
    return (double)duration / 1e9;
}

static int64_t elapsed(const struct sley_http_response *response)
{
    curl_off_t us = 0;

    curl_easy_getinfo(response->easy, CURLINFO_TOTAL_TIME_T, &us);
    return (int64_t)us * 1000;
}

static int system_error(const struct sley_http_response *response)
{
    long error = 0;

    curl_easy_getinfo(response->easy, CURLINFO_OS_ERRNO, &error);
    return error ? (int)error : response->socket_error;
}

/* What curl itself says, with its code's general text where it has nothing special. */
static int as_curl_says(const struct sley_http_response *response, char *text, int code)
{
    return say(text, code, "%s",
               *response->curl_error ? response->curl_error : curl_easy_strerror(response->code));
}

static int timed_out(const struct sley_http_response *response, char *text)
{
    /* curl's clock and ours may differ by the millisecond that it rounds to. */
    if (response->timeout && elapsed(response) + SLEY_MILLISECONDS(2) >= response->timeout)
        return say(text, SLEY_ETIMEDOUT, "not complete after %g s, %llu bytes received",
                   seconds(response->timeout), (unsigned long long)response->bytes);
    return say(text, SLEY_ETIMEDOUT, "no connection to %s after %g s", place_of(response).text,
               seconds(response->connect_timeout));
}

static int not_connected(const struct sley_http_response *response, char *text)
{
    int error = system_error(response);

    switch (error) {
    case ECONNREFUSED:
        return say(text, SLEY_ECONNREFUSED, "connection to %s refused", place_of(response).text);
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ECONNRESET:
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case EACCES:
        break;
    case ENOMEM:
    case ENOBUFS:
        error = ENOMEM;
        break;
    default:
        return say(text, SLEY_ECONNREFUSED, "no connection to %s: %s", place_of(response).text,
                   response->curl_error);
    }
    return say(text, -error, "no connection to %s: %s", place_of(response).text,
               sley_strerror(-error));
}

/* curl takes an answer that ends within its headers for a whole one. */
static int complete(const struct sley_http_response *response, char *text)
{
    if (!response->headers_whole)
        return say(text, SLEY_EPROTO, "%s closed in the middle of the headers",
                   place_of(response).text);
    text[0] = '\0';
    return 0;
}

static int cut_short(const struct sley_http_response *response, char *text)
{
    curl_off_t length = -1;

    curl_easy_getinfo(response->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0)
        return say(text, SLEY_EPROTO, "the server closed after %llu of %lld bytes",
                   (unsigned long long)response->bytes, (long long)length);
    return say(text, SLEY_EPROTO, "the server closed in the middle of the body, after %llu bytes",
               (unsigned long long)response->bytes);
}

/* curl has one code for a socket that fails and for chunks that are none. Its sentence tells them
 * apart: about sockets it quotes the system. */
static bool socket_failed(const struct sley_http_response *response)
{
    static const char *const signs[] = {"Recv failure", "Send failure", "errno", "SSL_read",
                                        "SSL_write"};

    if (!*response->curl_error)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(signs); i++)
        if (strstr(response->curl_error, signs[i]))
            return true;
    return false;
}

static int broken_off(const struct sley_http_response *response, char *text)
{
    if (!socket_failed(response))
        return as_curl_says(response, text, SLEY_EPROTO);
    if (!response->bytes)
        return say(text, SLEY_ECONNRESET, "connection to %s broke before the answer",
                   place_of(response).text);
    return say(text, SLEY_ECONNRESET, "connection to %s broke after %llu bytes",
               place_of(response).text, (unsigned long long)response->bytes);
}

/* Before version 8.6 curl reports a header line above its limit of 100 KiB like this, too. When the
 * answer has begun to come that is by far the more likely cause. */
static int out_of_memory(const struct sley_http_response *response, char *text)
{
    if (response->started && !response->bytes)
        return say(text, SLEY_EMSGSIZE, "a header is too large (or memory is short)");
    return say(text, SLEY_ENOMEM, "%s", sley_strerror(SLEY_ENOMEM));
}

/* curl refuses a redirect to another protocol with the same code as a URL of ours. */
static int bad_url(const struct sley_http_response *response, char *text)
{
    return as_curl_says(response, text, response->started ? SLEY_EPROTO : SLEY_EINVAL);
}

static int ended_by_curl(const struct sley_http_response *response, char *text)
{
    switch (response->code) {
    case CURLE_OK:
        return complete(response, text);
    case CURLE_COULDNT_CONNECT:
        return not_connected(response, text);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return as_curl_says(response, text, SLEY_ENAME);
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(response, text);
    case CURLE_GOT_NOTHING:
        return say(text, SLEY_EPROTO, "%s closed without an answer", place_of(response).text);
    case CURLE_PARTIAL_FILE:
        return cut_short(response, text);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return broken_off(response, text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return bad_url(response, text);
    case CURLE_OUT_OF_MEMORY:
        return out_of_memory(response, text);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_ENGINE_INITFAILED:
        return as_curl_says(response, text, SLEY_ETLS);
    default: /* what is left is a server that does not speak HTTP as it should */
        return as_curl_says(response, text, SLEY_EPROTO);
    }
}

int sley__http_outcome(struct sley_http_response *response, char *text)
{
    switch (response->end) {
    case SLEY__HTTP_TOO_LARGE:
        return say(text, SLEY_EMSGSIZE, "the body is larger than %zu bytes", response->max_body);
    case SLEY__HTTP_HEADER_TOO_LARGE:
        return say(text, SLEY_EMSGSIZE, "%s", "the headers are too large");
    case SLEY__HTTP_NO_MEMORY:
        return say(text, SLEY_ENOMEM, "%s", sley_strerror(SLEY_ENOMEM));
    case SLEY__HTTP_IDLE:
        return say(text, SLEY_ETIMEDOUT, "nothing received for %g s, after %llu bytes",
                   seconds(response->idle_timeout), (unsigned long long)response->bytes);
    case SLEY__HTTP_NO_REWIND:
        return say(text, SLEY_EPROTO, "%s",
                   "the server needs the body once more, and its source cannot begin again");
    case SLEY__HTTP_SHUT_DOWN:
        return say(text, SLEY_ECLOSED, "%s", "the client was closed");
    default:
        return ended_by_curl(response, text);
    }
}
