/*
 * test_http_client_names.c: who resolves which name for the HTTP client, with proxies of all kinds:
 * sley, each name once, and libcurl none. Names below "test" are this machine here, and no others
 * exist; what libcurl looks up by itself is seen, because its getaddrinfo() is ours.
 *
 * link: -Wl,--wrap=sley__resolve -Wl,--wrap=curl_easy_setopt
 */
#define _GNU_SOURCE
#include "api/task_test.h"

#include <locale.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "http_client_impl.h"
#include "resolve.h"

/* --- names ------------------------------------------------------------------------------------ */

static struct {
    char asked[256]; /* "proxy.test far.test ", in turn */
    int64_t delay;   /* that each lookup takes at least */
    bool hanging;    /* one is under way that has no end */
    struct sley_event never;
} names;

/* libcurl's own. */
static struct {
    int calls;
    bool block, left;
    sem_t release;
} others;

int __wrap_sley__resolve(struct sley__io *io, const char *host, int port,
                         struct sley__address **addresses, size_t *count);

int __wrap_sley__resolve(struct sley__io *io UNUSED, const char *host, int port,
                         struct sley__address **addresses, size_t *count)
{
    size_t length = strlen(host);
    struct sley__address address;
    bool numeric = sley__address_numeric(&address, host, port);

    if (!numeric) {
        strcat(strcat(names.asked, host), " ");
        if (names.delay)
            assert_ok(sley_sleep(names.delay));
        if (strcmp(host, "hangs.test") == 0) {
            set(&names.hanging);
            return sley_event_wait(&names.never);
        }
        if (length < 5 || strcmp(host + length - 5, ".test") != 0)
            return SLEY_ENAME;
        cr_assert(sley__address_numeric(&address, "127.0.0.1", port));
    }
    *addresses = malloc(sizeof(**addresses));
    cr_assert_not_null(*addresses);
    **addresses = address;
    *count = 1;
    return 0;
}

SLEY_EXPORT int getaddrinfo(const char *restrict node UNUSED, const char *restrict service UNUSED,
                            const struct addrinfo *restrict hints UNUSED,
                            struct addrinfo **restrict out UNUSED)
{
    __atomic_fetch_add(&others.calls, 1, __ATOMIC_SEQ_CST);
    if (others.block) {
        sem_wait(&others.release);
        set(&others.left);
    }
    return EAI_NONAME;
}

static int calls_of_others(void)
{
    return __atomic_load_n(&others.calls, __ATOMIC_SEQ_CST);
}

/* --- what curl is told ------------------------------------------------------------------------ */

static long least_timeout, last_timeout;

CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...);

CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list arguments;
    void *value; /* each is a word on the machines that we have */

    va_start(arguments, option);
    value = va_arg(arguments, void *);
    va_end(arguments);
    if (option == CURLOPT_CONNECTTIMEOUT_MS) {
        __atomic_store_n(&last_timeout, (long)value, __ATOMIC_SEQ_CST);
        if ((long)value < __atomic_load_n(&least_timeout, __ATOMIC_SEQ_CST))
            __atomic_store_n(&least_timeout, (long)value, __ATOMIC_SEQ_CST);
    }
    return __real_curl_easy_setopt(easy, option, value);
}

/* --- a server and proxy of every kind --------------------------------------------------------- */

static struct {
    struct sley_listener *listener;
    struct sley_task *task;
    int port;
    char line[256];   /* the request's first */
    char target[256]; /* where a SOCKS client wants to go */
} site;

static unsigned next(struct sley_stream *stream)
{
    unsigned char byte = 0;

    return sley_stream_read(stream, &byte, 1) == 1 ? byte : 0;
}

static void send_all(struct sley_stream *stream, const void *data, size_t size)
{
    (void)sley_stream_write(stream, data, size, NULL); /* the client may be gone */
}

/* Up to the byte `end`. */
static void read_text(struct sley_stream *stream, char *text, size_t size, unsigned end)
{
    unsigned byte;

    for (size_t at = 0; at + 1 < size && (byte = next(stream)) && byte != end; at++) {
        text[at] = (char)byte;
        text[at + 1] = '\0';
    }
}

static void read_bytes(struct sley_stream *stream, char *text, unsigned count, bool numbers)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned byte = next(stream);

        text += numbers ? sprintf(text, "%s%u", i ? "." : "", byte) : sprintf(text, "%c", byte);
    }
}

static void greet_socks5(struct sley_stream *stream)
{
    unsigned kind;

    for (unsigned methods = next(stream); methods; methods--)
        (void)next(stream);
    send_all(stream, "\5", 2);
    for (int i = 0; i < 3; i++)
        (void)next(stream);
    kind = next(stream);
    read_bytes(stream, site.target, kind == 3 ? next(stream) : 4, kind == 1);
    (void)next(stream);
    (void)next(stream);
    send_all(stream, "\5\0\0\1\0\0\0\0\0", 10);
}

