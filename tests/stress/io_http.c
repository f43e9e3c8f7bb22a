/* Client against server: tasks that fetch, stream through slow sinks, are cancelled and time out at
 * random, while the server answers, delays, breaks off; in several runtimes, one after the other.
 */
#include "io_stress.h"

enum { TASKS = 40, REQUESTS = 40, BIG = 600 * 1024 };

static char big[BIG];

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg __attribute__((unused)))
{
    const char *path = sley_httpd_request_path(request);

    switch (path[1]) {
    case 'b':
        return sley_httpd_response_body_static(response, big, sizeof(big));
    case 'd':
        (void)sley_sleep(SLEY_MICROSECONDS(300));
        return sley_httpd_response_body_copy(response, path, strlen(path));
    case 'a':
        sley_httpd_response_abort(response);
        return 0;
    case 't':
        sley_httpd_response_truncate(response, 1000);
        return sley_httpd_response_body_static(response, big, sizeof(big));
    default:
        return sley_httpd_response_body_copy(response, path, strlen(path));
    }
}

struct load {
    struct sley_http_client *client;
    int port;
    uint32_t random;
};

struct check {
    size_t bytes;
    uint32_t random;
};

static int check_piece(const void *data, size_t size, void *arg)
{
    struct check *check = arg;

    must(check->bytes + size <= sizeof(big));
    must(memcmp(data, big + check->bytes, size) == 0);
    check->bytes += size;
    return next_random(&check->random) % 4 ? 0 : sley_sleep(SLEY_MICROSECONDS(200));
}

static void fetch(struct load *load)
{
    static const char kinds[] = "bdatsss";
    char kind = kinds[next_random(&load->random) % (sizeof(kinds) - 1)], url[64], why[256];
    struct check check = {0, load->random};
    struct sley_http_options options = {.error = why};
    struct sley_http_response *response = NULL;
    int64_t before = SLEY_FOREVER;
    int result;

    if (kind == 'b' || kind == 't') {
        options.sink = check_piece;
        options.sink_arg = &check;
    }
    if (next_random(&load->random) % 5 == 0)
        options.timeout = SLEY_MICROSECONDS(next_random(&load->random) % 5000 + 1);
    if (next_random(&load->random) % 5 == 0)
        before =
            sley_deadline_narrow(sley_after(SLEY_MICROSECONDS(next_random(&load->random) % 3000)));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%c%u", load->port, kind, load->random % 1000);
    result = sley_http_get(load->client, url, &options, &response);
    if (before != SLEY_FOREVER)
        sley_deadline_restore(before);
    switch (result) {
    case 0:
        must(kind != 'a' && kind != 't');
        if (kind == 'b')
            must(check.bytes == sizeof(big));
        else
            must(strcmp(sley_http_response_body(response), strrchr(url, '/')) == 0);
        break;
    case SLEY_EPROTO:
    case SLEY_ECONNRESET:
        must(kind == 'a' || kind == 't');
        break;
    default:
        must(result == SLEY_ETIMEDOUT || result == SLEY_ECANCELED);
        must(!response);
    }
    sley_http_response_free(response);
}

static int fetch_many(void *arg)
{
    struct load *load = arg;

    for (int i = 0; i < REQUESTS && !sley_cancelled(); i++)
        fetch(load);
    return 0;
}

static int run(void *unused __attribute__((unused)))
{
    static struct load loads[TASKS];
    struct sley_task *tasks[TASKS];
    struct sley_httpd *server;
    struct sley_http_client *client;

    must_be(sley_httpd_start(handle, NULL, NULL, &server), 0);
    must_be(sley_http_client_new(&(struct sley_http_client_options){.max_host_connections = 16},
                                 &client),
            0);
    for (uint32_t i = 0; i < TASKS; i++) {
        loads[i] = (struct load){client, sley_httpd_port(server), i * 2654435761u + 1};
        must_be(sley_spawn(fetch_many, &loads[i], NULL, &tasks[i]), 0);
    }
    for (int i = 0; i < TASKS; i++) {
        if (i % 4 == 3)
            sley_cancel(tasks[i], "stress");
        must_be(sley_join(tasks[i], NULL), 0);
    }
    sley_http_client_free(client);
    sley_httpd_free(server);
    return 0;
}

int main(void)
{
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 509);
    for (int i = 0; i < 3; i++)
        must_be(sley_run(run, NULL, NULL), 0);
    return 0;
}
