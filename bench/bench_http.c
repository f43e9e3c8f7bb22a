/*
 * bench_http.c: HTTP, from either end.
 *
 * `http_server`: the server answers 13 bytes on 64 connections that wrk keeps busy for two seconds,
 * as the tables of web servers do it. Beside the time per request there is the server's processor
 * time per request, which says more: sley-bench-load reads it from outside, as of every peer.
 *
 * `http_client`: 64 tasks fetch 20,000 files of 5,000 bytes from a server in another process, over
 * connections that are kept. The server is the load's, as small as one can be, and the same for
 * every client. What a file costs us is mostly libcurl; see docs/performance.md.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>

#include <sley/http.h>
#include <sley/httpd.h>

#include "harness.h"
#include "load_rig.h"

enum { CONNECTIONS = 64, FILE_SIZE = 5000 };

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* --- the server ------------------------------------------------------------------------------- */

extern const struct bench bench_http_server;

static int hello(struct sley_httpd_request *request, struct sley_httpd_response *response,
                 void *arg)
{
    (void)request;
    (void)arg;
    sley_httpd_response_header(response, "Content-Type", "text/plain");
    return sley_httpd_response_body_static(response, "Hello, world!", 13);
}

static int serve_wrk(void *arg)
{
    struct sley_httpd *server;
    int status, error = sley_httpd_start(hello, NULL, NULL, &server);
    if (error)
        return bench_error("no server: %s", sley_strerror(error));
    status = load_rig_load(arg, (int)sley_httpd_port(server));
    sley_httpd_free(server);
    return status;
}

static int run_server(const struct bench_setup *setup, double *values)
{
    struct load_rig rig = {bench_http_server.cases, setup, "http_server", values, -1};
    return load_rig_run(&rig, serve_wrk);
}

const struct bench bench_http_server = {
    .name = "http_server",
    .why = "what a small answer costs that a busy web server gives; wrk asks, on 64 connections.",
    .cases = {{.run = run_server,
               .metrics = {{"ns_per_request", "ns"}, {"us_cpu_per_request", "us"}}}},
};

/* --- the client ------------------------------------------------------------------------------- */

struct client_work {
    struct sley_http_client *client;
    char url[64];
    size_t next, count, wrong; /* files */
    double ns, cpu;            /* results: all of it */
};

static int fetch_some(void *arg)
{
    struct client_work *work = arg;
    while (bench_count(&work->next) <= work->count) {
        struct sley_http_response *response = NULL;
        int error = sley_http_get(work->client, work->url, NULL, &response);
        if (error || sley_http_response_size(response) != FILE_SIZE)
            bench_count(&work->wrong);
        sley_http_response_free(response);
    }
    return 0;
}

static int fetch_all(void *arg)
{
    struct client_work *work = arg;
    struct sley_task *tasks[CONNECTIONS];
    int error = sley_http_client_new(NULL, &work->client), spawned = 0;
    if (error)
        return bench_error("no client: %s", sley_strerror(error));
    double before = cpu_seconds();
    int64_t begin = sley_now();
    while (spawned < CONNECTIONS && sley_spawn(fetch_some, work, NULL, &tasks[spawned]) == 0)
        spawned++;
    for (int i = 0; i < spawned; i++)
        sley_join(tasks[i], NULL);
    work->ns = (double)(sley_now() - begin);
    work->cpu = cpu_seconds() - before;
    sley_http_client_free(work->client);
    if (spawned < CONNECTIONS || work->wrong)
        return bench_error("%zu of %zu files were wrong", work->wrong, work->count);
    return 0;
}

static int run_client(const struct bench_setup *setup, double *values)
{
    struct client_work work = {.count = setup->quick ? 2000 : 20000};
    struct load_helper helper;
    int status = load_helper_start("files", &helper);
    if (status)
        return status;
    snprintf(work.url, sizeof work.url, "http://127.0.0.1:%d/file", helper.port);
    status = bench_on_tasks(setup, fetch_all, &work);
    load_helper_stop(&helper);
    values[0] = work.ns / (double)work.count;
    values[1] = work.cpu * 1e6 / (double)work.count;
    return status;
}

const struct bench bench_http_client = {
    .name = "http_client",
    .why = "what a small file costs that is fetched over a kept connection, 64 at a time.",
    .cases = {{.run = run_client, .metrics = {{"ns_per_file", "ns"}, {"us_cpu_per_file", "us"}}}},
};
