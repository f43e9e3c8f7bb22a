/*
 * http_client.c: the HTTP client, seen from the tasks. The contract is in <sley/http.h>.
 *
 * libcurl does HTTP; what is ours is to drive it and to hand things over. A client is one multi
 * handle on the I/O thread, so that connections, names and TLS sessions are shared by all tasks. A
 * request goes like this:
 *
 *     task, on its worker            I/O thread
 *     take a recycled response
 *     set it up       (_setup.c)
 *     submit ----------------------> add to the multi handle      (_loop.c)
 *     park                           curl works; bytes come in    (_receive.c, _sockets.c)
 *     <----------------------------- it has ended; or the sink's buffer has something
 *     [sink, on the task; ask for more]
 *     name the outcome (_error.c), split the headers (_response.c)
 *
 * So a small file costs one crossing in each direction, both batched with the others'. A sink runs
 * in the task, not on the I/O thread, because it may park; a bounded buffer lies between.
 *
 * The transfer is the response: one object with its easy handle and its buffers, owned by the task
 * and the loop, two references. A cancelled task posts a cancel and leaves; it hands its reference
 * to the message, so nobody waits for anybody, and whoever is last puts the object back on the
 * client's list. The buffer a sink's data goes through is the response's, not the task's, for that
 * reason.
 *
 * Rejected: curl on the workers, each with a multi handle of its own. It would save the crossing,
 * but split the pool of connections, and resume every transfer on the worker where it began.
 */
#include "http_client_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/version.h>

#ifdef SLEY_HOSTILE
enum { IDLE_MAX = 2, BUFFER_KEEP = 64, IDLE_CONNECTIONS = 2 };
#else
enum {
    IDLE_MAX = 256,          /* responses kept for reuse: what one has in flight at most times */
    BUFFER_KEEP = 64 * 1024, /* a larger buffer is not kept */
    IDLE_CONNECTIONS = 256,
};
#endif

/* --- the recycled objects -------------------------------------------------------------------- */

static void response_destroy(struct sley_http_response *response)
{
    curl_easy_cleanup(response->easy);
    free(response->body.data);
    free(response->headers.data);
    free(response);
}

static void client_destroy(struct sley_http_client *client)
{
    struct sley_http_response *response = client->idle, *next;

    for (; response; response = next) {
        next = response->next_idle;
        response_destroy(response);
    }
    free((char *)(uintptr_t)client->options.user_agent);
    free(client);
}

void sley__http_client_unref(struct sley_http_client *client)
{
    /* Release for what was written to the client, acquire for whoever destroys it. */
    if (fetch_sub_acq_rel(&client->refs, 1) == 1)
        client_destroy(client);
}

static void shrink(struct sley__http_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->capacity <= BUFFER_KEEP)
        return;
    free(buffer->data);
    *buffer = (struct sley__http_buffer){0};
}

void sley__http_response_unref(struct sley_http_response *response)
{
    struct sley_http_client *client = response->client;
    bool kept;

    if (fetch_sub_acq_rel(&response->refs, 1) != 1)
        return;
    curl_slist_free_all(response->headers_out);
    response->headers_out = NULL;
    shrink(&response->body);
    shrink(&response->headers);

    sley__lock_acquire(&client->lock);
    kept = client->idle_count < IDLE_MAX;
    if (kept) {
        response->next_idle = client->idle;
        client->idle = response;
        client->idle_count++;
    }
    sley__lock_release(&client->lock);
    if (!kept)
        response_destroy(response);
    sley__http_client_unref(client);
}

static int response_new(struct sley_http_client *client, struct sley_http_response **out)
{
    struct sley_http_response *response = calloc(1, sizeof(*response));
    int error;

    if (!response)
        return SLEY_ENOMEM;
    error = sley__http_easy_new(client, &response->easy);
    if (error) {
        free(response);
        return error;
    }
    response->client = client;
    response->submit_node.run = sley__http_loop_submit;
    response->cancel_node.run = sley__http_loop_cancel;
    response->resume_node.run = sley__http_loop_resume;
    list_init(&response->active_link);
    list_init(&response->dirty_link);
    *out = response;
    return 0;
}