static void greet_socks4(struct sley_stream *stream)
{
    char user[64] = "";

    for (int i = 0; i < 3; i++)
        (void)next(stream);
    read_bytes(stream, site.target, 4, true);
    read_text(stream, user, sizeof(user), 0);
    if (strncmp(site.target, "0.0.0.", 6) == 0)
        read_text(stream, site.target, sizeof(site.target), 0);
    send_all(stream, "\0\132\0\0\0\0\0", 8);
}

static void answer(struct sley_stream *stream)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    static const char no[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    unsigned first = next(stream);
    char rest[256];
    bool tunnel;

    if (first == 5 || first == 4) {
        (first == 5 ? greet_socks5 : greet_socks4)(stream);
        first = next(stream);
    }
    if (!first)
        return;
    sprintf(site.line, "%c", first);
    read_text(stream, site.line + 1, sizeof(site.line) - 1, '\r');
    do {
        rest[0] = '\0';
        (void)next(stream);
        read_text(stream, rest, sizeof(rest), '\r');
    } while (*rest);
    (void)next(stream);
    tunnel = strncmp(site.line, "CONNECT ", 8) == 0;
    send_all(stream, tunnel ? no : ok, strlen(tunnel ? no : ok));
}

static int serve(void *unused UNUSED)
{
    struct sley_stream *stream;

    while (sley_listener_accept(site.listener, &stream) == 0) {
        answer(stream);
        sley_stream_free(stream);
    }
    return 0;
}

static void open_site(void)
{
    static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                            "ALL_PROXY",  "HTTP_PROXY",  "no_proxy",    "NO_PROXY"};

    for (size_t i = 0; i < ARRAY_LENGTH(variables); i++)
        unsetenv(variables[i]);
    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    site.port = sley_listener_port(site.listener);
    site.task = spawned(serve, NULL);
}

static void close_site(void)
{
    sley_listener_close(site.listener);
    assert_ok(joined(site.task));
    sley_listener_free(site.listener);
}

/* --- requests --------------------------------------------------------------------------------- */

static char why[SLEY_HTTP_ERROR_SIZE];

/* With a client of its own, whose proxy may have the site's port put in for %d. */
static int get(const char *proxy, const char *url, const struct sley_http_options *limits)
{
    struct sley_http_options options = limits ? *limits : (struct sley_http_options){0};
    struct sley_http_client_options settings = {0};
    struct sley_http_client *client;
    char full_url[128], full_proxy[128];
    int result;

    names.asked[0] = site.line[0] = site.target[0] = '\0';
    last_timeout = least_timeout = 1000000;
    if (proxy) {
        snprintf(full_proxy, sizeof(full_proxy), proxy, site.port);
        settings.proxy = full_proxy;
    }
    snprintf(full_url, sizeof(full_url), url, site.port);
    options.error = why;
    assert_ok(sley_http_client_new(&settings, &client));
    result = sley_http_get(client, full_url, &options, NULL);
    sley_http_client_free(client);
    return result;
}

#define assert_get(proxy, url)                                        \
    do {                                                              \
        int got_ = get(proxy, url, NULL);                             \
        cr_assert_eq(got_, 0, "%s (%s)", sley_error_name(got_), why); \
    } while (0)

static void assert_text(const char *is, const char *expected)
{
    cr_assert_str_eq(is, expected);
}

static void set_variable(const char *name, const char *format)
{
    char value[128];

    snprintf(value, sizeof(value), format, site.port);
    cr_assert_eq(setenv(name, value, 1), 0);
}

TASK_TEST(http_client_names, proxy_of_the_options)
{
    open_site();
    assert_get("http://proxy.test:%d", "http://far.invalid/x");
    assert_text(names.asked, "proxy.test ");
    assert_text(site.line, "GET http://far.invalid/x HTTP/1.1");
    /* Also for a target without a name, and for a proxy without one. */
    assert_get("proxy.test:%d", "http://192.0.2.1/x");
    assert_text(names.asked, "proxy.test ");
    assert_get("http://127.0.0.1:%d", "http://far.invalid/x");
    assert_text(site.line, "GET http://far.invalid/x HTTP/1.1");
    assert_code(get("http://nowhere.invalid:%d", "http://far.test/", NULL), SLEY_ENAME);
    assert_text(names.asked, "nowhere.invalid ");
    assert_text(why, "Could not resolve proxy: nowhere.invalid");
    assert_code(get("http://user:word@tunnel.test:%d", "https://far.invalid/", NULL), SLEY_EPROTO);
    assert_text(names.asked, "tunnel.test ");
    assert_text(site.line, "CONNECT far.invalid:443 HTTP/1.1");
    cr_assert_eq(calls_of_others(), 0);
    close_site();
    return 0;
}

