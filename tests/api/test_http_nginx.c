/* The HTTP client against nginx: TLS and its certificates, HTTP/2 with and without TLS, a proxy.
 * One nginx per test, on free ports, with certificates made for it. Skipped where nginx or openssl
 * is missing. */
#define _GNU_SOURCE
#include "task_test.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/http.h>
#include <sley/tcp.h>

static char directory[] = "/tmp/sley-nginx-XXXXXX";
static char why[SLEY_HTTP_ERROR_SIZE];
static pid_t nginx;
static int tls, verified, plain, old; /* ports */

#define assert_why(part) cr_assert_not_null(strstr(why, part), "\"%s\" is not in \"%s\"", part, why)

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, size));
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static const char *certificates =
    "set -e; cd %s; exec >log 2>&1;"
    "new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';"
    "$new -x509 -subj /CN=authority -keyout ca.key -out ca.pem;"
    "for name in localhost client; do"
    "  $new -subj /CN=$name -keyout $name.key -out $name.csr;"
    "  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' >san;"
    "  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
    "    -extfile san -out $name.pem;"
    "done;"
    "mkdir -p tmp";

static const char *configuration =
    "daemon off; worker_processes 1; pid %1$s/pid; error_log %1$s/error.log;\n"
    "events { worker_connections 200; }\n"
    "http { access_log off; client_body_temp_path %1$s/tmp; proxy_temp_path %1$s/tmp;\n"
    "  fastcgi_temp_path %1$s/tmp; uwsgi_temp_path %1$s/tmp; scgi_temp_path %1$s/tmp;\n"
    "  ssl_certificate %1$s/localhost.pem; ssl_certificate_key %1$s/localhost.key;\n"
    "  server { listen 127.0.0.1:%2$d ssl http2; location / {\n"
    "    return 200 '$server_protocol $connection'; } }\n"
    "  server { listen 127.0.0.1:%3$d ssl; ssl_client_certificate %1$s/ca.pem;\n"
    "    ssl_verify_client on; location / { return 200 '$ssl_client_s_dn'; } }\n"
    "  server { listen 127.0.0.1:%4$d http2; location / {\n"
    "    return 200 '$server_protocol $connection'; } }\n"
    "  server { listen 127.0.0.1:%5$d; location / {\n"
    "    return 200 'proxy of $host $request_uri'; } }\n"
    "}\n";

static void configure(void)
{
    char path[256];
    FILE *file;

    tls = free_port();
    verified = free_port();
    plain = free_port();
    old = free_port();
    snprintf(path, sizeof(path), "%s/nginx.conf", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, configuration, directory, tls, verified, plain, old);
    fclose(file);
}

static void start_nginx(void)
{
    char command[2000], path[256];

    if (system("command -v nginx >/dev/null && command -v openssl >/dev/null") != 0)
        cr_skip_test("nginx or openssl is missing");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(command, sizeof(command), certificates, directory);
    cr_assert_eq(system(command), 0);
    configure();
    snprintf(path, sizeof(path), "%s/nginx.conf", directory);
    nginx = fork();
    if (nginx == 0) {
        execlp("nginx", "nginx", "-e", "/dev/null", "-p", directory, "-c", path, (char *)NULL);
        _exit(127);
    }
    cr_assert_gt(nginx, 0);
}

static void stop_nginx(void)
{
    char command[256];

    if (nginx <= 0)
        return;
    kill(nginx, SIGTERM);
    waitpid(nginx, NULL, 0);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

static void await_nginx(int port)
{
    struct sley_stream *tcp;

    while (sley_tcp_connect("127.0.0.1", port, NULL, &tcp) != 0)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    sley_stream_free(tcp);
}

static const char *in_directory(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, 256, "%s/%s", directory, name);
    return path;
}

/* One request by a client of its own. */
static int ask(const struct sley_http_client_options *options, const char *url, int port,
               struct sley_http_response **response)
{
    struct sley_http_client *client;
    char whole[256];
    int error;

    *response = NULL;
    snprintf(whole, sizeof(whole), url, port);
    assert_ok(sley_http_client_new(options, &client));
    error = sley_http_get(client, whole, &(struct sley_http_options){.error = why}, response);
    sley_http_client_free(client);
    return error;
}

#define NGINX_TEST(name)                                            \
    static int name##_body(void *unused);                           \
    Test(http_nginx, name, .init = start_nginx, .fini = stop_nginx) \
    {                                                               \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0);         \
    }                                                               \
    static int name##_body(UNUSED_ARG void *unused)

NGINX_TEST(certificates_are_checked)
{
    struct sley_http_client_options options = {.no_proxy = true};
    struct sley_http_response *response;

    await_nginx(tls);
    assert_code(ask(&options, "https://localhost:%d/", tls, &response), SLEY_ETLS);
    assert_why("certificate");
    options.ca_file = in_directory("ca.pem");
    assert_ok(ask(&options, "https://localhost:%d/", tls, &response));
    cr_assert_eq(strncmp(sley_http_response_body(response), "HTTP/2.0 ", 9), 0);
    sley_http_response_free(response);
    assert_ok(ask(&options, "https://127.0.0.1:%d/", tls, &response));
    sley_http_response_free(response);
    options.ca_file = in_directory("missing.pem");
    assert_code(ask(&options, "https://localhost:%d/", tls, &response), SLEY_ETLS);
    options.ca_file = NULL;
    options.insecure = true;
    assert_ok(ask(&options, "https://localhost:%d/", tls, &response));
    sley_http_response_free(response);
    assert_code(ask(&options, "https://localhost:%d/", old, &response), SLEY_ETLS);
    return 0;
}

