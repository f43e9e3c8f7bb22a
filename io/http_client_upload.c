/*
 * http_client_upload.c: the body of a request that a source gives, on its way to curl.
 *
 * A source runs in the task, because it may park; curl asks for bytes on the I/O thread and cannot
 * wait. Between them are two buffers that change places: while curl takes from one the source fills
 * the other, so that each piece of 64 KiB costs one crossing in each direction, and none waits for
 * the other as long as both keep up. If curl finds nothing it is told to hold the request up; the
 * task that brings the next piece has it go on.
 *
 * The same task serves a sink or waits for the answer, so it is in the source or in the sink, never
 * in both; each buffer is bounded, and none of the two waits for the other.
 *
 * Sending twice. A redirect with 307 or 308 asks for the body once more, and so does a kept
 * connection that dies when the request is on its way. curl then says so by a seek, on the I/O
 * thread; what was buffered is dropped, and the task has the source begin again before it asks for
 * more. A source that cannot fails the request; it is never sent with half a body.
 */
#include "http_client_impl.h"

#include <stdlib.h>
#include <string.h>

#ifdef SLEY_HOSTILE
enum { PIECE = 1500 };
#else
enum { PIECE = 64 * 1024 }; /* what a source is asked for at once; curl's own send buffer */
#endif

void sley__http_upload_clear(struct sley__http_upload *upload)
{
    free(upload->next.data);
    free(upload->ready.data);
    *upload = (struct sley__http_upload){0};
}

bool sley__http_upload_waits(const struct sley_http_response *response)
{
    const struct sley__http_upload *upload = &response->upload;

    return upload->source && !response->done &&
           (upload->again || (upload->wanted && !upload->ended));
}

/* Has the source begin again if curl does. */
static int begin_again(struct sley_http_response *response)
{
    struct sley__http_upload *upload = &response->upload;
    bool again;
    int error;

    sley__lock_acquire(&response->lock);
    again = upload->again;
    upload->again = false;
    sley__lock_release(&response->lock);
    if (!again)
        return 0;
    upload->given = 0;
    error = upload->rewind(upload->arg);
    return error < 0 ? error : 0;
}

/* Asks the source for the next piece: how many bytes are in `next`. */
static int ask(struct sley__http_upload *upload)
{
    uint64_t room = PIECE;
    int size;

    if (upload->size && upload->size - upload->given < room)
        room = upload->size - upload->given;
    if (!room)
        return 0;
    if (!sley__http_buffer_reserve(&upload->next, PIECE))
        return SLEY_ENOMEM;
    size = upload->source(upload->next.data, (size_t)room, upload->arg);
    if (size < 0)
        return size;
    if ((uint64_t)size > room || (size == 0 && upload->size))
        return SLEY_EINVAL; /* more or less than it said */
    upload->next.size = (size_t)size;
    upload->given += (uint64_t)size;
    return size;
}

/* Gives curl what the source gave, unless curl has begun anew meanwhile. */
static void hand_over(struct sley_http_response *response, int size)
{
    struct sley__http_upload *upload = &response->upload;
    bool resume = false;

    sley__lock_acquire(&response->lock);
    if (!upload->again) {
        struct sley__http_buffer empty = upload->ready;

        upload->ready = upload->next;
        upload->next = empty;
        upload->next.size = upload->taken = 0;
        upload->ended = !size || (upload->size && upload->given == upload->size);
        upload->wanted = false;
        if (upload->held) {
            upload->held = false;
            resume = sley__http_resume(response);
        }
    }
    sley__lock_release(&response->lock);
    if (resume)
        sley__http_submit_resume(response);
}

int sley__http_upload_feed(struct sley_http_response *response)
{
    int size, error = begin_again(response);

    if (error)
        return error;
    size = ask(&response->upload);
    if (size < 0)
        return size;
    hand_over(response, size);
    return 0;
}

/* Under the lock, or when the loop does not look. */
static void forget(struct sley__http_upload *upload)
{
    upload->ready.size = upload->taken = 0;
    upload->ended = upload->held = upload->used = false;
    upload->wanted = upload->again = true;
}

int sley__http_upload_restart(struct sley_http_response *response)
{
    struct sley__http_upload *upload = &response->upload;

    upload->held = false;
    if (!upload->source || !upload->used)
        return 0;
    if (!upload->rewind)
        return SLEY_EPROTO;
    forget(upload);
    return 0;
}

/* --- I/O thread ------------------------------------------------------------------------------ */

size_t sley__http_on_read(char *data, size_t one UNUSED, size_t room, void *arg)
{
    struct sley_http_response *response = arg;
    struct sley__http_upload *upload = &response->upload;
    bool tell = false, hold = false;
    size_t size;

    sley__lock_acquire(&response->lock);
    size = upload->ready.size - upload->taken;
    if (size > room)
        size = room;
    if (size) {
        memcpy(data, upload->ready.data + upload->taken, size);
        upload->taken += size;
        upload->used = true;
    }
    if (upload->taken == upload->ready.size && !upload->ended) {
        tell = upload->wanted = true;
        hold = upload->held = size == 0;
    }
    sley__lock_release(&response->lock);
    if (tell)
        sley__http_loop_tell(response);
    return hold ? CURL_READFUNC_PAUSE : size;
}

int sley__http_on_seek(void *arg, curl_off_t offset, int origin)
{
    struct sley_http_response *response = arg;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    if (!response->upload.rewind) {
        response->end = SLEY__HTTP_NO_REWIND;
        return CURL_SEEKFUNC_FAIL;
    }
    sley__lock_acquire(&response->lock);
    forget(&response->upload);
    sley__lock_release(&response->lock);
    sley__http_loop_tell(response);
    return CURL_SEEKFUNC_OK;
}
