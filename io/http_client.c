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
 * So a small file costs one crossing in each direction, both batched with the others'. A sink and a
 * source run in the task, not on the I/O thread, because they may park; a bounded buffer lies
 * between in each direction (_upload.c for the way out). An answer that is pulled (_pull.c) is the
 * same with the buffer's other end in the hands of the caller.
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

#ifdef SLEY_HOSTILE
enum { IDLE_MAX = 2, BUFFER_KEEP = 64 };
#else
enum {
    IDLE_MAX = 256,          /* responses kept for reuse: what one has in flight at most times */
    BUFFER_KEEP = 16 * 1024, /* a larger one for headers is not kept */
};
#endif

/* --- the recycled objects -------------------------------------------------------------------- */

static void response_destroy(struct sley_http_response *response)
{
    curl_easy_cleanup(response->easy);
    free(response->body.data);
    free(response->headers.data);
    free(response->taken.data);
    sley__http_upload_clear(&response->upload);
    free(response);
}

void sley__http_client_unref(struct sley_http_client *client)
{
    struct sley_http_response *response, *next;

    /* Release for what was written to the client, acquire for whoever destroys it. */
    if (fetch_sub_acq_rel(&client->refs, 1) != 1)
        return;
    for (response = client->idle; response; response = next) {
        next = response->next_idle;
        response_destroy(response);
    }
    sley__http_shelf_clear(&client->shelf);
    sley__http_client_destroy(client);
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
    curl_slist_free_all(response->names);
    response->headers_out = response->names = NULL;
    free(response->url);
    response->url = NULL;
    shrink(&response->headers);
    sley__http_buffer_return(client, &response->body);
    sley__http_buffer_return(client, &response->taken);
    if (response->upload.source)
        sley__http_upload_clear(&response->upload);

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
    error = sley__http_easy_new(response, client);
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
    list_init(&response->full_link);
    *out = response;
    return 0;
}

/* Before each submit. A resume_node may still be under way, so `resuming` and the lock stay. */
static void reset(struct sley_http_response *response)
{
    sley__lock_acquire(&response->lock);
    response->waiting = response->done = response->paused = false;
    response->headers_there = false;
    sley__lock_release(&response->lock);
    response->started = false;
    response->uploaded = 0;
    response->end = SLEY__HTTP_BY_CURL;
    response->code = CURLE_OK;
    response->headers_whole = false;
    response->bytes = 0;
    response->header_count = 0;
    response->status = 0;
    response->curl_error[0] = '\0';
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
    reset(response);
    response->redirected = 0;
    response->named = 0;
    response->settled = response->headed = response->drained = false;
    response->taken_used = 0;
    response->text[0] = '\0';
    fetch_add_relaxed(&client->refs, 1);
    *out = response;
    return 0;
}

/* --- waiting --------------------------------------------------------------------------------- */

bool sley__http_resume(struct sley_http_response *response)
{
    if (response->done || response->resuming)
        return false;
    response->resuming = true;
    fetch_add_relaxed(&response->refs, 1);
    return true;
}

void sley__http_submit_resume(struct sley_http_response *response)
{
    sley__loop_submit(response->client->loop, &response->resume_node);
}

/* Takes the hold off again. Under the lock; true: as sley__http_resume(). */
static bool let_go_on(struct sley_http_response *response)
{
    response->paused = false;
    return sley__http_resume(response);
}

/* Mostly curl goes on while the task is busy with what it has taken. In a crowd others do, and it
 * is only let go on when the task waits: then there is one buffer for both. */
bool sley__http_take(struct sley_http_response *response, struct sley__http_buffer *spare)
{
    struct sley__http_buffer taken;
    bool done, resume = false;

    sley__lock_acquire(&response->lock);
    taken = response->body;
    response->body = *spare;
    *spare = taken;
    done = response->done;
    if (response->paused && !sley__http_is_crowd(response->client))
        resume = let_go_on(response);
    sley__lock_release(&response->lock);
    if (resume)
        sley__http_submit_resume(response);
    return done;
}

/* What its task waits for, beside a source that has something to do. Under the lock. */
static bool has_come(const struct sley_http_response *response)
{
    if (response->done)
        return true;
    if (response->pulled && !response->headed)
        return response->headers_there;
    return response->bounded && response->body.size;
}

enum news { COME, SOURCE, NOTHING };

static enum news look(const struct sley_http_response *response)
{
    return has_come(response) ? COME : sley__http_upload_waits(response) ? SOURCE : NOTHING;
}

/* Waits until there may be news: which, or why the task may not wait. */
static int await_news(struct sley_http_response *response)
{
    struct sley__waker waker;
    enum news news;
    bool resume = false;
    int error = sley__wait_begin(&waker, "http");

    sley__lock_acquire(&response->lock);
    news = look(response);
    response->waker = waker;
    response->waiting = news == NOTHING && !error;
    if (response->paused && !response->body.size)
        resume = let_go_on(response);
    sley__lock_release(&response->lock);
    if (resume)
        sley__http_submit_resume(response);
    if (error)
        return news == COME ? COME : error;
    if (news != NOTHING) {
        sley__wait_abandon(NULL);
        return (int)news;
    }

    if (!response->taken.size)
        sley__http_buffer_return(response->client, &response->taken);
    error = sley__wait_park(SLEY_FOREVER);
    sley__lock_acquire(&response->lock);
    response->waiting = false;
    news = look(response);
    sley__lock_release(&response->lock);
    return error && news != COME ? error : (int)news;
}

