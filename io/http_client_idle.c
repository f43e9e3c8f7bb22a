/*
 * http_client_idle.c: the limit on how long a server may be silent. I/O thread only, all of it.
 *
 * The limit is ours: curl's "low speed" limit knows only whole seconds. A transfer notes when it
 * last heard something, which is an assignment; one timer per client looks after the earliest limit
 * that may have passed. Its scan is linear in the transfers that run, but it runs at most once per
 * limit.
 *
 * Silence counts from the moment when the request is on its way, and only while it is the server's
 * turn: not while bytes of the request still move, nor while the task holds the transfer up because
 * its sink or its source is busy.
 */
#include "http_client_impl.h"

static uint64_t idle_ms(const struct sley_http_response *response)
{
    return (uint64_t)response->idle_timeout / 1000000;
}

static void watch_idle(struct sley_http_client *client, uint64_t due)
{
    uint64_t now = uv_now(&client->loop->uv);

    if (due >= client->idle_due)
        return;
    client->idle_due = due;
    uv_timer_start(&client->idle_timer, sley__http_idle_timer, due > now ? due - now : 0, 0);
}

void sley__http_idle_begin(struct sley_http_response *response)
{
    response->started = true;
    response->last_heard = uv_now(&response->client->loop->uv);
    if (response->idle_timeout > 0)
        watch_idle(response->client, response->last_heard + idle_ms(response));
}

/* Whether something moved since the last look that on_body and on_header have not seen: the request
 * is still being sent, or its task holds it up, or did until now. */
static bool moves(struct sley_http_response *response)
{
    curl_off_t uploaded = 0;
    bool moved;

    curl_easy_getinfo(response->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    moved = uploaded != response->uploaded;
    response->uploaded = uploaded;
    sley__lock_acquire(&response->lock);
    moved |= response->paused || response->resuming || response->upload.held;
    sley__lock_release(&response->lock);
    return moved;
}

/* When its limit passes, or 0 if it has. */
static uint64_t idle_until(struct sley_http_response *response, uint64_t now)
{
    if (now < response->last_heard + idle_ms(response))
        return response->last_heard + idle_ms(response);
    if (!moves(response))
        return 0;
    response->last_heard = now;
    return now + idle_ms(response);
}

void sley__http_idle_timer(uv_timer_t *handle)
{
    struct sley_http_client *client = handle->data;
    uint64_t now = uv_now(&client->loop->uv), earliest = UINT64_MAX;
    struct list *next;

    client->idle_due = UINT64_MAX;
    for (struct list *link = client->active.next; link != &client->active; link = next) {
        struct sley_http_response *response =
            container_of(link, struct sley_http_response, active_link);
        uint64_t until;

        next = link->next;
        if (!response->started || response->idle_timeout <= 0)
            continue;
        until = idle_until(response, now);
        if (!until)
            sley__http_loop_end(response, SLEY__HTTP_IDLE, CURLE_OPERATION_TIMEDOUT);
        else if (until < earliest)
            earliest = until;
    }
    if (earliest != UINT64_MAX)
        watch_idle(client, earliest);
}
