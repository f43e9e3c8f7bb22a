/*
 * flagserver.c: a server of flags that can be slow and can fail on purpose.
 *
 * Each request is a task of its own, so the handler reads as one would tell it: sleep a while, fail
 * perhaps, else look the country up and answer. A thousand requests asleep cost a thousand small
 * stacks and no thread.
 *
 * Chance comes from two counted streams, one for the delays and one for the faults: the n-th number
 * of a stream is a hash of the seed and n (splitmix64). So with a given seed always the same
 * requests fail, in the order in which they arrive, whatever the delays do, and a test that saw a
 * failure can have it again. The counters are the only thing that the handlers share and change;
 * they need a lock for a few instructions, nothing more.
 *
 * The bodies are the files in memory, lent to the server, not copied. Only the metadata are made
 * per request.
 */
#include "flagserver.h"

#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sley/httpd.h>
#include <sley/time.h>

#include "http_status.h"

const struct flagserver_options flagserver_plain = {0};

const struct flagserver_options flagserver_slow = {
    .delay = SLEY_MILLISECONDS(500),
    .jitter = SLEY_MILLISECONDS(4500),
};

const struct flagserver_options flagserver_failing = {
    .delay = SLEY_MILLISECONDS(500),
    .jitter = SLEY_MILLISECONDS(4500),
    .error_rate = 0.25,
    .faults = {418},
    .fault_count = 1,
};

struct flagserver {
    const struct countries *countries; /* the next two: constant */
    struct flagserver_options options;
    struct sley_httpd *httpd; /* written by the starter before anybody else knows of it */
    pthread_mutex_t lock;     /* over the counters; never held over a park */
    uint64_t requests;        /* numbers drawn from either stream */
    uint64_t failed;
    uint64_t answered;
};

/* The n-th number of the stream: splitmix64, as published by Steele, Lea and Flood (2014). */
static uint64_t random_number(uint64_t stream, uint64_t n)
{
    uint64_t z = stream + n * UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* From 0 to below 1. */
static double random_fraction(uint64_t stream, uint64_t n)
{
    return (double)(random_number(stream, n) >> 11) / (double)(UINT64_C(1) << 53);
}

/* What chance has in store for a request: how long it waits, and which fault it meets, or 0. */
static unsigned draw(struct flagserver *server, int64_t *wait)
{
    const struct flagserver_options *o = &server->options;
    unsigned fault = 0;

    pthread_mutex_lock(&server->lock);
    uint64_t n = ++server->requests;
    if (random_fraction(o->seed, n) < o->error_rate)
        fault = o->faults[server->failed++ % o->fault_count];
    pthread_mutex_unlock(&server->lock);
    *wait = o->delay + (int64_t)((double)o->jitter * random_fraction(~o->seed, n));
    return fault;
}

static int answer_page(struct sley_httpd_response *response, int status)
{
    char page[256];
    const char *text = http_status_text(status);

    int length =
        snprintf(page, sizeof page, "<!DOCTYPE html>\n<title>%d %s</title>\n<h1>%d %s</h1>\n",
                 status, text, status, text);
    int error = sley_httpd_response_status(response, status);
    if (!error)
        error = sley_httpd_response_header(response, "Content-Type", "text/html; charset=utf-8");
    return error ? error : sley_httpd_response_body_copy(response, page, (size_t)length);
}

static int answer_flag(struct sley_httpd_response *response, const struct country *country)
{
    int error = sley_httpd_response_header(response, "Content-Type", "image/gif");

    return error ? error
                 : sley_httpd_response_body_static(response, country->gif, country->gif_size);
}

static int answer_metadata(struct sley_httpd_response *response, const struct country *country)
{
    json_t *json = json_pack("{s:s, s:s}", "country", country->name, "cc", country->code);
    char *text = json_dumps(json, 0);

    json_decref(json);
    if (!text)
        return SLEY_ENOMEM;
    int error = sley_httpd_response_header(response, "Content-Type", "application/json");
    if (error) {
        free(text);
        return error;
    }
    return sley_httpd_response_body_owned(response, text, strlen(text), free);
}

/* The country of a path "/flags/cc/FILE", and FILE; NULL if it is not such a path. */
static const struct country *read_path(const struct countries *countries, const char *path,
                                       const char **file)
{
    char code[3] = "";

    if (strncmp(path, "/flags/", 7) != 0 || !islower((unsigned char)path[7]) ||
        !islower((unsigned char)path[8]) || path[9] != '/')
        return NULL;
    memcpy(code, path + 7, 2);
    *file = path + 10;
    return countries_find(countries, code);
}

static int answer(struct sley_httpd_response *response, const struct countries *countries,
                  const char *path)
{
    const char *file;
    const struct country *country = read_path(countries, path, &file);

    if (!country)
        return answer_page(response, 404);
    if (strcmp(file, "metadata.json") == 0)
        return answer_metadata(response, country);
    if (strncmp(file, path + 7, 2) == 0 && strcmp(file + 2, ".gif") == 0 && country->gif)
        return answer_flag(response, country);
    return answer_page(response, 404);
}

/* An answer that is there is cut in half, so that a client sees a true beginning. */
static int fail(struct sley_httpd_response *response, const struct countries *countries,
                const char *path, unsigned fault)
{
    if (fault == FAULT_ABORT) {
        sley_httpd_response_abort(response);
        return 0;
    }
    if (fault == FAULT_TRUNCATE) {
        int error = answer(response, countries, path);
        sley_httpd_response_truncate(response, 20);
        return error;
    }
    return answer_page(response, (int)fault);
}

static int handle(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg)
{
    struct flagserver *server = arg;
    const char *method = sley_httpd_request_method(request);
    const char *path = sley_httpd_request_path(request);
    int64_t wait;

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        int error = sley_httpd_response_header(response, "Allow", "GET, HEAD");
        return error ? error : answer_page(response, 405);
    }
    unsigned fault = draw(server, &wait);
    int error = wait > 0 ? sley_sleep(wait) : 0;
    if (error)
        return error;
    pthread_mutex_lock(&server->lock);
    server->answered++;
    pthread_mutex_unlock(&server->lock);
    return fault ? fail(response, server->countries, path, fault)
                 : answer(response, server->countries, path);
}

int flagserver_start(const struct countries *countries, const struct flagserver_options *options,
                     struct flagserver **out)
{
    struct flagserver *server = calloc(1, sizeof *server);

    if (!server)
        return SLEY_ENOMEM;
    server->countries = countries;
    server->options = *options;
    if (server->options.fault_count == 0) {
        server->options.faults[0] = 418;
        server->options.fault_count = 1;
    }
    pthread_mutex_init(&server->lock, NULL);
    struct sley_httpd_options http = {
        .address = options->address, .port = options->port, .name = "flag"};
    int error = sley_httpd_start(handle, server, &http, &server->httpd);
    if (error) {
        flagserver_free(server);
        return error;
    }
    *out = server;
    return 0;
}

uint16_t flagserver_port(const struct flagserver *server)
{
    return sley_httpd_port(server->httpd);
}

void flagserver_counts(struct flagserver *server, uint64_t *answered, uint64_t *failed)
{
    pthread_mutex_lock(&server->lock);
    *answered = server->answered;
    *failed = server->failed;
    pthread_mutex_unlock(&server->lock);
}

int flagserver_stop(struct flagserver *server)
{
    return sley_httpd_stop(server->httpd);
}

void flagserver_free(struct flagserver *server)
{
    if (!server)
        return;
    sley_httpd_free(server->httpd);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
