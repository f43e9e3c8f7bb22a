/*
 * http_client_loop.c: the half of the HTTP client that lives on the I/O thread.
 *
 * One multi handle per client. Everything that happens (a transfer handed in, events of sockets,
 * curl's timer) only makes curl move and asks for the client's turn at the end of the round. There,
 * in this order: curl's own timer if it is due (a new transfer is started by it, so 64 that came in
 * together are started by one call), the transfers that have ended, the tasks that have something
 * to hear, the sockets whose interest has changed. A small file costs one submission, one event,
 * one wake-up, and those are shared with all others of the same round.
 *
 * A task is told when its transfer has ended, or, with a sink, when there is data; at the end of
 * the round, because the end of a small body is nearly always in the same round as its beginning.
 */
#include "http_client_impl.h"

#include <pthread.h>
#include <string.h>

#include "platform.h"

enum {
    KICKS = 4,   /* turns of curl's timer in one round */
    BATCHES = 4, /* of 128 events, in one round */
};

/* --- the end of a transfer ------------------------------------------------------------------- */

/* What it leaves in the counters. */
static void count(struct sley_http_response *response, bool whole)
{
    struct sley_http_client *client = response->client;
    curl_off_t received = 0, sent = 0;
    long connections = 0;

    curl_easy_getinfo(response->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(response->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(response->easy, CURLINFO_NUM_CONNECTS, &connections);
    sley__http_count(&client->stats.active, -1);
    sley__http_count(&client->stats.failed, !whole);
    sley__http_count(&client->stats.reused, whole && !connections);
    sley__http_count(&client->stats.received, received);
    sley__http_count(&client->stats.sent, sent);
}

/* Gives up the loop's half of it. */
void sley__http_loop_end(struct sley_http_response *response, enum sley__http_end why,
                         CURLcode code)
{
    struct sley_http_client *client = response->client;

    if (client->multi) /* else it came after the end, and was never added */
        curl_multi_remove_handle(client->multi, response->easy);
    response->active = false;
    list_remove(&response->active_link);
    list_remove(&response->dirty_link);
    list_remove(&response->full_link);
    if (response->end == SLEY__HTTP_BY_CURL)
        response->end = why;
    response->code = code;
    response->socket_error = client->socket_error;
    count(response, response->end == SLEY__HTTP_BY_CURL && code == CURLE_OK);
    fetch_sub_relaxed(&client->crowd, 1);

    sley__lock_acquire(&response->lock);
    response->done = true;
    if (response->waiting)
        sley__loop_wake(client->loop, response->waker, 0);
    response->waiting = false;
    sley__lock_release(&response->lock);
    sley__http_response_unref(response);
}

static struct sley_http_response *response_of(CURL *easy)
{
    char *response;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &response);
    return (struct sley_http_response *)(void *)response;
}

static void collect_ended(struct sley_http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            sley__http_loop_end(response_of(message->easy_handle), SLEY__HTTP_BY_CURL,
                                message->data.result);
}

/* --- the round ------------------------------------------------------------------------------- */

static void turn_soon(struct sley_http_client *client)
{
    sley__loop_defer(client->loop, &client->round);
}

void sley__http_loop_tell(struct sley_http_response *response)
{
    if (!list_linked(&response->dirty_link))
        list_push_back(&response->client->dirty, &response->dirty_link);
    turn_soon(response->client);
}

static void tell_tasks(struct sley_http_client *client)
{
    struct list *link;

    while ((link = list_pop_front(&client->dirty))) {
        struct sley_http_response *response =
            container_of(link, struct sley_http_response, dirty_link);

        sley__lock_acquire(&response->lock);
        if (response->waiting)
            sley__loop_wake(client->loop, response->waker, 0);
        response->waiting = false;
        sley__lock_release(&response->lock);
    }
}

/* After each call that may have let curl read. */
static void hold_full(struct sley_http_client *client)
{
    struct list *link;

    while ((link = list_pop_front(&client->full))) {
        struct sley_http_response *response =
            container_of(link, struct sley_http_response, full_link);
        bool paused, held;

        sley__lock_acquire(&response->lock);
        paused = response->paused; /* else its task has taken all meanwhile */
        held = response->upload.held;
        sley__lock_release(&response->lock);
        if (paused)
            curl_easy_pause(response->easy, CURLPAUSE_RECV | (held ? CURLPAUSE_SEND : 0));
    }
}

static void on_timer(uv_timer_t *handle)
{
    struct sley_http_client *client = handle->data;

    client->kick = true;
    turn_soon(client);
}

static void take_turn(struct sley__deferred *deferred)
{
    struct sley_http_client *client = container_of(deferred, struct sley_http_client, round);
    int running;

    if (client->closing)
        return;
    for (int i = 0; i < KICKS && client->kick; i++) {
        client->kick = false;
        curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        hold_full(client);
    }
    if (client->kick)
        uv_timer_start(&client->timer, on_timer, 0, 0);
    collect_ended(client);
    tell_tasks(client);
    sley__http_sockets_sync(&client->sockets);
}

static void on_events(uv_poll_t *handle, int status UNUSED, int what UNUSED)
{
    struct sley_http_client *client = handle->data;
    struct sley__http_event events[128];
    bool more = true;
    int running;

    for (int batch = 0; batch < BATCHES && more; batch++) {
        int count = sley__http_sockets_events(&client->sockets, events, &more);

        for (int i = 0; i < count; i++) {
            curl_multi_socket_action(client->multi, events[i].fd, events[i].bits, &running);
            hold_full(client);
        }
    }
    turn_soon(client);
}

/* curl: call me after so many milliseconds; -1: never. */
static int set_timer(CURLM *multi UNUSED, long timeout, void *arg)
{
    struct sley_http_client *client = arg;

    client->kick = timeout == 0;
    if (client->closing)
        return 0;
    if (timeout > 0)
        uv_timer_start(&client->timer, on_timer, (uint64_t)timeout, 0);
    else
        uv_timer_stop(&client->timer);
    if (client->kick)
        turn_soon(client);
    return 0;
}

static int set_interest(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg,
                        void *assigned UNUSED)
{
    struct sley_http_client *client = arg;

    turn_soon(client);
    return sley__http_sockets_want(&client->sockets, fd, what) ? 0 : -1;
}

/* --- what tasks hand in ---------------------------------------------------------------------- */

/* What it reads at once can only be said while curl has no buffer for it. Sometimes it has: it
 * keeps one when a transfer ends that has used a connection together with others, or none at all.
 */
static bool add(struct sley_http_client *client, struct sley_http_response *response)
{
    size_t size = sley__http_read_size(sley__http_crowd(client));

    if (curl_easy_setopt(response->easy, CURLOPT_BUFFERSIZE, (long)size) == CURLE_OK)
        response->read_size = size;
    return curl_multi_add_handle(client->multi, response->easy) == CURLM_OK;
}

void sley__http_loop_submit(struct sley__inbox_node *node)
{
    struct sley_http_response *response =
        container_of(node, struct sley_http_response, submit_node);
    struct sley_http_client *client = response->client;

    response->active = true;
    list_push_back(&client->active, &response->active_link);
    sley__http_count(&client->stats.transfers, 1);
    sley__http_count(&client->stats.active, 1);
    if (client->closing)
        sley__http_loop_end(response, SLEY__HTTP_SHUT_DOWN, CURLE_OK);
    else if (!add(client, response))
        sley__http_loop_end(response, SLEY__HTTP_NO_MEMORY, CURLE_OUT_OF_MEMORY);
    else
        turn_soon(client);
}

/* The task has left; its half of the response came with the node. */
void sley__http_loop_cancel(struct sley__inbox_node *node)
{
    struct sley_http_response *response =
        container_of(node, struct sley_http_response, cancel_node);

    if (response->active) { /* else the client may be closed, and have no turn any more */
        sley__http_loop_end(response, SLEY__HTTP_BY_CURL, CURLE_ABORTED_BY_CALLBACK);
        turn_soon(response->client);
    }
    sley__http_response_unref(response);
}

/* Curl hands over what it has kept. If a callback does not take it, curl says so here, and to
 * nobody else. (That there is no connection any more is said at the end of the transfer.) */
static void let_go_on(struct sley_http_response *response, int held)
{
    struct sley_http_client *client = response->client;
    CURLcode code;

    response->last_heard = uv_now(&client->loop->uv);
    code = curl_easy_pause(response->easy, held);
    if (code != CURLE_OK && code != CURLE_BAD_FUNCTION_ARGUMENT)
        sley__http_loop_end(response, SLEY__HTTP_BY_CURL, code);
    hold_full(client);
    turn_soon(client);
}

void sley__http_loop_resume(struct sley__inbox_node *node)
{
    struct sley_http_response *response =
        container_of(node, struct sley_http_response, resume_node);
    int held = CURLPAUSE_CONT;

    sley__lock_acquire(&response->lock);
    response->resuming = false;
    held |= response->paused ? CURLPAUSE_RECV : 0;
    held |= response->upload.held ? CURLPAUSE_SEND : 0;
    sley__lock_release(&response->lock);
    if (response->active)
        let_go_on(response, held);
    sley__http_response_unref(response);
}

/* --- start and end of a client --------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct sley_http_client *client = handle->data;

    if (--client->handles == 0)
        sley__http_client_unref(client);
}

static void close_client(struct sley__resident *resident)
{
    struct sley_http_client *client = container_of(resident, struct sley_http_client, resident);

    if (client->closing)
        return;
    client->closing = true;
    sley__loop_leave(resident);
    while (!list_empty(&client->active))
        sley__http_loop_end(
            container_of(client->active.next, struct sley_http_response, active_link),
            SLEY__HTTP_SHUT_DOWN, CURLE_OK);
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    list_remove(&client->round.link); /* libcurl's last callbacks ask for a turn as well */
    uv_close((uv_handle_t *)&client->poll, on_closed);
    uv_close((uv_handle_t *)&client->timer, on_closed);
    uv_close((uv_handle_t *)&client->idle_timer, on_closed);
    sley__http_sockets_close(&client->sockets);
}

