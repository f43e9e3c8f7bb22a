/*
 * http_client_pull.c: taking the body of an answer piece by piece or line by line.
 *
 * What has arrived is taken out of the transfer's buffer whole, in exchange for the one that was
 * used up (http_client.c), and handed out of there without another copy, but for sley_http_read(),
 * whose caller has a buffer of its own. A line may begin in one buffer and end in the next: then
 * its beginning moves to the front and what has come is put behind it, so that a line is always in
 * one piece; only what belongs to an unfinished line is moved.
 *
 * A line's end becomes the NUL that stands behind it; behind a whole buffer there is room for one.
 *
 * Only the calling task touches `taken`; the state of the transfer is looked at under its lock, by
 * the functions of http_client.c.
 */
#include "http_client_impl.h"

#include <stdio.h>
#include <string.h>

/* Takes what has arrived, behind what is left over: false: no memory. */
static bool take(struct sley_http_response *response)
{
    struct sley__http_buffer more = {0};
    bool added;

    if (!response->taken.size) {
        response->drained = sley__http_take(response, &response->taken);
        return true;
    }
    response->drained = sley__http_take(response, &more);
    added = !more.size || sley__http_buffer_add(&response->taken, more.data, more.size);
    sley__http_buffer_return(response->client, &more);
    return added;
}

/* Waits for more bytes behind those that have not been handed out: 1, 0 if there are no more, or an
 * error. What is left over begins the buffer then. */
static int refill(struct sley_http_response *response)
{
    struct sley__http_buffer *taken = &response->taken;
    size_t left = taken->size - response->taken_used;
    int error;

    if (response->taken_used && left)
        memmove(taken->data, taken->data + response->taken_used, left);
    taken->size = left;
    response->taken_used = 0;
    while (!response->drained) {
        error = sley__http_await(response);
        if (error)
            return error;
        if (!take(response))
            return SLEY_ENOMEM;
        if (taken->size > left)
            return 1;
    }
    return sley__http_settle(response);
}

static void hand_out(struct sley_http_response *response, size_t size,
                     struct sley_http_piece *piece)
{
    *piece = (struct sley_http_piece){response->taken.data + response->taken_used, size};
    response->taken_used += size;
}

int sley_http_next(struct sley_http_response *response, struct sley_http_piece *piece)
{
    int more = 1;

    if (!response->pulled)
        return SLEY_EINVAL;
    if (response->taken.size == response->taken_used)
        more = refill(response);
    if (more > 0)
        hand_out(response, response->taken.size - response->taken_used, piece);
    return more;
}

int sley_http_read(struct sley_http_response *response, void *buffer, size_t size)
{
    size_t left;
    int more = 1;

    if (!response->pulled)
        return SLEY_EINVAL;
    if (!size)
        return 0;
    if (response->taken.size == response->taken_used)
        more = refill(response);
    if (more <= 0)
        return more ? more : SLEY_EOF;
    left = response->taken.size - response->taken_used;
    if (size > left)
        size = left;
    memcpy(buffer, response->taken.data + response->taken_used, size);
    response->taken_used += size;
    return (int)size;
}

/* A line of `size` bytes and its end. */
static int hand_out_line(struct sley_http_response *response, size_t size,
                         struct sley_http_piece *line)
{
    size_t text = size;

    if (size > response->max_line) {
        snprintf(response->text, sizeof(response->text), "a line is longer than %zu bytes",
                 response->max_line);
        return SLEY_EMSGSIZE;
    }
    hand_out(response, size, line);
    if (text && line->data[text - 1] == '\r')
        text--;
    ((char *)(uintptr_t)line->data)[text] = '\0';
    line->size = text;
    return 1;
}

int sley_http_next_line(struct sley_http_response *response, struct sley_http_piece *line)
{
    size_t looked = 0;
    int more;

    if (!response->pulled)
        return SLEY_EINVAL;
    for (;;) {
        const char *start = response->taken.data + response->taken_used, *end = NULL;
        size_t left = response->taken.size - response->taken_used;

        if (left > looked)
            end = memchr(start + looked, '\n', left - looked);
        if (end || left > response->max_line + 1) {
            more = hand_out_line(response, end ? (size_t)(end - start) : left, line);
            response->taken_used += more > 0; /* the end itself */
            return more;
        }
        looked = left;
        more = refill(response);
        if (more < 0 || (more == 0 && !left))
            return more;
        if (more == 0)
            return hand_out_line(response, left, line);
    }
}

static int next_piece(void *response, void *piece)
{
    return sley_http_next(response, piece);
}

static int next_line(void *response, void *piece)
{
    return sley_http_next_line(response, piece);
}

struct sley_iterator sley_http_pieces(struct sley_http_response *response)
{
    return (struct sley_iterator){next_piece, response, sizeof(struct sley_http_piece)};
}

struct sley_iterator sley_http_lines(struct sley_http_response *response)
{
    return (struct sley_iterator){next_line, response, sizeof(struct sley_http_piece)};
}

const char *sley_http_response_error(const struct sley_http_response *response)
{
    return response->text;
}