static int response_take(struct sley_http_client *client, struct sley_http_response **out)
{
    struct sley_http_response *response;
    int error;

    sley__lock_acquire(&client->lock);
    response = client->idle;
    if (response) {
        client->idle = response->next_idle;
        client->idle_count--;
    }
    sley__lock_release(&client->lock);
    if (!response && (error = response_new(client, &response)))
        return error;

    store_relaxed(&response->refs, 1);
    response->waiting = response->done = response->paused = response->resuming = false;
    response->active = response->started = false;
    response->uploaded = 0;
    response->end = SLEY__HTTP_BY_CURL;
    response->code = CURLE_OK;
    response->bytes = 0;
    response->header_count = 0;
    response->status = 0;
    response->curl_error[0] = '\0';
    fetch_add_relaxed(&client->refs, 1);
    *out = response;
    return 0;
}

/* --- a request ------------------------------------------------------------------------------- */

/* Takes what has arrived, in exchange for the empty buffer `spare`. True if that is all there will
 * ever be. Wakes the transfer up if it was held up by a full buffer. From the task. */
static bool take_body(struct sley_http_response *response, struct sley__http_buffer *spare)
{
    struct sley__http_buffer taken;
    bool done, resume;

    sley__lock_acquire(&response->lock);
    taken = response->body;
    response->body = *spare;
    *spare = taken;
    done = response->done;
    resume = response->paused && !done && !response->resuming;
    if (resume) {
        response->paused = false;
        response->resuming = true;
    }
    sley__lock_release(&response->lock);
    if (resume) {
        fetch_add_relaxed(&response->refs, 1);
        sley__loop_submit(response->client->loop, &response->resume_node);
    }
    return done;
}

static bool has_news(const struct sley_http_response *response)
{
    return response->done || (response->sink && response->body.size);
}

/* Waits until the transfer has ended or, with a sink, data is there. From the task. */
static int await_news(struct sley_http_response *response)
{
    struct sley__waker waker;
    bool news;
    int error = sley__wait_begin(&waker, "http");

    sley__lock_acquire(&response->lock);
    news = has_news(response);
    response->waker = waker;
    response->waiting = !news && !error;
    sley__lock_release(&response->lock);
    if (error)
        return news ? 0 : error;
    if (news) {
        sley__wait_abandon(NULL);
        return 0;
    }

    error = sley__wait_park(SLEY_FOREVER);
    if (!error)
        return 0;
    sley__lock_acquire(&response->lock);
    response->waiting = false;
    news = has_news(response);
    sley__lock_release(&response->lock);
    return news ? 0 : error;
}

/* Feeds the sink until the end. From the task. */
static int pump(struct sley_http_response *response)
{
    struct sley__http_buffer buffer = {0};
    bool done = false;
    int error = 0;

    while (!error && !done) {
        error = await_news(response);
        if (error)
            break;
        done = take_body(response, &buffer);
        if (buffer.size)
            error = response->sink(buffer.data, buffer.size, response->sink_arg);
        buffer.size = 0;
    }
    free(buffer.data);
    return error < 0 ? error : 0;
}

/* Breaks the transfer off, and leaves it. */
static void abandon(struct sley_http_response *response)
{
    sley__loop_submit(response->client->loop, &response->cancel_node);
}

static void set_text(const struct sley_http_options *options, const char *text)
{
    if (options->error)
        snprintf(options->error, SLEY_HTTP_ERROR_SIZE, "%s", text);
}

/* Sends it off and waits for the end. On failure the response is gone. */
static int transfer(struct sley_http_response *response, const struct sley_http_options *options)
{
    int error;

    fetch_add_relaxed(&response->refs, 1); /* the loop's */
    sley__loop_submit(response->client->loop, &response->submit_node);
    error = response->sink ? pump(response) : await_news(response);
    if (error) {
        abandon(response);
        set_text(options, sley_strerror(error));
        return error;
    }
    error = sley__http_outcome(response, options->error);
    if (error)
        sley__http_response_unref(response);
    return error;
}