/* From the owner, whose half of the client comes with the node. */
void sley__http_loop_close(struct sley__inbox_node *node)
{
    struct sley_http_client *client = container_of(node, struct sley_http_client, close_node);

    close_client(&client->resident);
    sley__http_client_unref(client);
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

/* libcurl's own state is the process's, not a runtime's; it is never given back, since the program
 * may use libcurl for itself. */
static void start_curl(void)
{
    curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void configure_multi(struct sley_http_client *client)
{
    CURLM *multi = client->multi;
    const struct sley_http_client_options *options = &client->options;

    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_interest);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options->max_host_connections);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)options->max_connections);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)options->max_idle_connections);
    curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)options->max_streams);
}

static int open_handles(struct sley_http_client *client)
{
    uv_loop_t *uv = &client->loop->uv;
    int error = uv_poll_init(uv, &client->poll, client->sockets.set);

    if (error)
        return error;
    uv_timer_init(uv, &client->timer);
    uv_timer_init(uv, &client->idle_timer);
    client->poll.data = client->timer.data = client->idle_timer.data = client;
    client->handles = 3;
    client->idle_due = UINT64_MAX;
    uv_poll_start(&client->poll, UV_READABLE, on_events);
    return 0;
}

static int open_client(struct sley_http_client *client)
{
    int error;

    pthread_once(&curl_once, start_curl);
    if (curl_started != CURLE_OK)
        return SLEY_ENOMEM;
    error = sley__http_sockets_open(&client->sockets);
    if (error)
        return error;
    client->multi = curl_multi_init();
    error = client->multi ? open_handles(client) : SLEY_ENOMEM;
    if (error) {
        curl_multi_cleanup(client->multi);
        client->multi = NULL;
        sley__http_sockets_close(&client->sockets);
        return error;
    }
    configure_multi(client);
    list_init(&client->active);
    list_init(&client->dirty);
    list_init(&client->full);
    list_init(&client->round.link);
    client->round.run = take_turn;
    client->resident.close = close_client;
    sley__loop_enter(client->loop, &client->resident);
    return 0;
}

void sley__http_loop_open(struct sley__inbox_node *node)
{
    struct sley__request *request = container_of(node, struct sley__request, node);
    struct sley__http_opening *opening = container_of(request, struct sley__http_opening, request);

    sley__request_finish(request, open_client(opening->client));
}