/* With "h" and "a" the proxy resolves the target, without them the client does. */
TASK_TEST(http_client_names, socks)
{
    static const struct {
        const char *proxy, *url, *asked, *target;
    } cases[] = {
        {"socks5h://socks.test:%d", "http://far.invalid/", "socks.test ", "far.invalid"},
        {"socks4a://socks.test:%d", "http://far.invalid/", "socks.test ", "far.invalid"},
        {"socks5://socks.test:%d", "http://far.test/", "socks.test far.test ", "127.0.0.1"},
        {"socks4://socks.test:%d", "http://far.test/", "socks.test far.test ", "127.0.0.1"},
        {"socks5://socks.test:%d", "http://192.0.2.7/", "socks.test ", "192.0.2.7"},
    };

    open_site();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_get(cases[i].proxy, cases[i].url);
        assert_text(names.asked, cases[i].asked);
        assert_text(site.target, cases[i].target);
        assert_text(site.line, "GET / HTTP/1.1");
    }
    assert_get("socks5://127.0.0.1:%d", "http://far.test/");
    assert_text(site.target, "127.0.0.1");
    assert_code(get("socks5://socks.test:%d", "http://far.invalid/", NULL), SLEY_ENAME);
    assert_text(why, "Could not resolve host: far.invalid");
    cr_assert_eq(calls_of_others(), 0);
    close_site();
    return 0;
}

TASK_TEST(http_client_names, proxy_of_the_environment)
{
    open_site();
    set_variable("http_proxy", "http://web.test:%d");
    set_variable("HTTPS_PROXY", "tunnel.test:%d");
    set_variable("all_proxy", "socks5h://socks.test:%d");
    set_variable("no_proxy", "near.test,127.0.0.1");
    assert_get(NULL, "http://far.invalid/");
    assert_text(names.asked, "web.test ");
    assert_text(site.line, "GET http://far.invalid/ HTTP/1.1");
    assert_code(get(NULL, "https://far.invalid/", NULL), SLEY_EPROTO);
    assert_text(names.asked, "tunnel.test ");
    assert_text(site.line, "CONNECT far.invalid:443 HTTP/1.1");

    /* Exceptions, one of which needs no name although the proxy has one. */
    assert_get(NULL, "http://near.test:%d/");
    assert_text(names.asked, "near.test ");
    assert_text(site.line, "GET / HTTP/1.1");
    assert_get(NULL, "http://127.0.0.1:%d/");
    assert_text(site.line, "GET / HTTP/1.1");

    set_variable("http_proxy", "");
    assert_get(NULL, "http://far.invalid/");
    assert_text(names.asked, "socks.test ");
    assert_text(site.target, "far.invalid");

    /* Capitals do not count for http. */
    unsetenv("all_proxy");
    set_variable("HTTP_PROXY", "http://web.test:%d");
    assert_code(get(NULL, "http://far.invalid/", NULL), SLEY_ENAME);
    assert_text(names.asked, "far.invalid ");
    cr_assert_eq(calls_of_others(), 0);
    close_site();
    return 0;
}

/* --- limits ----------------------------------------------------------------------------------- */

TASK_TEST(http_client_names, lookups_and_connection_share_their_time)
{
    struct sley_http_options options = {.connect_timeout = SLEY_SECONDS(50)};

    open_site();
    names.delay = SLEY_MILLISECONDS(20);
    assert_ok(get("socks5://socks.test:%d", "http://far.test/", &options));
    cr_assert(least_timeout > 0 && least_timeout <= 50000 - 2 * 20, "%ld", least_timeout);
    cr_assert_eq(last_timeout, 50000); /* for the next host, once this one is reached */

    names.delay = 0;
    options.connect_timeout = SLEY_MILLISECONDS(20);
    assert_code(get(NULL, "http://hangs.test:%d/", &options), SLEY_ETIMEDOUT);
    assert_text(why, "no address of hangs.test after 0.02 s");
    options.timeout = SLEY_MILLISECONDS(10);
    assert_code(get("http://hangs.test:%d", "http://far.test/", &options), SLEY_ETIMEDOUT);
    assert_text(why, "not complete after 0.01 s, 0 bytes received");
    close_site();
    return 0;
}

static int get_by_one_that_hangs(void *proxy)
{
    return get(proxy, "http://far.invalid/", NULL);
}

TASK_TEST(http_client_names, cancelled_while_the_proxy_is_looked_up)
{
    static char proxy[] = "http://hangs.test:%d";
    struct sley_task *task;

    open_site();
    task = spawned(get_by_one_that_hangs, proxy);
    while (!is_set(&names.hanging))
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    cr_assert_eq(calls_of_others(), 0);
    close_site();
    return 0;
}

/* What libcurl resolves by itself: the I/O thread does not wait for its thread. */
TASK_TEST(http_client_names, cancelled_while_curl_looks_up)
{
    static char proxy[] = "http://pr\303\266xy.test:%d";
    struct sley_task *task;

    if (!setlocale(LC_ALL, "C.UTF-8") || curl_version_info(CURLVERSION_NOW)->version_num < 0x075700)
        cr_skip_test("this libcurl waits for its threads");
    open_site();
    sem_init(&others.release, 0, 0);
    others.block = true;
    task = spawned(get_by_one_that_hangs, proxy);
    while (!calls_of_others())
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    sley_cancel(task, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    assert_get(NULL, "http://127.0.0.1:%d/"); /* so the I/O thread is not held up */
    cr_assert_not(is_set(&others.left));
    sem_post(&others.release);
    while (!is_set(&others.left))
        assert_ok(sley_sleep(SLEY_MICROSECONDS(100)));
    close_site();
    return 0;
}
