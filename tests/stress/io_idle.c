/* With a listener, a server, a client with a kept connection, and tasks that wait for each of them,
 * a runtime in which nothing happens has no wake-up at all: counted as the voluntary context
 * switches of all its threads. A tick that was forgotten makes a hundred of them. */
#include "io_stress.h"

#include <dirent.h>

/* The measuring task's own, and what is still settling; under ThreadSanitizer the main thread looks
 * for signals ten times a second. */
enum { ALLOWED = WITH_TSAN ? 60 : 20 };

static int handle(struct sley_httpd_request *request __attribute__((unused)),
                  struct sley_httpd_response *response, void *arg __attribute__((unused)))
{
    return sley_httpd_response_body_static(response, "idle", 4);
}

static int accept_one(void *arg)
{
    struct sley_stream *tcp;

    return sley_listener_accept(arg, &tcp);
}

static int read_one(void *arg)
{
    char byte;

    return sley_stream_read(arg, &byte, 1);
}

static long switches_of(const char *thread)
{
    char path[300], line[128];
    long count = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
    file = fopen(path, "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            break;
    fclose(file);
    return count;
}

static long switches(void)
{
    DIR *threads = opendir("/proc/self/task");
    struct dirent *thread;
    long count = 0;

    must(threads);
    while ((thread = readdir(threads)))
        if (thread->d_name[0] != '.')
            count += switches_of(thread->d_name);
    closedir(threads);
    return count;
}

static void fetch(struct sley_http_client *client, struct sley_httpd *server)
{
    struct sley_http_response *response;
    char url[64];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", sley_httpd_port(server));
    must_be(sley_http_get(client, url, NULL, &response), 0);
    sley_http_response_free(response);
}

static int run(void *unused __attribute__((unused)))
{
    struct sley_listener *listener;
    struct sley_stream *client_end, *server_end;
    struct sley_httpd *server;
    struct sley_http_client *client;
    struct sley_task *acceptor, *reader;
    long before, after;

    must_be(sley_tcp_listen("127.0.0.1:0", NULL, &listener), 0);
    must_be(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &client_end), 0);
    must_be(sley_listener_accept(listener, &server_end), 0);
    must_be(sley_spawn(accept_one, listener, NULL, &acceptor), 0);
    must_be(sley_spawn(read_one, server_end, NULL, &reader), 0);
    must_be(sley_httpd_start(handle, NULL, NULL, &server), 0);
    must_be(sley_http_client_new(NULL, &client), 0);
    for (int i = 0; i < 100; i++)
        fetch(client, server);

    must_be(sley_sleep(SLEY_MILLISECONDS(200)), 0);
    before = switches();
    must_be(sley_sleep(SLEY_SECONDS(1)), 0);
    after = switches();
    printf("%ld switches in an idle second\n", after - before);
    must(after - before <= ALLOWED);

    sley_listener_close(listener);
    sley_stream_close(server_end);
    must_be(sley_join(acceptor, NULL), 0);
    must_be(sley_join(reader, NULL), 0);
    sley_stream_free(client_end);
    sley_stream_free(server_end);
    sley_listener_free(listener);
    sley_http_client_free(client);
    sley_httpd_free(server);
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