NGINX_TEST(client_certificates)
{
    struct sley_http_client_options options = {.no_proxy = true};
    struct sley_http_response *response;

    await_nginx(verified);
    options.ca_file = in_directory("ca.pem");
    assert_ok(ask(&options, "https://localhost:%d/", verified, &response));
    cr_assert_eq(sley_http_response_status(response), 400);
    sley_http_response_free(response);
    options.certificate = in_directory("client.pem");
    options.certificate_key = in_directory("client.key");
    assert_ok(ask(&options, "https://localhost:%d/", verified, &response));
    cr_assert_eq(sley_http_response_status(response), 200);
    cr_assert_str_eq(sley_http_response_body(response), "CN=client");
    sley_http_response_free(response);
    options.certificate_key = in_directory("ca.key");
    assert_code(ask(&options, "https://localhost:%d/", verified, &response), SLEY_ETLS);
    return 0;
}

NGINX_TEST(versions)
{
    struct sley_http_client_options options = {.no_proxy = true, .insecure = true};
    struct sley_http_response *response;
    struct sley_http_timing timing;

    await_nginx(plain);
    options.version = SLEY_HTTP_1_1;
    assert_ok(ask(&options, "https://localhost:%d/", tls, &response));
    cr_assert_eq(strncmp(sley_http_response_body(response), "HTTP/1.1 ", 9), 0);
    assert_ok(sley_http_response_timing(response, &timing));
    cr_assert_eq(timing.version, 11);
    cr_assert_gt(timing.tls, timing.connect);
    sley_http_response_free(response);
    options.version = SLEY_HTTP_2_PRIOR;
    assert_ok(ask(&options, "http://localhost:%d/", plain, &response));
    cr_assert_eq(strncmp(sley_http_response_body(response), "HTTP/2.0 ", 9), 0);
    assert_ok(sley_http_response_timing(response, &timing));
    cr_assert_eq(timing.version, 20);
    cr_assert_eq(timing.tls, 0);
    sley_http_response_free(response);
    options.version = 7;
    cr_assert_eq(sley_http_client_new(&options, &(struct sley_http_client *){NULL}), SLEY_EINVAL);
    return 0;
}

struct crowd {
    struct sley_http_client *client;
    const char *url;
    char connection[64];
    int wrong;
};

static int one_of_many(void *arg)
{
    struct crowd *crowd = arg;
    char text[SLEY_HTTP_ERROR_SIZE];
    struct sley_http_response *response;

    for (int i = 0; i < 5; i++) {
        int error = sley_http_get(crowd->client, crowd->url,
                                  &(struct sley_http_options){.error = text}, &response);
        cr_assert_eq(error, 0, "%s", text);
        if (!*crowd->connection)
            strcpy(crowd->connection, sley_http_response_body(response));
        crowd->wrong += strcmp(crowd->connection, sley_http_response_body(response)) != 0;
        sley_http_response_free(response);
    }
    return 0;
}

/* All at once over one connection, of which the server knows the number; but for HTTP/2 without TLS
 * with a libcurl that cannot use a connection twice then. */
static void multiplex(enum sley_http_version version, const char *format, int port, bool shared)
{
    struct sley_http_client_options options = {
        .no_proxy = true, .insecure = true, .version = version};
    struct crowd crowd = {.url = NULL};
    struct sley_http_stats stats;
    struct sley_task *tasks[40];
    char url[64];

    snprintf(url, sizeof(url), format, port);
    crowd.url = url;
    assert_ok(sley_http_client_new(&options, &crowd.client));
    for (int i = 0; i < 40; i++)
        tasks[i] = spawned(one_of_many, &crowd);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(joined(tasks[i]), 0);
    sley_http_client_stats(crowd.client, &stats);
    cr_assert_eq(stats.transfers, 200);
    cr_assert_eq(stats.failed, 0);
    cr_assert(!shared || (stats.connections == 1 && crowd.wrong == 0));
    sley_http_client_free(crowd.client);
}

NGINX_TEST(multiplexing)
{
    await_nginx(tls);
    multiplex(SLEY_HTTP_ANY, "https://127.0.0.1:%d/", tls, true);
    multiplex(SLEY_HTTP_2_PRIOR, "http://127.0.0.1:%d/", plain, false);
    return 0;
}

NGINX_TEST(proxy)
{
    struct sley_http_client_options options = {0};
    struct sley_http_response *response;
    char proxy[64];

    await_nginx(old);
    /* By name: which is curl's to resolve, and not the host's. */
    for (int i = 0; i < 2; i++) {
        snprintf(proxy, sizeof(proxy), "http://%s:%d", i ? "localhost" : "127.0.0.1", old);
        options.proxy = proxy;
        assert_ok(ask(&options, "http://far.invalid:%d/away", 81, &response));
        cr_assert_str_eq(sley_http_response_body(response), "proxy of far.invalid /away");
        sley_http_response_free(response);
    }
    options.proxy = "http://127.0.0.1:1";
    assert_code(ask(&options, "http://far.invalid:%d/", 81, &response), SLEY_ECONNREFUSED);
    options.proxy = "http://no..such..proxy:1";
    assert_code(ask(&options, "http://far.invalid:%d/", 81, &response), SLEY_ENAME);
    return 0;
}