int sley__http_await(struct sley_http_response *response)
{
    int news;

    while ((news = await_news(response)) > COME) {
        int error = news == SOURCE ? sley__http_upload_feed(response) : 0;

        if (error)
            return error;
    }
    return news;
}

void sley__http_abandon(struct sley_http_response *response)
{
    sley__loop_submit(response->client->loop, &response->cancel_node);
}

int sley__http_settle(struct sley_http_response *response)
{
    if (!response->settled) {
        response->settled = true;
        response->outcome = sley__http_outcome(response, response->text);
    }
    return response->outcome;
}

/* --- a request ------------------------------------------------------------------------------- */

/* Feeds the sink until the end. From the task. */
static int pump(struct sley_http_response *response)
{
    bool done = false;
    int error = 0;

    while (!error && !done) {
        error = sley__http_await(response);
        if (error)
            break;
        done = sley__http_take(response, &response->taken);
        if (response->taken.size)
            error = response->sink(response->taken.data, response->taken.size, response->sink_arg);
        response->taken.size = 0;
        error = error < 0 ? error : 0;
    }
    return error;
}

/* Sends it off and waits: for its end, or for the headers of one that is pulled. */
static int send_once(struct sley_http_response *response)
{
    fetch_add_relaxed(&response->refs, 1); /* the loop's */
    fetch_add_relaxed(&response->client->crowd, 1);
    sley__loop_submit(response->client->loop, &response->submit_node);
    return response->sink ? pump(response) : sley__http_await(response);
}

/* Whether it stopped at a name; of one that was seen to be done. */
static bool stopped_at_name(struct sley_http_response *response)
{
    bool done;

    if (response->pulled) {
        sley__lock_acquire(&response->lock);
        done = response->done;
        sley__lock_release(&response->lock);
        if (!done)
            return false;
    }
    return response->end == SLEY__HTTP_NAME;
}

/* Until there is an outcome: 0 or an error, after which the response is gone and its sentence is
 * the caller's. */
static int transfer(struct sley_http_response *response, char *text)
{
    int error;

    response->begun = sley_now();
    while (!(error = send_once(response)) && stopped_at_name(response)) {
        error = sley__http_resolve(response);
        reset(response);
        if (error) {
            if (text)
                memcpy(text, response->text, SLEY_HTTP_ERROR_SIZE);
            sley__http_response_unref(response);
            return error;
        }
    }
    if (error) {
        sley__http_abandon(response);
        if (text)
            snprintf(text, SLEY_HTTP_ERROR_SIZE, "%s", sley_strerror(error));
    }
    return error;
}

static int begin(struct sley_http_client *client, const char *url,
                 const struct sley_http_options *options, bool pulled,
                 struct sley_http_response **out)
{
    int error = sley__wait_check();

    if (!error && (!client || !url || (pulled && options->sink)))
        error = SLEY_EINVAL;
    if (!error)
        error = response_take(client, out);
    if (error)
        return error;
    (*out)->pulled = pulled;
    error = sley__http_set_up(*out, url, options);
    if (error)
        sley__http_response_unref(*out);
    return error;
}

static int start(struct sley_http_client *client, const char *url,
                 const struct sley_http_options *options, bool pulled,
                 struct sley_http_response **out)
{
    int error;

    if (options->error)
        options->error[0] = '\0';
    error = begin(client, url, options, pulled, out);
    if (!error)
        return transfer(*out, options->error);
    if (options->error)
        snprintf(options->error, SLEY_HTTP_ERROR_SIZE, "%s", sley_strerror(error));
    return error;
}

/* The task has no more to do with a response that is done: its outcome. On failure it is gone. */
static int conclude(struct sley_http_response *response, char *text)
{
    int error = sley__http_settle(response);

    if (!error)
        return 0;
    if (text)
        memcpy(text, response->text, SLEY_HTTP_ERROR_SIZE);
    sley__http_response_unref(response);
    return error;
}

static const struct sley_http_options defaults;

int sley_http_get(struct sley_http_client *client, const char *url,
                  const struct sley_http_options *options, struct sley_http_response **out)
{
    struct sley_http_response *response;
    int error;

    options = options ? options : &defaults;
    error = start(client, url, options, false, &response);
    if (!error)
        error = conclude(response, options->error);
    if (error)
        return error;
    sley__http_split_headers(response);
    if (out)
        *out = response;
    else
        sley__http_response_unref(response);
    return 0;
}

int sley_http_open(struct sley_http_client *client, const char *url,
                   const struct sley_http_options *options, struct sley_http_response **out)
{
    struct sley_http_response *response;
    bool headers;
    int error;

    options = options ? options : &defaults;
    error = start(client, url, options, true, &response);
    if (error)
        return error;
    sley__lock_acquire(&response->lock);
    headers = response->headers_there;
    sley__lock_release(&response->lock);
    /* If it broke later, the calls that take the body will say so. */
    if (!headers && (error = conclude(response, options->error)))
        return error;
    sley__http_split_headers(response);
    response->headed = true;
    *out = response;
    return 0;
}

void sley_http_response_free(struct sley_http_response *response)
{
    bool done;

    if (!response)
        return;
    sley__lock_acquire(&response->lock);
    done = response->done;
    sley__lock_release(&response->lock);
    if (done)
        sley__http_response_unref(response);
    else
        sley__http_abandon(response);
}