static int begin(struct sley_http_client *client, const char *url,
                 const struct sley_http_options *options, struct sley_http_response **out)
{
    int error = sley__wait_check();

    if (!error && (!client || !url))
        error = SLEY_EINVAL;
    if (!error)
        error = response_take(client, out);
    if (error)
        return error;
    error = sley__http_set_up(*out, url, options);
    if (error)
        sley__http_response_unref(*out);
    return error;
}

int sley_http_get(struct sley_http_client *client, const char *url,
                  const struct sley_http_options *options, struct sley_http_response **out)
{
    static const struct sley_http_options defaults;
    struct sley_http_response *response;
    int error;

    if (!options)
        options = &defaults;
    error = begin(client, url, options, &response);
    if (error) {
        set_text(options, sley_strerror(error));
        return error;
    }
    error = transfer(response, options);
    if (error)
        return error;
    sley__http_response_complete(response);
    if (out)
        *out = response;
    else
        sley__http_response_unref(response);
    return 0;
}

/* --- the client ------------------------------------------------------------------------------ */

static int copy_options(struct sley_http_client *client,
                        const struct sley_http_client_options *options)
{
    const char *agent = options->user_agent ? options->user_agent : NULL;
    char standard[32];

    snprintf(standard, sizeof(standard), "sley/%s", sley_version());
    if (agent && strpbrk(agent, "\r\n"))
        return SLEY_EINVAL;
    client->options = *options;
    if (!options->max_idle_connections)
        client->options.max_idle_connections = IDLE_CONNECTIONS;
    client->options.user_agent = strdup(agent ? agent : standard);
    return client->options.user_agent ? 0 : SLEY_ENOMEM;
}

/* Whichever side comes last; if the task has left, the client that was opened is closed again. */
static void release_opening(struct sley__request *request)
{
    struct sley__http_opening *opening = container_of(request, struct sley__http_opening, request);

    free(opening);
}

static void abandoned_opening(struct sley__request *request)
{
    struct sley__http_opening *opening = container_of(request, struct sley__http_opening, request);

    if (opening->client->multi)
        sley__http_loop_close(&opening->client->close_node);
    else
        client_destroy(opening->client);
    release_opening(request);
}

/* Has the I/O thread do its part. On failure the client is gone. From a task. Parks. */
static int open_on_loop(struct sley_http_client *client)
{
    struct sley__http_opening *opening = calloc(1, sizeof(*opening));
    int error;

    if (!opening) {
        client_destroy(client);
        return SLEY_ENOMEM;
    }
    opening->client = client;
    opening->request.node.run = sley__http_loop_open;
    opening->request.release = abandoned_opening;
    if (!sley__request_call(client->loop, &opening->request, "http client", &error))
        return error;
    release_opening(&opening->request);
    if (error)
        client_destroy(client);
    return error;
}

int sley_http_client_new(const struct sley_http_client_options *options,
                         struct sley_http_client **out)
{
    static const struct sley_http_client_options defaults;
    struct sley_http_client *client;
    struct sley__io *io;
    int error = sley__io_get(&io);

    if (error)
        return error;
    client = calloc(1, sizeof(*client));
    if (!client)
        return SLEY_ENOMEM;
    client->loop = &io->loop;
    client->sockets.set = -1;
    client->close_node.run = sley__http_loop_close;
    store_relaxed(&client->refs, 2); /* the owner's and the loop's */
    error = copy_options(client, options ? options : &defaults);
    if (error) {
        client_destroy(client);
        return error;
    }
    error = open_on_loop(client);
    if (!error)
        *out = client;
    return error;
}

void sley_http_client_free(struct sley_http_client *client)
{
    if (client)
        sley__loop_submit(client->loop, &client->close_node);
}
